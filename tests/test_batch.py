"""The big job loses nothing: not when a row is bad, not when a worker dies, not when the whole run is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nlp import batch
from nlp.batch import BatchError, Item, Record, records, score
from nlp.pipeline import Reading
from nlp.read import ReadError
from nlp.rows import violations
from nlp.types import Finding, Notice

ROOT = Path(__file__).parent.parent
CASE = "经{place}纪委研究，决定给予{place}副镇长{name}党内警告处分。"


def notice(n: int) -> dict[str, str]:
    place, name = f"{'东南西北'[n % 4]}塘镇", f"{'周吴郑王'[n % 4]}{'安宁平和'[n // 4 % 4]}"
    text = f"关于{place}防汛值守失职问责情况的通报\n{place}副镇长{name}防汛期间擅离职守。" + CASE.format(
        place=place, name=name
    )
    return {"id": f"n{n}", "text": text}


def table(path: Path, count: int) -> Path:
    lines = (json.dumps(notice(n), ensure_ascii=False) for n in range(count))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def lines(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    return table(tmp_path / "rows.jsonl", 6)


def test_each_notice_becomes_its_rows_in_input_order(rows_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    summary = score([str(rows_file)], out)
    found = lines(out)
    assert [record["notice_id"] for record in found] == [f"n{n}" for n in range(6)]
    assert [problem for record in found for problem in violations(record)] == []
    assert summary.exit_code == 0
    assert summary.errors_file is None
    assert summary.tally.sanctions == 6


def test_nothing_but_the_results_is_left_beside_the_output(rows_file: Path, tmp_path: Path) -> None:
    score([str(rows_file)], tmp_path / "out.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.run.json", "rows.jsonl"]


def test_the_record_of_the_run_names_what_made_it(rows_file: Path, tmp_path: Path) -> None:
    score([str(rows_file)], tmp_path / "out.csv", format="csv", columns={"text": "text"})
    told = json.loads((tmp_path / "out.csv.run.json").read_text(encoding="utf-8"))
    made_by = {"code", "codebook", "model", "schema"}
    assert set(told) == made_by | {"columns", "masked", "input", "format", "seconds", "counts"}
    assert told["input"][0]["size"] == rows_file.stat().st_size
    assert len(told["input"][0]["sha256"]) == 64
    assert (told["counts"]["notices"], told["counts"]["cases"], told["counts"]["errors"]) == (6, 6, 0)


def test_the_record_of_the_run_counts_findings_by_issue_and_verdict(
    rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Finding("rushed", "快查严办", "yes", 0.8, "stated", "rules", "当日处理", ())
    law = Finding(None, "方式不合规定", "unsure", 0.5, "rule of law", "law", "诫勉", (), rule="organisation_measure")
    whole = batch.analyze_notice

    def claiming(item: Notice, **how: Any) -> Reading:
        reading = whole(item, **how)
        return replace(reading, analyses=tuple(replace(a, findings=(claim, law)) for a in reading.analyses))

    monkeypatch.setattr(batch, "analyze_notice", claiming)
    score([str(rows_file)], tmp_path / "out.jsonl")
    told = json.loads((tmp_path / "out.jsonl.run.json").read_text(encoding="utf-8"))
    assert told["counts"]["findings"] == {"rushed.yes": 6, "organisation_measure.unsure": 6}


def test_a_bad_row_is_told_with_its_place_and_the_rest_is_done(rows_file: Path, tmp_path: Path) -> None:
    whole = rows_file.read_text(encoding="utf-8").splitlines()
    rows_file.write_text("\n".join([*whole[:3], '{"id": "n3", "text": ', *whole[3:]]), encoding="utf-8")
    summary = score([str(rows_file)], tmp_path / "out.jsonl")
    assert len(lines(tmp_path / "out.jsonl")) == 6
    (error,) = lines(tmp_path / "out.jsonl.errors.jsonl")
    assert (error["kind"], error["row"]) == ("error", 4)
    assert error["file"].endswith("rows.jsonl")
    assert error["reason"]
    assert error["cure"]
    assert summary.exit_code == 1


def test_a_file_that_cannot_be_opened_is_told_and_the_rest_is_done(
    rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked.txt"
    locked.write_text("甲", encoding="utf-8")
    plain_open = Path.open

    def guarded(path: Path, *how: object, **more: object) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return plain_open(path, *how, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", guarded)
    out = tmp_path / "out.jsonl"
    summary = score([str(locked), str(rows_file)], out)
    assert (summary.tally.errors, len(lines(out))) == (1, 6)
    assert [error["file"] for error in lines(tmp_path / "out.jsonl.errors.jsonl")] == [str(locked)]


def test_a_notice_without_a_case_is_listed_and_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("春风又绿江南岸，明月何时照我还。今天天气很好。", encoding="utf-8")
    summary = score([str(tmp_path / "poem.txt")], tmp_path / "out.jsonl")
    (note,) = lines(tmp_path / "out.jsonl.errors.jsonl")
    assert (note["kind"], note["notice_id"]) == ("no_case", "poem.txt")
    assert (summary.tally.notices, summary.tally.no_case, summary.exit_code) == (1, 1, 0)


def test_a_defect_met_on_one_notice_costs_only_that_notice(
    rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = batch.analyze_notice

    def broken(item: Notice, **how: Any) -> object:
        if item.id == "n2":
            raise KeyError("党内警告")
        return whole(item, **how)

    monkeypatch.setattr(batch, "analyze_notice", broken)
    assert score([str(rows_file)], tmp_path / "out.jsonl").exit_code == 1
    assert [record["notice_id"] for record in lines(tmp_path / "out.jsonl")] == ["n0", "n1", "n3", "n4", "n5"]
    (error,) = lines(tmp_path / "out.jsonl.errors.jsonl")
    assert error["notice_id"] == "n2"
    assert "KeyError" in error["reason"]


@pytest.mark.parametrize("format", ["jsonl", "csv", "xlsx", "parquet"])
def test_every_format_is_delivered_whole(rows_file: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / f"out.{format}"
    assert score([str(rows_file)], out, format=format).tally.cases == 6
    assert out.stat().st_size > 0


def test_an_existing_output_is_not_overwritten_unless_told(rows_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("珍贵的旧结果", encoding="utf-8")
    with pytest.raises(BatchError, match=r"已经存在.*--force"):
        score([str(rows_file)], out)
    assert out.read_text(encoding="utf-8") == "珍贵的旧结果"
    score([str(rows_file)], out, force=True)
    assert len(lines(out)) == 6


@pytest.mark.parametrize("format", ["jsonl", "csv", "xlsx"])
def test_results_in_the_folder_are_not_read_as_input_the_next_time(
    rows_file: Path, tmp_path: Path, format: str
) -> None:
    (tmp_path / "broken.docx").write_bytes(b"no document")
    out = tmp_path / f"out.{format}"
    first = score([str(tmp_path)], out, format=format)
    again = score([str(tmp_path)], out, format=format, force=True)
    other = score([str(tmp_path)], tmp_path / "other.jsonl")
    assert first.tally == again.tally == other.tally
    assert first.tally.errors == 1


def test_an_output_given_as_input_by_name_is_refused(rows_file: Path, tmp_path: Path) -> None:
    score([str(rows_file)], tmp_path / "out.jsonl")
    with pytest.raises(BatchError, match=r"自己的输出.*out.jsonl"):
        score([str(rows_file), str(tmp_path / "out.jsonl")], tmp_path / "out.jsonl", force=True)


def test_a_run_that_could_read_nothing_leaves_no_output_in_the_way_of_the_next(tmp_path: Path) -> None:
    source, out = tmp_path / "rows.csv", tmp_path / "out.jsonl"
    source.write_text(f"编号,处理情况\n甲,{notice(0)['text'].replace(chr(10), '')}", encoding="utf-8")
    summary = score([str(source)], out)
    assert (summary.out, summary.run_file, summary.exit_code) == (None, None, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "out.jsonl.errors.jsonl"}
    assert [error["reason"] for error in summary.first_errors(5)] == ["没有正文列，现有的列是 编号、处理情况"]
    assert score([str(source)], out, columns={"text": "处理情况"}).tally.cases == 1


def test_a_run_that_could_read_nothing_leaves_an_earlier_output_alone(rows_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    score([str(rows_file)], out)
    before = out.read_bytes()
    assert score([str(tmp_path / "none.txt")], out, force=True).out is None
    assert out.read_bytes() == before


def test_the_first_errors_of_a_run_can_be_told(rows_file: Path, tmp_path: Path) -> None:
    rows_file.write_text(rows_file.read_text(encoding="utf-8") + "{broken\n" * 8, encoding="utf-8")
    (tmp_path / "poem.txt").write_text("春风又绿江南岸，明月何时照我还。今天天气很好。", encoding="utf-8")
    summary = score([str(tmp_path)], tmp_path / "out.jsonl")
    assert summary.tally.errors == 8
    assert [error["row"] for error in summary.first_errors(5)] == [7, 8, 9, 10, 11]


def test_an_error_of_a_table_names_the_row_of_the_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("统计表\n编号,正文\n甲,春风\n乙,\n", encoding="utf-8")
    score([str(tmp_path / "rows.csv")], tmp_path / "out.jsonl")
    notes = lines(tmp_path / "out.jsonl.errors.jsonl")
    assert [(n["row"], n["sheet_row"]) for n in notes if n["kind"] == "error"] == [(2, 4)]


def test_a_missing_folder_for_the_output_is_named(rows_file: Path, tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="文件夹不存在"):
        score([str(rows_file)], tmp_path / "nowhere" / "out.jsonl")


def test_errors_of_an_earlier_run_do_not_outlive_it(rows_file: Path, tmp_path: Path) -> None:
    stale = tmp_path / "out.jsonl.errors.jsonl"
    stale.write_text("{}\n", encoding="utf-8")
    score([str(rows_file)], tmp_path / "out.jsonl")
    assert not stale.exists()


# ------------------------------------------------------------ interrupted runs


class PowerCutError(Exception):
    """The power goes."""


def cut_after(count: int) -> batch.Progress:
    def progress(done: int, total: int | None) -> None:
        if done == count:
            raise PowerCutError

    return progress


def interrupted(source: Path, out: Path, count: int) -> Path:
    with pytest.raises(PowerCutError):
        score([str(source)], out, progress=cut_after(count))
    return out.with_name(out.name + ".part")


@pytest.mark.parametrize("count", [0, 1, 5, 6])
@pytest.mark.parametrize("torn", [b"", b'{"rows": [{"sch', b"\x00\x00"])
def test_a_run_cut_anywhere_goes_on_where_it_stopped(rows_file: Path, tmp_path: Path, count: int, torn: bytes) -> None:
    score([str(rows_file)], tmp_path / "whole.jsonl")
    part = interrupted(rows_file, tmp_path / "out.jsonl", count)
    with part.open("ab") as file:
        file.write(torn)
    score([str(rows_file)], tmp_path / "out.jsonl", resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not part.exists()


def test_what_is_done_is_not_done_again(rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(rows_file, tmp_path / "out.jsonl", 4)
    seen: list[str] = []
    whole = batch.analyze_notice

    def watched(item: Notice, **how: Any) -> object:
        seen.append(item.id)
        return whole(item, **how)

    monkeypatch.setattr(batch, "analyze_notice", watched)
    score([str(rows_file)], tmp_path / "out.jsonl", resume=True)
    assert seen == ["n4", "n5"]


def test_a_run_cut_while_its_head_was_written_starts_anew(rows_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl.part").write_bytes(b'{"code": "0.')
    assert score([str(rows_file)], tmp_path / "out.jsonl", resume=True).tally.cases == 6


@pytest.mark.parametrize("step", ["WRITERS", "_write_errors", "os.replace"])
def test_a_run_cut_while_its_result_is_written_is_finished_later(
    rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def cut(*_: object) -> None:
        raise PowerCutError

    score([str(rows_file)], tmp_path / "whole.jsonl")
    monkeypatch.setattr(f"nlp.batch.{step}", {"jsonl": cut} if step == "WRITERS" else cut)
    with pytest.raises(PowerCutError):
        score([str(rows_file)], tmp_path / "out.jsonl")
    monkeypatch.undo()
    assert not (tmp_path / "out.jsonl").exists()
    assert score([str(rows_file)], tmp_path / "out.jsonl", resume=True).tally.cases == 6
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_resuming_a_finished_run_changes_nothing(rows_file: Path, tmp_path: Path) -> None:
    first = score([str(rows_file)], tmp_path / "out.jsonl")
    before = (tmp_path / "out.jsonl").stat().st_mtime_ns
    again = score([str(rows_file)], tmp_path / "out.jsonl", resume=True)
    assert (tmp_path / "out.jsonl").stat().st_mtime_ns == before
    assert again.tally == first.tally


def test_an_interrupted_run_is_neither_continued_nor_thrown_away_unasked(rows_file: Path, tmp_path: Path) -> None:
    part = interrupted(rows_file, tmp_path / "out.jsonl", 3)
    with pytest.raises(BatchError, match=r"--resume.*--force"):
        score([str(rows_file)], tmp_path / "out.jsonl")
    assert part.exists()
    assert score([str(rows_file)], tmp_path / "out.jsonl", force=True).tally.cases == 6


def test_a_changed_input_is_not_continued(rows_file: Path, tmp_path: Path) -> None:
    interrupted(rows_file, tmp_path / "out.jsonl", 3)
    table(rows_file, 7)
    with pytest.raises(BatchError, match="输入文件变了"):
        score([str(rows_file)], tmp_path / "out.jsonl", resume=True)


@pytest.mark.parametrize(
    ("key", "told"), [("code", "程序版本"), ("codebook", "编码手册"), ("columns", "列名设置"), ("format", "输出格式")]
)
def test_a_changed_program_is_not_continued(rows_file: Path, tmp_path: Path, key: str, told: str) -> None:
    part = interrupted(rows_file, tmp_path / "out.jsonl", 3)
    head, rest = part.read_text(encoding="utf-8").split("\n", 1)
    part.write_text(json.dumps({**json.loads(head), key: "别的"}) + "\n" + rest, encoding="utf-8")
    with pytest.raises(BatchError, match=f"{told}变了.*--force"):
        score([str(rows_file)], tmp_path / "out.jsonl", resume=True)


@pytest.mark.parametrize("line", [0, 2])
def test_a_damaged_line_of_an_interrupted_run_is_told(rows_file: Path, tmp_path: Path, line: int) -> None:
    part = interrupted(rows_file, tmp_path / "out.jsonl", 3)
    kept = part.read_bytes().split(b"\n")
    kept[line] = b"\x00" * 40
    part.write_bytes(b"\n".join(kept))
    with pytest.raises(BatchError, match=rf"第 {line + 1} 行已损坏.*--force"):
        score([str(rows_file)], tmp_path / "out.jsonl", resume=True)


def test_standard_input_cannot_be_continued(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="标准输入"):
        score(["-"], tmp_path / "out.jsonl", resume=True)


def wait_for_lines(running: subprocess.Popen[bytes], part: Path, count: int) -> None:
    """Until the run has finished ``count`` notices; a run that ends or hangs before is a failure."""
    deadline = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < deadline:
        if part.exists() and part.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.005)
    running.kill()
    pytest.fail(f"运行没有做到第 {count} 份：{running.communicate()[1].decode()}")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL 只在类 Unix 系统上有")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_process_resumes_to_the_same_bytes(tmp_path: Path, workers: str) -> None:
    shutil.copytree(ROOT / "models" / "names", tmp_path / "models" / "names")
    shutil.copytree(ROOT / "nlp", tmp_path / "nlp")  # runs that differ by an edit in between would rightly be refused
    source, out, whole = table(tmp_path / "rows.jsonl", 400), tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    wenze = [sys.executable, "-m", "nlp", "score", str(source)]
    command = [*wenze, "-o", str(out), "--workers", workers]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    part = tmp_path / "out.jsonl.part"
    wait_for_lines(running, part, 20)
    running.kill()
    _, told = running.communicate()
    assert running.returncode == -signal.SIGKILL, told.decode()
    assert not out.exists()
    done = part.read_bytes().count(b"\n") - 1
    assert 20 <= done < 400
    subprocess.run([*command, "--resume"], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([*wenze, "-o", str(whole)], cwd=tmp_path, check=True, capture_output=True)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT 在 Windows 上不能只发给一个进程")
def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    source, out = table(tmp_path / "rows.jsonl", 2000), tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "nlp", "score", str(source), "-o", str(out)]
    # Tests run in the background ignore SIGINT, and a child inherits that; a handled signal it gets back as default.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, inherited)
    wait_for_lines(running, tmp_path / "out.jsonl.part", 20)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate()
    assert running.returncode == 130
    (line,) = told.decode().splitlines()
    assert "--resume" in line


# ------------------------------------------------------------ worker processes


def fragile_work(chunk: list[Item]) -> list[Record]:
    """Stands for the pipeline: a row is the notice's id, and the text 'crash' ends the process."""
    for item in chunk:
        if isinstance(item, Notice) and item.text == "crash":
            os._exit(9)
    return [{"rows": [item.id] if isinstance(item, Notice) else [], "notes": []} for item in chunk]


