"""Findings, written as briefly as a test can read them."""

from __future__ import annotations

import pandas as pd

from analytics import alerts, params, tables

DAY = pd.Timestamp("2026-03-02T00:00Z")


def plain(text):
    """Text with plain blanks."""
    return text.replace("\u00a0", " ")


def at(minutes):
    """A time, in minutes after midnight."""
    return DAY + pd.Timedelta(minutes=minutes)


def row(finding_id="a", known=10, *, service="web", region="eu", signals=("latency_ms",), start=0, end=None, severity=40.0, **more):
    """What was known of a finding at minute `known`."""
    plain = {"finding": "drift", "state": "open" if end is None else "over", "direction": "regression", "what": "latency_ms +18 %"}
    optional = {"size": None, "event": None, "evidence": None}
    times = {"known_at": at(known), "start": at(start), "end": pd.NaT if end is None else at(end)}
    return (
        plain
        | optional
        | {"finding_id": finding_id, "service": service, "region": region, "signals": list(signals), "severity": severity}
        | times
        | more
    )


def findings(*rows):
    frame = pd.DataFrame(rows, columns=tables.FINDINGS.names)
    return frame.assign(
        **{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[ms, UTC]") for name in ("known_at", "start", "end")}
    )


def services(*names, **parents):
    names = names or ("web", "db", "api", *parents)
    return pd.DataFrame({"service": list(names)}).assign(owner=None, parent=[parents.get(name) for name in names])


def measured(n_services=12, regions=("eu", "us")):
    """Table `series`, as far as it says which services are measured where: s0, s1 and so on, in all regions and at all times."""
    rows = [(f"s{number}", region) for number in range(n_services) for region in regions]
    return pd.DataFrame(rows, columns=["service", "region"]).assign(step_s=300, first=at(-10_000), last=at(10_000))


def calls(*pairs, origin="declared"):
    return pd.DataFrame(pairs, columns=["caller", "callee"]).assign(origin=origin)


def mask(start, end, *, service="web", region=None, reason="maintenance"):
    return {"service": service, "region": region, "start": at(start), "end": at(end), "reason": reason, "source": "plan"}


def masks(*rows):
    return pd.DataFrame(rows, columns=tables.TABLES["masks"].names)


def silence(matcher, start, until, *, author="ada", reason="planned"):
    return {"author": author, "reason": reason, "matcher": matcher, "from": at(start), "until": at(until)}


def silences(*rows):
    return pd.DataFrame(rows, columns=tables.DECISIONS["silences"].names)


def raised(*rows, now=1000, **given):
    """Both tables at minute `now`; parameters of the stage and what is declared by name."""
    around = {"services": services(), "series": measured(), "dependencies": calls(), "masks": masks(), "silences": silences()}
    settings = params.Alerts(**{name: value for name, value in given.items() if name not in around})
    chosen = {name: given.get(name, usual) for name, usual in around.items()}
    return alerts.raise_alerts(findings(*rows), **chosen, settings=settings, zone="UTC", now=at(now))


def only(*rows, **given):
    """The single alert that there is."""
    found = raised(*rows, **given).alerts
    assert len(found) == 1, found[["title", "start"]]
    return found.iloc[0]


def story(*rows, **given):
    """What happened, as (minute, change, severity)."""
    changes = raised(*rows, **given).changes.sort_values("at", kind="stable")
    order = {"opened": 0, "reopened": 1, "joined": 2, "escalated": 3, "resolved": 4}
    told = [
        (int((change.at_ - DAY).total_seconds() // 60), change.change, change.severity)
        for change in changes.rename(columns={"at": "at_"}).itertuples()
    ]
    return sorted(told, key=lambda one: (one[0], order[one[1]]))
