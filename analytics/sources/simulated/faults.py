"""The truth of a simulated world: what was made to happen, to whom, when and how strongly; and what of it was declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.tables.raw import TruthKind

__all__ = ["Declared", "Effect", "Fault", "What", "event_rows", "truth_rows"]

What = Literal["level", "spread", "tail", "season", "fail", "maintenance", "absent", "load", "cpu", "disk"]
FLAP_S, FLAP_DOWN_S = 660, 180
_SIGNAL_OF_KIND = {"surge": "requests", "holiday": "requests", "disk_full": "disk_used_bytes", "certificate": "cert_expiry_s"}


@dataclass(frozen=True)
class Effect:
    """One way in which a fault changes what is measured, `delay_s` after the fault began.

    `size` is relative for level (latency), spread, season (daily swing) and load (requests); a share that is added for fail, tail and
    cpu; without meaning for maintenance and absent. A ramp goes from nothing at the start to `size` at the end of the fault.
    """

    what: What
    size: float = 1.0
    profile: Literal["step", "ramp", "flap"] = "step"
    delay_s: int = 0
    error: str = "timeout"


@dataclass(frozen=True)
class Declared:
    """What people were told of a fault: an event, `delay_s` after it began, of its region or of all."""

    kind: str
    title: str
    delay_s: int = 0
    is_moment: bool = False
    is_everywhere: bool = False


@dataclass(frozen=True)
class Fault:
    """One thing that happens: service or region None means all of them, end None that it outlasts the data. Times in ms since 1970.

    `effect` is what a good analysis would find, in the unit of the truth table; `effects` are how it is made; `changes` is the signal
    that a release changed.
    """

    kind: TruthKind
    start: int
    end: int | None
    effect: float
    text: str
    service: str | None = None
    region: str | None = None
    root_service: str | None = None
    group: str | None = None
    effects: tuple[Effect, ...] = ()
    declared: Declared | None = None
    changes: str | None = None

    @property
    def signal(self) -> str | None:
        """The signal in which `effect` is measured; None for what changes nothing by itself (harmless deploys, maintenance, pauses)."""
        if self.kind in _SIGNAL_OF_KIND:
            return _SIGNAL_OF_KIND[self.kind]
        if self.kind == "deploy":
            return None if self.effect == 0 else self.changes
        whats = {effect.what for effect in self.effects}
        return "availability" if "fail" in whats else "latency_ms" if whats & {"level", "spread", "tail", "season"} else None

    def size_at(self, effect: Effect, times: npt.NDArray[np.int64], last: int) -> npt.NDArray[np.float32]:
        """Size of an effect at the given times, all inside the fault; `last` ends a fault that has no end."""
        if effect.profile == "step":
            share = np.ones(len(times))
        elif effect.profile == "ramp":
            share = (times - self.start) / ((self.end or last) - self.start)
        else:
            share = ((times - self.start) // 1000 % FLAP_S < FLAP_DOWN_S).astype(float)
        return (effect.size * share).astype(np.float32)


def truth_rows(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Rows of the truth, numbered by kind in the order of time; members of one incident share a group."""
    counts: dict[str, int] = {}
    rows = []
    for fault in faults:
        counts[fault.kind] = counts.get(fault.kind, 0) + 1
        truth_id = f"{fault.kind}-{counts[fault.kind]:03d}"
        rows.append(
            {
                "truth_id": truth_id,
                "kind": fault.kind,
                "service": fault.service,
                "region": fault.region,
                "start": fault.start,
                "end": fault.end,
                "signal": fault.signal,
                "effect": fault.effect,
                "text": fault.text,
                "root_service": fault.root_service,
                "group_id": fault.group or truth_id,
            }
        )
    return rows


def event_rows(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Rows of raw kind `events`: what was declared, in the order of time."""
    told = [(fault, fault.declared) for fault in faults if fault.declared is not None]
    told.sort(key=lambda one: (one[0].start + 1000 * one[1].delay_s, one[1].kind, one[1].title, one[0].region or ""))
    return [
        {
            "event_id": f"sim-{number:04d}",
            "start": fault.start + 1000 * said.delay_s,
            "end": None if said.is_moment else fault.end,
            "kind": said.kind,
            "service": fault.service,
            "region": None if said.is_everywhere else fault.region,
            "title": said.title,
            "source": "simulated",
        }
        for number, (fault, said) in enumerate(told, start=1)
    ]
