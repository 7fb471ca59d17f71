"""Map one pure function over partitions: in this process or in a pool, with results kept under the hash of what made them.

The function must be importable by name (a `functools.partial` of one may carry parameters), read its own partition and return a small
result. Results come back in the order of the partitions, the same bits however many workers there are. What was computed before, by the
same code from the same parameters and inputs, is read from `data/memo` instead: a retry, a resumed run and a run with one new day are
the same mechanism.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import date
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from analytics import imports, store
from analytics.environment import THREAD_VARIABLES

__all__ = ["fold", "get_ready", "map", "prune"]

Result = TypeVar("Result")
State = TypeVar("State")
ATTEMPTS = 3
_CONTEXT = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
STATES_KEPT = 2
"""The newest link of a chain is usually not over yet: the state before it is wanted by the next run, that before it if late data come."""
SMALL_ROWS = 1000
"""Frames up to this many rows are told by their values as text: three times as fast as pandas' hash of them."""
# A pool costs about a second of start-up per worker; below this many points per worker it does not pay.
POINTS_PER_WORKER = 4_000_000
KEPT_BYTES = 2 * 2**30
"""Kept results beyond this are deleted, those not used for longest first: each change of code or data leaves some that nobody asks for."""


def map(
    function: Callable[[Any], Result], partitions: Sequence[Any], *, workers: int = 1, points: int | None = None, keep: bool = True
) -> Iterator[Result]:
    """Results of `function` for each partition, in order.

    Parameters
    ----------
    function : importable function of one partition, or a partial of one
    partitions : each has a `key` (text that changes with its contents) or is itself text
    workers : processes at most; 1 works in this process
    points : size of all partitions together, if known; a pool is only started where what is not kept yet pays for it
    keep : read and write results in `data/memo`

    Raises
    ------
    RuntimeError
        If workers are lost three times in a row (usually: out of memory).
    """
    name = _name(function)
    yield from _mapped(function, partitions, _Memo(function, name) if keep else None, workers, points)


def _mapped(
    function: Callable[[Any], Result], partitions: Sequence[Any], memo: _Memo | None, workers: int, points: int | None
) -> Iterator[Result]:
    jobs = [_Job(function, partition, None if memo is None else memo.path(partition)) for partition in partitions]
    if points is not None:
        stale = sum(getattr(job.partition, "stale_share", 1.0) for job in jobs if not job.is_kept)
        points = int(points * stale / max(1, len(jobs)))
    workers = _that_pay(workers, points)
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield job.result()
    else:
        module = _name(function).rpartition(".")[0] if memo is None else memo.module
        yield from _pooled(jobs, workers, module)
    if memo is not None:
        prune(keep_bytes=KEPT_BYTES)


def get_ready(module: str, *, workers: int, points: int | None = None) -> None:
    """Start the process that workers are forked from, without waiting for it: the caller goes on while it imports `module`.

    Nothing is started where results of this module are kept: few are missing then. Other parameters as of `map`.
    """
    kept = (store.root() / "data" / "memo").glob(f"{module.removeprefix('analytics.')}.*/*.pickle")
    if _that_pay(workers, points) > 1 and not any(kept):
        _start_server(module)


def _start_server(module: str) -> None:
    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, "1")
    if _CONTEXT == "forkserver":
        # Of no effect on one that runs already: then workers import what it lacks.
        forkserver.set_forkserver_preload(["analytics.engine", module])
        forkserver.ensure_running()


