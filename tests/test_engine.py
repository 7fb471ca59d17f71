"""One map over partitions: the same results in one process, in a pool, from memory, and after losses."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from analytics import engine, params
from tests import mapped

LETTERS = list("abcdef")


@dataclass(frozen=True)
class Part:
    """A partition with contents of its own."""

    key: str
    content: list[int] = field(default_factory=list)


@pytest.fixture
def trace(tmp_path):
    """File in which `mapped.double` notes its calls."""
    return tmp_path / "trace"


def called(trace):
    return trace.read_text(encoding="utf-8").split() if trace.exists() else []


def test_results_come_in_order_and_are_the_same_bits_in_a_pool(project):
    texts = [letter * number for number, letter in enumerate("abcdefgh")]
    alone = list(engine.map(mapped.roots, texts, keep=False))
    pooled = list(engine.map(mapped.roots, texts, workers=2))
    assert len(alone) == 8
    npt.assert_array_equal(np.array(alone), np.array(pooled))


def test_workers_have_one_thread_and_know_the_project(project):
    assert set(engine.map(mapped.threads, ["a", "b"], workers=2)) == {"1 1"}
    assert set(engine.map(mapped.where, ["a", "b"], workers=2)) == {str(project)}


def test_a_second_call_computes_nothing(project, trace):
    work = partial(mapped.double, trace=str(trace))
    assert list(engine.map(work, LETTERS[:3])) == ["aa", "bb", "cc"]
    assert list(engine.map(work, LETTERS[:4])) == ["aa", "bb", "cc", "dd"]
    assert called(trace) == LETTERS[:4]


def test_a_pool_uses_what_was_kept(project, trace):
    work = partial(mapped.double, trace=str(trace))
    list(engine.map(work, LETTERS[:3]))
    assert list(engine.map(work, LETTERS, workers=2)) == [letter * 2 for letter in LETTERS]
    assert sorted(called(trace)) == LETTERS
    assert list(engine.map(work, LETTERS)) == [letter * 2 for letter in LETTERS]
    assert sorted(called(trace)) == LETTERS


def test_nothing_is_kept_unless_wanted(project, trace):
    work = partial(mapped.double, trace=str(trace))
    for _ in range(2):
        list(engine.map(work, ["a"], keep=False))
    assert called(trace) == ["a", "a"]
    assert not (project / "data" / "memo").exists()


@pytest.mark.parametrize("change", ["parameter", "key", "code"])
def test_what_was_kept_is_not_used_for_something_else(project, trace, monkeypatch, change):
    work = partial(mapped.double, trace=str(trace))
    list(engine.map(work, ["a"]))
    if change == "parameter":
        work = partial(work, by=3)
    if change == "code":
        monkeypatch.setattr(engine, "code_digest", lambda module: "other")
    list(engine.map(work, ["b" if change == "key" else "a"]))
    assert len(called(trace)) == 2


def test_partitions_of_one_key_and_other_contents_are_told_apart(project):
    assert list(engine.map(mapped.total, [Part("k", [1]), Part("k", [2]), Part("k", [1])])) == [1, 2, 1]
    assert len(list((project / "data" / "memo").rglob("*.pickle"))) == 2


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:40] + b"?" + content[41:], lambda _: b""])
def test_a_damaged_result_is_computed_again(project, trace, damage, workers):
    work = partial(mapped.double, trace=str(trace))
    list(engine.map(work, ["a", "b"]))
    for path in (project / "data" / "memo").rglob("*.pickle"):
        path.write_bytes(damage(path.read_bytes()))
    assert list(engine.map(work, ["a", "b"], workers=workers)) == ["aa", "bb"]
    assert called(trace) == ["a", "b", "a", "b"]
    assert list(engine.map(work, ["a", "b"])) == ["aa", "bb"]
    assert len(called(trace)) == 4


def test_what_a_killed_worker_held_is_computed_again(project, tmp_path):
    work = partial(mapped.die_once, folder=str(tmp_path))
    assert list(engine.map(work, LETTERS, workers=2)) == [letter.upper() for letter in LETTERS]
    assert (tmp_path / "died").exists()


def test_a_worker_lost_three_times_stops_the_run_with_a_remedy(project):
    with pytest.raises(RuntimeError, match=r"workers were lost 3 times .* at partition \d of 6; set project.workers to 1"):
        list(engine.map(mapped.die_always, LETTERS, workers=2))


def test_a_pool_that_breaks_while_it_starts_a_worker_is_replaced(project, monkeypatch):
    submit, refused = engine.ProcessPoolExecutor.submit, iter([OSError(9, "Bad file descriptor"), EOFError()])

    def submit_late(pool, work, job):
        if (error := next(refused, None)) is not None:
            raise error
        return submit(pool, work, job)

    monkeypatch.setattr(engine.ProcessPoolExecutor, "submit", submit_late)
    assert list(engine.map(mapped.double, ["a", "b", "c"], workers=2)) == ["aa", "bb", "cc"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_function_is_raised_as_it_is(project, workers):
    with pytest.raises(LookupError, match="no such thing as c"):
        list(engine.map(mapped.fail, LETTERS, workers=workers))


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("workers", [1, 2])
def test_functions_that_a_worker_cannot_import_are_refused(project, workers, keep):
    def local(text):
        return text

    for function in (lambda text: text, local, partial(local)):
        with pytest.raises(ValueError, match="cannot be imported by a worker; map a function that stands at the top of a module"):
            list(engine.map(function, ["a", "b"], workers=workers, keep=keep))


def test_a_pool_is_started_only_where_it_pays(project, monkeypatch):
    monkeypatch.setattr(engine, "_start_pool", lambda workers, module: pytest.fail("a pool was started"))
    assert list(engine.map(mapped.double, ["a", "b"], workers=2, points=engine.POINTS_PER_WORKER)) == ["aa", "bb"]
    assert list(engine.map(mapped.double, ["a"], workers=2)) == ["aa"]
    # Of what is large only a little is new.
    large = {"workers": 2, "points": 2 * engine.POINTS_PER_WORKER}
    assert list(engine.map(mapped.double, ["a", "b", "c"], **large)) == ["aa", "bb", "cc"]
    list(engine.fold(mapped.running_sum, mapped.same, [chain([1], [2], [3])]))
    assert list(engine.fold(mapped.running_sum, mapped.same, [chain([1], [2], [4]), chain([1], [2], [5])], **large)) == [
        [1, 3, 7],
        [1, 3, 8],
    ]


@pytest.mark.parametrize(
    ("workers", "points", "expected"), [(1, None, 0), (2, engine.POINTS_PER_WORKER, 0), (2, 2 * engine.POINTS_PER_WORKER, 1)]
)
def test_workers_are_got_ready_only_where_a_pool_pays(project, monkeypatch, workers, points, expected):
    started = []
    monkeypatch.setattr(engine.forkserver, "ensure_running", lambda: started.append(True))
    monkeypatch.setattr(engine.forkserver, "set_forkserver_preload", lambda names: None)
    engine.get_ready("analytics.ingest.week", workers=workers, points=points)
    assert len(started) == expected
    kept = project / "data" / "memo" / "ingest.week.measure_week" / "a.pickle"
    kept.parent.mkdir(parents=True)
    kept.touch()
    engine.get_ready("analytics.ingest.week", workers=workers, points=points)
    assert len(started) == expected


def test_no_partition_gives_no_result(project):
    assert list(engine.map(mapped.double, [], workers=2)) == []


def test_results_of_another_version_of_a_library_are_not_used(project, trace, monkeypatch):
    work = partial(mapped.double, trace=str(trace))
    list(engine.map(work, ["a"]))
    monkeypatch.setattr(np, "__version__", "0.0")
    list(engine.map(work, ["a"]))
    assert called(trace) == ["a", "a"]


def test_the_oldest_kept_results_are_pruned(project):
    import os

    list(engine.map(mapped.double, LETTERS))
    paths = sorted((project / "data" / "memo").rglob("*.pickle"))
    for age, path in enumerate(paths):
        os.utime(path, ns=(age * 10**9, age * 10**9))
    size = paths[0].stat().st_size
    assert engine.prune(keep_bytes=2 * size) == 4 * size
    assert [path.exists() for path in paths] == [False] * 4 + [True] * 2


def test_kept_results_do_not_grow_without_end(project, monkeypatch):
    list(engine.map(mapped.double, ["a"]))
    size = sum(path.stat().st_size for path in (project / "data" / "memo").rglob("*.pickle"))
    monkeypatch.setattr(engine, "KEPT_BYTES", 3 * size)
    assert list(engine.map(mapped.double, LETTERS)) == [letter * 2 for letter in LETTERS]
    assert len(list((project / "data" / "memo").rglob("*.pickle"))) == 3


def chain(*contents, name="w"):
    return [Part(f"{name}{index}", list(content)) for index, content in enumerate(contents)]


def folded(trace, *chains, **options):
    return list(engine.fold(partial(mapped.running_sum, trace=str(trace)), mapped.same, chains, **options))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fold_carries_its_state_along_each_chain(project, trace, workers):
    found = folded(trace, chain([1], [2, 3], [4]), chain([10], [20], name="v"), workers=workers)
    assert found == [[1, 6, 10], [10, 30]]
    assert sorted(called(trace)) == ["v0", "v1", "w0", "w1", "w2"]


@pytest.mark.parametrize(
    ("after", "computed", "found"),
    [
        # The state after the newest link is not kept: there is usually more of it the next time.
        (([1], [2], [3], [4]), [], [1, 3, 6, 10]),
        (([1], [2], [3], [4], [5]), ["w3", "w4"], [1, 3, 6, 10, 15]),
        (([1], [2], [3], [40]), ["w3"], [1, 3, 6, 46]),
        (([1], [2], [3], [40], [5]), ["w3", "w4"], [1, 3, 6, 46, 51]),
        (([10], [2], [3], [4]), ["w0", "w1", "w2", "w3"], [10, 12, 15, 19]),
    ],
)  # fmt: skip
def test_a_fold_computes_from_the_first_change_on(project, trace, after, computed, found):
    folded(trace, chain([1], [2], [3], [4]))
    trace.unlink()
    assert folded(trace, chain(*after)) == [found]
    assert called(trace) == computed


def test_only_chains_that_have_changed_are_followed(project, trace):
    folded(trace, chain([1], [2]), chain([5], name="v"))
    trace.unlink()
    assert folded(trace, chain([1], [2]), chain([5], [6], [7], name="v"), workers=2) == [[1, 3], [5, 11, 18]]
    assert called(trace) == ["v0", "v1", "v2"]


@pytest.mark.parametrize("kind", ["*.state.pickle", "*.pickle"])
def test_a_fold_survives_damage_of_what_was_kept(project, trace, kind):
    folded(trace, chain([1], [2], [3], [4]))
    for path in (project / "data" / "memo").rglob(kind):
        path.write_bytes(path.read_bytes()[:-1])
    assert folded(trace, chain([1], [2], [3], [4], [5])) == [[1, 3, 6, 10, 15]]
    assert folded(trace, chain([1], [2], [3], [4], [5])) == [[1, 3, 6, 10, 15]]


def test_a_fold_keeps_few_states(project, trace):
    for length in (10, 15, 20):
        folded(trace, chain(*([number] for number in range(length))))
    assert len(list((project / "data" / "memo").rglob("*.state.pickle"))) == engine.STATES_KEPT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0), ("1", 1), (True, 1), ([1, 2], [2, 1]), ({"a": 1}, {"a": 2}),
        (np.arange(3), np.arange(3.0)), (np.zeros((2, 1)), np.zeros((1, 2))),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [2, 1]})), (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.Timestamp("2026-01-01T00:00Z"), pd.Timestamp("2026-01-02T00:00Z")), (params.Ingest(), params.Ingest(step_s=60)),
        (partial(mapped.double, by=1), partial(mapped.double, by=2)), (mapped.double, mapped.roots), (None, "None"),
    ],
)  # fmt: skip
def test_different_parameters_are_told_apart(one, other):
    assert engine.canonical(one) != engine.canonical(other)
    assert engine.canonical(one) == engine.canonical(one)


def test_order_of_names_in_a_dictionary_means_nothing():
    assert engine.canonical({"a": 1, "b": 2}) == engine.canonical({"b": 2, "a": 1})


def test_parameters_whose_contents_cannot_be_told_are_refused():
    with pytest.raises(TypeError, match="must be plain values, frames, arrays or dataclasses of them, not object"):
        engine.canonical([object()])


def test_results_depend_on_the_code_that_a_function_reaches_only():
    reached = engine.code_digest("analytics.ingest.week")
    assert reached == engine.code_digest("analytics.ingest.week")
    assert reached != engine.code_digest("analytics.slo.counts")
