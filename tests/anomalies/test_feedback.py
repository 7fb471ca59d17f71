"""`analytics alerts label`: what people say of an anomaly is written, by its id or by that of its alert."""

import pandas as pd
import pytest

from analytics import store
from analytics.anomalies import feedback
from tests.alerts.made import plain
from tests.anomalies.made import at

ANOMALIES = ["a1f0", "a2c4", "b9d3"]
SAID = {"reason": "the export", "author": "ada", "zone": "UTC", "now": at(2000)}


@pytest.fixture
def published(project, monkeypatch):
    """Three alike anomalies of web, the second of them kept back; an alert of the first, and one of a drift."""
    starts = [at(0), at(30), at(1440)]
    anomalies = pd.DataFrame(
        {
            "anomaly_id": ANOMALIES, "service": "web", "region": "eu", "signal": "latency_ms", "direction": "regression", "effect": 0.84,
            "start": starts, "end": [start + pd.Timedelta("25min") for start in starts], "score": [90.0, 80.0, 70.0], "severity": 40.0,
        }
    )  # fmt: skip
    alerts = pd.DataFrame({"alert_id": ["c0ffee", "a10000"], "finding": ["anomaly", "drift"], "finding_id": ["a1f0", "d1"]})
    shown = {"anomalies": anomalies, "suppressed": pd.DataFrame({"anomaly_id": ["a2c4"]}), "alerts": alerts}
    monkeypatch.setattr(store, "load", shown.__getitem__)
    monkeypatch.setattr(store, "known_until", lambda: at(1500))


@pytest.mark.parametrize("given", ["a1f0", "a1", "c0ffee", "c0"])
def test_a_label_is_written_of_the_anomaly_or_of_its_alert(published, given):
    lines = [plain(line) for line in feedback.label(given, "false", **SAID)]
    (row,) = store.decisions("feedback").to_dict("records")
    assert (row["anomaly_id"], row["label"], row["author"], row["reason"]) == ("a1f0", "false", "ada", "the export")
    # It counts from when the data are known, so that a run of them has the same answer.
    assert row["time"] == at(1500)
    assert lines[0].endswith("web in eu was 84 % slower than expected for 25 min from 2 Mar 00:00: called a false alarm")
    assert lines[1].startswith("1 alarm so far would have been kept back as its like")


def test_taking_it_back_keeps_nothing_back(published):
    feedback.label("b9", "false", **SAID)
    assert feedback.label("b9", "true", **SAID)[1] == "neither it nor its like is kept back for this any more"
    assert store.decisions("feedback")["label"].tolist() == ["false", "true"]


@pytest.mark.parametrize(
    ("given", "message"),
    [("a", "'a' begins the ids of 2 anomalies: a1f0, a2c4"), ("a10", "there is no anomaly 'a10'"), ("zz", "there is no anomaly 'zz'")],
)
def test_an_id_that_names_none_or_several_writes_nothing(published, given, message):
    with pytest.raises(ValueError, match=message):
        feedback.label(given, "false", **SAID)
    assert store.decisions("feedback").empty
