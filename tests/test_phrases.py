"""Ranges of a text: whether one overlaps another is known at once, and is what looking at each of them would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp.extract.phrases import Ranges

RANGE = st.tuples(st.integers(0, 300), st.integers(0, 150)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(RANGE, max_size=12), st.lists(RANGE, max_size=12), RANGE)
def test_a_range_is_hit_by_any_that_shares_a_character(
    first: list[tuple[int, int]], later: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    ranges = Ranges(first)
    for each in later:
        ranges.add(*each)
    start, end = asked
    assert ranges.items == [*first, *later]
    assert ranges.hit(start, end) == any(a < end and start < b for a, b in ranges.items)
    assert ranges.end_before(start) == max((b for _, b in ranges.items if b <= start), default=0)
