"""What the figures of the stages show, read from their axes."""

import numpy as np
import pandas as pd
import pytest

from analytics.plots import ingest, slo, style
from analytics.reporting.figures import to_svg
from tests.reporting import sample

N = "\u00a0"


def texts(ax):
    return [text.get_text() for text in ax.texts]


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def colours(ax):
    from matplotlib.colors import to_hex

    named = {colour: name for name, colour in style.COLOURS.items()}
    return [named[to_hex(patch.get_facecolor())] for patch in ax.patches]


def day(day, service="a", n_checks=1440, n_excluded=0):
    time = pd.Timestamp(f"2026-03-{day:02d}", tz="UTC")
    return {
        "service": service,
        "region": "eu",
        "day": time,
        "n_checks": n_checks,
        "n_up": n_checks,
        "n_excluded": n_excluded,
        "n_expected": 1440.0,
    }


def test_coverage_is_classed_by_the_share_that_came():
    frame = pd.DataFrame([day(1), day(2, n_checks=1400), day(3, n_checks=700), day(4, n_checks=0), day(5, n_checks=0, n_excluded=1440)])
    ax = ingest.plot_coverage(frame)
    assert rows(ax) == ["a · eu"]
    assert colours(ax) == ["grid", "worse", "worse", "bad"]
    widths = [np.ptp(patch.get_path().vertices[:, 0]) for patch in ax.patches]
    # Complete on the first day and, all in maintenance, on the fifth; one day of each other class.
    assert widths == [5.0, 1.0, 1.0, 1.0]


def test_a_name_that_reads_like_a_formula_is_shown_as_it_is():
    name = r"$\frac{a}$"
    ax = ingest.plot_coverage(pd.DataFrame([day(1, name)]))
    assert rows(ax) == [f"{name} · eu"]
    assert name in to_svg(ax, alt="")


def test_of_many_rows_the_figure_shows_the_worst_and_says_so():
    frame = pd.DataFrame([day(1, f"s{i:03d}", n_checks=1440 - i) for i in range(100)])
    ax = ingest.plot_coverage(frame)
    assert rows(ax) == [f"s{i:03d} · eu" for i in range(60, 100)]
    assert texts(ax) == ["the 40 of 100 rows with the most missing checks"]


