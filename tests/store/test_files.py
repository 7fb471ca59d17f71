"""Hashes and writes of whole files."""

import errno
from pathlib import Path

import pytest

from analytics import store


def test_a_hash_tells_parts_apart():
    assert store.digest("ab", "c") != store.digest("a", "bc")
    assert store.digest("a") == store.digest(b"a")
    assert store.digest("a", "b") != store.digest("b", "a")


def test_a_hash_of_a_file_is_that_of_its_contents(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 1_000_000)
    assert store.digest(tmp_path / "x") == store.digest(b"abc" * 1_000_000)


def test_a_write_makes_its_folder_and_leaves_nothing_else(tmp_path):
    store.write_atomically(tmp_path / "new" / "file.txt", b"1")
    store.write_atomically(tmp_path / "new" / "file.txt", b"2")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "new").iterdir()] == [("file.txt", b"2")]


def test_a_failed_write_leaves_the_old_content(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        store.write_atomically(path, "not bytes")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file.txt", b"old")]


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_an_error_that_names_the_file_and_the_remedy(tmp_path, monkeypatch, reason):
    path = tmp_path / "tables" / "file.txt"
    store.write_atomically(path, b"old")

    def full(descriptor):
        raise OSError(reason, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(store.DiskFull, match=rf"{path}: no space left on its disk .* MB free.*\nmake room .*run it again"):
        store.write_atomically(path, b"new")
    assert [(one.name, one.read_bytes()) for one in path.parent.iterdir()] == [("file.txt", b"old")]


def test_other_errors_of_a_disk_stay_as_they_are():
    with pytest.raises(PermissionError), store.naming_full_disk(Path("/x")):
        raise PermissionError(errno.EACCES, "no")
