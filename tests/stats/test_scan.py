"""Windows of many lengths against the learning stretch."""

import math
from dataclasses import fields, replace

import numpy as np
import numpy.testing as npt
import pytest

from analytics.stats import changes, scan
from analytics.stats.channels import Channels

DAY, LEARNT, N_BINS = 24, 28 * 24, 56 * 24
LEVEL = 8.0


def quiet(n_series, rng, *, n_bins=N_BINS):
    """Channels of series that never change: white level and spread, Poisson slow values and failures, a day that is a cosine."""
    shape = (n_series, n_bins)
    hour = np.arange(n_bins) % DAY
    level = 0.05 * rng.normal(size=shape)
    level[rng.random(shape) < 0.03] = np.nan
    template = np.broadcast_to(np.sqrt(2) * np.cos((hour - 14) * 2 * np.pi / DAY), shape)
    return Channels(
        level=level,
        other_level=level + 0.03 * template,
        spread=1 + 0.2 * rng.normal(size=shape),
        slow=rng.poisson(0.1, shape).astype(float),
        n_values=np.where(np.isfinite(level), 12.0, 0.0),
        amplitude=template,
        phase=np.broadcast_to(np.sqrt(2) * np.sin((hour - 14) * 2 * np.pi / DAY), shape),
        failed=np.zeros(shape),
        failures=(rng.random(shape) < 0.01).astype(float),
        day_size=np.full((n_series, 1), 0.1),
        time_of_day=hour,
        bins_per_day=DAY,
        steps_per_bin=12,
    )


def changed(channels, kind, at, size):
    """The channels with one lasting change."""
    after = np.arange(channels.level.shape[1]) >= at
    later = {
        "level": {"level": channels.level + size * after, "other_level": channels.other_level + size * after},
        "spread": {"spread": channels.spread + size * after},
        "tail": {"slow": channels.slow + np.where(after, np.arange(len(after)) % round(1 / size) == 0, 0)},
        "season": {name: getattr(channels, name) + size * after * channels.amplitude for name in ("level", "other_level")},
        "availability": {"failures": np.maximum(channels.failures, after & (np.arange(len(after)) % round(1 / size) == 0))},
    }
    return replace(channels, **later[kind])


def judged(channels):
    return scan.score(channels, scan.learn_reference(channels, LEARNT))


def cut(channels, n_bins):
    """The channels as they were known after some bins."""
    parts = {field.name: getattr(channels, field.name) for field in fields(Channels)}
    return Channels(
        **{
            name: value[..., :n_bins] if isinstance(value, np.ndarray) and value.shape[-1] == channels.level.shape[1] else value
            for name, value in parts.items()
        }
    )


def rows(found):
    return list(zip(*(getattr(found, field.name) for field in fields(found)), strict=True))


def naive_mean(values):
    present = [x for x in values if not math.isnan(x)]
    return sum(present) / len(present), len(present)


