"""A row of ``wenze score`` as what a comparison of many cases needs of it; the text itself is not kept.

In: a row. Out: ``Case``: who was held to account and how, when, where, for what, and the marks by which a repost is
known. Never compares two cases.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.codebook import load_codebook
from nlp.corpus.places import province
from nlp.extract.dates import iso_date
from nlp.regions import region
from nlp.rows import Row, measures, subject_text
from nlp.scale import Weight, weigh

SHINGLE = 5
_MARKS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PRIME = np.uint64(1_099_511_628_211)
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Person:
    """One of those held to account: a person, a group (``count`` of them) or an organisation.

    ``weight``: how heavy the measures are, those only proposed or revoked left out; ``names`` are their names and
    ``spans`` where they stand, in source offsets.
    """

    kind: str
    name: str | None
    told: str
    count: int
    party: bool
    role: str
    rank: str
    leading: bool | None
    responsibility: str | None
    weight: Weight
    names: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One case of the corpus; ``key`` orders cases whatever file they came from, ``id`` is what is shown."""

    key: Key
    id: str
    notice: tuple[str, str]
    title: str | None
    day: str | None
    dated_by: str | None
    place: str | None
    level: str | None
    issuer: str | None
    grounds: tuple[str, ...]
    consequence: str
    people: tuple[Person, ...]
    names: tuple[str, ...]  # of everybody the case names, held to account or not
    length: int
    shingles: NDArray[np.uint32]
    numbers: frozenset[str]
    words: array[int]  # none where nobody is comparable
    blame_shift: float | None
    chief_deputy_gap: float | None

    @property
    def year(self) -> str | None:
        return self.day[:4] if self.day else None

    @property
    def quarter(self) -> str | None:
        """'2021年3季度', where the month is known."""
        if not self.day or len(self.day) < 7:
            return None
        return f"{self.day[:4]}年{(int(self.day[5:7]) + 2) // 3}季度"


class Words:
    """The words of all cases as numbers; the same word has the same number throughout."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def __call__(self, text: str) -> array[int]:
        from nlp.segment import segment

        known = self._numbers
        kept = (word.text for word in segment(text) if len(word.text) > 1)
        return array("I", (known.setdefault(word, len(known)) for word in kept))


def text_of(row: Row) -> str:
    """The clean text of a row's case."""
    return str(row["clean_text"] or row["text"])


def key_of(row: Row) -> Key:
    """What a case is known by in whatever file its row stands: its id, the file it was read from, its text."""
    digest = hashlib.sha256(text_of(row).encode("utf-8", "replace")).hexdigest()[:16]
    return row["case_id"], row["file"] or "", digest


def case_of(row: Row, words: Words) -> Case:
    """The case of one row."""
    text = text_of(row)
    bare = _MARKS.sub("", text)
    day, dated_by = _day(row)
    issuer = row["issuer"]["name"] if row["issuer"] else None
    seat = region(issuer) if issuer else None
    fields = load_codebook()["grounds"].entries
    grounds = tuple(dict.fromkeys(fact["id"] for fact in row["grounds"] if fact["id"] in fields))
    people = tuple(map(_person, row["subjects"]))
    proportion = row["proportion"] or {}
    return Case(
        key=key_of(row),
        id=row["case_id"],
        notice=(row["notice_id"], row["file"] or ""),
        title=row["title"],
        day=day,
        dated_by=dated_by,
        place=_place(row, issuer, seat.name if seat else None),
        level=_levels()[seat.level] if seat else None,
        issuer=issuer,
        grounds=grounds,
        consequence=consequence_class(row["consequences"]),
        people=people,
        names=_names(row),
        length=len(bare),
        shingles=shingles(bare),
        numbers=frozenset(_NUMBER.findall(text)),
        words=words(text) if grounds and any(map(is_comparable, people)) else array("I"),
        blame_shift=proportion.get("blame_shift"),
        chief_deputy_gap=proportion.get("chief_deputy_gap"),
    )


def _names(row: Row) -> tuple[str, ...]:
    subjects = (*row["subjects"], *row["mentioned"])
    return tuple(dict.fromkeys(one["name"] for one in subjects if one["kind"] == "person" and one["name"]))


@cache
def _levels() -> Mapping[str, str]:
    return {entry.id: entry.name for entry in load_codebook()["regions"]}


def _place(row: Row, issuer: str | None, seat: str | None) -> str | None:
    """The province that issuer, title, posts or publisher name, else the place the issuer's name tells."""
    posts = ((subject["post"], subject["organisation"]) for subject in row["subjects"])
    told = [issuer, row["title"], *(part for pair in posts for part in pair), row["source"]]
    found = next(filter(None, (province(part) for part in told if part)), None)
    return found or (seat if seat not in load_codebook()["corpus"].settings["unnamed_places"] else None)


_DATED = {"decision": "处理决定日期", "publication": "发布日期"}


def _day(row: Row) -> tuple[str | None, str | None]:
    """The day of the decision, else of the publication, as far as it is told; and which of them it is."""
    for kind, name in _DATED.items():
        values = [fact["value"] for fact in row["dates"] if fact["id"] == kind and isinstance(fact["value"], str)]
        if values:
            return min(value.split("/")[0] for value in values), name
    published = iso_date(row["published"])
    return published, _DATED["publication"] if published else None


def consequence_class(facts: list[Row]) -> str:
    """The class of corpus.toml that a case's consequences fall under."""
    settings = load_codebook()["corpus"].settings
    for one in settings["classes"]:
        values = [_number(fact["value"]) for fact in facts if fact["id"] in one["ids"]]
        if any(value >= one["least"] for value in values):
            return str(one["name"])
    return str(settings["untold_class"])


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except ValueError:
        return 0.0


@cache
def _party() -> re.Pattern[str]:
    return re.compile(load_codebook()["organs"].settings["party_body"])


def _person(subject: Row) -> Person:
    decided = [measure for measure in measures(subject) if measure["status"] == "decided"]
    name = subject["name"] or ""
    return Person(
        kind=subject["kind"],
        name=subject["name"],
        told=subject_text(subject),
        count=subject["count"] or 1,
        party=subject["kind"] == "organisation" and bool(_party().search(name or subject["organisation"] or "")),
        role=subject["post_role"],
        rank=subject["rank"],
        leading=subject["leading_cadre"],
        responsibility=subject["responsibility"],
        weight=weigh(measure["id"] for measure in decided),
        names=tuple(dict.fromkeys(measure["name"] for measure in decided)),
        spans=tuple((measure["start"], measure["end"]) for measure in decided),
    )


def is_comparable(person: Person) -> bool:
    """Whether a person's rank is known, and a measure on a ladder with no other of unknown kind beside it."""
    untold = load_codebook()["corpus"].settings["untold_ranks"]
    sure = bool(person.weight) and not person.weight.untold
    return person.kind == "person" and sure and person.rank not in untold


def shingles(text: str, size: int = SHINGLE) -> NDArray[np.uint32]:
    """Sorted hashes of all runs of ``size`` characters, each once."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    if len(codes) < size:
        codes = np.pad(codes, (0, size - len(codes)))
    hashed = np.zeros(len(codes) - size + 1, dtype=np.uint64)
    for offset in range(size):
        hashed = hashed * _PRIME + codes[offset : offset + len(hashed)]
    return np.unique((hashed ^ (hashed >> np.uint64(32))).astype(np.uint32))


def full_names(case: Case) -> Iterator[str]:
    """The names of people in a case that are not masked."""
    masked = re.compile(load_codebook()["corpus"].settings["masked"])
    return (name for name in case.names if not masked.search(name))
