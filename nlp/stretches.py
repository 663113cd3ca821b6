"""Parquet files cut into parts that workers read for themselves.

In: files, and what workers saw in them: ids and lengths, never a text. Out: parts with the items, numbers and ids that
``batch.chunked`` would give the whole input, each told as the stretches of files where its items stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from nlp.batch import BatchError, Item, chunked, items_of, length
from nlp.read import ReadError, Renamer, Table, renamed
from nlp.types import Notice

__all__ = ["Part", "Stretch", "cut", "items_in", "survey"]

_SEEN_AT_ONCE = 10_000

Columns = Mapping[str, str]
Seen = tuple["str | None", int]  # the id of an item, None where it could not be read, and its characters


@dataclass(frozen=True)
class Stretch:
    """``count`` items of a file after the ``first`` ones; by place in the file, ``names`` are the new ids of some, and
    ``unread`` are those that could not be read when the file was surveyed."""

    table: Table
    first: int
    count: int
    names: Mapping[int, str]
    unread: frozenset[int]


@dataclass(frozen=True)
class Part:
    """The items that go by one number."""

    number: int
    stretches: tuple[Stretch, ...]

    @property
    def count(self) -> int:
        return sum(stretch.count for stretch in self.stretches)


class _Place(NamedTuple):
    file: int
    place: int
    length: int
    new: str | None
    unread: bool


def survey(table: Table, columns: Columns) -> Iterator[list[Seen]]:
    """What the plan must know of the items of a file, in order, some thousands at once."""
    seen = ((item.id if isinstance(item, Notice) else None, length(item)) for item in items_of(table, columns))
    while some := list(islice(seen, _SEEN_AT_ONCE)):
        yield some


def cut(tables: Sequence[Table], seen: Iterable[tuple[int, list[Seen]]], most: int, characters: int) -> Iterator[Part]:
    """The parts of the files; ``seen`` are their surveys in order, each with the place of its file in ``tables``."""
    chunks = chunked(_places(seen), most, characters, attrgetter("length"))
    for number, chunk in enumerate(chunks):
        stretches = (_stretch(tables[file], list(some)) for file, some in groupby(chunk, attrgetter("file")))
        yield Part(number, tuple(stretches))


def _places(seen: Iterable[tuple[int, list[Seen]]]) -> Iterator[_Place]:
    rename = Renamer()
    for file, some in groupby(seen, lambda one: one[0]):
        items = (item for _, items in some for item in items)
        for place, (old, characters) in enumerate(items):
            new = None if old is None else rename.name(old)
            yield _Place(file, place, characters, None if new == old else new, old is None)


def _stretch(table: Table, places: list[_Place]) -> Stretch:
    names = {one.place: one.new for one in places if one.new is not None}
    unread = frozenset(one.place for one in places if one.unread)
    return Stretch(table, places[0].place, len(places), names, unread)


def items_in(part: Part, columns: Columns) -> Iterator[Item]:
    """The items of a part, read where this is called. Raises BatchError where they are not what was surveyed."""
    for stretch in part.stretches:
        places = range(stretch.first, stretch.first + stretch.count)
        found = islice(items_of(stretch.table, columns, stretch.first), stretch.count)
        for place in places:
            item = next(found, None)
            if item is None or isinstance(item, ReadError) != (place in stretch.unread):
                raise _otherwise(stretch, item)
            new = stretch.names.get(place)
            yield renamed(item, new) if new and isinstance(item, Notice) else item


def _otherwise(stretch: Stretch, item: Item | None) -> BatchError:
    """A file that reads otherwise than before: its machine does not find it, or its store fails now and then."""
    why = f"（{item.reason}）" if isinstance(item, ReadError) else ""
    cure = "请确认每台机器都读得到它、运行中没有改动它，再用 --resume 接着做"
    return BatchError(f"输入 {stretch.table.file} 两次读到的不一样{why}。{cure}")
