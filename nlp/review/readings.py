"""One row of a scored file -> one reading: the case as a reviewer sees it, every offset counting its text.

In: rows of the row schema. Out: ``Reading`` values, which JSON can hold, and their marks and gold fields. Never judges.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from nlp.clean import clean
from nlp.codebook import load_codebook
from nlp.report.highlight import Mark, cleaned, marks_of_row
from nlp.scored import ScoredError, read_scored
from nlp.types import Notice, Span

Row = dict[str, Any]
Place = Callable[[int, int], Span | None]

# What a text column of a database cannot hold; one character for one, so that offsets stay.
_UNHOLDABLE = re.compile("[\x00\ud800-\udfff]")
_DATE = re.compile(r"((?:19|20)\d\d)(?:\s*[-年/.]\s*(\d{1,2}))?(?:\s*[-月/.]\s*(\d{1,2}))?")
_SENTENCE = re.compile(r"[^。！？；\n]+[。！？；]?[”’」』）]*")
_KEY_LENGTH = 16
# A rule of law that is no label of the codebook is judged under this name and its rule's.
LAW = "law:"


@dataclass(frozen=True)
class Reading:
    """One case to be judged. ``key`` is a hash of ``text``; offsets in ``row`` are moved to count ``text``."""

    key: str
    text: str
    row: Row

    @property
    def date(self) -> str | None:
        """When it was decided, else published, as ISO year, month or day."""
        dates = {fact["id"]: fact["value"] for fact in reversed(self.row["dates"])}
        told = dates.get("decision") or dates.get("publication") or self.row["published"]
        match = _DATE.search(str(told or ""))
        return "-".join(part.zfill(2) for part in match.groups() if part) if match else None

    @property
    def issuer(self) -> str | None:
        return self.row["issuer"]["name"] if self.row["issuer"] else None

    @property
    def levels(self) -> list[str]:
        """The ranks of those held to account, each once."""
        return list(dict.fromkeys(subject["rank"] for subject in self.row["subjects"]))

    @property
    def disagree(self) -> bool:
        """The models are at odds with each other, or the rules with the model."""
        if any(caution["code"] == "models_disagree" for caution in self.row["cautions"]):
            return True
        return any(_at_odds(claims) for target, claims in claims_of(self.row) if not target.startswith(LAW))


def _at_odds(claims: list[Row]) -> bool:
    """The model says yes where the rules are silent, or the two give unlike verdicts."""
    ruled = {claim["verdict"] for claim in claims if claim["by"] == "rules"}
    told = {claim["verdict"] for claim in claims if claim["by"] not in ("rules", "law")}
    return bool(told) and (ruled != told if ruled else "yes" in told)


def target_of(finding: Mapping[str, Any]) -> str:
    """What a verdict on a finding is filed under: its label, or its rule where it has none."""
    return str(finding["issue"] or f"{LAW}{finding['rule']}")


def claims_of(row: Row) -> list[tuple[str, list[Row]]]:
    """The findings by target, in the order of the row."""
    order = list(dict.fromkeys(map(target_of, row["findings"])))
    ranked = sorted(row["findings"], key=lambda finding: order.index(target_of(finding)))
    return [(target, list(claims)) for target, claims in groupby(ranked, target_of)]


# ------------------------------------------------------------ row -> reading


def holdable(text: str) -> str:
    """The text without what no database column can hold (NUL, half surrogates); as long as before."""
    return _UNHOLDABLE.sub("\ufffd", text)


def _holdable(value: Any) -> Any:
    if isinstance(value, str):
        return holdable(value)
    if isinstance(value, Mapping):
        return {key: _holdable(one) for key, one in value.items()}
    return [_holdable(one) for one in value] if isinstance(value, list) else value


def reading(row: Mapping[str, Any]) -> Reading:
    """A scored row as a reading: its clean text where that can be had again with offsets, else its source text."""
    text, place = _text(row)
    text = holdable(text)
    moved = {key: _moved(value, place, text) for key, value in row.items() if key not in ("text", "clean_text")}
    key = hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]
    return Reading(key, text, _holdable(moved))


def _text(row: Mapping[str, Any]) -> tuple[str, Place]:
    source, at = row["text"], row["start"]
    if row["clean_text"] is not None:
        again = clean(Notice("", source))
        if again.text == row["clean_text"]:
            return again.text, lambda start, end: _within(cleaned(again.origin, start - at, end - at), len(again.text))
    return source, lambda start, end: _within(Span(start - at, end - at), len(source))


def _within(span: Span, length: int) -> Span | None:
    return span if 0 <= span.start < span.end <= length else None


def _moved(value: Any, place: Place, text: str) -> Any:
    """The same with every start and end moved; null where the place is outside the case."""
    if isinstance(value, list):
        return [_moved(one, place, text) for one in value]
    if not isinstance(value, Mapping):
        return value
    moved = {key: _moved(one, place, text) for key, one in value.items()}
    if "start" in value and "end" in value:
        there = place(value["start"], value["end"]) if value["start"] is not None and value["end"] is not None else None
        moved |= {"start": there.start if there else None, "end": there.end if there else None}
        if there and set(value) == {"start", "end", "text"}:
            moved["text"] = text[there.start : there.end]
    return moved


def readings_of(path: Path, on_error: Callable[[ScoredError], None]) -> Iterator[Reading]:
    """The readings of a scored file; a row that is none goes to ``on_error`` and is left out. Raises ScoredError."""
    return map(reading, read_scored([path], on_error=on_error))


# ------------------------------------------------------------ what a page shows of it


def marks(row: Row) -> list[Mark]:
    """All that was read off a case or claimed about it; the targets of the findings are numbered from 1."""
    targets = [target for target, _ in claims_of(row)]
    return marks_of_row(row, lambda finding: targets.index(target_of(finding)) + 1)


def sentences(text: str) -> list[str]:
    """The sentences of a text, verbatim: what a reviewer without a mouse picks evidence from."""
    return [found[0].strip() for found in _SENTENCE.finditer(text) if found[0].strip()]


def gold_fields(reading: Reading) -> Row:
    """What was read off the case in the form of gold ``fields``; what stands outside the case is left out."""
    text, row = reading.text, reading.row
    issuer = row["issuer"] if _whole(text, row["issuer"], "name") else None
    dates = [fact for fact in row["dates"] if fact["id"] == "decision" and fact["start"] is not None]
    return {
        "issuer": {key: issuer[key] for key in ("name", "start", "end")} if issuer else None,
        "date": _date(text, dates[0]) if dates else None,
        "subjects": [_subject(text, subject) for subject in row["subjects"] if subject["start"] is not None],
    }


def _whole(text: str, place: Row | None, key: str) -> bool:
    return bool(place and place["start"] is not None and text[place["start"] : place["end"]] == place[key])


def _date(text: str, fact: Row) -> Row:
    start, end = fact["start"], fact["end"]
    return {"text": text[start:end], "start": start, "end": end}


def _subject(text: str, subject: Row) -> Row:
    keys = ("kind", "name", "count", "post", "former", "post_role", "rank", "leading_cadre", "responsibility")
    known = {entry.name for entry in load_codebook()["sanctions"]}
    name, place = subject["name"], subject["responsibility_span"]
    said = text[subject["start"] : subject["end"]]
    return {
        **{key: subject[key] for key in keys},
        "name": name if name is None or name in said else None,
        "sanctions": [
            {key: one[key] for key in ("name", "status", "start", "end")}
            for one in subject["sanctions"]
            if one["start"] is not None and one["name"] in known
        ],
        "start": subject["start"],
        "end": subject["end"],
        "responsibility_span": dict(place) if place and place["start"] is not None else None,
    }
