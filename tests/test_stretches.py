"""The parts that workers read themselves are those that one process would have handed out."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nlp.batch import BatchError, Item, chunked, items, items_of
from nlp.read import ReadError, tables
from nlp.stretches import Part, cut, items_in, survey

COLUMNS: Mapping[str, str] = {}


def written(path: Path, ids: list[str | None], texts: list[str] | None = None) -> Path:
    """A file in row groups of three."""
    told = texts or [f"{path.stem}的第{n}篇通报" for n in range(len(ids))]
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": pa.array(ids, pa.string()), "text": told}), path, row_group_size=3)
    return path


def planned(inputs: list[str], most: int, characters: int = 1_000_000) -> list[Part]:
    found = tables(inputs)
    seen = ((n, some) for n, table in enumerate(found) for some in survey(table, COLUMNS))
    return list(cut(found, seen, most, characters))


def as_told(item: Item) -> Any:
    return (item.file, item.row, item.reason) if isinstance(item, ReadError) else item


def broken(path: Path) -> Path:
    """A file whose second row group cannot be unpacked, though its end says all is well."""
    written(path, [f"{n}" for n in range(9)])
    column = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ids met in one file, in several, and as renaming makes them; rows and files that cannot be read; no ids."""
    source = tmp_path / "in"
    written(source / "a.parquet", ["甲", "乙", "甲", "丙", "甲~2", "丁", "戊"])
    written(source / "b.parquet", ["己", "甲", "庚", "己"], ["", "一篇通报", "又一篇通报", "再一篇通报"])
    broken(source / "c.parquet")
    written(source / "d.parquet", [None, "", "a.parquet#1", "d.parquet#1"])
    (source / "e.parquet").write_bytes(b"PAR1 and no more")
    pq.write_table(pa.table({"number": [1, 2]}), source / "f.parquet")
    written(source / "g.parquet", [])
    written(source / "year=2023" / "h.parquet", ["甲"])
    return source


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
def test_the_parts_hold_what_one_process_hands_out(folder: Path, most: int) -> None:
    parts = planned([str(folder)], most)
    told = [[as_told(item) for item in items_in(part, COLUMNS)] for part in parts]
    assert told == [[as_told(item) for item in some] for some in chunked(items([str(folder)], {}), most, 1_000_000)]
    assert [part.number for part in parts] == list(range(len(parts)))
    assert [part.count for part in parts] == [len(some) for some in told]
    whole = [item for some in told for item in some]
    assert [item.id for item in whole if not isinstance(item, tuple)][:5] == ["甲", "乙", "甲~2", "丙", "甲~2~2"]
    assert sum(isinstance(item, tuple) for item in whole) == 4


def test_long_texts_end_a_part(tmp_path: Path) -> None:
    written(tmp_path / "n.parquet", ["a", "b", "c", "d"], ["长" * 60, "短", "长" * 100, "短"])
    assert [part.count for part in planned([str(tmp_path)], 100, 100)] == [3, 1]


def test_row_groups_before_a_stretch_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "n.parquet", [f"{n}" for n in range(9)])
    read: list[list[int]] = []
    whole = pq.ParquetFile.iter_batches

    def noted(self: Any, *, row_groups: list[int], **how: Any) -> Iterator[Any]:
        read.append(row_groups)
        return whole(self, row_groups=row_groups, **how)  # type: ignore[no-any-return]

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    [table] = tables([str(path)])
    assert [item.row for item in items_of(table, COLUMNS, 4)] == [5, 6, 7, 8, 9]
    assert read == [[1], [2]]


@pytest.mark.parametrize(
    "others",
    [
        ["n.jsonl"],  # another kind of file
        ["nowhere.parquet"],  # no such file
        ["-"],
        ["n.doc"],  # a kind that nobody can read
    ],
)
def test_where_not_all_is_parquet_there_are_no_tables(tmp_path: Path, others: list[str]) -> None:
    path = written(tmp_path / "n.parquet", ["a"])
    for name in ("n.jsonl", "n.doc"):
        (tmp_path / name).write_text('{"text": "一篇通报"}', encoding="utf-8")
    assert len(tables([str(path)])) == len(tables([path.as_uri()])) == 1
    assert tables([str(path), *(other if other == "-" else str(tmp_path / other) for other in others)]) == []


@pytest.mark.parametrize("uri", [False, True])
def test_a_table_is_read_wherever_it_is_handed_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: bool) -> None:
    path = written(tmp_path / "n.parquet", ["a"])
    monkeypatch.chdir(tmp_path)
    told = path.as_uri() if uri else path.name
    sent = pickle.dumps(tables([told]))
    monkeypatch.chdir("/")
    [received] = pickle.loads(sent)
    assert [(item.file, item.row) for item in items_of(received, COLUMNS)] == [(told, 1)]


def failing(error: OSError) -> BinaryIO:
    raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError(5, "Input/output error"), "两次读到的不一样"), (FileNotFoundError(2, "gone"), "两次读到的不一样")],
)
def test_a_file_that_reads_otherwise_than_it_was_surveyed_is_told(tmp_path: Path, error: OSError, told: str) -> None:
    """A store that fails now and then must not cost rows: neither when it was surveyed nor when it is read."""
    [sound] = tables([str(written(tmp_path / "a.parquet", [f"{n}" for n in range(7)]))])
    bad = replace(sound, _source=replace(sound._source, open=partial(failing, error)))
    for first, then in ((sound, bad), (bad, sound)):
        parts = list(cut([then], ((0, some) for some in survey(first, COLUMNS)), 3, 1_000_000))
        with pytest.raises(BatchError, match=rf"a\.parquet {told}.*--resume"):
            [item for part in parts for item in items_in(part, COLUMNS)]
    again = list(cut([bad], ((0, some) for some in survey(bad, COLUMNS)), 3, 1_000_000))
    assert [type(item) for part in again for item in items_in(part, COLUMNS)] == [ReadError]
