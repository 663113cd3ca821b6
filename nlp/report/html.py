"""A ``Summary`` -> one self-contained Chinese page that opens offline.

In: a Summary, and the words of its head. Out: HTML, in pieces or in a file. Text of a notice is only ever text: jinja2
escapes everything, there is no inline data, and the page's policy (CSP) runs its own script alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup

from nlp.clean import clean
from nlp.codebook import load_codebook
from nlp.report import charts
from nlp.report.highlight import Mark, Run, cleaned, highlight, marks_of_row
from nlp.report.summary import TABLES, TOTALS, Count, Summary, settings, weight_of
from nlp.rows import Row, measures, method, shown
from nlp.types import Notice

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
# Beyond these, what is left out is told at its place.
INDEXED_WHOLE = 2_000
INDEXED = 100
PRINTED_LINES = 500
# Lines in one table: a browser lays out only the tables that are in sight.
CHUNK = 200
TEXT_LIMIT = 20_000
SHORT_TEXT = 1_500

# What a page cannot show or should not obey: controls, half surrogates, marks that turn the direction of reading.
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@dataclass(frozen=True)
class Head:
    """What stands over the report: its title, the files it was made of, and the day it was made."""

    title: str = "问责通报复核报告"
    files: Sequence[str] = ()
    made: str | None = None
    masked: bool = False
    bad_rows: int = 0
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def visible(value: object) -> object:
    """A text without the characters that a page cannot hold; anything else as it is."""
    return _UNSHOWN.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def safe_url(url: str | None) -> str | None:
    """The address when a click on it opens a web page, else None: no javascript:, no data:, no file:."""
    try:
        parts = urlsplit((url or "").strip())
    except ValueError:
        return None
    told = bool(parts.hostname) and parts.scheme in ("http", "https") and not _UNSHOWN.search(url or "")
    return (url or "").strip() if told else None


# ------------------------------------------------------------ the text of a case


def runs_of(row: Mapping[str, Any]) -> list[Run]:
    """The readable text of a row's case under its marks; markup in the source is cleaned away, offsets follow."""
    read, start = clean(Notice("", row["text"])), row["start"]
    spans = ((cleaned(read.origin, mark.start - start, mark.end - start), mark) for mark in marks_of_row(row))
    return list(highlight(read.text, [Mark(span.start, span.end, mark.kind, mark.ref) for span, mark in spans]))


@dataclass(frozen=True, slots=True)
class Piece:
    """A run ready for the page: its text, its classes, findings whose evidence begins in it, and that end with it."""

    text: str
    kinds: str
    begins: tuple[int, ...]
    ends: tuple[int, ...]


def _refs(run: Run | None) -> frozenset[int]:
    return frozenset(mark.ref for mark in run.marks if mark.ref) if run else frozenset()


def pieces(runs: Sequence[Run], limit: int = TEXT_LIMIT) -> Iterator[Piece]:
    """The runs as pieces; after ``limit`` characters nothing follows."""
    length, seen = 0, set[int]()
    for n, run in enumerate(runs):
        here = _refs(run)
        after = _refs(runs[n + 1]) if n + 1 < len(runs) else frozenset()
        text = run.text[: max(limit - length, 0)]
        length += len(run.text)
        kinds = " ".join(dict.fromkeys(mark.kind for mark in run.marks))
        if text:
            yield Piece(text, kinds, tuple(sorted(here - seen)), tuple(sorted(here - after)))
        seen |= here


# ------------------------------------------------------------ what the template asks for


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        bar=charts.bar,
        shade=charts.shade,
        shown=shown,
        method=method,
        measures=measures,
        runs=runs_of,
        pieces=pieces,
        safe_url=safe_url,
        variant=_variant,
        TEXT_LIMIT=TEXT_LIMIT,
        SHORT_TEXT=SHORT_TEXT,
    )
    made.filters["number"] = lambda number: f"{number:,}"
    made.filters["percent"] = lambda share: f"{100 * share:.0f}%"
    return made


def ranked(row: Row) -> Row:
    """The row with its findings as they are shown and numbered: yes before unsure, the more probable first."""
    return {**row, "findings": sorted(row["findings"], key=lambda one: (one["verdict"] != "yes", -one["probability"]))}


def _variant(finding: Mapping[str, Any]) -> str | None:
    if not finding["variant"]:
        return None
    issues = load_codebook().issues.entries
    names = issues[finding["issue"]].get("variant_names", {}) if finding["issue"] in issues else {}
    return str(names.get(finding["variant"], finding["variant"]))


def style() -> str:
    """The page's style sheet, its fills taken from ``charts``."""
    fills = "".join(f".f-{tone}{{fill:{colour};background-color:{colour}}}" for tone, colour in charts.TONES.items())
    shades = "".join(f".s{n}{{background:{ground};color:{ink}}}" for n, (ground, ink) in enumerate(charts.SHADES))
    return (TEMPLATES / "report.css").read_text(encoding="utf-8") + fills + ".f-unsure{fill:url(#hatch)}" + shades


