"""What the tables of this stage mean, in sentences and in small frames to show."""

from __future__ import annotations

import pandas as pd

from analytics import params, words
from analytics.ingest.catalogue import Catalogue
from analytics.ingest.measure import Measured
from analytics.ingest.survey import Survey

__all__ = [
    "coverage_sentence",
    "finding",
    "flag_summary",
    "gap_sentence",
    "kicker",
    "outage_sentence",
    "refusal_summary",
    "tiles",
    "todo",
    "trust",
]

TRUST = {"critical": "no", "warning": "with care", "info": "yes"}
FLAG_WORDS = {
    "gap": "pauses longer than usual",
    "metric_gap": "pauses of metrics",
    "metric_stopped": "metrics that ended",
    "duplicates": "repeated rows",
    "clock_skew": "times in the future",
    "prober_outage": "faults of the prober",
    "constant": "constant response times",
    "always_down": "never or hardly ever up",
    "irregular": "irregular checks",
    "interval_changed": "checks at another interval",
    "change_only": "written on change only",
    "unit_jump": "suspected mix-up of units",
    "too_few": "too few checks",
}
EXCLUDED = {"maintenance": "in declared maintenance", "prober": "that were the prober's fault"}
# They say nothing against the checks.
OF_METRICS = ("metric_gap", "metric_stopped")
REMEDIES = {
    "always_down": (
        "Remove or repair what never answers",
        "It hides real failures in every total. If nobody misses it, removing it was right.",
    ),
    "unit_jump": ("Check the unit of the response times", "Set `units` of the source, unless the service really became that slow."),
    "constant": ("Look at constant response times", "A probe that answers itself measures nothing."),
    "too_few": ("Let short series grow, or drop them", "Nothing can be said of fewer than ten checks."),
    "prober_outage": ("Watch the probers themselves", "A second prober in the region would tell their faults from those of the services."),
    "metric_stopped": (
        "Find out why metrics ended",
        "What was judged by them is not judged any more. If they were taken away on purpose, all is well.",
    ),
    "clock_skew": ("Set the clocks of the monitors", "Rows of the future are refused; once the clocks are right no more come."),
}


def kicker(measured: Measured, catalogue: Catalogue, *, zone: str) -> str:
    """The line above the title: what, when, how much."""
    series = measured.series
    n_services, n_regions = series["service"].nunique(), series["region"].nunique()
    of = f"{words.counted(n_services, 'service')}, {words.counted(n_regions, 'region')}"
    end = (series["last"] + pd.to_timedelta(series["step_s"], unit="s")).max()
    return f"Data quality · {words.span(series['first'].min(), end, zone)} · {of}"


def _came(coverage: pd.DataFrame) -> pd.Series:
    """Checks of each day that were expected and came: more than expected in one day does not make up for less in another."""
    return (coverage["n_checks"] + coverage["n_excluded"]).clip(upper=coverage["n_expected"])


def _came_share(coverage: pd.DataFrame) -> float:
    """Share of the expected checks that came; NaN where there are no checks."""
    expected = coverage["n_expected"].sum()
    return float(_came(coverage).sum() / expected) if expected else float("nan")


def trust(measured: Measured, flags: pd.DataFrame) -> pd.DataFrame:
    """One row per service and region, worst first: checks, coverage, usual interval, gaps, and whether the data can be trusted."""
    days = measured.coverage.assign(came=_came(measured.coverage))
    rows = days.groupby(["service", "region"], as_index=False)[["n_checks", "n_up", "n_excluded", "n_expected", "came"]].sum()
    rows["came"] = rows["came"] / rows["n_expected"]
    own = flags[flags["service"].notna() & ~flags["flag"].isin(OF_METRICS)]
    order = pd.CategoricalDtype(["info", "warning", "critical"], ordered=True)
    worst = own.assign(severity=own["severity"].astype(order)).groupby(["service", "region"], as_index=False)["severity"].max()
    # All of them: the flags name the longest only.
    gaps = measured.days.groupby(["service", "region"], as_index=False).agg(gaps=("n_pauses", "sum"))
    length = (own["end"] - own["start"]).dt.total_seconds()
    longest = own.assign(longest_gap_s=length)[own["flag"] == "gap"].groupby(["service", "region"], as_index=False)["longest_gap_s"].max()
    steps = measured.series[measured.series["signal"] == "availability"][["service", "region", "step_s", "first", "last"]]
    joined = rows.merge(worst, how="left").merge(gaps[["service", "region", "gaps"]], how="left").merge(longest, how="left").merge(steps)
    joined["trust"] = joined["severity"].astype("object").fillna("info").map(TRUST)
    joined["gaps"] = joined["gaps"].fillna(0).astype("int64")
    rank = joined["trust"].map({"no": 0, "with care": 1, "yes": 2})
    return joined.assign(rank=rank).sort_values(["rank", "came", "service", "region"], ignore_index=True)[
        ["service", "region", "trust", "n_checks", "came", "step_s", "gaps", "longest_gap_s", "first", "last"]
    ]


