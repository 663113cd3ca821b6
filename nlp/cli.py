"""Every command of ``wenze``, each a thin shell over one function of the package.

In: the command line. Out: what is printed, and the exit code: 0 done, 1 some files or rows could not be read,
2 the command could not start, 130 interrupted. Imports only typer until a command runs.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from nlp.batch import Record, Summary, Tally
    from nlp.gold import GoldCase, GoldError
    from nlp.quality import Candidate
    from nlp.read import ReadError
    from nlp.scored import ScoredError
    from nlp.train.trained import Trained
    from nlp.types import Notice

EXAMPLES = Path(__file__).parent / "examples"
FORMATS = ("jsonl", "csv", "xlsx", "parquet")
STDIO = "-"
_ERRORS_SHOWN = 5
CANNOT_START, INTERRUPTED = 2, 130

_ABOUT = """wenze（问责）：读问责通报，指出哪些案件值得再看一眼，为什么。

例：
  wenze demo                                  看看随包附带的示例
  wenze score 通报/ -o 结果.xlsx              整个文件夹，输出 Excel
  wenze score 台账.csv -o 结果.jsonl --column text=通报内容
  wenze explain 通报.html                     一份通报，在终端里逐案看
  cat 通报.txt | wenze explain -
"""


# ------------------------------------------------------------ help in Chinese


def _usage(command: Any, ctx: Any) -> str:
    words = [ctx.command_path]
    for param in command.get_params(ctx):
        if param.param_type_name == "argument":
            word = param.metavar or param.name.upper()
            words.append(word if param.required else f"[{word}]")
    options = "[选项]" if isinstance(command, TyperCommand) else "命令 …"
    return " ".join([*words, options])


def _option_line(param: Any) -> tuple[str, str]:
    names = ", ".join(sorted(param.opts, key=len))
    if not getattr(param, "is_flag", False):
        names += f" {param.metavar or param.name.upper()}"
    return names, "显示这段帮助" if "--help" in param.opts else param.help or ""


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _table(title: str, lines: Sequence[tuple[str, str]]) -> str:
    width = max(_width(name) for name, _ in lines) + 2
    return "\n".join([f"{title}：", *(f"  {name}{' ' * (width - _width(name))}{text}" for name, text in lines)])


def _help(command: Any, ctx: Any) -> str:
    params = command.get_params(ctx)
    parts = [f"用法：{_usage(command, ctx)}", inspect.cleandoc(command.help or "")]
    arguments = [p for p in params if p.param_type_name == "argument"]
    if arguments:
        parts.append(_table("参数", [(p.metavar or p.name.upper(), p.help or "") for p in arguments]))
    if isinstance(command, TyperGroup):
        commands = [(name, inspect.cleandoc(each.help or "").split("\n")[0]) for name, each in command.commands.items()]
        parts.append(_table("命令", commands))
        parts.append("每个命令的用法：wenze 命令 --help")
    options = [_option_line(p) for p in params if p.param_type_name == "option"]
    parts.append(_table("选项", options))
    return "\n\n".join(parts) + "\n"


class _Group(TyperGroup):
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.5)
            told = f"是不是 {near[0]}" if near else f"有 {'、'.join(self.commands)}"
            _refuse(f"命令用法不对：没有命令 {args[0]}，{told}。看 wenze --help")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_help(self, ctx))


class _Command(TyperCommand):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_help(self, ctx))


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=_ABOUT,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# ------------------------------------------------------------ common parts


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _refuse(line: str) -> NoReturn:
    _say(line)
    raise typer.Exit(CANNOT_START)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def _show(console: Console, view: RenderableType) -> None:
    """Print a view; off a terminal without the blanks that fill its lines."""
    if console.is_terminal:
        console.print(view, markup=False)
        return
    with console.capture() as captured:
        console.print(view, markup=False)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _in_colour(console: Console) -> bool:
    return console.is_terminal and console.color_system is not None and not console.no_color


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in pairs:
        key, equals, column = pair.partition("=")
        if not (key and equals and column):
            _refuse(f"--column 写法不对：{pair!r}。应写成 键=列名，例如 --column text=通报内容")
        columns[key] = column
    return columns


def _check_model(model: str) -> None:
    """Refuse a model that cannot be used before any file is touched; tell what is doubtful about it."""
    if model != "rules":
        from nlp.classify import load_model

        for caution in load_model(model).cautions:
            _say(f"注意：{caution.message}")


def _show_version(value: bool) -> None:
    if value:
        from nlp.pipeline import fingerprints

        marks = fingerprints()
        print(f"wenze {marks['code']}  编码手册 {marks['codebook']}")
        raise typer.Exit


Columns = Annotated[
    list[str], typer.Option("--column", metavar="键=列名", help="表格中的列，可多次给出，例如 text=通报内容")
]
Model = Annotated[
    str,
    typer.Option(
        "--model", metavar="模型", help="rules（规则，默认）| tfidf | bert | ensemble，或训练所得的模型文件夹"
    ),
]
MaskNames = Annotated[bool, typer.Option("--mask-names", help="隐去人名：张伟明写作张某某")]


@app.callback()
def _wenze(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="显示程序与编码手册的版本")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="出错时显示完整的调用栈")] = False,
) -> None:
    del version, debug


# ------------------------------------------------------------ score


def _format(out: str, given: str) -> str:
    format = given.lower() or (Path(out).suffix.lstrip(".").lower() if out != STDIO else "jsonl")
    if format not in FORMATS:
        told = f"格式 {given}" if given else f"输出文件 {out} 的扩展名"
        _refuse(f"不认识{told}。请用 --format 指明其一：{'、'.join(FORMATS)}")
    if out == STDIO and format != "jsonl":
        _refuse(f"标准输出只能写 jsonl，不能写 {format}。请用 -o 给出文件名")
    return format


def _counted(tally: Tally) -> str:
    found = {
        verdict: sum(n for key, n in tally.findings.items() if key.endswith(verdict)) for verdict in (".yes", ".unsure")
    }
    without = f"（其中 {tally.no_case} 份未见问责案件）" if tally.no_case else ""
    return (
        f"通报 {tally.notices} 份{without}，案件 {tally.cases} 起，对象 {tally.subjects} 个，"
        f"处理 {tally.sanctions} 项，复核要点 {found['.yes']} 条，存疑 {found['.unsure']} 条"
    )


def _told(summary: Summary) -> None:
    if summary.out is None:
        _say("没有读到任何通报，没有写出结果文件")
    else:
        _say(f"完成，用时 {summary.seconds:.1f} 秒：{_counted(summary.tally)}")
        _say(f"结果：{summary.out}；运行记录：{summary.run_file}")
    shown = summary.first_errors(_ERRORS_SHOWN)
    if summary.tally.errors > len(shown):
        _say(f"前 {len(shown)} 处：")
    for note in shown:
        _say(_note_line(note))
    if summary.errors_file:
        errors = f"{summary.tally.errors} 处未能读取" if summary.tally.errors else "没有错误，只有未见案件的通报"
        _say(f"{errors}，见 {summary.errors_file}")


def _tell_passed_over(inputs: Sequence[str], out: Path | None = None) -> None:
    from nlp.read import result_files

    if results := result_files(inputs, out):
        _say(f"跳过 {len(results)} 个 wenze 以前写出的结果文件（如 {results[0]}）；要读它们，请直接写出文件名")


def _note_line(note: Record) -> str:
    from nlp.read import place

    where = place(note["row"], note["sheet"], note["sheet_row"])
    file = "标准输入" if note["file"] == STDIO else note["file"] or note["notice_id"]
    return f"{file}{where}：{note['reason']}。{note['cure']}"


def _score_to_stdout(inputs: Sequence[str], **options: Any) -> int:
    from nlp.batch import stream

    _tell_passed_over(inputs)
    tally = stream(inputs, sys.stdout, note=lambda note: _say(_note_line(note)), **options)
    _say(_counted(tally))
    return 1 if tally.errors else 0


def _is_folder(out: str) -> bool:
    """Whether an output is a folder of Parquet files: it ends in / or is a URI."""
    from nlp.read import is_uri

    return out.endswith(("/", "\\")) or is_uri(out)


def _score_to_file(inputs: Sequence[str], out: str, **options: Any) -> int:
    from nlp.batch import score
    from nlp.partitions import score_partitions

    run: Callable[..., Summary]
    if options.get("partition_by") or _is_folder(out):
        run = partial(score_partitions, inputs, out)
        options.pop("format")
    else:
        run = partial(score, inputs, Path(out))
        options.pop("partition_by")
    _tell_passed_over(inputs, Path(out))
    if not sys.stderr.isatty():
        summary = run(**options)
    else:
        from nlp.report.terminal import progress_bar

        with progress_bar() as report:
            summary = run(progress=report, **options)
    _told(summary)
    return summary.exit_code


@app.command("score", cls=_Command)
def score_cli(
    *,
    inputs: Annotated[
        list[str], typer.Argument(metavar="输入...", help="文件、文件夹、通配符、s3:// 等地址，或 -（标准输入）")
    ],
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="文件", help="输出文件；以 / 结尾为分区的 Parquet；- 为标准输出")
    ],
    format: Annotated[
        str, typer.Option("--format", metavar="格式", help=f"{' | '.join(FORMATS)}，默认看输出文件的扩展名")
    ] = "",
    model: Model = "rules",
    engine: Annotated[
        str, typer.Option("--engine", metavar="引擎", help="local（本进程，默认）| pool（进程池）| ray（集群）")
    ] = "",
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="个数", min=1, help="同时工作的进程数；多于 1 用进程池，ray 默认用满集群"),
    ] = None,
    partition_by: Annotated[
        list[str],
        typer.Option("--partition-by", metavar="键", help="写成分区的 Parquet：year | month | verdict，可多次给出"),
    ] = [],  # noqa: B006
    resume: Annotated[bool, typer.Option("--resume", help="接着做上次中断的运行，不丢也不重")] = False,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的输出")] = False,
    mask_names: MaskNames = False,
    column: Columns = [],  # noqa: B006
) -> None:
    """读通报、逐案分析，写成表格。

    一案一行。读不了的文件或行记入 输出文件.errors.jsonl，其余照做，退出码为 1；
    输出文件.run.json 记下数量与程序、编码手册、模型、输入的指纹。

    例：
      wenze score 通报/ -o 结果.xlsx
      wenze score '归档/**/*.html' -o 结果.jsonl --workers 4
      wenze score 's3://桶/通报/*.parquet' -o s3://桶/结果/ --engine ray --partition-by year
      wenze score 台账.csv -o 结果.parquet --column text=通报内容 --column id=编号
      wenze score 通报/ -o 结果.jsonl --resume
      wenze score 通报/ -o 结果.xlsx --model tfidf
      cat 台账.jsonl | wenze score - -o - > 结果.jsonl
    """
    parted = bool(partition_by) or _is_folder(out)
    chosen, columns = _format("-.parquet" if parted else out, format), _columns(column)
    if parted and (chosen != "parquet" or out == STDIO):
        _refuse("分区的输出只能是一个文件夹里的 Parquet。请把 -o 写成以 / 结尾的文件夹，并去掉 --format")
    _check_model(model)
    options: dict[str, Any] = {"model": model, "engine": engine, "workers": workers, "columns": columns}
    options["masked"] = mask_names
    if out == STDIO:
        if resume:
            _refuse("写到标准输出的运行不能接着做。请用 -o 给出文件名再用 --resume")
        raise typer.Exit(_score_to_stdout(inputs, **options))
    try:
        told = {"format": chosen, "partition_by": partition_by, "resume": resume, "force": force}
        code = _score_to_file(inputs, out, **told, **options)
    except KeyboardInterrupt:
        _say("已中断，做完的都在。同一条命令加 --resume 即可接着做")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(code)


# ------------------------------------------------------------ explain, demo


def _read(inputs: Sequence[str], columns: dict[str, str], unread: list[ReadError]) -> Iterator[Notice]:
    """Notices as they are read; what could not be read is told at once and added to ``unread``."""
    from nlp.batch import items
    from nlp.read import ReadError

    _tell_passed_over(inputs)
    for item in items(inputs, columns):
        if isinstance(item, ReadError):
            unread.append(item)
            _say(str(item))
        else:
            yield item


@app.command("explain", cls=_Command)
def explain_cli(
    file: Annotated[str, typer.Argument(metavar="文件", help="一份通报（或一张表），- 为标准输入")],
    model: Model = "rules",
    column: Columns = [],  # noqa: B006
) -> None:
    """在终端里逐案看：正文标出依据，列出谁受了什么处理、哪里值得再看。

    例：
      wenze explain 通报.html
      wenze explain 通报.html --model tfidf
      cat 通报.txt | wenze explain -
    """
    from nlp.pipeline import analyze_notice
    from nlp.report.terminal import reading_view

    _check_model(model)
    console = _console()
    unread: list[ReadError] = []
    for notice in _read([file], _columns(column), unread):
        _show(console, reading_view(analyze_notice(notice, model=model), legend=_in_colour(console)))
    raise typer.Exit(1 if unread else 0)


@app.command("demo", cls=_Command)
def demo_cli() -> None:
    """分析随包附带的示例通报（人物地名均为虚构），看看结果是什么样。

    例：
      wenze demo
    """
    from nlp.pipeline import analyze_notice
    from nlp.report.terminal import counts_line, reading_view, summary_table

    console, readings = _console(), []
    unread: list[ReadError] = []
    for notice in _read([str(EXAMPLES)], {}, unread):
        readings.append(analyze_notice(notice))
        _show(console, reading_view(readings[-1], legend=_in_colour(console)))
    for view in (summary_table(readings), counts_line(readings), "下一步：wenze score 你的文件夹 -o 结果.xlsx"):
        _show(console, view)
    raise typer.Exit(1 if unread else 0)


# ------------------------------------------------------------ report


@app.command("report", cls=_Command)
def report_cli(
    *,
    scored: Annotated[
        list[str], typer.Argument(metavar="结果...", help="wenze score 写出的 .jsonl 或 .parquet，可以有几个")
    ],
    out: Annotated[str, typer.Option("-o", "--out", metavar="文件", help="写成 .html 或 .xlsx")],
    title: Annotated[str, typer.Option("--title", metavar="标题", help="报告的标题")] = "问责通报复核报告",
    full: Annotated[
        int, typer.Option("--full", metavar="个数", min=0, help="网页里给出全文的案件数，其余一起一行，默认 300")
    ] = 300,
    mask_names: MaskNames = False,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的输出")] = False,
) -> None:
    """把结果写成一份给人看的报告：一个能离线打开、能打印的网页，或一个 Excel 工作簿。

    按复核优先级列出案件、理由与证据，数出问题、级别、处理、责任、事由、地区、时间；每个数字都能点到它的案件。
    不合行格式的行逐一指出，其余照做，退出码为 1。

    例：
      wenze score 通报/ -o 结果.jsonl
      wenze report 结果.jsonl -o 报告.html
      wenze report 结果.jsonl -o 报告.xlsx --mask-names
    """
    from nlp.report.report import report
    from nlp.scored import ScoredError

    _check_report(out, (".html", ".xlsx"))
    _check_new(out, force)
    bad: list[ScoredError] = []
    try:
        found = report(scored, Path(out), title=title, full=full, masked=mask_names, on_error=bad.append)
    except ScoredError as error:
        _refuse(str(error))
    _tell_scored(bad)
    if found is None:
        _say(f"{len(bad)} 行都不能用，没有写出报告")
        raise typer.Exit(1)
    flagged = sum(1 for line in found.lines if line.found)
    _say(f"报告：{out}（案件 {found.cases} 起，值得再看 {flagged} 起）")
    raise typer.Exit(1 if bad else 0)


# ------------------------------------------------------------ corpus


@app.command("corpus", cls=_Command)
def corpus_cli(
    *,
    scored: Annotated[
        list[str], typer.Argument(metavar="结果...", help="wenze score 写出的 .jsonl 或 .parquet，可以有几个")
    ],
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="输出", help=".html、.json、.md、.xlsx，或一个文件夹（全写，含 CSV）")
    ] = STDIO,
    rows: Annotated[
        str, typer.Option("--rows", metavar="文件", help="另写一份结果，加上与可比案件的偏离和转载的提示")
    ] = "",
    least: Annotated[
        int, typer.Option("--least", metavar="个数", min=2, help="可比案件少于这么多就不比较，默认 10")
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", metavar="数", min=0, help="自助抽样的随机种子")] = 0,
    mask_names: MaskNames = False,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的输出")] = False,
) -> None:
    """跨案比较：合并转载，与可比案件比轻重，看各年、各地、各机关的事由、级别、手段与比例是否失衡，以及趋势。

    行的先后、分在几个文件里，都不影响结果。--mask-names 先隐去姓名再比较，转载改按姓氏辨认。
    不合行格式的行逐一指出，其余照做，退出码为 1。
    需要 pip install 'wenze[corpus]'。

    例：
      wenze score 通报/ -o 结果.jsonl
      wenze corpus 结果.jsonl -o 跨案.html
      wenze corpus 结果1.jsonl 结果2.parquet -o 跨案/ --rows 结果.加注.jsonl
    """
    from nlp.corpus import CorpusError, study
    from nlp.report.corpus import endings, folds_told, markdown, write

    target, rows_format = _corpus_outputs(out, rows, endings(), force, scored)
    bad: list[ScoredError] = []
    try:
        found = study(_scored(scored, bad.append, mask_names), least=least, seed=seed)
    except CorpusError as error:
        _tell_scored(bad)
        _refuse(str(error))
    _tell_scored(bad)
    _say(f"案件 {found.rows} 起，并入他案的转载 {len(found.folded)} 起，参加统计 {len(found.cases)} 起")
    for line in folds_told(found, _ERRORS_SHOWN):
        _say(f"  {line}")
    claimed = sum(one.side is not None for one in found.compared.deviations)
    _say(f"与可比案件比较 {len(found.compared.deviations)} 人，列出偏离 {claimed} 人（一律存疑）")
    if target is None:
        print(markdown(found), end="")
    else:
        write(found, target)
        _say(f"结果：{out}")
    if rows_format:
        from nlp.corpus.findings import with_findings
        from nlp.rows import WRITERS

        WRITERS[rows_format](with_findings(_scored(scored, lambda error: None, mask_names), found), Path(rows))
        _say(f"加注的结果：{rows}")
    raise typer.Exit(1 if bad else 0)


def _corpus_outputs(
    out: str, rows: str, endings: Sequence[str], force: bool, inputs: Sequence[str]
) -> tuple[Path | None, str]:
    """Where the tables go (None: printed) and in which format the rows; refused where one is there already."""
    target = None if out == STDIO else Path(out)
    if target and target.suffix and not target.is_dir():
        _check_report(out, endings)
    for name in filter(None, (out if target else "", rows)):
        if any(Path(name).resolve() == Path(one).resolve() for one in inputs):
            _refuse(f"输出 {name} 就是输入。换一个文件名")
        if Path(name).exists() and not force:
            _refuse(f"输出 {name} 已存在。换一个名字，或加 --force 覆盖")
    return target, _format(rows, "") if rows else ""


def _scored(paths: Sequence[str], fail: Callable[[ScoredError], None], masked: bool) -> Iterator[dict[str, Any]]:
    """The rows of all files; a file that cannot be read goes to ``fail`` as a bad row does."""
    from nlp.mask import mask_all
    from nlp.read import os_reason
    from nlp.scored import ScoredError, read_scored

    for path in paths:
        rows = read_scored([path], on_error=fail)
        try:
            yield from mask_all(rows) if masked else rows
        except ScoredError as error:
            fail(error)
        except OSError as error:
            fail(ScoredError(path, None, os_reason(error), "请检查路径和权限"))


def _tell_scored(bad: Sequence[ScoredError]) -> None:
    for error in bad[:_ERRORS_SHOWN]:
        _say(str(error))
    if len(bad) > _ERRORS_SHOWN:
        _say(f"另有 {len(bad) - _ERRORS_SHOWN} 处不能用")


# ------------------------------------------------------------ segment, labels


def _text_of(what: str) -> str:
    try:
        readable = what == STDIO or Path(what).is_file()
    except OSError:  # a long text is no file name
        readable = False
    if not readable:
        _refuse_missing(what)
        return what
    unread: list[ReadError] = []
    text = "\n".join(notice.text for notice in _read([what], {}, unread))
    if unread:
        raise typer.Exit(1)
    return text


def _refuse_missing(what: str) -> None:
    """Refuse what looks like the name of a file that is not there."""
    from nlp.read import endings

    if what.lower().endswith(tuple(endings())):
        _refuse(f"没有这个文件：{what}。请检查路径")


@app.command("segment", cls=_Command)
def segment_cli(
    text: Annotated[str, typer.Argument(metavar="文本", help="一段文字、一个文件，或 -（标准输入）")] = STDIO,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """分词：每行一个词，前面是它在文中的起止位置。

    例：
      wenze segment 给予张某党内严重警告处分
      wenze segment 通报.txt --json
    """
    from nlp.segment import segment

    words = segment(_text_of(text))
    if as_json:
        import json

        print(json.dumps([{"text": w.text, "start": w.start, "end": w.end} for w in words], ensure_ascii=False))
    else:
        for word in words:
            if word.text.strip():
                print(f"{word.start}\t{word.end}\t{word.text}")


@app.command("labels", cls=_Command)
def labels_cli(as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False) -> None:
    """列出二十种问题：标识、名称、定义。

    例：
      wenze labels
      wenze labels --json
    """
    from nlp.codebook import load_codebook

    issues = list(load_codebook().issues)
    if as_json:
        import json

        keys = ("group", "definition", "includes", "excludes")
        told = [{"id": i.id, "name": i.name, **{k: i.get(k) for k in keys}, "source": i.source} for i in issues]
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        from nlp.report.terminal import labels_view

        console = _console()
        _show(console, labels_view(issues, console.width))


# ------------------------------------------------------------ evaluate


def _write_report(out: str, told: str, found: Any) -> None:
    """Print a Markdown page, or write it or the same figures as JSON where ``out`` says so."""
    if out == STDIO:
        print(told, end="")
        return
    if out.endswith(".json"):
        import json
        from dataclasses import asdict

        from nlp.rows import plain

        told = json.dumps(plain(asdict(found)), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    Path(out).write_text(told, encoding="utf-8")
    _say(f"结果：{out}")


def _check_page(out: str) -> None:
    _check_report(out, (".md",))


def _check_new(out: str, force: bool) -> None:
    """Refuse a file that is there already, unless it may be written over."""
    if Path(out).exists() and not force:
        _refuse(f"输出文件 {out} 已存在。换一个文件名，或加 --force 覆盖")


def _check_report(out: str, endings: Sequence[str] = (".md", ".json")) -> None:
    if out == STDIO:
        return
    if Path(out).suffix.lower() not in endings:
        _refuse(f"不认识输出文件 {out} 的扩展名。请写成 {' 或 '.join(endings)}")
    if not Path(out).parent.is_dir():
        _refuse(f"没有文件夹 {Path(out).parent}。请先建立，或换一个位置")


def _telling(bad: list[GoldError]) -> Callable[[GoldError], None]:
    """Tells of a bad line at once and adds it to ``bad``."""

    def fail(error: GoldError) -> None:
        bad.append(error)
        _say(str(error))

    return fail


def _gold_cases(gold: str, chosen: str) -> tuple[list[GoldCase], list[GoldError]]:
    """The cases of a split (all where it is ''), and the lines that could not be read; refused where none is left."""
    from nlp.gold import SPLITS, load_gold

    if chosen not in ("", *SPLITS):
        _refuse(f"没有划分 {chosen}。请用 {'、'.join(SPLITS)} 之一")
    bad: list[GoldError] = []
    cases = load_gold(gold, chosen or None, on_error=_telling(bad))  # type: ignore[arg-type]
    if not cases:
        _refuse(f"{gold} 里没有可用的案件。请检查路径和 --split")
    return cases, bad


Gold = Annotated[str, typer.Argument(metavar="金标准", help="data/gold 格式的文件夹或 JSONL 文件")]
Chosen = Annotated[str, typer.Option("--split", metavar="划分", help="train | dev | test，默认全部")]
Report = Annotated[str, typer.Option("-o", "--out", metavar="文件", help="写成 .md 或 .json，默认显示在终端")]


@app.command("evaluate", cls=_Command)
def evaluate_cli(
    *,
    gold: Gold,
    chosen: Chosen = "",
    model: Model = "rules",
    fields: Annotated[bool, typer.Option("--fields", help="比较字段与案件起止（起止须给文件夹），而不是标签")] = False,
    errors: Annotated[int, typer.Option("--errors", metavar="个数", min=0, help="列出多少处不同，默认不列")] = 0,
    out: Report = STDIO,
    seed: Annotated[int, typer.Option("--seed", metavar="数", min=0, help="自助抽样的随机种子")] = 0,
) -> None:
    """与金标准比较：每个标签（或每个字段、案件起止）的准确率、召回率、F1 与 95% 区间，并可逐案列出不同之处。

    读不了的行逐一指出，其余照算，退出码为 1。

    例：
      wenze evaluate data/gold --split dev
      wenze evaluate data/gold --split dev --model tfidf
      wenze evaluate data/gold --split dev --fields --errors 50
    """
    from nlp.evaluate import evaluate
    from nlp.gold import load_gold_fields, load_gold_notices
    from nlp.report.evaluation import markdown

    _check_report(out)
    _check_model(model)
    cases, bad = _gold_cases(gold, chosen)
    whole = fields and Path(gold).is_dir()
    notices = load_gold_notices(gold, chosen or None, on_error=_telling(bad)) if whole else []  # type: ignore[arg-type]
    if whole:
        cases += load_gold_fields(gold, chosen or None, on_error=_telling(bad))  # type: ignore[arg-type]
    found = evaluate(cases, notices, model=model, seed=seed)
    _write_report(out, markdown(found, fields=fields, errors=errors), found)
    raise typer.Exit(1 if bad else 0)


# ------------------------------------------------------------ benchmark

benchmark_app = typer.Typer(
    cls=_Group,
    help="""比较模型的质量，测量速度。

