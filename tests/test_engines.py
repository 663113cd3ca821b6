"""The rows are the same whatever the engine, and a worker that is killed loses and repeats nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from clusters import ROOT, at_work, two_workers

from nlp import engines, partitions
from nlp.batch import BatchError, Unread, alone, items, score
from nlp.cli import main
from nlp.engines import CrashError, EngineError, Task, engine, rescued
from nlp.partitions import PARTITIONS, score_partitions
from nlp.read import ReadError, read_notices
from nlp.synthesis import notices


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A real Ray cluster of two workers on this machine."""
    with two_workers() as ray:
        yield ray


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty synthetic notices, one bad row among them."""
    path = tmp_path_factory.mktemp("in") / "notices.jsonl"
    told = [json.dumps(row, ensure_ascii=False) for row in notices(40, 3)]
    path.write_text("\n".join([*told[:20], "{broken", *told[20:]]) + "\n", encoding="utf-8")
    return path


# ------------------------------------------------------------ work that kills


def work(texts: list[str]) -> list[str]:
    """Doubles texts; ``die`` kills the worker always, ``once:FILE`` only while there is no FILE."""
    return [_worked(text) for text in texts]


def _worked(text: str) -> str:
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text.startswith("once:") and not Path(text[5:]).exists():
        Path(text[5:]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return text * 2


def lost(text: str) -> str:
    return f"lost {text}"


def told(number: int, results: list[str]) -> tuple[int, list[str]]:
    return number, results


def kept(folder: str, number: int, results: list[str]) -> int:
    """Writes a file for each chunk, as parts are written."""
    (Path(folder) / str(number)).write_text("\n".join(results), encoding="utf-8")
    return number


TASK: Task[str, str, tuple[int, list[str]]] = Task(work, lost, told)
kills = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL 只在类 Unix 系统上有")
DYING = ["pool", "ray"]


def numbered(chunks: list[list[str]]) -> Iterator[tuple[int, list[Any]]]:
    return iter(enumerate(chunks))


@pytest.mark.parametrize("name", engines.ENGINES)
def test_every_engine_keeps_the_order_of_the_chunks(name: str, cluster: Any) -> None:
    chunks = [[f"{n}", f"{n}b"] for n in range(30)]
    found = list(engine(name)(numbered(chunks), TASK, 2))
    assert found == [(n, [f"{n}" * 2, f"{n}b" * 2]) for n in range(30)]


@pytest.mark.parametrize("name", engines.ENGINES)
def test_an_engine_takes_no_more_chunks_than_it_has_room_for(name: str, cluster: Any) -> None:
    taken: list[int] = []

    def endless() -> Iterator[tuple[int, list[Any]]]:
        for n in range(1_000_000):
            taken.append(n)
            yield n, ["a"]

    running = engine(name)(endless(), TASK, 2)
    for n in range(4):
        assert next(running) == (n, ["aa"])
    running.close()  # type: ignore[attr-defined]
    assert len(taken) <= 4 + 2 * 3


@kills
@pytest.mark.parametrize("name", DYING)
def test_only_the_item_that_kills_workers_is_given_up(name: str, cluster: Any) -> None:
    chunks = [["a"] * 7, ["b", "b", "die", "b", "b"], ["c"] * 3]
    found = list(engine(name)(numbered(chunks), TASK, 2))
    assert found == [(0, ["aa"] * 7), (1, ["bb", "bb", "lost die", "bb", "bb"]), (2, ["cc"] * 3)]


@kills
@pytest.mark.parametrize("name", DYING)
def test_a_worker_killed_once_loses_and_repeats_nothing(name: str, cluster: Any, tmp_path: Path) -> None:
    once = f"once:{tmp_path / 'killed'}"
    chunks = [["a"], ["b", once, "b"], ["c"], ["d"]]
    task = Task(work, lost, partial(kept, str(tmp_path)))
    assert list(engine(name)(numbered(chunks), task, 2)) == [0, 1, 2, 3]
    assert (tmp_path / "killed").exists()
    written = {path.name: path.read_text(encoding="utf-8").split("\n") for path in tmp_path.glob("[0-9]")}
    assert written == {"0": ["aa"], "1": ["bb", once * 2, "bb"], "2": ["cc"], "3": ["dd"]}


def test_what_the_work_itself_raises_is_raised(cluster: Any) -> None:
    for name in engines.ENGINES:
        with pytest.raises(AttributeError):
            list(engine(name)(iter([(0, [7, None])]), TASK, 1))


@pytest.mark.parametrize(
    ("chunk", "poison", "attempts"),
    [
        ("abcd", "", ["abcd"]),  # the worker was killed by chance: once more is enough
        ("abcd", "c", ["abcd", "ab", "cd", "c", "d"]),  # by halves down to the one to blame
        ("a", "a", ["a"]),
        ("abc", "ac", ["abc", "a", "bc", "b", "c"]),
    ],
)
def test_a_chunk_is_halved_until_the_culprit_stands_alone(chunk: str, poison: str, attempts: list[str]) -> None:
    tried: list[str] = []

    def attempt(some: list[str]) -> list[str]:
        tried.append("".join(some))
        if set(some) & set(poison):
            raise CrashError
        return [one.upper() for one in some]

    found = list(rescued(list(chunk), attempt, lambda one: f"-{one}"))
    assert found == [f"-{one}" if one in poison else one.upper() for one in chunk]
    assert tried == attempts


def test_an_unknown_engine_names_those_there_are() -> None:
    with pytest.raises(EngineError, match="local、pool、ray"):
        engine("spark")


def test_an_engine_whose_extra_is_missing_names_it(
    monkeypatch: pytest.MonkeyPatch, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert main(["score", str(table), "-o", str(tmp_path / "out.jsonl"), "--engine", "ray"]) == 2
    assert "pip install 'wenze[ray]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------ the same rows


@pytest.mark.parametrize("name", ["pool", "ray"])
def test_the_rows_are_the_same_whatever_the_engine(name: str, cluster: Any, table: Path, tmp_path: Path) -> None:
    first = score([str(table)], tmp_path / "local.jsonl")
    other = score([str(table)], tmp_path / "other.jsonl", engine=name, workers=2)
    assert (tmp_path / "local.jsonl").read_bytes() == (tmp_path / "other.jsonl").read_bytes()
    assert (tmp_path / "local.jsonl.errors.jsonl").read_bytes() == (tmp_path / "other.jsonl.errors.jsonl").read_bytes()
    assert first.tally == other.tally


WORKERS = {"pool": b"spawn_main", "ray": b"ray::_far"}  # those of Ray only while they work


@pytest.mark.skipif(sys.platform != "linux", reason="工作进程靠 /proc 找到")
@pytest.mark.parametrize("name", DYING)
def test_a_run_whose_worker_is_killed_from_outside_gives_the_same_rows(
    name: str, cluster: Any, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlp.batch._CHUNK_ITEMS", 4)
    killed: list[int] = []

    def kill(done: int, total: int | None) -> None:
        if done >= 4 and not killed and (workers := at_work(WORKERS[name])):
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    score([str(table)], tmp_path / "whole.jsonl")
    score([str(table)], tmp_path / "out.jsonl", engine=name, workers=2, progress=kill)
    assert killed
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def parts(folder: Path) -> list[dict[str, Any]]:
    """All rows of a folder, in the order of its parts."""
    return [row for path in sorted(folder.rglob("part-*.parquet")) for row in pq.ParquetFile(path).read().to_pylist()]


@pytest.mark.parametrize("name", engines.ENGINES)
def test_the_parts_of_a_folder_hold_the_rows_of_the_file(
    name: str, cluster: Any, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_PART_ITEMS", 7)
    score([str(table)], tmp_path / "whole.parquet", format="parquet")
    summary = score_partitions([str(table)], f"{tmp_path}/rows/", engine=name, workers=2)
    assert parts(tmp_path / "rows") == pq.read_table(tmp_path / "whole.parquet").to_pylist()
    assert len(list((tmp_path / "rows").glob("part-*.parquet"))) == 6
    assert (summary.tally.errors, summary.exit_code) == (1, 1)
    [note] = [json.loads(line) for line in (tmp_path / "rows" / "_errors.jsonl").read_text("utf-8").splitlines()]
    assert note["row"] == 21
    assert summary.first_errors(5) == [note]
    assert {path.name for path in (tmp_path / "rows").iterdir() if path.name.startswith("_")} == {
        "_run.json",
        "_errors.jsonl",
    }


# ------------------------------------------------------------ folders of parts


def test_rows_are_parted_by_what_is_asked_for(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows"
    summary = score_partitions([str(table)], str(out), partition_by=["verdict", "year"])
    read = ds.dataset(out, partitioning="hive", exclude_invalid_files=True).to_table()
    assert read.num_rows == summary.tally.cases
    for row in read.select(["verdict", "findings"]).to_pylist():
        assert row["verdict"] == next(
            (v for v in ("yes", "unsure") if v in {f["verdict"] for f in row["findings"]}), "none"
        )


@pytest.mark.parametrize(
    ("key", "published", "part"),
    [
        ("year", "2023-05-06", "2023"),
        ("month", "2023-05-06", "2023-05"),
        ("month", "2023", "__HIVE_DEFAULT_PARTITION__"),
        ("year", "去年", "__HIVE_DEFAULT_PARTITION__"),
        ("year", None, "__HIVE_DEFAULT_PARTITION__"),
    ],
)
def test_a_row_without_a_date_is_parted_as_unknown(key: str, published: str | None, part: str) -> None:
    assert PARTITIONS[key]({"published": published}) == part


class PowerCutError(Exception):
    """The power goes."""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_folder_cut_anywhere_is_gone_on_with(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(partitions, "_PART_ITEMS", 7)
    score_partitions([str(table)], f"{tmp_path}/whole/")

    def cut(done: int, total: int | None) -> None:
        if done >= after * 7:
            raise PowerCutError

    out = f"{tmp_path}/rows/"
    with pytest.raises(PowerCutError):
        score_partitions([str(table)], out, progress=cut)
    with pytest.raises(BatchError, match="--resume"):
        score_partitions([str(table)], out)
    heard: list[int] = []
    again = score_partitions([str(table)], out, resume=True, progress=lambda done, total: heard.append(done))
    assert again.tally.notices == 40
    assert parts(tmp_path / "rows") == parts(tmp_path / "whole")
    assert len(heard) - 1 == 6 - after  # parts that were done are not done again
    assert heard[-1] == 41
    assert score_partitions([str(table)], out, resume=True).tally == again.tally


def test_a_folder_of_somebody_else_is_not_written_to(table: Path, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "diary.txt").write_text("甲", encoding="utf-8")
    with pytest.raises(BatchError, match=r"别的文件（如 diary\.txt）"):
        score_partitions([str(table)], str(tmp_path / "rows"), force=True)


def test_a_folder_of_ours_is_overwritten_only_when_told(table: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "rows")
    score_partitions([str(table)], out, partition_by=["verdict"])
    with pytest.raises(BatchError, match=r"已经存在.*--force"):
        score_partitions([str(table)], out)
    score_partitions([str(table)], out, force=True)
    assert [path.relative_to(tmp_path / "rows").as_posix() for path in sorted((tmp_path / "rows").rglob("part-*"))] == [
        "part-000000.parquet"
    ]


def test_an_unknown_key_to_part_by_names_those_there_are(table: Path, tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="year、month、verdict"):
        score_partitions([str(table)], str(tmp_path / "rows"), partition_by=["rank"])


def test_a_folder_is_told_by_its_ending_on_the_command_line(table: Path, tmp_path: Path) -> None:
    assert main(["score", str(table), "-o", f"{tmp_path}/rows/"]) == 1
    assert (tmp_path / "rows" / "part-000000.parquet").exists()
    assert main(["score", str(table), "-o", f"{tmp_path}/other/", "--format", "csv"]) == 2


# ------------------------------------------------------------ inputs


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    """Partitioned Parquet of six notices, the publisher told by the folders alone."""
    rows = [dict(row, publisher=("甲 网" if n % 2 else "乙网")) for n, row in enumerate(notices(6, 5))]
    columns = {key: [str(row[key]) for row in rows] for key in ("id", "text", "publisher")}
    pq.write_to_dataset(pa.table(columns), tmp_path / "in", partition_cols=["publisher"])
    return tmp_path / "in"


def test_the_folders_of_partitioned_parquet_are_columns(hive: Path) -> None:
    found = list(read_notices([str(hive)]))
    assert len({notice.id for notice in found}) == 6
    assert {notice.publisher for notice in found} == {"甲 网", "乙网"}


@pytest.mark.parametrize("pattern", ["", "/*/*.parquet", "/**/*.parquet", "/publisher=%E4%B9%99*/*"])
def test_inputs_may_be_uris(hive: Path, pattern: str) -> None:
    near = [notice.id for notice in read_notices([str(hive)])]
    far = [notice.id for notice in read_notices([hive.as_uri() + pattern])]
    assert set(far) <= set(near)
    assert len(far) == len(set(far)) > 0


def test_every_kind_of_file_is_read_behind_a_uri(table: Path) -> None:
    errors: list[ReadError] = []
    near = [notice.text for notice in read_notices([str(table)], on_error=lambda _: None)]
    assert [notice.text for notice in read_notices([table.as_uri()], on_error=errors.append)] == near
    assert [error.row for error in errors] == [21]


@pytest.mark.parametrize("uri", ["file:///nowhere/at/all.parquet", "gopher://x/y.jsonl"])
def test_a_uri_that_opens_nothing_says_so(uri: str) -> None:
    with pytest.raises(ReadError, match=r"打不开|没有可读"):
        list(read_notices([uri]))


def test_a_uri_is_written_to_and_gone_on_with(table: Path, tmp_path: Path) -> None:
    out = (tmp_path / "rows").as_uri()
    (tmp_path / "rows").mkdir()
    first = score_partitions([table.as_uri()], out)
    assert first.tally.notices == 40
    assert first.first_errors(5)[0]["row"] == 21
    assert score_partitions([table.as_uri()], out, resume=True).tally == first.tally


def test_our_own_parts_are_not_read_as_input(table: Path, tmp_path: Path) -> None:
    (tmp_path / "n.jsonl").write_bytes(table.read_bytes())
    score_partitions([str(tmp_path)], str(tmp_path / "rows"), partition_by=["verdict"])
    again = list(read_notices([str(tmp_path)], on_error=lambda _: None))
    assert {notice.file for notice in again} == {str(tmp_path / "n.jsonl")}


def test_bad_rows_wait_on_disk_and_keep_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp.batch._UNREAD_BYTES", 2_000)
    path = tmp_path / "n.jsonl"
    [good] = (json.dumps(row, ensure_ascii=False) for row in notices(1, 1))
    path.write_text("\n".join([good, *["{"] * 500, good]), encoding="utf-8")
    kinds = [item.row for item in items([str(path)], {})]
    assert kinds == list(range(1, 503))


def test_what_was_told_of_bad_rows_is_told_once() -> None:
    unread = Unread()
    for n in range(3):
        unread.append(ReadError("f", n, "坏", "修"))
    assert [error.row for error in unread.drain()] == [0, 1, 2]
    assert list(unread.drain()) == []
    unread.append(ReadError("f", 7, "坏", "修"))
    assert [error.row for error in unread.drain()] == [7]


# ------------------------------------------------------------ two runs on one OUT


HOLD = """
import sys
from pathlib import Path
from nlp.batch import alone
with alone(Path(sys.argv[1]), "out"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def another_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on out.jsonl and on rows/."""
    (tmp_path / "rows").mkdir()
    held = []
    for lock in ("out.jsonl.lock", "rows/_lock"):
        command = [sys.executable, "-c", HOLD, str(tmp_path / lock)]
        held.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert held[-1].stdout is not None
        assert held[-1].stdout.readline() == "held\n"
    yield held[0]
    for process in held:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"force": True}])
def test_two_runs_on_one_output_are_refused(
    another_run: subprocess.Popen[str], table: Path, tmp_path: Path, how: dict[str, bool]
) -> None:
    with pytest.raises(BatchError, match=r"另一个 wenze 正在写 .*out\.jsonl"):
        score([str(table)], tmp_path / "out.jsonl", **how)
    with pytest.raises(BatchError, match="另一个 wenze 正在写"):
        score_partitions([str(table)], str(tmp_path / "rows"), **how)


def test_a_run_that_was_killed_holds_nothing(another_run: subprocess.Popen[str], table: Path, tmp_path: Path) -> None:
    another_run.kill()
    another_run.communicate()
    assert score([str(table)], tmp_path / "out.jsonl").tally.notices == 40
    assert not (tmp_path / "out.jsonl.lock").exists()


def test_a_lock_taken_away_in_between_is_taken_anew(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with alone(path, "out"):
        path.unlink()
        with alone(path, "out"):
            assert path.exists()