def naive_evidence(channels, reference, series, bin_, kind):
    """Evidence of one bin by slicing every window out of the channels, from the description of the statistic."""

    def bounded(values, part):
        middle, limit = reference.median[part, series], reference.limit[part, series]
        return [x if math.isnan(x) else min(max(x - middle, -limit), limit) for x in values]

    def guarded(change, other, limit_h):
        if hours > limit_h:
            return change
        return math.copysign(min(abs(change), abs(other)), change) if change * other > 0 else 0.0

    found = []
    for index, length in enumerate(reference.windows):
        hours = length * 24 / DAY
        begin, end = bin_ + 1 - length, bin_ + 1
        if hours < scan.SHORTEST_H[kind]:
            continue
        level, other = bounded(channels.level[series], 0), bounded(channels.other_level[series], 0)
        if kind in (scan.LEVEL, scan.SPREAD):
            values = level if kind == scan.LEVEL else bounded(channels.spread[series], 1)
            (mean, n), (usual, n_usual) = naive_mean(values[begin:end]), naive_mean(values[:LEARNT])
            change = guarded(mean - usual, naive_mean(other[begin:end])[0] - usual, scan.GUARD_H) if kind == scan.LEVEL else mean - usual
            variances = reference.variance[kind, series]
            uneven = np.mean([reference.day_profile[kind, series, b % DAY] for b in range(begin, end)])
            variance = variances[index] * length * uneven / n + variances[-1] * reference.windows[-1] / n_usual
            ratio = reference.degrees / 2 * math.log(1 + change**2 / variance / reference.degrees)
            ratio -= scan.IMPROVEMENT * (kind == scan.SPREAD and change < 0)
        elif kind == scan.SEASON:
            differences = []
            for template in (channels.amplitude[series], channels.phase[series]):
                (mean, n), (usual, n_usual) = naive_mean((level * template)[begin:end]), naive_mean((level * template)[:LEARNT])
                differences.append(guarded(mean - usual, naive_mean((other * template)[begin:end])[0] - usual, scan.GUARD_H))
            square = np.array(differences) @ reference.precision[series] @ np.array(differences) / (DAY / n + DAY / n_usual)
            ratio = reference.degrees / 2 * math.log(1 + square / reference.degrees)
        else:
            is_tail = kind == scan.TAIL
            events = channels.slow[series] if is_tail else channels.failures[series]
            trials = channels.n_values[series] if is_tail else np.ones(len(events))
            seen, usual = events[begin:end].sum(), events[:LEARNT].sum() + 0.5
            expected = (seen + usual) * trials[begin:end].sum() / (trials[begin:end].sum() + trials[:LEARNT].sum())
            ratio = (seen * math.log(seen / expected) if seen else 0) + usual * math.log(usual / (seen + usual - expected))
            ratio = ratio / reference.dispersion[0 if is_tail else 1, series] - scan.IMPROVEMENT * (seen < expected)
        found.append(ratio + math.log(hours / scan.WINDOWS_H[0]))
    return max(found) - scan.OFFSET[kind]


@pytest.mark.parametrize("kind", range(5))
def test_fast_evidence_equals_the_naive_loop(rng, kind):
    channels = changed(quiet(3, rng), scan.KINDS[kind], 40 * DAY, 0.05)
    evidence = judged(channels)
    for series, bin_ in [(0, 700), (1, 960), (2, 1000), (0, 1201), (1, 1343)]:
        expected = naive_evidence(channels, evidence.reference, series, bin_, kind)
        npt.assert_allclose(evidence.statistic[series, kind, bin_ - LEARNT], expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("kind", "size"), [("level", 0.05), ("spread", 0.2), ("tail", 0.2), ("season", 0.05), ("availability", 0.1)])
def test_each_change_is_told_once_named_and_dated(rng, kind, size):
    at = 40 * DAY
    found = changes.find_changes(judged(changed(quiet(20, rng), kind, at, size)), LEVEL)
    first = [
        rows
        for rows in zip(found.series, found.kind, found.onset, found.onset_low, found.onset_high, found.detected, strict=True)
        if rows[5] >= at
    ]
    assert len({row[0] for row in first}) == 20
    assert len(first) <= 21
    assert np.mean([scan.KINDS[row[1]] == kind for row in first]) >= 0.95
    assert np.median([abs(row[2] - at) for row in first]) <= 6
    assert np.mean([row[3] <= at <= row[4] for row in first]) >= 0.85
    assert (found.closed[found.detected >= at] < 0).mean() >= 0.95


def test_effects_are_those_that_were_made(rng):
    def effects(kind, size):
        found = changes.find_changes(judged(changed(quiet(20, rng), kind, 35 * DAY, size)), LEVEL)
        here = (found.kind == scan.KINDS.index(kind)) & (found.detected >= 35 * DAY)
        return found.effect[here], found.effect_low[here], found.effect_high[here]

    for kind, size, effect in [("level", 0.05, 0.05), ("spread", 0.2, math.log(1.2)), ("tail", 0.1, math.log(2)), ("season", 0.05, 0.5)]:
        found, low, high = effects(kind, size)
        npt.assert_allclose(np.median(found), effect, rtol=0.15)
        assert ((low <= effect) & (effect <= high)).mean() > 0.8