例：
  wenze benchmark quality data/gold --split dev --model rules --model tfidf -o 质量.md
  wenze benchmark speed -o 速度.md
""",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(benchmark_app, name="benchmark")


@benchmark_app.command("quality", cls=_Command)
def benchmark_quality_cli(
    *,
    gold: Gold,
    chosen: Annotated[str, typer.Option("--split", metavar="划分", help="train | dev | test，默认 dev")] = "dev",
    model: Annotated[
        list[str],
        typer.Option("--model", metavar="名=文件夹", help="可多次给出：模型名，或 名=文件夹；逗号隔开各个种子的文件夹"),
    ],
    out: Report = STDIO,
    figure: Annotated[str, typer.Option("--figure", metavar="文件", help="另画一张图：.png 或 .svg")] = "",
    seed: Annotated[int, typer.Option("--seed", metavar="数", min=0, help="自助抽样的随机种子")] = 0,
) -> None:
    """在同样的案件上比较几个模型：F1、PR-AUC、误报、证据、校准、速度、内存、大小，两两配对检验。

    每个模型都与规则并用，与 wenze evaluate 相同。读不了的行逐一指出，其余照算，退出码为 1。

    例：
      wenze benchmark quality data/gold --model rules --model tfidf -o 质量.md --figure 质量.png
      wenze benchmark quality data/gold --model tfidf --model bert=models/bert0,models/bert1 -o 质量.md
    """
    import shlex

    from nlp.quality import quality
    from nlp.report import quality as page

    _check_report(out)
    if figure:
        _check_report(figure, (".png", ".svg"))
        _needs("matplotlib", cure="pip install matplotlib")
    candidates = _candidates(model)
    cases, bad = _gold_cases(gold, chosen)
    found = quality(cases, candidates, seed=seed, progress=_say)
    given = [("--split", chosen), *(("--model", one) for one in model), ("-o", out), ("--figure", figure)]
    words = [word for option, value in given if value not in ("", STDIO) for word in (option, value)]
    seen = _seen_from(out, figure)
    if figure:
        page.figure(found, Path(figure))
        _say(f"图：{figure}")
    command = shlex.join(["wenze", "benchmark", "quality", gold, *words, "--seed", str(seed)])
    _write_report(out, page.markdown(found, command=command, split=chosen, figure=seen), found)
    raise typer.Exit(1 if bad else 0)


def _seen_from(out: str, figure: str) -> str:
    """Where an image lies, seen from the page; "" for none."""
    import os

    return Path(os.path.relpath(figure, Path(out).parent if out != STDIO else ".")).as_posix() if figure else ""


@benchmark_app.command("speed", cls=_Command)
def benchmark_speed_cli(
    *,
    cases: Annotated[int, typer.Option("--cases", metavar="起", min=2, help="各阶段用多少起案件，默认 300")] = 300,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="数,数…", help="看开销与规模用的案件数，逗号隔开")
    ] = "1000,10000,100000",
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="文件夹", help="与 BERT 同样的骨干，供 transformers.pipeline 对比")
    ] = "",
    uie: Annotated[str, typer.Option("--uie", metavar="文件夹", help="UIE-nano：有 model.onnx 与 vocab.txt")] = "",
    out: Report = STDIO,
    figure: Annotated[str, typer.Option("--figure", metavar="文件", help="另画一张图：.png 或 .svg")] = "",
) -> None:
    """测量每个阶段和全程的速度与内存，同时测量别人会用的做法，并看开销是否随规模线性增长。

    用合成的文本，不需要任何数据。没有给出文件夹的对手不测，并说明原因。

    例：
      wenze benchmark speed --cases 100 --sizes 100,1000
      wenze benchmark speed -o docs/speed.md --figure docs/speed.png --backbone 骨干 --uie 文件夹
    """
    import shlex

    from nlp.report import speed as page
    from nlp.speed import speed

    _check_report(out)
    if figure:
        _check_report(figure, (".png", ".svg"))
        _needs("matplotlib", cure="pip install matplotlib")
    counts = sizes.split(",")
    if not all(one.isdecimal() and int(one) > 0 for one in counts):
        _refuse(f"--sizes 写法不对：{sizes!r}。应写成逗号隔开的正整数，例如 1000,10000")
    places = [Path(one) if one else None for one in (backbone, uie)]
    found = speed(cases, sorted(map(int, counts)), backbone=places[0], uie=places[1], progress=_say)
    if figure:
        page.figure(found, Path(figure))
        _say(f"图：{figure}")
    given = [("--backbone", places[0]), ("--uie", places[1])]
    named = [word for option, place in given if place for word in (option, place.name)]
    words = ["wenze", "benchmark", "speed", "--cases", str(cases), "--sizes", sizes, *named]
    written = [
        word
        for option, value in (("-o", out), ("--figure", figure))
        if value not in ("", STDIO)
        for word in (option, value)
    ]
    _write_report(
        out, page.markdown(found, command=shlex.join([*words, *written]), figure=_seen_from(out, figure)), found
    )


def _candidates(models: Sequence[str]) -> list[Candidate]:
    """What ``--model`` names, each refused where it cannot be used."""
    from nlp.quality import Candidate

    candidates: list[Candidate] = []
    for told in models:
        name, equals, places = told.partition("=")
        folders = tuple(places.split(",")) if equals else (name,)
        if not name or not all(folders):
            _refuse(f"--model 写法不对：{told!r}。应写成 模型名，或 名=文件夹，几个种子用逗号隔开")
        if name in (one.name for one in candidates):
            _refuse(f"--model 里有两个 {name}。请给它们不同的名")
        for folder in folders:
            _check_model(folder)
        candidates.append(Candidate(name, folders))
    return candidates


# ------------------------------------------------------------ compare, errors, suspects


@app.command("compare", cls=_Command)
def compare_cli(
    *,
    first: Annotated[str, typer.Argument(metavar="甲", help="rules、模型名或模型文件夹")],
    second: Annotated[str, typer.Argument(metavar="乙", help="与甲比较的模型，写法同上")],
    gold: Gold,
    chosen: Chosen = "",
    errors: Annotated[
        int, typer.Option("--errors", metavar="个数", min=0, help="得、失各列出多少处，连同正文，默认不列")
    ] = 0,
    out: Report = STDIO,
    seed: Annotated[int, typer.Option("--seed", metavar="数", min=0, help="自助抽样的随机种子")] = 0,
) -> None:
    """比较两个模型：F1 之差与配对检验，乙比甲在哪些案件上判对了、判错了，各依据什么。

    两个模型都与规则并用，与 wenze evaluate 相同。读不了的行逐一指出，其余照算，退出码为 1。

    例：
      wenze compare rules tfidf data/gold --split dev
      wenze compare models/旧 models/新 data/gold --split dev --errors 20 -o 得失.md
    """
    from nlp.compare import compare
    from nlp.report.compare import markdown

    _check_report(out)
    for model in (first, second):
        _check_model(model)
    cases, bad = _gold_cases(gold, chosen)
    found = compare(cases, first, second, seed=seed)
    _write_report(out, markdown(found, errors=errors), found)
    raise typer.Exit(1 if bad else 0)


@app.command("errors", cls=_Command)
def errors_cli(
    *,
    gold: Gold,
    chosen: Chosen = "",
    model: Model = "rules",
    top: Annotated[int, typer.Option("--top", metavar="个数", min=1, help="列出多少处，默认 30")] = 30,
    out: Annotated[str, typer.Option("-o", "--out", metavar="文件", help="写成 .md，默认显示在终端")] = STDIO,
) -> None:
    """列出错得最有把握的判断：金标准怎样说、模型给出多大概率、各依据什么，连同正文，供逐条阅读。

    读不了的行逐一指出，其余照算，退出码为 1。

    例：
      wenze errors data/gold --split dev --model tfidf --top 30
      wenze errors data/gold --split dev --model models/own -o 错例.md
    """
    from nlp.mistakes import mistakes
    from nlp.report.mistakes import markdown

    _check_page(out)
    _check_model(model)
    cases, bad = _gold_cases(gold, chosen)
    _write_report(out, markdown(mistakes(cases, model=model), cases=len(cases), model=model, top=top), None)
    raise typer.Exit(1 if bad else 0)


@app.command("suspects", cls=_Command)
def suspects_cli(
    *,
    gold: Gold,
    chosen: Annotated[str, typer.Option("--split", metavar="划分", help="train | dev | test，默认 train")] = "train",
    top: Annotated[int, typer.Option("--top", metavar="个数", min=1, help="列出多少处，默认 100")] = 100,
    out: Annotated[str, typer.Option("-o", "--out", metavar="文件", help="写成 .md，默认显示在终端")] = STDIO,
    seed: Annotated[int, typer.Option("--seed", metavar="数", min=0, help="随机种子")] = 0,
) -> None:
    """找疑似误标：没有见过该案件的 TF-IDF 模型给出概率，由 cleanlab 挑出与标注不合的判断，供重新判断。

    需要 pip install 'wenze[train]'。不改动金标准。

    例：
      wenze suspects data/gold -o 疑似误标.md
      wenze suspects data/gold --top 30
    """
    from nlp.report.suspects import markdown
    from nlp.suspects import SuspectsError, suspects

    _check_page(out)
    cases, bad = _gold_cases(gold, chosen)
    try:
        found = suspects(cases, seed=seed, progress=_say)
    except SuspectsError as error:
        _refuse(str(error))
    _write_report(out, markdown(found, top=top), None)
    raise typer.Exit(1 if bad else 0)


# ------------------------------------------------------------ pick


@app.command("pick", cls=_Command)
def pick_cli(
    *,
    inputs: Annotated[list[str], typer.Argument(metavar="输入...", help="未标注的通报：wenze 读得了的文件、文件夹、-")],
    out: Annotated[str, typer.Option("-o", "--out", metavar="文件", help="写出的 .jsonl 文件，- 为标准输出")],
    count: Annotated[int, typer.Option("-n", "--count", metavar="个数", min=1, help="挑选多少起，默认 50")] = 50,
    model: Annotated[
        str, typer.Option("--model", metavar="模型", help="tfidf（默认）| bert | ensemble，或训练所得的模型文件夹")
    ] = "tfidf",
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的输出")] = False,
    column: Columns = [],  # noqa: B006
) -> None:
    """从未标注的案件里挑出最值得标注的：模型最没有把握，且彼此不相似；逐起说明理由。

    每行有 id、text（一起案件的正文）、why（理由）、scores（各标签的概率）。读不了的文件或行逐一指出，退出码为 1。

    例：
      wenze pick 未标注.jsonl -n 50 -o 待标注.jsonl --model tfidf
      wenze pick 通报/ -o - | head
    """
    from dataclasses import asdict

    from nlp.pick import PickError, cases_of, pick
    from nlp.rows import json_line, write_jsonl

    if out != STDIO:
        _check_new(out, force)
    _check_model(model)
    unread: list[ReadError] = []
    try:
        picked = pick(list(cases_of(_read(inputs, _columns(column), unread))), count, model=model)
    except PickError as error:
        _refuse(str(error))
    rows = [asdict(one) for one in picked]
    if out == STDIO:
        for row in rows:
            print(json_line(row))
    else:
        write_jsonl(rows, Path(out))
        _say(f"选出 {len(rows)} 起：{out}")
    raise typer.Exit(1 if unread else 0)


# ------------------------------------------------------------ train

train_app = typer.Typer(
    cls=_Group,
    help="""训练模型。

