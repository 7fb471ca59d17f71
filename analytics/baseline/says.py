"""What the baselines say, in sentences for people."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics import words
from analytics.baseline import shows
from analytics.baseline.example import Example
from analytics.panel import Panels

__all__ = [
    "confidence_sentence",
    "course_sentence",
    "finding",
    "kicker",
    "left_out_sentence",
    "name_of",
    "season_sentence",
    "tiles",
    "todo",
    "week_sentence",
]

DAY_S = 86_400
SURE = 0.75
"""Confidence from which a baseline is called sure: ignorance adds at most a third to the variance, 15 % to the width of its band."""

MUCH_LEFT_OUT = 0.1
"""Part of a history beyond which what was left out is worth a look."""


def kicker(rows: pd.DataFrame, *, signals: Panels, now: pd.Timestamp, zone: str) -> str:
    """What, when, how much."""
    if not len(signals):
        return "Baselines · nothing measured"
    start = min(pd.Timestamp(ref.start_ms, unit="ms", tz="UTC") for ref in signals)
    n_services, n_regions = rows["service"].nunique(), rows["region"].nunique()
    return f"Baselines · {words.span(start, now, zone)} · {words.counted(n_services, 'service')}, {words.counted(n_regions, 'region')}"


def finding(rows: pd.DataFrame, seasons: pd.DataFrame) -> str:
    """How many series have a baseline, how sure they are, how many have a season."""
    if rows.empty:
        return "Nothing was measured for a day, so nothing is known to be normal."
    sure = int((rows["confidence"] >= SURE).sum())
    daily = seasons[seasons["series_id"].isin(rows["series_id"]) & (seasons["period_s"] == DAY_S)]["series_id"].nunique()
    all_sure = "and all are sure" if len(rows) > 1 else "and it is sure"
    how_sure = all_sure if sure == len(rows) else f"{words.count(sure)} of them a sure one"
    return (
        f"{words.counted(len(rows), 'series has', 'series have')} a baseline, {how_sure}; "
        f"{words.count(daily) if daily else 'none'} {'have' if daily > 1 else 'has'} a course of the day."
    )


def tiles(rows: pd.DataFrame, seasons: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Series, confidence, left out, seasons."""
    if rows.empty:
        return [("Series with a baseline", "0", "nothing was measured for a day")]
    left_out = rows["n_excluded"].sum() / (rows["n"] + rows["n_excluded"]).sum()
    with_season = seasons["series_id"].nunique()
    days = f"{words.number(rows['n_days'].median(), 2)} days of history in the middle"
    return [
        ("Series with a baseline", words.count(len(rows)), days),
        ("Confidence", words.percent(rows["confidence"].median(), 0), f"in the middle; least {words.percent(rows['confidence'].min(), 0)}"),
        ("Left out", words.percent(left_out), "of the history: masked, in a drift, or far from the usual course"),
        ("Series with a season", words.count(with_season), f"strongest {words.percent(seasons['strength'].max(), 0)} of the variance")
        if with_season
        else ("Series with a season", "0", "no period stands out of the noise"),
    ]


def name_of(example: Example | None) -> str:
    """'web in eu-west, latency_ms'."""
    if example is None:
        return "no series"
    return f"{example.series['service']} in {example.series['region']}, {example.series['signal']}"


def course_sentence(example: Example | None) -> str:
    """What the figure of the course shows, in one sentence."""
    if example is None:
        return "Nothing was measured that could be shown."
    known = example.course.dropna(subset=["value", "p95"])
    if known.empty:
        return f"Of {name_of(example)} nothing was measured while a baseline held."
    inside = (known["value"] <= known["p95"]).mean()
    beyond = (known["value"] > known["p99"]).mean()
    return (
        f"Of {words.counted(len(known), 'step')} of {name_of(example)}, {words.percent(inside, 1)} lie below the line that 95{words.NBSP}% "
        f"should be below, and {words.percent(beyond, 1)} above the one that 1{words.NBSP}% should be above."
    )


def week_sentence(example: Example | None) -> str:
    """What the figure of the usual week shows, in one sentence."""
    if example is None or example.week.empty:
        return "There is no usual week to show."
    week = example.week["expected"].to_numpy()
    if shows.is_flat(example):
        return f"{name_of(example)} is expected to be the same at every hour of the week."
    low, high = int(np.argmin(week)), int(np.argmax(week))
    unit = "" if example.series["unit"] in ("", "1") else words.NBSP + str(example.series["unit"])
    return (
        f"{name_of(example)} is usually lowest on {_hour(low)} with {words.number(week[low])}{unit} "
        f"and highest on {_hour(high)} with {words.number(week[high])}{unit}."
    )