def finding(measured: Measured, flags: pd.DataFrame, quarantine: pd.DataFrame) -> str:
    """The answer: how much came, and whether it can be trusted."""
    if measured.coverage.empty:
        series = measured.series
        share = series["n"].sum() / (series["n"] / (1 - series["missing_share"])).sum()
        dead = flags[flags["flag"] == "always_down"]["service"].nunique()
        doubt = f"; {words.counted(dead, 'service')} never worked or {'was' if dead == 1 else 'were'} not measured" if dead else ""
        return f"{words.counted(len(series), 'series', 'series')} of metrics came, {words.percent(share)} of their steps; no checks{doubt}."
    totals = measured.coverage[["n_checks", "n_excluded", "n_expected"]].sum()
    came = _came_share(measured.coverage)
    verdicts = trust(measured, flags)
    bad, careful = verdicts[verdicts["trust"] == "no"], verdicts[verdicts["trust"] == "with care"]
    first = f"{words.counted(int(totals['n_checks']), 'check')} came, {words.percent(came)} of those expected."
    if len(bad) + len(careful) == 0:
        return f"{first} All of them can be trusted."
    parts = []
    if len(bad):
        parts.append(f"{words.listed([_pair(row) for row in bad.itertuples()], limit=3)} cannot be trusted")
    if len(careful):
        named = words.listed([_pair(row) for row in careful.itertuples()], limit=3)
        parts.append(f"{named} {'needs' if len(careful) == 1 else 'need'} care")
    rest = "; all others can be trusted" if len(bad) + len(careful) < len(verdicts) else ""
    return f"{first} {', '.join(parts)}{rest}."


def tiles(measured: Measured, flags: pd.DataFrame, quarantine: pd.DataFrame, found: Survey) -> list[tuple[str, str, str]]:
    """Four numbers: checks, coverage, refused rows, faults of the probers."""
    totals = measured.coverage[["n_checks", "n_excluded", "n_expected"]].sum()
    came = _came_share(measured.coverage)
    rows = (found.n_rows, "Rows") if measured.coverage.empty else (totals["n_checks"], "Checks")
    faults = measured.faults
    lost = (faults["end"] - faults["start"]).dt.total_seconds().sum()
    share = len(quarantine) / max(1, found.n_rows + len(quarantine))
    fault_text = f"{words.duration(lost)} in all, not counted against services" if len(faults) else "none"
    return [
        (rows[1], words.count(rows[0]), f"in {words.counted(len(measured.series), 'series', 'series')}, on regular steps"),
        ("Came, of those expected", words.percent(came), words.counted(int(measured.days["n_pauses"].sum()), "long pause")),
        ("Rows refused", words.count(len(quarantine)), f"{words.percent(share)} of all rows" if len(quarantine) else "nothing was refused"),
        ("Faults of probers", words.count(len(faults)), fault_text),
    ]


def coverage_sentence(measured: Measured, *, zone: str) -> str:
    """What the grid of coverage shows, for those who do not see it."""
    days = measured.coverage.assign(came=measured.coverage["n_checks"] + measured.coverage["n_excluded"])
    if days.empty:
        return "There is no check on any day."
    poor = days[days["came"] < 0.9 * days["n_expected"]]
    if poor.empty:
        return f"On all {words.count(len(days))} days of all services at least 90 % of the expected checks came."
    by_day = (poor["n_expected"] - poor["came"]).groupby(poor["day"]).sum()
    worst = words.day(by_day.idxmax(), zone, year=True)
    return (
        f"On {words.count(len(poor))} of {words.count(len(days))} days of a service in a region less than 90 % of the expected "
        f"checks came; most are missing on {worst}."
    )


def gap_sentence(flags: pd.DataFrame, measured: Measured, *, zone: str) -> str:
    """What the figure of pauses and faults (`flags`) shows, and of how many pauses, for those who do not see it."""
    if flags.empty:
        return "There was no pause longer than usual."
    n_drawn, n_pauses = int((flags["flag"] == "gap").sum()), int(measured.days["n_pauses"].sum())
    n_of_metrics = int(flags["flag"].isin(OF_METRICS).sum())
    n_other = len(flags) - n_drawn - n_of_metrics
    pauses = f"the longest {words.count(n_drawn)} of {words.counted(n_pauses, 'pause')}"
    parts = (
        (n_drawn, pauses if n_drawn < n_pauses else words.counted(n_drawn, "pause")),
        (n_of_metrics, words.counted(n_of_metrics, "pause or end of metrics", "pauses or ends of metrics")),
        (n_other, words.counted(n_other, "fault of a prober or jump of a unit", "faults of probers or jumps of units")),
    )
    n_first, first = next(part for part in parts if part[0])
    others = "".join(f", and {text}" for n, text in parts if n and text != first)
    drawn = f"{first[0].upper()}{first[1:]} {'is' if n_first == 1 and first != pauses else 'are'} drawn{others}"
    longest = flags.loc[(flags["end"] - flags["start"]).idxmax()]
    length = words.duration((longest["end"] - longest["start"]).total_seconds())
    return f"{drawn}; the longest of all, {length}, began on {words.moment(longest['start'], zone, year=True)} in {_pair(longest)}."


