"""Analyses -> what a person reads in a terminal: text under marks, who was dealt with, what deserves a second look.

In: ``Reading`` values. Out: rich renderables; the caller prints them. Text is never taken for markup.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from nlp.codebook import Entry
from nlp.law import influences
from nlp.law.proportion import proportions
from nlp.law.proportion import title as titled
from nlp.law.when import shown_day
from nlp.pipeline import Reading
from nlp.report.highlight import Mark, MarkKind, Run, highlight_case, marks_of
from nlp.rows import method, shown
from nlp.types import Analysis, Caution, Extraction, Finding, Sanction, Subject

STYLES: dict[MarkKind, str] = {
    "issuer": "magenta",
    "subject": "bold cyan",
    "sanction": "bold yellow",
    "responsibility": "green",
    "evidence": "black on yellow",
}
_LEGEND: dict[MarkKind, str] = {
    "issuer": "问责主体",
    "subject": "问责对象",
    "sanction": "处理",
    "responsibility": "责任",
    "evidence": "证据",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NARROW = 90
_VERDICT_STYLES = {"yes": "bold red", "unsure": "yellow"}


def _visible(text: str) -> str:
    """The text without control characters, which could command the terminal that shows it."""
    return _CONTROL.sub("", text)


def _style(marks: Iterable[Mark]) -> str:
    return " ".join(dict.fromkeys(STYLES[mark.kind] for mark in marks))


def _refs(runs: Sequence[Run], n: int) -> str:
    """The numbers of the findings whose evidence ends with run ``n``, as [1]."""
    here = {mark.ref for mark in runs[n].marks if mark.ref}
    after = {mark.ref for mark in runs[n + 1].marks if mark.ref} if n + 1 < len(runs) else set()
    return "".join(f"[{ref}]" for ref in sorted(here - after))


def marked_text(analysis: Analysis) -> Text:
    """The case's text in colours; the number of a finding stands after its evidence."""
    text = Text()
    runs = list(highlight_case(analysis.case, marks_of(analysis)))
    for n, run in enumerate(runs):
        text.append(run.text, style=_style(run.marks))
        text.append(_refs(runs, n), style="bold red")
    return text


def _legend() -> Text:
    return Text("  ").join(Text(f" {name} ", style=STYLES[kind]) for kind, name in _LEGEND.items())


def _name(subject: Subject) -> str:
    if subject.name:
        return _visible(subject.name)
    if subject.count:
        return f"{subject.count}{'人' if subject.kind == 'group' else '个组织'}"
    return "（未具名）"


def _post(subject: Subject) -> str:
    post = subject.post or ("" if subject.kind == "organisation" else subject.organisation) or ""
    return _visible(f"原/时任{post}" if subject.former and post else post)


def _dealt(subject: Subject) -> str:
    return "、".join(map(_sanction, (*subject.sanctions, *subject.other_measures))) or "未载明"


def _sanction(sanction: Sanction) -> str:
    status = shown(sanction.status)
    return f"{sanction.name}（{status}）" if status else sanction.name


