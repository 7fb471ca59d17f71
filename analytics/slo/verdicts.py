"""Counts -> verdicts: compliance with its interval, and the error budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics import params, tables
from analytics.calendars import Period
from analytics.slo.counts import ALL
from analytics.stats import rates

__all__ = ["Verdicts", "judge"]

KEYS = ["service", "region", "objective_kind"]
DAY_SUMS = ["n", "n_bad", "n_days", "square_bad", "square_n", "cross"]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdicts:
    """Tables `slo_compliance` and `error_budgets`."""

    compliance: pd.DataFrame
    budgets: pd.DataFrame


def judge(
    counts: pd.DataFrame,
    recent: pd.DataFrame,
    coverage: pd.DataFrame,
    periods: list[Period],
    *,
    params: params.Slo,
    now: pd.Timestamp,
) -> Verdicts:
    """Was each promise kept in each period, and how much of its error budget is left?

    The budget is `1 - objective` of the time that counts: what was measured and not left out, and in a running period all of the time
    to come. Time that was not measured is neither good nor bad. So a period that is over has a negative budget left exactly when its
    compliance is below the objective.

    Parameters
    ----------
    counts : result of `count_checks` for `periods`
    recent : the same for the one period `recent_period`
    coverage : table of that name; its checks in maintenance, pending or unknown are told as excluded
    """
    rows = _with_unmeasured(counts, periods).reset_index(drop=True)
    rows = _with_interval(_with_stated_exclusions(rows, coverage, periods), level=params.level)
    rows["is_complete"] = rows["period_end"] <= now
    rows = _with_budget(rows, recent, now=now)
    rows["state"] = _states(rows, params)
    has_budget = rows["state"].isin(["kept", "at risk", "missed"])
    names = {table: tables.TABLES[table].names for table in ("slo_compliance", "error_budgets")}
    return Verdicts(rows[names["slo_compliance"]], rows.loc[has_budget, names["error_budgets"]].reset_index(drop=True))


def _with_unmeasured(counts: pd.DataFrame, periods: list[Period]) -> pd.DataFrame:
    """Also the months between the first and the last measured one, and the newest month, in which nothing was measured."""
    if counts.empty:
        return counts
    number = {period.start: position for position, period in enumerate(periods)}
    measured = counts.assign(number=counts["period_start"].map(number))
    lives = measured.groupby([*KEYS], as_index=False, sort=True).agg(
        first=("number", "min"), last=("number", "max"), objective=("objective", "first")
    )
    months = [[*range(life.first, life.last + 1), *([len(periods) - 1] * (life.last < len(periods) - 1))] for life in lives.itertuples()]
    grid = lives[[*KEYS, "objective"]].assign(number=months).explode("number").astype({"number": "int64"})
    grid = grid.merge(measured.drop(columns=["objective", "period_start", "period_end"]), on=[*KEYS, "number"], how="left")
    edges = pd.DataFrame({"period_start": [p.start for p in periods], "period_end": [p.end for p in periods]}).astype("datetime64[ms, UTC]")
    whole = grid.merge(edges, left_on="number", right_index=True).drop(columns="number")
    sums = [*DAY_SUMS, "n_excluded", "measured_s", "seen_s", "n_regions"]
    return whole.fillna(dict.fromkeys(sums, 0.0)).sort_values([*KEYS, "period_start"])


def _with_stated_exclusions(rows: pd.DataFrame, coverage: pd.DataFrame, periods: list[Period]) -> pd.DataFrame:
    """Add the checks that themselves said maintenance, pending or unknown; a UTC day belongs to the period in which it begins."""
    stated = coverage[coverage["n_excluded"] > 0]
    if rows.empty or stated.empty:
        return rows
    starts = pd.DatetimeIndex([period.start for period in periods]).as_unit("ms")
    # The first month may begin within the first day.
    position = np.maximum(starts.searchsorted(pd.DatetimeIndex(stated["day"]).as_unit("ms"), side="right") - 1, 0)
    stated = stated.assign(period_start=starts[position], objective_kind="availability")
    sums = stated.groupby([*KEYS, "period_start"], as_index=False)["n_excluded"].sum()
    joined = stated.assign(region=ALL).groupby([*KEYS, "period_start"], as_index=False)["n_excluded"].sum()
    said = pd.concat([sums, joined]).rename(columns={"n_excluded": "stated"})
    merged = rows.merge(said, on=[*KEYS, "period_start"], how="left")
    return merged.assign(n_excluded=merged["n_excluded"] + merged["stated"].fillna(0)).drop(columns="stated")


def _with_interval(rows: pd.DataFrame, *, level: float) -> pd.DataFrame:
    low, high = rates.clustered_interval(*(rows[name].to_numpy(float) for name in DAY_SUMS), outage=_usual_outages(rows), level=level)
    share = (rows["n_bad"] / rows["n"].where(rows["n"] > 0)).astype(float)
    return rows.assign(bad_share=share, bad_low=low, bad_high=high, compliance=1 - share, compliance_low=1 - high, compliance_high=1 - low)


def _usual_outages(rows: pd.DataFrame) -> FloatArray:
    """Size of an outage of each row's service, from all of its months; regions go down together, so their days are not added up."""
    single = rows[rows["region"] != ALL]
    services = single.groupby(["objective_kind", "service"])
    sums = services[DAY_SUMS].sum().astype(float).div(services["region"].nunique(), axis=0)
    kinds = [sums.xs(kind, drop_level=False) for kind in sums.index.unique("objective_kind")]
    found = [pd.Series(rates.usual_outage(*(kind[name].to_numpy() for name in DAY_SUMS)), index=kind.index) for kind in kinds]
    keys = pd.MultiIndex.from_frame(rows[["objective_kind", "service"]])
    return pd.concat(found).reindex(keys).to_numpy() if found else np.empty(0)


