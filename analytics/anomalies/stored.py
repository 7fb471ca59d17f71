"""The detectors that stage `anomalies` has stored: they judge what has come since, as the stage would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analytics import engine, params, registry
from analytics.anomalies.advance import State, advance, found
from analytics.anomalies.find import STAGE
from analytics.anomalies.found import Found
from analytics.anomalies.models import CODE, from_model, name_of
from analytics.panel import Panels

__all__ = ["Detectors", "stored_detectors"]


@dataclass(frozen=True)
class Detectors:
    """Detectors of all blocks of services.

    Attributes
    ----------
    states : of each block on one grid, by the name of its model
    settings : those that detectors depend on (`models.JUDGED_BY`) as they were; the others are defaults
    """

    states: dict[str, State]
    settings: params.Anomalies

    def judging(self, signals: Panels, *, regions: pd.DataFrame) -> Detectors:
        """The detectors after these panels; steps that they know are passed over, a new block of services begins with nothing."""
        states = dict(self.states)
        for ref in signals:
            name = name_of(ref.block, ref.step_s)
            before = states.get(name)
            new = ref if before is None else replace(ref, start_ms=max(ref.start_ms, before.known_to_ms))
            if new.start_ms < new.end_ms:
                states[name] = advance(before, new, regions=regions, settings=self.settings)
        return replace(self, states=states)

    @property
    def known_to(self) -> pd.Timestamp:
        """End of the newest step that one of them has seen."""
        return pd.Timestamp(max(state.known_to_ms for state in self.states.values()), unit="ms", tz="UTC")

    def found(self) -> Found:
        """What was strange since they were stored, and what went on then."""
        return Found.together([found(state) for state in self.states.values()])


def stored_detectors(folder: Path | None = None) -> Detectors:
    """The detectors in use, or those in a folder.

    Raises
    ------
    FileNotFoundError
        If none are stored.
    ValueError
        If they were stored by other code: what they remember may mean something else now.
    """
    where = "stored yet; run `analytics run --all`" if folder is None else f"in {folder}"
    models = [registry.load(name, stage=STAGE, folder=folder) for name in registry.models(STAGE, folder=folder)]
    if not models:
        raise FileNotFoundError(f"no detectors are {where}")
    if any(model.lineage["code"] != engine.code_digest(CODE) for model in models):
        raise ValueError(f"the detectors {'stored' if folder is None else where} were made by another version of this program; "
                         "run `analytics run --all` with this one")  # fmt: skip
    settings = params.Anomalies(**models[0].parameters["settings"])
    return Detectors({model.name: from_model(model) for model in models}, settings)
