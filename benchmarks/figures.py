"""What a benchmark says, and whether it got worse: figures, their reference, their table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

__all__ = ["TOLERANCE", "Cost", "Figure", "ratio", "read_reference", "table", "worse", "write_reference", "write_results"]

TOLERANCE = 0.25
"""A figure may be this much worse than the reference: machines are noisy, also in ratios."""


@dataclass(frozen=True)
class Cost:
    """What one run cost: CPU seconds of all its processes, wall seconds, largest memory of all its processes together (PSS, MB)."""

    cpu_s: float
    wall_s: float
    pss_mb: float = 0.0


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    name : of the figure, unique
    value, unit : the figure of merit
    must : what it must reach; None: it only informs
    more_is_better : False where smaller is better
    is_compared : a ratio (or count) that does not depend on the machine: compared with the reference
    cpu_s, wall_s, peer_cpu_s, peer_wall_s : medians of ours and of what it is measured against
    repeats, load : how often it was measured, and the machine's load average then
    """

    name: str
    value: float
    unit: str
    must: float | None = None
    more_is_better: bool = False
    is_compared: bool = True
    cpu_s: float | None = None
    wall_s: float | None = None
    peer_cpu_s: float | None = None
    peer_wall_s: float | None = None
    repeats: int = 1
    load: float | None = None

    @property
    def is_met(self) -> bool | None:
        if self.must is None:
            return None
        return self.value >= self.must if self.more_is_better else self.value <= self.must


def ratio(name: str, ours: Sequence[Cost], peer: Sequence[Cost], *, against: str, must: float | None, load: float) -> Figure:
    """CPU seconds of ours by those of the peer, both run in turns: the median over the rounds."""
    by_round = [mine.cpu_s / other.cpu_s for mine, other in zip(ours, peer, strict=True)]
    return Figure(
        name,
        median(by_round),
        f"x {against}",
        must,
        cpu_s=median(cost.cpu_s for cost in ours),
        wall_s=median(cost.wall_s for cost in ours),
        peer_cpu_s=median(cost.cpu_s for cost in peer),
        peer_wall_s=median(cost.wall_s for cost in peer),
        repeats=len(by_round),
        load=load,
    )


def worse(figures: Iterable[Figure], reference: Mapping[str, float], *, tolerance: float = TOLERANCE) -> list[str]:
    """A sentence for each compared figure that is worse than the reference by more than the tolerance."""
    said = []
    for figure in figures:
        before = reference.get(figure.name)
        if not figure.is_compared or before is None or before <= 0:
            continue
        change = (before / max(figure.value, 1e-12) if figure.more_is_better else figure.value / before) - 1
        if change > tolerance:
            said.append(f"{figure.name}: {figure.value:.3g} {figure.unit}, {change:.0%} worse than the reference {before:.3g}")
    return said


def read_reference(path: Path) -> dict[str, float]:
    """Name -> value of the reference; empty where there is none."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(file)}


def write_reference(path: Path, figures: Iterable[Figure]) -> None:
    """Make the compared figures the reference; those that were not measured keep theirs."""
    values = read_reference(path) | {figure.name: figure.value for figure in figures if figure.is_compared}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "value"])
        writer.writerows([name, f"{value:.4g}"] for name, value in sorted(values.items()))


def write_results(path: Path, figures: Sequence[Figure]) -> None:
    """All that was measured, one line a figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Figure)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(figure) for figure in figures)


def table(figures: Sequence[Figure], reference: Mapping[str, float]) -> str:
    """The figures as text: value, what it must be, the reference, seconds of ours and of the peer."""
    heads = f"{'figure':<41} {'value':>9} {'':<20} {'must':>8} {'':<6} {'before':>8}"
    lines = [f"{heads} | {'cpu s':>8} {'wall s':>8} | {'peer cpu':>8} {'load':>5}"]
    for figure in figures:
        sign = ">=" if figure.more_is_better else "<="
        must = "" if figure.must is None else f"{sign} {figure.must:g}"
        verdict = {None: "", True: "met", False: "MISSED"}[figure.is_met]
        before = f"{reference[figure.name]:.3g}" if figure.name in reference else ""
        seconds = [_number(value) for value in (figure.cpu_s, figure.wall_s, figure.peer_cpu_s)]
        load = "" if figure.load is None else f"{figure.load:.1f}"
        lines.append(
            f"{figure.name:<41} {figure.value:>9.3g} {figure.unit:<20} {must:>8} {verdict:<6} {before:>8} "
            f"| {seconds[0]:>8} {seconds[1]:>8} | {seconds[2]:>8} {load:>5}"
        )
    return "\n".join(line.rstrip() for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
