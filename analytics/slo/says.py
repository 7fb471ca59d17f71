"""What the verdicts say, in sentences and tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pandas as pd

from analytics import words
from analytics.calendars import Period
from analytics.panel import Panels
from analytics.slo.counts import ALL
from analytics.slo.verdicts import Verdicts

__all__ = [
    "CERTIFICATE_TONES",
    "STATE_TONES",
    "budget_sentence",
    "budget_table",
    "burn_sentence",
    "certificate_table",
    "compliance_rows",
    "drawn_from",
    "drawn_outages",
    "exactly",
    "finding",
    "headline",
    "kicker",
    "left_interval",
    "moment_with_year",
    "month_rows",
    "month_sentence",
    "months_sentence",
    "named",
    "newest_outages",
    "outage_sentence",
    "outage_table",
    "promise_name",
    "proof_sentence",
    "regional_table",
    "repair_table",
    "service_states", "short_names", "spelled",
    "tiles",
    "todo",
]  # fmt: skip

STATE_TONES = {"missed": "bad", "at risk": "worse", "kept": "good", "unmeasured": "calm", "no promise": "calm"}
CERTIFICATE_TONES = {"expired": "bad", "renew now": "worse", "in time": "calm"}
RENEW_DAYS = 21
MONTHS_SHOWN = 6
OUTAGE_DAYS = 92
NAME_WIDTH = 30
LEAST_TOLD = -10.0
"""An overspent budget beyond this is told as such; the number itself says nothing more."""
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def promise_name(kind: str, objective: float) -> str:
    """'availability 99.9 %', 'latency 95 %'."""
    return f"{kind} {exactly(objective)}"


def exactly(share: float) -> str:
    """A promised share with the digits it was given: 99.9 %, 95 %."""
    return words.number(100 * share, 7) + words.NBSP + "%"


def service_states(compliance: pd.DataFrame, period_start: pd.Timestamp) -> pd.Series:
    """Verdict of each service in a month, regions joined: the worst of its promises."""
    mine = compliance[(compliance["period_start"] == period_start) & (compliance["region"] == ALL)]
    order = {state: rank for rank, state in enumerate(STATE_TONES)}
    rank = mine["state"].map(order).groupby(mine["service"]).min()
    return rank.map({rank: state for state, rank in order.items()}).rename("state")


def headline(compliance: pd.DataFrame, period_start: pd.Timestamp) -> str:
    """The answer for a month, without its name: 'Ten of twelve services kept their promises; checkout did not'."""
    states = service_states(compliance, period_start)
    by_state = {state: list(states.index[states == state]) for state in STATE_TONES}
    n = sum(len(by_state[state]) for state in ("kept", "at risk", "missed"))
    if n == 0:
        return "No service with a promise was measured"
    is_over = bool(compliance.loc[compliance["period_start"] == period_start, "is_complete"].all())
    kept = len(by_state["kept"])
    who = (
        "The only service" if n == 1 == kept else f"All {spelled(n)} services" if kept == n else f"{spelled(kept)} of {spelled(n)} services"
    )
    is_one = kept < 2
    does = ("kept" if is_over else "keeps" if is_one else "keep") + (" its" if is_one else " their")
    parts = [f"{who[0].upper()}{who[1:]} {does} promises"]
    if by_state["missed"]:
        parts.append(f"{words.listed(by_state['missed'])} {'did' if is_over else 'does' if len(by_state['missed']) == 1 else 'do'} not")
    if by_state["at risk"]:
        parts.append(f"{words.listed(by_state['at risk'])} {'is' if len(by_state['at risk']) == 1 else 'are'} at risk")
    return f"{parts[0]}; {', '.join(parts[1:])}" if len(parts) > 1 else parts[0]


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
        return [("Objectives kept", words.MISSING, "nothing was measured")]
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
        ("Objectives kept", f"{int((judged == 'kept').sum())} of {len(judged)}", f"{missed} missed, {at_risk} at risk, {month}"),
        ("Availability", words.percent(share), f"of {words.count(checks['n'].sum())} checks of promised services"),
        (
            "Least budget left",
            words.percent(least["left_share"].iloc[0], 0) if len(least) else words.MISSING,
            f"{least['service'].iloc[0]}, {least['objective_kind'].iloc[0]}" if len(least) else "no promise was measured",
        ),
        (
            "Outages that count",
            words.count(len(of_month)),
            f"{words.duration(of_month['duration_s'].sum())} in all, {words.counted(int(of_month['is_open'].sum()), 'open', 'open')}",
        ),
    ]


def budget_table(worst: pd.DataFrame) -> pd.DataFrame:
    """Budgets for people, from `worst_budgets`: the promise, the verdict, shares with their intervals, when it runs out."""
    return pd.DataFrame(
        {
            "service": worst["service"],
            "promise": [promise_name(*row) for row in zip(worst["objective_kind"], worst["objective"], strict=True)],
            "state": worst["state"],
            "compliance": worst["compliance"],
            "left_share": worst["left_share"],
            "left_between": [left_interval(*row) for row in zip(worst["left_low"], worst["left_high"], strict=True)],
            "burn_rate": worst["burn_rate"],
            "burn_rate_recent": worst["burn_rate_recent"],
            "exhausted_at": worst["exhausted_at"],
        }
    )


def left_interval(low: float, high: float) -> str:
    """An interval of the budget left; far below zero the number says nothing more."""
    if low > LEAST_TOLD:
        return words.interval(low, high, _whole)
    return f"[below {words.fixed(100 * LEAST_TOLD, 0)}, {words.fixed(100 * high, 0)}]" if high > LEAST_TOLD else _whole(high)


def _fine(share: float) -> str:
    return words.percent(share, 2)


def _whole(share: float) -> str:
    return words.percent(share, 0) if share > LEAST_TOLD else f"below {words.percent(LEAST_TOLD, 0)}"


def proof_sentence(worst: pd.DataFrame) -> str:
    """How many of the kept promises the checks can prove."""
    kept = worst[worst["state"] == "kept"]
    open_to_doubt = kept[kept["compliance_low"] < kept["objective"]]
    if kept.empty:
        return "No promise is kept so far this month."
    if open_to_doubt.empty:
        return f"{words.counted(len(kept), 'promise is', 'promises are')} kept, and the intervals of all lie above what was promised."
    return (
        f"Of {words.counted(len(kept), 'kept promise')} {words.count(len(open_to_doubt))} cannot be proven by so few days and checks: "
        "the interval reaches below what was promised."
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


def compliance_rows(compliance: pd.DataFrame, kind: str, periods: list[Period]) -> pd.DataFrame:
    """One kind of promise in the last months, regions joined; services that were not measured in any of them are left out."""
    newest = [period.start for period in periods[-MONTHS_SHOWN:]]
    mine = compliance["period_start"].isin(newest) & (compliance["region"] == ALL) & (compliance["objective_kind"] == kind)
    rows = compliance[mine & (compliance["state"] != "no promise")]
    measured = rows.loc[rows["state"] != "unmeasured", "service"]
    return rows[rows["service"].isin(measured)].reset_index(drop=True)


def regional_table(compliance: pd.DataFrame, period: Period | None) -> pd.DataFrame:
    """Promises that are not kept in some single region in a month, the worst first."""
    columns = ["service", "region", "promise", "state", "compliance", "between", "n", "n_bad", "n_excluded", "measured_share"]
    if period is None:
        return pd.DataFrame(columns=columns)
    rows = compliance[
        (compliance["period_start"] == period.start) & (compliance["region"] != ALL) & compliance["state"].isin(["missed", "at risk"])
    ]
    spent = (1 - rows["compliance"]) / (1 - rows["objective"])
    rows = rows.assign(
        spent=spent,
        promise=[promise_name(*row) for row in zip(rows["objective_kind"], rows["objective"], strict=True)],
        between=[words.interval(*row, _fine) for row in zip(rows["compliance_low"], rows["compliance_high"], strict=True)],
    )
    return rows.sort_values(["spent", "service", "region"], ascending=[False, True, True], ignore_index=True)[columns]


def month_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `compliance_rows` for reading: what was missed or is at risk first, then the newest month."""
    columns = ["service", "period_start", "state", "compliance", "n", "n_bad", "n_excluded", "measured_share"]
    order = rows["state"].map({state: rank for rank, state in enumerate(STATE_TONES)})
    return rows.assign(order=order).sort_values(["order", "period_start", "service"], ascending=[True, False, True], ignore_index=True)[
        columns
    ]


