"""Events, dependencies, services and regions as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analytics import store, tables
from analytics.sources import SourceError, open_source
from analytics.sources.collect import collect

from .conftest import NOW


def read(root: Path, text: str, name: str = "events.csv", **options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    (root / name).write_text(text, encoding="utf-8")
    source = open_source("plan", {"kind": "events", "path": name, **options}, root=root)
    (batch,) = source.fetch(None, NOW)
    assert batch.rows.schema.equals(tables.schema(tables.RAW[batch.kind]))
    return batch.rows.to_pylist(), batch.rejected.to_pylist()


CSV = "start,end,kind,service,title\n2026-03-01T10:00Z,2026-03-01T12:00Z,maintenance,web,New disks\n2026-03-02T10:00Z,,deploy,,Release 7\n"
YAML = """
events:
  - {start: 2026-03-01T10:00:00Z, end: 2026-03-01T12:00:00Z, kind: maintenance, service: web, title: New disks}
  - {start: 2026-03-02T10:00:00Z, kind: deploy, title: Release 7}
"""


def test_csv_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    from_csv = read(tmp_path, CSV)
    assert read(tmp_path, YAML, "events.yaml") == from_csv
    assert [(row["kind"], row["service"], row["title"], row["source"]) for row in from_csv[0]] == [
        ("maintenance", "web", "New disks", "plan"),
        ("deploy", None, "Release 7", "plan"),
    ]
    assert from_csv[0][0]["end"] == pd.Timestamp("2026-03-01T12:00Z")


def test_id_of_an_event_depends_on_what_it_is_alone(tmp_path: Path) -> None:
    ids = {row["title"]: row["event_id"] for row in read(tmp_path, CSV)[0]}
    header, *rows = CSV.splitlines(keepends=True)
    assert {row["title"]: row["event_id"] for row in read(tmp_path, header + "".join(rows[::-1]))[0]} == ids
    assert {row["title"]: row["event_id"] for row in read(tmp_path, CSV.replace("02T10:00Z,,", "02T10:00Z,2026-03-02T11:00Z,"))[0]} == ids


def test_misspelt_kind_is_refused_with_the_nearest(tmp_path: Path) -> None:
    rows, rejected = read(tmp_path, CSV + "2026-03-03T10:00Z,,maintainance,web,x\n")
    assert len(rows) == 2
    assert (rejected[0]["place"], rejected[0]["reason"]) == ("events.csv:4", "kind 'maintainance' is unknown; did you mean 'maintenance'?")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-03-03T10:00Z,2026-03-03T09:00Z,deploy,,x", "end lies before start"),
        ("tomorrow,,deploy,,x", "time 'tomorrow' is not understood"),
        (",,deploy,,x", "start is missing"),
        ("2026-03-02T10:00Z,,deploy,,Release 7", "repeats event_id of events.csv:3"),
    ],
)
def test_bad_event_is_refused_with_the_reason(tmp_path: Path, row: str, reason: str) -> None:
    rows, rejected = read(tmp_path, CSV + row + "\n")
    assert len(rows) == 2
    assert reason in rejected[0]["reason"]


def test_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="column 'servce' is unknown; did you mean 'service'"):
        read(tmp_path, CSV.replace("service", "servce"))


def test_events_without_zone_stop_the_run(tmp_path: Path) -> None:
    text = CSV.replace("Z", "")
    with pytest.raises(SourceError, match="times have no zone"):
        read(tmp_path, text)
    assert read(tmp_path, text, timezone="Europe/Zurich")[0][0]["start"] == pd.Timestamp("2026-03-01T09:00Z")


def test_dependencies_as_edges_or_as_lists(tmp_path: Path) -> None:
    edges = read(tmp_path, "caller,callee\nweb,api\nweb,db\n", "d.csv", holds="dependencies")
    assert [(row["caller"], row["callee"], row["origin"]) for row in edges[0]] == [("web", "api", "declared"), ("web", "db", "declared")]
    assert read(tmp_path, "web: [api, db]\n", "d.yaml", holds="dependencies") == edges
    assert (
        read(tmp_path, '[{"source": "web", "target": "api"}, {"source": "web", "target": "db"}]', "d.json", holds="dependencies") == edges
    )


def test_services_have_a_role_and_a_number_for_a_promise(tmp_path: Path) -> None:
    rows, rejected = read(
        tmp_path, "- {service: web, objective: 0.999, tags: [shop, public]}\n- {service: db, role: database}\n", "s.yaml", holds="services"
    )
    assert [(row["service"], row["role"], row["objective"], row["tags"]) for row in rows] == [("web", "service", 0.999, "shop public")]
    assert "role 'database' is unknown" in rejected[0]["reason"]


def test_file_of_another_shape_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a list of events, each with start, kind; got str"):
        read(tmp_path, "nothing here", "e.yaml")


def test_collected_events_replace_the_table_and_a_second_run_adds_nothing(project: Path) -> None:
    (project / "events.csv").write_text(CSV)
    options = {"kind": "events", "path": "events.csv"}
    assert collect("plan", options, root=project, now=NOW).sentence == "plan: 2 new events"
    assert collect("plan", options, root=project, now=NOW).sentence == "plan: nothing new"
    assert len(store.read_raw_table("plan", "events")) == 2
