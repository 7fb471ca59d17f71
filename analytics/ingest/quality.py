"""What a reader must know about the data before believing anything computed from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analytics import params, tables, words
from analytics.ingest.catalogue import from_sources
from analytics.ingest.measure import Measured
from analytics.ingest.schedule import interval_changes
from analytics.ingest.survey import Survey

__all__ = ["check_rejects", "find_flags", "refused_rows"]

# How the store's reason for a row begins that is there twice.
REPEATED = "duplicate"
GAPS_KEPT = 20
FEW_CHECKS = 10
ALWAYS_DOWN = 0.05
OFF_SCHEDULE = 0.2
STILL_MEASURED = pd.Timedelta("1D")
CONSTANT_STEPS = 288
# Seconds taken for milliseconds, or the reverse, change a level a thousandfold; nothing real keeps the same shape that far away.
UNIT_RATIOS = (300.0, 3000.0)
COLUMNS = ["flag", "service", "region", "start", "end", "n", "severity", "text"]


def refused_rows(found: Survey) -> pd.DataFrame:
    """Table `quarantine`: every row that a source or the store has refused, with the reason."""
    return from_sources(found.sources, "quarantine")


def check_rejects(quarantine: pd.DataFrame, found: Survey, *, params: params.Ingest) -> None:
    """Stop the run if too many rows were refused.

    Raises
    ------
    ValueError
        With the first ten refused rows and their reasons.
    """
    # A row that is there twice loses nothing: it is told, but no reason to stop.
    quarantine = quarantine[~quarantine["reason"].str.startswith(REPEATED)]
    total = found.n_rows + len(quarantine)
    share = len(quarantine) / total
    if share > params.max_rejected_share:
        first = "\n".join(f"  {row.source} {row.kind} {row.place}: {row.reason}: {row.row}" for row in quarantine.head(10).itertuples())
        raise ValueError(
            f"{len(quarantine):,} of {total:,} rows were refused ({share:.1%}, more than ingest.max_rejected_share = "
            f"{params.max_rejected_share:.1%}); correct the source, or raise the limit if you accept the loss. The first:\n{first}"
        )


def find_flags(found: Survey, measured: Measured, quarantine: pd.DataFrame, *, params: params.Ingest) -> pd.DataFrame:
    """Table `quality_flags`: gaps, duplicates, clock skew, faults of probers, constant, dead, irregular and mistaken series."""
    rows = [
        *_gaps(measured),
        *_metric_gaps(measured),
        *_metrics_stopped(found, measured),
        *_refused(quarantine, measured),
        *_faults(measured),
        *_per_life(found, measured),
        *_interval_changes(found),
        *_never_up_by_metric(measured),
        *_constant(measured),
        *_unit_jumps(measured),
    ]
    flags = pd.DataFrame(rows, columns=COLUMNS)
    times = {name: pd.to_datetime(flags[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "end")}
    return flags.assign(**times, n=flags["n"].astype("int64")).drop_duplicates(["flag", "service", "region", "start"], ignore_index=True)


def _gaps(measured: Measured) -> Iterator[tuple[object, ...]]:
    pauses = measured.pauses.assign(length=measured.pauses["end"] - measured.pauses["start"])
    longest = pauses.sort_values(["length", "start"], ascending=[False, True], kind="stable")
    for gap in longest.groupby(["service", "region"], sort=True).head(GAPS_KEPT).itertuples(index=False):
        severity = "warning" if gap.length >= pd.Timedelta("1D") else "info"
        length = words.duration(gap.length.total_seconds())
        yield ("gap", gap.service, gap.region, gap.start, gap.end, 1, severity, f"no check for {length}")


def _metric_gaps(measured: Measured) -> Iterator[tuple[object, ...]]:
    """Pauses of metrics; those of a service in a region that begin together are one."""
    together = measured.holes.groupby(["service", "region", "start"], as_index=False, sort=True)
    rows = together.agg(end=("end", "max"), n=("n", "sum"), signals=("signal", list))
    rows = rows.assign(length=rows["end"] - rows["start"]).sort_values(["length", "start"], ascending=[False, True], kind="stable")
    for gap in rows.groupby(["service", "region"], sort=True).head(GAPS_KEPT).itertuples(index=False):
        text = f"no {words.listed(sorted(gap.signals), limit=3)} for {words.duration(gap.length.total_seconds())}"
        yield ("metric_gap", gap.service, gap.region, gap.start, gap.end, int(gap.n), "info", text)


def _metrics_stopped(found: Survey, measured: Measured) -> Iterator[tuple[object, ...]]:
    """Metrics that came to an end while other series of the same service and region go on."""
    series = measured.series.merge(found.layout[["series_id", "kind"]], on="series_id")
    until = series["last"] + pd.to_timedelta(series["step_s"], unit="s")
    newest = until.groupby([series["service"], series["region"]]).transform("max")
    patience = pd.to_timedelta(2 * series["step_s"], unit="s").clip(lower=STILL_MEASURED)
    ended = series.assign(until=until, newest=newest)[(series["kind"] == "metrics") & (until < newest - patience)]
    for (service, region, start), rows in ended.groupby(["service", "region", "until"], sort=True):
        text = f"no {words.listed(sorted(rows['signal']), limit=3)} since {start:%Y-%m-%d}, while the rest goes on"
        yield ("metric_stopped", service, region, start, rows["newest"].iloc[0], len(rows), "warning", text)


def _refused(quarantine: pd.DataFrame, measured: Measured) -> Iterator[tuple[object, ...]]:
    if measured.series.empty:
        return
    start, end = measured.series["first"].min(), measured.series["last"].max()
    reasons = quarantine["reason"].astype("object").str
    for flag, is_so, meaning in (
        ("duplicates", reasons.startswith(REPEATED), "repeat a row before them"),
        ("clock_skew", reasons.endswith(tables.IN_FUTURE), "lie in the future"),
    ):
        if n := int(is_so.sum()):
            yield (flag, None, None, start, end, n, "info" if flag == "duplicates" else "warning", f"{n} rows {meaning}")


def _faults(measured: Measured) -> Iterator[tuple[object, ...]]:
    for fault in measured.faults.itertuples(index=False):
        length = words.duration((fault.end - fault.start).total_seconds())
        text = f"the prober lost nearly all of {words.counted(fault.n_probed, 'service')} at once for {length}: its fault, not theirs"
        yield ("prober_outage", None, fault.region, fault.start, fault.end, int(fault.n_probed), "warning", text)


def _per_life(found: Survey, measured: Measured) -> Iterator[tuple[object, ...]]:
    sums = ["n_checks", "n_up", "n_excluded", "n_change", "n_steps", "n_off_schedule"]
    lives = measured.days.groupby(["service", "region"], as_index=False)
    totals = lives[sums].sum().merge(lives.agg(first=("first", "min"), last=("last", "max")))
    usual = (
        found.layout[found.layout["kind"] == "checks"]
        .drop_duplicates(["service", "region"])
        .set_index(["service", "region"])["interval_ms"]
    )
    for life in totals.itertuples(index=False):
        start, end = (pd.Timestamp(value, unit="ms", tz="UTC") for value in (life.first, life.last))
        keys = (life.service, life.region, start, end)
        rows = life.n_checks + life.n_excluded
        if rows < FEW_CHECKS:
            yield ("too_few", *keys, rows, "warning", f"{rows} checks in all: too few to say anything")
            continue
        if life.n_checks and life.n_up < ALWAYS_DOWN * life.n_checks:
            text = f"{life.n_up} of {life.n_checks} checks succeeded: probably not in service, or wrongly probed"
            yield ("always_down", *keys, life.n_checks, "critical", text)
        if life.n_change > 0.5 * rows:
            text = f"{life.n_change} of {rows} rows were written on a change of state: their times are no regular sample"
            yield ("change_only", *keys, life.n_change, "warning", text)
        elif life.n_steps >= FEW_CHECKS and life.n_off_schedule > OFF_SCHEDULE * life.n_steps:
            minutes = usual[(life.service, life.region)] / 60_000
            share = life.n_off_schedule / life.n_steps
            text = f"{share:.0%} of the pauses between checks differ from the usual {minutes:g} min by more than half"
            yield ("irregular", *keys, life.n_off_schedule, "info", text)


def _interval_changes(found: Survey) -> Iterator[tuple[object, ...]]:
    for row in interval_changes(found.schedules).itertuples(index=False):
        day = pd.Timestamp(row.day, unit="ms", tz="UTC")
        before, since = (words.duration(ms / 1000) for ms in (row.before_ms, row.interval_ms))
        text = f"checks came every {before} before {day:%Y-%m-%d}, every {since} since"
        yield ("interval_changed", row.service, row.region, day, day + pd.Timedelta("1D"), 1, "info", text)


def _never_up_by_metric(measured: Measured) -> Iterator[tuple[object, ...]]:
    """Services whose availability is given as a metric, and (nearly) nothing all the time."""
    checked = set(zip(measured.days["service"], measured.days["region"], strict=True))
    series = measured.series[measured.series["signal"] == "availability"].merge(measured.extremes, on="series_id")
    dead = series[(series["high"] < ALWAYS_DOWN) & (series["n"] >= FEW_CHECKS)]
    for one in dead.itertuples(index=False):
        if (one.service, one.region) not in checked:
            text = f"availability is at most {one.high:.0%} in all {one.n} steps: probably not in service, or not measured"
            yield ("always_down", one.service, one.region, one.first, one.last, one.n, "critical", text)


def _constant(measured: Measured) -> Iterator[tuple[object, ...]]:
    series = measured.series.merge(measured.extremes, on="series_id")
    flat = series[(series["low"] == series["high"]) & (series["n"] >= CONSTANT_STEPS) & series["signal"].str.startswith("latency")]
    for one in flat.drop_duplicates(["service", "region"]).itertuples(index=False):
        text = f"{one.signal} is {one.low:g} {one.unit} in all {one.n} steps: a measurement, or a constant?"
        yield ("constant", one.service, one.region, one.first, one.last, one.n, "warning", text)


def _unit_jumps(measured: Measured) -> Iterator[tuple[object, ...]]:
    days = measured.days[measured.days["median_ms"] > 0].sort_values(["service", "region", "day"])
    of_life = days.groupby(["service", "region"])
    # The day before that has checks: in a gap it lies further back.
    days = days.assign(before=of_life["median_ms"].shift(), day_before=of_life["day"].shift())
    ratio = np.exp(np.abs(np.log(days["median_ms"] / days["before"])))
    for jump in days[ratio.between(*UNIT_RATIOS)].itertuples(index=False):
        day, day_before = (pd.Timestamp(value, unit="ms", tz="UTC") for value in (jump.day, jump.day_before))
        text = (
            f"median latency went from {jump.before:g} ms on {day_before:%Y-%m-%d} to {jump.median_ms:g} ms on {day:%Y-%m-%d}: "
            "were seconds taken for milliseconds?"
        )
        yield ("unit_jump", jump.service, jump.region, day, day + pd.Timedelta("1D"), int(jump.n_checks), "critical", text)
