"""What is monitored, from where, what depends on what, what was declared to have happened, and what must therefore be left out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analytics import store, tables
from analytics.ingest.measure import Measured
from analytics.ingest.survey import Survey

__all__ = ["Catalogue", "catalogue", "from_sources"]

MASKED_EVENTS = {"maintenance": "maintenance", "incident": "incident"}


@dataclass(frozen=True)
class Catalogue:
    """Tables of these names."""

    services: pd.DataFrame
    regions: pd.DataFrame
    events: pd.DataFrame
    dependencies: pd.DataFrame
    masks: pd.DataFrame


def catalogue(found: Survey, measured: Measured) -> Catalogue:
    """Join what the sources know with what was measured and what `data/services.csv` declares; the last word is the file's."""
    events = from_sources(found.sources, "events").drop_duplicates("event_id", ignore_index=True)
    return Catalogue(
        services=_services(found),
        regions=_regions(found),
        events=events,
        dependencies=from_sources(found.sources, "dependencies").drop_duplicates(["caller", "callee", "origin"], ignore_index=True),
        masks=_masks(events, measured, found.probed),
    )


def from_sources(sources: list[str], kind: str) -> pd.DataFrame:
    """Rows of a small raw table of all sources, the first source first."""
    frames = [store.read_raw_table(source, kind).to_pandas() for source in sources]
    filled = [frame for frame in frames if len(frame)]
    joined = pd.concat(filled, ignore_index=True) if filled else frames[0]
    labels = [column.name for column in tables.RAW[kind].columns if column.kind == "label"]
    return joined.astype(dict.fromkeys(labels, "object"))


def _services(found: Survey) -> pd.DataFrame:
    table = tables.TABLES["services"]
    seen = pd.DataFrame({"service": sorted(found.layout["service"].unique())})
    said = from_sources(found.sources, "services").drop_duplicates("service").set_index("service")
    declared = store.declared_services().set_index("service")
    names = sorted({*seen["service"], *said.index, *declared.index})
    merged = declared.reindex(index=names, columns=table.names[1:]).combine_first(said.reindex(index=names, columns=table.names[1:]))
    merged["role"] = merged["role"].astype("object").fillna("service")
    numbers = [column.name for column in table.columns if column.kind == "float"]
    return merged.astype(dict.fromkeys(numbers, "float64")).rename_axis("service").reset_index()[table.names]


def _regions(found: Survey) -> pd.DataFrame:
    said = from_sources(found.sources, "regions").drop_duplicates("region").set_index("region")
    names = sorted({*found.layout["region"].unique(), *said.index})
    return said.reindex(names).rename_axis("region").reset_index()[["region", "zone", "holidays"]]


def _prober_masks(faults: pd.DataFrame, probed: pd.DataFrame) -> pd.DataFrame:
    """A fault of a region's only monitor concerns all its services; one of several monitors those that it checks."""
    is_only = probed.groupby("region")["monitor"].nunique() == 1
    alone = faults["region"].map(is_only).astype(bool)
    of_region = faults[alone].assign(service=None)
    of_monitor = faults[~alone].merge(probed, on=["region", "monitor"])
    both = [part for part in (of_region, of_monitor) if len(part)]
    masks = (pd.concat(both, ignore_index=True) if both else of_region).assign(reason="prober", source="checks")
    return masks[["service", "region", "start", "end", "reason", "source"]]


def _masks(events: pd.DataFrame, measured: Measured, probed: pd.DataFrame) -> pd.DataFrame:
    # Declared and not over yet: it lasts as long as there are data.
    newest = (measured.series["last"] + pd.to_timedelta(measured.series["step_s"], unit="s")).max()
    declared = events[events["kind"].isin(MASKED_EVENTS)]
    declared = declared.assign(end=declared["end"].fillna(newest))
    declared = declared[declared["start"] < declared["end"]]
    parts = [
        declared.assign(reason=declared["kind"].map(MASKED_EVENTS))[["service", "region", "start", "end", "reason", "source"]],
        measured.maintenance.assign(reason="maintenance", source="checks"),
        _prober_masks(measured.faults, probed),
    ]
    filled = [part for part in parts if len(part)]
    masks = pd.concat(filled, ignore_index=True) if filled else parts[0]
    # The same stretch may be declared and said by the checks themselves: the longer one stays.
    ordered = masks.sort_values("end", ascending=False, kind="stable")
    return ordered.drop_duplicates(["service", "region", "start", "reason"]).sort_values(["start", "reason"], ignore_index=True)
