"""An executed notebook with eight figures and tables, of invented numbers: what the tests of the reports render and look at."""

from __future__ import annotations

import sys

import nbformat
import numpy as np
import pandas as pd
from nbformat import v4

from analytics import plots, reporting as report, words
from analytics.plots import ingest, marks, slo, style

ZONE = "Europe/Zurich"
START, END = pd.Timestamp("2026-02-02", tz="UTC"), pd.Timestamp("2026-04-13", tz="UTC")
SERVICES = ["checkout", "payments", "search", "catalog", "login", "images", "mail", "reviews", "api", "web", "auth", "<b>billing</b>"]
REGIONS = ["eu-west", "us-east", "ap-south"]
MONTHS = pd.to_datetime(["2026-01-31T23:00Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z"])


def coverage() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    keys = pd.MultiIndex.from_product(
        [SERVICES, REGIONS, pd.date_range(START, END, inclusive="left", freq="D")], names=["service", "region", "day"]
    )
    frame = keys.to_frame(index=False).assign(n_excluded=0, n_expected=1440.0)
    share = np.where(rng.random(len(frame)) < 0.03, 0.95, np.where(rng.random(len(frame)) < 0.01, 0.4, 0.999))
    is_lost = ((frame.region == "us-east") & frame.day.between("2026-03-10", "2026-03-11")).to_numpy()
    n_checks = (1440 * np.where(is_lost, 0, share)).astype("int64")
    return frame.assign(n_checks=n_checks, n_up=n_checks)


