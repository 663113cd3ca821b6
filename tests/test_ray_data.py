"""Parquet files scored on a Ray cluster whose workers read them: the same parts, whoever is killed and whenever."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clusters import at_work, two_workers

from nlp import partitions
from nlp.batch import BatchError, Item, Record, work_of
from nlp.classify import RULES
from nlp.engines import EngineError, ray_data
from nlp.partitions import score_partitions
from nlp.read import ReadError, tables
from nlp.synthesis import notices

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL 只在类 Unix 系统上有")
DEADLY = "致命"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A real Ray cluster of two workers on this machine."""
    with two_workers() as ray:
        yield ray


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Thirty notices parted by year in three files of several row groups, an id in each of them, rows without text."""
    rows = list(notices(30, 3))
    for n in range(3):
        some = rows[n::3]
        ids = ["处处" if i == 4 else f"{n}-{i}" for i in range(len(some))]
        texts = ["" if (n, i) in {(0, 4), (1, 7)} else str(row["text"]) for i, row in enumerate(some)]
        folder = tmp_path / "in" / f"year={2021 + n}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"id": ids, "text": texts}), folder / "n.parquet", row_group_size=4)
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "_PART_ITEMS", 4)


def by_workers(source: Path, out: Path, **how: Any) -> Any:
    return score_partitions([str(source)], f"{out}/", engine="ray", workers=2, **how)


def files(folder: Path) -> dict[str, bytes]:
    """All that a run leaves behind but the seconds it took."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "_run.json"}


def heard_by(heard: list[tuple[int, int | None]]) -> Callable[[int, int | None], None]:
    return lambda done, total: heard.append((done, total))


# ------------------------------------------------------------ the engine


def doubled(number: int) -> Iterator[int]:
    """The number and its double; an error at seven."""
    if number == 7:
        raise BatchError("七")
    yield number
    yield 2 * number


def test_each_part_gives_any_number_of_results_in_order(cluster: Any) -> None:
    assert list(ray_data.run(range(5), doubled)) == [0, 0, 1, 2, 2, 4, 3, 6, 4, 8]
    assert list(ray_data.run([], doubled)) == []


def test_what_the_work_raises_is_raised_as_it_is(cluster: Any) -> None:
    with pytest.raises(BatchError, match=r"^七$"):
        list(ray_data.run([1, 7], doubled))


def test_without_ray_data_its_extra_is_named(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(EngineError, match=r"pip install 'wenze\[ray\]'"):
        list(ray_data.run([1], doubled))


# ------------------------------------------------------------ the same rows


@pytest.mark.parametrize("by", [(), ("verdict", "year")])
def test_the_folder_is_the_same_as_from_one_process(
    cluster: Any, source: Path, tmp_path: Path, by: tuple[str, ...]
) -> None:
    heard: list[tuple[int, int | None]] = []
    near = score_partitions([str(source)], f"{tmp_path}/near/", partition_by=by)
    far = by_workers(source, tmp_path / "far", partition_by=by, progress=heard_by(heard))
    assert files(tmp_path / "far") == files(tmp_path / "near")
    assert far.tally == near.tally
    assert (far.tally.notices, far.tally.errors) == (28, 2)
    assert heard == [(0, None), *((done, 30) for done in (0, 4, 8, 12, 16, 20, 24, 28, 30))]


def test_no_text_comes_to_the_process_that_plans(
    cluster: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pq, "ParquetFile", None)
    assert by_workers(source, tmp_path / "far").tally.notices == 28


def test_other_inputs_are_read_by_one_process(
    cluster: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_data, "run", None)
    [row] = notices(1, 1)
    (source / "n.jsonl").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    near = score_partitions([str(source)], f"{tmp_path}/near/")
    assert by_workers(source, tmp_path / "far").tally == near.tally
    assert files(tmp_path / "far") == files(tmp_path / "near")


def test_input_that_only_this_machine_has_is_told(
    cluster: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = [replace(table, _source=replace(table._source, open=nowhere)) for table in tables([str(source)])]
    monkeypatch.setattr(partitions, "tables", lambda inputs: elsewhere)
    with pytest.raises(BatchError, match=r"找不到输入 .*n\.parquet"):
        by_workers(source, tmp_path / "far")


def nowhere() -> BinaryIO:
    raise FileNotFoundError


def test_files_without_a_notice_leave_their_errors_alone(cluster: Any, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "text": [""]}), tmp_path / "n.parquet")
    summary = by_workers(tmp_path / "n.parquet", tmp_path / "far")
    assert (summary.out, summary.tally.errors) == (None, 1)
    assert list(files(tmp_path / "far")) == ["_errors.jsonl"]


