"""Verdicts as tables for people and as rows for figures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from analytics import words
from analytics.calendars import Period
from analytics.slo.counts import ALL

__all__ = [
    "CERTIFICATE_TONES",
    "STATE_TONES",
    "budget_table",
    "certificate_table",
    "compliance_rows",
    "drawn_from",
    "drawn_outages",
    "exactly",
    "left_interval",
    "moment_with_year",
    "month_rows",
    "named",
    "newest_outages",
    "outage_table",
    "promise_name",
    "regional_table",
    "repair_table",
    "whole",
]

STATE_TONES = {"missed": "bad", "at risk": "worse", "kept": "good", "too little data": "calm", "unmeasured": "calm", "no promise": "calm"}
CERTIFICATE_TONES = {"expired": "bad", "renew now": "worse", "in time": "calm"}
RENEW_DAYS = 21
MONTHS_SHOWN = 6
OUTAGE_DAYS = 92
NAME_WIDTH = 30
DAY_S = 86_400
LEAST_TOLD = -10.0
"""An overspent budget beyond this is told as such; the number itself says nothing more."""


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


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows for a figure: long names of services shortened in their middle, and told apart by kind where there are both."""
    label = frame["service"].map(words.short_names(frame["service"].unique(), width=NAME_WIDTH))
    if "objective_kind" not in frame.columns or frame["objective_kind"].nunique() < 2:
        return frame.assign(service=label)
    plain = frame["objective_kind"] == "availability"
    return frame.assign(service=label.where(plain, label + " (" + frame["objective_kind"].astype(str) + ")"))


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


def outage_table(listed: pd.DataFrame) -> pd.DataFrame:
    """Outages for people, the longest first; what does not count, and why, after those that do."""
    rows = listed
    verdict = rows["verdict"].replace({"prober": "prober's fault"})
    shown = rows.assign(verdict=verdict.where(~rows["is_open"] | (verdict != "counts"), "open"))
    return shown[["service", "region", "start", "duration_s", "n_failed", "verdict"]].reset_index(drop=True)


def repair_table(repairs: pd.DataFrame) -> pd.DataFrame:
    """Repair times for people."""
    rough = repairs.assign(**{name: repairs[name].map(_roughly) for name in ("mtbf_s", "mtbf_low_s", "mtbf_high_s")})
    between = [words.interval(*row, words.duration) for row in zip(rough["mtbf_low_s"], rough["mtbf_high_s"], strict=True)]
    columns = ["service", "n_outages", "down_s", "mttr_s", "longest_s", "mtbf_s", "between"]
    return rough.assign(between=between)[columns]


def _roughly(seconds: float) -> float:
    """A time between failures, known from a few of them: from ten days on in whole days."""
    return round(seconds / DAY_S) * DAY_S if seconds >= 10 * DAY_S else seconds


def certificate_table(certificates: pd.DataFrame) -> pd.DataFrame:
    """Certificates for people, with what to do about each."""
    left = certificates["days_left"].astype(float)
    state = pd.Series("in time", index=certificates.index).mask(left < RENEW_DAYS, "renew now").mask(left <= 0, "expired")
    return certificates.assign(state=state)[["service", "expires", "days_left", "state", "said_by"]]


def left_interval(low: float, high: float) -> str:
    """An interval of the budget left; far below zero the number says nothing more."""
    if low > LEAST_TOLD:
        return words.interval(low, high, whole)
    if high <= LEAST_TOLD:
        return whole(high)
    return f"[below{words.NBSP}{words.fixed(100 * LEAST_TOLD, 0)},{words.NBSP}{words.fixed(100 * high, 0)}]"


def _fine(share: float) -> str:
    return words.percent(share, 2)


def whole(share: float) -> str:
    """A share of a budget; far below zero the number says nothing more."""
    return words.percent(share, 0) if share > LEAST_TOLD else f"below{words.NBSP}{words.percent(LEAST_TOLD, 0)}"


def promise_name(kind: str, objective: float) -> str:
    """'availability 99.9 %', 'latency 95 %'."""
    return f"{kind} {exactly(objective)}"


def exactly(share: float) -> str:
    """A promised share with the digits it was given: 99.9 %, 95 %."""
    return words.number(100 * share, 7) + words.NBSP + "%"
