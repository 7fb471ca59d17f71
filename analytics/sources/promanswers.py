"""Answers of Prometheus and those that speak its API: read whole, or refused with what is wrong about them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.sources.base import Progress, SourceError, silent

__all__ = ["NotWhole", "Read", "Sampled", "parse_export", "parse_instant", "parse_label_sets", "parse_matrix", "parse_names"]

Read = Callable[[bytes, str, Progress], Any]
"""Reads a body: the body, where it comes from (for messages), whom to tell the server's warnings."""

# Thanos and Prometheus with remote storage say that a part did not answer, and servers with a limit that they cut the answer, by a warning.
_PARTIAL = re.compile(r"partial|truncated|unavailable|remote.read", re.IGNORECASE)
_SHOWN = 120


class NotWhole(SourceError):
    """An answer from which something is missing; it may be whole the next time."""


@dataclass(frozen=True)
class Sampled:
    """One series: its labels (with __name__ where the server gives it), times in ms since 1970, values."""

    labels: dict[str, str]
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def parse_names(body: bytes, where: str, say: Progress = silent) -> list[str]:
    """Values of a label."""
    data = _data(body, where, say)
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise _strange(where, "a list of names", data)
    return data


def parse_label_sets(body: bytes, where: str, say: Progress = silent) -> list[dict[str, str]]:
    """Label sets of series."""
    data = _data(body, where, say)
    if not isinstance(data, list) or not all(isinstance(labels, dict) for labels in data):
        raise _strange(where, "a list of label sets", data)
    return data


def parse_instant(body: bytes, where: str, say: Progress = silent) -> list[float]:
    """Values of an instant query."""
    data = _data(body, where, say)
    try:
        found = [data["result"]] if data["resultType"] == "scalar" else [series["value"] for series in data["result"]]
        return [float(value) for _, value in found]
    except (KeyError, TypeError, ValueError):
        raise _strange(where, "a vector or a scalar", data) from None


def parse_matrix(body: bytes, where: str, say: Progress = silent) -> list[Sampled]:
    """Series of an answer of result type matrix.

    The samples are cut out of the text and read as a table of two columns, which costs a third of decoding them as JSON; what is left
    is decoded, so that an answer that was cut off anywhere is noticed. One with unusual values is decoded as JSON altogether.
    """
    head, *pieces = body.split(_VALUES)
    parts = [piece.partition(b"]]") for piece in pieces]
    series = _series(_EMPTY.join([head, *(rest for _, _, rest in parts)]), where, say)
    if not parts:
        return _decoded_matrix(series, where)
    quick = None if len(series) != len(parts) or b"Inf" in body else _cut_out(series, [samples for samples, _, _ in parts])
    return _decoded_matrix(_series(body, where, silent), where) if quick is None else quick


_VALUES = b'"values":[['
_EMPTY = b'"values":[[]]'


def _series(body: bytes, where: str, say: Progress) -> list[dict[str, Any]]:
    data = _data(body, where, say)
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        kind = data.get("resultType") if isinstance(data, dict) else type(data).__name__
        raise SourceError(f"{where}: the query gives a {kind}, expected series over time")
    series = data.get("result")
    if not isinstance(series, list) or not all(isinstance(one, dict) and isinstance(one.get("metric"), dict) for one in series):
        raise _strange(where, "series with their labels", series)
    return series


def _cut_out(series: Sequence[dict[str, Any]], texts: Sequence[bytes]) -> list[Sampled] | None:
    """Series with the samples of their texts; None where these are not all numbers."""
    import pyarrow.csv as pc

    counts = [text.count(b"],[") + 1 for text in texts]
    rows = b"],[".join(texts).replace(b'"],[', b"\n").replace(b',"', b",").removesuffix(b'"') + b"\n"
    read = pc.ReadOptions(column_names=["time", "value"], use_threads=False, block_size=max(len(rows) + 1, 1 << 16))
    convert = pc.ConvertOptions(column_types={"time": pa.float64(), "value": pa.float64()})
    try:
        table = pc.read_csv(pa.BufferReader(rows), read_options=read, convert_options=convert)
    except pa.ArrowInvalid:
        return None
    if len(table) != sum(counts):
        return None
    times, values = np.rint(table.column("time").to_numpy() * 1000).astype(np.int64), table.column("value").to_numpy()
    ends = np.cumsum(counts).tolist()
    return [Sampled(one["metric"], times[end - n : end], values[end - n : end]) for one, n, end in zip(series, counts, ends, strict=True)]


def _decoded_matrix(series: list[dict[str, Any]], where: str) -> list[Sampled]:
    result = []
    for one in series:
        samples = one.get("values", [])
        try:
            times = np.rint(np.array([time for time, _ in samples], np.float64) * 1000).astype(np.int64)
            values = np.array([float(value) for _, value in samples], np.float64)
        except (TypeError, ValueError) as error:
            raise SourceError(f"{where}: {one['metric']} has a sample that is no time and number ({error})") from None
        result.append(Sampled(one["metric"], times, values))
    return result


def parse_export(body: bytes, where: str, say: Progress = silent) -> list[Sampled]:
    """Series of VictoriaMetrics' /api/v1/export: JSON lines of metric, values and timestamps in ms."""
    del say
    found = []
    lines = [line for line in body.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            times, values = np.array(record["timestamps"], np.int64), np.array(record["values"], np.float64)
            if values.shape != (len(times),):
                raise _no_export(line, where)
            found.append(Sampled(dict(record["metric"]), times, values))
        except json.JSONDecodeError:
            if number == len(lines) > 1:
                raise NotWhole(f"{where}: the answer is cut off after {len(body):,} bytes") from None
            raise _no_export(line, where) from None
        except (KeyError, TypeError, ValueError):
            raise _no_export(line, where) from None
    return found


def _no_export(line: bytes, where: str) -> SourceError:
    return SourceError(f"{where}: answered '{line[:60].decode('utf-8', 'replace')}', which is no export of VictoriaMetrics")


def _data(body: bytes, where: str, say: Progress) -> Any:
    """The `data` of an answer that is whole."""
    shown = body[:_SHOWN].decode("utf-8", "replace")
    try:
        answer = json.loads(body)
    except ValueError:
        if not body.strip() or body.lstrip().startswith(b'{"status":'):
            raise NotWhole(f"{where}: the answer is cut off after {len(body):,} bytes") from None
        raise SourceError(f"{where}: answered '{shown[:60]}', not JSON: is the url that of Prometheus?") from None
    if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
        raise SourceError(f"{where}: answered JSON, but not as Prometheus does ({shown}): is the url right?")
    warnings = [str(text) for text in answer.get("warnings") or []]
    partial = [text for text in warnings if _PARTIAL.search(text)]
    if answer.get("isPartial") or partial:
        raise NotWhole(f"{where}: the answer is partial: {'; '.join(partial or warnings) or 'a part of the server did not answer'}")
    for text in warnings:
        say(f"{where} warns: {text}")
    return answer["data"]


def _strange(where: str, expected: str, data: Any) -> SourceError:
    return SourceError(f"{where}: expected {expected}, but the server's data are {json.dumps(data)[:_SHOWN]}: is the url right?")