# ------------------------------------------------------------ whoever is killed


def is_deadly(item: Item) -> bool:
    return not isinstance(item, ReadError) and DEADLY in item.text


def deadly_work(items: list[Item]) -> list[Record]:
    """The work of the rules, which some notices kill."""
    if any(map(is_deadly, items)):
        os.kill(os.getpid(), signal.SIGKILL)
    return work_of(RULES)(items)


def always_dying(items: list[Item]) -> list[Record]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def worked_by(monkeypatch: pytest.MonkeyPatch, work: Callable[[list[Item]], list[Record]]) -> None:
    monkeypatch.setattr(partitions, "work_of", lambda model, masked: work)


def test_only_the_notice_that_kills_workers_is_given_up(
    cluster: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score_partitions([str(source)], f"{tmp_path}/near/")
    path = source / "year=2022" / "n.parquet"
    rows = pq.ParquetFile(path).read().to_pylist()
    rows[2]["text"] += DEADLY
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=4)
    worked_by(monkeypatch, deadly_work)
    summary = by_workers(source, tmp_path / "far")
    assert (summary.tally.notices, summary.tally.errors) == (27, 3)
    [given_up] = [note for note in summary.first_errors(3) if "工作进程" in note["reason"]]
    assert (given_up["notice_id"], given_up["row"]) == ("1-2", 3)
    near, far = files(tmp_path / "near"), files(tmp_path / "far")
    assert near.keys() == far.keys()
    assert {name for name in near if near[name] != far[name]} == {"part-000003.parquet", "_errors.jsonl"}


@pytest.mark.skipif(sys.platform != "linux", reason="工作进程靠 /proc 找到")
def test_a_worker_killed_from_outside_loses_and_repeats_nothing(cluster: Any, source: Path, tmp_path: Path) -> None:
    score_partitions([str(source)], f"{tmp_path}/near/")
    killed: list[int] = []

    def kill(done: int, total: int | None) -> None:
        if done >= 4 and not killed and (workers := at_work(b"ray::MapBatches")):
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    by_workers(source, tmp_path / "far", progress=kill)
    assert killed
    assert files(tmp_path / "far") == files(tmp_path / "near")


def test_a_part_is_not_tried_for_ever(
    cluster: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_TRIES_MOST", 1)
    score_partitions([str(source)], f"{tmp_path}/near/")
    with monkeypatch.context() as bad:
        worked_by(bad, always_dying)
        with pytest.raises(BatchError, match=r"死了 1 次，.*--resume"):
            by_workers(source, tmp_path / "far")
    by_workers(source, tmp_path / "far", resume=True)
    assert files(tmp_path / "far") == files(tmp_path / "near")


# ------------------------------------------------------------ whenever it is cut


class PowerCutError(Exception):
    """The power goes."""


@pytest.mark.parametrize("first", ["local", "ray"])
def test_a_run_that_was_cut_is_gone_on_with_by_any_engine(
    cluster: Any, source: Path, tmp_path: Path, first: str
) -> None:
    score_partitions([str(source)], f"{tmp_path}/near/")

    def cut(done: int, total: int | None) -> None:
        if done >= 12:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        score_partitions([str(source)], f"{tmp_path}/far/", engine=first, workers=2, progress=cut)
    ready = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "far" / "_done").iterdir()}
    before = {name: (tmp_path / "far" / f"part-{name[:6]}.parquet").stat().st_mtime_ns for name in ready}
    assert len(ready) >= 3
    heard: list[tuple[int, int | None]] = []
    by_workers(source, tmp_path / "far", resume=True, progress=heard_by(heard))
    assert files(tmp_path / "far") == files(tmp_path / "near")
    assert len(heard) - 2 <= 8 - len(ready)
    assert heard[-1] == (30, 30)
    after = {name: (tmp_path / "far" / f"part-{name[:6]}.parquet").stat().st_mtime_ns for name in ready}
    assert after == before
