"""The page for one minute: what matters, as rows of one frame. It computes no number that another page does not show.

For every stage that finds something there is a function that returns statements; `rank` puts them in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from analytics import alerts as telling, drift, words
from analytics.slo import says, shows
from analytics.slo.counts import ALL
from analytics.slo.regions import with_worst_region

__all__ = [
    "about_alerts", "about_budgets", "about_certificates", "about_data", "about_outages", "about_stopped", "came_share",
    "doubts", "finding", "kicker", "newest", "overview", "rank", "shown", "tiles", "title", "todo",
]  # fmt: skip

COLUMNS = ["weight", "what", "why", "chip", "tone", "address", "link"]
"""A statement: the heaviest stands first; `address` is where its evidence is."""

LONE = 3
"""So many of one kind have a statement each; the rest share one."""

LONG_OUTAGE_S = 3600
RECENT = pd.Timedelta("7D")
SPARK_DAYS = 56
MISSED, DOWN, EXPIRING, AT_RISK, STOPPED, CRITICAL, LONG, OTHERS = 100.0, 95.0, 80.0, 70.0, 60.0, 50.0, 40.0, 30.0
ALERT, PER_SEVERITY = 40.0, 0.3
"""Weight of an alert of severity 0, and how it grows: one of severity 100 weighs as much as a budget at risk."""
FLAGS = {
    "always_down": ("never worked while it was checked", "never worked while they were checked"),
    "unit_jump": ("changed its unit, it seems", "changed their unit, it seems"),
}


def newest(compliance: pd.DataFrame, budgets: pd.DataFrame) -> pd.DataFrame:
    """Verdicts, budgets and worst regions of the newest month, regions joined, the least left first; nothing promised comes last."""
    mine = compliance[(compliance["period_start"] == compliance["period_start"].max()) & (compliance["region"] == ALL)]
    joined = mine.merge(budgets, on=["service", "region", "objective_kind", "period_start"], how="left")
    joined = with_worst_region(joined, compliance)
    return joined.sort_values(["left_share", "service", "objective_kind"], na_position="last", ignore_index=True)


def never_up(flags: pd.DataFrame) -> set[str]:
    """Services that are probably wrongly probed: what they miss says something about the data, not about them."""
    return set(flags.loc[flags["flag"] == "always_down", "service"].dropna())


def about_budgets(month: pd.DataFrame, flags: pd.DataFrame, *, now: pd.Timestamp, zone: str) -> pd.DataFrame:
    """Promises that were missed, and those that are at risk."""
    judged = month[~month["service"].isin(never_up(flags))]
    missed, at_risk = (judged[judged["state"] == state] for state in ("missed", "at risk"))
    rows = [_missed(row, zone) for row in missed.head(LONE).itertuples(index=False)]
    rows += [_at_risk(row, now, zone) for row in at_risk.head(LONE).itertuples(index=False)]
    for rest, weight, state, tone in ((missed, MISSED, "missed", "bad"), (at_risk, AT_RISK, "at risk", "worse")):
        more = rest.iloc[LONE:]
        if len(more):
            names = words.listed(more["service"].drop_duplicates(), limit=8)
            what = f"{words.counted(len(more), 'more promise')} {'is' if len(more) == 1 else 'are'} {state} too."
            rows.append((weight - 1, what, f"{names}.", state, tone, "slo.html#how-much-budget-is-left", "Budgets"))
    return _statements(rows)


def _missed(row: Any, zone: str) -> tuple[object, ...]:
    month = words.month(row.period_start, zone)
    when = f" on {words.moment(row.exhausted_at, zone)}" if pd.notna(row.exhausted_at) else ""
    what = f"{row.service} missed its {row.objective_kind} objective of {month}; the budget was used up{when}."
    good = f"{words.percent(row.compliance, 2)} {words.interval(row.compliance_low, row.compliance_high, lambda x: words.percent(x, 2))}"
    unit = "checks" if row.objective_kind == "availability" else "steps"
    promised = f"promised are {shows.exactly(row.objective)}; overspent by {words.percent(-row.left_share, 0)}"
    why = f"{good} of {words.count(row.n)} {unit} were good, {promised}{says.region_clause(row)}."
    weight = MISSED + min(-row.left_share, 10) / 10
    return (weight, what, why, "missed", "bad", "slo.html#how-much-budget-is-left", "Budgets")


def _at_risk(row: Any, now: pd.Timestamp, zone: str) -> tuple[object, ...]:
    kind = f"{row.service} will use up its {row.objective_kind} budget"
    if pd.notna(row.exhausted_at):
        what = f"{kind} on {words.moment(row.exhausted_at, zone)} if it goes on like the last days."
    else:
        what = f"{row.service} has {words.percent(row.left_share, 0)} of its {row.objective_kind} budget left."
    remaining = words.duration((row.period_end - now).total_seconds())
    left = f"{words.percent(row.left_share, 0)} {shows.left_interval(row.left_low, row.left_high)}"
    burns = f"burn rate {words.fixed(row.burn_rate, 2)}, of late {words.fixed(row.burn_rate_recent, 2)}"
    why = f"{left} is left, with {remaining} to go; {burns}{says.region_clause(row)}."
    return (AT_RISK + 1 - max(row.left_share, 0), what, why, "at risk", "worse", "slo.html#how-much-budget-is-left", "Budgets")


def about_outages(listed: pd.DataFrame, *, now: pd.Timestamp, zone: str) -> pd.DataFrame:
    """What is down now, and what was down in the last days (result of `slo.list_outages`): the longest alone, the others together."""
    counting = listed[listed["verdict"] == "counts"]
    open_now = counting[counting["is_open"]]
    rows: list[tuple[object, ...]] = []
    if len(open_now):
        first = open_now.sort_values("start").iloc[0]
        names = words.listed([f"{row.service} in {row.region}" for row in open_now.itertuples()])
        what = f"{names} {'is' if len(open_now) == 1 else 'are'} down where the data end."
        why = f"Down since {words.moment(first['start'], zone)}, {words.duration((now - first['start']).total_seconds())} so far."
        rows.append((DOWN, what, why, "down", "bad", "slo.html#when-they-were-down", "Outages"))
    recent = counting[~counting["is_open"] & (counting["until"] > now - RECENT)]
    long = recent[recent["duration_s"] >= LONG_OUTAGE_S].head(LONE)
    for row in long.itertuples(index=False):
        what = f"{row.service} was down in {row.region} for {words.duration(row.duration_s)}, from {words.moment(row.start, zone)}."
        why = f"{words.counted(row.n_failed, 'failed check')} in a row."
        rows.append((LONG + min(row.duration_s / 86_400, 1), what, why, "over", "calm", "slo.html#when-they-were-down", "Outages"))
    others = recent.drop(index=long.index)
    if len(others):
        rows.append((OTHERS, *_others(others, is_more=len(long) > 0, zone=zone), "over", "calm", "slo.html#when-they-were-down", "Outages"))
    return _statements(rows)


def _others(outages: pd.DataFrame, *, is_more: bool, zone: str) -> tuple[str, str]:
    """Outages that have no statement each, the longest first, as what and why."""
    n = words.counted(len(outages), "more outage" if is_more else "outage")
    what = f"{n} in the last {RECENT.days} days took {words.duration(outages['duration_s'].sum())} in all."
    places = (outages["service"] + " in " + outages["region"]).value_counts(sort=False).rename_axis("place").reset_index(name="n")
    most = places.sort_values(["n", "place"], ascending=[False, True])
    top = outages.iloc[0]
    longest = f"the longest, of {top['service']}, {words.duration(top['duration_s'])} from {words.moment(top['start'], zone)}"
    return what, f"{words.listed([f'{row.place} {row.n}' for row in most.itertuples()])}; {longest}."


def about_stopped(stopped: pd.DataFrame, *, now: pd.Timestamp, zone: str) -> pd.DataFrame:
    """What was not measured any more in the last days (result of `slo.find_stopped`); what ended long ago was taken away on purpose."""
    recent = stopped[stopped["until"] > now - RECENT]
    if recent.empty:
        return _statements([])
    names = words.listed([_in_region(row) for row in recent.itertuples(index=False)])
    what = f"{names} {'is' if len(recent) == 1 else 'are'} not measured any more."
    why = f"The last data are of {words.moment(recent['until'].max(), zone)}; what happened since nobody knows."
    return _statements([(STOPPED, what, why, "stopped", "worse", "ingest.html#where-the-data-have-holes", "Data quality")])


def about_data(flags: pd.DataFrame) -> pd.DataFrame:
    """Critical flags, one statement for each kind: what is computed from such data says nothing."""
    critical = flags[flags["severity"] == "critical"]
    rows = []
    for flag, mine in critical.groupby("flag", sort=True):
        names = sorted(mine["service"].dropna().unique())
        one, many = FLAGS.get(str(flag), (f"has data flagged {flag}", f"have data flagged {flag}"))
        what = f"{names[0]} {one}." if len(names) == 1 else f"{words.counted(len(names), 'service')} {many}."
        worst = mine.sort_values(["n", "service"], ascending=[False, True]).iloc[0]
        text = f"{worst['text'][0].upper()}{worst['text'][1:]}"
        why = f"{text}." if len(names) == 1 else f"{words.listed(names, limit=6)}. Of {worst['service']}: {worst['text']}."
        rows.append((CRITICAL, what, why, "data", "worse", "ingest.html#what-to-know-before-believing-a-number", "Data quality"))
    return _statements(rows)


def about_certificates(certificates: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Certificates that must be renewed now (result of `slo.find_certificates`)."""
    rows = []
    for row in shows.certificate_table(certificates).itertuples(index=False):
        if row.state == "in time":
            continue
        does = "has expired" if row.days_left <= 0 else f"expires in {words.counted(int(row.days_left), 'day')}"
        why = f"On {words.day(row.expires, zone, year=True)}; after that browsers and clients refuse it."
        weight = DOWN - 1 if row.days_left <= 0 else EXPIRING - row.days_left
        tone = "bad" if row.days_left <= 0 else "worse"
        rows.append(
            (weight, f"The certificate of {row.service} {does}.", why, row.state, tone, "slo.html#certificates-that-expire", "Certificates")
        )
    return _statements(rows)


