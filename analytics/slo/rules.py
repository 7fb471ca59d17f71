"""The rules of accounting, in sentences: printed where they are used."""

from __future__ import annotations

import pandas as pd

from analytics import params, words
from analytics.slo.shows import exactly

__all__ = ["rules"]


def rules(project: params.Project, params: params.Slo, promises: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Every accounting rule as a sentence, from the parameters; markdown. `judged` is table `slo_compliance`."""
    return "\n".join(
        f"- {line}"
        for line in [*_counting(project.accounting), *_promised(project), *_budgets(project, params), *_without(promises, judged)]
    )


def _counting(rule: params.Accounting) -> list[str]:
    bad = (
        "A check is bad when it failed; a single failed check counts."
        if rule.count == "checks"
        else "A failed check is bad only within a confirmed outage; a failure that no further one confirmed counts as good."
    )
    reasons = ["declared maintenance"] * rule.exclude_maintenance + ["faults of the prober itself"] * rule.exclude_prober_faults
    kept = ["declared maintenance"] * (not rule.exclude_maintenance) + ["faults of the prober"] * (not rule.exclude_prober_faults)
    left_out = f"Left out: {' and '.join(reasons)}. A step counts as inside when at least half of it is." if reasons else ""
    counted = f"Not left out: {' and '.join(kept)} {'counts' if len(kept) == 1 else 'count'} like any other failure." if kept else ""
    return [
        bad,
        "An outage lasts from a failed check to the next good one of the same monitor; what several monitors of a service in a region see "
        "at the same time is one outage. Where the checks pause (ingest.gap_factor) it ends one interval after the last failed one, unless "
        "they go on failing after it; the pause is no down time.",
        f"An outage is confirmed when {rule.outage_k} of {rule.outage_n} consecutive checks of a monitor failed"
        + (f", or when {words.counted(rule.outage_k, 'monitor')} saw it." if rule.outage_k > 1 else "."),
        *(line for line in (left_out, counted) if line),
        "Checks that said pending, maintenance or unknown are neither good nor bad; nor is time without checks.",
    ]


def _promised(project: params.Project) -> list[str]:
    own = (
        f"{words.milliseconds(project.latency_objective_ms)} where a service has no limit of its own."
        if project.latency_objective_ms
        else "only services with a limit of their own are judged."
    )
    return [
        f"Availability: {exactly(project.objective)} of the checks must be good where a service has no objective of its own.",
        f"Response time: in {exactly(project.latency_objective_share)} of the steps the median must keep the limit; {own}",
    ]


def _budgets(project: params.Project, params: params.Slo) -> list[str]:
    return [
        f"Periods are calendar months in {project.zone}; a step belongs to the month in which it begins.",
        "The budget is the share that may be bad, of the time that counts; in a running month also of all the time to come.",
        f"A running month is at risk with less than {exactly(params.at_risk_left)} of its budget left, or when the rate of the last "
        f"{words.counted(params.recent_days, 'day')} would use it up before the end. It is missed once the budget is overspent.",
        f"Fewer than {words.counted(params.min_checks, 'check')} in a month (for response times: steps) give no verdict.",
        f"Intervals cover {exactly(params.level)}.",
    ]


def _without(promises: pd.DataFrame, judged: pd.DataFrame) -> list[str]:
    without = sorted(promises.loc[promises["objective"].isna(), "service"].unique())
    unseen = sorted(set(promises["service"]) - set(judged["service"]))
    none = f"No promise and so no verdict: {words.listed(without, limit=6)}. Data stores and external services promise only what is given."
    never = f"Without a single regular check and so without a verdict: {words.listed(unseen, limit=6)}."
    return [none] * bool(without) + [never] * bool(unseen)
