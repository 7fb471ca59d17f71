"""What began at once in several and in one place is one group; everything in at most one."""

import numpy as np
from hypothesis import given, strategies as st

from analytics.stats import together


def groups(*rows, least=3, within=10):
    """(start, who, where) -> place and rows of each group of at least so many."""
    start, who, where = (np.array([row[part] for row in rows], kind) for part, kind in ((0, float), (1, object), (2, object)))
    found = together.at_once(start, who, where, within_s=within, enough=lambda place, n, members: n >= least)
    return [(place, sorted(members.tolist())) for place, members in found]


def test_three_within_ten_seconds_of_the_first_are_a_group():
    assert groups((0, "a", "eu"), (5, "b", "eu"), (10, "c", "eu")) == [("eu", [0, 1, 2])]
    assert groups((0, "a", "eu"), (5, "b", "eu"), (11, "c", "eu")) == []
    assert groups((11, "c", "eu"), (0, "a", "eu"), (5, "b", "eu"), least=2) == [("eu", [1, 2])]


def test_the_same_one_three_times_is_one():
    assert groups((0, "a", "eu"), (5, "a", "eu"), (10, "a", "eu"), (10, "b", "eu")) == []


def test_what_is_in_several_places_counts_in_each_and_alone_is_of_all():
    assert groups((0, "a", "eu"), (5, "b", "eu"), (6, "c", "us")) == []
    assert groups((0, "a", "eu"), (5, "b", "eu"), (6, "c", "")) == [("eu", [0, 1, 2])]
    assert groups((0, "a", ""), (5, "b", ""), (6, "c", "")) == [("", [0, 1, 2])]


def test_nothing_is_no_group():
    assert groups() == []


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abcd"), st.sampled_from(["eu", "us", ""])), max_size=15))
def test_groups_are_large_enough_near_enough_and_apart(rows):
    found = groups(*rows)
    members = [row for _, mine in found for row in mine]
    assert len(members) == len(set(members))
    for place, mine in found:
        assert len({rows[row][1] for row in mine}) >= 3
        assert max(rows[row][0] for row in mine) - min(rows[row][0] for row in mine) <= 10
        assert {rows[row][2] for row in mine} <= {place, ""}
