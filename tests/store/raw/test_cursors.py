"""How far a source has been collected."""

import pytest

from analytics import store


def test_a_cursor_is_remembered_and_a_damaged_one_says_what_to_do(project):
    assert store.cursor("s") == {}
    store.set_cursor("s", {"until": "2026-03-02", "é": 1})
    assert store.cursor("s") == {"until": "2026-03-02", "é": 1}
    (project / "data" / "raw" / "s" / "cursor.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="delete it to collect from the beginning"):
        store.cursor("s")