def test_quiet_series_raise_few_alarms(rng):
    evidence = judged(quiet(200, rng))
    alarms = [len(changes.find_changes(evidence, changes.level_for(rate)).series) / 200 / (28 / 365.25) for rate in (1, 4, 13)]
    # White series are quieter than those the level was set on, which wander more than the prior says.
    assert alarms[0] <= alarms[1] <= alarms[2]
    assert alarms[1] < 4


def test_a_level_is_higher_the_rarer_alarms_shall_be():
    levels = [changes.level_for(rate) for rate in (0.5, 1, 4, 13)]
    assert (np.diff(levels) < 0).all()


def test_evidence_at_the_level_of_one_alarm_a_year_is_expected_once_a_year():
    npt.assert_allclose(changes.p_value(changes.level_for(1.0), years=1.0), 1 - math.exp(-1))
    npt.assert_allclose(changes.p_value(changes.level_for(0.1), years=0.1), 0.01, rtol=0.01)


def test_no_future_value_changes_what_was_told(rng):
    channels = changed(quiet(30, rng), "level", 36 * DAY, 0.04)
    whole = changes.find_changes(judged(channels), 4.0)
    for n_bins in (34 * DAY, 38 * DAY + 7, 45 * DAY + 1):
        part = changes.find_changes(judged(cut(channels, n_bins)), 4.0)
        told = whole.detected < n_bins
        for name in ("series", "kind", "detected", "onset", "onset_low", "onset_high"):
            npt.assert_array_equal(getattr(part, name), getattr(whole, name)[told], err_msg=name)
        npt.assert_allclose(part.statistic, whole.statistic[told])
        known = (whole.closed[told] >= 0) & (whole.closed[told] < n_bins)
        npt.assert_array_equal(part.closed, np.where(known, whole.closed[told], -1))


def test_series_do_not_see_each_other(rng):
    channels = changed(quiet(12, rng), "spread", 36 * DAY, 0.2)
    order = rng.permutation(12)
    reordered = replace(channels, **{name: getattr(channels, name)[order] for name in scan.PER_SERIES})
    one, other = (changes.find_changes(judged(given), 5.0) for given in (channels, reordered))
    expected = sorted((int(np.flatnonzero(order == row[0])[0]), *row[1:7]) for row in rows(one))
    assert sorted((int(row[0]), *row[1:7]) for row in rows(other)) == expected


def test_scaling_a_series_changes_nothing(rng):
    channels = changed(quiet(5, rng), "level", 36 * DAY, 0.05)
    scaled = replace(channels, level=7 * channels.level, other_level=7 * channels.other_level)
    npt.assert_allclose(judged(scaled).statistic, judged(channels).statistic, rtol=1e-6, atol=1e-6)


def test_a_change_that_goes_back_is_closed(rng):
    channels = changed(changed(quiet(20, rng), "level", 32 * DAY, 0.06), "level", 42 * DAY, -0.06)
    found = changes.find_changes(judged(channels), LEVEL)
    first = np.array([np.flatnonzero(found.series == series)[0] for series in range(20)])
    assert (found.closed[first] >= 42 * DAY).all()
    assert (found.closed[first] <= 50 * DAY).all()


def test_days_that_show_that_a_change_is_over_are_not_part_of_it(rng):
    """Four days slower, four to eight until that is known: all of them together are hardly slower."""
    channels = changed(changed(quiet(20, rng), "level", 32 * DAY, 0.1), "level", 36 * DAY, -0.1)
    found = changes.find_changes(judged(channels), LEVEL)
    over = (found.kind == scan.LEVEL) & (found.closed >= 0)
    assert over.sum() >= 20
    assert (found.gone[over] <= found.closed[over]).all()
    assert (abs(found.gone[over] - 36 * DAY) <= DAY).all()
    npt.assert_allclose(np.median(found.effect[over]), 0.1, rtol=0.05)
    assert (found.effect[over] > 0.07).all()


def test_one_incident_is_no_change(rng):
    channels = quiet(50, rng)
    before = changes.find_changes(judged(channels), LEVEL)
    level, other = channels.level.copy(), channels.other_level.copy()
    for series in range(50):
        here = slice(at := 30 * DAY + 20 * series, at + 4)
        level[series, here] = other[series, here] = 2.0
    found = changes.find_changes(judged(replace(channels, level=level, other_level=other)), LEVEL)
    assert set(zip(found.series, found.kind, strict=True)) <= set(zip(before.series, before.kind, strict=True))


