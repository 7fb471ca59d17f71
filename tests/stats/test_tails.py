"""Quantiles of groups that borrow from each other."""

import numpy as np
import numpy.testing as npt

from analytics.stats import robust, tails

LEVELS = np.array([0.1, 0.5, 0.9])


def found(values, group, *, together=1.0):
    return tails.by_group(values, group, np.sort(values, axis=1), n_groups=2, levels=LEVELS, together=np.full(len(values), together))


def test_groups_that_differ_keep_their_own_quantiles(rng):
    group = np.tile([0, 1], 4000)
    values = rng.normal(size=(1, 8000)) * np.where(group == 0, 1, 3)
    own = [robust.quantiles(values[:, group == number], LEVELS)[0] for number in (0, 1)]
    npt.assert_allclose(found(values, group)[0], own, atol=0.05)


def test_groups_that_are_alike_share_them(rng):
    group = np.tile([0, 1], 100)
    values = rng.normal(size=(500, 200))
    alike = found(values, group)
    own = robust.quantiles(values[:, group == 0], LEVELS)
    pooled = robust.quantiles(values, LEVELS)
    assert np.mean((alike[:, 0] - pooled) ** 2) < 0.3 * np.mean((own - pooled) ** 2)


def test_values_that_come_together_convince_less(rng):
    group = np.tile([0, 1], 500)
    values = rng.normal(size=(1, 1000)) * np.where(group == 0, 1, 1.3)
    apart = [np.ptp(found(values, group, together=size)[0, :, 2]) for size in (1.0, 1e6)]
    assert apart[1] == 0 < apart[0]


def test_a_group_without_values_takes_those_of_all(rng):
    values = rng.normal(size=(1, 100))
    npt.assert_allclose(found(values, np.zeros(100, int))[0, 1], robust.quantiles(values, LEVELS)[0])


def test_quantiles_rise_with_their_level(rng):
    group = np.tile([0, 1], 15)
    assert (np.diff(found(rng.standard_t(2, (200, 30)), group), axis=2) >= 0).all()