def _that_pay(workers: int, points: int | None) -> int:
    return workers if points is None else min(workers, max(1, points // POINTS_PER_WORKER))


@dataclass(frozen=True)
class _Job:
    """A function of a partition, and where its result is kept, if it is."""

    function: Callable[[Any], Any]
    partition: Any
    path: Path | None

    @property
    def is_kept(self) -> bool:
        return self.path is not None and self.path.is_file()

    def result(self) -> Any:
        """The result that is kept, else computed and kept."""
        if self.path is None:
            return self.function(self.partition)
        if (found := _read(self.path)) is not None:
            return found[0]
        result = self.function(self.partition)
        _write(self.path, result)
        return result


def _work(job: _Job) -> Any:
    """What a worker does: where results are kept it only says so, and each is read when its turn has come: few are in memory."""
    if job.path is None:
        return job.result()
    _write(job.path, job.function(job.partition))
    # The C library keeps what is free as long as something small lies above it: a worker's partitions would add up.
    pa.system_memory_pool().release_unused()
    return None


def fold(
    advance: Callable[[State | None, Any], State],
    conclude: Callable[[State], Result],
    chains: Sequence[Sequence[Any]],
    *,
    workers: int = 1,
    points: int | None = None,
) -> Iterator[Result]:
    """What each chain of partitions comes to: `advance` goes from link to link, `conclude` says what the last state means.

    Kept are the result of a chain and the states before its newest links: a chain whose newest link has changed costs that link, one that
    has grown by a link also the one before it.

    Parameters
    ----------
    advance : importable function `(state, partition) -> state`, or a partial of one; the first state is None
    conclude : importable function of a state
    chains : each a sequence of partitions in order, usually of time, and not empty
    workers, points : as in `map`; a chain is computed by one worker
    """
    work = functools.partial(_follow, advance, conclude)
    memo = _Memo(work, _name(advance), _name(conclude))
    found = [_Chain(tuple(chain), _state_paths(advance, chain)) for chain in chains]
    yield from _mapped(work, found, memo, workers, points)


@dataclass(frozen=True)
class _Chain:
    """A chain as one partition: its links, and where the state after each lies."""

    links: tuple[Any, ...]
    paths: tuple[Path, ...]

    @property
    def key(self) -> str:
        """Hash of all links."""
        return self.paths[-1].stem

    @property
    def stale_share(self) -> float:
        """Part of the links that would have to be followed."""
        passed = next((number for number in range(len(self.paths), 0, -1) if self.paths[number - 1].is_file()), 0)
        return 1 - passed / len(self.paths)


def _state_paths(advance: Callable[..., Any], links: Sequence[Any]) -> tuple[Path, ...]:
    """Where the state after each link lies: under the hash of everything up to it."""
    memo = _Memo(advance, _name(advance))
    paths, before = [], ""
    for link in links:
        path = memo.path(link)
        before = store.digest(before, path.stem)
        paths.append(path.with_name(f"{before}.state.pickle"))
    return tuple(paths)


def _follow(advance: Callable[[State | None, Any], State], conclude: Callable[[State], Result], chain: _Chain) -> Result:
    """Follow a chain from the newest state that is still there."""
    begin, state = _newest_state(chain.paths)
    kept = chain.paths[:-1][-STATES_KEPT:]
    for link, path in zip(chain.links[begin:], chain.paths[begin:], strict=True):
        state = advance(state, link)
        if path in kept:
            _write(path, _packed(state))
    for path in chain.paths[: -STATES_KEPT - 1]:
        path.unlink(missing_ok=True)
    return conclude(state)


def _newest_state(paths: Sequence[Path]) -> tuple[int, Any]:
    """How many links are passed in the newest state that is kept, and that state."""
    for passed in range(len(paths), 0, -1):
        if (found := _read(paths[passed - 1])) is not None:
            return passed, _unpacked(found[0])
    return 0, None


def _packed(state: Any) -> tuple[int, bytes]:
    """A state as it is kept, compressed, and its size: it may hold much of the past, in numbers that are mostly alike."""
    content = pickle.dumps(state, protocol=5)
    return len(content), pa.compress(content, codec="zstd", asbytes=True)


def _unpacked(kept: tuple[int, bytes]) -> Any:
    return pickle.loads(pa.decompress(kept[1], decompressed_size=kept[0], codec="zstd"))


def prune(*, keep_bytes: int) -> int:
    """Delete the oldest kept results until at most `keep_bytes` remain; the number of bytes freed."""
    folder = store.root() / "data" / "memo"
    found = []
    for path in folder.rglob("*.pickle"):
        # Another run may prune at the same time.
        with contextlib.suppress(FileNotFoundError):
            found.append((path.stat(), path))
    total = freed = 0
    for said, path in sorted(found, key=lambda one: one[0].st_mtime_ns, reverse=True):
        total += said.st_size
        if total > keep_bytes:
            path.unlink(missing_ok=True)
            freed += said.st_size
    return freed


def _pooled(jobs: Sequence[_Job], workers: int, module: str) -> Iterator[Any]:
    """As in one process, but computed `workers` at a time; what a lost worker held is given to a fresh pool."""
    # Results that are kept are read when their turn has come: one that takes long need not hold up those after it.
    ahead = workers if jobs[0].path is None else len(jobs)
    pa.system_memory_pool().release_unused()
    _start_server(module)
    pool = _start_pool(workers)
    waiting: dict[int, Future[Any]] = {}
    handed_out = lost = 0
    try:
        for position, job in enumerate(jobs):
            while handed_out < len(jobs) and handed_out <= position + ahead:
                if not jobs[handed_out].is_kept:
                    waiting[handed_out] = _submit(pool, jobs[handed_out])
                handed_out += 1
            while position in waiting:
                try:
                    result = waiting[position].result()
                except BrokenProcessPool as error:
                    lost += 1
                    if lost >= ATTEMPTS:
                        raise RuntimeError(
                            f"workers were lost {lost} times (out of memory?) at partition {position + 1} of {len(jobs)}; "
                            "set project.workers to 1 or give the machine more memory"
                        ) from error
                    pool.shutdown(wait=False, cancel_futures=True)
                    pool = _start_pool(workers)
                    # Finished results are kept; everything else the broken pool held goes to the new one.
                    for other in [key for key, future in waiting.items() if not future.done() or future.exception() is not None]:
                        waiting[other] = _submit(pool, jobs[other])
                    continue
                del waiting[position]
                lost = 0
                yield result if job.path is None else job.result()
                break
            else:
                yield job.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, job: _Job) -> Future[Any]:
    """The future of a job; of a pool that is already broken, one that says so, like those that broke with it.

    A pool that breaks while it starts a worker has lost what it would talk to it by: that raises what the system says of it.
    """
    try:
        return pool.submit(_work, job)
    except (BrokenProcessPool, OSError, EOFError) as error:
        broken = error if isinstance(error, BrokenProcessPool) else BrokenProcessPool(f"no worker could be started: {error}")
        failed: Future[Any] = Future()
        failed.set_exception(broken)
        return failed


def _start_pool(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context(_CONTEXT)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(_session(),))


def _session() -> dict[str, str]:
    """What says where this session works; the server that workers are forked from may be older than it."""
    return {name: value for name, value in os.environ.items() if name.startswith("ANALYTICS_")}


def _start_worker(session: dict[str, str]) -> None:
    """One thread per worker: the workers are the parallelism, and sums must not depend on the number of threads."""
    os.environ.update(session)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    # Arrow's own allocator keeps what it once had: a worker's memory would grow with the partitions it has seen.
    pa.set_memory_pool(pa.system_memory_pool())


def _name(function: Callable[..., Any]) -> str:
    """Where to import a function from; what has no such place works in one process and fails in a pool, so it never works."""
    plain = function
    while isinstance(plain, functools.partial):
        plain = plain.func
    name = f"{plain.__module__}.{getattr(plain, '__qualname__', '')}"
    if "<" in name:
        raise ValueError(f"'{name}' cannot be imported by a worker; map a function that stands at the top of a module")
    return name


class _Memo:
    """Where results lie on disk, under the hash of code, parameters and input.

    They are pickled: local files of this project's own making, never exchanged, safe to delete. (Models are never pickled.)
    """

    def __init__(self, function: Callable[..., Any], name: str, *also: str) -> None:
        self.folder = store.root() / "data" / "memo" / name.removeprefix("analytics.")
        self.module = name.rpartition(".")[0]
        # Another version may give other last digits: then a run with kept results would differ from an audit, which has none.
        versions = (sys.version, np.__version__, pd.__version__, pa.__version__)
        code = [code_digest(one.rpartition(".")[0]) for one in (name, *also)]
        self.made_by = store.digest(name, *code, *versions, canonical(function))
        self.told: dict[int, tuple[pd.DataFrame, str]] = {}

    def path(self, partition: Any) -> Path:
        key = partition if isinstance(partition, str) else partition.key
        return self.folder / f"{store.digest(self.made_by, key, canonical(partition, self.told))}.pickle"


def _read(path: Path) -> tuple[Any] | None:
    try:
        # Views, not copies: a result may be large.
        content = memoryview(path.read_bytes())
        os.utime(path)
    except FileNotFoundError:
        return None
    said, result = bytes(content[:32]), content[32:]
    if store.digest(result) != said.decode("ascii", "replace"):
        path.unlink(missing_ok=True)
        return None
    return (pickle.loads(result),)


def _write(path: Path, result: Any) -> None:
    content = pickle.dumps(result, protocol=5)
    store.write_atomically(path, store.digest(content).encode() + content)


@functools.cache
def code_digest(module: str) -> str:
    """Hash of the source that a module reaches: a change of it makes kept results stale, a change of a figure does not."""
    folder = Path(__file__).parents[1]
    if module.partition(".")[0] == "analytics":
        paths = [folder / name for name in imports.reach(folder, use=[module], imports_only=True).files]
    else:
        paths = [*sorted(Path(__file__).parent.rglob("*.py")), Path(str(sys.modules[module].__file__))]
    return store.digest(*(part for path in paths for part in (path.name, path)))


def _frame_text(frame: pd.DataFrame, told: dict[int, tuple[pd.DataFrame, str]]) -> str:
    if id(frame) not in told:
        if len(frame) <= SMALL_ROWS:
            contents = repr([(str(frame[name].dtype), frame[name].tolist()) for name in frame.columns]).encode()
        else:
            contents = pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
        # With the frame itself: as long as it is here no other has its id.
        told[id(frame)] = (frame, f"frame({list(frame.columns)},{store.digest(contents)})")
    return told[id(frame)][1]


def canonical(value: Any, told: dict[int, tuple[pd.DataFrame, str]] | None = None) -> str:
    """Text that is equal for equal parameters, in every process.

    Parameters
    ----------
    told : frames that were told before, with their texts, by `id`: partitions of one call share many

    Raises
    ------
    TypeError
        For a value of a kind whose contents cannot be told.
    """
    if isinstance(value, functools.partial):
        return f"partial({canonical(list(value.args), told)},{canonical(value.keywords, told)})"
    if isinstance(value, _Chain):
        return value.key
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return repr(value)
    if isinstance(value, BaseModel):
        return f"{type(value).__name__}{value.model_dump_json()}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key], told)}" for key in sorted(value, key=repr)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(canonical(item, told) for item in value) + "]"
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray):
        return f"array({value.dtype},{value.shape},{store.digest(np.ascontiguousarray(value).tobytes())})"
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, pd.DataFrame):
        return _frame_text(value, {} if told is None else told)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Path):
        # Where a file lies says nothing about what it holds.
        return value.name
    if isinstance(value, date):
        return value.isoformat()
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is not None:
        return type(value).__name__ + canonical({name: getattr(value, name) for name in fields}, told)
    raise TypeError(
        f"parameters of a mapped function must be plain values, frames, arrays or dataclasses of them, not {type(value).__name__}"
    )
