"""What the drifts say, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from analytics import params, words
from analytics.drift.find import Drifts
from analytics.panel import Panels
from analytics.tables import SURE_Q

__all__ = [
    "alt_sentence",
    "chance_sentence",
    "doubt",
    "effects_by_service",
    "finding",
    "heading",
    "headline",
    "is_told",
    "kicker",
    "open_drifts",
    "others",
    "rules",
    "severity_sentence",
    "severity_title",
    "size",
    "story",
    "tiles",
    "todo",
    "where",
]

GRAVE = 25.0
"""Severity from which a drift is one to act on."""

MOST_TOLD = 40
"""Drifts told without a figure: 25 kB of the page."""


def kicker(found: Drifts, *, signals: Panels, now: pd.Timestamp, zone: str) -> str:
    """What, when, how much."""
    if not len(signals):
        return "Drift · nothing measured"
    start = min(pd.Timestamp(ref.start_ms, unit="ms", tz="UTC") for ref in signals)
    return f"Drift · {words.span(start, now, zone)} · {words.counted(found.n_series, 'series', 'series')}"


def finding(found: Drifts, zone: str) -> str:
    """How many drifts are open for sure, the gravest first, and how many more there may be."""
    drifts = found.drifts[found.drifts["state"] == "open"]
    worse, better = (drifts[drifts["direction"] == name] for name in ("regression", "improvement"))
    n, gravest = words.counted(found.n_series, "series", "series"), worse if len(worse) else drifts
    if found.n_young == found.n_series and found.drifts.empty:
        return f"Nothing can be judged yet: none of {words.counted(found.n_series, 'series', 'series')} is a week old."
    sure = " for sure" if (found.drifts["state"] == "suspected").any() else ""
    if len(worse):
        told = f"{words.counted(len(worse), 'lasting change')} for the worse {'is' if len(worse) == 1 else 'are'} open in {n}"
    else:
        told = f"Nothing has{sure} become worse in {n}" if len(drifts) else f"No drift is open{sure} in {n}"
    first = f"; the gravest: {headline(gravest.iloc[0], found, zone)}" if len(worse) else ""
    return " ".join([f"{told}{first}.", *_besides(found, len(better), len(drifts) - len(worse) - len(better))])


def _besides(found: Drifts, n_better: int, n_neither: int) -> list[str]:
    """Sentences on what is not for the worse, not sure, or not open any more."""
    states = found.drifts["state"].value_counts()
    counts = [
        (n_better, "is for the better", "are for the better"),
        (n_neither, "is neither better nor worse", "are neither better nor worse"),
        (states.get("suspected", 0), "more is suspected: it may be chance", "more are suspected: they may be chance"),
        (states.get("expired", 0), "older one was never decided on", "older ones were never decided on"),
        (0 if len(open_drifts(found.drifts)) else states.get("reverted", 0), "drift went back by itself", "drifts went back by themselves"),
    ]
    said = [f"{words.counted(int(n), one, many)}." for n, one, many in counts if n]
    young = words.counted(found.n_young, "series", "series")
    return (
        [*said, f"{young} {'was' if found.n_young == 1 else 'were'} measured for less than a week, too little to judge."]
        if found.n_young
        else said
    )


def open_drifts(drifts: pd.DataFrame) -> pd.DataFrame:
    """Drifts that go on, for sure or not, and wait for a decision."""
    return drifts[drifts["state"].isin(["suspected", "open"])]


def tiles(found: Drifts) -> list[tuple[str, str, str]]:
    """Open for the worse, for the better, gone back, expected by chance."""
    drifts, states = found.drifts, found.drifts["state"].value_counts()
    by = drifts.groupby(["state", "direction"], observed=True).size()
    still = drifts[drifts["state"] == "open"]
    grave = int((still["severity"] >= GRAVE).sum())
    unsure = {name: words.count(int(by.get(("suspected", name), 0))) for name in ("regression", "improvement")}
    over = [f"{int(states.get(state, 0))} {said}" for state, said in (("accepted", "accepted"), ("expired", "never decided on"))]
    return [
        (
            "For the worse",
            words.count(int(by.get(("open", "regression"), 0))),
            f"open, {grave} of severity {GRAVE:.0f} or more; {unsure['regression']} more suspected",
        ),
        (
            "For the better",
            words.count(int(by.get(("open", "improvement"), 0))),
            f"open; {unsure['improvement']} more suspected; {int(by.get(('open', 'neutral'), 0))} neither",
        ),
        ("Over", words.count(int(states.get("reverted", 0))), f"gone back by themselves; {', '.join(over)}"),
        ("Sure", words.count(int((drifts["q_value"] <= SURE_Q).sum())), f"of {len(drifts)} in all: one in 20 of them may be chance"),
    ]


def chance_sentence(found: Drifts) -> str:
    """How many drifts chance alone would have given."""
    n, years = len(found.drifts), words.number(found.series_years, 2)
    if not n:
        return f"No drift was found in {years} years of all series together."
    sure = int((found.drifts["q_value"] <= SURE_Q).sum())
    return (
        f"{words.counted(n, 'drift')} {'was' if n == 1 else 'were'} found in {years} years of all series together. {words.count(sure)} of "
        f"them can hardly be chance (q at most {SURE_Q:g}); the other {words.count(n - sure)} may be."
    )


def where(row: Any, found: Drifts) -> str:
    """'payments', 'api in ap-south', 'api, db and web', '21 services in eu'."""
    services = [row.service] if pd.notna(row.service) else effects_by_service(row, found).index
    place = words.listed(services) if len(services) <= MOST_NAMED else words.counted(len(services), "service")
    return place if pd.isna(row.region) or row.region == "default" else f"{place} in {row.region}"


VAGUE = pd.Timedelta(days=14)
"""Time that an onset may be later than it is said to be without a word."""

MOST_NAMED = 3
"""Services that a sentence names; of more it says how many."""


def effects_by_service(row: Any, found: Drifts) -> pd.Series:
    """Median effect in each service of a drift, of its members that have changed as the drift is named after; the largest first."""
    mine = found.details[found.details["drift_id"] == row.drift_id]
    alike = mine[mine["kind"] == row.kind].groupby("service", observed=True)["effect"].median()
    named = alike.reindex(sorted(set(mine["service"])))
    return named.sort_values(key=lambda effect: -effect.abs(), kind="stable")


def headline(row: Any, found: Drifts, zone: str) -> str:
    """A drift as a sentence without its full stop: 'payments became 18 % slower on 17 Mar'."""
    signals = sorted(set(found.details.loc[found.details["drift_id"] == row.drift_id, "signal"]))
    effects = effects_by_service(row, found).dropna() if pd.isna(row.service) else pd.Series(dtype=float)
    most, least = (effects.iloc[0], effects.iloc[-1]) if len(effects) else (None, row.effect)
    since = words.day(row.start, zone, year=_is_other_year(row.start, found))
    # What creeps has no day on which it began.
    since += " or later" if row.start_high - row.start > VAGUE else ""
    return words.change_sentence(row.kind, least, most=most, place=where(row, found), signals=signals, since=since)


def _is_other_year(time: pd.Timestamp, found: Drifts) -> bool:
    """Whether a time is written with its year: where the reader would think of another one."""
    return time.year != found.now.year


def _moment(time: pd.Timestamp, found: Drifts, zone: str) -> str:
    return words.moment(time, zone, year=_is_other_year(time, found))


def heading(row: Any, found: Drifts, zone: str) -> str:
    """The same as a heading."""
    said = headline(row, found, zone)
    # Names are written as they are.
    return said if said.startswith(where(row, found)) else said[0].upper() + said[1:]


def is_told(drifts: pd.DataFrame) -> pd.Series:
    """Whether each drift is told one by one: those that go on, and of what is over what could hardly be chance, or did some harm."""
    return drifts["state"].ne("reverted") | (drifts["q_value"] <= SURE_Q) | (drifts["severity"].abs() >= 1)


def others(found: Drifts, courses: Iterable[Any], events: pd.DataFrame, zone: str) -> list[dict[str, Any]]:
    """Drifts not among those looked at (`courses`), told without a figure, as `reporting.chapters` takes them, in their order."""
    told = found.drifts[is_told(found.drifts)]
    ordered = told[~told["drift_id"].isin([one.drift.drift_id for one in courses])].head(MOST_TOLD)
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
    start, low, high = (_moment(time, found, zone) for time in (row.start, row.start_low, row.start_high))
    parts = [
        f"A drift of the {KIND_WORDS[row.kind]}, seen in {words.listed(signals)}{of_regions}.",
        f"It began on {start} (between {low} and {high}) and was known {late} later.",
        _each(row, found),
        doubt(row, found),
        why(row, events, zone),
        factors(row),
        cost(row),
        f"It was over on {_moment(row.end, found, zone)}." if row.state == "reverted" else "",
        "Nobody has decided on it for so long that it is told no more; it is still not learnt." if row.state == "expired" else "",
    ]
    return " ".join(part for part in parts if part)


def _each(row: Any, found: Drifts) -> str:
    """The own effect of each of several services."""
    effects = effects_by_service(row, found).dropna()
    if len(effects) < 2:
        return ""
    short = words.short_names(effects.index, width=NAME_WIDTH)
    said = [f"{short[name]} {size(row.kind, effect)}" for name, effect in effects.items()]
    return f"Their own changes: {words.listed(said, limit=MOST_LISTED)}."


MOST_LISTED, NAME_WIDTH = 6, 42


def size(kind: str, effect: float) -> str:
    """An effect alone: +18 %, or +0.4 of 100 where it is one of a share."""
    if kind not in words.SHARES:
        return words.signed(effect, words.relative)
    return f"{words.signed(100 * effect, lambda share: words.number(share, 2))} of 100"


def doubt(row: Any, found: Drifts) -> str:
    """Whether it may be chance, in a sentence; empty if it is sure."""
    if row.q_value <= SURE_Q:
        known = words.duration((found.now - row.detected_at).total_seconds())
        return f"It is suspected, for it has been known for {known} only." if row.state == "suspected" else ""
    it = "is suspected" if row.state == "suspected" else "may have been chance"
    return f"It {it}: of the drifts that are at least as sure, chance explains {words.percent(row.q_value, 0)}."


def factors(row: Any) -> str:
    """Its severity with the three factors."""
    if not row.severity > 0 and not row.severity < 0:
        if row.direction == "neutral":
            return "It is neither better nor worse, so it has no severity."
        return "It has no severity: none of its effect is certain."
    shares = [words.percent(share, 0) for share in (row.effect_factor, row.exposure_factor, row.duration_factor)]
    of = " (of the hours that became slower; others became faster)" if row.kind == "season" else ""
    return f"Severity {words.fixed(row.severity, 0)}{of}: effect {shares[0]} × exposure {shares[1]} × duration {shares[2]}."


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
        when = ", in the hours that became slower" if row.kind == "season" else ""
        said.append(f"makes the checks of a week wait {words.duration(abs(row.excess_ms) / 1000)} {_more(row.excess_ms)}{when}")
    if pd.notna(row.budget_burnt):
        said.append(f"uses {words.percent(abs(row.budget_burnt), 0)} {_more(row.budget_burnt)} of the error budget of a week")
    return f"It {' and '.join(said)}." if said else ""


def _more(change: float) -> str:
    return "more" if change > 0 else "less"


def why(row: Any, events: pd.DataFrame, zone: str) -> str:
    """The declared change near its onset, with how often chance puts one there."""
    if pd.isna(row.event_id):
        return "No declared change lies near its onset."
    event = events[events["event_id"] == row.event_id].iloc[0]
    title = event["kind"] if pd.isna(event["title"]) else f"{event['kind']} '{event['title']}'"
    gap = abs(row.event_gap_s)
    apart = "at that moment" if gap < 60 else f"{words.duration(gap)} {'before' if row.event_gap_s > 0 else 'after'} the estimated onset"
    whose = {"service": "", "callee": " of a service it calls", "everybody": " declared for all"}[row.event_scope]
    chance = f"by chance one would be as near in {words.percent(row.event_chance, 1 if row.event_chance < 0.1 else 0)} of cases"
    return f"The {title}{whose} ({words.moment(event['start'], zone)}) was {apart}; {chance}."


def alt_sentence(row: Any, found: Drifts, zone: str) -> str:
    """What the figure of a drift shows."""
    said = headline(row, found, zone)
    between = words.change_interval(row.kind, row.effect, row.effect_low, row.effect_high)
    return f"{said[0].upper()}{said[1:]}: from then on the series is off its expected course, by an effect within {between}."


RHYTHMS = {1: "week", 4: "four weeks", 13: "quarter", 26: "half a year", 52: "year"}


def severity_title(weeks_per_row: int) -> str:
    """What the overview shows, as its title."""
    return f"Severity of the drifts that were open, by {RHYTHMS[weeks_per_row]}"


def severity_sentence(weeks: pd.DataFrame, zone: str) -> str:
    """What the overview shows."""
    if weeks.empty or not weeks["severity"].any():
        return "No drift was open in any week."
    is_worse = bool((weeks["severity"] > 0).any())
    first = weeks.loc[weeks["severity"].idxmax() if is_worse else weeks["severity"].idxmin()]
    step = weeks["week"].drop_duplicates().sort_values().diff().min()
    rhythm = RHYTHMS.get(1 if pd.isna(step) else step // pd.Timedelta(weeks=1), "weeks")
    size, day = words.fixed(first["severity"], 0), words.day(first["week"], zone, year=weeks["week"].dt.year.nunique() > 1)
    n = words.counted(weeks["service"].nunique(), "service")
    what = "gravest" if is_worse else "best"
    return f"{n} had a drift; the {what} is that of {first['service']} with {size} in the {rhythm} from {day} on."


def todo(found: Drifts, zone: str) -> list[tuple[str, str]]:
    """What to do of each open drift; of those that may be chance only that they are there."""
    still = found.drifts[found.drifts["state"] == "open"]
    worse = [
        (
            f"Find out why {headline(row, found, zone)}.",
            f"If it is the new normal: `analytics drift accept {row.drift_id} --reason '…'`. Until then it stays open and is not learnt. "
            "If the series goes back by itself, it was a passing change or a false alarm.",
        )
        for row in still[still["direction"] != "improvement"].head(3).itertuples()
    ]
    better = [
        (
            f"Accept that {headline(row, found, zone)}.",
            f"`analytics drift accept {row.drift_id} --reason '…'`: a relapse is then told against the better level.",
        )
        for row in still[still["direction"] == "improvement"].head(2).itertuples()
    ]
    n_expired = int((found.drifts["state"] == "expired").sum())
    expired = (
        f"Decide on {words.counted(n_expired, 'expired drift')} (analytics drift list --all).",
        "Their series are held against what they were before; once accepted, they are learnt again.",
    )
    waiting = (
        "Wait for those that are suspected.",
        "Chance raises some; what is real becomes surer from day to day, and is told as open then.",
    )
    items = worse + better + [expired] * (n_expired > 0)
    if found.n_young == found.n_series and not items:
        return [("Wait until there is a week of data.", "It takes a week to know what is normal, weekends included.")]
    items = items or [waiting] * bool((found.drifts["state"] == "suspected").any())
    return items or [("Nothing needs to be done.", "Every series is what its reference says, or what was accepted.")]


def rules(settings: params.Drift) -> str:
    """How it was done, as markdown."""
    hours = words.number(settings.event_hours)
    return (
        "Each series is compared with a reference learnt from the four weeks before; section `baseline` of params.yaml says how sure a "
        "change must be, and how large. Windows from 3 hours to 14 days are held against it in five channels: level (Huber's mean of each "
        "hour), spread (mean deviation about it), tail (runs of values beyond the 99 % of the reference), shape of the day (amplitude and "
        "phase) and availability (hours in which failures begin), as likelihood ratios studentised by the variance that windows of that "
        "length had in the reference. Enough evidence is that at which a series that never changes raises the stated number of false "
        "alarms a year, found by simulation (`benchmarks/drift_null.py`). A change stays open until what came since is e⁵ times likelier "
        "without it, or until it is accepted; nothing of it is learnt meanwhile. Changes of one service that begin together are one "
        "drift, those of several services if chance does not explain the coincidence (Naus 1965, *JASA* 60). Severity is 100 × effect × "
        "exposure × duration, the effect taken at the end of its interval that is nearer to none; of another shape of the day it is the "
        "hours that became slower that count. q-values are those of Benjamini & Hochberg (1995, *JRSS B* 57) over all series: a drift with "
        f"q above {SURE_Q:g} may be chance and is called suspected, as is one known for less than {words.number(settings.suspected_hours)} "
        "hours; neither raises an alert. It is open from the moment at which what was known made it sure. A declared change is near up to "
        f"{hours} hours before the earliest possible onset."
    )
