"""Levels and slopes of series whose change points are known."""

import math

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, strategies as st
from scipy.signal import lfilter

from analytics.stats import changepoint


def ar1(rng, n, memory=0.0):
    """AR(1) noise with standard deviation 1."""
    return lfilter([1], [1, -memory], rng.normal(size=n + 200))[200:] * math.sqrt(1 - memory**2)


def steps(rng, *levels, length=25, noise=0.5):
    return np.repeat(np.array(levels, float), length) + noise * rng.normal(size=length * len(levels))


def code_length(y, at, *, memory, variance_of_noise, variance, is_slope, extent):
    """-2 log density of one regime: level and slope have normal priors, the noise is AR(1) with innovations of this variance."""
    lag = np.abs(at[:, None] - at[None, :]).astype(float)
    noise = variance_of_noise * memory**lag / (1 - memory**2)
    inverse = np.linalg.inv(noise)
    time = at / extent
    centre = inverse.sum(axis=0) @ time / inverse.sum()
    covariance = noise + variance
    if is_slope:
        covariance = covariance + 12 * variance / np.ptp(time) ** 2 * np.outer(time - centre, time - centre)
    return np.linalg.slogdet(2 * np.pi * covariance)[1] + y @ np.linalg.solve(covariance, y)


def naive_segmentation(values, *, alpha, min_length):
    """First samples of the regimes and which are slopes, from the definition: every regime's density, all chains of regimes."""
    at = np.flatnonzero(np.isfinite(values))
    y = values[at] - values[at].mean()
    n, best = len(y), (math.inf, None, None)
    for memory in [memory for memory in changepoint.MEMORIES if memory <= changepoint.LONGEST_MEMORY]:
        decay = memory ** np.diff(at).astype(float)
        unit = np.sqrt((1 - memory**2) / (1 - decay**2))
        white = np.append(math.sqrt(1 - memory**2) * y[0], (y[1:] - decay * y[:-1]) * unit)
        highest = (white**2).mean()
        lowest = (1.4826 * np.median(np.abs(np.diff(white[1:])))) ** 2 / 4
        lowest = min(max(lowest, changepoint.SMALLEST_SCALE * highest), highest)
        for scale in np.geomspace(lowest, highest, changepoint.N_SCALES):
            chains = {0: (0.0, [], [])}
            for end in range(min_length, n + 1):
                options = []
                for start in [start for start in chains if start <= end - min_length]:
                    for is_slope in (False, True):
                        length = code_length(
                            y[start:end], at[start:end], memory=memory, variance_of_noise=scale, variance=y.var(),
                            is_slope=is_slope, extent=np.ptp(at),
                        )  # fmt: skip
                        before = chains[start]
                        options.append((before[0] + length + 2 * math.log(n / alpha), [*before[1], start], [*before[2], is_slope]))
                if options:
                    chains[end] = min(options, key=lambda option: option[0])
            length = chains[n][0] + (math.log(n) if memory > 0 else 0.0)
            if length < best[0]:
                best = (length, chains[n][1], chains[n][2])
    return at[best[1]], np.array(best[2])


@pytest.mark.parametrize("kind", ["step", "ramp", "wandering", "gaps"])
def test_fast_recursion_equals_densities_written_out(rng, kind):
    values = ar1(rng, 14, 0.8 if kind == "wandering" else 0.0)
    values[7:] += {"step": 5, "ramp": 0, "wandering": 3, "gaps": 5}[kind]
    values += np.where(kind == "ramp", np.maximum(np.arange(14) - 5, 0) * 2, 0)
    if kind == "gaps":
        values[[2, 3, 10]] = np.nan
    found = changepoint.segment(values, alpha=2.0)
    starts, is_slope = naive_segmentation(values, alpha=2.0, min_length=changepoint.MIN_LENGTH)
    assert kind == "wandering" or len(found.change_points) > 0
    npt.assert_array_equal(found.start[1:], starts[1:])
    npt.assert_array_equal(found.is_slope, is_slope)


