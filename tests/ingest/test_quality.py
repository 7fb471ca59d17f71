"""Each thing that a reader must know about the data is said, and only where it is so."""

import numpy as np
import pandas as pd
import pytest

from analytics import ingest, params, store
from tests import naive, projects

MONDAY = pd.Timestamp("2026-03-02T00:00Z")


def regular(n, *, every_min=1, service="a", state="up", latency_ms=None, **more):
    latency = 10 + np.arange(n) % 7 if latency_ms is None else latency_ms
    times = MONDAY + pd.to_timedelta(np.arange(n) * every_min, unit="min")
    frame = pd.DataFrame({"time": times, "service": service, "state": state, "latency_ms": latency, **more})
    return frame.assign(latency_ms=frame["latency_ms"].astype(float).where(frame["state"] == "up"))


def flags_of(*frames, **settings):
    for number, frame in enumerate(frames):
        store.append_raw(f"s{number}", "checks", projects.raw_checks(frame))
    return projects.ingest_all(**settings).flags


def told(flags):
    return list(zip(flags["flag"], flags["service"].fillna(""), flags["severity"], strict=True))


def test_good_data_raise_no_flag(project):
    assert flags_of(regular(2000)).empty


@pytest.mark.parametrize("every_min", [1, 5])
def test_a_pause_longer_than_three_intervals_is_a_gap(project, every_min):
    frame = regular(400, every_min=every_min)
    kept = frame.drop(index=[*range(100, 102), *range(200, 210)])
    flags = flags_of(kept)
    start, end = frame["time"][200], frame["time"][210]
    assert flags[["flag", "start", "end", "n", "severity"]].to_numpy().tolist() == [["gap", start, end, 1, "info"]]


def test_a_pause_of_days_is_one_gap_and_a_warning(project):
    frame = regular(4 * 1440)
    flags = flags_of(frame[(frame["time"] < frame["time"][700]) | (frame["time"] >= frame["time"][3 * 1440 + 100])])
    assert told(flags) == [("gap", "a", "warning")]
    assert (flags["start"][0], flags["end"][0]) == (frame["time"][700], frame["time"][3 * 1440 + 100])


def test_gap_factor_matters(project):
    frame = regular(400).drop(index=range(200, 204))
    assert told(flags_of(frame)) == [("gap", "a", "info")]
    assert projects.ingest_all(gap_factor=6).flags.empty


def test_coming_and_going_of_a_service_is_no_gap(project):
    assert flags_of(regular(3000), regular(300, service="b")).empty


def test_a_service_that_never_works_is_said_to_be_down(project):
    states = np.where(np.arange(1000) % 50 == 0, "up", "down")
    assert told(
        flags_of(regular(1000, state=states), regular(1000, service="b", state=np.where(np.arange(1000) % 10 == 0, "up", "down")))
    ) == [("always_down", "a", "critical")]


def test_rows_written_on_change_are_never_a_regular_sample(project):
    changes = regular(30, every_min=37, service="quiet", origin="change")
    store.append_raw("s", "checks", projects.raw_checks(pd.concat([regular(300).assign(origin="check"), changes])))
    made = projects.ingest_all()
    assert ("change_only", "quiet", "warning") in told(made.flags)
    assert {key[0] for key in made.signals} == {"a"}


def test_rows_written_on_change_alone_still_have_outages(project):
    frame = regular(30, every_min=37, origin="change", state=["up", "down", "down"] * 10)
    store.append_raw("s", "checks", projects.raw_checks(frame))
    made = projects.ingest_all()
    assert made.signals == {}
    assert made.measured.series.empty
    assert made.outages["n_failed"].tolist() == [2] * 10


def test_irregular_checks_are_said_to_be_so(project, rng):
    times = MONDAY + pd.to_timedelta(np.cumsum(rng.choice([60, 61, 150], 600)), unit="s")
    assert told(flags_of(regular(600).assign(time=times))) == [("irregular", "a", "info")]