def about_alerts(alerts: pd.DataFrame, found: drift.Drifts, *, zone: str) -> pd.DataFrame:
    """What somebody is told of and goes on, unless it is for the better: urgent alerts alone, the others together.

    Alerts of several services that lead to one drift are one statement.
    """
    told = telling.shows.open_alerts(alerts)
    told = told[told["direction"] != "improvement"].sort_values(["score", "alert_id"], ascending=[False, True])
    if told.empty:
        return _statements([])
    # An alert leads to its gravest finding; of a drift its page says more than the alert's title.
    of_drift = {row.drift_id: row for row in found.drifts.itertuples(index=False)}
    shared = {name for name, row in of_drift.items() if pd.isna(row.service)}
    named = told.assign(drift_id=told["evidence"].str.partition("#")[2])
    first = named[~(named["drift_id"].isin(shared) & named["drift_id"].duplicated())]
    alone = first[first["severity"] != "info"].head(LONE)
    rows = [_alert(row, of_drift.get(row.drift_id), found, zone) for row in alone.itertuples(index=False)]
    others = named[~named.index.isin(alone.index) & ~named["drift_id"].isin(shared.intersection(alone["drift_id"]))]
    if len(others):
        n = words.counted(len(others), "more alert" if rows else "alert")
        what = f"{n} of {'a regression is' if len(others) == 1 else 'regressions are'} open."
        row = next(others.itertuples(index=False))
        gravest = _headline(row, of_drift.get(row.drift_id), found, zone)
        why = f"{gravest}." if len(others) == 1 else f"{_services(others)}; the gravest: {gravest}."
        severity, tone = others["severity"].iloc[0], telling.shows.SEVERITY_TONES[others["severity"].iloc[0]]
        rows.append((ALERT, what, why, severity, tone, "alerts.html#what-is-open", "Alerts"))
    return _statements(rows)


