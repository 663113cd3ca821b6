"""Judged cases -> gold: lines that ``nlp.gold`` reads and ``wenze train`` learns from; agreement between reviewers.

In: a session. Out: rows of the gold schema, each checked against it; pairs of reviewers with their agreement. A case on
which reviewers differ, and which they have not settled, is left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sqlalchemy.orm import Session

from nlp.agreement import Agreement, agreement
from nlp.codebook import load_codebook
from nlp.gold import Annotation, case_of
from nlp.mask import Mask, people
from nlp.review import store
from nlp.review.judgement import Judgement, verdict_on
from nlp.review.models import CaseRecord
from nlp.review.readings import LAW, Reading, target_of

Row = dict[str, Any]


@dataclass
class Exported:
    """Gold rows, and how many judged cases are not among them because reviewers differ or were not asked for."""

    rows: list[Row] = field(default_factory=list)
    differ: int = 0
    withheld: int = 0


def export(
    session: Session,
    *,
    split: str = "train",
    reviewer: str | None = None,
    only: Callable[[dict[str, Judgement]], bool] | None = None,
    mask_names: bool = False,
) -> Exported:
    """Gold from what is settled, or from what one ``reviewer`` judged; ``only`` says which cases may be told."""
    told = Exported()
    for record, held, settled in store.judged_cases(session):
        reading, veil = store.reading_of(record), veil_of(session, record).text if mask_names else _as_it_is
        if only and not only(held):
            told.withheld += 1
        elif reviewer is not None:
            mine = held.get(reviewer)
            if mine and mine.done:
                told.rows.append(gold_row(reading, mine, split, veil))
        elif settled.how == "differ":
            told.differ += 1
        else:
            said = Judgement(settled.verdicts, settled.fields, _comments(held))
            told.rows.append(gold_row(reading, said, split, veil))
    return told


def _comments(held: dict[str, Judgement]) -> tuple[Any, ...]:
    return tuple(comment for one in held.values() if one.done for comment in one.comments)


def _as_it_is(text: str) -> str:
    return text


def veil_of(session: Session, record: CaseRecord) -> Mask:
    """The mask of the people that a case, or another of its notice, names."""
    return Mask(name for one in store.of_one_notice(session, record) for name in people(one.row))


def gold_row(reading: Reading, said: Judgement, split: str, veil: Callable[[str], str] = _as_it_is) -> Row:
    """One line of gold, checked against its schema. A label the machine raised and a person refused is a near miss.

    Raises GoldError when it departs from the schema, which what was accepted by the page does not.
    """
    row = {
        "id": f"review-{reading.key}",
        "split": split,
        "author_pass": f"review-{split}",
        "style": "",
        "field_of_work": "",
        "text": veil(reading.text),
        "labels": {
            label: {"verdict": one.verdict, "basis": one.basis, "evidence": veil_part(reading.text, one.evidence, veil)}
            for label, one in said.verdicts.items()
            if one.verdict != "no" and not label.startswith(LAW)
        },
        "near_miss_of": list(_refused(reading, said)),
        "fields": _veiled(said.fields, veil),
        "note": veil("；".join(" ".join(comment.value["text"].split()) for comment in said.comments)),
    }
    case_of(row)
    return row


def veil_part(text: str, part: str, veil: Callable[[str], str]) -> str:
    """A part of a text as it reads when the whole is masked: a name cut in two is masked as well."""
    at = text.find(part) if part else -1
    return veil(text)[at : at + len(part)] if at >= 0 else veil(part)


def _refused(reading: Reading, said: Judgement) -> Iterator[str]:
    for label in dict.fromkeys(map(target_of, reading.row["findings"])):
        if label in load_codebook().labels and verdict_on(said, label) == "no":
            yield label


def _veiled(value: Any, veil: Callable[[str], str]) -> Any:
    """Gold fields with every free text masked."""
    if isinstance(value, dict):
        return {
            key: veil(one) if key in ("name", "post", "text") and isinstance(one, str) else _veiled(one, veil)
            for key, one in value.items()
        }
    return [_veiled(one, veil) for one in value] if isinstance(value, list) else value


# ------------------------------------------------------------ agreement


@dataclass(frozen=True)
class Pair:
    """Two reviewers and how far they agree on the cases that both have finished."""

    first: str
    second: str
    told: Agreement


def agreements(session: Session) -> list[Pair]:
    """Every two reviewers who have finished a case in common; their own judgements, not what was settled later."""
    by: dict[str, dict[str, Annotation]] = {}
    for record, held, _ in store.judged_cases(session):
        reading = store.reading_of(record)
        for name, one in held.items():
            if one.done and not name.startswith("@"):
                by.setdefault(name, {})[reading.key] = case_of(gold_row(reading, one, "train")).annotation
    pairs = combinations(sorted(by), 2)
    return [Pair(a, b, agreement(by[a], by[b])) for a, b in pairs if by[a].keys() & by[b].keys()]


def figure(value: float) -> str:
    """A figure with two digits; a dash where there is none."""
    return "—" if math.isnan(value) else f"{value:.2f}"
