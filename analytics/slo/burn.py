"""How the budgets of a period were spent, day by day."""

from __future__ import annotations

import itertools

import pandas as pd

from analytics import calendars, params
from analytics.calendars import Period
from analytics.panel import Panels
from analytics.slo.counts import ALL, count_checks
from analytics.slo.regions import with_worst_region
from analytics.slo.verdicts import Verdicts

__all__ = ["burn_down", "worst_budgets"]


def worst_budgets(verdicts: Verdicts, period: Period, *, limit: int | None = None) -> pd.DataFrame:
    """Budgets of a period, regions joined, with the columns of their compliance and their worst region, the least left first."""
    keys = ["service", "region", "objective_kind", "period_start"]
    mine = verdicts.budgets[(verdicts.budgets["period_start"] == period.start) & (verdicts.budgets["region"] == ALL)]
    joined = with_worst_region(mine.merge(verdicts.compliance, on=keys), verdicts.compliance)
    joined = joined.sort_values(["left_share", "service", "objective_kind"], ignore_index=True)
    return joined if limit is None else joined.head(limit)


def burn_down(
    worst: pd.DataFrame,
    signals: Panels,
    promises: pd.DataFrame,
    outages: pd.DataFrame,
    masks: pd.DataFrame,
    period: Period,
    *,
    project: params.Project,
    now: pd.Timestamp,
) -> pd.DataFrame:
    """Budget left at the end of each local day of `period`, for the rows of `worst` (result of `worst_budgets`).

    A line begins with the first day on which the service was measured: before that nothing is known to be left.

    Returns
    -------
    frame with service (a promise of response time is told apart: 'web (latency)'), time, left_share
    """
    names = set(worst["service"])
    mine = Panels([part for name in sorted(names) for part in signals.select(service=name).between(period.start, period.end)])
    until = min(period.end, now)
    ends = list(calendars.midnights(period.start, until, project.zone))
    if ends[-1] < until:
        ends.append(until)
    days = [Period("day", start, end) for start, end in itertools.pairwise(ends)]
    daily = count_checks(mine, promises[promises["service"].isin(names)], outages, masks, days, project=project, now=now)
    bad = daily[daily["region"] == ALL].pivot_table(index=["service", "objective_kind"], columns="period_start", values="n_bad")
    bad = bad.reindex(columns=[day.start for day in days])
    lines = []
    for row in worst.itertuples(index=False):
        of_days = bad.loc[(row.service, row.objective_kind)]
        before = int(of_days.notna().argmax())
        spent = of_days.iloc[before:].fillna(0.0).cumsum()
        share = spent / spent.iloc[-1] if spent.iloc[-1] else spent
        name = row.service if row.objective_kind == "availability" else f"{row.service} ({row.objective_kind})"
        left = [1.0, *(1 - (1 - row.left_share) * share)]
        lines.append(pd.DataFrame({"service": name, "time": ends[before:], "left_share": left}))
    columns = ["service", "time", "left_share"]
    return pd.concat(lines, ignore_index=True)[columns] if lines else pd.DataFrame(columns=columns)