def _services(alerts: pd.DataFrame) -> str:
    return words.listed(alerts["service"].drop_duplicates(), limit=6)


def _alert(row: Any, of_drift: Any, found: drift.Drifts, zone: str) -> tuple[object, ...]:
    is_shared = of_drift is not None and pd.isna(of_drift.service)
    more = f", and {words.count(row.n_findings - 1)} more" if row.n_findings > 1 and not is_shared else ""
    # Of a drift, its sentence has the day.
    size = f"since {words.moment(row.start, zone)}, " if of_drift is None else ""
    if of_drift is not None and not is_shared:
        between = words.change_interval(of_drift.kind, of_drift.effect, of_drift.effect_low, of_drift.effect_high)
        size = f"{words.change(of_drift.kind, of_drift.effect, row.signals)} {between}, "
    near = f"declared near its start: {row.event}" if pd.notna(row.event) else "nothing was declared near its start"
    why = f"{size}{'the gravest of ' if is_shared else ''}severity {words.fixed(row.score, 0)} of 100; {near}."
    link = "Drift" if row.finding == "drift" else "Evidence"
    tone = telling.shows.SEVERITY_TONES[row.severity]
    said = _headline(row, of_drift, found, zone)
    # Names are written as they are.
    what = said if said.startswith((row.service, *row.signals)) or is_shared else f"{said[0].upper()}{said[1:]}"
    return (ALERT + PER_SEVERITY * row.score, f"{what}{more}.", why, row.severity, tone, row.evidence, link)


