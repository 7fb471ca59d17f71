"""Variables come back as they were."""

import os

import pytest

from analytics.environment import variables_set


def test_variables_come_back_as_they_were_also_after_an_error(monkeypatch):
    monkeypatch.setenv("A_KEPT", "old")
    monkeypatch.setenv("A_GONE", "old")
    monkeypatch.delenv("A_NEW", raising=False)
    monkeypatch.delenv("A_NEVER", raising=False)
    before = dict(os.environ)
    inside = []

    def work():
        with variables_set({"A_KEPT": "new", "A_GONE": None, "A_NEW": "new", "A_NEVER": None}):
            inside.extend(os.environ.get(name) for name in ("A_KEPT", "A_GONE", "A_NEW", "A_NEVER"))
            raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        work()
    assert inside == ["new", None, "new", None]
    assert dict(os.environ) == before