例：
  wenze train tfidf data/gold -o models/tfidf --seed 0
  wenze train bert data/gold -o models/bert --seed 0
  wenze train ensemble data/gold models/tfidf models/bert -o models/ensemble
  wenze train names data/gold -o models/names
""",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train_app, name="train")


ToLearn = Annotated[str, typer.Argument(metavar="金标准", help="data/gold 格式的文件夹，要有 train 与 dev")]
ModelOut = Annotated[str, typer.Option("-o", "--out", metavar="文件夹", help="模型写到哪里")]
Seed = Annotated[int, typer.Option("--seed", metavar="数", min=0, help="随机种子")]
Force = Annotated[bool, typer.Option("--force", help="覆盖已有的模型")]
Run = Annotated[
    str,
    typer.Option("--run", metavar="文件夹", help="断点与日志放在哪里，默认为输出旁的 .run；中断后再运行一次即接着训练"),
]


Also = Annotated[
    list[str],
    typer.Option("--also", metavar="文件", help="一并用来训练的金标准（如 wenze review export 写出的），可多次给出"),
]


def _gold_to_learn(gold: str, out: str, force: bool, bad: list[GoldError], also: Sequence[str] = ()) -> list[GoldCase]:
    """The cases of train and dev, and those of further files, when there is a place for the model."""
    from nlp.gold import load_gold

    if Path(out).exists() and not (force and Path(out).is_dir()):
        _refuse(f"输出 {out} 已存在。换一个名字，或加 --force 覆盖（须是文件夹）")
    files = [Path(gold) / f"{split}.jsonl" for split in ("train", "dev")]
    if missing := [path for path in files if not path.is_file()]:
        _refuse(f"没有 {missing[0]}。请给出含 train.jsonl 与 dev.jsonl 的文件夹")
    if missing := [path for path in map(Path, also) if not path.is_file()]:
        _refuse(f"没有 {missing[0]}。--also 要给出 .jsonl 文件")
    files += map(Path, also)
    cases = [case for path in files for case in load_gold(path, on_error=bad.append)]
    for error in bad:
        _say(str(error))
    return cases


def _write_trained(trained: Trained, out: str, command: list[str]) -> None:
    import shlex

    from nlp.train.card import write_model

    write_model(trained, Path(out), shlex.join(["wenze", "train", *command]))
    _say(f"模型：{out}。试用：wenze score 通报/ -o 结果.xlsx --model {out}")


@train_app.command("tfidf", cls=_Command)
def train_tfidf_cli(
    *,
    gold: ToLearn,
    out: ModelOut,
    also: Also = [],  # noqa: B006
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """训练 TF-IDF 模型：在 train 上交叉验证选参数，在 dev 上选阈值，不读 test；连同模型卡一起写出。

    例：
      wenze train tfidf data/gold -o models/tfidf --seed 0
      wenze train tfidf data/gold --also gold.jsonl -o 新模型
      wenze score 通报/ -o 结果.xlsx --model models/tfidf
    """
    from nlp.train.tfidf import train

    bad: list[GoldError] = []
    trained = train(_gold_to_learn(gold, out, force, bad, also), seed=seed, progress=_say)
    _write_trained(trained, out, ["tfidf", gold, "-o", out, "--seed", str(seed)])
    raise typer.Exit(1 if bad else 0)


@train_app.command("bert", cls=_Command)
def train_bert_cli(
    *,
    gold: ToLearn,
    out: ModelOut,
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="模型", help="任何中文 BERT：模型库里的名字，或本地文件夹")
    ] = "BAAI/bge-small-zh-v1.5",
    epochs: Annotated[int, typer.Option("--epochs", metavar="轮", min=1, help="至多训练几轮")] = 6,
    batch: Annotated[int, typer.Option("--batch", metavar="起", min=1, help="每批多少起案件")] = 16,
    rate: Annotated[float, typer.Option("--rate", metavar="数", help="学习率")] = 1e-4,
    fields: Annotated[bool, typer.Option("--fields", help="在文中标出抽取到的人员级别、责任与处理")] = False,
    teacher: Annotated[
        str,
        typer.Option(
            "--teacher", metavar="模型", help="向哪个已训练好的模型学（蒸馏），与 --unlabelled、--variants 同用"
        ),
    ] = "",
    unlabelled: Annotated[
        list[str], typer.Option("--unlabelled", metavar="输入", help="未标注的通报，由 --teacher 判断，可多次给出")
    ] = [],  # noqa: B006
    variants: Annotated[
        int, typer.Option("--variants", metavar="份", min=0, help="每起训练案件另造几份缺几句的，由 --teacher 判断")
    ] = 0,
    run: Run = "",
    also: Also = [],  # noqa: B006
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """微调中文 BERT：在 train 上训练，在 dev 上选轮次、校准、选阈值，不读 test；导出为 8 位的 ONNX。

    要先 pip install 'wenze[train]'。有显卡则用显卡，没有则用处理器。

    例：
      wenze train bert data/gold -o models/bert --seed 0
      wenze train bert data/gold -o 大模型 --backbone hfl/chinese-macbert-base --epochs 3 --rate 5e-5
      wenze train bert data/gold -o 小模型 --teacher 大模型 --unlabelled 通报/
      wenze score 通报/ -o 结果.xlsx --model models/bert
    """
    _needs("torch", "transformers", "datasets", "accelerate", "onnx")
    from nlp.pick import cases_of
    from nlp.train.bert import Settings, train

    bad: list[GoldError] = []
    unread: list[ReadError] = []
    if teacher == "rules":
        _refuse("规则不给概率，不能作教师。请用 --teacher 指明一个训练所得的模型，例如 ensemble")
    if bool(unlabelled or variants) != bool(teacher):
        _refuse(
            "未标注的案件由教师模型判断：--teacher（训练所得的模型，例如 ensemble）要与 --unlabelled 或 --variants 同用"
        )
    if teacher:
        _check_model(teacher)
    cases = _gold_to_learn(gold, out, force, bad, also)
    texts = [case.text for case in cases_of(_read(unlabelled, {}, unread))] if unlabelled else []
    trained = train(
        cases,
        Settings(backbone, epochs, batch, rate, seed=seed, fields=fields, teacher=teacher, variants=variants),
        Path(run) if run else Path(out).with_name(f"{Path(out).name}.run"),
        unlabelled=texts,
        progress=_say,
    )
    told = ["--backbone", backbone, "--epochs", str(epochs), "--batch", str(batch), "--rate", f"{rate:g}"]
    told += ["--fields"] if fields else []
    told += ["--teacher", teacher, *(part for one in unlabelled for part in ("--unlabelled", one))] if teacher else []
    told += ["--variants", str(variants)] if variants else []
    _write_trained(trained, out, ["bert", gold, "-o", out, *told, "--seed", str(seed)])
    raise typer.Exit(1 if bad or unread else 0)


@train_app.command("ensemble", cls=_Command)
def train_ensemble_cli(
    *,
    gold: ToLearn,
    members: Annotated[list[str], typer.Argument(metavar="成员...", help="已训练好的模型文件夹")],
    out: ModelOut,
    also: Also = [],  # noqa: B006
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """把规则与已训练的模型合成一个：权重、校准与阈值都在 dev 上交叉验证得出，不读 test。

    例：
      wenze train ensemble data/gold models/tfidf models/bert -o models/ensemble
      wenze score 通报/ -o 结果.xlsx --model models/ensemble
    """
    from nlp.train.ensemble import train

    bad: list[GoldError] = []
    cases = _gold_to_learn(gold, out, force, bad, also)
    trained = train(cases, [Path(member) for member in members], seed=seed, progress=_say)
    _write_trained(trained, out, ["ensemble", gold, *members, "-o", out, "--seed", str(seed)])
    raise typer.Exit(1 if bad else 0)


@train_app.command("names", cls=_Command)
def train_names_cli(*, gold: ToLearn, out: ModelOut, seed: Seed = 0, force: Force = False) -> None:
    """训练抽取用的姓名模型：读 train 的案件、字段与整篇通报，在 dev 上度量，不读 test；连同模型卡一起写出。

    随 wenze 发布的模型在 models/names，抽取总是用它；改用自己训练的，须覆盖那里的文件。约需十分钟。

    例：
      wenze train names data/gold -o models/names --seed 0 --force
    """
    import shlex

    from nlp.gold import load_gold_fields, load_gold_notices
    from nlp.train.names import texts, train, write_names

    bad: list[GoldError] = []
    more: list[GoldError] = []
    judged = _gold_to_learn(gold, out, force, bad)
    cases = [
        *judged,
        *load_gold_fields(gold, "train", on_error=more.append),
        *load_gold_fields(gold, "dev", on_error=more.append),
    ]
    notices = load_gold_notices(gold, "train", on_error=more.append)
    for error in more:
        _say(str(error))
    known = list(texts((case for case in cases if case.split == "train"), notices))
    model = train(known, [case for case in cases if case.split == "dev"], seed=seed, progress=_say)
    write_names(model, Path(out), shlex.join(["wenze", "train", "names", gold, "-o", out, "--seed", str(seed)]))
    _say(f"姓名模型：{out}")
    raise typer.Exit(1 if bad or more else 0)


@app.command("pretrain", cls=_Command)
def pretrain_cli(
    *,
    inputs: Annotated[
        list[str], typer.Argument(metavar="语料...", help="文件夹或 .txt、.jsonl（含 text）文件，可压缩为 .gz、.xz")
    ],
    out: Annotated[str, typer.Option("-o", "--out", metavar="文件夹", help="骨干写到哪里")],
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="模型", help="从哪个中文 BERT 接着训练：模型库里的名字，或本地文件夹")
    ] = "BAAI/bge-small-zh-v1.5",
    steps: Annotated[int, typer.Option("--steps", metavar="步", min=1, help="训练几步，每步一批")] = 2000,
    batch: Annotated[int, typer.Option("--batch", metavar="段", min=1, help="每批多少段")] = 16,
    tokens: Annotated[int, typer.Option("--tokens", metavar="数", min=8, help="每段至多多少词元")] = 256,
    rate: Annotated[float, typer.Option("--rate", metavar="数", help="学习率")] = 1e-4,
    run: Run = "",
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """在一批文本上接着预训练骨干：整词遮盖，猜被遮的词；留出百分之一的文本，报告训练前后的损失。

    语料一行一段，篇与篇之间空一行；没有空行的文件一行算一篇；.jsonl 一行一篇，要有 text。
    长文切成段，全都读到。要先 pip install 'wenze[train]'。有显卡则用显卡，没有则用处理器。

    例：
      wenze pretrain 语料/ -o 骨干 --steps 5000
      wenze train bert data/gold -o models/bert --backbone 骨干
    """
    _needs("torch", "transformers", "accelerate")
    from nlp.train.pretrain import Settings, pretrain

    if Path(out).exists() and not (force and Path(out).is_dir()):
        _refuse(f"输出 {out} 已存在。换一个名字，或加 --force 覆盖（须是文件夹）")
    settings = Settings(backbone=backbone, steps=steps, batch=batch, tokens=tokens, rate=rate, seed=seed)
    told = pretrain(
        inputs, settings, Path(out), Path(run) if run else Path(out).with_name(f"{Path(out).name}.run"), progress=_say
    )
    held = told["held_out"]
    _say(f"留出 {held['documents']} 篇的损失：训练前 {held['loss_before']:.3f}，训练后 {held['loss_after']:.3f}")
    _say(f"骨干：{out}。接着微调：wenze train bert data/gold -o 模型 --backbone {out}")


def _needs(*packages: str, cure: str = "pip install 'wenze[train]'") -> None:
    """Refuse where a package is missing, by default of the extra ``train``."""
    from importlib.util import find_spec

    if missing := [name for name in packages if find_spec(name) is None]:
        _refuse(f"缺少 {'、'.join(missing)}。请先运行 {cure}")


# ------------------------------------------------------------ synthesize


@app.command("synthesize", cls=_Command)
def synthesize_cli(
    *,
    out: Annotated[str, typer.Option("-o", "--out", metavar="文件", help="写出的 .jsonl 文件，- 为标准输出")],
    count: Annotated[int, typer.Option("--count", metavar="个数", min=1, help="生成多少，默认 1000")] = 1000,
    seed: Annotated[int, typer.Option("--seed", metavar="数", help="随机种子；同一种子总是得出同样的文本")] = 0,
    whole: Annotated[bool, typer.Option("--notices", help="生成整篇通报（含案件起止），而不是单个案件")] = False,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的输出")] = False,
) -> None:
    """按语法生成带标签和字段的合成案件，供预训练、压力与速度测试；不得用于开发集、测试集。

    例：
      wenze synthesize -o 合成.jsonl --count 5000 --seed 7
      wenze synthesize -o 合成通报.jsonl --notices --count 200
    """
    from nlp.rows import json_line, write_jsonl
    from nlp.synthesis import cases, notices

    rows = (notices if whole else cases)(count, seed)
    if out == STDIO:
        for row in rows:
            print(json_line(row))
        return
    _check_new(out, force)
    write_jsonl(rows, Path(out))
    _say(f"已生成 {count} {'篇通报' if whole else '起案件'}（合成，种子 {seed}）：{out}")


# ------------------------------------------------------------ review


class _PageOrExport(_Group):
    """``wenze review FILE`` opens the page; ``wenze review export FILE`` brings gold out."""

    default = "open"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


review_app = typer.Typer(
    cls=_PageOrExport,
    help="""在网页上逐案复核：按优先级排队，一键判断，改正字段，双人背靠背判断，导出为金标准。

