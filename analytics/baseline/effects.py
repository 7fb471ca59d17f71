"""How large a change is, in the words of its signal, and whether it matters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import expected, params
from analytics.expected import Kind
from analytics.stats import bins

__all__ = ["is_material", "sized"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

LARGEST_LOG = 20.0


def sized(found: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Changes with `effect` and its interval (relative), and beside them `size` (in scales; of level and season).

    Parameters
    ----------
    found : DataFrame
        Columns `kind, change, change_low, change_high` (on the scale that the series is learnt on), `before, after` (in the unit; of
        availability the failing share), `scale, day_size`.
    """
    return found.assign(
        **{f"effect{end}": _relative(found, found[f"change{end}"], kind) for end in ("", "_low", "_high")},
        size=np.where(found["kind"] == "season", found["day_size"], 1.0) * found["change"] / found["scale"],
    )


def _relative(found: pd.DataFrame, change: pd.Series, kind: Kind) -> FloatArray:
    """Changes as fractions of what was usual; of slow answers and of failures the change of their share."""
    before = found["before"].to_numpy(float)
    as_log = np.expm1(np.minimum(change.to_numpy(float), LARGEST_LOG))
    with np.errstate(invalid="ignore", divide="ignore"):
        if kind == "linear":
            level = change.to_numpy(float) / np.abs(before)
        elif kind == "count":
            level = expected.untransform(expected.transform(before, kind) + change.to_numpy(float), kind) / before - 1
        else:
            level = as_log
    # Failures are told by the hours in which they begin; what they are in checks, the checks say.
    point = np.expm1(np.minimum(found["change"].to_numpy(float), LARGEST_LOG))
    with np.errstate(invalid="ignore", divide="ignore"):
        failing = as_log * (found["after"].to_numpy(float) - before) / point
    kinds = [found["kind"] == name for name in ("level", "season", "spread", "tail")]
    return np.clip(np.select(kinds, [level, change.to_numpy(float), as_log, bins.TAIL_SHARE * as_log], default=failing), -1, None)


def is_material(found: pd.DataFrame, settings: params.Baseline) -> BoolArray:
    """Whether each change, with its `signal`, is large enough to be told."""
    effect, kind = found["effect"].to_numpy(float), found["kind"].to_numpy()
    absolute = np.abs(effect) * np.abs(found["before"].to_numpy(float))
    is_time = np.array([name.startswith("latency") for name in found["signal"]], bool)
    is_seen = np.abs(found["size"].to_numpy(float)) >= settings.min_effect_size
    level = is_seen & (np.abs(effect) >= settings.min_relative_change) & (~is_time | (absolute >= settings.min_latency_change_ms))
    # What has no course of the day to speak of loses it, or doubles it, by chance.
    shape = (is_seen | (kind != "season")) & (np.abs(effect) >= settings.min_shape_change)
    share = np.abs(effect) >= np.where(kind == "tail", settings.min_slow_change, settings.min_failing_change)
    return np.select([kind == "level", np.isin(kind, ("tail", "availability"))], [level, share], default=shape)
