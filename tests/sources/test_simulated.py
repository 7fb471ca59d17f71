"""The simulated world: the same bytes always, and the truth is in the data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics import store, tables
from analytics.params import Simulate
from analytics.sources.base import SourceError
from analytics.sources.simulated import Simulated, World, simulate, write_world
from analytics.sources.simulated.faults import Effect, Fault
from analytics.sources.simulated.landscape import build
from tests import worlds

SMALL = Simulate(services=4, regions=2, days=5, seed=3)
# A check a minute, but for the 36 minutes in which the prober of one region is switched off.
SMALL_CHECKS = 4 * 2 * 5 * 1440 - 4 * 36


@pytest.fixture(scope="module")
def default() -> World:
    return simulate(Simulate())


@pytest.fixture(scope="module")
def truth(default: World) -> pd.DataFrame:
    return default.truth


def checks_of(world: World, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Checks of [start, end), whole days made as needed."""
    days = pd.date_range(start.floor("D"), end - pd.Timedelta(milliseconds=1), freq="D")
    rows = pd.concat([world.day(day.date())["checks"].to_pandas() for day in days])
    return rows[(rows.time >= start) & (rows.time < end)]


def metric_of(world: World, days: list[date], signal: str, service: str, region: str) -> pd.Series:
    rows = pd.concat([world.day(day)["metrics"].to_pandas() for day in days])
    return rows[(rows.signal == signal) & (rows.service == service) & (rows.region == region)].set_index("time")["value"]


def one(truth: pd.DataFrame, kind: str, service: str | None = None) -> pd.Series:
    found = truth[(truth.kind == kind) & (truth.service.eq(service) if service else True)]
    return found.iloc[0]


def latency_around(world: World, fault: pd.Series, region: str, days: int = 6) -> tuple[pd.Series, pd.Series]:
    """Latency of the service of a lasting fault, the days before it and the days after, at the same hours of the week's days."""
    span = pd.Timedelta(days=days)
    rows = checks_of(world, fault.start - span, fault.start + span)
    mine = rows[(rows.service == fault.service) & (rows.region == region)].dropna(subset="latency_ms")
    return mine.latency_ms[mine.time < fault.start], mine.latency_ms[mine.time >= fault.start]


def share_down(rows: pd.DataFrame) -> float:
    return float((rows.state == "down").mean())


# ---- the same bytes


def test_a_day_is_the_same_whenever_and_in_whatever_order_it_is_made():
    first, second = simulate(SMALL), simulate.__wrapped__(SMALL)
    backwards = {day: second.day(day) for day in reversed(second.days)}
    assert all(first.day(day)["checks"].equals(backwards[day]["checks"]) for day in first.days)
    assert all(first.day(day)["metrics"].equals(backwards[day]["metrics"]) for day in first.days)


def test_another_seed_is_another_world():
    day = date(2026, 4, 10)
    ours, theirs = (simulate(SMALL.model_copy(update={"seed": seed})).day(day)["checks"].column("latency_ms") for seed in (3, 4))
    assert np.mean(ours.to_numpy() == theirs.to_numpy()) < 0.01


def test_written_files_do_not_depend_on_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("analytics.engine.POINTS_PER_WORKER", 1)
    written = []
    for workers in (1, 2):
        root = tmp_path / str(workers)
        root.mkdir()
        (root / "params.yaml").write_text("{}\n", encoding="utf-8")
        monkeypatch.setenv("ANALYTICS_ROOT", str(root))
        n = write_world(SMALL, workers=workers)
        raw = root / "data" / "raw"
        written.append({str(path.relative_to(raw)): path.read_bytes() for path in raw.rglob("*.parquet")})
    assert n == SMALL_CHECKS
    assert len(written[0]) == 5 + 2 * 5
    assert written[0] == written[1]


def test_a_written_world_reads_back_as_it_was_made(project: Path):
    write_world(SMALL, workers=1)
    world = simulate(SMALL)
    stored = store.raw_days("simulated", "checks")
    assert [raw_day.day for raw_day in stored] == world.days
    made, read = world.day(world.days[2])["checks"], store.read_raw(stored[2])
    assert read.to_pylist() == made.to_pylist()
    assert store.read_raw_table("simulated", "truth").num_rows == len(world.faults)


# ---- the shape of the data


