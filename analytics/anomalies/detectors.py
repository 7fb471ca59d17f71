"""interim"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analytics import params, session, store
from analytics.anomalies.detect import Found, detect
from analytics.panel import Panels, to_ms, week_start


@dataclass(frozen=True)
class Detectors:
    known_to: pd.Timestamp

    def found_in(self, signals: Panels, regions: pd.DataFrame, *, settings: params.Anomalies, workers: int) -> Found:
        return Found.together([detect(ref, regions=regions, settings=settings) for ref in signals])


def stored_detectors() -> Detectors:
    with session.published():
        return Detectors(pd.Timestamp(week_start(to_ms(store.now())), unit="ms", tz="UTC"))