def signal_summary(measured: Measured) -> pd.DataFrame:
    """One row per signal: unit, series, steps with a value, their share, the series that lacks most."""
    series = measured.series.sort_values(["missing_share", "service", "region"], ascending=[False, True, True], kind="stable")
    expected = series["n"] / (1 - series["missing_share"])
    grouped = series.assign(expected=expected).groupby("signal", sort=True)
    rows = grouped.agg(
        unit=("unit", "first"), series=("n", "size"), step_s=("step_s", "median"), n=("n", "sum"), expected=("expected", "sum")
    )
    emptiest = grouped.head(1).set_index("signal")
    rows["present_share"] = rows["n"] / rows["expected"]
    lacking = [words.percent(share, 0) for share in emptiest["missing_share"].reindex(rows.index)]
    who = [_pair(row) for row in emptiest.reindex(rows.index).itertuples()]
    full = rows["present_share"] == 1
    rows["emptiest"] = [
        words.MISSING if whole else f"{name}: {share} missing" for whole, name, share in zip(full, who, lacking, strict=True)
    ]
    return rows.drop(columns="expected").reset_index()


def flag_summary(measured: Measured, flags: pd.DataFrame) -> pd.DataFrame:
    """One row per kind of flag: how many, where, the gravest of them in words."""
    order = {"critical": 0, "warning": 1, "info": 2}
    ranked = flags.assign(rank=flags["severity"].map(order), length=flags["end"] - flags["start"])
    ranked = ranked.sort_values(["rank", "length", "start"], ascending=[True, False, True], kind="stable")
    grouped = ranked.groupby("flag", sort=False)
    firsts = grouped.first().reset_index()
    # The flags name the longest pauses of a service and region only.
    n = grouped.size().where(lambda sizes: sizes.index != "gap", measured.days["n_pauses"].sum())
    where = firsts["service"].fillna("all services") + firsts["region"].map(lambda region: "" if pd.isna(region) else f", {region}")
    return pd.DataFrame(
        {
            "what": firsts["flag"].map(FLAG_WORDS),
            "severity": firsts["severity"],
            "n": n.reindex(firsts["flag"]).to_numpy(),
            "gravest": where + ": " + firsts["text"],
        }
    )


def refusal_summary(quarantine: pd.DataFrame) -> pd.DataFrame:
    """Refused rows by source and reason, with the first of each as an example; reasons that differ in numbers only are one."""
    alike = quarantine["reason"].map({reason: words.without_numbers(reason) for reason in quarantine["reason"].unique()})
    grouped = quarantine.assign(alike=alike).groupby(["source", "kind", "alike"], as_index=False, sort=True)
    found = grouped.agg(
        reason=("reason", "first"), n_reasons=("reason", "nunique"), n=("row", "size"), place=("place", "first"), row=("row", "first")
    )
    found["reason"] = found["reason"].where(found["n_reasons"] == 1, found["alike"])
    return found.drop(columns=["alike", "n_reasons"]).sort_values("n", ascending=False, kind="stable", ignore_index=True)


def outage_sentence(outages: pd.DataFrame, accounting: params.Accounting) -> str:
    """How many outages there were by the stated rule, and how many of them do not count."""
    rule = f"{accounting.outage_k} of {accounting.outage_n} consecutive checks"
    if outages.empty:
        return f"No check failed, so there is no outage (the rule: {rule} fail)."
    confirmed = outages[outages["is_confirmed"]]
    excluded = confirmed["excluded_reason"].value_counts()
    single = int((~outages["is_confirmed"]).sum())
    left_out = " and ".join(f"{words.count(n)} {EXCLUDED[str(reason)]}" for reason, n in excluded.sort_index().items())
    counted = len(confirmed) - int(excluded.sum())
    return (
        f"By the rule that {rule} must fail, there {'was' if counted == 1 else 'were'} {words.counted(counted, 'outage')}"
        + (f", not counting {left_out}" if left_out else "")
        + f". {words.counted(single, 'failure')} stood alone and {'was' if single == 1 else 'were'} not confirmed."
    )


def todo(flags: pd.DataFrame) -> list[tuple[str, str]]:
    """What to do about the data, the gravest first."""
    present = [flag for flag in REMEDIES if (flags["flag"] == flag).any()]
    items = []
    for flag in present:
        what, why = REMEDIES[flag]
        mine = flags[flags["flag"] == flag]
        names = sorted({_pair(row) for row in mine.itertuples()})
        items.append((f"{what}: {words.listed(names, limit=3)}.", why))
    return items or [("Nothing needs to be done.", "The next run looks again.")]


def _pair(row: object) -> str:
    service, region = getattr(row, "service", None), getattr(row, "region", None)
    return " in ".join(str(part) for part in (service, region) if not pd.isna(part)) or "all"