@pytest.mark.parametrize("kind", ["checks", "metrics"])
def test_rows_are_sorted_by_a_unique_key(default: World, kind: str):
    rows = default.day(date(2026, 3, 31))[kind]
    keys = rows.select(tables.RAW[kind].key).to_pandas().astype({name: str for name in tables.RAW[kind].key if name != "time"})
    assert not keys.duplicated().any()
    assert keys.equals(keys.sort_values(list(tables.RAW[kind].key), ignore_index=True))


def test_every_table_keeps_its_schema(default: World):
    made = {**default.small_tables(), **default.day(date(2026, 3, 31))}
    assert {kind: rows.schema for kind, rows in made.items()} == {kind: tables.schema(tables.RAW[kind]) for kind in made}
    for kind, rows in default.small_tables().items():
        tables.validate(rows.to_pandas(), tables.RAW[kind])
    tables.validate(default.truth, tables.RAW["truth"])


def test_latency_is_known_exactly_when_a_check_succeeded(default: World):
    rows = default.day(date(2026, 2, 21))["checks"].to_pandas()
    assert set(rows.state) == {"up", "down", "maintenance"}
    assert (rows.latency_ms.notna() == (rows.state == "up")).all()
    assert (rows.error.notna() == (rows.state == "down")).all()


def test_latency_comes_in_hundredths_of_a_millisecond(default: World):
    latency = default.day(date(2026, 2, 3))["checks"].to_pandas().latency_ms.dropna()
    assert (latency == (latency * 100).round() / 100).all()
    assert latency.between(0.2, 10_000).all()


@pytest.mark.parametrize(
    ("params", "n_checks"),
    [
        (Simulate(services=1, regions=1, days=1), 1440),
        (Simulate(services=3, regions=6, days=2, step_s=30), 3 * 6 * 2880),
        (Simulate(services=30, regions=2, days=1, step_s=600), 30 * 2 * 144),
        (Simulate(services=2, regions=1, days=30, step_s=86_400), 2),
        (Simulate(services=2, regions=1, days=9, step_s=7_000), 2 * 13),
    ],
)
def test_sizes_are_parameters(params: Simulate, n_checks: int):
    world = simulate(params)
    uneventful = replace(world, faults=()).day(world.days[-1])
    assert len(uneventful["checks"]) == n_checks
    assert len(set(uneventful["metrics"].column("service").to_pylist())) == params.services
    assert len(world.day(world.days[0])["checks"]) > 0
    assert (world.truth.start >= world.start).all()


def test_names_of_a_large_landscape_are_unique_and_joined_in_one_graph():
    import networkx

    landscape = build(Simulate(services=200))
    names = [service.name for service in landscape.services]
    assert len(set(names)) == 200
    assert {"web", "web-02", "catalog-17"} <= set(names)
    graph = networkx.Graph(landscape.calls)
    assert networkx.is_connected(graph)
    assert graph.number_of_nodes() == 200


def test_a_day_outside_the_world_is_refused(default: World):
    with pytest.raises(ValueError, match=r"day 2026-04-13 is outside the simulated world, which is \[2026-02-02, 2026-04-13\)"):
        default.day(date(2026, 4, 13))


def test_an_end_that_is_no_day_is_refused():
    with pytest.raises(ValueError, match="expected a day such as 2026-04-13"):
        simulate(Simulate(end="2026-04-13T10:00"))


def test_neighbouring_series_have_noise_of_their_own():
    world = worlds.with_faults(services=3, regions=2, days=1)
    latency = world.day(world.days[0])["checks"].column("latency_ms").to_pandas().to_numpy().reshape(6, -1)
    known = np.isfinite(latency).all(axis=0)
    noise = np.diff(np.log(latency[:, known]), axis=1)
    assert np.abs(np.corrcoef(noise) - np.eye(6)).max() < 0.15


# ---- the truth is in the data


def test_every_kind_of_fault_happens_in_the_default_world(truth: pd.DataFrame):
    assert set(truth.kind) == set(tables.TRUTH_KINDS)


@pytest.mark.parametrize(("service", "relative"), [("payments", 0.18), ("catalog", -0.18)])
def test_a_level_drift_is_the_ratio_of_medians(default: World, truth: pd.DataFrame, service: str, relative: float):
    before, after = latency_around(default, one(truth, "level", service), "us-east")
    assert after.median() / before.median() - 1 == pytest.approx(relative, abs=0.035)