def months_sentence(rows: pd.DataFrame, periods: list[Period], zone: str) -> str:
    """What the figure by month shows, in one sentence."""
    judged = rows[rows["state"].isin(["kept", "at risk", "missed"])]
    missed = judged[judged["state"] == "missed"]
    said = f"Of {words.counted(len(judged), 'month')} of {words.counted(judged['service'].nunique(), 'service')} {words.count(len(missed))}"
    often = missed["service"].value_counts(sort=False).rename("n").reset_index().sort_values(["n", "service"], ascending=[False, True])
    names = [f"{row.service} ({row.n})" for row in often.head(3).itertuples()]
    return f"{said} {'was' if len(missed) == 1 else 'were'} missed" + (f", most often by {words.listed(names)}." if names else ".")


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows for a figure: long names of services shortened in their middle, and told apart by kind where there are both."""
    label = frame["service"].map(short_names(frame["service"].unique()))
    if "objective_kind" not in frame.columns or frame["objective_kind"].nunique() < 2:
        return frame.assign(service=label)
    plain = frame["objective_kind"] == "availability"
    return frame.assign(service=label.where(plain, label + " (" + frame["objective_kind"].astype(str) + ")"))


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Every name in at most about `NAME_WIDTH` letters; names that would look alike are numbered in the order of the alphabet."""
    found: dict[str, str] = {}
    for name in sorted(names):
        head = NAME_WIDTH // 3
        text = name if len(name) <= NAME_WIDTH else f"{name[:head]}…{name[-(NAME_WIDTH - head - 1) :]}"
        n_alike = sum(other == text or other.startswith(f"{text} (") for other in found.values())
        found[name] = f"{text} ({n_alike + 1})" if n_alike else text
    return found