def test_a_missed_month_is_marked_and_not_only_coloured():
    month = pd.Timestamp("2026-03-01", tz="UTC")
    frame = pd.DataFrame({"service": ["a", "b"], "region": "", "period_start": month, "objective": 0.999, "compliance": [0.998, 0.9999]})
    ax = slo.plot_compliance(frame.assign(state=["missed", "kept"]))
    assert texts(ax) == [f"▾ 99.80{N}%", f"99.99{N}%"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["March 2026"]


def test_a_missed_objective_is_not_rounded_up_to_it():
    month = pd.Timestamp("2026-03-01", tz="UTC")
    frame = pd.DataFrame({"service": ["a", "b"], "region": "", "period_start": month, "objective": 0.999, "compliance": [0.99897, 0.99903]})
    assert texts(slo.plot_compliance(frame.assign(state=["missed", "kept"]))) == [f"▾ 99.897{N}%", f"99.90{N}%"]


def test_of_many_months_the_last_fourteen_are_shown_as_bare_numbers():
    months = pd.date_range("2024-12-31T23:00Z", periods=20, freq="31D")
    frame = pd.DataFrame({"service": "a", "region": "", "period_start": months, "objective": 0.999, "compliance": 0.998, "state": "missed"})
    ax = slo.plot_compliance(frame, zone="Europe/Zurich")
    assert texts(ax) == [*["▾ 99.80"] * 14, "share of good checks, %"]


def test_a_month_without_checks_is_said_to_be_unmeasured():
    month = pd.Timestamp("2026-03-01", tz="UTC")
    frame = pd.DataFrame(
        {"service": ["a"], "region": "", "period_start": month, "objective": 0.999, "compliance": [np.nan], "state": "unmeasured"}
    )
    assert texts(slo.plot_compliance(frame)) == ["not measured"]


def test_a_month_of_few_checks_is_said_to_have_too_little_data():
    month = pd.Timestamp("2026-03-01", tz="UTC")
    frame = pd.DataFrame({"service": ["a"], "region": "", "period_start": month, "objective": 0.999, "compliance": [1.0]})
    assert texts(slo.plot_compliance(frame.assign(state="too little data"))) == ["too little data"]


def test_budgets_are_ordered_by_what_is_left_and_coloured_by_verdict():
    ax = slo.plot_budgets(sample.budgets(), at_risk_left=0.25)
    assert rows(ax)[:3] == ["checkout", "mail", "payments"]
    assert colours(ax)[:3] == ["bad", "worse", "series"]
    assert texts(ax)[1] == f"15{N}% [3,{N}24]"


def test_the_limit_of_risk_is_a_parameter():
    assert colours(slo.plot_budgets(sample.budgets(), at_risk_left=0.4))[:3] == ["bad", "worse", "worse"]


def test_a_budget_far_overspent_is_cut_but_its_number_is_not():
    frame = sample.budgets().assign(left_share=-9.0, left_low=-9.5, left_high=-8.5).head(1)
    ax = slo.plot_budgets(frame, at_risk_left=0.25)
    assert ax.get_xlim() == (-1.5, 1.0)
    assert texts(ax) == [f"−900{N}% [−950,{N}−850]"]


def test_outages_are_told_apart_by_what_they_count():
    start = pd.to_datetime(["2026-03-01", "2026-03-02", "2026-03-03"], utc=True)
    frame = pd.DataFrame(
        {
            "service": "a", "region": "eu", "start": start, "end": [start[0] + pd.Timedelta("1h"), start[1] + pd.Timedelta("1h"), pd.NaT],
            "n_failed": 3, "is_confirmed": [False, True, True], "excluded_reason": [None, "maintenance", None],
        }
    )  # fmt: skip
    ax = slo.plot_outages(frame, start=start[0], end=pd.Timestamp("2026-03-05", tz="UTC"))
    assert colours(ax) == ["axis", "series", "bad"]
    # The one that is not over lasts until the end of the figure.
    assert np.ptp(ax.patches[2].get_path().vertices[:, 0]) == 2.0


def test_the_burn_down_names_the_worst_lines_without_overlap():
    ax = slo.plot_burn_down(sample.burn(), start=sample.MONTHS[2], end=pd.Timestamp("2026-04-30T22:00Z"), zone=sample.ZONE)
    heights = [text.xy[1] for text in ax.texts[:6]]
    assert (np.diff(heights) > 0.05).all()
    assert ax.texts[0].get_text().startswith("checkout")
    assert ax.texts[-1].get_text() == "the 6 of 8 with the least left"


@pytest.mark.parametrize(
    "draw",
    [
        lambda: ingest.plot_coverage(sample.coverage().head(0)),
        lambda: ingest.plot_gaps(sample.flags().head(0), start=sample.START, end=sample.END),
        lambda: slo.plot_outages(sample.outages().head(0), start=sample.START, end=sample.END),
        lambda: slo.plot_compliance(sample.compliance().head(0)),
        lambda: slo.plot_budgets(sample.budgets().head(0), at_risk_left=0.25),
        lambda: slo.plot_burn_down(sample.burn().head(0), start=sample.START, end=sample.END),
    ],
)
def test_an_empty_table_draws_empty_axes(draw):
    assert to_svg(draw(), alt="Nothing is drawn here.").startswith("<svg")


def test_a_figure_can_be_drawn_into_axes_that_are_there():
    with style.use():
        own = style.own_axes(None)
    assert slo.plot_budgets(sample.budgets(), at_risk_left=0.25, ax=own) is own


def test_figures_change_no_table():
    frame = sample.coverage()
    before = frame.copy(deep=True)
    ingest.plot_coverage(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_six_hundred_rows_of_a_quarter_year_stay_small():
    services = [f"service-{i:03d}" for i in range(600)]
    keys = pd.MultiIndex.from_product(
        [services, ["eu"], pd.date_range("2026-01-01", periods=90, tz="UTC")], names=["service", "region", "day"]
    )
    frame = keys.to_frame(index=False).assign(n_excluded=0, n_up=0, n_expected=1440.0)
    n_checks = np.random.default_rng(0).integers(0, 1440, len(frame))
    assert len(to_svg(ingest.plot_coverage(frame.assign(n_checks=n_checks)), alt="Noise of coverage.")) < 40_000
