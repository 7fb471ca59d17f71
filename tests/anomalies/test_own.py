"""A detector of one's own is asked like the others: named, calibrated, continued."""

import numpy as np
import numpy.testing as npt
import pytest

from analytics.anomalies import episodes, judge, own
from analytics.anomalies.advance import advance, detect, found
from tests.anomalies import test_advance as made
from tests.anomalies.made import SETTINGS

AT = 15 * made.PER_DAY + 40
HELD = 12


def stuck(values, local_step, *, step_s, past):
    """A hundred where the last twelve values are one and the same: a meter that hangs, which no forecast finds strange."""
    whole = past.joined("values", values, HELD - 1)
    windows = np.lib.stride_tricks.sliding_window_view(whole, HELD, axis=1)
    return np.where(windows.max(axis=2) == windows.min(axis=2), 100.0, 0.0)


@pytest.fixture
def hanging(monkeypatch):
    """A world in which one response time hangs where it just was, and a detector that sees it."""
    monkeypatch.setattr(own, "DETECTORS", {"stuck": stuck})
    names = ("forecast", "course", "run", "pulse", "stuck", "pattern", "failures")
    monkeypatch.setattr(judge, "DETECTORS", names)
    monkeypatch.setattr(episodes, "DETECTORS", names)
    panel = made.world(rows=(1, 2))
    values = panel.values.copy()
    values[0, AT : AT + 2 * HELD] = values[0, AT - 1]
    return made.replace(panel, values=values)


def in_it(rows):
    end = made.START + (AT + 2 * HELD) * made.STEP_S * np.timedelta64(1, "s")
    return rows[(rows["detector"] == "stuck") & (rows["start"] < end)]


def test_it_is_named_by_what_it_finds(hanging):
    (row,) = in_it(detect(hanging, regions=made.REGIONS, settings=SETTINGS).episodes).itertuples()
    assert row.series_id == "web/us/latency_ms"
    assert row.start == made.START + (AT + HELD - 2) * made.STEP_S * np.timedelta64(1, "s")
    assert row.per_week < SETTINGS.false_alarms_per_week


def test_it_goes_on_however_time_is_cut(hanging):
    state = None
    for begin, end in ((0, AT + 5), (AT + 5, AT + 9), (AT + 9, made.DAYS * made.PER_DAY)):
        state = advance(state, hanging.between(made_at(begin), made_at(end)), regions=made.REGIONS, settings=SETTINGS)
    whole = detect(hanging, regions=made.REGIONS, settings=SETTINGS)
    order = ["series_id", "start"]
    left, right = (one.episodes.sort_values(order, ignore_index=True) for one in (found(state), whole))
    assert left.equals(right)


def made_at(step):
    return made.START + step * made.STEP_S * np.timedelta64(1, "s")


def test_another_shape_is_refused(monkeypatch):
    monkeypatch.setattr(own, "DETECTORS", {"wrong": lambda values, local_step, *, step_s, past: values[:, 1:]})
    with pytest.raises(ValueError, match=r"detector 'wrong' answered in shape \(2, 2\) to values of shape \(2, 3\)"):
        own.strengths(np.zeros((2, 3)), np.arange(3), step_s=300, past=own.Past())


def test_there_is_none_by_default():
    npt.assert_array_equal(own.strengths(np.zeros((2, 3)), np.arange(3), step_s=300, past=own.Past()), np.empty((0, 2, 3)))
    assert judge.DETECTORS == ("forecast", "course", "run", "pulse", "pattern", "failures")