def _hour(hour: int) -> str:
    return f"{shows.DAYS[hour // 24]} at {hour % 24}:00"


def confidence_sentence(rows: pd.DataFrame) -> str:
    """Who is known least, in one sentence."""
    if rows.empty:
        return "No series has a baseline."
    least = shows.confidence_rows(rows).iloc[0]
    unsure = int((rows["confidence"] < SURE).sum())
    where = f"{least['service']} in {least['region']}"
    return (
        f"{words.count(unsure)} of {words.counted(len(rows), 'baseline')} {'is' if unsure == 1 else 'are'} unsure "
        f"(below {words.percent(SURE, 0)}); the least sure is {least['signal']} of {where} with {words.percent(least['confidence'], 0)} "
        f"from {words.number(least['n_days'], 2)} days."
    )


def left_out_sentence(table: pd.DataFrame) -> str:
    """How much was left out and of whom most, in one sentence."""
    if table.empty:
        return "Nothing was left out: no hour was masked, in a drift, or far from the usual course."
    unusual, held, masked = (words.duration(table[name].sum()) for name in ("unusual_s", "held_s", "masked_s"))
    said = (
        f"{unusual} were left out because they were far from the usual course, {held} because a drift was open, "
        f"{masked} because they were masked"
    )
    top = table.iloc[0]
    where = f"{top['service']} in {top['region']} ({words.duration(top['unusual_s'])})"
    most = f"; the most unusual hours were those of {where}" if top["unusual_s"] > 0 else ""
    return f"{said}, all services and regions added up{most}."


def _period(seconds: float) -> str:
    return {DAY_S: "day", 7 * DAY_S: "week"}.get(int(seconds)) or words.duration(seconds)


def season_sentence(table: pd.DataFrame) -> str:
    """Which seasons there are, in one sentence."""
    if table.empty:
        return "No series has a period that stands out of its noise."
    parts = [
        f"{row.signal} in {words.count(row.series)} of {words.count(row.of)} series every {_period(row.period_s)}"
        for row in table.itertuples()
    ]
    return f"What repeats itself: {words.listed(parts)}."


def _by_reason(heavy: pd.DataFrame, left_out: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Places of which much was left out, the most first: mainly because a drift was open, and for other reasons."""
    if heavy.empty:
        return [], []
    places = heavy.sort_values("n_excluded", ascending=False).drop_duplicates(["service", "region"])[["service", "region"]]
    met = places.merge(left_out, on=["service", "region"], how="left")
    names = met["service"].astype(str) + " in " + met["region"].astype(str)
    is_held = met["held_s"] > met["unusual_s"] + met["masked_s"]
    return names[is_held].tolist(), names[~is_held].tolist()


def todo(rows: pd.DataFrame, left_out: pd.DataFrame) -> list[tuple[str, str]]:
    """What to do, the most urgent first; never empty."""
    items = []
    heavy = rows[rows["n_excluded"] > MUCH_LEFT_OUT * (rows["n"] + rows["n_excluded"])] if len(rows) else rows
    held, unusual = _by_reason(heavy, left_out)
    much = f"More than {words.percent(MUCH_LEFT_OUT, 0)} of the history was not learnt from"
    if held:
        items.append(
            (
                f"Check the drifts of {words.listed(held, limit=3)}.",
                f"{much} while they were open. What is still open (`analytics drift list`) is learnt again once somebody accepts it.",
            )
        )
    if unusual:
        items.append(
            (
                f"Look at what was left out of {words.listed(unusual, limit=3)}.",
                f"{much}; declare what it was. If the share falls by next week, that was right.",
            )
        )
    short = rows[rows["n_days"] < shows.LADDER[1][0]] if len(rows) else rows
    if len(short):
        items.append(
            (
                f"Judge {words.listed(sorted(set(short['service'])), limit=3)} with care this week.",
                f"{words.counted(len(short), 'baseline knows', 'baselines know')} less than a week; their bands are wider for it.",
            )
        )
    return items or [("Nothing has to be done.", "Every baseline knows at least a week, and little was left out of each.")]
