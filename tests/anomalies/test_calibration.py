"""What a budget allowed and what came: counted by hand, and what is known to be real left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.anomalies import calibration, says, shows
from analytics.anomalies.find import Anomalies
from analytics.stats import rates
from tests.anomalies.made import SETTINGS, at, feedback, masks

NONE = pd.DataFrame()


def anomaly(name, service="web", start=0, end=0, *, per_week=0.1, region="eu"):
    """In minutes; without an end ten minutes long, None: it goes on."""
    return {
        "anomaly_id": name,
        "service": service,
        "region": region,
        "start": at(start),
        "end": pd.NaT if end is None else at(end or start + 10),
        "per_week": per_week,
        "severity": 20.0,
    }


def table(*rows):
    frame = pd.DataFrame(rows, columns=list(anomaly("a")))
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "end")})


def events(*rows):
    """(kind, service, region, from, until; None: it has no end)."""
    frame = pd.DataFrame(rows, columns=["kind", "service", "region", "start", "end"])
    return frame.assign(start=[at(one) for one in frame["start"]], end=[pd.NaT if one is None else at(one) for one in frame["end"]])


def outages(*rows):
    """(service, region, from, until, is_confirmed)."""
    frame = pd.DataFrame(rows, columns=["service", "region", "start", "end", "is_confirmed"])
    return frame.assign(**{name: pd.to_datetime([at(one) for one in frame[name]], utc=True) for name in ("start", "end")})


def causes(anomalies, *, mask=(), event=(), outage=(), labels=()):
    return calibration.causes(anomalies, masks(*mask), events(*event), outages(*outage), feedback(*labels)).to_dict()


def found(anomalies, suppressed=(), *, weeks, n_series):
    kept_back = pd.DataFrame(suppressed, columns=["anomaly_id", "reason"])
    return Anomalies(anomalies, NONE, NONE, kept_back, NONE, NONE, pd.Series(weeks, dtype=float), pd.Series(n_series), {}, 0.25)


def test_an_anomaly_is_real_if_something_was_declared_failed_or_called_true_near_it():
    one = table(anomaly("a", start=600, end=620))
    assert causes(one) == {"a": None}
    assert causes(one, mask=[("web", None, 610, 700, "prober")]) == {"a": "declared"}
    assert causes(one, mask=[("web", None, 651, 700, "prober")]) == {"a": None}
    assert causes(one, mask=[("db", None, 610, 700, "prober")]) == {"a": None}
    assert causes(one, event=[("incident", None, "eu", 500, None)]) == {"a": "declared"}
    assert causes(one, event=[("incident", None, "us", 500, None)]) == {"a": None}
    assert causes(one, event=[("deploy", "web", "eu", 600, None)]) == {"a": None}
    assert causes(one, outage=[("web", "eu", 590, 625, True)]) == {"a": "outage"}
    assert causes(one, outage=[("web", "eu", 590, 625, False)]) == {"a": None}
    assert causes(one, labels=[(700, "a", "true", "60")]) == {"a": "label"}
    assert causes(one, labels=[(700, "a", "true", "60"), (800, "a", "false", "60")]) == {"a": None}


def test_what_began_in_several_services_of_a_region_at_once_is_no_chance():
    three = [anomaly("a", "web", 0), anomaly("b", "db", 5), anomaly("c", "cache", 9)]
    assert causes(table(*three)) == dict.fromkeys("abc", "shared")
    assert causes(table(*three[:2], anomaly("c", "db", 9))) == dict.fromkeys("abc")
    assert causes(table(*three[:2], anomaly("c", "cache", 9, region="us"))) == dict.fromkeys("abc")
    # One of several regions may be of this one.
    assert causes(table(*three[:2], anomaly("c", "cache", 9, region=None))) == dict.fromkeys("abc", "shared")
    # Of fifty services five must agree.
    many = [anomaly(f"s{number:02d}", f"s{number:02d}", 1000 + 60 * number) for number in range(47)]
    assert causes(table(*three, *many))["a"] is None


def test_a_budget_is_known_as_far_as_the_series_of_a_service_were_looked_at():
    whole = found(table(), weeks={"one": 1, "few": 1, "many": 1}, n_series={"one": 1, "few": 4, "many": 8})
    assert calibration.knows(whole, 0.25, settings=SETTINGS).to_dict() == {"one": True, "few": True, "many": True}
    assert calibration.knows(whole, 0.5, settings=SETTINGS).to_dict() == {"one": False, "few": True, "many": True}
    assert calibration.knows(whole, 1.0, settings=SETTINGS).to_dict() == {"one": False, "few": False, "many": True}


@pytest.fixture
def counted():
    """Ten weeks of web, which has eight series, and six of db, which has one."""
    rows = table(
        anomaly("rare", start=0, per_week=0.01),
        anomaly("usual", start=500, per_week=0.2),
        anomaly("real", start=1000, per_week=0.2),
        anomaly("small", start=1500, per_week=0.2),
        anomaly("over", start=2000, per_week=0.9),
        anomaly("too often", start=2500, per_week=1.1),
        anomaly("other", "db", start=3000, per_week=0.2),
    )
    kept_back = [("small", "small"), ("over", "budget"), ("too often", "budget")]
    return found(rows, kept_back, weeks={"web": 10, "db": 6}, n_series={"web": 8, "db": 1})


def test_alarms_that_nothing_explains_are_counted_against_each_budget(counted):
    cause = pd.Series({"real": "outage"}).reindex(counted.anomalies["anomaly_id"])
    rows = calibration.realised(counted, cause, settings=SETTINGS).set_index("budget")
    assert rows.index.tolist() == [0.0625, 0.25, 1.0]
    assert rows["n_services"].tolist() == [2, 2, 1]
    assert rows["weeks"].tolist() == [16, 16, 10]
    assert rows["allowed"].tolist() == [1, 4, 10]
    assert rows["n_strange"].tolist() == [1, 4, 4]
    assert rows["n_told"].tolist() == [1, 3, 3]
    low, high = rates.poisson_interval(np.array([3.0]), level=0.95)
    assert rows.loc[0.25, ["rate", "low", "high"]].tolist() == pytest.approx([3 / 16, low[0] / 16, high[0] / 16])
    shown = shows.budget_table(rows.reset_index())
    assert shown["interval"].tolist()[1] == "[0.039,\u00a00.55]"


@pytest.mark.parametrize(("n", "verdict"), [(0, "fewer than it allows"), (25, "what it allows"), (60, "more than it allows")])
def test_the_verdict_is_what_the_interval_says(n, verdict):
    rows = table(*[anomaly(str(number), start=500 * number, per_week=0.2) for number in range(n)], anomaly("out", "db", 0))
    whole = found(rows, weeks={"web": 100, "db": 0}, n_series={"web": 1, "db": 1})
    cause = pd.Series({"out": "outage"}).reindex(rows["anomaly_id"])
    said = says.trust_sentence(calibration.realised(whole, cause, settings=SETTINGS), cause, whole)
    assert verdict in said
    assert "1 with a confirmed outage" in said


def test_without_services_nothing_is_said_of_the_budget():
    nothing = found(table(), weeks={}, n_series={})
    rows = calibration.realised(nothing, pd.Series(dtype=object), settings=SETTINGS)
    assert rows.empty
    assert says.trust_sentence(rows, pd.Series(dtype=object), nothing).startswith("Nothing was judged")
