"""What a user types, and what comes back: results on stdout, words about them on stderr, an exit code that is true."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from rich.console import Console

import nlp
from nlp.cli import FORMATS, app, main
from nlp.codebook import load_codebook
from nlp.pipeline import analyze_notice
from nlp.report.highlight import Mark, highlight, highlight_case, marks_of
from nlp.report.terminal import marked_text, reading_view, summary_table
from nlp.rows import WRITERS
from nlp.types import Notice

ROOT = Path(__file__).parent.parent
TEXT = "关于防汛值守失职问责情况的通报\n东塘镇副镇长周安防汛期间擅离职守。经县纪委研究，决定给予周安党内警告处分。\n"
COMMANDS = (
    "score",
    "report",
    "corpus",
    "serve",
    "explain",
    "demo",
    "segment",
    "labels",
    "evaluate",
    "compare",
    "errors",
    "suspects",
    "pick",
    "pretrain",
    "synthesize",
    "agreement",
    "corpus",
    "serve",
)


def wenze(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nlp", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, encoding="utf-8", cwd=ROOT, check=False)


@pytest.fixture
def notice(tmp_path: Path) -> Path:
    path = tmp_path / "notice.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_help_names_every_command_and_gives_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in told] == []
    assert "例：" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_is_chinese_and_has_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert f"  wenze {command}" in told.split("例：")[1]
    assert not {"Usage", "Options", "Arguments", "Show this message"} & set(told.split())


def test_every_command_is_in_this_test() -> None:
    assert {command.name for command in app.registered_commands} == set(COMMANDS)


def test_version_gives_the_fingerprints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    told = capsys.readouterr().out
    assert nlp.__version__ in told
    assert load_codebook().fingerprint in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["score"], "缺少 输入"),
        (["score", "a.txt"], "缺少 --out"),
        (["score", "a.txt", "-o"], "选项 -o 后面缺少它的值"),
        (["score", "a.txt", "-o", "b.jsonl", "--fast"], "没有选项 --fast"),
        (["score", "a.txt", "-o", "b.jsonl", "--workers", "many"], "--workers 的值不对"),
        (["score", "a.txt", "-o", "b.doc"], "不认识输出文件 b.doc 的扩展名"),
        (["score", "a.txt", "-o", "b", "--format", "xml"], "不认识格式 xml"),
        (["score", "a.txt", "-o", "-", "--format", "xlsx"], "标准输出只能写 jsonl"),
        (["score", "a.txt", "-o", "-", "--resume"], "不能接着做"),
        (["score", "a.txt", "-o", "b.jsonl", "--column", "通报内容"], "--column 写法不对"),
        (["score", "a.txt", "-o", "b.jsonl", "--column", "body=通报内容"], "--column 左边应写"),
        (["score", "a.txt", "-o", "-", "--column", "body=通报内容"], "--column 左边应写"),
        (["explain", "a.txt", "--column", "body=通报内容"], "--column 左边应写"),
        (["score", "a.txt", "-o", "b.jsonl", "--model", "gpt"], "gpt"),
        (["mark"], "没有命令 mark"),
        (["explian", "a.txt"], "是不是 explain"),
        (["segment", "nope.txt"], "没有这个文件：nope.txt"),
        (["segment", "旧/nope.DOC"], "没有这个文件：旧/nope.DOC"),
    ],
)
def test_a_mistake_is_one_chinese_line_and_exit_code_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "xlsx", "parquet"])
def test_the_ending_of_the_output_chooses_its_format(notice: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    assert main(["score", str(notice), "-o", str(out)]) == 0
    magic = {"jsonl": b'{"schema": 1', "csv": b"\xef\xbb\xbf", "xlsx": b"PK", "parquet": b"PAR1"}
    assert out.read_bytes().startswith(magic[suffix])


def test_a_column_may_be_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for line in (["编号", "处理情况说明"], ["x-1", TEXT]):
        book.active.append(line)
    book.save(tmp_path / "list.xlsx")
    out = tmp_path / "out.jsonl"
    columns = ["--column", "text=处理情况说明", "--column", "id=编号"]
    assert main(["score", str(tmp_path / "list.xlsx"), "-o", str(out), *columns]) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["notice_id"] == "x-1"


def test_rows_go_through_pipes(notice: Path) -> None:
    done = wenze("score", "-", "-o", "-", stdin=json.dumps({"id": "p", "text": TEXT}, ensure_ascii=False) + "\n")
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["notice_id"] == "p"
    assert done.returncode == 0
    assert "\r" not in done.stderr
    assert "\x1b" not in done.stderr


def test_a_bad_file_is_exit_code_1_and_the_rest_is_done(notice: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.docx").write_bytes(b"PK\x03\x04 not a document")
    done = wenze("score", str(notice), str(tmp_path / "broken.docx"), "-o", str(tmp_path / "out.jsonl"))
    assert done.returncode == 1
    assert len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    (error,) = (tmp_path / "out.jsonl.errors.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(error)["file"].endswith("broken.docx")
    assert "1 处未能读取" in done.stderr
    assert "broken.docx：文件已损坏或不完整。请用 Office" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_input_that_is_not_there_is_told_without_a_traceback(tmp_path: Path) -> None:
    done = wenze("score", str(tmp_path / "nothing.txt"), "-o", str(tmp_path / "out.jsonl"))
    assert done.returncode in (1, 2)
    told = done.stderr + "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.errors.jsonl"))
    assert "nothing.txt" in told
    assert "Traceback" not in told


def test_when_nothing_could_be_read_the_reasons_are_told_and_nothing_is_said_to_be_done(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.csv").write_text("编号,处理情况\n甲,某人被诫勉", encoding="utf-8")
    done = wenze("score", str(tmp_path), "-o", str(tmp_path / "out.jsonl"))
    assert done.returncode == 1
    assert "没有读到任何通报" in done.stderr
    assert "完成" not in done.stderr
    assert done.stderr.count("没有正文列，现有的列是 编号、处理情况。请加上 --column text=") == 5
    assert "7 处未能读取" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("command", [["score", "-", "-o", "-"], ["explain", "-"]])
def test_standard_input_that_cannot_be_read_is_called_by_its_name(command: list[str]) -> None:
    done = wenze(*command, stdin='{"text": "半行')
    assert done.returncode == 1
    assert "标准输入 第1行：不是合法的 JSON" in done.stderr


def test_results_passed_over_are_counted(notice: Path, tmp_path: Path) -> None:
    assert wenze("score", str(tmp_path), "-o", str(tmp_path / "out.csv")).stderr.count("跳过") == 0
    for out in (str(tmp_path / "more.csv"), "-"):
        assert "跳过 2 个" in wenze("score", str(tmp_path), "-o", out).stderr
        (tmp_path / "more.csv").unlink(missing_ok=True)
        (tmp_path / "more.csv.run.json").unlink(missing_ok=True)


@pytest.mark.parametrize(("text", "told"), [(TEXT, False), ("春风又绿江南岸，明月何时照我还。", True)])
def test_notices_without_a_case_are_counted_where_there_are_some(
    notice: Path, tmp_path: Path, text: str, told: bool
) -> None:
    notice.write_text(text, encoding="utf-8")
    assert ("份未见问责案件）" in wenze("score", str(notice), "-o", "-").stderr) is told


def test_a_format_may_be_written_in_capitals(notice: Path, tmp_path: Path) -> None:
    assert main(["score", str(notice), "-o", str(tmp_path / "out"), "--format", "CSV"]) == 0
    assert (tmp_path / "out").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_refusal_of_the_system_is_told_in_chinese(
    notice: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "out.jsonl")

    monkeypatch.setattr("nlp.pipeline.analyze_notice", refused)
    assert main(["explain", str(notice)]) == 2
    assert "磁盘已满（out.jsonl）" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_h_is_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    whole = capsys.readouterr().out
    assert main([*command, "-h"]) == 0
    assert capsys.readouterr().out == whole


def test_a_defect_is_told_in_one_line_and_traced_on_demand(
    notice: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("坏了")

    monkeypatch.setattr("nlp.pipeline.analyze_notice", broken)
    assert main(["explain", str(notice)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("内部错误 RuntimeError：坏了")
    with pytest.raises(RuntimeError):
        main(["--debug", "explain", str(notice)])


def test_explain_shows_who_was_dealt_with_and_how(notice: Path) -> None:
    done = wenze("explain", str(notice))
    assert done.returncode == 0
    for words in ("周安", "党内警告", "擅离职守"):
        assert words in done.stdout
    assert "\x1b" not in done.stdout


def test_through_a_pipe_there_is_no_legend_of_colours_and_no_trailing_blank(notice: Path) -> None:
    told = wenze("explain", str(notice)).stdout
    assert "问责对象" not in told.split("案件 1/1")[0]
    assert [line for line in told.splitlines() if line != line.rstrip()] == []


def test_on_a_terminal_the_colours_are_explained() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=100)
    console.print(reading_view(analyze_notice(TEXT), legend=True))
    assert "问责对象" in console.file.getvalue().split("案件 1/1")[0]  # type: ignore[attr-defined]


def test_a_case_without_a_finding_is_not_called_sound() -> None:
    assert "未发现需要复核之处（不等于处理得当）" in wenze("explain", "-", stdin=TEXT).stdout


def test_a_breach_of_a_regulation_names_the_article_and_what_is_not_told() -> None:
    told = wenze("explain", "-", stdin="经研究，给予河湾镇党委诫勉，镇党委书记方同舟受到党内警告处分。").stdout
    assert "条文：《中国共产党问责条例》第八条" in told
    assert "尚不清楚：决定日期未载明" in told


def test_explain_says_when_there_is_no_case() -> None:
    done = wenze("explain", "-", stdin="春风又绿江南岸，明月何时照我还。")
    assert done.returncode == 0
    assert "no_case" in done.stdout


def test_demo_needs_nothing_and_shows_findings() -> None:
    done = wenze("demo")
    assert done.returncode == 0, done.stderr
    assert "一览" in done.stdout
    assert [issue.name for issue in load_codebook().issues if issue.name in done.stdout] != []


def test_segment_gives_words_that_tile_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = "给予周安党内警告处分"
    assert main(["segment", text, "--json"]) == 0
    words = json.loads(capsys.readouterr().out)
    assert "".join(word["text"] for word in words) == text
    assert [text[word["start"] : word["end"]] for word in words] == [word["text"] for word in words]


def test_segment_reads_a_file_as_well(notice: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(notice)]) == 0
    words = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(TEXT[int(start) : int(end)]) for start, end, _ in words] == [word for *_, word in words]


def test_segment_reads_standard_input_as_it_reads_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "镇长周安\r\n被诫勉。"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode("gb18030")), encoding="utf-8"))
    assert main(["segment", "-"]) == 0
    words = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [text[int(start) : int(end)] for start, end, _ in words] == [word for *_, word in words]


def test_the_formats_offered_are_those_that_can_be_written() -> None:
    assert tuple(WRITERS) == FORMATS


def test_labels_are_those_of_the_codebook(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert tuple(label["id"] for label in told) == load_codebook().labels
    assert all(label["definition"] for label in told)


@pytest.mark.parametrize(("width", "beside"), [("60", False), ("120", True)])
def test_labels_are_readable_in_a_narrow_window(monkeypatch: pytest.MonkeyPatch, width: str, beside: bool) -> None:
    monkeypatch.setenv("COLUMNS", width)
    told = wenze("labels").stdout.splitlines()
    issue = load_codebook().issues["deputy_for_chief"]
    (n,) = [n for n, line in enumerate(told) if issue.id in line]
    definition = str(issue.get("definition"))
    assert (definition[:6] in told[n]) is beside
    assert definition[:6] in told[n] + told[n + 1]
    assert issue.name in told[n]


# ------------------------------------------------------------ the terminal view


@pytest.mark.parametrize(
    ("text", "ranges", "runs"),
    [
        ("党内警告", [], [("党内警告", 0)]),
        ("党内警告", [(2, 4)], [("党内", 0), ("警告", 1)]),
        ("党内警告", [(0, 3), (2, 4)], [("党内", 1), ("警", 2), ("告", 1)]),
        ("党内警告", [(-3, 2), (3, 9)], [("党内", 1), ("警", 0), ("告", 1)]),
        ("党内警告", [(1, 1), (9, 12)], [("党内警告", 0)]),
        ("", [(0, 4)], []),
    ],
)
def test_highlight_cuts_where_marks_begin_and_end(
    text: str, ranges: list[tuple[int, int]], runs: list[tuple[str, int]]
) -> None:
    found = highlight(text, [Mark(start, end, "evidence") for start, end in ranges])
    assert [(run.text, len(run.marks)) for run in found] == runs


def test_marks_in_a_page_fall_on_the_words_a_reader_sees() -> None:
    page = f"<html><body><p>{TEXT.strip().replace('周安', '周　<b>安</b>')}</p></body></html>"
    (analysis,) = analyze_notice(Notice("p", page, file="p.html")).analyses
    runs = list(highlight_case(analysis.case, marks_of(analysis)))
    assert "".join(run.text for run in runs) == analysis.case.text
    sanctions = [run.text for run in runs if any(mark.kind == "sanction" for mark in run.marks)]
    assert "党内警告" in "".join(sanctions)
    assert "<" not in marked_text(analysis).plain


def test_text_is_never_taken_for_markup() -> None:
    trap = TEXT.replace("擅离职守", "擅离职守[bold]甲[/nothing][link=http://x]乙")
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=200)
    console.print(reading_view(analyze_notice(trap)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[bold]" in shown
    assert "[/nothing]" in shown
    assert "\x1b]8;" not in shown


def test_a_notice_does_not_command_the_terminal() -> None:
    trap = {
        "id": "a\x1b[2J",
        "title": "题\x1b]0;x\x07",
        "text": TEXT.replace("周安", "周\x1b[31m安"),
        "published": "\x9b2J",
    }
    console = Console(file=io.StringIO(), width=200)
    reading = analyze_notice(trap)
    console.print(reading_view(reading))
    console.print(summary_table([reading]))
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "周" in told
    assert not {"\x1b", "\x07", "\x9b"} & set(told)
