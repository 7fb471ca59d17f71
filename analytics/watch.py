"""Between two runs of the chain: fetch the newest data, judge them by the stored detectors, tell people.

A pass of `analytics watch` does what the chain does, with the same functions and hence the same ids: rows become steps, steps are judged,
what was strange becomes anomalies and alerts. It begins on the Monday at which the stored detectors stand instead of at the first day,
reads what the chain has published, and writes to `data/live` only. Whatever it has not seen yet it catches up with, so it may come as
often or as late as it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analytics import alerts, anomalies, ingest, params, session, sources, store, tables, tell, words
from analytics.panel import PanelRef, Panels, to_ms, week_start
from analytics.sources.collect import collect

__all__ = ["Busy", "Watched", "watch"]

SHOWN = 5
"""Silent services that are printed."""

Say = Callable[[str], None]


class Busy(RuntimeError):
    """Another process is watching at this moment; it sees what is new."""


@dataclass(frozen=True)
class Watched:
    """What a pass has come to: the end of the newest step that was judged, lines to print, problems that make the command fail."""

    now: pd.Timestamp
    lines: list[str]
    problems: list[str]


@dataclass(frozen=True)
class _Newest:
    """What was measured since the Monday before the chain ended, and the tables around it as they are known now."""

    since: pd.Timestamp
    signals: Panels
    series: pd.DataFrame
    coverage: pd.DataFrame
    gaps: pd.DataFrame
    masks: pd.DataFrame
    known: ingest.Catalogue


def watch(root: Path, *, clock: pd.Timestamp, is_collected: bool = True, is_sent: bool = True, say: Say = lambda text: None) -> Watched:
    """One pass.

    Parameters
    ----------
    clock : what time it is; a step that is not over by then is not judged
    is_collected, is_sent : whether sources are asked first, and whether people are told

    Raises
    ------
    Busy
        If another pass is under way.
    FileNotFoundError
        If the chain has not run yet: there is nothing to judge by.
    """
    from filelock import FileLock, Timeout

    folder = root / "data" / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "watch.lock", timeout=0):
            return _watch(root, clock, is_collected, is_sent, say)
    except Timeout:
        raise Busy("another process is watching at this moment; it sees what is new") from None


def _watch(root: Path, clock: pd.Timestamp, is_collected: bool, is_sent: bool, say: Say) -> Watched:
    chosen = params.load(root / "params.yaml")
    zone = chosen.project.zone
    problems = _collect(chosen, root, clock, say) if is_collected else []
    before = tell.known_alerts()
    with session.live():
        newest = _measure(chosen, clock)
        now = min(newest.signals.end or _chain_knows(), clock)
        silent = alerts.findings_of_silences(newest.gaps, newest.series, newest.masks, settings=chosen.alerts, now=clock)
        # That nothing comes any more is known by the clock alone.
        until = clock if (silent["known_at"] > now).any() else now
        raised = _raise(newest, silent, chosen, now, until)
        _save(raised, until)
    lines = [f"judged until {words.moment(now, zone)}", *_news(before, raised.alerts), *_silent(raised.alerts, silent, zone)]
    if not is_sent or not chosen.delivery.channels:
        return Watched(now, lines, problems)
    said = tell.send(root, is_dry=False, now=clock)
    return Watched(now, [*lines, *said.lines], [*problems, *said.problems])


def _collect(chosen: params.Params, root: Path, clock: pd.Timestamp, say: Say) -> list[str]:
    """Ask each source; what went wrong. One that does not answer keeps nobody from judging what the others have said."""
    problems = []
    for name, options in chosen.sources.items():
        if not sources.is_collected(name):
            continue
        try:
            say(collect(name, options, root=root, now=clock, progress=say).sentence)
        except (ValueError, OSError, RuntimeError) as error:
            problems.append(str(error))
    return problems


def _measure(chosen: params.Params, clock: pd.Timestamp) -> _Newest:
    """Ingest the newest weeks: from that on until which the chain knows."""
    published = _published("series", "masks", "gaps")
    since = pd.Timestamp(week_start(to_ms(_chain_knows())), unit="ms", tz="UTC")
    found = _in_blocks_of(ingest.survey(list(chosen.sources), params=chosen.ingest, project=chosen.project), published["series"])
    newest = replace(found, weeks=[week for week in found.weeks if week.monday_ms >= to_ms(since)])
    # Weeks that are over by now are in what was published.
    store.drop_panels("signals")
    measured = ingest.measure(newest, params=chosen.ingest, project=chosen.project, keep=False)
    known = ingest.catalogue(newest, measured)
    gaps = ingest.with_earlier_gaps(measured.gaps, measured.series, published["gaps"], published["series"], since=since)
    store.save(_with_earlier(measured.series, published["series"]), "series")
    earlier = published["masks"][published["masks"]["start"] < since]
    # What was declared is in both; what the checks of earlier weeks have shown is only in what was published.
    masks = _together(earlier, known.masks).drop_duplicates(list(tables.TABLES["masks"].key), keep="last", ignore_index=True)
    written = store.panels("signals").between(since, None) if newest.weeks else Panels([])
    signals = Panels([_until(ref, clock) for ref in written])
    return _Newest(since, signals, store.load("series"), measured.coverage, gaps, masks, known)


def _chain_knows() -> pd.Timestamp:
    """Until when what the chain has published is known."""
    with session.published():
        return store.now()


def _in_blocks_of(found: ingest.Survey, published: pd.DataFrame) -> ingest.Survey:
    """The survey with services in the blocks that the chain has put them into: a service more may halve all blocks."""
    of = published.drop_duplicates("service").set_index("service")["block"]
    blocks = next(2**power for power in range(32) if all(store.block_of(name, 2**power) == block for name, block in of.items()))

    def named(layout: pd.DataFrame) -> pd.DataFrame:
        return layout.assign(block=[store.block_of(name, blocks) for name in layout["service"]])

    return replace(found, layout=named(found.layout), weeks=[replace(week, layout=named(week.layout)) for week in found.weeks])


def _published(*names: str) -> dict[str, pd.DataFrame]:
    with session.published():
        return {name: store.load(name) for name in names}


def _together(earlier: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Rows of both; a frame without rows would change the types of the other."""
    filled = [part for part in (earlier, later) if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else later


def _with_earlier(series: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Series as they are now: what the weeks at hand do not show of them is as it was published."""
    first = series["series_id"].map(published.set_index("series_id")["first"])
    here = series.assign(first=series["first"].where(first.isna() | (first > series["first"]), first))
    return _together(published[~published["series_id"].isin(series["series_id"])], here)


def _until(ref: PanelRef, clock: pd.Timestamp) -> PanelRef:
    """The steps that are over."""
    step_ms = ref.step_s * 1000
    return replace(ref, end_ms=max(ref.start_ms, min(ref.end_ms, to_ms(clock) // step_ms * step_ms)))


def _raise(newest: _Newest, silent: pd.DataFrame, chosen: params.Params, now: pd.Timestamp, until: pd.Timestamp) -> alerts.Raised:
    """Alerts as they are known: of drifts and earlier anomalies as the chain has published them, of the newest anomalies from here.

    Parameters
    ----------
    silent : findings of silences
    now, until : end of the newest step that is judged; time of the alerts
    """
    project, settings = chosen.project, chosen.anomalies
    detectors = _detectors(newest)
    known = anomalies.Known(newest.series, newest.known.regions, newest.masks, newest.coverage, store.decisions("feedback"))
    strange = anomalies.anomalies_of(
        detectors.found(), known,
        settings=settings.model_copy(update={"false_alarms_per_week": detectors.settings.false_alarms_per_week}), project=project, now=now,
    )  # fmt: skip
    store.save(strange.scores, "scores")
    told = _with_published(strange, since=newest.since)
    for name, table in told.items():
        store.save(table, name)
    drifts = _published("drifts", "drift_members")
    return alerts.raise_alerts(
        alerts.findings_of_drifts(
            drifts["drifts"], drifts["drift_members"], newest.series, newest.known.events, store.decisions("rebaselines"), zone=project.zone
        ),
        alerts.findings_of_anomalies(told["anomalies"], told["anomaly_course"], told["suppressed"], newest.known.events, zone=project.zone),
        silent,
        services=newest.known.services,
        series=newest.series,
        dependencies=newest.known.dependencies,
        masks=newest.masks,
        silences=store.decisions("silences"),
        settings=chosen.alerts,
        zone=project.zone,
        now=until,
    )


def _detectors(newest: _Newest) -> anomalies.Detectors:
    """The stored detectors, which stand at a Monday, after what the chain has published since then and what is newer."""
    with session.published():
        stored, published = anomalies.stored_detectors(), store.panels("signals").between(None, newest.since)
    regions = newest.known.regions
    return stored.judging(published, regions=regions).judging(newest.signals, regions=regions)


def _with_published(strange: anomalies.Anomalies, *, since: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Tables of anomalies: those that began before `since` as they were published, unless they are found again."""
    here = {
        "anomalies": strange.anomalies,
        "anomaly_members": strange.members,
        "anomaly_course": strange.course,
        "suppressed": strange.suppressed,
    }
    earlier = _published(*here)
    whole, again = earlier["anomalies"], strange.anomalies["anomaly_id"]
    kept = whole.loc[(whole["start"] < since) & ~whole["anomaly_id"].isin(again), "anomaly_id"]
    return {name: _together(earlier[name][earlier[name]["anomaly_id"].isin(kept)], table) for name, table in here.items()}


def _save(raised: alerts.Raised, until: pd.Timestamp) -> None:
    store.save(raised.changes, "alert_changes")
    store.save(raised.alerts, "alerts")
    # Last: from here on these tables are the newest.
    store.mark_newest(until)


def _news(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """What has opened and what is over since the last pass, of what somebody is told."""
    states = dict(zip(before["alert_id"], before["state"] == "resolved", strict=True))
    told = after[after["silenced_by"].isna()].sort_values(["start", "alert_id"])
    is_over = told["state"] == "resolved"
    was_over = told["alert_id"].map(states)
    opened = told.loc[~is_over & (was_over.isna() | was_over.eq(True)), "title"]
    ended = told.loc[is_over & was_over.eq(False), "title"]
    lines = [*(f"  opened     {title}" for title in opened), *(f"  resolved   {title}" for title in ended)]
    return [*lines, f"  {words.counted(int((~is_over).sum()), 'open alert')}"]


def _silent(raised: pd.DataFrame, silent: pd.DataFrame, zone: str) -> list[str]:
    """Of which nothing comes, of what somebody is told."""
    newest = silent.sort_values("known_at", kind="stable").drop_duplicates("finding_id", keep="last")
    still = newest.loc[newest["state"] == "open", "service"]
    is_told = (raised["finding"] == "silence") & (raised["state"] != "resolved") & raised["silenced_by"].isna()
    rows = raised[is_told & raised["service"].isin(still)].sort_values(["start", "title"])
    lines = [f"  silent     {row.title} since {words.moment(row.start, zone)}" for row in rows.head(SHOWN).itertuples()]
    return lines + [f"             and {len(rows) - SHOWN} more"] * (len(rows) > SHOWN)