def test_a_spread_drift_keeps_the_median_and_widens_the_rest(default: World, truth: pd.DataFrame):
    before, after = latency_around(default, one(truth, "spread"), "us-east")
    widths = [np.subtract(*np.log(part.quantile([0.75, 0.25]))) for part in (before, after)]
    assert after.median() == pytest.approx(before.median(), rel=0.03)
    assert widths[1] / widths[0] > 1.35


def test_a_tail_drift_moves_only_the_tail(default: World, truth: pd.DataFrame):
    before, after = latency_around(default, one(truth, "tail"), "ap-south")
    limit = 1.5 * before.median()
    assert after.median() == pytest.approx(before.median(), rel=0.03)
    assert (after > limit).mean() - (before > limit).mean() == pytest.approx(0.03, abs=0.008)


def test_a_season_drift_widens_the_day_and_keeps_its_median(default: World, truth: pd.DataFrame):
    before, after = latency_around(default, one(truth, "season"), "eu-west")
    hourly = [part.groupby(np.arange(len(part)) // 60 % 24).median() for part in (before, after)]
    assert after.median() == pytest.approx(before.median(), rel=0.05)
    assert hourly[1].max() - hourly[1].min() > 1.5 * (hourly[0].max() - hourly[0].min())


def test_a_creep_is_half_a_percent_a_week():
    effect = Effect("level", 0.05, "ramp")
    fault = Fault("creep", worlds.ms("2026-02-20"), None, 0.05, "creep", effects=(effect,))
    crept, still = (worlds.latency_panel(worlds.with_faults(faults, days=10)).values[0] for faults in ([fault], []))
    change = crept / still - 1
    assert change[0] == pytest.approx(0, abs=1e-3)
    assert change[-288:].mean() == pytest.approx(0.05 * 9.5 / 10, abs=2e-3)


def test_an_availability_drift_is_a_share_of_failed_checks(default: World, truth: pd.DataFrame):
    fault = one(truth, "availability", "mail")
    rows = checks_of(default, fault.start + pd.Timedelta(days=1), fault.start + pd.Timedelta(days=8))
    assert share_down(rows[rows.service == "mail"]) == pytest.approx(0.0045, abs=0.0012)


def test_an_incident_starts_at_its_root_and_weakens_on_its_way_up(default: World, truth: pd.DataFrame):
    members = truth[(truth.root_service == "orders-db") & (truth.region == "eu-west")].set_index("service")
    assert members.group_id.nunique() == 1
    assert members.start["orders-db"] < members.start["checkout"] < members.start["api"] < members.start["web"]
    rows = checks_of(default, members.start["web"] + pd.Timedelta(minutes=6), members.end.min())
    here = rows[rows.region == "eu-west"].groupby("service", observed=True).apply(share_down)
    assert here["orders-db"] > 0.85
    assert 0.2 < here["checkout"] < 0.65
    assert here["api"] < 0.4
    assert here["mail"] < 0.1
    assert share_down(rows[(rows.region == "us-east")]) < 0.02


def test_a_prober_outage_takes_all_services_of_one_region_down(default: World, truth: pd.DataFrame):
    for fault in truth[truth.kind == "prober_outage"].itertuples():
        rows = checks_of(default, fault.start, fault.end)
        assert set(rows.state[rows.region == fault.region]) == {"down"}
        assert share_down(rows[rows.region != fault.region]) < 0.03


def test_a_regional_outage_spares_what_does_not_run_there(default: World, truth: pd.DataFrame):
    members = truth[truth.kind == "regional_outage"]
    rows = checks_of(default, members.start.max(), members.end.min())
    down = rows[rows.region == members.region.iloc[0]].groupby("service", observed=True).apply(share_down)
    assert (down[members.service] > 0.6).all()
    assert (down[["card-gateway", "images"]] < 0.2).all()
    assert len(members) / len(down) < 0.9


def test_a_gap_has_no_rows(default: World, truth: pd.DataFrame):
    whole = one(truth[truth.service.isna()], "gap")
    rows = checks_of(default, whole.start - pd.Timedelta(minutes=1), whole.end + pd.Timedelta(minutes=1))
    inside = rows[(rows.region == whole.region)]
    assert set(inside.time) == {whole.start - pd.Timedelta(minutes=1), whole.end}
    assert len(rows[rows.region == "eu-west"]) == 12 * 362


def test_maintenance_is_declared_and_is_a_state(default: World, truth: pd.DataFrame):
    events = default.small_tables()["events"].to_pandas()
    for fault in truth[truth.kind == "maintenance"].itertuples():
        told = events[(events.kind == "maintenance") & (events.service == fault.service)]
        assert (told.start.item(), told.end.item()) == (fault.start, fault.end)
        rows = checks_of(default, fault.start, fault.end)
        mine = rows[(rows.service == fault.service) & ((rows.region == fault.region) | pd.isna(fault.region))]
        assert set(mine.state) == {"maintenance"}


def test_flapping_goes_up_and_down_many_times(default: World, truth: pd.DataFrame):
    fault = one(truth, "flapping")
    rows = checks_of(default, fault.start, fault.end)
    states = rows[(rows.service == fault.service) & (rows.region == fault.region)].state.astype(str).to_numpy()
    assert (states[1:] != states[:-1]).sum() > 40
    assert (states == "down").mean() == pytest.approx(fault.effect, abs=0.05)


def test_hidden_faults_are_not_declared(default: World, truth: pd.DataFrame):
    events = default.small_tables()["events"].to_pandas()
    assert set(events.kind) == {"deploy", "maintenance", "incident", "provider", "holiday", "certificate", "launch"}
    hidden = truth[
        truth.kind.isin(["level", "spread", "tail", "season", "creep", "prober_outage", "gap", "flapping", "spike", "disk_full"])
    ]
    assert not set(hidden.start) & set(events[events.kind != "deploy"].start)
    assert events.event_id.is_unique
    assert events.region[events.kind == "provider"].isna().tolist() == [True]


def test_a_filling_disk_is_full_when_the_truth_says(default: World, truth: pd.DataFrame):
    fault = one(truth, "disk_full")
    used, size = (
        metric_of(default, default.days[-14:], name, fault.service, fault.region) for name in ("disk_used_bytes", "disk_size_bytes")
    )
    days = (used.index - fault.end) / pd.Timedelta(days=1)
    slope, at_the_end = np.polyfit(days, (used / size).to_numpy(), 1)
    assert 0.85 < (used / size).iloc[-1] < 0.97
    assert at_the_end == pytest.approx(1.0, abs=0.02)
    assert slope > 0.005


def test_the_certificate_that_nobody_renews_expires_when_the_truth_says(default: World, truth: pd.DataFrame):
    fault = one(truth, "certificate")
    left = metric_of(default, default.days[-3:], "cert_expiry_s", fault.service, "eu-west")
    assert ((left.index + pd.to_timedelta(left, unit="s")) == fault.end).all()
    renewed = metric_of(default, default.days, "cert_expiry_s", "web", "eu-west")
    assert renewed.min() >= 30 * 86_400
    assert (renewed.diff() > 0).sum() == 1


def test_a_public_holiday_is_quiet_in_its_own_region_only(default: World):
    good_friday, week_before = date(2026, 4, 3), date(2026, 3, 27)
    ratio = {
        region: metric_of(default, [good_friday], "requests", "search", region).sum()
        / metric_of(default, [week_before], "requests", "search", region).sum()
        for region in ("eu-west", "us-east")
    }
    assert ratio["eu-west"] < 0.75
    assert ratio["us-east"] == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(
    ("region", "zone", "changes"), [("eu-west", "Europe/Berlin", date(2026, 3, 29)), ("us-east", "America/New_York", date(2026, 3, 8))]
)
def test_people_keep_their_hours_when_the_clocks_change(default: World, region: str, zone: str, changes: date):
    def busy_from(days: list[date]) -> float:
        requests = metric_of(default, days, "requests", "api", region)
        local = requests.index.tz_convert(zone)
        by_minute = requests.groupby(local.hour * 60 + local.minute).mean()
        morning = by_minute[by_minute.index >= 3 * 60]
        return float((morning > morning.max() / 2).idxmax())

    before = busy_from([changes - timedelta(days=back) for back in range(2, 7)])
    after = busy_from([changes + timedelta(days=ahead) for ahead in range(1, 6)])
    assert abs(before - after) <= 20


def test_most_services_keep_and_few_miss_three_nines(default: World):
    days = [day for day in default.days if day.month == 3][::2]
    rows = pd.concat([default.day(day)["checks"].to_pandas() for day in days])
    judged = rows[rows.state.isin(["up", "down"]) & (rows.error != "network unreachable")]
    up = (judged.state == "up").groupby(judged.service, observed=True).mean()
    assert up.between(0.995, 0.99999).all()
    assert 1 <= (up < 0.9985).sum() <= 3


# ---- other sizes


@pytest.mark.parametrize("seed", [0, 1, 2, 11])
def test_every_seed_tells_the_whole_story(seed: int):
    assert set(simulate(Simulate(seed=seed)).truth.kind) == set(tables.TRUTH_KINDS)


def test_most_series_of_a_large_world_stay_quiet():
    world = simulate(Simulate(services=200, days=90))
    truth = world.truth
    lasting = truth[truth.kind.isin(["level", "spread", "tail", "season", "creep", "availability"])]
    assert 10 < lasting.service.nunique() < 100


def test_a_long_world_has_a_story_every_ten_weeks():
    world = simulate(Simulate(days=210, end="2026-08-31"))
    payments = world.truth[(world.truth.kind == "level") & (world.truth.service == "payments")]
    assert len(payments) == 3
    assert payments.end.isna().tolist() == [False, False, True]


def test_a_short_world_leaves_out_what_does_not_fit():
    truth = simulate(Simulate(days=2)).truth
    assert not set(truth.kind) & {"level", "season", "creep", "disk_full", "certificate"}
    assert (truth.end.dropna() <= pd.Timestamp("2026-04-13T00:00Z")).all()


# ---- as a source


def test_fetch_is_the_whole_world_in_any_cut(tmp_path: Path):
    options = {"kind": "simulated", **SMALL.model_dump()}
    source = Simulated("demo", options, root=tmp_path)
    cut = pd.Timestamp("2026-04-09T07:31:00Z")
    whole, first, second = (
        pa.concat_tables([batch.rows for batch in source.fetch(start, end) if batch.kind == "checks"]).to_pandas()
        for start, end in ((None, source.world.end), (None, cut), (cut, source.world.end))
    )
    order = ["service", "region", "time"]
    assert len(whole) == SMALL_CHECKS
    joined = pd.concat([first, second]).sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole.sort_values(order, ignore_index=True))
    assert first.time.max() < cut <= second.time.min()


def test_discover_says_what_there_is(tmp_path: Path):
    found = Simulated("demo", {"kind": "simulated", "services": 4, "days": 5}, root=tmp_path).discover()
    assert (found.start, found.end) == (pd.Timestamp("2026-04-08", tz="UTC"), pd.Timestamp("2026-04-13", tz="UTC"))
    assert "4 services seen from 3 regions, a check every 60 s" in found.says[0]


def test_an_unknown_option_names_the_nearest(tmp_path: Path):
    with pytest.raises(SourceError, match="'service' is not a parameter; did you mean 'services'"):
        Simulated("demo", {"kind": "simulated", "service": 4}, root=tmp_path)


# ---- the worlds of other tests


def test_a_quiet_world_has_no_steps():
    panel = worlds.quiet(n_series=3, days=14, rng=np.random.default_rng(5))
    weekly = np.median(panel.values.reshape(3, 2, -1), axis=2)
    assert panel.values.shape == (3, 14 * 288)
    assert (panel.n_checks <= 5).all()
    np.testing.assert_allclose(weekly[:, 1] / weekly[:, 0], 1, atol=0.04)


def test_a_step_world_has_its_step():
    known = worlds.step(at="2026-02-23", relative=0.25, days=14, rng=np.random.default_rng(5))
    weekly = np.median(known.signals.values.reshape(2, -1), axis=1)
    assert weekly[1] / weekly[0] == pytest.approx(1.25, abs=0.05)


def test_tiny_checks_are_raw_checks():
    rows = worlds.checks([10.0, np.nan, 12.5], start="2026-03-01T12:00")
    assert rows.schema == tables.schema(tables.RAW["checks"])
    assert rows.column("state").to_pylist() == ["up", "down", "up"]
    assert rows.column("latency_ms").to_pylist() == [10.0, None, 12.5]