def stream(texts: list[str]) -> Iterator[Item]:
    return (Notice(str(n), text) for n, text in enumerate(texts))


def test_workers_keep_the_order_of_the_input() -> None:
    found = records(stream(["a"] * 500), workers=2, work=fragile_work)
    assert [record["rows"] for record in found] == [[str(n)] for n in range(500)]


def test_a_notice_that_kills_its_worker_costs_only_itself() -> None:
    texts = ["a"] * 120
    texts[50] = "crash"
    found = list(records(stream(texts), workers=2, work=fragile_work))
    assert [record["rows"] for record in found] == [[str(n)] if n != 50 else [] for n in range(120)]
    (note,) = found[50]["notes"]
    assert (note["kind"], note["notice_id"]) == ("error", "50")
    assert "异常退出" in note["reason"]


def hostile_work(chunk: list[Item]) -> list[Record]:
    """Ends the process on whatever it is given."""
    os._exit(9)


def test_every_item_has_its_record_even_where_all_workers_die() -> None:
    items: list[Item] = [Notice("0", "春"), ReadError("a.docx", None, "文件不完整", "请重新下载")]
    (first, second) = records(iter(items), workers=2, work=hostile_work)
    assert "异常退出" in first["notes"][0]["reason"]
    assert second["notes"][0]["reason"] == "文件不完整"


def test_what_could_not_be_read_keeps_its_place_among_the_notices() -> None:
    items = [Notice("0", "春"), ReadError("a.docx", None, "文件不完整", "请重新下载"), Notice("2", "秋")]
    kinds = [[note["kind"] for note in record["notes"]] for record in records(items)]
    assert kinds == [["no_case"], ["error"], ["no_case"]]


def test_a_row_a_line_tables_are_counted_for_the_progress_bar(rows_file: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    score([str(rows_file)], tmp_path / "out.jsonl", progress=lambda done, total: heard.append((done, total)))
    assert heard == [(n, 6) for n in range(7)]