def _headline(row: Any, of_drift: Any, found: drift.Drifts, zone: str) -> str:
    """An alert as a sentence without its full stop: payments became 18 % slower on 17 Mar."""
    return str(row.title) if of_drift is None else drift.says.headline(of_drift, found, zone)


def _statements(rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS)


def rank(statements: Iterable[pd.DataFrame], *, limit: int) -> pd.DataFrame:
    """Statements of all stages, the heaviest first, `limit` at most; one that says so when nothing matters."""
    filled = [frame for frame in statements if len(frame)]
    if not filled:
        why = "No promise is missed or at risk, nothing is down or became worse, no certificate expires soon, and no data are in doubt."
        return _statements([(0.0, "Nothing needs attention.", why, "calm", "good", "slo.html", "Objectives")])
    joined = pd.concat(filled, ignore_index=True)
    return joined.sort_values(["weight", "what"], ascending=[False, True], kind="stable", ignore_index=True).head(limit)


def shown(ranked: pd.DataFrame) -> list[tuple[str, str, tuple[str, str], tuple[str, str]]]:
    """As `report.statements` takes them."""
    return [(row.what, row.why, (row.chip, row.tone), (row.link, row.address)) for row in ranked.itertuples(index=False)]


def came_share(coverage: pd.DataFrame) -> float | None:
    """Share of the expected checks that came; more than expected in one day does not make up for less in another."""
    came = (coverage["n_checks"] + coverage["n_excluded"]).clip(upper=coverage["n_expected"])
    expected = coverage["n_expected"].sum()
    return float(came.sum() / expected) if expected else None


def title(compliance: pd.DataFrame) -> str:
    """The finding of the newest month, as the heading of the page."""
    return says.headline(compliance, compliance["period_start"].max()) if len(compliance) else "No promise could be judged"


def kicker(month: pd.DataFrame, series: pd.DataFrame, *, now: pd.Timestamp, zone: str) -> str:
    """The line above the title: the month that is judged, how much was measured."""
    judged = words.month(month["period_start"].iloc[0], zone) if len(month) else "no month"
    until = "" if month.empty or month["is_complete"].all() else f", to {words.moment(now, zone)}"
    of = ", ".join(words.counted(series[name].nunique(), name) for name in ("service", "region"))
    return f"Summary · {judged}{until} · {of} · times in {zone}"


