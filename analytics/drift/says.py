"""What the drifts say, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from analytics import params, words
from analytics.drift.find import Drifts
from analytics.panel import Panels

__all__ = [
    "alt_sentence",
    "chance_sentence",
    "finding",
    "heading",
    "headline",
    "kicker",
    "open_drifts",
    "others",
    "rules",
    "severity_sentence",
    "story",
    "tiles",
    "todo",
    "where",
]

GRAVE, SURE = 25.0, 0.05
"""Severity from which a drift is one to act on; q-value up to which it could hardly be chance."""

MOST_TOLD = 40
"""Drifts told without a figure: 25 kB of the page."""


def kicker(found: Drifts, *, signals: Panels, now: pd.Timestamp, zone: str) -> str:
    """What, when, how much."""
    if not len(signals):
        return "Drift · nothing measured"
    start = min(pd.Timestamp(ref.start_ms, unit="ms", tz="UTC") for ref in signals)
    return f"Drift · {words.span(start, now, zone)} · {words.counted(found.n_series, 'series', 'series')}"


def finding(found: Drifts, zone: str) -> str:
    """How many drifts are open, the gravest first."""
    drifts, n = open_drifts(found.drifts), words.counted(found.n_series, "series", "series")
    if drifts.empty:
        over = int((found.drifts["state"] == "reverted").sum())
        return f"No drift is open in {n}." + (f" {words.counted(over, 'drift')} went back without anybody's doing." if over else "")
    worse = drifts[drifts["direction"] == "regression"]
    better = int((drifts["direction"] == "improvement").sum())
    if worse.empty:
        return f"Nothing has become worse in {n}; {words.counted(len(drifts), 'other lasting change')} can be accepted."
    told = f"{words.counted(len(worse), 'lasting change')} for the worse {'is' if len(worse) == 1 else 'are'} open in {n}; the gravest: "
    rest = f" {words.counted(better, 'drift')} {'is' if better == 1 else 'are'} for the better." if better else ""
    return f"{told}{headline(worse.iloc[0], found, zone)}.{rest}"


def open_drifts(drifts: pd.DataFrame) -> pd.DataFrame:
    """Drifts that go on and are not accepted."""
    return drifts[drifts["state"].isin(["suspected", "open", "expired"])]


def tiles(found: Drifts) -> list[tuple[str, str, str]]:
    """Open for the worse, for the better, gone back, expected by chance."""
    drifts, still = found.drifts, open_drifts(found.drifts)
    by = still["direction"].value_counts()
    grave = int((still["severity"] >= GRAVE).sum())
    back, accepted = int((drifts["state"] == "reverted").sum()), int((drifts["state"] == "accepted").sum())
    return [
        ("For the worse", words.count(int(by.get("regression", 0))), f"open now, {grave} of severity {GRAVE:.0f} or more"),
        ("For the better", words.count(int(by.get("improvement", 0))), f"and {int(by.get('neutral', 0))} that are neither"),
        ("Over", words.count(back), f"gone back by themselves; {accepted} accepted"),
        ("Sure", words.count(int((drifts["q_value"] <= SURE).sum())), f"of {len(drifts)} in all: one in 20 of them may be chance"),
    ]


def chance_sentence(found: Drifts) -> str:
    """How many drifts chance alone would have given."""
    sure = int((found.drifts["q_value"] <= SURE).sum())
    n, years = len(found.drifts), words.number(found.series_years, 2)
    return (
        f"{words.counted(n, 'drift')} {'was' if n == 1 else 'were'} found in {years} years of all series together. {words.count(sure)} of "
        f"them could hardly be chance (q at most {SURE:g}); of the other {words.count(n - sure)} it may be the reason."
    )


def where(row: Any) -> str:
    """'payments', 'api in ap-south', 'several services'."""
    service = "several services" if pd.isna(row.service) else str(row.service)
    return service if pd.isna(row.region) or row.region == "default" else f"{service} in {row.region}"


def headline(row: Any, found: Drifts, zone: str) -> str:
    """A drift as a sentence without its full stop: 'payments became 18 % slower on 17 Mar'."""
    signals = found.details.loc[found.details["drift_id"] == row.drift_id, "signal"]
    return words.change_sentence(row.kind, row.effect, place=where(row), signals=sorted(set(signals)), since=words.day(row.start, zone))


def heading(row: Any, found: Drifts, zone: str) -> str:
    """The same as a heading."""
    said = headline(row, found, zone)
    return said[0].upper() + said[1:]


def others(found: Drifts, courses: Iterable[Any], events: pd.DataFrame, zone: str) -> list[dict[str, Any]]:
    """Drifts not among those looked at (`courses`), told without a figure, as `reporting.chapters` takes them: what is open first."""
    rest = found.drifts[~found.drifts["drift_id"].isin([one.drift.drift_id for one in courses])]
    order = rest.assign(is_over=~rest["drift_id"].isin(open_drifts(rest)["drift_id"]), size=-rest["severity"].abs())
    ordered = order.sort_values(["is_over", "size", "drift_id"]).head(MOST_TOLD)
    return [
        {"anchor": row.drift_id, "heading": heading(row, found, zone), "text": story(row, found, events, zone), "figures": []}
        for row in ordered.itertuples()
    ]


def story(row: Any, found: Drifts, events: pd.DataFrame, zone: str) -> str:
    """What a reader wants to know of one drift, as a paragraph."""
    mine = found.details[found.details["drift_id"] == row.drift_id]
    regions, signals = sorted(set(mine["region"])), sorted(set(mine["signal"]))
    of_regions = "" if regions == ["default"] else f" of {words.listed(regions)}"
    late = words.duration((row.detected_at - row.start).total_seconds())
    start, low, high = (words.moment(time, zone) for time in (row.start, row.start_low, row.start_high))
    parts = [
        f"A drift of the {KIND_WORDS[row.kind]}, seen in {words.listed(signals)}{of_regions}.",
        f"It began on {start} (between {low} and {high}) and was known {late} later.",
        why(row, events, zone),
        factors(row),
        cost(row),
        f"It was over on {words.moment(row.end, zone)}." if row.state == "reverted" else "",
    ]
    return " ".join(part for part in parts if part)


def factors(row: Any) -> str:
    """Its severity with the three factors."""
    if not row.severity:
        return "It is neither better nor worse, so it has no severity."
    shares = [words.percent(share, 0) for share in (row.effect_factor, row.exposure_factor, row.duration_factor)]
    return f"Severity {words.fixed(row.severity, 0)}: effect {shares[0]} x exposure {shares[1]} x duration {shares[2]}."


KIND_WORDS = {
    "level": "level",
    "spread": "spread",
    "tail": "tail (the slowest answers)",
    "season": "shape of the day",
    "availability": "availability",
}


def cost(row: Any) -> str:
    """What it costs a week."""
    said = []
    if pd.notna(row.excess_ms):
        more = "more" if row.excess_ms > 0 else "less"
        said.append(f"{words.duration(abs(row.excess_ms) / 1000)} of waiting {more} for the checks of a week")
    if pd.notna(row.budget_burnt):
        more = "more" if row.budget_burnt > 0 else "less"
        said.append(f"{words.percent(abs(row.budget_burnt), 0)} of a week's error budget {more}")
    return f"That is {' and '.join(said)}." if said else ""


def why(row: Any, events: pd.DataFrame, zone: str) -> str:
    """The declared change near its onset, with how often chance puts one there."""
    if pd.isna(row.event_id):
        return "No declared change lies near its onset."
    event = events[events["event_id"] == row.event_id].iloc[0]
    title = event["kind"] if pd.isna(event["title"]) else f"{event['kind']} '{event['title']}'"
    gap = abs(row.event_gap_s)
    apart = "at that moment" if gap < 60 else f"{words.duration(gap)} {'before' if row.event_gap_s > 0 else 'after'} the estimated onset"
    whose = {"service": "", "callee": " of a service it calls", "everybody": " declared for all"}[row.event_scope]
    chance = f"chance puts one as near {words.percent(row.event_chance, 1)} of the time"
    return f"The {title}{whose} ({words.moment(event['start'], zone)}) was {apart}; {chance}."


def alt_sentence(row: Any, found: Drifts, zone: str) -> str:
    """What the figure of a drift shows."""
    said = headline(row, found, zone)
    between = words.interval(row.effect_low, row.effect_high, words.percent)
    return f"{said[0].upper()}{said[1:]}: from then on the series is off its expected course, by an effect within {between}."


def severity_sentence(weeks: pd.DataFrame, zone: str) -> str:
    """What the overview shows."""
    if weeks.empty or not weeks["severity"].any():
        return "No drift was open in any week."
    worst = weeks.loc[weeks["severity"].idxmax()]
    size, day = words.fixed(worst["severity"], 0), words.day(worst["week"], zone)
    n = words.counted(weeks["service"].nunique(), "service")
    return f"{n} had a drift; the gravest is that of {worst['service']} with {size} in the week of {day}."


def todo(found: Drifts, zone: str) -> list[tuple[str, str]]:
    """What to do of each open drift."""
    still = open_drifts(found.drifts)
    worse = [
        (
            f"Find out why {headline(row, found, zone)}.",
            f"If it is the new normal: analytics drift accept {row.drift_id} --reason '…'. Until then it stays open and is not learnt. "
            "It was wrong if the series goes back by itself.",
        )
        for row in still[still["direction"] != "improvement"].head(3).itertuples()
    ]
    better = [
        (
            f"Accept that {headline(row, found, zone)}.",
            f"analytics drift accept {row.drift_id} --reason '…': then a relapse is told against the better level.",
        )
        for row in still[still["direction"] == "improvement"].head(2).itertuples()
    ]
    return worse + better or [("Nothing needs to be done.", "Every series is what its reference says, or what was accepted.")]


def rules(settings: params.Drift) -> str:
    """How it was done, as markdown."""
    hours = words.number(settings.event_hours)
    return (
        "Each series is compared with a reference learnt from the four weeks before; section `baseline` of params.yaml says how sure a "
        "change must be, and how large. Windows from 3 hours to 14 days are held against it in five channels: level (Huber's mean of each "
        "hour), spread (mean deviation about it), tail (runs of values beyond the 99 % of the reference), shape of the day (amplitude and "
        "phase) and availability (hours in which failures begin), as likelihood ratios studentised by the variance that windows of that "
        "length had in the reference. Enough evidence is that at which a series that never changes raises the stated number of false "
        "alarms a year, found by simulation (`benchmarks/drift_null.py`). A change stays open until what came since is e^5 times likelier "
        "without it, or until it is accepted; nothing of it is learnt meanwhile. Changes of one service that begin together are one "
        "drift, those of several services if chance does not explain the coincidence (Naus 1965, *JASA* 60). Severity is 100 x effect x "
        "exposure x duration, the effect taken at the end of its interval that is nearer to none. q-values are those of Benjamini & "
        f"Hochberg (1995, *JRSS B* 57) over all series. A declared change is near up to {hours} hours before the earliest possible onset."
    )
