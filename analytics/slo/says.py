"""What the verdicts say, in sentences for people."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analytics import words
from analytics.calendars import Period
from analytics.panel import Panels
from analytics.slo import shows
from analytics.slo.counts import ALL
from analytics.slo.verdicts import Verdicts

__all__ = [
    "budget_sentence",
    "burn_sentence",
    "finding",
    "headline",
    "kept_of",
    "kicker",
    "month_sentence",
    "months_sentence",
    "outage_sentence",
    "proof_sentence",
    "region_clause",
    "service_states",
    "spelled",
    "tiles",
    "todo",
]  # fmt: skip

STANDS_OUT = 1.5
"""A region is named when it has so many times its even share of the bad checks."""

NOT_MEASURED = "No service with a promise was measured"
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def service_states(compliance: pd.DataFrame, period_start: pd.Timestamp) -> pd.Series:
    """Verdict of each service in a month, regions joined: the worst of its promises."""
    mine = compliance[(compliance["period_start"] == period_start) & (compliance["region"] == ALL)]
    order = {state: rank for rank, state in enumerate(shows.STATE_TONES)}
    rank = mine["state"].map(order).groupby(mine["service"]).min()
    return rank.map({rank: state for state, rank in order.items()}).rename("state")


def headline(compliance: pd.DataFrame, period_start: pd.Timestamp) -> str:
    """The answer for a month, without its name: 'Ten of twelve services kept their promises; checkout did not'."""
    states = service_states(compliance, period_start)
    by_state = {state: list(states.index[states == state]) for state in shows.STATE_TONES}
    n = sum(len(by_state[state]) for state in ("kept", "at risk", "missed"))
    if n == 0:
        return f"Too little data to judge {words.listed(few)}" if (few := by_state["too little data"]) else NOT_MEASURED
    is_over = bool(compliance.loc[compliance["period_start"] == period_start, "is_complete"].all())
    kept = len(by_state["kept"])
    if n == 1 and not kept:
        return (
            f"{words.listed(by_state['missed'])} {'did' if is_over else 'does'} not keep its promises"
            if by_state["missed"]
            else (f"{words.listed(by_state['at risk'])} may not keep its promises")
        )
    some = f"{spelled(kept)} of {spelled(n)} services".capitalize()
    alone = "The only service" if len(states) == 1 else by_state["kept"][0] if kept else ""
    who = alone if n == 1 == kept else _all(n) if kept == n else some
    is_one = kept < 2
    does = ("kept" if is_over else "keeps" if is_one else "keep") + (" its" if is_one else " their")
    parts = [f"{who} {does} promises"]
    if by_state["missed"]:
        parts.append(f"{words.listed(by_state['missed'])} {'did' if is_over else 'does' if len(by_state['missed']) == 1 else 'do'} not")
    if by_state["at risk"]:
        parts.append(f"{words.listed(by_state['at risk'])} {'is' if len(by_state['at risk']) == 1 else 'are'} at risk")
    return f"{parts[0]}; {', '.join(parts[1:])}" if len(parts) > 1 else parts[0]


def _all(n: int) -> str:
    return "Both services" if n == 2 else f"All {spelled(n)} services"


def spelled(n: int) -> str:
    """A small number as a word."""
    return NUMBERS[n] if n < len(NUMBERS) else words.count(n)


def month_sentence(compliance: pd.DataFrame, period: Period, zone: str) -> str:
    """The answer for a month, with its name: 'In March 2026 ten of twelve …'."""
    said = headline(compliance, period.start)
    is_over = bool(compliance.loc[compliance["period_start"] == period.start, "is_complete"].all())
    return f"{'In' if is_over else 'So far in'} {words.month(period.start, zone)}, {said[0].lower() + said[1:]}."


def finding(verdicts: Verdicts, periods: list[Period], zone: str) -> str:
    """The newest month, and the one before it."""
    if verdicts.compliance.empty:
        return "Nothing was measured that a promise could be judged by."
    sentences = [month_sentence(verdicts.compliance, period, zone) for period in reversed(periods[-2:])]
    states = service_states(verdicts.compliance, periods[-1].start)
    few = int((states == "too little data").sum())
    if few:
        sentences.append(f"{words.counted(few, 'service')} {'has' if few == 1 else 'have'} too few checks this month for a verdict.")
    gone = int((states == "unmeasured").sum())
    if gone:
        sentences.append(
            f"{words.counted(gone, 'service')} of {len(states)} {'was' if gone == 1 else 'were'} not measured any more this month."
        )
    return " ".join(sentences)


def kicker(compliance: pd.DataFrame, periods: list[Period], *, signals: Panels, now: pd.Timestamp, zone: str) -> str:
    """What, when, how much."""
    start = min(pd.Timestamp(ref.start_ms, unit="ms", tz="UTC") for ref in signals)
    n_services = compliance["service"].nunique()
    n_regions = compliance.loc[compliance["region"] != ALL, "region"].nunique()
    measured = words.span(start, now, zone) if periods else "nothing measured"
    return f"Objectives · {measured} · {words.counted(n_services, 'service')}, {words.counted(n_regions, 'region')}"


def tiles(verdicts: Verdicts, outages: pd.DataFrame, period: Period | None, zone: str) -> list[tuple[str, str, str]]:
    """Objectives kept, availability, least budget, outages of the newest month."""
    if period is None:
        return [("Services keeping promises", words.MISSING, "nothing was measured")]
    states = service_states(verdicts.compliance, period.start)
    judged = states[states.isin(["kept", "at risk", "missed"])]
    month = words.month(period.start, zone)
    mine = verdicts.compliance[(verdicts.compliance["period_start"] == period.start) & (verdicts.compliance["region"] == ALL)]
    checks = mine[(mine["objective_kind"] == "availability") & mine["objective"].notna()]
    share = 1 - checks["n_bad"].sum() / checks["n"].sum() if checks["n"].sum() else None
    at_risk, missed = (int((judged == state).sum()) for state in ("at risk", "missed"))
    budgets = verdicts.budgets[(verdicts.budgets["period_start"] == period.start) & (verdicts.budgets["region"] == ALL)]
    least = budgets.sort_values(["left_share", "service"]).head(1)
    of_month = outages[(outages["verdict"] == "counts") & (outages["until"] > period.start)]
    return [
        ("Services keeping promises", kept_of(judged), f"{missed} missed, {at_risk} at risk, {month}"),
        ("Availability", words.percent(share), f"of {words.count(checks['n'].sum())} checks of services with a promise"),
        (
            "Least budget left",
            words.percent(least["left_share"].iloc[0], 0) if len(least) else words.MISSING,
            f"{least['service'].iloc[0]}, {least['objective_kind'].iloc[0]}" if len(least) else "no promise was measured",
        ),
        (
            "Outages that count",
            words.count(len(of_month)),
            f"{month}: {words.duration(of_month['duration_s'].sum())} in all, {_open(of_month)}",
        ),
    ]


def _open(outages: pd.DataFrame) -> str:
    n = int(outages["is_open"].sum())
    return f"{words.count(n)} still open" if n else "none open"


def kept_of(judged: pd.Series) -> str:
    """How many of the services that have a verdict kept their promises: '6 of 9'."""
    return f"{int((judged == 'kept').sum())} of {len(judged)}" if len(judged) else words.MISSING


def region_clause(row: Any) -> str:
    """The end of a sentence: '; 75 % of the bad checks came from us', of a row of `worst_budgets`; empty for one region or nothing bad."""
    if not row.n_regions > 1 or pd.isna(row.worst_share):
        return ""
    bad = "bad checks" if row.objective_kind == "availability" else "slow steps"
    if row.worst_share * row.n_regions < STANDS_OUT:
        return f"; the {bad} are spread over {words.counted(int(row.n_regions), 'region')}"
    share = "all" if row.worst_share == 1 else words.percent(row.worst_share, 0)
    return f"; {share} of the {bad} came from {row.worst_region}"


def proof_sentence(worst: pd.DataFrame) -> str:
    """How many of the kept promises the checks can prove."""
    if worst.empty:
        return "No promise can be judged this month."
    kept = worst[worst["state"] == "kept"]
    open_to_doubt = kept[kept["compliance_low"] < kept["objective"]]
    if kept.empty:
        return "No promise is kept so far this month."
    if open_to_doubt.empty:
        kept_so_far = words.counted(len(kept), "promise is", "promises are")
        return f"{kept_so_far} kept so far, each clearly: its whole interval is better than promised."
    those = f"for {words.count(len(open_to_doubt))} of them" if len(open_to_doubt) < len(kept) else "for all of them"
    return (
        f"{words.counted(len(kept), 'promise is', 'promises are')} kept so far; {those if len(kept) > 1 else 'for it'} that may be luck: "
        "the interval of the share of good checks, from so few days, reaches below what was promised."
    )


def budget_sentence(worst: pd.DataFrame) -> str:
    """What the figure of budgets shows, in one sentence."""
    if worst.empty:
        return "No budget was spent because nothing with a promise was measured."
    said = [f"{row.service} {row.objective_kind} {words.percent(row.left_share, 0)}" for row in worst.head(3).itertuples()]
    over = (worst["left_share"] < 0).sum()
    n = words.counted(len(worst), "budget")
    return f"Of {n} {over} {'is' if over == 1 else 'are'} overspent; the least is left to {words.listed(said)}."


def burn_sentence(burn: pd.DataFrame) -> str:
    """What the burn-down figure shows, in one sentence."""
    last = burn.groupby("service", sort=True).tail(1).sort_values(["left_share", "service"])
    said = [f"{row.service} to {words.percent(row.left_share, 0)}" for row in last.head(3).itertuples()]
    return f"The budgets that fell furthest over the month: {words.listed(said)}." if said else "No budget was spent at all."


def months_sentence(rows: pd.DataFrame, periods: list[Period], zone: str) -> str:
    """What the figure by month shows, in one sentence."""
    judged = rows[rows["state"].isin(["kept", "at risk", "missed"])]
    missed = judged[judged["state"] == "missed"]
    said = f"Of {words.counted(len(judged), 'month')} of {words.counted(judged['service'].nunique(), 'service')} {words.count(len(missed))}"
    often = missed["service"].value_counts(sort=False).rename("n").reset_index().sort_values(["n", "service"], ascending=[False, True])
    names = [f"{row.service} ({row.n})" for row in often.head(3).itertuples()]
    return f"{said} {'was' if len(missed) == 1 else 'were'} missed" + (f", most often by {words.listed(names)}." if names else ".")


def outage_sentence(listed: pd.DataFrame) -> str:
    """How many outages there were, which do not count, how long the longest was."""
    counting = listed[listed["verdict"] == "counts"]
    if listed.empty:
        return "No check failed."
    n = {verdict: int((listed["verdict"] == verdict).sum()) for verdict in ("not confirmed", "maintenance", "prober")}
    left = [f"{words.count(n['not confirmed'])} {'was' if n['not confirmed'] == 1 else 'were'} not confirmed"] * bool(n["not confirmed"])
    left += [f"{words.count(n['maintenance'])} lay in maintenance"] * bool(n["maintenance"])
    left += [f"{words.count(n['prober'])} {'was' if n['prober'] == 1 else 'were'} the prober's fault"] * bool(n["prober"])
    also = f"; of the others {words.listed(left)}" if left else ""
    if counting.empty:
        return f"No confirmed outage counts{also}."
    top = counting.iloc[0]
    longest = f"the longest, of {top['service']} in {top['region']}, took {words.duration(top['duration_s'])}" + (
        " and is open" if top["is_open"] else ""
    )
    return f"{words.counted(len(counting), 'confirmed outage')} {'counts' if len(counting) == 1 else 'count'}, {longest}{also}."


def todo(worst: pd.DataFrame, listed: pd.DataFrame, certificates: pd.DataFrame, zone: str) -> list[tuple[str, str]]:
    """What to do, the most urgent first; never empty."""
    items: list[tuple[str, str]] = []
    open_now = listed[listed["is_open"] & (listed["verdict"] == "counts")]
    if len(open_now):
        names = [f"{row.service} in {row.region}" for row in open_now.itertuples()]
        items.append(
            (
                f"Bring back {words.listed(names)}.",
                f"{'It was' if len(names) == 1 else 'They were'} down where the data end; each minute spends budget.",
            )
        )
    for row in worst[worst["state"] == "missed"].head(2).itertuples(index=False):
        items.append(
            (
                f"Make no release of {row.service} that can wait until the month is over.",
                f"Its {row.objective_kind} budget is overspent by {words.percent(-row.left_share, 0)}{region_clause(row)}; see what its "
                "outages have in common. If the burn rate stays above 1 without releases, they are not the cause.",
            )
        )
    for row in worst[worst["state"] == "at risk"].head(3).itertuples(index=False):
        left = f"{words.percent(row.left_share, 0)} left"
        when = f"; at the recent rate it would run out on {words.moment(row.exhausted_at, zone)}" if pd.notna(row.exhausted_at) else ""
        items.append(
            (
                f"Look at {row.service} before its {row.objective_kind} budget is gone.",
                f"{left}{when}{region_clause(row)}. If the recent burn rate falls below 1 by itself, it was a false alarm.",
            )
        )
    for row in shows.certificate_table(certificates).itertuples(index=False):
        if row.state != "in time":
            items.append(
                (
                    f"Renew the certificate of {row.service}.",
                    f"It {'expired' if row.days_left <= 0 else 'expires'} on {words.day(row.expires, zone)}.",
                )
            )
    return items or [("Nothing has to be done.", "No promise is missed, no budget is at risk, nothing is down where the data end.")]