def _with_budget(rows: pd.DataFrame, recent: pd.DataFrame, *, now: pd.Timestamp) -> pd.DataFrame:
    to_come = (rows["period_end"] - now).dt.total_seconds().clip(lower=0)
    elapsed = (rows["period_end"] - rows["period_start"]).dt.total_seconds() - to_come
    allowed = 1 - rows["objective"]
    budget = allowed * (rows["measured_s"] + to_come)
    spent = rows["bad_share"] * rows["measured_s"]
    at_recent = recent.assign(recent_share=recent["n_bad"] / recent["n"].where(recent["n"] > 0))[[*KEYS, "recent_share"]]
    merged = rows.merge(at_recent, on=KEYS, how="left")
    recent_share = merged["recent_share"].astype(float).to_numpy()
    recent_share = np.where(rows["is_complete"], np.nan, recent_share)
    with np.errstate(divide="ignore", invalid="ignore"):
        runs_out_s = np.where(recent_share > 0, ((budget - spent) / recent_share).round(3), np.inf)
    projected = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[ms, UTC]")
    # Rounded to a minute: more would pretend to know.
    inside = (runs_out_s >= 0) & (runs_out_s < to_come) & ~rows["is_complete"]
    projected[inside] = (now + pd.to_timedelta(runs_out_s[inside], unit="s")).round("min").as_unit("ms")
    actual = pd.to_datetime(rows["exhausted_ms"].astype("Float64"), unit="ms", utc=True).astype("datetime64[ms, UTC]")
    return rows.assign(
        measured_share=(rows["seen_s"] / elapsed.where(elapsed > 0)).fillna(0.0).clip(upper=1.0),
        budget_s=budget,
        spent_s=spent,
        left_share=1 - spent / budget,
        left_low=1 - rows["bad_high"] * rows["measured_s"] / budget,
        left_high=1 - rows["bad_low"] * rows["measured_s"] / budget,
        burn_rate=rows["bad_share"] / allowed,
        burn_rate_recent=recent_share / allowed,
        exhausted_at=actual.where(actual.notna(), projected),
        is_projected=actual.isna() & projected.notna(),
    )


def _states(rows: pd.DataFrame, params: params.Slo) -> pd.Series:
    """Verdict: a running period is missed once its budget is overspent, for nothing can then save it."""
    at_risk = ~rows["is_complete"] & ((rows["left_share"] < params.at_risk_left) | rows["is_projected"])
    # Counted in whole checks, for a share of floats may lie a hair beside the objective.
    missed = rows["left_share"] < -1e-9
    verdicts = {
        "unmeasured": rows["n"] == 0,
        "no promise": rows["objective"].isna(),
        "too little data": rows["n"] < params.min_checks,
        "missed": missed,
        "at risk": at_risk,
    }
    return pd.Series(np.select(list(verdicts.values()), list(verdicts), default="kept"), index=rows.index)