def test_a_constant_latency_is_suspicious_after_a_day(project):
    assert told(flags_of(regular(1440, latency_ms=5.0), regular(1435, service="b", latency_ms=5.0))) == [("constant", "a", "warning")]


@pytest.mark.parametrize(("factor", "is_told"), [(1000, True), (0.001, True), (50, False), (1e5, False)])
def test_a_level_a_thousand_times_higher_is_a_mistaken_unit(project, factor, is_told):
    n = 2 * 1440
    latency = (10 + np.arange(n) % 7) * np.where(np.arange(n) < 1440, 1, factor)
    flags = flags_of(regular(n, latency_ms=latency))
    assert told(flags) == [("unit_jump", "a", "critical")] * is_told
    assert flags["start"].tolist() == [MONDAY + pd.Timedelta("1D")] * is_told


@pytest.mark.parametrize("days", [1, 5])
def test_mistaken_unit_names_the_days_on_both_sides_of_a_gap(project, days):
    before, after = regular(1440, latency_ms=10 + np.arange(1440) % 7), regular(1440, latency_ms=10_000 + np.arange(1440) % 7)
    later = after.assign(time=after["time"] + pd.Timedelta(days, "D"))
    flags = flags_of(pd.concat([before, later]))
    assert flags.loc[flags["flag"] == "unit_jump", "text"].tolist() == [
        f"median latency went from 13 ms on 2026-03-02 to 10003 ms on 2026-03-0{2 + days}: were seconds taken for milliseconds?"
    ]


@pytest.mark.parametrize(("n", "flagged"), [(1, True), (9, True), (10, False)])
def test_a_handful_of_checks_is_too_few(project, n, flagged):
    assert told(flags_of(regular(n))) == [("too_few", "a", "warning")] * flagged


def test_one_row_is_a_series_of_one_step(project):
    store.append_raw("s", "checks", projects.raw_checks(regular(1)))
    made = projects.ingest_all()
    assert made.signals["a", "default", "latency_ms"] == {MONDAY: (10.0, 1)}
    assert made.measured.series["missing_share"].tolist() == [0.0] * 3
    assert made.measured.coverage["n_expected"].tolist() == [1.0]


def test_a_service_that_is_always_down_has_availability_and_no_latency(project):
    store.append_raw("s", "checks", projects.raw_checks(regular(30, state="down")))
    made = projects.ingest_all()
    assert {key[2] for key in made.signals} == {"availability"}
    assert {value for value, _ in made.signals["a", "default", "availability"].values()} == {0.0}


def test_unicode_names_come_through_whole(project):
    names = ["Zürich/支付", "😀 emoji", "Ωmega\tTab", "naïve'); --"]
    store.append_raw("s", "checks", projects.raw_checks(pd.concat([regular(20, service=name) for name in names])))
    made = projects.ingest_all()
    assert {key[0] for key in made.signals} == set(names)
    assert store.load("services")["service"].tolist() == sorted(names)


def test_no_data_says_how_to_get_some(project):
    with pytest.raises(ValueError, match=r"no checks or metrics in data/raw of one, two; run `analytics collect` first"):
        ingest.survey(["one", "two"], params=params.Ingest(), project=params.Project())


def refusal(number, reason="no time"):
    return {"source": "s", "kind": "checks", "place": f"mine.csv, line {number}", "reason": reason, "row": f"row {number}"}


def refuse(rows):
    names = ["source", "kind", "place", "reason", "row"]
    arrow = projects.pa.table({name: [row[name] for row in rows] for name in names})
    store.append_raw("s", "quarantine", arrow)


def test_a_run_with_too_many_refused_rows_stops_and_shows_ten(project):
    store.append_raw("s", "checks", projects.raw_checks(regular(88)))
    refuse([refusal(number) for number in range(12)])
    with pytest.raises(ValueError, match="12 of 100 rows were refused") as failure:
        projects.ingest_all()
    said = str(failure.value).splitlines()
    assert len(said) == 11
    assert said[1] == "  s checks mine.csv, line 0: no time: row 0"
    assert "ingest.max_rejected_share = 5.0%" in said[0]
    assert len(projects.ingest_all(max_rejected_share=0.12).flags) == 0
    assert len(store.load("quarantine")) == 12