def outages(n: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    start = START + pd.to_timedelta(rng.integers(0, 70 * 86_400, n), unit="s")
    return pd.DataFrame(
        {
            "service": rng.choice(SERVICES, n), "region": rng.choice(REGIONS, n), "start": start,
            "end": start + pd.to_timedelta(rng.exponential(2400, n) + 60, unit="s"), "n_failed": rng.integers(2, 90, n),
            "is_confirmed": rng.random(n) < 0.8, "excluded_reason": np.where(rng.random(n) < 0.15, "maintenance", None),
        }
    )  # fmt: skip


def budgets() -> pd.DataFrame:
    left = np.array([-0.9, 0.38, 0.41, 0.72, 1, 0.94, 0.15, 0.6, 0.88, 0.97, 0.99, 1])
    return pd.DataFrame(
        {
            "service": SERVICES, "region": "", "budget_s": 2592.0, "spent_s": 2592 * (1 - left), "left_share": left,
            "left_low": left - 0.12, "left_high": np.minimum(left + 0.09, 1), "burn_rate": (1 - left) / 0.43,
        }
    )  # fmt: skip


def compliance() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.MultiIndex.from_product([SERVICES, [""], MONTHS], names=["service", "region", "period_start"]).to_frame(index=False)
    share = 1 - rng.exponential(0.0006, len(frame))
    state = np.select([share < 0.999, share < 0.9993], ["missed", "at risk"], default="kept").astype(object)
    share[5], state[5] = np.nan, "unmeasured"
    return frame.assign(objective=0.999, compliance=share, state=state)


def burn() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    time = pd.date_range(MONTHS[2], END, freq="h")
    rates = dict(zip(SERVICES[:8], [0.12, 0.05, 0.04, 0.02, 0.01, 0.005, 0.001, 0.03], strict=True))
    left = {name: 1 - np.cumsum((rng.random(len(time)) < 0.04) * rng.exponential(rate, len(time))) for name, rate in rates.items()}
    return pd.concat([pd.DataFrame({"service": name, "time": time, "left_share": share}) for name, share in left.items()])


def flags() -> pd.DataFrame:
    some = outages(40)
    return some.assign(flag="gap", n=some.n_failed, severity=np.resize(["info", "warning", "critical"], 40), text="A gap.")


def latency() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    time = pd.date_range(START, periods=288 * 28, freq="5min")
    expected = 120 + 30 * np.sin(np.arange(len(time)) / 288 * 2 * np.pi)
    value = expected * np.where(np.arange(len(time)) > 288 * 18, 1.18, 1.0) + rng.normal(0, 4, len(time))
    value[3000:3100] = np.nan
    return pd.DataFrame({"time": time, "value_ms": value, "expected_ms": expected, "low_ms": expected - 9, "high_ms": expected + 9})


def plot_latency(frame: pd.DataFrame):
    with style.use():
        ax = style.own_axes(None)
        time = frame.time.dt.tz_localize(None).to_numpy()
        marks.line_with_band(ax, time, frame.value_ms.to_numpy(), low=frame.low_ms.to_numpy(), high=frame.high_ms.to_numpy())
        style.time_axis(ax, ZONE, frame.time.iloc[0], frame.time.iloc[-1])
        ax.set_ylabel("response time, ms")
    return ax


def overview() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    trend = [list(rng.normal(10, 1, 48).round(1)) for _ in SERVICES]
    state = ["missed", "at risk", "at risk", *["kept"] * 9]
    return budgets().assign(state=state, availability=1 - rng.exponential(0.0006, 12), p95=trend)[
        ["service", "region", "state", "availability", "left_share", "burn_rate", "p95"]
    ]


CELLS = """# %% [markdown]
# Were the promises kept; how much error budget is left?

For whoever is paged at night: read the first figure, then *What to do*.
# %% [parameters]
service = None
now = None
overrides = {}
# %%
budgets, outages, compliance = sample.budgets(), sample.outages(), sample.compliance()
# %%
report.kicker(f"Objectives · {words.span(START, END, ZONE)} · 12 services, 3 regions")
report.finding("Ten of twelve services kept their promises; checkout did not, and payments will not at this rate.")
report.tiles([
    ("Objectives kept", "10 of 12", "checkout missed, payments at risk"),
    ("Availability", words.percent(0.9993), "objective 99.9 %, −0.02 on last month"),
    ("Error budgets at risk", "2", "payments, mail"),
    ("Outages", words.count(160), words.duration(384_000) + " in all"),
])
# %% [markdown]
## What matters
# %%
report.statements([
    ("checkout has used up its error budget.", "−90 % left; two outages began in payments.", ("missed", "bad"), ("Evidence", "#figure-2")),
    ("payments will use up its budget on 27 April [25 Apr, 1 May].", "38 % left.", ("at risk", "worse"), None),
    ("images became 22 % faster.", "All regions.", ("improved", "good"), None),
])
# %% [markdown]
## checkout missed its objective in March
# %% [markdown]
Each cell is the share of good checks in one calendar month, in the **reader's zone**.
# %%
report.figure(
    slo.plot_compliance(compliance, zone=ZONE),
    title="Availability by month",
    caption="Missed months are marked ▾; an objective holds for a whole calendar month.",
    alt="Grid of availability by service and month: most cells are above 99.9 percent, some are missed.",
    data=compliance, zone=ZONE,
)
# %%
report.figure(
    slo.plot_budgets(budgets, at_risk_left=0.25),
    title="Error budget left this month",
    caption="Bars: share of the month's budget that is left; lines: 95 % interval; dashed: at risk below.",
    alt="Bars of budget left: checkout minus 90 percent, mail 15 percent, all others above 38 percent.",
    data=budgets,
)
# %%
burn = sample.burn()
report.figure(
    slo.plot_burn_down(burn, start=sample.MONTHS[2], end=pd.Timestamp("2026-04-30T22:00Z"), zone=ZONE),
    title="How the budgets were spent",
    caption="Dashed: an even spend. A line below it burns too fast.",
    alt="Lines of budget left since 1 April: checkout falls below zero within nine days, the others stay above.",
    data=burn, zone=ZONE,
)
# %%
report.table(
    sample.overview(), caption="Services by error budget left, worst first.", sort="left_share",
    formats={"availability": "percent2", "left_share": "percent0", "burn_rate": "number2", "p95": "spark"},
    headers={"left_share": "Budget left", "p95": "p95, 8 weeks"},
    chips={"state": {"missed": "bad", "at risk": "worse", "kept": "good"}},
)
# %% [markdown]
## When they were down
# %%
ax = slo.plot_outages(outages, start=START, end=END, zone=ZONE)
report.figure(
    ax, title="Outages", caption="Short outages are drawn a little longer than they were, so that none is invisible.",
    alt="Bars of outages by service and region over ten weeks, spread evenly; about one in six excluded.", data=outages, zone=ZONE,
)
# %%
report.table(outages, caption="The longest outages.", sort="-n_failed", zone=ZONE, limit=15)
report.table(outages.head(0), caption="Open outages.", empty="No outage is open in 36 series.")
# %% [markdown]
## What was measured
# %%
cover = sample.coverage()
report.figure(
    ingest.plot_coverage(cover, zone=ZONE),
    title="Checks that came, by day", caption="Grey is complete. A whole column is the fault of a prober, not of the services.",
    alt="Grid of coverage: complete but for 10 and 11 March, when nothing came from us-east.", data=cover[cover.n_checks < 1000], zone=ZONE,
)
# %%
report.figure(
    ingest.plot_gaps(sample.flags(), start=START, end=END, zone=ZONE), title="Gaps", caption="Pauses longer than three usual intervals.",
    alt="Bars of forty gaps over ten weeks, none longer than a few hours.", data=sample.flags(), zone=ZONE,
)
# %%
latency = sample.latency()
report.figure(
    sample.plot_latency(latency), title="checkout · eu-west · response time", caption="Median of 5 minutes, and what was expected (band).",
    alt="Line of response time: inside its band until 20 February, then 18 percent above it.", data=latency, zone=ZONE,
)
# %%
slower = latency.assign(value_ms=latency.value_ms * 1.2)
report.figure(
    sample.plot_latency(slower), title="payments · eu-west · response time", caption="As before.",
    alt="Line of response time: above its band from 2 February on.", data=slower, zone=ZONE,
)
# %% [markdown]
## What to do
# %%
report.todo([
    ("Give payments a second card gateway,", "or lower its objective: 4 of its 5 outages began there. It was wrong if they go on."),
    "Ask who runs the prober in us-east.",
])
# %% [markdown]
## Save
# %%
kept = budgets
"""


def build() -> nbformat.NotebookNode:
    """The notebook, run in this process: what each cell displays becomes its outputs."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    names = {"report": report, "words": words, "plots": plots, "slo": slo, "ingest": ingest, "pd": pd, "sample": sys.modules[__name__]}
    names |= {"START": START, "END": END, "ZONE": ZONE}
    cells = []
    for index, part in enumerate(CELLS.removeprefix("# %%").split("\n# %%")):
        kind, _, source = (text.strip() for text in part.partition("\n"))
        if kind == "[markdown]":
            cells.append(v4.new_markdown_cell(source, id=f"c{index}"))
            continue
        with capture_output() as captured:
            exec(source, names)
        outputs = [v4.new_output("display_data", data=one.data, metadata=one.metadata) for one in captured.outputs]
        cells.append(
            v4.new_code_cell(source, id=f"c{index}", outputs=outputs, metadata={"tags": ["parameters"]} if kind == "[parameters]" else {})
        )
    return v4.new_notebook(cells=cells)


PROVENANCE = {
    "Data": ["slo_compliance sha256 9f2c…41ab", "3,628,800 checks, 99.2 % of those expected, newest 12 Apr 2026 23:59 UTC"],
    "Code": "sha256 4e1d…7c", "Parameters": "params.yaml [slo] sha256 77b0…09", "Models": "none",
    "Packages": "pandas 3.1.1, numpy 2.4.6, matplotlib 3.11.2",
    "Reproduce": "analytics run slo",
}  # fmt: skip
PAGES = [("index.html", "Summary"), ("ingest.html", "Data quality"), ("drift.html", "Drift"), ("slo.html", "Objectives")]
