"""How bad is a drift: one number from -100 to 100 with its three factors, and what it costs a week."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["HALF_DAYS", "HALF_EFFECTS", "WAVE", "grade", "weekly_cost"]

FloatArray = npt.NDArray[np.float64]

HALF_EFFECTS: Mapping[str, float] = {"level": 0.2, "spread": 1.0, "tail": 0.02, "season": 0.2, "availability": 0.01}
"""Effect that is half as bad as can be. A level: 20 %, the smallest difference in response time that users notice (Seow, Designing and
Engineering Time, 2008, ch. 3); another shape of the day: as much, averaged over the day, by the hours that became slower. Judgement, not
measurement, for the others: noise twice as wide; 2 of 100 checks more that are slow; 1 of 100 checks more that fail, ten times what a
promise of 99.9 % allows."""

WAVE = 2**0.5 / np.pi
"""Mean of what lies above zero of a sine with a root mean square of 1 (of a square wave it is 0.5, of a triangle 0.43): what the hours that
become slower cost when the day swings more, or less."""

HALF_DAYS = 1.0
"""Time after which a drift counts half: every hour of the day has seen it once."""

SIGNS = {"regression": 1.0, "improvement": -1.0, "neutral": 0.0}


def grade(
    changes: pd.DataFrame, *, now: pd.Timestamp, half_effects: Mapping[str, float] = HALF_EFFECTS, half_days: float = HALF_DAYS
) -> pd.DataFrame:
    """Severity of each drift or changed series: 100 x effect x exposure x duration, each factor between 0 and 1.

    ``effect = 1 - 2 ** (-e / half_effects[kind])``, e being the end of the effect's interval that is nearer to no effect, 0 where the
    interval holds no effect: noise cannot score. Of another shape of the day (season) e is what the hours that became slower are slower
    by, averaged over the day: `WAVE` times `day_size` times the change of the amplitude, whether the day swings more or less.

    ``exposure`` is the share of the week's checks concerned. ``duration = 1 - 2 ** (-days / half_days)`` from the onset to the end, or to
    now. Improvements are negative; what is neither, and no shape of the day, has none. Thus severity grows with each of the three and
    reaches 100 only in the limit: twice the half effect on all checks for two half times is 56, half of the checks 28.

    Parameters
    ----------
    changes : frame with kind, direction, effect_low, effect_high, day_size, start, end, exposure
        Exposure is a fraction; where it is missing so is the severity. `day_size`: root mean square of the usual course of the day, as a
        fraction of the level; only looked at in shapes of the day, where it is missing nobody is harmed by them.

    Returns
    -------
    frame with severity, effect_factor, exposure_factor, duration_factor; the index of `changes`

    Raises
    ------
    ValueError
        For a kind without half effect, an unknown direction, an exposure outside 0 to 1.
    """
    half = _looked_up(changes["kind"], half_effects, "kind")
    # Whichever way a day swings, somebody waits longer at some of its hours.
    sign = np.where(changes["kind"] == "season", 1.0, _looked_up(changes["direction"], SIGNS, "direction"))
    exposure = changes["exposure"].to_numpy(np.float64)
    wrong = exposure[(exposure < 0) | (exposure > 1)]
    if len(wrong):
        raise ValueError(f"exposure {wrong[0]:g}: expected a share of the week's checks, between 0 and 1")
    effect = 1 - 2 ** (-_sure_effect(changes) / half)
    duration = 1 - 2 ** (-_days(changes, now) / half_days)
    factors = {"effect_factor": effect, "exposure_factor": exposure, "duration_factor": duration}
    return pd.DataFrame({"severity": 100 * sign * effect * exposure * duration, **factors}, index=changes.index)


def _looked_up(values: pd.Series, known: Mapping[str, float], what: str) -> FloatArray:
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"{what} '{unknown[0]}' is none of {', '.join(known)}")
    return values.map(known).to_numpy(np.float64)


def _sure_effect(changes: pd.DataFrame) -> FloatArray:
    low, high = changes["effect_low"].to_numpy(np.float64), changes["effect_high"].to_numpy(np.float64)
    slower = np.where(changes["kind"] == "season", WAVE * changes["day_size"].to_numpy(np.float64), 1.0)
    return np.nan_to_num(slower * np.maximum(np.maximum(low, -high), 0.0))


def _days(changes: pd.DataFrame, now: pd.Timestamp) -> FloatArray:
    now = now.as_unit("ms")  # that of all tables
    until = changes["end"].fillna(now).clip(upper=now)
    return np.maximum((until - changes["start"]) / pd.Timedelta(days=1), 0.0).to_numpy(np.float64)


def weekly_cost(changes: pd.DataFrame) -> pd.DataFrame:
    """What each drift costs a week in its own terms: response time lost, and error budget burnt.

    Parameters
    ----------
    changes : frame with exposure, checks_per_week, effect_ms, extra_bad_share, objective
        Effect on a check concerned, in ms; checks concerned that are bad beside the usual, as a share; what was promised, as a share.
        NaN where it does not apply.

    Returns
    -------
    frame with excess_ms (ms times checks) and budget_burnt (1: the whole week's allowance); the index of `changes`. Improvements are
    negative; NaN where something is missing or nothing was promised.
    """
    concerned = changes["exposure"] * changes["checks_per_week"]
    allowance = (1 - changes["objective"]).where(changes["objective"] < 1)
    burnt = changes["exposure"] * changes["extra_bad_share"] / allowance
    return pd.DataFrame({"excess_ms": changes["effect_ms"] * concerned, "budget_burnt": burnt})