def test_duplicates_and_future_rows_are_counted(project):
    store.append_raw("s", "checks", projects.raw_checks(regular(1000)))
    refuse([refusal(1, "duplicate: the first is kept"), refusal(2, "duplicate: the first is kept")])
    refuse([refusal(3, "lies after 2026-03-02 00:00 UTC, in the future of its collection")])
    refuse([refusal(4, "service 'future' has no time"), refusal(5, "signal 'duplicate' has no value")])
    flags = projects.ingest_all().flags.sort_values("flag")
    assert flags[["flag", "n", "severity"]].to_numpy().tolist() == [["clock_skew", 1, "warning"], ["duplicates", 2, "info"]]


def test_the_file_of_services_has_the_last_word(project):
    known = pd.DataFrame({"service": ["a", "b"], "name": ["A", "B"], "objective": [0.9, 0.99], "role": "service"})
    store.write_raw("s", "services", projects.pa.Table.from_pandas(known.reindex(columns=projects.tables.RAW["services"].names)))
    (project / "data" / "services.csv").write_text("service,objective,role\na,0.95,data_store\nnew,,\n", encoding="utf-8")
    store.append_raw("s", "checks", projects.raw_checks(regular(20)))
    projects.ingest_all()
    rows = store.load("services").set_index("service")
    assert rows.index.tolist() == ["a", "b", "new"]
    assert rows["objective"].fillna(-1).tolist() == [0.95, 0.99, -1]
    assert rows["role"].tolist() == ["data_store", "service", "service"]
    assert rows["name"].fillna("").tolist() == ["A", "B", ""]


@pytest.mark.data
def test_real_checks_of_six_years_give_what_a_loop_gives(project, data_folder):
    path = data_folder / "uptime" / "checks.parquet"
    if not path.is_file():
        pytest.skip("the development data have no uptime/checks.parquet")
    import pyarrow.parquet as pq

    raw = pq.read_table(path).to_pandas()
    raw = raw.assign(service=raw["repo"].astype(str) + "/" + raw["service"].astype(str))
    raw = raw[raw["service"].isin(sorted(raw["service"].unique())[:2])]
    is_up = raw["up"].astype(bool)
    checks = pd.DataFrame({"time": pd.to_datetime(raw["timestamp"], utc=True).astype("datetime64[ms, UTC]"), "service": raw["service"]})
    checks = checks.assign(region="r", monitor="m", state=np.where(is_up, "up", "down"), latency_ms=raw["latency_ms"].where(is_up))
    checks = checks.assign(origin=raw["origin"]).drop_duplicates(["service", "time"])
    store.append_raw("s", "checks", projects.raw_checks(checks))
    made = projects.ingest_all()
    steps = {(row.service, row.region): row.step_s for row in made.measured.series.itertuples()}
    expected = naive.check_series(checks, steps)
    assert made.signals.keys() == expected.keys()
    for key, values in expected.items():
        assert made.signals[key].keys() == values.keys()
        np.testing.assert_allclose([made.signals[key][time] for time in values], list(values.values()), rtol=1e-6)
    intervals = {(row.service, row.region, row.monitor): row.interval_ms / 1000 for row in made.found.schedules.itertuples()}
    found = [(row.service, row.start, None if pd.isna(row.end) else row.end, row.is_confirmed) for row in made.outages.itertuples()]
    assert found == [
        (service, start, end, confirmed) for service, _, start, end, _, confirmed in naive.outages(checks, 2, 3, intervals=intervals)
    ]