wenze review 结果.jsonl 就是 wenze review open 结果.jsonl。要先 pip install 'wenze[review]'。

例：
  wenze review 结果.jsonl
  wenze review 结果.jsonl --host 0.0.0.0 --password auto --database postgresql://用户@主机/库
  wenze review export 结果.jsonl -o gold.jsonl
  wenze train tfidf data/gold --also gold.jsonl -o 新模型
""",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(review_app, name="review")

Database = Annotated[
    str,
    typer.Option("--database", metavar="数据库", help="SQLite 文件或 postgresql://…，默认为结果旁的 .review.db"),
]


def _needs_review(database: str) -> None:
    packages = ["fastapi", "uvicorn", "sqlalchemy", "alembic", "jinja2", "python_multipart"]
    _needs(*packages, *(["psycopg"] if database.startswith("postgres") else []), cure="pip install 'wenze[review]'")


@review_app.command("open", cls=_Command)
def review_cli(
    *,
    scored: Annotated[str, typer.Argument(metavar="结果", help="wenze score 写出的 .jsonl 或 .parquet")],
    host: Annotated[str, typer.Option("--host", metavar="地址", help="默认只在本机；别的地址须设口令")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="端口", min=1, max=65535, help="默认 8765")] = 8765,
    database: Database = "",
    password: Annotated[
        str,
        typer.Option(
            "--password",
            metavar="口令",
            envvar="WENZE_REVIEW_PASSWORD",
            help="登录口令；auto 为自动生成并显示。也可用环境变量 WENZE_REVIEW_PASSWORD",
        ),
    ] = "",
    mask_names: MaskNames = False,
) -> None:
    """打开复核页面。判断只增不改地记在数据库里；同一结果再次导入，判断都在。

    读不了的行逐一指出，其余照开，结束时退出码为 1。

    例：
      wenze review 结果.jsonl
      wenze review 结果.jsonl --port 9000 --mask-names
      wenze review 结果.jsonl --host 0.0.0.0 --password auto --database postgresql://用户@主机/库
    """
    _needs_review(database)
    from nlp.review.server import serve

    options: dict[str, Any] = {"database": database, "password": password, "mask_names": mask_names}
    raise typer.Exit(serve(Path(scored), host=host, port=port, tell=_say, **options))


@review_app.command("export", cls=_Command)
def review_export_cli(
    *,
    source: Annotated[str, typer.Argument(metavar="来源", help="复核过的结果，或它的 .db")],
    out: Annotated[str, typer.Option("-o", "--out", metavar="文件", help="写出的 .jsonl 文件，- 为标准输出")],
    database: Database = "",
    split: Annotated[str, typer.Option("--split", metavar="划分", help="train（默认）| dev | test")] = "train",
    reviewer: Annotated[
        str, typer.Option("--reviewer", metavar="姓名", help="只要这一人的判断，可用 wenze agreement 比较两人")
    ] = "",
    mask_names: MaskNames = False,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的输出")] = False,
) -> None:
    """把判完的案件写成金标准（data/gold 的格式），wenze train 用 --also 读它。

    两人有分歧而未定案的案件不写出，其数量会写明。

    例：
      wenze review export 结果.jsonl -o gold.jsonl
      wenze review export 结果.jsonl -o 甲.jsonl --reviewer 甲
    """
    _needs_review(database)
    from nlp.gold import SPLITS
    from nlp.review.server import bring_out
    from nlp.rows import json_line, write_jsonl

    if split not in SPLITS:
        _refuse(f"--split 应为 {'、'.join(SPLITS)} 之一")
    if out != STDIO:
        _check_new(out, force)
    told = bring_out(source, database=database, split=split, reviewer=reviewer, mask_names=mask_names)
    if out == STDIO:
        for row in told.rows:
            print(json_line(row))
    else:
        write_jsonl(told.rows, Path(out))
    _say(f"写出 {len(told.rows)} 起{f'；{told.differ} 起两人有分歧、尚未定案，未写出' if told.differ else ''}：{out}")


# ------------------------------------------------------------ agreement


@app.command("agreement", cls=_Command)
def agreement_cli(
    first: Annotated[str, typer.Argument(metavar="甲", help="一人的标注：data/gold 格式的 JSONL 文件或文件夹")],
    second: Annotated[str, typer.Argument(metavar="乙", help="另一人的标注；至少每行有 id 和 labels")],
    texts: Annotated[
        str, typer.Option("--texts", metavar="路径", help="正文另在何处（data/gold 格式）；有正文才能比较证据的位置")
    ] = "",
    out: Report = STDIO,
    seed: Annotated[int, typer.Option("--seed", metavar="数", min=0, help="自助抽样的随机种子")] = 0,
) -> None:
    """比较两人的标注：每个标签的 Cohen κ 与 Krippendorff α、证据与字段的 F1，并列出每一处不一致。

    按案件编号对齐；只有一人标过的案件不参与比较，其数量会写明。
    读不了的行逐一指出，其余照算，退出码为 1。

    例：
      wenze agreement 甲.jsonl 乙.jsonl
      wenze agreement data/gold/first/test.jsonl data/gold/second/test.jsonl --texts data/gold -o 一致性.md
    """
    from nlp.agreement import agreement
    from nlp.gold import load_annotations, load_gold
    from nlp.report.agreement import markdown

    _check_report(out)
    bad: list[GoldError] = []
    known = {case.id: case.text for case in load_gold(texts, on_error=bad.append)} if texts else {}
    mine, yours = (load_annotations(path, texts=known, on_error=bad.append) for path in (first, second))
    for error in bad:
        _say(str(error))
    try:
        found = agreement(mine, yours, seed=seed)
    except ValueError as error:
        _refuse(str(error))
    _write_report(out, markdown(found, first, second), found)
    raise typer.Exit(1 if bad else 0)


# ------------------------------------------------------------ serve


@app.command("serve", cls=_Command)
def serve_cli(
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="地址", help="在哪个地址监听，默认只有本机能访问；其他地址必须设令牌")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="端口", min=0, max=65535, help="端口，默认 8000")] = 8000,
    model: Model = "rules",
    token_file: Annotated[
        str, typer.Option("--token-file", metavar="文件", help="令牌，一行一个；不给则看环境变量 WENZE_TOKEN")
    ] = "",
    workers: Annotated[int, typer.Option("--workers", metavar="个数", min=1, help="工作进程数，默认 2")] = 2,
    max_items: Annotated[
        int, typer.Option("--max-items", metavar="条", min=1, help="每次请求至多几条，默认 200")
    ] = 200,
    max_chars: Annotated[
        int, typer.Option("--max-chars", metavar="字", min=1, help="每条至多多少字，默认 200000")
    ] = 200_000,
    max_mb: Annotated[int, typer.Option("--max-mb", metavar="MB", min=1, help="每次请求至多多少 MB，默认 16")] = 16,
    item_seconds: Annotated[
        float, typer.Option("--item-seconds", metavar="秒", min=0.1, help="每条至多多少秒，默认 20")
    ] = 20,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="秒", min=0.1, help="每次请求至多多少秒，默认 120")
    ] = 120,
    waiting: Annotated[
        int, typer.Option("--waiting", metavar="个", min=0, help="至多多少个请求排队，再多答复 503，默认 16")
    ] = 16,
    memory: Annotated[
        int, typer.Option("--memory", metavar="MB", min=256, help="每个工作进程至多多少内存，默认 2048")
    ] = 2048,
    mask_names: MaskNames = False,
) -> None:
    """开一个 HTTP 服务：发来通报，返回与 score 相同的行。

    POST /v1/score 收 JSON，POST /v1/files 收文件；说明见 / 与 /openapi.json，状态见 /healthz、/readyz、/metrics。
    正文不写入日志。要先 pip install 'wenze[serve]'。

    例：
      wenze serve
      wenze serve --host 0.0.0.0 --port 8000 --token-file 令牌.txt --model tfidf --workers 4
      curl -H 'Content-Type: application/json' -d '{"items":[{"id":"1","text":"……"}]}' http://127.0.0.1:8000/v1/score
    """
    _needs("fastapi", "uvicorn", "prometheus_client", "python_multipart", "psutil", cure="pip install 'wenze[serve]'")
    from nlp.serve.limits import MB, Limits
    from nlp.serve.run import serve

    limits = Limits(
        items=max_items,
        characters=max_chars,
        body=max_mb * MB,
        item_seconds=item_seconds,
        seconds=seconds,
        waiting=waiting,
        memory=memory * MB,
    )
    file = Path(token_file) if token_file else None
    _say("正在装入……")
    try:
        serve(
            host,
            port,
            model=model,
            workers=workers,
            limits=limits,
            masked=mask_names,
            token_file=file,
            on_ready=_tell_ready,
        )
    except KeyboardInterrupt:
        _say("已停止")


def _tell_ready(address: str) -> None:
    _say(f"已就绪：{address}。按 Ctrl-C 停止")


# ------------------------------------------------------------ entry


_UsageError: Any = typer.BadParameter.__mro__[1]


def _usage_error(error: Any) -> str:
    """A mistake on the command line, told in Chinese by the kind of the mistake."""
    param, option = getattr(error, "param", None), getattr(error, "option_name", "")
    name = "" if param is None else param.metavar if param.param_type_name == "argument" else param.opts[-1]
    kinds = {
        "NoSuchOption": f"没有选项 {option}",
        "NoSuchCommand": "没有这个命令",
        "MissingParameter": f"缺少 {name}",
        "BadParameter": f"{name} 的值不对",
        "BadOptionUsage": f"选项 {option} 后面缺少它的值",
    }
    told = kinds.get(type(error).__name__, "没有这个命令，或者参数多了")
    where = error.ctx.command_path if error.ctx else "wenze"
    return f"命令用法不对：{told}。看 {where} --help"


def _utf8() -> None:
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="strict" if stream is sys.stdin else "backslashreplace")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; mistakes become one Chinese line, tracebacks only with --debug."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _utf8()
    try:
        code = app(arguments, prog_name="wenze", standalone_mode=False)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.message)
        else:
            _say(_usage_error(error))
        return CANNOT_START
    except (KeyboardInterrupt, typer.Abort):
        _say("已中断")
        return INTERRUPTED
    except Exception as error:
        if "--debug" in arguments:
            raise
        _say(_failure(error))
        return CANNOT_START
    return code if isinstance(code, int) else 0


def _failure(error: Exception) -> str:
    from nlp.batch import BatchError
    from nlp.classify import ModelNotAvailable
    from nlp.codebook import CodebookError
    from nlp.engines import EngineError
    from nlp.gold import GoldError
    from nlp.read import os_reason
    from nlp.review import ReviewError
    from nlp.scored import ScoredError
    from nlp.serve.limits import ServeError
    from nlp.train.trained import TrainingError

    known = (
        *(BatchError, CodebookError, EngineError, GoldError, ModelNotAvailable),
        *(ReviewError, ScoredError, ServeError, TrainingError),
    )
    if isinstance(error, known):
        return str(error)
    if isinstance(error, OSError):
        return f"读写文件失败：{os_reason(error)}（{error.filename or '未知文件'}）。请检查路径、权限与磁盘空间"
    return f"内部错误 {type(error).__name__}：{error}。加 --debug 再运行一次，把输出报告给 wenze 的维护者"
