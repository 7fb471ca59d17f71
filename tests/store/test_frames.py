"""Sessions, and small tables in them: what a stage may read and write, and where."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics import store, tables
from analytics.store import frames

START = pd.Timestamp("2026-03-01T00:00Z")


def outages(n_failed=1):
    return pd.DataFrame(
        {
            "service": ["b", "a"],
            "region": "é",
            "start": START,
            "end": [pd.NaT, START + pd.Timedelta("1min")],
            "n_failed": n_failed,
            "unmeasured_s": 0.0,
            "is_confirmed": True,
            "excluded_reason": [None, "prober"],
        }
    )


def test_a_table_comes_back_sorted_and_typed(project):
    store.save(outages(), "outages")
    found = store.load("outages")
    assert found["service"].tolist() == ["a", "b"]
    assert found["start"].dtype == "datetime64[ms, UTC]"
    assert found["n_failed"].dtype == np.int64
    assert found["excluded_reason"].isna().tolist() == [False, True]
    pd.testing.assert_frame_equal(store.load("outages", service="b"), found[found["service"] == "b"].reset_index(drop=True))


def test_the_same_rows_give_the_same_bytes(project):
    path = project / "out" / "data" / "tables" / "outages.parquet"
    store.save(outages(), "outages")
    first = path.read_bytes()
    store.save(outages().iloc[::-1].astype({"service": "category"}), "outages")
    assert path.read_bytes() == first


def test_a_wrong_frame_leaves_the_stored_one(project):
    store.save(outages(), "outages")
    with pytest.raises(ValueError, match="lacks end"):
        store.save(outages().drop(columns="end"), "outages")
    assert len(store.load("outages")) == 2


def test_a_stage_may_write_only_its_tables(project):
    store.begin("slo")
    with pytest.raises(ValueError, match="stage 'slo' may not write table 'outages': its producer is 'ingest'"):
        store.save(outages(), "outages")


def test_a_stage_may_read_only_what_it_declares(project):
    store.save(outages(), "outages")
    store.begin("slo")
    assert len(store.load("outages")) == 2
    with pytest.raises(ValueError, match="stage 'slo' does not declare that it reads table 'quality_flags'; add it to its `reads`"):
        store.load("quality_flags")


def test_a_table_of_an_older_code_without_a_column_is_refused_with_the_remedy(project):
    store.save(outages(), "outages")
    path = project / "out" / "data" / "tables" / "outages.parquet"
    content = pq.read_table(path)
    described = {"analytics_table": "outages", "analytics_format": "1"}
    pq.write_table(content.drop_columns(["n_failed"]).replace_schema_metadata(described), path)
    with pytest.raises(ValueError, match="has no column n_failed; run the stage that writes it again: analytics run ingest"):
        store.load("outages")


def test_without_a_stage_everything_may_be_read(project):
    with pytest.raises(FileNotFoundError, match="table 'quality_flags' has not been written yet; run `analytics run ingest`"):
        store.load("quality_flags")


def test_a_wrong_name_names_the_nearest(project):
    with pytest.raises(ValueError, match="table 'outage' does not exist; did you mean 'outages'"):
        store.load("outage")
    with pytest.raises(ValueError, match="stage 'ingets' does not exist; did you mean 'ingest'"):
        store.begin("ingets")


def test_beginning_gives_the_parameters_with_overrides(project):
    stage, whole = store.begin("ingest", overrides={"step_s": 600})
    assert (stage.step_s, whole.workers) == (600, 2)
    with pytest.raises(ValueError, match="'stepp_s' is not a parameter; did you mean 'step_s'"):
        store.begin("ingest", overrides={"stepp_s": 600})


def test_a_draft_is_written_beside_and_read_before_what_is_published(project, monkeypatch):
    monkeypatch.setenv("ANALYTICS_OUT", str(project))
    store.save(outages(1), "outages")
    monkeypatch.delenv("ANALYTICS_OUT")
    assert store.load("outages")["n_failed"].tolist() == [1, 1]
    store.save(outages(2), "outages")
    assert store.load("outages")["n_failed"].tolist() == [2, 2]
    assert (project / "data" / "draft" / "tables" / "outages.parquet").is_file()
    monkeypatch.setenv("ANALYTICS_OUT", str(project / "staging"))
    assert store.load("outages")["n_failed"].tolist() == [1, 1]


def test_a_staged_table_is_read_before_the_published_one(project, monkeypatch):
    monkeypatch.setenv("ANALYTICS_OUT", str(project))
    store.save(outages(1), "outages")
    monkeypatch.setenv("ANALYTICS_OUT", str(project / "staging"))
    store.save(outages(3), "outages")
    assert (project / "staging" / "data" / "tables" / "outages.parquet").is_file()
    assert store.load("outages")["n_failed"].tolist() == [3, 3]
    monkeypatch.setenv("ANALYTICS_OUT", str(project / "other"))
    assert store.load("outages")["n_failed"].tolist() == [1, 1]


def test_the_root_is_the_nearest_folder_with_parameters(project, monkeypatch, tmp_path):
    monkeypatch.delenv("ANALYTICS_ROOT")
    inner = project / "notebooks" / "deep"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert store.root() == project
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no params\.yaml in .* or above it; change to a project's folder or set ANALYTICS_ROOT"):
        store.root()


def place(project, name="outages"):
    path = project / "out" / "data" / "tables" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize("content", [b"", b"PAR1", b"service,region\na,b\n", None])
def test_a_half_written_table_names_file_and_remedy(project, content):
    store.save(outages(), "outages")
    path = place(project)
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    with pytest.raises(ValueError, match=r"outages\.parquet is not a whole Parquet file .*; restore it with `dvc checkout`, or delete it"):
        store.load("outages")


def test_a_foreign_table_names_file_and_remedy(project):
    pq.write_table(pa.table({"service": ["a"]}), place(project))
    with pytest.raises(ValueError, match=r"outages\.parquet was not written by this project .*; run the stage 'ingest' again"):
        store.load("outages")


def test_a_table_of_a_later_format_asks_for_newer_code(project, monkeypatch):
    table = tables.TABLES["outages"]
    with monkeypatch.context() as patch:
        patch.setitem(tables.TABLES, "outages", tables.Table(table.name, table.producer, "", table.key, table.columns, version=9))
        store.save(outages(), "outages")
    with pytest.raises(ValueError, match="has format 9, this code reads up to 1; update the code"):
        store.load("outages")


def test_writing_is_whole_or_not_at_all(project, monkeypatch):
    store.save(outages(1), "outages")

    def killed(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            store.save(outages(2), "outages")
    assert store.load("outages")["n_failed"].tolist() == [1, 1]
    assert [path.name for path in place(project).parent.iterdir()] == ["outages.parquet"]


def test_now_is_the_end_of_the_shortest_step_of_the_newest_value_unless_given(project):
    series = pd.DataFrame(
        {
            "series_id": ["1", "2"], "service": "a", "region": "r", "signal": ["x", "y"], "unit": "1",
            "step_s": [300, 86400], "origin": "check",
            "first": START, "last": [START + pd.Timedelta("2h"), START], "n": 1, "missing_share": 0.0, "block": 0,
        }
    )  # fmt: skip
    store.save(series, "series")
    assert store.now() == START + pd.Timedelta("2h5min")
    store.save(series.assign(last=START), "series")
    assert store.now() == START + pd.Timedelta("5min")
    store.save(series.tail(1), "series")
    assert store.now() == START + pd.Timedelta("1D")
    assert store.now("2026-05-01T02:00+02:00") == pd.Timestamp("2026-05-01T00:00Z")
    with pytest.raises(ValueError, match="now: '2026-05-01' has no zone; write it with one"):
        store.now("2026-05-01")
    store.save(series.head(0), "series")
    with pytest.raises(ValueError, match="table 'series' is empty: there is no newest time"):
        store.now()


def test_formats_of_all_tables_can_be_read():
    assert {table.version for table in tables.TABLES.values()} == {1}
    assert frames.load is store.load


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("servce,owner\na,b\n", "column 'servce' is unknown; did you mean 'service'"),
        ("owner\nb\n", "has no column 'service'"),
        ("service,role\na,servant\n", "line 2, column 'role': 'servant' is none of service, data_store"),
        ("service,objective\na,0.9\nb,99.9\n", "line 3, column 'objective': 99.9 is not between 0 and 1; objectives are fractions"),
        ("service,objective\na,high\n", "line 2, column 'objective': 'high' is not a number"),
        ("service,latency_objective_ms\na,nan\n", "line 2, column 'latency_objective_ms': nan is not a positive number"),
        ("service\na\na\n", "line 3: service 'a' is there twice"),
        ("service,owner\n,x\n", "line 2: service '' is empty"),
        ("service,owner\na,b,c\n", "line 2: 3 values, but 2 columns"),
    ],
)
def test_a_wrong_file_of_services_is_refused_with_line_and_remedy(project, text, message):
    (project / "data").mkdir()
    (project / "data" / "services.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as failure:  # noqa: PT011  the message is compared below
        store.declared_services()
    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("text", "names"), [(None, []), ("", []), ("service,owner\n", []), ("\ufeffservice,objective\n Zürich ,0.99\n\nb,\n", ["Zürich", "b"])]
)
def test_a_right_file_of_services_is_read(project, text, names):
    (project / "data").mkdir()
    if text is not None:
        (project / "data" / "services.csv").write_text(text, encoding="utf-8")
    assert store.declared_services()["service"].tolist() == names