def test_step_of_twelve_values_is_found_where_it_is():
    found = changepoint.segment([10, 11, 10, 11, 10, 11, 20, 21, 20, 21, 20, 21])
    assert found.change_points.tolist() == [6]
    assert found.start.tolist() == [0, 6]
    assert found.end.tolist() == [6, 12]
    npt.assert_allclose(found.level, [10.5, 20.5])
    npt.assert_array_equal(found.slope, 0)
    npt.assert_allclose(found.scale, 0.5)


def test_noiseless_step_and_ramp_have_exact_intervals():
    found = changepoint.segment(np.concatenate([np.zeros(20), np.full(20, 5.0), 9 + 2 * np.arange(1, 21)]))
    assert found.change_points.tolist() == [20, 40]
    assert found.low.tolist() == [20, 40]
    assert found.high.tolist() == [20, 40]
    assert found.is_slope.tolist() == [False, False, True]
    npt.assert_allclose(found.slope, [0, 0, 2], atol=1e-9)


def test_constant_series_has_one_level():
    found = changepoint.segment(np.full(50, 7.0))
    assert len(found.change_points) == 0
    npt.assert_array_equal(found.level, 7)
    assert found.scale == 0


@pytest.mark.parametrize("values", [[], [np.nan] * 30])
def test_nothing_measured_has_no_level(values):
    found = changepoint.segment(values)
    assert len(found.change_points) == 0
    assert np.isnan(found.level).all()
    assert np.isnan(found.line()).all()


def test_single_spikes_are_not_change_points(rng):
    for _ in range(10):
        values = ar1(rng, 100)
        values[rng.choice(np.arange(5, 95, 10), 3, replace=False)] += 40
        values[:2] += 20 * rng.integers(0, 2)
        assert len(changepoint.change_points(values)) == 0


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_noise_has_few_change_points(rng, memory):
    n_false = sum(len(changepoint.change_points(ar1(rng, 100, memory))) > 0 for _ in range(25))
    assert n_false <= 4  # more than 4 of 25 has a probability of 1 % if 6 % are expected


def test_fewer_change_points_are_expected_by_chance_with_smaller_alpha(rng):
    series = [ar1(rng, 30, 0.5) for _ in range(30)]
    found = [sum(len(changepoint.segment(one, alpha=alpha).change_points) > 0 for one in series) for alpha in (5.0, 0.5, 0.05)]
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize(("memory", "size"), [(0.0, 2.5), (0.5, 3.5), (0.8, 5.0)])
def test_onset_of_a_step_is_within_its_interval(rng, memory, size):
    errors, covered = [], 0
    for _ in range(12):
        values = ar1(rng, 150, memory)
        values[90:] += size
        found = changepoint.segment(values)
        nearest = np.abs(found.change_points - 90).argmin()
        errors.append(abs(found.change_points[nearest] - 90))
        covered += found.low[nearest] <= 90 <= found.high[nearest]
    assert np.median(errors) <= 1
    assert covered >= 10  # fewer has a probability of 2 % at a coverage of 95 %


def test_slopes_are_found_as_slopes(rng):
    for _ in range(5):
        values = ar1(rng, 200, 0.3) + np.maximum(np.arange(200) - 100, 0) * 0.1
        found = changepoint.segment(values)
        assert found.is_slope.tolist() == [False, True]
        assert found.low[0] <= 100 <= found.high[0]
        npt.assert_allclose(found.slope[1], 0.1, rtol=0.1)
        npt.assert_allclose(found.line()[[50, 199]], [0, 9.9], atol=1.2)


def test_long_series_is_cut_like_a_short_one(rng):
    """Beyond `MAX_CANDIDATES`, places are chosen first: steps, a short regime and a ramp are still found to the sample or nearly so."""
    values = ar1(rng, 20_000, 0.3)
    values[6_000:] += 3
    values[9_000:9_100] += 5
    values[15_000:] += 0.01 * np.arange(5_000)
    found = changepoint.segment(values)
    npt.assert_allclose(found.change_points, [6_000, 9_000, 9_100, 15_000], atol=60)
    npt.assert_allclose(found.change_points[:3], [6_000, 9_000, 9_100], atol=2)
    assert found.is_slope.tolist() == [False, False, False, False, True]


