"""Strange stretches of series, and what was known of each when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["EPISODES", "LOOKS", "Around", "Found"]

EPISODES = [
    "series_id", "start", "peak", "end", "detected_at", "direction", "per_week", "observed", "expected", "low", "high", "effect",
    "n_points", "detector",
]  # fmt: skip
TIMES = ("start", "peak", "end", "detected_at", "known_at")
LOOKS = ["series_id", "start", "known_at", "effect", "per_week"]


class Around(NamedTuple):
    """The steps around an episode: start of the first, their length, and value, expected, low and high of each, shape (4, n_steps)."""

    start: pd.Timestamp
    step_s: int
    values: npt.NDArray[np.float32]

    def frame(self) -> pd.DataFrame:
        """As columns time, value, expected, low, high."""
        times = self.start + pd.to_timedelta(np.arange(self.values.shape[1]) * self.step_s, unit="s")
        named = zip(("value", "expected", "low", "high"), self.values.astype(float), strict=True)
        return pd.DataFrame({"time": times.as_unit("ms"), **dict(named)})


@dataclass(frozen=True)
class Found:
    """Strange stretches of series.

    Attributes
    ----------
    episodes : series_id and the columns of table `anomaly_members` but for anomaly_id and score
    looks : series_id, start (of the episode), known_at; effect and per_week as they were known then
    weeks : weeks judged, by series_id
    courses : the steps around each episode, by series_id and start
    """

    episodes: pd.DataFrame
    looks: pd.DataFrame
    weeks: pd.Series
    courses: dict[tuple[str, pd.Timestamp], Around]

    @classmethod
    def together(cls, parts: Sequence[Found]) -> Found:
        """All parts as one; weeks of a series are those that the last part knows of."""
        episodes = [part.episodes for part in parts if len(part.episodes)]
        looks = [part.looks for part in parts if len(part.looks)]
        weeks = [part.weeks for part in parts if len(part.weeks)]
        known = pd.concat(weeks) if weeks else pd.Series(dtype=float)
        return cls(
            _typed(episodes, EPISODES),
            _typed(looks, LOOKS),
            known[~known.index.duplicated(keep="last")],
            {key: around for part in parts for key, around in part.courses.items()},
        )


def _typed(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """All parts as one frame, whose types do not depend on whether there is a row."""
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    numbers = dict.fromkeys(("per_week", "effect"), "float64")
    times = {name: "datetime64[ms, UTC]" for name in TIMES if name in columns}
    return whole.assign(**{name: pd.to_datetime(whole[name], utc=True) for name in times}).astype({**times, **numbers})
