"""Repair times, open outages, certificates."""

import numpy as np
import numpy.testing as npt
import pandas as pd

from analytics import params, slo
from analytics.panel import Panels
from tests.slo import made

NOW = pd.Timestamp("2026-03-10T00:00Z")
RULES = params.Accounting()


def series(**last):
    """An availability series of 1000 steps per service, measured until `last`."""
    rows = [(name, "eu", "availability", 300, 1000, pd.Timestamp(f"{day}T23:55Z")) for name, day in last.items()]
    return pd.DataFrame(rows, columns=["service", "region", "signal", "step_s", "n", "last"])


def test_repair_times_of_two_outages():
    outages = made.outages(
        ("web", "eu", "2026-03-02T00:00Z", "2026-03-02T00:10Z", True, None),
        ("web", "eu", "2026-03-03T00:00Z", "2026-03-03T00:30Z", True, None),
        ("web", "eu", "2026-03-04T00:00Z", "2026-03-04T05:00Z", True, "maintenance"),
        ("web", "eu", "2026-03-05T00:00Z", "2026-03-05T00:01Z", False, None),
    )
    listed = slo.list_outages(outages, series(web="2026-03-09"), rules=RULES, now=NOW)
    assert listed["verdict"].to_list() == ["counts", "counts", "maintenance", "not confirmed"]
    assert listed["duration_s"].to_list()[:2] == [1800, 600]
    repairs = slo.repair_times(listed, series(web="2026-03-09"), level=0.95).iloc[0]
    # 300,000 s measured, 2,400 s of them down, two outages.
    npt.assert_allclose(repairs[["n_outages", "down_s", "mttr_s", "mtbf_s"]].to_numpy(float), [2, 2400, 1200, 148_800])
    assert repairs["mtbf_low_s"] < 148_800 < repairs["mtbf_high_s"]


def test_pauses_within_an_outage_are_no_down_time():
    outages = made.outages(("web", "eu", "2026-03-02T00:00Z", "2026-03-04T00:00Z", True, None)).assign(unmeasured_s=86_400.0)
    listed = slo.list_outages(outages, series(web="2026-03-09"), rules=RULES, now=NOW)
    repairs = slo.repair_times(listed, series(web="2026-03-09"), level=0.95).iloc[0]
    # It took two days, of which one was measured, out of 300,000 s.
    npt.assert_allclose(repairs[["down_s", "mttr_s", "mtbf_s"]].to_numpy(float), [86_400, 172_800, 300_000 - 86_400])


def test_maintenance_counts_when_the_rule_is_off():
    outages = made.outages(("web", "eu", "2026-03-04T00:00Z", "2026-03-04T05:00Z", True, "maintenance"))
    rules = params.Accounting(exclude_maintenance=False)
    assert slo.list_outages(outages, series(web="2026-03-09"), rules=rules, now=NOW)["verdict"].to_list() == ["counts"]


def test_outage_without_an_end_is_open_only_while_the_service_is_measured():
    outages = made.outages(("web", "eu", "2026-03-09T22:00Z", None, True, None), ("old", "eu", "2026-03-01T22:00Z", None, True, None))
    listed = slo.list_outages(outages, series(web="2026-03-09", old="2026-03-01"), rules=RULES, now=NOW).set_index("service")
    assert listed["is_open"].to_dict() == {"web": True, "old": False}
    # Known until the last step: two hours each.
    assert listed["duration_s"].to_list() == [7200, 7200]


def test_outage_that_ends_after_the_present_is_still_open():
    outages = made.outages(("web", "eu", "2026-03-09T22:00Z", "2026-03-10T01:00Z", True, None))
    assert slo.list_outages(outages, series(web="2026-03-10"), rules=RULES, now=NOW)["is_open"].to_list() == [True]


def events(*rows):
    frame = pd.DataFrame(rows, columns=["service", "kind", "start", "end"]).assign(region=None, title=None)
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("start", "end")})


def test_certificates_are_told_by_events_and_by_the_newest_measurement():
    declared = events(
        ("web", "certificate", "2026-03-20T00:00Z", None),
        ("api", "certificate", "2026-02-01T00:00Z", "2026-03-12T00:00Z"),
        ("far", "certificate", "2027-03-12T00:00Z", None),
        ("web", "deploy", "2026-03-09T00:00Z", None),
    )
    left = np.array([86400.0 * 5, 86400.0 * 5 - 3600, np.nan])
    signals = made.signals({("web", "eu"): left}, start="2026-03-09T21:00Z", step_s=3600, signal="cert_expiry_s")
    found = slo.find_certificates(declared, signals, now=NOW)
    assert found[["service", "said_by"]].to_numpy().tolist() == [["api", "declared"], ["web", "measured"]]
    assert found["expires"].to_list() == [pd.Timestamp("2026-03-12T00:00Z"), pd.Timestamp("2026-03-14T21:00Z")]
    assert slo.shows.certificate_table(found)["state"].to_list() == ["renew now", "renew now"]


def test_certificate_of_no_single_service_goes_by_its_title():
    declared = events((None, "certificate", "2026-03-20T00:00Z", None)).assign(title="*.example.com")
    assert slo.find_certificates(declared, Panels([]), now=NOW)["service"].to_list() == ["*.example.com"]


def test_without_certificates_there_are_no_rows():
    assert slo.find_certificates(events(), Panels([]), now=NOW).empty


def test_a_time_between_failures_of_weeks_is_told_in_whole_days():
    day = 86_400.0
    repairs = pd.DataFrame(
        {"service": ["web", "api"], "n_outages": [4, 1], "down_s": [60.0, 60.0], "mttr_s": [15.0, 60.0], "longest_s": [30.0, 60.0],
         "mtbf_s": [52.4 * day, 2.5 * day], "mtbf_low_s": [20.45 * day, 0.5 * day], "mtbf_high_s": [192.4 * day, np.nan]}
    )  # fmt: skip
    table = slo.shows.repair_table(repairs)
    assert table["mtbf_s"].tolist() == [52 * day, 2.5 * day]
    assert [text.replace("\u00a0", " ") for text in table["between"]] == ["[20, 192]", "–"]
