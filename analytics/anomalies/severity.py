"""How bad is an anomaly: strength x duration x exposure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["HALF_EFFECTS", "HALF_MINUTES", "grade", "halves"]

FloatArray = npt.NDArray[np.float64]

HALF_EFFECTS: Mapping[str, float] = {"latency_ms": 0.5, "latency_p95_ms": 0.5, "availability": 0.1, "requests": 0.5}
"""Effect of strength 1/2: 50 % slower, one check in ten failing, half of the requests gone. A judgement, not a measurement."""

OTHER_HALF = 0.5
"""The same for any other metric."""

HALF_MINUTES = 10.0
"""Time after which the duration counts 1/2: about as long as one waits to see whether it passes by itself."""


def halves(signal: str, effect: float) -> float:
    """An effect in units of the one that has strength 1/2."""
    return abs(effect) / HALF_EFFECTS.get(signal, OTHER_HALF)


def grade(rows: pd.DataFrame) -> pd.DataFrame:
    """Severity of anomalies as known at some time: 100 x strength x duration x exposure, each factor between 0 and 1.

    ``strength = 1 - 2 ** (-|effect| / half)``, ``duration = 1 - 2 ** (-minutes / HALF_MINUTES)``. If all checks
    of a service fail, severity is 29 after five minutes and 88 after half an hour; if its answers are twice as slow, 66 after half an hour.

    Parameters
    ----------
    rows : frame with signal, effect, lasted (timedelta), exposure (a fraction)

    Returns
    -------
    frame with severity, strength_factor, duration_factor, exposure_factor; the index of `rows`
    """
    strength = 1 - 2 ** -np.array([halves(*pair) for pair in zip(rows["signal"], rows["effect"], strict=True)], np.float64)
    minutes = (rows["lasted"] / pd.Timedelta(minutes=1)).to_numpy(np.float64)
    duration = 1 - 2 ** (-np.maximum(minutes, 0.0) / HALF_MINUTES)
    exposure = np.clip(rows["exposure"].to_numpy(np.float64), 0.0, 1.0)
    factors = {"strength_factor": strength, "duration_factor": duration, "exposure_factor": exposure}
    return pd.DataFrame({"severity": 100 * strength * duration * exposure, **factors}, index=rows.index)
