"""One unit for each series: rows in another would be read as if they were in the first."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from analytics import store
from analytics.sources.base import Batch, refuse

__all__ = ["Units", "in_one_unit", "stored_units"]

Units = dict[tuple[str, ...], str]
"""Service, region and signal -> unit."""

RECENT_DAYS = 7
"""So many stored days are looked at: what is collected regularly is in them, and their footers are read in milliseconds."""


def stored_units(source: str) -> Units:
    """Units in which the series of a source are stored."""
    return {run.keys: run.unit for day in store.raw_days(source, "metrics")[-RECENT_DAYS:] for run in day.runs}


def in_one_unit(batch: Batch, known: Units, *, source: str) -> Batch:
    """Metrics without the rows that are not in the unit of their series, which is that of its first row; `known` learns it."""
    if batch.kind != "metrics" or not len(batch.rows):
        return batch
    keys = batch.rows.select(["service", "region", "signal", "unit"]).to_pandas()
    seen = keys.drop_duplicates().astype(str)
    right = [known.setdefault((row.service, row.region, row.signal), row.unit) for row in seen.itertuples(index=False)]
    wrong = seen.assign(right=right).query("unit != right")
    if wrong.empty:
        return batch
    is_wrong = pa.array(keys.astype(str).merge(wrong, how="left")["right"].notna().to_numpy())
    refused = [
        (
            f"{row['signal']} of {row['service']} at {row['time']:%Y-%m-%dT%H:%M:%S}Z",
            f"is in {row['unit']}, other rows of its series in {known[row['service'], row['region'], row['signal']]}; convert it",
            ",".join(map(str, row.values())),
        )
        for row in batch.rows.filter(is_wrong).to_pylist()
    ]
    rejected = pa.concat_tables([batch.rejected, refuse(source, batch.kind, refused)]).unify_dictionaries()
    return Batch(batch.kind, batch.rows.filter(pc.invert(is_wrong)), rejected)
