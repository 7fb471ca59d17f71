"""The source `prometheus` against a server that misbehaves, and samples to rows."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest

from analytics.sources import Batch, SourceError
from analytics.sources.promanswers import Sampled, parse_export, parse_matrix
from analytics.sources.promapi import BACKOFF_S
from analytics.sources.prometheus import Prometheus
from analytics.sources.promrows import Labelling, checks_of, metrics_of
from analytics.sources.uptime_metrics import PRESETS, Extra

START = pd.Timestamp("2026-03-01T00:00Z")
END = pd.Timestamp("2026-03-01T06:00Z")
Answer = Callable[[str, dict[str, str]], tuple[int, str, str]]


def matrix(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> str:
    result = [{"metric": labels, "values": [list(sample) for sample in samples]} for labels, samples in series]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}, separators=(",", ":"))


def success(data: Any) -> tuple[int, str, str]:
    return 200, "application/json", json.dumps({"status": "success", "data": data})


UP = ({"__name__": "probe_success", "instance": "web"}, [(START.timestamp() + 60.5 * n, "1") for n in range(3)])


def good(path: str, query: dict[str, str]) -> tuple[int, str, str]:
    if path == "/api/v1/label/__name__/values":
        return success(["up", "probe_success", "probe_duration_seconds"])
    if path == "/api/v1/series":
        return success([UP[0]])
    if path == "/api/v1/query" and "[" in query["query"]:
        return 200, "application/json", matrix(UP)
    if path == "/api/v1/query":
        return success({"resultType": "vector", "result": []})
    return 404, "text/plain", "404 page not found"


class Fake:
    """An HTTP server whose answers a test decides; `asked` holds the requests."""

    def __init__(self) -> None:
        self.answer: Answer = good
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.slept: list[float] = []
        self.more_headers: dict[str, str] = {}
        self.drips = False
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                fake.asked.append((parts.path, query))
                fake.headers.append(dict(self.headers))
                status, kind, body = fake.answer(parts.path, query)
                if status == 0:
                    fake.released.wait(20)
                    return
                self.send_response(status)
                self.send_header("Content-Type", kind)
                for name, value in fake.more_headers.items():
                    self.send_header(name, value)
                if fake.drips:
                    self.end_headers()
                    while not fake.released.wait(0.02):
                        self.wfile.write(b" ")
                    return
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None: ...

        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def source(self, **options: Any) -> Prometheus:
        return Prometheus("mine", {"url": self.url, **options}, root=Path(), sleep=self.slept.append)

    def fetch(self, start: pd.Timestamp | None = START, **options: Any) -> list[Batch]:
        return list(self.source(**options).fetch(start, END))

    def windows(self) -> list[str]:
        return [query["query"] for path, query in self.asked if path == "/api/v1/query" and "[" in query["query"]]


@pytest.fixture
def fake() -> Iterator[Fake]:
    server = Fake()
    yield server
    server.released.set()
    server.server.shutdown()
    server.server.server_close()
    server.thread.join()


def test_good_server_gives_checks(fake: Fake) -> None:
    (batch,) = fake.fetch()
    assert [row["state"] for row in batch.rows.to_pylist()] == ["up"] * 3
    assert batch.rows.to_pylist()[1]["time"] == START + pd.Timedelta("60.5s")
    assert fake.slept == []


def test_server_that_fails_and_recovers_is_asked_again(fake: Fake) -> None:
    failures = iter([(500, "text/plain", "overloaded"), (503, "application/json", '{"status":"error","error":"starting"}')])
    fake.answer = lambda path, query: next(failures, None) or good(path, query)
    assert sum(len(batch.rows) for batch in fake.fetch()) == 3
    assert fake.slept == list(BACKOFF_S[:2])


def test_server_that_goes_on_failing_is_given_up_with_its_own_words(fake: Fake) -> None:
    fake.answer = lambda path, query: (500, "text/plain", "disk full")
    with pytest.raises(SourceError, match="did not answer after 4 attempts: HTTP 500 disk full; is the server running"):
        fake.fetch()
    assert fake.slept == list(BACKOFF_S)


def test_server_that_hangs_is_given_up(fake: Fake) -> None:
    fake.answer = lambda path, query: (0, "", "")
    with pytest.raises(SourceError, match=r"no answer within 0\.1 s"):
        fake.fetch(timeout_s=0.1)


def test_server_that_drips_is_given_up(fake: Fake) -> None:
    fake.drips = True
    with pytest.raises(SourceError, match=r"after 4 attempts: no answer within 0\.1 s"):
        fake.fetch(timeout_s=0.1)


@pytest.mark.parametrize("status", [408, 429, 503])
def test_server_that_is_asked_too_often_is_left_alone_as_long_as_it_wants(fake: Fake, status: int) -> None:
    refusals = iter([(status, "text/plain", "Too Many Requests" if status != 503 else "busy")] * 2)
    fake.more_headers = {"Retry-After": "7"}
    fake.answer = lambda path, query: next(refusals, None) or good(path, query)
    assert sum(len(batch.rows) for batch in fake.fetch()) == 3
    assert fake.slept == [7.0, 7.0]
    assert fake.windows() == [query for query in fake.windows() if "21600000ms" in query]


def test_server_that_wants_to_be_left_alone_for_an_hour_is_given_up(fake: Fake) -> None:
    fake.more_headers = {"Retry-After": "3600"}
    fake.answer = lambda path, query: (429, "text/html", "<html>slow down</html>")
    with pytest.raises(SourceError, match="after 1 attempt: HTTP 429"):
        fake.fetch()
    assert fake.slept == []


TWO = matrix(UP, ({"__name__": "probe_success", "instance": "api"}, UP[1]))


@pytest.mark.parametrize("end", [TWO.index("]]") + 2, TWO.index("]]") + 3, len(TWO) // 2, len(TWO) - 1, 0])
def test_answer_that_was_cut_off_is_asked_for_again(fake: Fake, end: int) -> None:
    bodies = iter([TWO[:end], TWO])
    fake.answer = lambda path, query: (
        (200, "application/json", next(bodies, matrix())) if "[" in query.get("query", "") else good(path, query)
    )
    assert [len(batch.rows) for batch in fake.fetch()] == [6]
    assert fake.slept == [BACKOFF_S[0]]


@pytest.mark.parametrize("said", [{"isPartial": True}, {"warnings": ["store 10.0.0.7 is unavailable"]}])
def test_partial_answer_is_no_answer(fake: Fake, said: dict[str, Any]) -> None:
    fake.answer = lambda path, query: (
        (200, "application/json", json.dumps({**json.loads(matrix(UP)), **said})) if "[" in query.get("query", "") else good(path, query)
    )
    with pytest.raises(SourceError, match="after 4 attempts: the answer is partial: "):
        fake.fetch()


def test_server_is_asked_to_give_no_partial_answer(fake: Fake) -> None:
    fake.fetch()
    assert {(query.get("partial_response"), query.get("deny_partial_response")) for _, query in fake.asked} == {("false", "1")}


def test_other_warnings_of_the_server_are_told(fake: Fake) -> None:
    body = json.dumps({**json.loads(matrix(UP)), "warnings": ["PromQL warning: odd"]})
    fake.answer = lambda path, query: (200, "application/json", body) if "[" in query.get("query", "") else good(path, query)
    source, told = fake.source(), list[str]()
    source.progress = told.append
    assert len(list(source.fetch(START, END))) == 1
    assert f"{fake.url} warns: PromQL warning: odd" in told


@pytest.mark.parametrize(
    ("at", "data"),
    [
        ("values", None),
        ("series", {"a": 1}),
        ("series", ["a"]),
        ("quantile", {"resultType": "vector", "result": [{}]}),
        ("quantile", None),
        ("[", {"resultType": "matrix", "result": None}),
        ("[", {"resultType": "matrix", "result": [{"metric": {"instance": "web"}, "values": [[1772323260, "1"]]}]}),
        ("[", {"resultType": "matrix", "result": [{"metric": UP[0], "values": [[1772323260, "0x1p3"]]}]}),
        ("[", {"resultType": "matrix", "result": [{"metric": UP[0], "values": [[1772323260]]}]}),
    ],
)
def test_answer_of_another_shape_is_explained(fake: Fake, at: str, data: Any) -> None:
    fake.answer = lambda path, query: success(data) if at in path or at in query.get("query", "") else good(path, query)
    with pytest.raises(SourceError, match=r"expected|the server gave series|no time and number"):
        fake.source().discover() if at in ("quantile", "series") else fake.fetch()


def test_scalar_median_is_read(fake: Fake) -> None:
    scalar = success({"resultType": "scalar", "result": [1, "0.25"]})
    fake.answer = lambda path, query: scalar if "quantile" in query.get("query", "") else good(path, query)
    assert "median now 0.25 s" in fake.source().discover().says[0]


def test_server_that_refuses_the_connection_is_explained() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            SourceError, match=rf"{url} did not answer after 4 attempts: .*refused.*is the server running, and is the url right"
        ):
            Prometheus("mine", {"url": url}, root=Path(), sleep=lambda _: None).discover()


def test_web_page_is_explained(fake: Fake) -> None:
    fake.answer = lambda path, query: (200, "text/html; charset=utf-8", "<html>Login</html>")
    with pytest.raises(SourceError, match="answered text/html with HTTP 200, not Prometheus: is the url right"):
        fake.fetch()
    assert fake.slept == []


@pytest.mark.parametrize("body", ["all well", "[1, 2]", '{"ok": true}'])
def test_answer_of_something_else_is_explained(fake: Fake, body: str) -> None:
    fake.answer = lambda path, query: (200, "application/json", body)
    with pytest.raises(SourceError, match=r"is the url (right|that of Prometheus)"):
        fake.fetch()


def test_refused_query_gives_the_servers_words_and_is_not_repeated(fake: Fake) -> None:
    fake.answer = lambda path, query: (
        (400, "application/json", '{"status":"error","errorType":"bad_data","error":"parse error: unexpected {"}')
        if path == "/api/v1/query"
        else good(path, query)
    )
    with pytest.raises(SourceError, match=r"the server refuses the query: parse error: unexpected \{"):
        fake.fetch()
    assert fake.slept == []


def test_denied_access_names_the_options(fake: Fake) -> None:
    fake.answer = lambda path, query: (401, "text/plain", "no")
    with pytest.raises(SourceError, match="HTTP 401, access denied; set token_env"):
        fake.fetch()


def test_nothing_found_names_the_metrics_seen(fake: Fake) -> None:
    fake.answer = lambda path, query: success(["probe_succes", "up"]) if path.endswith("values") else good(path, query)
    with pytest.raises(SourceError, match=r"no series matched probe_success; metrics seen: probe_succes"):
        fake.fetch(preset="blackbox")


def test_matchers_that_match_nothing_are_said(fake: Fake) -> None:
    fake.answer = lambda path, query: success([]) if path == "/api/v1/series" else good(path, query)
    with pytest.raises(SourceError, match=r'no series matched probe_success\{job="x"\}; metrics seen: '):
        fake.source(match='job="x"').discover()


def test_too_many_points_halve_the_window(fake: Fake) -> None:
    def answer(path: str, query: dict[str, str]) -> tuple[int, str, str]:
        if path == "/api/v1/query" and "[" in query["query"] and int(query["query"].split("[")[1].removesuffix("ms]")) > 3_600_000:
            return (
                422,
                "application/json",
                '{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}',
            )
        return good(path, query)

    fake.answer = answer
    assert sum(len(batch.rows) for batch in fake.fetch()) == 3
    widths = [int(query.split("[")[1].removesuffix("ms]")) // 1000 for query in fake.windows()]
    assert widths[:4] == [21600, 10800, 5400, 2700]
    assert sum(widths[3:]) == 21600


def test_even_the_smallest_window_too_much_is_an_error(fake: Fake) -> None:
    fake.answer = lambda path, query: (
        (422, "application/json", '{"status":"error","error":"too many samples"}') if "[" in query.get("query", "") else good(path, query)
    )
    with pytest.raises(SourceError, match=r"too many samples; even .* s are too much: ask for fewer series by `match`"):
        fake.fetch()


def test_secrets_come_from_the_environment_alone(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="environment variable MY_TOKEN is not set"):
        fake.fetch(token_env="MY_TOKEN")
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    fake.fetch(token_env="MY_TOKEN", headers={"X-Scope-OrgID": "team"})
    assert fake.headers[-1]["Authorization"] == "Bearer s3cret"
    assert fake.headers[-1]["X-Scope-OrgID"] == "team"
    with pytest.raises(SourceError, match="user_env and password_env go together"):
        fake.fetch(user_env="USER")


def test_proxy_of_the_environment_is_not_asked_for_this_machine(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:9")
    assert len(fake.fetch()) == 1


def test_first_sample_is_looked_for_in_the_index(fake: Fake) -> None:
    first = pd.Timestamp("2026-02-27T13:00Z").timestamp()
    fake.answer = lambda path, query: (
        success([UP[0]] if "end" not in query or float(query["end"]) >= first else []) if path == "/api/v1/series" else good(path, query)
    )
    fake.fetch(start=None)
    first_window = next(query for path, query in fake.asked if "[" in query.get("query", ""))
    assert float(first_window["time"]) == pytest.approx(pd.Timestamp("2026-02-27T06:00Z").timestamp(), abs=0.01)


def test_metric_that_was_not_asked_for_before_is_read_from_its_beginning(fake: Fake) -> None:
    first = pd.Timestamp("2026-02-27T13:00Z").timestamp()
    fake.answer = lambda path, query: (
        success([UP[0]] if "end" not in query or float(query["end"]) >= first else []) if path == "/api/v1/series" else good(path, query)
    )
    before = {"old": {"query": "probe_success", "unit": "fraction"}}
    source = fake.source(preset="none", metrics={**before, "new": {"query": "probe_success", "unit": "fraction"}})
    source.resume(fake.source(preset="none", metrics=before).state())
    assert len(list(source.fetch(START, END))) == 2
    asked = [query for path, query in fake.asked if path == "/api/v1/query" and "[" in query["query"]]
    begins = [float(query["time"]) - int(query["query"].split("[")[1].removesuffix("ms]")) / 1000 for query in asked[:2]]
    assert [pd.Timestamp(round(begin), unit="s", tz="UTC") for begin in begins] == [START, pd.Timestamp("2026-02-27T00:00Z")]


def test_misspelt_option_names_the_nearest() -> None:
    with pytest.raises(SourceError, match="'presett' is not a parameter; did you mean 'preset'"):
        Prometheus("mine", {"url": "http://localhost:9090", "presett": "kuma"}, root=Path())
    with pytest.raises(SourceError, match="url 'localhost:9090' is no web address"):
        Prometheus("mine", {"url": "localhost:9090"}, root=Path())


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_answer_is_read_the_same_however_it_is_written(separators: tuple[str, str]) -> None:
    text = json.dumps(
        json.loads(
            matrix(
                ({"__name__": "a", "x": 'odd "values":[[ ]] name'}, [(1.5, "0.25"), (2, "NaN")]), ({"__name__": "b"}, [(3.001, "1e-05")])
            )
        ),
        separators=separators,
    )
    one, two = parse_matrix(text.encode(), "here")
    assert one.labels["x"] == 'odd "values":[[ ]] name'
    np.testing.assert_array_equal(one.times, [1500, 2000])
    np.testing.assert_array_equal(one.values, [0.25, np.nan])
    assert (two.times.tolist(), two.values.tolist()) == ([3001], [1e-05])


def test_values_may_stand_before_their_labels() -> None:
    text = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[1, "2"]], "metric": {"a": "b"}}]}})
    (one,) = parse_matrix(text.replace(" ", "").encode(), "here")
    assert (one.labels, one.times.tolist(), one.values.tolist()) == ({"a": "b"}, [1000], [2.0])


def test_infinite_values_are_read() -> None:
    (one,) = parse_matrix(matrix(({"__name__": "a"}, [(1, "+Inf"), (2, "-Inf")])).encode(), "here")
    assert one.values.tolist() == [np.inf, -np.inf]


def test_answer_without_series_is_empty_and_a_cut_one_an_error() -> None:
    assert parse_matrix(matrix().encode(), "here") == []
    with pytest.raises(SourceError, match="cut off"):
        parse_matrix(matrix(UP).encode()[:-40], "here")


def test_export_that_was_cut_off_is_an_error() -> None:
    line = b'{"metric":{"__name__":"a"},"values":[1],"timestamps":[1000]}\n'
    with pytest.raises(SourceError, match="cut off"):
        parse_export(line + line[:-9], "here")
    with pytest.raises(SourceError, match="no export"):
        parse_export(b'{"metric":{"__name__":"a"},"values":null,"timestamps":[1000]}', "here")


def test_export_of_victoria_metrics_is_read() -> None:
    (one,) = parse_export(b'{"metric":{"__name__":"a"},"values":[1,2.5],"timestamps":[1000,2000]}\n', "here")
    assert (one.times.tolist(), one.values.tolist()) == ([1000, 2000], [1.0, 2.5])


def sampled(metric: str, values: list[float], /, *, times: list[int] | None = None, **labels: str) -> Sampled:
    at = START.timestamp() * 1000 + 60_000 * np.array(times or range(len(values)))
    return Sampled({"__name__": metric, **labels}, at.astype(np.int64), np.array(values, float))


def rows(preset: str, *found: Sampled, **given: Any) -> list[dict[str, Any]]:
    labelling = Labelling("mine", PRESETS[preset].service, PRESETS[preset].monitor, **given)
    return [row for batch in checks_of(found, PRESETS[preset], labelling) for row in batch.rows.to_pylist()]


def test_state_latency_and_code_are_joined_by_equal_times() -> None:
    found = rows(
        "blackbox",
        sampled("probe_success", [1, 0, 1], instance="web"),
        sampled("probe_duration_seconds", [0.1, 0.2], times=[0, 1], instance="web"),
        sampled("probe_http_status_code", [200, 500, 200], instance="web"),
    )
    assert [(row["state"], row["latency_ms"], row["status_code"]) for row in found] == [
        ("up", 100.0, 200),
        ("down", None, 500),
        ("up", None, 200),
    ]


def test_uptime_metrics_are_mapped() -> None:
    labels = {"target_alias": "Shop", "target_host": "shop.example", "check_type": "http", "location": "eu"}
    found = rows(
        "uptime", sampled("uptime_status_health", [1], **labels), sampled("uptime_response_time_seconds", [0.25], **labels),
        sampled("uptime_consecutive_failures_total", [0], **labels),
        sampled("uptime_cert_expiry_seconds", [START.timestamp() + 86_400], **labels),
        sampled("uptime_cert_is_valid", [1], **labels),
    )  # fmt: skip
    assert [(found[0][name]) for name in ("service", "region", "monitor", "state", "latency_ms")] == [
        "Shop",
        "eu",
        "mine/http",
        "up",
        250.0,
    ]
    assert [(row["signal"], row["value"], row["unit"]) for row in found[1:]] == [
        ("consecutive_failures", 0.0, "count"),
        ("cert_expiry_s", 86_400.0, "s"),
        ("cert_is_valid", 1.0, "fraction"),
    ]


def test_uptime_kuma_is_mapped_with_its_four_states_and_ms() -> None:
    found = rows(
        "kuma",
        sampled("monitor_status", [0, 1, 2, 3], monitor_name="Shop"),
        sampled("monitor_response_time", [9, 12, 9, 9], monitor_name="Shop"),
    )
    assert [(row["state"], row["latency_ms"]) for row in found] == [("down", None), ("up", 12.0), ("pending", None), ("maintenance", None)]


def test_gatus_is_mapped() -> None:
    found = rows(
        "gatus",
        sampled("gatus_results_endpoint_success", [1], key="core_shop", name="shop", group="core"),
        sampled("gatus_results_duration_seconds", [0.5], key="core_shop", name="shop", group="core"),
    )
    assert (found[0]["service"], found[0]["latency_ms"]) == ("core_shop", 500.0)


def test_labels_can_be_chosen() -> None:
    found = rows(
        "blackbox", sampled("probe_success", [1], instance="web", team="shop", dc="z1"), service=("team", "instance"), region=("dc",)
    )
    assert (found[0]["service"], found[0]["region"]) == ("shop/web", "z1")
    with pytest.raises(SourceError, match="labels: service: a series has no label teem; it has instance, team"):
        rows("blackbox", sampled("probe_success", [1], instance="web", team="shop"), service=("teem",))


def test_two_series_of_one_service_at_the_same_time_are_an_error_with_the_remedy() -> None:
    with pytest.raises(
        SourceError,
        match=r"both service 'web' in region 'default' at the same time; they differ in job: .*`labels: \{service: \[instance, job\]\}`",
    ):
        rows(
            "blackbox",
            sampled("probe_success", [1] * 9, instance="web", job="a"),
            sampled("probe_success", [1] * 9, instance="web", job="b"),
        )


def test_restarted_exporter_goes_on_where_the_first_ended(fake: Fake) -> None:
    labels = {"target_alias": "Shop", "check_type": "http"}
    found = rows(
        "uptime",
        sampled("uptime_status_health", [1, 1, 1], instance="new", times=[3, 4, 5], **labels),
        sampled("uptime_status_health", [1, 0, 1, 0], instance="old", times=[0, 1, 2, 3], **labels),
        sampled("uptime_response_time_seconds", [0.1, 0.2, 0.3], instance="old", times=[0, 2, 3], **labels),
        sampled("uptime_response_time_seconds", [0.4, 0.5], instance="new", times=[4, 5], **labels),
    )
    minutes = [(row["time"] - START) / pd.Timedelta("1min") for row in found]
    assert minutes == [0, 1, 2, 3, 4, 5]
    assert [row["state"] for row in found] == ["up", "down", "up", "down", "up", "up"]
    assert [row["latency_ms"] for row in found] == [100, None, 200, None, 400, 500]
    fake.answer = lambda path, query: (
        success([{**UP[0], "pod": "1"}, {**UP[0], "pod": "2"}]) if path == "/api/v1/series" else good(path, query)
    )
    assert "2 series of probe_success" in fake.source().discover().says[0]


def test_replicas_are_one_series() -> None:
    found = rows(
        "blackbox",
        sampled("probe_success", [1], instance="web", replica="a"),
        sampled("probe_success", [1, 1], instance="web", replica="b"),
    )
    assert len(found) == 2


def test_impossible_samples_are_refused_with_the_reason() -> None:
    found = [sampled("probe_success", [0.5, 1, 1, 1], instance="web"), sampled("probe_duration_seconds", [1, -1, 1, 1e9], instance="web")]
    (batch,) = checks_of(found, PRESETS["blackbox"], Labelling("mine", ("instance",), ""))
    assert len(batch.rows) == 1
    assert [row["reason"] for row in batch.rejected.to_pylist()] == [
        "probe_success 0.5 is no state",
        "probe_duration_seconds -1 is no response time",
        "probe_duration_seconds 1e+09 is no response time",
    ]


def test_availability_that_is_no_share_is_refused() -> None:
    availability = Extra("availability", "fraction")
    found = {"up": (availability, [sampled("up", [0.5, 99.5, np.inf, 1 + 1e-12], instance="web")])}
    batch = metrics_of(found, Labelling("mine", ("instance",), ""))
    assert batch.rows.column("value").to_pylist() == [0.5, 1.0]
    assert [row["reason"] for row in batch.rejected.to_pylist()] == [
        "availability 99.5 is no fraction from 0 to 1; is it percent?",
        "up is infinite",
    ]
