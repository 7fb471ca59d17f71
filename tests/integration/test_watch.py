"""`analytics watch` between real servers: a Prometheus is asked, what has broken reaches Alertmanager and the webhook behind it, once."""

import json

import pandas as pd
import pytest

from analytics import params, watch
from tests.watched import CUT, ROWS, chain

from . import receivers, servers

pytestmark = pytest.mark.server


def openmetrics():
    """The checks as an exporter of probes gives them."""
    lines = []
    for metric, of in (("probe_success", lambda row: float(row.up)), ("probe_duration_seconds", lambda row: row.latency_ms / 1000)):
        lines.append(f"# TYPE {metric} gauge")
        for service, rows in ROWS.groupby("service"):
            timed = rows.assign(latency_ms=rows["latency_ms"].fillna(0.3), at=rows["time"].astype("datetime64[s, UTC]").astype("int64"))
            lines += [f'{metric}{{instance="{service}",job="blackbox"}} {of(row)!r} {row.at}' for row in timed.itertuples()]
    return "\n".join(lines) + "\n"


def test_what_breaks_reaches_people_through_alertmanager(project, tmp_path):
    with (
        servers.prometheus_with(tmp_path, openmetrics()) as prometheus,
        receivers.web() as hook,
        servers.alertmanager(tmp_path, receiver=hook.url) as manager,
    ):
        source = {"kind": "prometheus", "url": prometheus}
        chosen = params.Params(
            project={"zone": "UTC", "workers": 1},
            sources={"probes": source},
            delivery={"channels": {"pager": {"kind": "alertmanager", "url": manager}}},
        )
        (project / "params.yaml").write_text(params.dump(chosen), encoding="utf-8")
        watch.collect("probes", source, root=project, now=CUT)
        chain()

        def look(minutes):
            seen = watch.watch(project, clock=CUT + pd.Timedelta(minutes=minutes))
            assert seen.problems == []

        def passed_on():
            return [(one["status"], one["labels"]["service"]) for got in hook.got for one in json.loads(got.body)["alerts"]]

        look(5)
        look(10)
        look(10)
        receivers.until(lambda: passed_on() == [("firing", "web")])
        look(90)
        receivers.until(lambda: ("resolved", "web") in passed_on())
        assert {service for _, service in passed_on()} == {"web"}