def test_all_long_pauses_are_counted_although_the_longest_only_are_named(project):
    frame = regular(3 * 1440)
    minutes = np.arange(len(frame))
    came = (minutes % 48 >= 12) & ~((minutes >= 1430) & (minutes < 1470))
    store.append_raw("s", "checks", projects.raw_checks(frame[came]))
    made = projects.ingest_all()
    steps = np.diff(minutes[came])
    n_pauses = int((steps > 3).sum())
    assert n_pauses > 60
    assert (made.flags["flag"] == "gap").sum() == 20
    assert ingest.says.trust(made.measured, made.flags)["gaps"].tolist() == [n_pauses]
    tiles = ingest.says.tiles(made.measured, made.flags, ingest.refused_rows(made.found), made.found)
    assert tiles[1][2] == f"{n_pauses}\u00a0long pauses"
    assert ingest.says.flag_summary(made.measured, made.flags).query("what == 'pauses longer than usual'")["n"].tolist() == [n_pauses]


def metrics_of(keep, *, signal="cpu", service="a", every_min=5, n=600):
    """A metric with samples at the places of a regular schedule that are kept."""
    places = np.array([place for place in range(n) if keep(place)])
    times = MONDAY + pd.Timedelta("5D") + pd.to_timedelta(places * every_min, unit="min")
    return projects.raw_metrics(pd.DataFrame({"time": times, "service": service, "signal": signal, "value": places % 7 + 0.5}))


def metric_flags(*samples, **settings):
    for rows in samples:
        store.append_raw("s", "metrics", rows)
    flags = projects.ingest_all(**settings).flags
    return flags[flags["flag"].str.startswith("metric")]


# Two days in, and from one week to the next.
@pytest.mark.parametrize("place", [100, 570])
def test_a_pause_of_a_metric_longer_than_three_steps_is_told(project, place):
    flags = metric_flags(metrics_of(lambda at: at not in range(20, 22) and not place <= at < place + 12))
    start = MONDAY + pd.Timedelta("5D") + pd.Timedelta(minutes=5) * place
    assert told(flags) == [("metric_gap", "a", "info")]
    assert flags[["start", "end", "n"]].to_numpy().tolist() == [[start, start + pd.Timedelta("1h"), 12]]
    assert flags["text"].tolist() == ["no cpu for 1\u00a0h"]
    assert metric_flags(gap_factor=13).empty


def test_metrics_that_pause_together_are_one_pause(project):
    lost = [metrics_of(lambda at: at not in range(100, 112), signal=signal) for signal in ("cpu", "memory")]
    flags = metric_flags(*lost, metrics_of(lambda at: True, signal="threads"))
    assert flags[["n", "text"]].to_numpy().tolist() == [[24, "no cpu and memory for 1\u00a0h"]]


def test_an_hourly_metric_has_no_pauses_between_its_samples(project):
    assert metric_flags(metrics_of(lambda at: True, every_min=60, n=300)).empty


@pytest.mark.parametrize(("n_last", "expected"), [(200, ["metric_stopped"]), (500, [])])
def test_a_metric_that_ends_a_day_before_the_rest_is_told(project, n_last, expected):
    flags = metric_flags(metrics_of(lambda at: at < n_last), metrics_of(lambda at: True, signal="memory"))
    assert flags["flag"].tolist() == expected
    if expected:
        assert flags["start"].tolist() == [MONDAY + pd.Timedelta("5D") + pd.Timedelta(minutes=5) * n_last]
        assert flags["text"].tolist() == ["no cpu since 2026-03-07, while the rest goes on"]


def test_a_service_all_of_whose_metrics_end_was_taken_away(project):
    assert metric_flags(metrics_of(lambda at: at < 200), metrics_of(lambda at: True, service="b")).empty


def test_pauses_of_metrics_do_not_count_against_the_checks(project):
    store.append_raw("s", "checks", projects.raw_checks(regular(4 * 1440)))
    store.append_raw("s", "metrics", metrics_of(lambda at: at < 200))
    store.append_raw("s", "metrics", metrics_of(lambda at: True, signal="memory"))
    made = projects.ingest_all()
    assert told(made.flags) == [("metric_stopped", "a", "warning")]
    assert ingest.says.trust(made.measured, made.flags)["trust"].tolist() == ["yes"]