def test_a_day_like_the_other_type_is_no_change(rng):
    channels = quiet(20, rng)
    channels.other_level[:] = channels.level + 0.065
    holiday = slice(35 * DAY, 36 * DAY)
    channels.level[:, holiday] -= 0.065
    channels.other_level[:, holiday] -= 0.065
    # The same day without another type to be like is told.
    alone = replace(channels, other_level=channels.level)
    told, told_alone = (changes.find_changes(judged(given), LEVEL) for given in (channels, alone))
    assert len(set(told.series[told.kind == scan.LEVEL])) <= 2
    assert len(set(told_alone.series[told_alone.kind == scan.LEVEL])) >= 10


def test_an_accepted_change_is_the_new_normal_and_a_second_one_is_told(rng):
    at, accepted, second = 30 * DAY, 32 * DAY, 46 * DAY
    stepped = changed(quiet(20, rng), "level", at, 0.1)
    before = changes.find_changes(judged(stepped), LEVEL)
    assert (before.closed[before.detected >= at] < 0).sum() == 20
    after = changes.find_changes(changes.accept(judged(stepped), accepted), LEVEL)
    assert len(after.series) <= 1
    again = changes.find_changes(changes.accept(judged(changed(stepped, "level", second, 0.05)), accepted), LEVEL)
    assert len(set(again.series[again.detected >= second])) >= 19


def test_a_second_change_is_told_while_the_first_is_open(rng):
    channels = changed(changed(quiet(20, rng), "level", 31 * DAY, 0.08), "level", 44 * DAY, 0.08)
    found = changes.find_changes(judged(channels), LEVEL)
    late = found.detected >= 44 * DAY
    assert len(set(found.series[late])) == 20
    npt.assert_allclose(np.median(found.effect[late]), 0.08, rtol=0.3)


def told_failing(channels, since):
    """Series of which it is told that they fail more often, and when that was first told."""
    found = changes.find_changes(judged(channels), LEVEL)
    failing = (found.kind == scan.AVAILABILITY) & (found.detected >= since)
    return dict(zip(found.series[failing][::-1], found.detected[failing][::-1], strict=True))


def test_while_answers_are_slower_only_clear_failures_are_told_apart(rng):
    at = 44 * DAY
    weak, clear = (changed(quiet(20, rng), "availability", at, size) for size in (0.04, 0.1))
    assert len(told_failing(weak, at)) >= 12
    assert len(told_failing(changed(weak, "level", 36 * DAY, 0.1), at)) <= 5
    assert len(told_failing(changed(clear, "level", 36 * DAY, 0.1), at)) == 20


def test_what_may_be_chance_hides_no_failures(rng):
    """A level that has been higher for two days, by little: failures that begin then are told as soon as without it."""
    at = 44 * DAY
    failing = changed(quiet(120, rng), "availability", at, 0.2)
    slower = changed(failing, "level", 42 * DAY, 0.035)
    alone, both = told_failing(failing, at), told_failing(slower, at)
    level = judged(slower).statistic[:, scan.LEVEL]
    so_far = {series: level[series, : bin_ - LEARNT].max() for series, bin_ in alone.items()}
    doubtful = [series for series, most in so_far.items() if LEVEL < most < LEVEL + changes.FURTHER]
    assert len(doubtful) >= 10
    assert [both[series] for series in doubtful] == [alone[series] for series in doubtful]


def test_series_without_data_or_without_variation_are_silent(rng):
    channels = quiet(3, rng)
    channels.level[0] = channels.other_level[0] = channels.spread[0] = np.nan
    channels.level[1] = channels.other_level[1] = 0.0
    channels.n_values[0] = 0
    channels.slow[0] = 0
    found = changes.find_changes(judged(channels), LEVEL)
    assert not len(found.series)


def test_inputs_are_not_changed(rng):
    channels = quiet(3, rng)
    before = {name: getattr(channels, name).copy() for name in scan.PER_SERIES}
    changes.accept(judged(channels), 40 * DAY)
    for name, value in before.items():
        npt.assert_array_equal(getattr(channels, name), value)