@given(seed=st.integers(0, 1000), shift=st.floats(-1e3, 1e3), factor=st.floats(1e-3, 1e3))
def test_units_change_no_change_point(seed, shift, factor):
    values = steps(np.random.default_rng(seed), 0, 4, 1)
    plain, changed = changepoint.segment(values), changepoint.segment(shift + factor * values)
    npt.assert_array_equal(changed.change_points, plain.change_points)
    npt.assert_array_equal(changed.low, plain.low)
    npt.assert_allclose(changed.level, shift + factor * plain.level, rtol=1e-6, atol=1e-6 * factor)
    npt.assert_allclose(changed.scale, factor * plain.scale, rtol=1e-6)


@given(seed=st.integers(0, 1000))
def test_reversed_series_has_reversed_change_points(seed):
    values = steps(np.random.default_rng(seed), 0, 6, 2)
    backwards = changepoint.segment(values[::-1])
    npt.assert_array_equal(len(values) - backwards.change_points[::-1], changepoint.change_points(values))


@given(seed=st.integers(0, 1000), share=st.floats(0.0, 0.4))
def test_missing_values_move_a_step_no_further_than_the_gap(seed, share):
    rng = np.random.default_rng(seed)
    values = steps(rng, 0, 8, length=40)
    values[rng.random(80) < share] = np.nan
    values[35:43] = np.nan
    found = changepoint.segment(values)
    first_after = int(np.flatnonzero(np.isfinite(values[40:]))[0]) + 40
    assert found.change_points.tolist() == [first_after]
    assert found.low[0] <= 35
    assert found.high[0] >= first_after
    assert found.end.tolist() == [first_after, 80]


def test_shortest_regime_is_respected(rng):
    values = ar1(rng, 100) * 0.1
    values[40:45] += 10
    assert changepoint.segment(values).change_points.tolist() == [40, 45]
    kept = changepoint.segment(values, min_length=8)
    assert np.diff([0, *kept.change_points, 100]).min() >= 8


def test_slowly_wandering_noise_is_noise_only_if_that_is_asked_for(rng):
    series = [ar1(rng, 200, 0.98) for _ in range(8)]
    found = [sum(len(changepoint.segment(one, longest_memory=longest).change_points) for one in series) for longest in (0.5, 0.99)]
    assert found[0] > 3 * found[1]


def test_white_noise_on_a_slow_wander_has_few_change_points(rng, monkeypatch):
    """What AR(1) does not describe: more change points are found where the long-run variance is not looked at."""
    series = [0.5 * ar1(rng, 1500, 0.9) + ar1(rng, 1500) for _ in range(6)]
    found = [len(changepoint.change_points(one)) for one in series]
    monkeypatch.setattr(changepoint, "N_BLOCKS", 10_000)
    careless = [len(changepoint.change_points(one)) for one in series]
    assert sum(found) <= 2
    assert sum(careless) > 3 * sum(found)


def test_wider_level_gives_wider_intervals(rng):
    values = steps(rng, 0, 1.5, length=80, noise=0.8)
    widths = [np.ptp([found.low, found.high]) for found in (changepoint.segment(values, level=level) for level in (0.5, 0.95))]
    assert 0 <= widths[0] < widths[1]


def test_values_are_not_changed(rng):
    values = steps(rng, 0, 5)
    before = values.copy()
    changepoint.segment(values)
    npt.assert_array_equal(values, before)


def test_many_series_at_once_are_refused():
    with pytest.raises(ValueError, match=r"got shape \(2, 5\); call once for each series"):
        changepoint.segment(np.zeros((2, 5)))


@pytest.mark.parametrize("option", [{"alpha": 0.0}, {"min_length": 1}, {"longest_memory": 1.0}, {"level": 1.0}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match="expected alpha > 0"):
        changepoint.segment(np.zeros(10), **option)
