"""Steps of series against a loop over checks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analytics import store
from tests import naive, projects

MONDAY = pd.Timestamp("2026-03-02T00:00Z")


def some_checks(rng, *, n=250, services=("a", "b", "c"), regions=("east", "west"), monitors=("m",), every_s=60, start=MONDAY, jitter_s=0):
    """Checks in random states with gaps, every `every_s` seconds."""
    rows = []
    for service in services:
        for region in regions:
            for number, monitor in enumerate(monitors):
                kept = np.flatnonzero(rng.random(n) > 0.1)
                offsets = kept * every_s * 1000 + number * 7000 + rng.integers(0, jitter_s * 1000 + 1, len(kept))
                state = rng.choice(["up", "up", "up", "up", "down", "down", "pending", "maintenance", "unknown"], len(kept))
                latency = np.round(rng.lognormal(4, 0.5, len(kept)), 2)
                latency[(state != "up") | (rng.random(len(kept)) < 0.05)] = np.nan
                origin = np.where(rng.random(len(kept)) < 0.05, "change", "check")
                times = start + pd.to_timedelta(offsets, unit="ms")
                rows.append(
                    pd.DataFrame(
                        {
                            "time": times,
                            "service": service,
                            "region": region,
                            "monitor": monitor,
                            "state": state,
                            "latency_ms": latency,
                            "origin": origin,
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True)


def assert_same_signals(found, expected):
    assert found.keys() == expected.keys()
    for key, steps in expected.items():
        assert found[key].keys() == steps.keys(), key
        for start, (value, n) in steps.items():
            assert found[key][start][1] == n, (key, start)
            assert found[key][start][0] == pytest.approx(value, rel=1e-6), (key, start)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"monitors": ("m", "n"), "jitter_s": 20},
        {"every_s": 900, "n": 1000, "services": ("a", "b")},
        {"start": MONDAY - pd.Timedelta("3h")},
        {"every_s": 61},
    ],
    ids=["every minute", "two monitors", "every quarter of an hour over two weeks", "across the end of a week", "a little late"],
)
def test_steps_equal_a_loop_over_checks(project, rng, shape):
    checks = some_checks(rng, **shape)
    store.append_raw("s", "checks", projects.raw_checks(checks))
    made = projects.ingest_all()
    steps = {}
    for (service, region), rows in checks.groupby(["service", "region"]):
        usual = min(naive.usual_interval(one.time) for _, one in rows.groupby("monitor"))
        steps[service, region] = naive.step_of(usual, 300)
    assert_same_signals(made.signals, naive.check_series(checks, steps))
    assert {(row.service, row.region): row.step_s for row in made.measured.series.itertuples()} == steps


def test_five_checks_give_these_values(project):
    checks = pd.DataFrame(
        {
            "time": MONDAY + pd.to_timedelta([0, 60, 120, 180, 240, 300], unit="s"),
            "service": "a",
            "state": ["up", "up", "down", "up", "pending", "up"],
            "latency_ms": [100.0, 300.0, np.nan, 200.0, np.nan, 50.0],
        }
    )
    store.append_raw("s", "checks", projects.raw_checks(checks))
    made = projects.ingest_all()
    first, second = MONDAY, MONDAY + pd.Timedelta("5min")
    assert made.signals == {
        ("a", "default", "availability"): {first: (0.75, 4), second: (1.0, 1)},
        ("a", "default", "latency_ms"): {first: (200.0, 3), second: (50.0, 1)},
        ("a", "default", "latency_p95_ms"): {first: (290.0, 3), second: (50.0, 1)},
    }
    assert made.measured.series["unit"].tolist() == ["fraction", "ms", "ms"]


@pytest.mark.parametrize(
    ("every_s", "wanted_s", "step_s"),
    [(60, 60, 60), (60, 300, 300), (300, 60, 300), (315, 300, 300), (316, 300, 600), (7 * 86400, 300, 86400)],
)
def test_step_is_no_finer_than_wanted_and_than_the_checks(project, every_s, wanted_s, step_s):
    times = MONDAY + pd.to_timedelta(np.arange(12) * every_s, unit="s")
    store.append_raw("s", "checks", projects.raw_checks(pd.DataFrame({"time": times, "service": "a", "state": "up", "latency_ms": 1.0})))
    assert set(projects.ingest_all(step_s=wanted_s).measured.series["step_s"]) == {step_s} == {naive.step_of(every_s, wanted_s)}


def some_metrics(rng, *, days=2):
    times = MONDAY + pd.to_timedelta(np.arange(days * 1440), unit="min")
    frames = [
        pd.DataFrame(
            {
                "time": times[keep := rng.random(len(times)) > 0.2],
                "service": service,
                "signal": signal,
                "value": rng.normal(10, 3, keep.sum()),
                "unit": unit,
            }
        )
        for service in ("a", "b")
        for signal, unit in (("requests", "count"), ("cpu", "fraction"))
    ]
    return pd.concat(frames, ignore_index=True).assign(region="default")


def test_metrics_are_averaged_and_requests_summed(project, rng):
    metrics = some_metrics(rng)
    store.append_raw("s", "metrics", projects.raw_metrics(metrics))
    made = projects.ingest_all()
    keys = metrics.groupby(["service", "region", "signal"]).groups
    assert_same_signals(made.signals, naive.metric_series(metrics, dict.fromkeys(keys, 300)))
    assert dict(zip(made.measured.series["signal"], made.measured.series["unit"], strict=True)) == {"cpu": "fraction", "requests": "count"}


def test_metrics_of_one_series_from_two_sources_are_joined(project):
    times = MONDAY + pd.to_timedelta(np.arange(0, 300, 60), unit="s")
    for source, value in (("one", 1.0), ("two", 3.0)):
        store.append_raw(
            source, "metrics", projects.raw_metrics(pd.DataFrame({"time": times, "service": "a", "signal": "cpu", "value": value}))
        )
    assert projects.ingest_all().signals == {("a", "default", "cpu"): {MONDAY: (2.0, 10)}}


def test_checks_of_one_service_from_two_sources_are_joined(project, rng):
    checks = some_checks(rng, monitors=("m", "n"), n=200)
    for source, monitor in (("one", "n"), ("two", "m")):
        store.append_raw(source, "checks", projects.raw_checks(checks[checks.monitor == monitor]))
    steps = dict.fromkeys(checks.groupby(["service", "region"]).groups, 300)
    made = projects.ingest_all()
    assert_same_signals(made.signals, naive.check_series(checks, steps))
    assert sorted(as_tuples(made.outages)) == naive.outages(checks, 2, 3)


def test_series_says_first_last_and_share_of_missing_steps(project):
    minutes = [0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 19]
    frame = pd.DataFrame({"time": MONDAY + pd.to_timedelta(minutes, unit="min"), "service": "a", "state": "up", "latency_ms": 5.0})
    store.append_raw("s", "checks", projects.raw_checks(frame))
    one = projects.ingest_all().measured.series.iloc[0]
    assert (one["first"], one["last"], one["n"]) == (MONDAY, MONDAY + pd.Timedelta("15min"), 3)
    assert one["missing_share"] == pytest.approx(0.25)


def test_nothing_is_invented_in_gaps(project):
    minutes = [*range(60), *range(20 * 1440, 20 * 1440 + 60)]
    frame = pd.DataFrame({"time": MONDAY + pd.to_timedelta(minutes, unit="min"), "service": "a", "state": "up", "latency_ms": 5.0})
    store.append_raw("s", "checks", projects.raw_checks(frame))
    made = projects.ingest_all()
    assert {len(steps) for steps in made.signals.values()} == {24}
    whole = store.panels("signals")[0].load()
    assert whole.values.shape == (3, 20 * 288 + 12)
    assert np.isfinite(whole.values).sum() == 3 * 24


def test_coverage_counts_checks_and_those_expected(project):
    minutes = [*range(720, 1440), *range(2 * 1440, 2 * 1440 + 360)]
    state = ["up"] * 700 + ["down"] * 20 + ["maintenance"] * 60 + ["up"] * 300
    frame = pd.DataFrame({"time": MONDAY + pd.to_timedelta(minutes, unit="min"), "service": "a", "state": state, "latency_ms": 5.0})
    store.append_raw("s", "checks", projects.raw_checks(frame.assign(latency_ms=frame.latency_ms.where(frame.state == "up"))))
    rows = projects.ingest_all().measured.coverage.sort_values("day")
    assert rows[["n_checks", "n_up", "n_excluded"]].to_numpy().tolist() == [[720, 700, 0], [0, 0, 0], [300, 300, 60]]
    assert rows["n_expected"].tolist() == [720.0, 1440.0, 360.0]


def test_every_monitor_is_expected_to_check_at_its_own_pace(project):
    for monitor, every_min in (("fast", 1), ("too", 1), ("slow", 5)):
        times = MONDAY + pd.to_timedelta(np.arange(0, 600, every_min), unit="min")
        frame = pd.DataFrame({"time": times, "service": "a", "monitor": monitor, "state": "up", "latency_ms": 5.0})
        store.append_raw("s", "checks", projects.raw_checks(frame))
    coverage = projects.ingest_all().measured.coverage
    assert coverage["n_checks"].tolist() == [1320]
    assert coverage["n_expected"].tolist() == pytest.approx([1320.0])


def as_tuples(outages):
    """Table outages as the naive loop writes it."""
    return [
        (row.service, row.region, row.start, None if pd.isna(row.end) else row.end, row.n_failed, row.is_confirmed)
        for row in outages.itertuples()
    ]


@settings(max_examples=4)
@given(weeks=st.integers(-60, 60))
def test_shifting_all_times_by_whole_weeks_shifts_everything(tmp_path_factory, weeks):
    checks = some_checks(np.random.default_rng(5), n=200, services=("a", "b"), every_s=600)
    shift = pd.Timedelta(weeks=weeks)
    made = []
    for moved in (checks, checks.assign(time=checks.time + shift)):
        with projects.opened(tmp_path_factory.mktemp("project")):
            store.append_raw("s", "checks", projects.raw_checks(moved))
            made.append(projects.ingest_all())
    here, there = made
    assert {key: {time + shift: value for time, value in steps.items()} for key, steps in here.signals.items()} == there.signals
    moved = here.outages.assign(start=here.outages.start + shift, end=here.outages.end + shift)
    assert as_tuples(moved) == as_tuples(there.outages)


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), parts=st.integers(2, 5))
def test_order_and_splitting_of_raw_rows_change_no_byte(tmp_path_factory, seed, parts):
    rng = np.random.default_rng(seed)
    checks = some_checks(rng, n=60, services=("a", "b"), regions=("east",), every_s=2000, jitter_s=900)
    made = []
    for assigned in (np.zeros(len(checks), int), rng.integers(0, parts, len(checks))):
        with projects.opened(tmp_path_factory.mktemp("project")) as root:
            for part in range(parts):
                store.append_raw("s", "checks", projects.raw_checks(checks[assigned == part].sample(frac=1, random_state=part)))
            projects.ingest_all()
            made.append(projects.outputs(root))
    assert made[0] == made[1]


def test_another_service_changes_nothing_for_others(tmp_path, rng):
    checks = some_checks(rng, n=300)
    made = []
    for services in (("a", "b"), ("a", "b", "c")):
        with projects.opened(tmp_path / str(len(services))):
            store.append_raw("s", "checks", projects.raw_checks(checks[checks.service.isin(services)]))
            made.append(projects.ingest_all(prober_min_services=50))
    for table in ("series", "coverage", "days", "pauses"):
        without, with_third = (getattr(one.measured, table) for one in made)
        kept = with_third[with_third["service"] != "c"].reset_index(drop=True)
        pd.testing.assert_frame_equal(without.reset_index(drop=True), kept)
    assert made[0].signals == {key: steps for key, steps in made[1].signals.items() if key[0] != "c"}
    assert as_tuples(made[0].outages) == [one for one in as_tuples(made[1].outages) if one[0] != "c"]
