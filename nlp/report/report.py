"""Result files -> one report: read, mask, count, write.

In: paths of rows. Out: an .html or .xlsx file and what was counted. Never scores and never prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

from nlp.classify import measured
from nlp.mask import mask_all
from nlp.report.book import write_book
from nlp.report.html import Head, write_html
from nlp.report.summary import Summary, summarise
from nlp.rows import Row
from nlp.scored import ScoredError, read_scored


def report(
    scored: Sequence[str | Path],
    out: Path,
    *,
    title: str = Head.title,
    full: int = 300,
    masked: bool = False,
    made: date | None = None,
    on_error: Callable[[ScoredError], None] | None = None,
) -> Summary | None:
    """Write the report that ``out`` names by its ending; None, and no file, when rows were given but none is of use.

    Bad rows go to ``on_error`` (they raise without it); the page shows the ``full`` first cases whole. Raises
    ScoredError for a file that holds no rows of ``wenze score`` at all.
    """
    bad: list[ScoredError] = []

    def fail(error: ScoredError) -> None:
        bad.append(error)
        if on_error is None:
            raise error
        on_error(error)

    def rows(fail: Callable[[ScoredError], None]) -> Iterator[Row]:
        read = read_scored(scored, on_error=fail)
        return mask_all(read) if masked else read

    summary = summarise(rows(fail), full=full)
    if bad and not summary.cases:
        return None
    day = made or date.today()
    head = Head(
        title=title,
        files=[Path(path).name for path in scored],
        made=f"{day.year}年{day.month}月{day.day}日",
        masked=masked,
        bad_rows=len(bad),
        measured={mark: told for mark in summary.models if (told := measured(mark))},
    )
    if out.suffix.lower() == ".xlsx":
        write_book(summary, rows(lambda error: None), out, head)
    else:
        write_html(summary, out, head)
    return summary