def newest_outages(listed: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Confirmed outages of the last three months, for tables and figures."""
    is_new = listed["until"] > now - pd.Timedelta(days=OUTAGE_DAYS)
    return listed[listed["is_confirmed"].astype(bool) & is_new].reset_index(drop=True)


def drawn_outages(newest: pd.DataFrame) -> pd.DataFrame:
    """The same for a figure: short names, and an end where measuring stopped."""
    return named(newest.assign(end=newest["until"].where(~newest["is_open"], newest["end"])))


def drawn_from(newest: pd.DataFrame, now: pd.Timestamp) -> pd.Timestamp:
    """Where the figure of outages begins."""
    begin = max(newest["start"].min(), now - pd.Timedelta(days=OUTAGE_DAYS)) if len(newest) else now - pd.Timedelta("1D")
    return begin - (now - begin) / 50


def moment_with_year(zone: str) -> Callable[[Any], str]:
    """How a moment is written where data span years."""
    return partial(words.moment, zone=zone, year=True)


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


def outage_table(listed: pd.DataFrame) -> pd.DataFrame:
    """Outages for people, the longest first; what does not count, and why, after those that do."""
    rows = listed
    verdict = rows["verdict"].replace({"prober": "prober's fault"})
    shown = rows.assign(verdict=verdict.where(~rows["is_open"] | (verdict != "counts"), "open"))
    return shown[["service", "region", "start", "duration_s", "n_failed", "verdict"]].reset_index(drop=True)


def repair_table(repairs: pd.DataFrame) -> pd.DataFrame:
    """Repair times for people."""
    between = [words.interval(*row, words.duration) for row in zip(repairs["mtbf_low_s"], repairs["mtbf_high_s"], strict=True)]
    columns = ["service", "n_outages", "down_s", "mttr_s", "longest_s", "mtbf_s", "between"]
    return repairs.assign(between=between)[columns]


def certificate_table(certificates: pd.DataFrame) -> pd.DataFrame:
    """Certificates for people, with what to do about each."""
    left = certificates["days_left"].astype(float)
    state = pd.Series("in time", index=certificates.index).mask(left < RENEW_DAYS, "renew now").mask(left <= 0, "expired")
    return certificates.assign(state=state)[["service", "expires", "days_left", "state", "said_by"]]


def todo(worst: pd.DataFrame, listed: pd.DataFrame, certificates: pd.DataFrame, zone: str) -> list[tuple[str, str]]:
    """What to do, the most urgent first; never empty."""
    items: list[tuple[str, str]] = []
    open_now = listed[listed["is_open"] & (listed["verdict"] == "counts")]
    if len(open_now):
        names = [f"{row.service} in {row.region}" for row in open_now.itertuples()]
        items.append((f"Bring back {words.listed(names)}.", "They are down now; each minute spends budget."))
    for row in worst[worst["state"] == "missed"].head(2).itertuples(index=False):
        items.append(
            (
                f"Make no release of {row.service} that can wait until the month is over.",
                f"Its {row.objective_kind} budget is overspent by {words.percent(-row.left_share, 0)}; look what its outages share. "
                "It was wrong if the burn rate stays above 1 without releases.",
            )
        )
    for row in worst[worst["state"] == "at risk"].head(3).itertuples(index=False):
        left = f"{words.percent(row.left_share, 0)} left"
        when = f"; at the recent rate it would run out on {words.moment(row.exhausted_at, zone)}" if pd.notna(row.exhausted_at) else ""
        items.append(
            (
                f"Look at {row.service} before its {row.objective_kind} budget is gone.",
                f"{left}{when}. It was wrong if the recent burn rate falls below 1 by itself.",
            )
        )
    for row in certificate_table(certificates).itertuples(index=False):
        if row.state != "in time":
            items.append(
                (
                    f"Renew the certificate of {row.service}.",
                    f"It {'expired' if row.days_left <= 0 else 'expires'} on {words.day(row.expires, zone)}.",
                )
            )
    return items or [("Nothing has to be done.", "Every promise that was measured is kept, no budget is at risk, nothing is down.")]