def script() -> str:
    """The page's only script."""
    return (TEMPLATES / "report.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy() -> str:
    """What the page may do: show itself and run its own script; load nothing, send nothing."""
    sources = {"default-src": "'none'", "style-src": f"'{_hash(style())}'", "script-src": f"'{_hash(script())}'"}
    return "; ".join([*(f"{key} {value}" for key, value in sources.items()), "base-uri 'none'", "form-action 'none'"])


@dataclass(frozen=True, slots=True)
class IssueLine:
    """One issue of the codebook as the report shows it: yes and unsure, and how often the model's yes was right."""

    name: str
    group: str
    definition: str
    all: Count
    yes: Count | None
    unsure: Count | None
    measured: str | None


def issue_lines(summary: Summary, measured: Mapping[str, Mapping[str, Any]]) -> list[IssueLine]:
    """The issues found, the most frequent first."""
    known = load_codebook().issues.entries
    verdicts = {count.id: count for count in summary["verdict"]}
    lines = []
    for count in summary["issue"]:
        entry = known.get(count.id)
        told = _precision(measured, count.id)
        yes, unsure = (verdicts.get(f"{count.id}.{verdict}") for verdict in ("yes", "unsure"))
        about = (str(entry["group"]), str(entry["definition"])) if entry else ("", "")
        lines.append(IssueLine(count.name, *about, count, yes, unsure, told))
    return sorted(lines, key=lambda line: -line.all.number)


def _precision(measured: Mapping[str, Mapping[str, Any]], issue: str) -> str | None:
    """How many claims of this issue were right on the dev cases, '13/22', where just one model was measured."""
    if len(measured) != 1:
        return None
    figures = next(iter(measured.values()))["dev"]["labels"].get(issue)
    return (
        f"{figures['right']}/{figures['right'] + figures['extra']}"
        if figures and figures["right"] + figures["extra"]
        else None
    )


def time_columns(summary: Summary) -> tuple[list[charts.Column], str]:
    """The years, or the months where they tell more, as columns; and which of the two."""
    flagged = {line.number for line in summary.lines if line.found}
    untold = str(settings()["not_told"])
    years = [count for count in summary["year"] if count.name != untold]
    months = [count for count in summary["month"] if len(count.id) == 7]
    chosen, unit = (months, "月") if len(years) <= 2 and 1 < len(months) <= 24 else (years, "年")
    return [
        charts.Column(
            count.name[2:] if unit == "月" else count.name,
            count.number,
            len(flagged & set(count.cases)),
            f"#{count.key}",
            f"{count.name}：{count.number} 起，其中值得再看 {len(flagged & set(count.cases))} 起",
        )
        for count in chosen
    ], unit


def sanction_groups(summary: Summary) -> list[tuple[str, list[Count]]]:
    """The measures by their weight class, light to heavy; those of none, or unknown to the codebook, come last."""
    known = load_codebook()["sanctions"].entries
    groups: dict[str, list[Count]] = {entry.id: [] for entry in load_codebook()["report"]}
    others: list[Count] = []
    for count in summary["sanction"]:
        entry = known.get(count.id)
        weight = weight_of(entry) if entry else None
        (groups[weight.id] if weight else others).append(count)
    names = load_codebook()["report"]
    return [
        *((names[id].name, counts) for id, counts in groups.items() if counts),
        *([("其他", others)] if others else []),
    ]


_SPREAD = 24


def context(summary: Summary, head: Head) -> dict[str, Any]:
    """All that the template shows."""
    told, unit = time_columns(summary)
    totals = {**dict.fromkeys(TOTALS), **{count.id: count for count in summary["total"]}}
    book = load_codebook()
    whole = summary.cases <= INDEXED_WHOLE
    return {
        "summary": summary,
        "head": head,
        "total": totals,
        "issues": issue_lines(summary, head.measured),
        "most_issue": max((count.number for count in summary["issue"]), default=1),
        "ranks": summary["rank"],
        "weights": list(book["report"]),
        "sanction_groups": sanction_groups(summary),
        "most_sanction": max((count.number for count in summary["sanction"]), default=1),
        "columns": charts.columns(told[-_SPREAD:], f"各{unit}的案件数"),
        "column_count": len(told),
        "columns_left": max(len(told) - _SPREAD, 0),
        "unit": unit,
        "tables": TABLES,
        "indexed": summary.cases if whole else INDEXED,
        "full": ((number, ranked(row)) for number, row in summary.full.items()),
        "rest": [line for line in summary.lines if line.number not in summary.full],
        "lines": {line.number: line for line in summary.lines if line.number in summary.full},
        "print_rest": summary.cases - len(summary.full) <= PRINTED_LINES,
        "printed_lines": PRINTED_LINES,
        "chunk_size": CHUNK,
        "style": Markup(style()),
        "script": Markup(script()),
        "policy": policy(),
        "not_told": settings()["not_told"],
        "bands": settings()["bands"],
    }


def page(summary: Summary, head: Head | None = None) -> Iterator[str]:
    """The page in pieces, in order."""
    return _environment().get_template("report.html.j2").generate(context(summary, head or Head()))


def write_html(summary: Summary, path: Path, head: Head | None = None) -> None:
    """Write the page; the file appears whole or not at all."""
    unnamed = path.with_name(f"{path.name}.writing")
    with unnamed.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(page(summary, head))
    unnamed.replace(path)
