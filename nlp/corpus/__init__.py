"""What only many cases show: reposts, comparables, imbalance, ratios, trends.

In: rows of ``wenze score``. Out: a ``Corpus``. The order of the rows, and the files they lie in, change nothing. The
texts are not kept, so that memory grows by a few kilobytes a case. Never judges a case: what deviates is for a person
to look at. Needs the extra ``corpus``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from nlp.corpus.case import Case, Words, case_of
from nlp.corpus.comparables import LEAST, Compared, compare
from nlp.corpus.counts import Cell, Mean, Ratio, Trend, imbalance, means, overall, ratios, trends
from nlp.corpus.reposts import Fold, fold
from nlp.rows import Row

__all__ = ["Corpus", "CorpusError", "study"]

PACKAGES = ("datasketch", "bm25s", "gb2260")


class CorpusError(ValueError):
    """Nothing can be compared; the message (Chinese) says why and what to do."""


@dataclass(frozen=True)
class Corpus:
    """All that was found; ``rows`` were read, ``cases`` are left after the reposts in ``folded``.

    ``told``: in how many cases each thing that groups cases is known. ``made_by``: which code, codebook and model made
    how many of the rows.
    """

    rows: int
    cases: tuple[Case, ...]
    folded: tuple[Fold, ...]
    told: Mapping[str, int]
    made_by: Mapping[str, int]
    overall: Mapping[str, Sequence[Cell]]
    imbalance: Sequence[Cell]
    ratios: Sequence[Ratio]
    means: Sequence[Mean]
    trends: Sequence[Trend]
    compared: Compared


def study(rows: Iterable[Row], *, least: int = LEAST, seed: int = 0) -> Corpus:
    """Fold, compare and count the cases of some rows; ``least`` comparables are needed to compare a person.

    Raises CorpusError without a row or without the packages of the extra ``corpus``.
    """
    if missing := [package for package in PACKAGES if find_spec(package) is None]:
        raise CorpusError(f"缺少 {'、'.join(missing)}。请先运行 pip install 'wenze[corpus]'")
    words, made_by = Words(), Counter[str]()
    read: list[Case] = []
    for row in rows:
        read.append(case_of(row, words))
        made_by["；".join(f"{key} {mark}" for key, mark in sorted(row["made_by"].items()))] += 1
    if not read:
        raise CorpusError("没有可用的案件。请给出 wenze score 写出的 .jsonl 或 .parquet 文件")
    cases, folded = fold(_told_apart(read))
    return Corpus(
        rows=len(read),
        cases=tuple(cases),
        folded=tuple(folded),
        told=_told(cases),
        made_by=dict(sorted(made_by.items())),
        overall=overall(cases),
        imbalance=imbalance(cases),
        ratios=ratios(cases, seed=seed),
        means=means(cases, seed=seed),
        trends=trends(cases),
        compared=compare(cases, least=least),
    )


def _told_apart(cases: Sequence[Case]) -> list[Case]:
    """Cases of one id get the file they were read from into it, and where that is one too, their texts' mark."""
    keys = defaultdict(set)
    for case in cases:
        keys[case.id].add(case.key)
    return [case if len(keys[case.id]) == 1 else replace(case, id=_long_id(case, keys[case.id])) for case in cases]


def _long_id(case: Case, keys: Iterable[tuple[str, str, str]]) -> str:
    name, file, mark = case.key
    alone = sum(key[1] == file for key in keys) == 1
    return f"{name}@{file}" if alone else f"{name}@{file}@{mark[:6]}"


def _told(cases: Sequence[Case]) -> dict[str, int]:
    return {
        "年份": sum(case.year is not None for case in cases),
        "季度": sum(case.quarter is not None for case in cases),
        "地区": sum(case.place is not None for case in cases),
        "机关": sum(case.issuer is not None for case in cases),
        "机关层级": sum(case.level is not None for case in cases),
        "事由": sum(bool(case.grounds) for case in cases),
        "对象": sum(bool(case.people) for case in cases),
        "责任下移指数": sum(case.blame_shift is not None for case in cases),
        "处理": sum(any(person.names for person in case.people) for case in cases),
    }