def doubts(flags: pd.DataFrame) -> list[str]:
    """Which data are in doubt, in the words of the page on their quality: worst first, each service once."""
    worst = flags[flags["service"].notna()]
    critical = set(worst.loc[worst["severity"] == "critical", "service"])
    careful = set(worst.loc[worst["severity"] == "warning", "service"]) - critical
    said = [f"data of {words.counted(len(critical), 'service')} are in doubt"] if critical else []
    return said + ([f"data of {words.counted(len(careful), 'service')} need care"] if careful else [])


def finding(
    ranked: pd.DataFrame, coverage: pd.DataFrame, flags: pd.DataFrame, stopped: pd.DataFrame, *, now: pd.Timestamp, zone: str
) -> str:
    """Under the title: how much matters, whether the data can be trusted, how new they are."""
    n = int(ranked["tone"].isin(["bad", "worse"]).sum())
    need = "Everything is calm." if n == 0 else f"{says.spelled(n).capitalize()} {'matter needs' if n == 1 else 'matters need'} attention"
    order = "" if n == 0 else ". " if n == 1 else ", the gravest first. "
    doubt = "; ".join(doubts(flags)) or "all of the data can be trusted"
    share = came_share(coverage)
    came = "There are metrics, no checks" if share is None else f"{words.percent(share)} of the expected checks came"
    return f"{need}{order or ' '}{came}; {doubt}. {_age(stopped, now, zone)}"


def _age(stopped: pd.DataFrame, now: pd.Timestamp, zone: str) -> str:
    """The newest time in the data, and which services (result of `slo.find_stopped`) end before it."""
    ended = [f"{_in_region(row)} ({words.day(row.until, zone, year=True)})" for row in stopped.itertuples(index=False)]
    earlier = f", earlier for {words.listed(ended)}" if ended else ""
    if len(ended) > LONE:
        earlier = f", earlier for {words.counted(len(ended), 'service')} or regions of one, the last of them {ended[0]}"
    return f"The data end on {words.moment(now, zone, year=True)} ({zone}){earlier}."


def _in_region(row: Any) -> str:
    return row.service if pd.isna(row.region) else f"{row.service} in {row.region}"


def tiles(
    month: pd.DataFrame, coverage: pd.DataFrame, flags: pd.DataFrame, listed: pd.DataFrame, alerts: pd.DataFrame
) -> list[tuple[str, str, str]]:
    """Objectives kept, availability, data trust, open alerts and outages."""
    states = says.service_states(month, month["period_start"].max()) if len(month) else pd.Series(dtype="object")
    judged = states[states.isin(["kept", "at risk", "missed"])]
    checks = month[(month["objective_kind"] == "availability") & month["objective"].notna()]
    n = checks["n"].sum()
    share = 1 - checks["n_bad"].sum() / n if n else None
    worst = [
        words.listed(judged.index[judged == state], limit=2) + f" {state}" for state in ("missed", "at risk") if (judged == state).any()
    ]
    return [
        (
            "Services keeping promises",
            says.kept_of(judged),
            ", ".join(worst) or ("all promises so far" if len(judged) else "no service can be judged"),
        ),
        ("Availability", words.percent(share), f"of {words.count(n)} checks of services with a promise"),
        (
            "Checks that came",
            words.percent(came_share(coverage)),
            "; ".join(doubts(flags)) or "all of the data can be trusted",
        ),
        ("Open alerts", words.count(len(telling.shows.open_alerts(alerts))), f"{_urgent(alerts)}; {_down(listed)}"),
    ]


def _urgent(alerts: pd.DataFrame) -> str:
    told = telling.shows.open_alerts(alerts)
    is_better = told["direction"] == "improvement"
    severity = told.loc[~is_better, "severity"]
    counts = [(int((severity == name).sum()), name) for name in telling.shows.SEVERITY_TONES]
    said = [f"{words.count(n)} {name}" for n, name in [*counts, (int(is_better.sum()), "for the better")] if n]
    return ", ".join(said) or "none is urgent"


