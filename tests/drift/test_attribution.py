"""The declared event before a drift, and how likely it is there by chance."""

import math

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from analytics.drift import attribution
from tests.drift import made

NO_CALLS = pd.DataFrame({"caller": [], "callee": []}, dtype="str")


def event(event_id, start, *, end=None, kind="deploy", service="web", region=None):
    return {"event_id": event_id, "start": made.at(start), "end": made.at(end), "kind": kind, "service": service, "region": region}


def events(*rows):
    frame = pd.DataFrame(list(rows), columns=list(event("", 0.0)))
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "end")})


def attributed(change, *rows, calls=NO_CALLS, window=2.0, since=-90.0):
    found = attribution.attribute(made.changes(change), events(*rows), calls, window=pd.Timedelta(hours=window), since=made.at(since))
    return found.iloc[0]


def test_nearest_deploy_before_the_onset_written_out():
    """One deploy within 100 hours; from it to the latest onset are 1.5 hours."""
    found = attributed(made.change(start=0, detected=10), event("d1", -0.5))
    assert found["event_id"] == "d1"
    assert found["event_scope"] == "service"
    assert found["event_gap_s"] == 1800
    npt.assert_allclose(found["event_chance"], 1 - math.exp(-1 / 100 * 1.5))


def test_busy_service_has_more_coincidences():
    few = attributed(made.change(), event("d", -0.5))
    many = attributed(made.change(), event("d", -0.5), *(event(f"x{k}", -10.0 - k) for k in range(50)))
    assert many["event_id"] == "d"
    npt.assert_allclose(many["event_chance"], 1 - math.exp(-51 / 100 * 1.5))
    assert many["event_chance"] > 10 * few["event_chance"]


def test_chance_is_what_random_events_realise(rng):
    """Events and onsets at random times, an event every five hours: half of the time one is as near as has a chance of half."""
    declared = events(*(event(str(k), hour) for k, hour in enumerate(rng.uniform(-2000, 2000, 800))))
    onsets = made.changes(*(made.change(f"web/eu/{k}", start=float(hour)) for k, hour in enumerate(rng.uniform(0, 1900, 300))))
    found = attribution.attribute(onsets, declared, NO_CALLS, window=pd.Timedelta(hours=6), since=made.at(-2000))
    npt.assert_allclose((found["event_chance"] <= 0.5).mean(), 0.5, atol=0.1)
    npt.assert_allclose((found["event_chance"] <= 0.25).mean(), 0.25, atol=0.1)


def test_too_early_and_too_late_events_are_not_taken():
    assert attributed(made.change(), event("early", -3.1), event("late", 1.1))["event_id"] is None
    assert attributed(made.change(), event("early", -3.1), window=2.2)["event_id"] == "early"
    npt.assert_allclose(attributed(made.change(high=1.2), event("late", 1.1))["event_gap_s"], -1.1 * 3600)


def test_nothing_near_has_no_chance_either():
    found = attributed(made.change())
    assert found["event_id"] is None
    assert np.isnan(found[["event_gap_s", "event_chance"]].to_numpy(float)).all()


def test_onset_within_maintenance_is_at_no_distance_and_one_after_it_is_measured_from_its_end():
    assert attributed(made.change(), event("m", -5.0, end=2.0, kind="maintenance"))["event_gap_s"] == 0
    found = attributed(made.change(), event("m", -5.0, end=-1.0, kind="maintenance"))
    assert found["event_gap_s"] == 3600
    npt.assert_allclose(found["event_chance"], 1 - math.exp(-1 / 100 * (2 + 4)))


@pytest.mark.parametrize("kind", ["incident", "holiday", "certificate", "provider", "other"])
def test_what_nobody_did_on_purpose_is_no_cause(kind):
    assert attributed(made.change(), event("e", -0.5, kind=kind))["event_id"] is None


@pytest.mark.parametrize(
    ("service", "region", "scope"),
    [("web", None, "service"), ("web", "eu", "service"), ("db", "eu", "callee"), (None, "eu", "everybody"), (None, None, "everybody")],
)
def test_events_that_concern_the_change(service, region, scope):
    calls = pd.DataFrame({"caller": ["web", "db"], "callee": ["db", "disk"]})
    assert attributed(made.change(), event("e", -0.5, service=service, region=region), calls=calls)["event_scope"] == scope


@pytest.mark.parametrize(("service", "region"), [("other", None), ("disk", None), ("web", "us"), (None, "us")])
def test_events_that_do_not_concern_the_change(service, region):
    calls = pd.DataFrame({"caller": ["web", "db"], "callee": ["db", "disk"]})
    assert attributed(made.change(), event("e", -0.5, service=service, region=region), calls=calls)["event_id"] is None


def test_what_happened_to_several_services_is_explained_by_events_of_everybody_only():
    several = {**made.change(), "service": None, "region": None}
    assert attributed(several, event("a", -0.5), event("b", -0.5, service=None, region="eu"))["event_id"] is None
    found = attributed(several, event("c", -0.5, service=None))
    assert (found["event_id"], found["event_scope"]) == ("c", "everybody")
    npt.assert_allclose(found["event_chance"], 1 - math.exp(-1 / 100 * 1.5))


def test_own_event_goes_before_one_of_everybody_at_the_same_time():
    found = attributed(made.change(), event("a", -0.5, service=None), event("b", -0.5))
    assert found["event_id"] == "b"


def test_events_after_the_detection_change_nothing():
    change = made.change(detected=5.0)
    before = attributed(change, event("d", -0.5))
    pd.testing.assert_series_equal(attributed(change, event("d", -0.5), event("later", 5.0), event("last", 8.0)), before)


def test_no_changes_have_no_events():
    found = attribution.attribute(made.changes(), events(event("d", 0.0)), NO_CALLS, window=pd.Timedelta(hours=1), since=made.at(-90))
    assert found.columns.tolist() == ["event_id", "event_scope", "event_gap_s", "event_chance"]
    assert len(found) == 0
