"""Quantiles and runs by cell, all cells at once."""

import numpy as np
import numpy.testing as npt
import pytest

from analytics.stats import binned
from tests import naive


def test_six_values_in_three_cells_give_these_medians():
    counts, quantiles = binned.cell_quantiles(np.array([2, 0, 0, 2, 2, 0]), np.array([5.0, 1, 2, 7, 100, 9]), 4, (0.5, 1.0))
    npt.assert_array_equal(counts, [3, 0, 3, 0])
    npt.assert_array_equal(quantiles, [[2, np.nan, 7, np.nan], [9, np.nan, 100, np.nan]])


@pytest.mark.parametrize("n_cells", [1, 7, 200])
@pytest.mark.parametrize("shape", ["even", "uneven", "one giant"])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_quantiles_equal_a_loop(rng, n_cells, shape, is_sorted):
    n = 600
    cells = {
        "even": np.arange(n) % n_cells,
        "uneven": rng.integers(0, n_cells, n),
        "one giant": np.where(rng.random(n) < 0.8, 0, rng.integers(0, n_cells, n)),
    }[shape]
    cells = np.sort(cells) if is_sorted else rng.permutation(cells)
    values = rng.lognormal(0, 2, n)
    levels = (0.0, 0.5, 0.95, 1.0)
    before = cells.copy(), values.copy()
    counts, quantiles = binned.cell_quantiles(cells, values, n_cells, levels)
    for cell in range(n_cells):
        inside = values[cells == cell].tolist()
        assert counts[cell] == len(inside)
        expected = [naive.percentile(inside, level) for level in levels] if inside else [np.nan] * len(levels)
        npt.assert_allclose(quantiles[:, cell], expected, rtol=1e-12)
    npt.assert_array_equal(cells, before[0])
    npt.assert_array_equal(values, before[1])


def test_order_of_values_changes_no_bit(rng):
    cells, values = rng.integers(0, 9, 300), rng.normal(size=300)
    order = rng.permutation(300)
    npt.assert_array_equal(
        binned.cell_quantiles(cells, values, 9, (0.3, 0.95))[1], binned.cell_quantiles(cells[order], values[order], 9, (0.3, 0.95))[1]
    )


def test_nothing_has_no_quantiles():
    counts, quantiles = binned.cell_quantiles(np.zeros(0, np.int64), np.zeros(0), 2, (0.5,))
    npt.assert_array_equal(counts, [0, 0])
    npt.assert_array_equal(quantiles, [[np.nan, np.nan]])


@pytest.mark.parametrize(
    ("flags", "starts", "ends"), [("", [], []), ("1", [0], [1]), ("0110", [1], [3]), ("1011", [0, 2], [1, 4]), ("000", [], [])]
)
def test_runs_have_these_bounds(flags, starts, ends):
    found = binned.run_bounds(np.array([flag == "1" for flag in flags], bool))
    assert [bound.tolist() for bound in found] == [starts, ends]