def _down(listed: pd.DataFrame) -> str:
    lasting = listed.loc[(listed["verdict"] == "counts") & listed["is_open"], "duration_s"]
    if lasting.empty:
        return "nothing is down where the data end"
    return f"{words.counted(len(lasting), 'open outage')}, the longest {words.duration(lasting.max())}"


def overview(month: pd.DataFrame, services: pd.DataFrame, coverage: pd.DataFrame, listed: pd.DataFrame, zone: str) -> pd.DataFrame:
    """One row per service, the least budget left first: verdict, availability, budget left, daily availability, newest outage."""
    states = says.service_states(month, month["period_start"].max()) if len(month) else pd.Series(dtype="object", name="state")
    available = month[month["objective_kind"] == "availability"].set_index("service")["compliance"]
    least = month.dropna(subset="left_share").sort_values(["left_share", "objective_kind"]).groupby("service").head(1).set_index("service")
    counting = listed[listed["verdict"] == "counts"].sort_values("start").groupby("service").tail(1).set_index("service")
    is_of_years = counting["start"].dt.year.nunique() > 1
    newest_outage = {
        row.Index: f"{words.day(row.start, zone, year=is_of_years)}, {words.duration(row.duration_s)}" for row in counting.itertuples()
    }
    frame = pd.DataFrame({"service": services["service"], "owner": services["owner"]})
    daily = _daily(coverage)
    order = {state: rank for rank, state in enumerate(shows.STATE_TONES)}
    found = frame.assign(
        state=frame["service"].map(states).astype("object").fillna("unmeasured"),
        availability=frame["service"].map(available).astype(float),
        left_share=frame["service"].map(least["left_share"]).astype(float),
        left_of=frame["service"].map(least["objective_kind"]).astype("object").fillna(words.MISSING),
        days=[daily.get(name, []) for name in frame["service"]],
        newest_outage=frame["service"].map(newest_outage).astype("object").fillna("none"),
    )
    ordered = found.assign(order=found["state"].map(order)).sort_values(["order", "left_share", "service"], ignore_index=True)
    return ordered.drop(columns=["order", *(["owner"] if frame["owner"].isna().all() else [])])


def _daily(coverage: pd.DataFrame) -> dict[str, list[float]]:
    """Share of good checks of the last days, regions joined, oldest first; empty days are NaN."""
    if coverage.empty:
        return {}
    newest_day = coverage["day"].max()
    recent = coverage[coverage["day"] > newest_day - pd.Timedelta(days=SPARK_DAYS)]
    sums = recent.groupby(["service", "day"])[["n_up", "n_checks"]].sum()
    share = (sums["n_up"] / sums["n_checks"].where(sums["n_checks"] > 0)).unstack("day")
    days = pd.date_range(newest_day - pd.Timedelta(days=SPARK_DAYS - 1), newest_day, freq="D")
    return {str(service): values for service, values in zip(share.index, share.reindex(columns=days).to_numpy().tolist(), strict=True)}


def todo(
    month: pd.DataFrame, listed: pd.DataFrame, certificates: pd.DataFrame, flags: pd.DataFrame, alerts: pd.DataFrame, zone: str
) -> list[tuple[str, str]]:
    """What to do, at most four things."""
    judged = month[~month["service"].isin(never_up(flags)) & month["left_share"].notna()]
    nothing = ("Nothing has to be done.", "Every promise that was measured is kept, nothing is down, and no urgent alert is open.")
    items = [*says.todo(judged, listed, certificates, zone), *telling.says.todo(alerts)]
    gone = sorted(never_up(flags))
    if gone:
        items.append(
            (f"Take {words.listed(gone, limit=3)} out of the checks, or correct how they are probed.", "Nothing of them ever answered.")
        )
    return [item for item in items if item[0] != nothing[0]][:4] or [nothing]
