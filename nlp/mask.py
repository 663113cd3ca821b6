"""Rows without personal names: 张伟明 becomes 张某某, wherever the row says it.

In: rows of the row schema. Out: new rows of the same schema, every text as long as it was, so that each offset still
holds. Never masks organisations, and knows no person but those the row names (``subjects`` and ``mentioned``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from nlp.codebook import load_codebook
from nlp.rows import SCHEMA, Column, Row

HIDDEN = "某"
# One of these tells apart people whose masks would be the same, as court documents do: 张某甲, 张某乙.
_STEMS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
_DOTS = "·•・"
# What a source may hold between two characters of one name: blanks, tags, invisible characters.
_BLANK = r"&(?:nbsp|ensp|emsp|thinsp|\#160|\#12288|\#[xX]0*[aA]0|\#[xX]3000);"
_GAP = rf"(?:\s|[\u200b-\u200f\u2060\ufeff\u00ad]|<[^<>]{{0,300}}>|{_BLANK})*"
_GAPS = re.compile(_GAP)
_MASKED = re.compile(rf"[{HIDDEN}×xX＊*○〇Ｘ]")
_CLOSED = frozenset({"id", "issue", "rule", "code", "by", "variant", "family", "rank"})


@cache
def _simplified(character: str) -> str:
    """The simplified form of one character; itself where that is not one character."""
    from opencc import OpenCC

    converted: str = _converter(OpenCC).convert(character)
    return converted if len(converted) == 1 else character


@cache
def _converter(kind: Any) -> Any:
    return kind("t2s")


def _folded(text: str) -> str:
    """The text in simplified characters, each at its place."""
    return text if text.isascii() else "".join(c if c < "\u3400" else _simplified(c) for c in text)


def _known(name: str) -> str:
    """A name as it is told from others: without gaps, in simplified characters."""
    return _folded(_GAPS.sub("", name))


def people(row: Mapping[str, Any]) -> Iterator[str]:
    """The full names of the people of a row in the order they stand in it, each once; last those of no known place."""
    told = (one for key in ("subjects", "mentioned") for one in row[key] if one["kind"] != "organisation")
    named = sorted((one for one in told if one["name"]), key=lambda one: (one["start"] is None, one["start"] or 0))
    names = dict.fromkeys(_known(one["name"]) for one in named)
    return (name for name in names if len(name) > 1 and not _MASKED.search(name))


@cache
def _double_surnames() -> tuple[str, ...]:
    return tuple(load_codebook()["surnames"]["double"]["names"])


def _veiled(name: str, stem: str = "") -> str:
    """The mask of a name, as long as it; ``stem`` stands last."""
    shown = 2 if len(name) > 2 and name.startswith(_double_surnames()) else 1
    rest = "".join(c if c in _DOTS else HIDDEN for c in name[shown:])
    return name[:shown] + (rest[:-1] + stem if stem else rest)


def masks(names: Iterable[str]) -> dict[str, str]:
    """A mask for each full name, as long as the name and no other's; names beyond the 22 stems share 某.

    张伟明 alone is 张某某; beside 张建国 they are 张某甲 and 张某乙.
    """
    known = list(dict.fromkeys(names))
    alike: dict[str, list[str]] = defaultdict(list)
    for name in known:
        alike[_veiled(name)].append(name)
    given: dict[str, str] = {}
    for veil, namesakes in alike.items():
        stems = (stem for stem in _STEMS if _veiled(veil, stem) not in known)
        for name in namesakes:
            given[name] = veil if len(namesakes) == 1 else _veiled(name, next(stems, HIDDEN))
    return given


def _letter(character: str) -> str:
    """One character of a name as a source may write it: itself, or by its number."""
    code = ord(character)
    return rf"(?:{re.escape(character)}|&\#0*{code};|&\#[xX]0*(?i:{code:x});)"


def _as_written(source: str, letter: str) -> str:
    """``letter`` in the notation, and so in the length, of what it replaces."""
    if len(source) == 1:
        return letter
    if source[:3].lower() == "&#x":
        return f"{source[:3]}{ord(letter):0{len(source) - 4}x};"
    return f"&#{ord(letter):0{len(source) - 3}d};"


class Mask:
    """The masks of some people, ready to be laid over any text."""

    def __init__(self, names: Iterable[str]) -> None:
        self.masks = masks(names)
        # longest first, so that 张伟 is not found inside 张伟明
        self._names = sorted(self.masks, key=len, reverse=True)
        self._letters = {name: [_letter(c) for c in name] for name in self._names}
        whole = "|".join(f"(?P<n{n}>{_GAP.join(self._letters[name])})" for n, name in enumerate(self._names))
        self._regex = re.compile(whole) if self._names else None

    def text(self, text: str) -> str:
        """The text with every full name masked, as long as before."""
        if self._regex is None:
            return text
        folded, parts, last = _folded(text), list[str](), 0
        for match in self._regex.finditer(folded):
            name = self._names[int(str(match.lastgroup)[1:])]
            parts += [text[last : match.start()], self._over(text[match.start() : match.end()], name)]
            last = match.end()
        return "".join([*parts, text[last:]])

    def _over(self, source: str, name: str) -> str:
        """The mask of a name laid over the source that writes it, gaps and all."""
        folded, place, parts = _folded(source), 0, list[str]()
        for n, letter in enumerate(self.masks[name]):
            found = re.compile(self._letters[name][n]).search(folded, place)
            assert found is not None  # the same pattern has just matched here
            written = source[found.start() : found.end()]
            kept = written if letter == name[n] else _as_written(written, letter)
            parts += [source[place : found.start()], kept]
            place = found.end()
        return "".join(parts)

    def row(self, row: Row) -> Row:
        """The row with these people masked in every text of it."""
        masked: Row = self._record(row, SCHEMA)
        text, hidden, start = row["text"], masked["text"], row["start"]
        for finding, veiled in zip(row["findings"], masked["findings"], strict=True):
            for evidence, shown in zip(finding["evidence"], veiled["evidence"], strict=True):
                place = slice(evidence["start"] - start, evidence["end"] - start)
                # cut from the masked text, so that a name cut in two by the evidence is masked as well
                if place.start >= 0 and text[place] == evidence["text"]:
                    shown["text"] = hidden[place]
        if row["url"] and self.text(decoded := unquote(row["url"])) != decoded:
            masked["url"] = None
        return masked

    def _record(self, record: Mapping[str, Any], columns: Sequence[Column]) -> Row:
        return {column.name: self._value(column, record[column.name]) for column in columns}

    def _value(self, column: Column, value: Any) -> Any:
        if value is None or column.among or column.name in _CLOSED or column.kind.startswith("map"):
            return value
        if column.kind == "record":
            return self._record(value, column.columns)
        if column.kind == "list":
            return [self._record(item, column.columns) for item in value]
        return self.text(value) if isinstance(value, str) else value


def mask(row: Row, also: Iterable[str] = ()) -> Row:
    """The row with the full names of its people masked in every text: source, title, reasons, evidence, ids, file.

    A person has one mask throughout the row. Lengths and offsets stay; evidence is still the text at its offsets.
    ``also`` are further names to hide. A web address that spells a name is dropped (None). The row is not changed.
    What is never a name for this: one character, a name already masked (张某), people nobody extracted.
    """
    return Mask([*people(row), *(name for name in map(_known, also) if len(name) > 1)]).row(row)


def mask_all(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows in order, masked; neighbours of one notice share their masks, for its title may name them all."""
    for _, group in groupby(rows, key=lambda row: (row["file"], row["row"], row["notice_id"])):
        together = list(group)
        over = Mask(name for row in together for name in people(row))
        yield from map(over.row, together)
