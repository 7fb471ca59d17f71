"""What the anomalies say, in sentences for people."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import params, words
from analytics.anomalies import explain, shows
from analytics.anomalies.find import Anomalies
from analytics.anomalies.replay import BUDGETS
from analytics.anomalies.shared import companions
from analytics.anomalies.trial import Trial
from analytics.panel import Panels

__all__ = [
    "budget_sentence",
    "budgets_sentence",
    "costs_sentence",
    "days_sentence",
    "finding",
    "kicker",
    "ledger_sentence",
    "others",
    "rules",
    "tiles",
    "todo",
    "trial_sentence",
    "trust_sentence",
]

GRAVE = 25.0
"""Severity from which an alarm is one to look at at once."""
MOST_TOLD, WORTH_TELLING = 10, 10.0
"""Alarms told without a figure, 7 kB of the page, and their least severity: what is less stands in the list."""
CAUSE_WORDS = {
    "declared": "came with something declared (maintenance, an incident, a launch, a fault of the prober)",
    "outage": "with a confirmed outage",
    "shared": "with those of other services at once",
    "label": "were called true",
}


def kicker(signals: Panels, *, now: pd.Timestamp, n_days: int, zone: str) -> str:
    """What, when, how much."""
    if not len(signals):
        return "Anomalies · nothing measured"
    n = sum(len(ref.series) for ref in signals)
    start = max(min(pd.Timestamp(ref.start_ms, unit="ms", tz="UTC") for ref in signals), now - pd.Timedelta(days=n_days))
    return f"Anomalies · {words.span(start, now, zone)} · {words.counted(n, 'series', 'series')}"


def finding(found: Anomalies, now: pd.Timestamp, settings: params.Anomalies, zone: str) -> str:
    """What goes on now, or the gravest of the newest days."""
    alarms = shows.recent(found.alarms, now, settings.shown_days).sort_values(["severity", "anomaly_id"], ascending=[False, True])
    days = words.counted(settings.shown_days, "day")
    if alarms.empty:
        return f"Nothing strange enough to tell happened in the newest {days}."
    going_on = alarms[alarms["end"].isna()]
    count = words.counted(len(alarms), "anomaly", "anomalies")
    if len(going_on):
        said = explain.headline(next(going_on.itertuples()), zone)
        more = f", with {len(going_on) - 1} more" if len(going_on) > 1 else ""
        return f"Going on now: {said}{more}. {count} in the newest {days}."
    return f"{count} in the newest {days}, none going on; the gravest: {explain.headline(next(alarms.itertuples()), zone)}."


def tiles(found: Anomalies, now: pd.Timestamp, settings: params.Anomalies) -> list[tuple[str, str, str]]:
    """Alarms, grave ones, kept back, what chance is allowed."""
    alarms = shows.recent(found.alarms, now, settings.shown_days)
    all_of_them = shows.recent(found.anomalies, now, settings.shown_days)
    grave = int((alarms["severity"] >= GRAVE).sum())
    weeks = min(settings.shown_days / 7, float(found.weeks.max()) if len(found.weeks) else 0.0)
    chance = words.number(found.budget * len(found.weeks) * weeks, 2)
    delay = (alarms["detected_at"] - alarms["start"]).median()
    late = words.duration(delay.total_seconds()) if len(alarms) else words.MISSING
    return [
        ("Alarms", words.count(len(alarms)), f"in {settings.shown_days} days, {grave} of severity {GRAVE:.0f} or more"),
        ("Going on", words.count(int(alarms["end"].isna().sum())), "now"),
        ("Known after", late, "the median time from its first strange step"),
        (
            "Kept back",
            words.count(len(all_of_them) - len(alarms)),
            f"each with its reason; chance may give {chance} {'alarm' if chance == '1' else 'alarms'}",
        ),
    ]


def days_sentence(days: pd.DataFrame, zone: str) -> str:
    """What the heat map shows."""
    if days.empty or not (days["severity"] > 0).any():
        return "No service had an alarm on any day."
    worst = days.loc[days["severity"].idxmax()]
    n = words.counted(int(days.loc[days["severity"] > 0, "service"].nunique()), "service")
    size = words.fixed(worst["severity"], 0)
    return f"{n} had alarms; the gravest is that of {worst['service']} on {words.day(worst['day'], zone)} with severity {size}."


def ledger_sentence(found: Anomalies) -> str:
    """How many were kept back, and why."""
    summary = shows.ledger_summary(found)
    if summary.empty:
        return "Nothing was kept back."
    n = int(summary["n"].sum())
    parts = [f"{row.reason} ({row.n})" for row in summary.itertuples()]
    return (
        f"{words.counted(n, 'strange stretch', 'strange stretches')} {'is' if n == 1 else 'are'} no alarm: {words.listed(parts, limit=8)}."
    )


def budget_sentence(found: Anomalies, settings: params.Anomalies) -> str:
    """What was allowed, and what came."""
    weeks = float(found.weeks.sum())
    allowed, n = found.budget * weeks, len(found.alarms)
    shared = (
        f", as all of them together may cost {words.number(settings.fleet_false_alarms_per_week)}"
        if found.budget < settings.false_alarms_per_week
        else ""
    )
    return (
        f"Each service may cost {words.number(found.budget, 2)} false alarms a week{shared}. Over the {words.number(weeks, 3)} "
        f"weeks of all services together that allows {words.number(allowed, 2)}; {words.counted(n, 'alarm')} came. What is beyond the "
        "budget is real, as far as the data tell."
    )


def trust_sentence(realised: pd.DataFrame, cause: pd.Series, found: Anomalies) -> str:
    """Whether the budget in use was kept: what came of it that nothing known explains, and what was left out."""
    mine = realised[realised["budget"] == found.budget]
    if mine.empty:
        return "Nothing was judged, so that nothing can be said of the budget."
    row = next(mine.itertuples())
    came, allowed = words.number(row.rate, 2), words.number(row.budget, 2)
    interval = words.interval(row.low, row.high, lambda value: words.number(value, 2))
    if row.high < row.budget:
        verdict = "fewer than it allows"
    elif row.low > row.budget:
        verdict = "more than it allows: real things that nobody declared, or a budget that is not kept"
    else:
        verdict = "what it allows, as far as so many weeks can tell"
    counts = cause.reindex(found.alarms["anomaly_id"]).value_counts()
    left_out = [f"{words.count(counts[name])} {said}" for name, said in CAUSE_WORDS.items() if name in counts]
    without = f" Left out as real: {words.listed(left_out)}." if left_out else " There was nothing to leave out as real."
    return (
        f"A service may cost {allowed} false alarms a week; {came} {interval} a week came that nothing known explains, "
        f"{verdict}.{without} "
        "All others count as false here, even what was real and nobody knows of: the true rate of false alarms is at most this."
    )


def budgets_sentence(realised: pd.DataFrame) -> str:
    """What the figure of budgets shows."""
    said = [f"{words.number(row.rate, 2)} at a budget of {words.number(row.budget)}" for row in realised.itertuples()]
    return f"Unexplained alarms in a week of a service: {words.listed(said)}."


def costs_sentence(costs: pd.DataFrame, found: Anomalies) -> str:
    """What other budgets would have told, and of whom that is not known."""
    known = int(costs["n_services"].iloc[-1]) if len(costs) == len(BUDGETS) else 0
    unknown = words.counted(len(found.weeks) - known, "service")
    apart = f" Of {unknown} with few series it is only known what a smaller budget tells." if known < len(found.weeks) else ""
    return (
        "Half and twice the budget, over all data, from the rates that were found: each series was looked at up to the budget of the whole "
        f"service.{apart} Other rules and budgets: `analytics alerts replay --set anomalies.min_points=2` tells alarms gained and lost."
    )


def trial_sentence(trial: Trial, zone: str) -> str:
    """What was put in and what of it was caught."""
    n = len(trial.put)
    if not n:
        return (
            "No anomaly was tried: nothing with response times, availability or requests is measured hourly or finer and for more than "
            "eleven days, or the trial is off (anomalies.trial_places)."
        )
    caught = int(trial.put["is_caught"].sum())
    return (
        f"{words.counted(n, 'anomaly', 'anomalies')} of known kind and size were put into a copy of "
        f"{words.counted(trial.n_services, 'service')} ({words.span(trial.start, trial.end, zone)}), each in one region and where nothing "
        f"was strange; {words.count(caught)} {'was' if caught == 1 else 'were'} told, by the rules and the budget in use. All series of a "
        "service share its budget: what shows in one of many must be that much stranger. The last column is what a budget of "
        f"{words.number(trial.for_more, 2)} a week would tell."
    )


def others(found: Anomalies, courses: list[Any], now: pd.Timestamp, settings: params.Anomalies, zone: str) -> list[dict[str, Any]]:
    """The gravest alarms not among those looked at (`courses`), told without a figure, as `reporting.chapters` takes them."""
    with_it = companions(found.alarms)
    rows = found.alarms[found.alarms["anomaly_id"].isin(with_it)]
    rows = rows[~rows["anomaly_id"].isin([one.anomaly.anomaly_id for one in courses])]
    rows = rows[rows["severity"] >= WORTH_TELLING]
    order = rows.assign(is_old=~rows["anomaly_id"].isin(shows.recent(rows, now, settings.shown_days)["anomaly_id"]))
    chosen = order.sort_values(["is_old", "severity", "anomaly_id"], ascending=[True, False, True]).head(MOST_TOLD)
    return [
        {
            "anchor": row.anomaly_id,
            "heading": explain.heading(row, with_it[row.anomaly_id], zone),
            "text": explain.paragraph(row, with_it[row.anomaly_id]),
            "figures": [],
        }
        for row in chosen.itertuples()
    ]


def todo(found: Anomalies, now: pd.Timestamp, settings: params.Anomalies, zone: str) -> list[tuple[str, str]]:
    """What to do about the gravest."""
    alarms = shows.recent(found.alarms, now, settings.shown_days).sort_values(["severity", "anomaly_id"], ascending=[False, True])
    alarms = alarms[alarms["anomaly_id"].isin(companions(found.alarms))]
    asked = [
        (
            f"Find out why {explain.headline(row, zone)}.",
            f"If it was a false alarm: `analytics alerts label {row.anomaly_id} false --reason '…'`. "
            "Its like is then kept back, and listed.",
        )
        for row in alarms.head(3).itertuples()
    ]
    return asked or [("Nothing needs to be done.", "Nothing was stranger than chance may be.")]


def rules(found: Anomalies, settings: params.Anomalies) -> str:
    """How it was done, as markdown."""
    return (
        "Every value is compared with what its own past leads to expect: a robust forecast from the minutes before, the same time of day "
        "and of the week, on a holiday of the region anything between working days and days of rest; failed checks with the share that "
        "usually fails (binomial counts in windows from one step to a day). How often a week chance alone does as much is learnt from each "
        "series itself, from its episodes and not from its points. What begins within "
        f"{words.duration(settings.near_s)} of each other in one service is one anomaly; several series share the price of having looked "
        "at all of them (Simes 1986, *Biometrika* 73). It is an alarm if chance alone does as much at most "
        f"{words.number(found.budget, 2)} times a week in the service, if it is large enough to matter and neither in "
        "maintenance nor a fault of the prober. Severity is 100 × strength × duration × exposure. Nothing uses what came later."
    )
