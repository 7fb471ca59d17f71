"""From when on a drift is sure: nothing that was known later has a say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analytics import params
from analytics.drift import sure
from analytics.stats import multiplicity
from tests.drift import made
from tests.drift.made import at, change, found


def course(*known):
    """Rows of table `change_course`: (series, detected, hour, p-value)."""
    rows = [{"series_id": name, "kind": "level", "detected_at": at(told), "at": at(hour), "p_value": p} for name, told, hour, p in known]
    frame = pd.DataFrame(rows, columns=["series_id", "kind", "detected_at", "at", "p_value"])
    return frame.astype(dict.fromkeys(("detected_at", "at"), "datetime64[ms, UTC]"))


WEB, API = "web/eu/latency_ms", "api/eu/latency_ms"


def test_a_drift_is_open_once_it_is_sure_and_no_longer_new():
    surer = course((WEB, 10, 10, 0.4), (WEB, 10, 30, 0.03), (WEB, 10, 50, 1e-5))
    drifts = found(change(WEB), course=surer).drifts
    assert drifts["open_at"].tolist() == [at(30)]
    assert drifts["q_value"].tolist() == [pytest.approx(1e-5)]
    assert found(change(WEB), course=course((WEB, 10, 10, 0.01))).drifts["open_at"].tolist() == [at(22)]
    at_once = params.Drift(suspected_hours=0)
    assert found(change(WEB), course=course((WEB, 10, 10, 0.01)), settings=at_once).drifts["open_at"].tolist() == [at(10)]
    never = found(change(WEB), course=course((WEB, 10, 10, 0.4))).drifts
    assert never["open_at"].isna().all()
    assert never["state"].tolist() == ["suspected"]


def test_what_was_over_before_it_was_sure_was_never_open():
    surer = course((WEB, 10, 10, 0.4), (WEB, 10, 30, 1e-5))
    gone = found(change(WEB, end=29), course=surer).drifts
    assert gone[["state"]].assign(never=gone["open_at"].isna()).to_numpy().tolist() == [["reverted", True]]
    assert found(change(WEB, end=31), course=surer).drifts["open_at"].tolist() == [at(30)]


def test_among_many_series_a_drift_must_be_surer():
    surer = course((WEB, 10, 10, 0.01), (WEB, 10, 40, 0.0004))
    many = made.series(WEB, *(f"s{k}/eu/latency_ms" for k in range(99)))
    assert found(change(WEB), course=surer, known=many).drifts["open_at"].tolist() == [at(40)]
    # Series that had not begun by then were no tests.
    later = many.assign(first=[at(-700), *[at(20)] * 99])
    assert found(change(WEB), course=surer, known=later).drifts["open_at"].tolist() == [at(22)]


def test_a_drift_of_several_series_is_as_many_tests():
    both = [change(WEB), change("web/us/latency_ms", detected=60)]
    surer = course((WEB, 10, 10, 0.04), ("web/us/latency_ms", 60, 60, 0.04), ("web/us/latency_ms", 60, 70, 0.004))
    drifts = found(*both, course=surer, known=made.series(WEB, "web/us/latency_ms")).drifts
    assert drifts["open_at"].tolist() == [at(70)]
    assert drifts["q_value"].tolist() == [pytest.approx(2 * 0.004 * 2)]


courses = st.lists(
    st.tuples(st.integers(0, 5), st.integers(10, 300), st.sampled_from([0.3, 0.1, 0.03, 0.01, 0.003, 1e-4])), min_size=1, max_size=25
)


def growing(known):
    """Courses as they can be: evidence of a series only grows from its detection on."""
    rows, least, told = [], {}, {}
    for number, hour, p in sorted(known, key=lambda one: one[1]):
        name = f"s{number}/eu/latency_ms"
        if p < least.get(name, 1.0) and (name, hour) not in {(row[0], row[2]) for row in rows}:
            least[name] = p
            rows.append((name, told.setdefault(name, hour), hour, p))
    return rows


@settings(max_examples=15)
@given(known=courses, now=st.integers(10, 330))
def test_what_is_open_at_a_moment_is_what_a_run_at_that_moment_finds_open(known, now):
    rows = growing(known)
    told = {name: hour for name, hour, *_ in rows}
    # Onsets months apart: each series is a drift of its own.
    changed = [change(name, start=-2000 * (k + 1), detected=hour) for k, (name, hour) in enumerate(told.items())]
    series = made.series(*(f"s{k}/eu/latency_ms" for k in range(8)), first=-24 * 700)
    whole = found(*changed, course=course(*rows), known=series, now=at(330)).drifts
    then = found(*changed, course=course(*rows), known=series, now=at(now)).drifts
    opened, then_open = whole[whole["open_at"] <= at(now)], then.dropna(subset="open_at")
    known_as = [dict(zip(frame["drift_id"], frame["open_at"], strict=True)) for frame in (opened, then_open)]
    assert known_as[0] == known_as[1]


@given(p_values=st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
def test_what_is_known_at_one_moment_is_compared_as_ever(p_values):
    names = [f"s{k}/eu/latency_ms" for k in range(len(p_values))]
    members = pd.DataFrame({"drift_id": names, "series_id": names, "kind": "level", "detected_at": at(5)})
    known = course(*((name, 5, 5, p) for name, p in zip(names, p_values, strict=True)))
    firm = sure.firmness(members, known, made.series(*names))
    np.testing.assert_allclose(firm["q_value"], multiplicity.q_values(np.array(p_values)))
    assert (firm["sure_at"].notna() == (firm["q_value"] <= 0.05)).all()
