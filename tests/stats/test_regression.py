"""What is predicted from sums of products is what least squares over all rows predicts."""

import numpy as np
import numpy.testing as npt

from analytics.stats import regression
from analytics.stats.past import Past

SUPPOSED = (0.4, 0.1, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0)


def naive_regression(target, design, quarter):
    """Least squares over the rows of the blocks before: each quarter of the first one, then blocks of four, as far as remembered."""
    width = design.shape[1]
    predicted, past, unfinished = np.empty(len(target)), [], []
    for start in range(0, len(target), quarter):
        here = slice(start, start + quarter)
        kept = past[-regression.LEARNT_BLOCKS :]
        rows = np.concatenate([np.eye(width) * regression.RIDGE**0.5, *(one[0] for one in kept)])
        goals = np.concatenate([np.array(SUPPOSED) * regression.RIDGE**0.5, *(one[1] for one in kept)])
        predicted[here] = design[here] @ np.linalg.lstsq(rows, goals, rcond=None)[0]
        size = np.abs(target[here] - predicted[here])
        root = np.sqrt(1 / np.maximum(1, size / (regression.HUBER * 1.4826 * np.median(size) + 1e-15)))
        unfinished.append((design[here] * root[:, None], target[here] * root))
        if start < 4 * quarter or len(unfinished) == 4:
            past.append(tuple(np.concatenate(parts) for parts in zip(*unfinished, strict=True)))
            unfinished = []
    return predicted


def test_regression_equals_least_squares_over_all_rows(rng):
    design = rng.normal(size=(400, 9))
    target = design @ rng.normal(size=9) + rng.standard_t(2, size=400)
    found, _ = regression.predicted(target[None], design.T[:, None], block=20, first=0, coefficients=SUPPOSED, past=Past())
    npt.assert_allclose(found[0], naive_regression(target, design, 5), rtol=2e-5, atol=2e-5)


def test_before_anything_is_learnt_the_first_coefficients_predict(rng):
    design = rng.normal(size=(9, 2, 4))
    found, first = regression.predicted(rng.normal(size=(2, 4)), design, block=40, first=0, coefficients=SUPPOSED, past=Past())
    npt.assert_allclose(found, np.einsum("tsn,t->sn", design, SUPPOSED))
    npt.assert_array_equal(first, np.full((2, 4), 0.4))


def test_it_goes_on_however_the_columns_are_cut(rng):
    design, target = rng.normal(size=(9, 2, 200)), rng.normal(size=(2, 200))
    whole, _ = regression.predicted(target, design, block=24, first=0, coefficients=SUPPOSED, past=Past())
    past, parts = Past(), []
    for start, stop in ((0, 7), (7, 8), (8, 90), (90, 200)):
        some = slice(start, stop)
        parts.append(regression.predicted(target[:, some], design[:, :, some], block=24, first=start, coefficients=SUPPOSED, past=past)[0])
    npt.assert_array_equal(np.concatenate(parts, axis=1), whole)