def subjects_table(subjects: Iterable[Subject]) -> Table:
    """姓名 职务 级别 责任 处理, a line each."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, ratio in (("姓名", 2), ("职务", 5), ("级别", 2), ("责任", 2), ("处理", 4)):
        table.add_column(title, ratio=ratio, overflow="fold")
    for subject in subjects:
        rank = Text("未知", style="dim") if subject.rank == "未知" else Text(subject.rank)
        table.add_row(
            Text(_name(subject), style=STYLES["subject"]),
            Text(_post(subject)),
            rank,
            Text(subject.responsibility or "", style=STYLES["responsibility"]),
            Text(_dealt(subject), style=STYLES["sanction"]),
        )
    return table


def _mentioned(subjects: Sequence[Subject]) -> Text:
    """The people the text names without telling of any measure against them."""
    about = ("，".join(filter(None, [_post(subject), subject.responsibility])) for subject in subjects)
    told = (f"{_name(s)}（{words}）" if words else _name(s) for s, words in zip(subjects, about, strict=True))
    return Text(f"文中提及、未见处理：{'、'.join(told)}", style="dim")


def _facts(read: Extraction) -> Text:
    """What for and how, in one line: only what the text tells."""
    parts = (
        ("线索来源", [read.trigger] if read.trigger else []),
        ("事由", read.grounds),
        ("后果", read.consequences),
        ("程序", read.procedure),
        ("效果", read.effect),
    )
    told = (f"{title}：{'、'.join(dict.fromkeys(fact.name for fact in facts))}" for title, facts in parts if facts)
    return Text("；".join(told), style="dim")


def _proportion(read: Extraction) -> Iterator[Text]:
    """The figures of the case, where there are any."""
    found = proportions(read)
    figures = (("责任下移指数", found.blame_shift), ("正副差指数", found.chief_deputy_gap))
    told = [f"{name} {value:+.2f}" for name, value in figures if value is not None]
    told += [f"{titled(pair.first)}职务较低而处理重于{titled(pair.second)}" for pair in found.inversions]
    if told:
        yield Text(_visible(f"轻重（{len(found.people)}人）：{'；'.join(told)}"), style="dim")


def _influence(read: Extraction) -> Iterator[Text]:
    """When the measures cease to bear on each person."""
    for one in influences(read):
        end = f"至{shown_day(one.end)}期满" if one.end else "何时期满不详"
        doubt = f"（{one.governing.doubt}）" if one.governing.doubt else ""
        told = f"影响期：{_name(one.subject)}，{one.governing.measure.name}{one.governing.months}个月，{end}{doubt}"
        yield Text(told, style="dim")


def _finding(number: int, finding: Finding) -> RenderableType:
    head = Text.assemble(
        (f"[{number}] {finding.name}", "bold"),
        "  ",
        (f"{shown(finding.verdict)} {finding.probability:.0%}", _VERDICT_STYLES[finding.verdict]),
        (f"  依据：{shown(finding.basis)}  方法：{method(finding.by)}", "dim"),
    )
    lines: list[Text] = [Text(finding.reason)]
    lines += [Text(f"{name}：{told}", style="dim") for name, told in _ground(finding) if told]
    lines += [Text(f"「{' '.join(_visible(e.text).split())}」", style="italic") for e in finding.evidence]
    return Group(head, *(Padding(line, (0, 0, 0, 4)) for line in lines))


def _ground(finding: Finding) -> Iterator[tuple[str, str | None]]:
    """What a check against the regulations adds: its article, and what the notice does not tell."""
    yield "条文", finding.article
    yield "尚不清楚", finding.unknown


def _cautions(cautions: Sequence[Caution]) -> Iterator[Text]:
    for caution in cautions:
        yield Text(_visible(f"! {caution.message}（{caution.code}）"), style="yellow")


def case_view(analysis: Analysis, number: int, of: int) -> Group:
    """One case: text, subjects, findings, cautions."""
    read = analysis.extraction
    parts: list[RenderableType] = [
        Rule(Text(_visible(f"案件 {number}/{of}  {analysis.case.id}")), align="left", style="dim")
    ]
    parts += [Padding(marked_text(analysis), (0, 2)), Text("")]
    if read.issuer:
        parts.append(Text.assemble("问责主体：", (_visible(read.issuer.text), STYLES["issuer"])))
    parts.append(subjects_table(read.subjects) if read.subjects else Text("未读出问责对象", style="yellow"))
    if read.mentioned:
        parts.append(_mentioned(read.mentioned))
    about = [*([facts] if (facts := _facts(read)) else []), *_proportion(read), *_influence(read)]
    parts += [*about, Text("")] if about else []
    if analysis.findings:
        parts += [_finding(n, finding) for n, finding in enumerate(analysis.findings, start=1)]
    else:
        parts.append(Text("未发现需要复核之处（不等于处理得当）", style="green"))
    parts += [*_cautions(analysis.cautions), Text("")]
    return Group(*parts)


def reading_view(reading: Reading, *, legend: bool = False) -> Group:
    """One notice with all its cases, and what the colours mean; one without a case says why."""
    clean = reading.clean
    about = "".join(f"  {word}" for word in (clean.published, clean.publisher, clean.title and clean.notice.id) if word)
    parts: list[RenderableType] = [
        Text.assemble((_visible(clean.title or clean.notice.id), "bold underline"), (_visible(about), "dim"))
    ]
    if not reading.analyses:
        return Group(*parts, *_cautions(reading.cautions), Text(""))
    parts += [_legend(), Text("")] if legend else [Text("")]
    parts += [case_view(a, n, len(reading.analyses)) for n, a in enumerate(reading.analyses, start=1)]
    return Group(*parts)


def summary_table(readings: Sequence[Reading]) -> Table:
    """One line a case, those that most deserve a second look first."""
    table = Table(title="一览（按复核优先级）", box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("优先级", justify="right")
    for title, ratio in (("案件", 3), ("对象与处理", 5), ("复核要点", 5)):
        table.add_column(title, ratio=ratio, overflow="fold")
    analyses = [analysis for reading in readings for analysis in reading.analyses]
    for analysis in sorted(analyses, key=lambda analysis: -analysis.priority):
        dealt = "\n".join(f"{s.name or s.post or _name(s)}：{_dealt(s)}" for s in analysis.extraction.subjects)
        found = Text("、").join(Text(f.name, style=_VERDICT_STYLES[f.verdict]) for f in analysis.findings)
        table.add_row(
            f"{analysis.priority:.2f}",
            Text(_visible(analysis.case.id)),
            Text(_visible(dealt)),
            found or Text("无", style="green"),
        )
    return table


def counts_line(readings: Sequence[Reading]) -> Text:
    """What was read, in one line."""
    analyses = [analysis for reading in readings for analysis in reading.analyses]
    subjects = sum(len(analysis.extraction.subjects) for analysis in analyses)
    found = Counter(finding.verdict for analysis in analyses for finding in analysis.findings)
    return Text(
        f"共读 {len(readings)} 份通报、{len(analyses)} 起案件、{subjects} 个问责对象；"
        f"复核要点 {found['yes']} 条，存疑 {found['unsure']} 条"
    )


def labels_view(issues: Iterable[Entry], width: int) -> RenderableType:
    """The label space: id, name, definition; in a narrow window the definition stands under the name."""
    told = [(issue.id, issue.name, str(issue.get("definition", ""))) for issue in issues]
    if width < _NARROW:
        return Group(*(part for label in told for part in _label_in_two(*label)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("标识", no_wrap=True)
    table.add_column("名称", no_wrap=True)
    table.add_column("定义", ratio=1, overflow="fold")
    for label, name, definition in told:
        table.add_row(Text(label, style="dim"), Text(name, style="bold"), Text(definition))
    return table


def _label_in_two(label: str, name: str, definition: str) -> tuple[RenderableType, RenderableType]:
    head = Text.assemble((name, "bold"), "  ", (label, "dim"))
    return head, Padding(Text(definition, overflow="fold"), (0, 0, 0, 2))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} 份/秒" if speed else "", style="dim")


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr with rate and time left; yields what to call with (done, total or None)."""
    columns = (
        TextColumn("分析"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("剩余"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def report(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=None if total is None else max(total, done))

        yield report
