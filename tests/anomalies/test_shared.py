"""Several services that are strange at once are told by the gravest of them."""

from analytics.anomalies import explain
from analytics.anomalies.shared import companions, shared_with
from tests.anomalies.test_calibration import anomaly, table

THREE = (anomaly("a", "web", 0), anomaly("b", "db", 5), anomaly("c", "cache", 9), anomaly("d", "web", 500))


def test_the_gravest_tells_the_others():
    rows = table(*THREE).assign(severity=[10.0, 30.0, 20.0, 5.0])
    assert shared_with(rows).to_dict() == {"a": "b", "b": "b", "c": "b"}
    assert companions(rows) == {"b": ["cache", "web"], "d": []}


def test_without_a_group_each_tells_itself():
    rows = table(*THREE[1:])
    assert shared_with(rows).empty
    assert companions(rows) == {"b": [], "c": [], "d": []}
    assert companions(rows.head(0)) == {}


def test_the_chapter_names_them():
    plain = {"signal": "latency_ms", "effect": 1.0, "explanation": "It was slow."}
    (row,) = table(anomaly("b", "db", 5)).assign(**plain).itertuples()
    said = explain.heading(row, ["cache", "web"], "UTC").replace("\u00a0", " ")
    assert said == "3 services at once; the gravest: db in eu was 2 times as slow as expected for 10 min from 2 Mar 00:05"
    assert explain.heading(row, [], "UTC").startswith("db in eu was")
    assert explain.paragraph(row, ["cache", "web"]) == "It was slow. At the same time: cache and web."
    assert explain.paragraph(row, []) == "It was slow."
