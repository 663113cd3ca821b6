"""Synthetic cases and notices out of a grammar, with labels, fields and boundaries known by construction.

In: a count and a seed. Out: rows in the form of gold cases and gold notices, split ``synthetic``; the n-th is the same
whatever the count. For pretraining, stress and speed; never for dev or test, and nothing here is like a real base rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from nlp.codebook import load_codebook, read_toml
from nlp.numerals import chinese

Row = dict[str, Any]

_MARK = re.compile(r"\{([^{}]+)\}|<<(?:([a-z_]+)\|)?|(>>)")
_STATUS = {"=": "decided", "?": "proposed", "!": "revoked"}
_PLACES = {"county": "县", "city": "市", "town": "镇", "village": ""}


@cache
def _grammar() -> Mapping[str, Any]:
    return read_toml(Path(__file__).parent / "grammar.toml")


@dataclass
class _Person:
    """Who holds a role in one case, and where the text named and treated them."""

    name: str
    post: str | None
    role: str
    rank: str
    leading: bool | None
    former: bool = False
    place: tuple[int, int] | None = None
    sanctions: list[Row] = field(default_factory=list)
    responsibility: str | None = None
    responsibility_span: Row | None = None


class _Draft:
    """A text in the making: templates are written into it, and what they mark is kept with its place."""

    def __init__(self, rng: Random, symbols: Mapping[str, str | Sequence[str]], cast: Mapping[str, _Person]) -> None:
        self.rng, self.symbols, self.cast = rng, symbols, cast
        self.text = ""
        self.issuer: Row | None = None
        self.date: Row | None = None
        self.evidence: dict[str, str] = {}
        self._open: tuple[str, int] | None = None

    def write(self, template: str) -> None:
        """Write a template; see the head of grammar.toml for its marks."""
        at = 0
        for mark in _MARK.finditer(template):
            self.text += template[at : mark.start()]
            at = mark.end()
            if mark[1]:
                self._fill(mark[1])
            elif mark[3]:
                label, start = self._open or ("", 0)
                self.evidence[label], self._open = self.text[start:], None
            else:
                self._open = (mark[2] or "", len(self.text))
        self.text += template[at:]

    def judged(self, label: str, basis: str) -> Row:
        """The judgement of a label of the plot; evidence without a name stands for the plot's only label."""
        return {"verdict": "yes", "basis": basis, "evidence": self.evidence.get(label) or self.evidence[""]}

    def _fill(self, mark: str) -> None:
        roles, _, value = mark[1:].partition(":")
        if mark[0] == "@":
            self._name(self.cast[roles])
        elif mark[0] in _STATUS:
            start, end = self._put(self.rng.choice(_grammar()["wording"][value]))
            for role in roles.split(","):
                sanction = {"name": value, "status": _STATUS[mark[0]], "start": start, "end": end}
                self.cast[role].sanctions.append(sanction)
        elif mark[0] == "+":
            start, end = self._put(value)
            for role in roles.split(","):
                person = self.cast[role]
                person.responsibility, person.responsibility_span = value, {"start": start, "end": end}
        elif mark == "#issuer":
            start, end = self._put(str(self.symbols["issuer"]))
            self.issuer = self.issuer or {"name": self.text[start:end], "start": start, "end": end}
        elif mark == "#date":
            start, end = self._put(str(self.symbols["date"]))
            self.date = self.date or {"text": self.text[start:end], "start": start, "end": end}
        elif mark.startswith("n:"):
            low, high = mark[2:].split("-")
            self._put(str(self.rng.randint(int(low), int(high))))
        elif mark in ("month", "day"):
            self._put(str(self.rng.randint(1, 12 if mark == "month" else 28)))
        else:
            value_of = self.symbols[mark]
            self.write(value_of if isinstance(value_of, str) else self.rng.choice(value_of))

    def _put(self, words: str) -> tuple[int, int]:
        start = len(self.text)
        self.text += words
        return start, len(self.text)

    def _name(self, person: _Person) -> None:
        if person.place is None and person.post:
            person.former = self.rng.random() < 0.12
            self.text += ("时任" if person.former else "") + person.post
        place = self._put(person.name)
        person.place = person.place or place


# ------------------------------------------------------------ one case


def _pick(rng: Random, letters: str, count: int) -> str:
    return "".join(rng.sample(letters, count))


def _names(rng: Random) -> Iterator[str]:
    table = load_codebook()["surnames"]
    surnames = [*table["single"]["names"][:120], *table["double"]["names"][:8]]
    used: set[str] = set()
    while True:
        surname = rng.choice(surnames)
        if surname not in used:
            used.add(surname)
            yield surname + _pick(rng, _grammar()["letters"]["given"], rng.randint(1, 2))


def _expand(template: str, symbols: Mapping[str, Any]) -> str:
    """A template of single-valued symbols, filled to the end."""
    while "{" in template:
        template = _MARK.sub(lambda mark: str(symbols[mark[1]]), template)
    return template


def _world(rng: Random, matter: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Every symbol of one case: invented places, the body's names, the matter's wording, year and date."""
    letters = _grammar()["letters"]["place"]
    symbols: dict[str, Any] = {key: _pick(rng, letters, 2) + kind for key, kind in _PLACES.items()}
    year = rng.randint(2016, 2025)
    month = f"{year + 1}年{rng.randint(1, 12)}月"
    symbols |= {
        **_grammar()["words"],
        **{key: value for key, value in matter.items() if key != "id"},
        "year": str(year),
        "year2": str(year + 1),
        "date": month + (f"{rng.randint(1, 28)}日" if rng.random() < 0.5 else ""),
    }
    symbols |= {key: _expand(body[key], symbols) for key in ("place", "organ", "unit", "above")}
    return {**symbols, "issuer": _expand(rng.choice(body["issuer"]), symbols)}


def _cast(body: Mapping[str, Any], names: Iterator[str], symbols: Mapping[str, Any]) -> dict[str, _Person]:
    cast = {}
    for role, held in body["cast"].items():
        if "name" in held:
            cast[role] = _Person(_expand(held["name"], symbols), None, "unknown", "未知", None)
        else:
            post = _expand(held["post"], symbols)
            cast[role] = _Person(next(names), post, held["post_role"], held["rank"], held.get("leading"))
    return cast


def _subject(person: _Person) -> Row:
    start, end = person.place or (0, 0)
    return {
        "kind": "person" if person.post else "organisation",
        "name": person.name,
        "count": None,
        "post": person.post,
        "former": person.former,
        "post_role": person.role,
        "rank": person.rank,
        "leading_cadre": person.leading,
        "responsibility": person.responsibility,
        "sanctions": person.sanctions,
        "start": start,
        "end": end,
        "responsibility_span": person.responsibility_span,
    }


def case(number: int, seed: int | str = 0) -> Row:
    """The synthetic case ``number`` (from 1) of a seed, as a gold row."""
    rng, grammar = Random(f"{seed}:{number}"), _grammar()
    matter, body = (rng.choice(grammar[key]) for key in ("matter", "body"))
    sound = rng.random() < grammar["sound"]
    plot = rng.choice([plot for plot in grammar["plot"] if bool(plot["labels"]) != sound])
    template = rng.choice(plot["text"])
    symbols = _world(rng, matter, body)
    treated = {role for mark in re.findall(r"\{[=?!]([a-z,]+):", template) for role in mark.split(",")}
    cast = _cast(body, _names(rng), symbols)
    draft = _Draft(rng, {**symbols, "count": str(len(treated))}, cast)
    draft.write(template)
    return {
        "id": f"syn{seed}-{number:06d}",
        "split": "synthetic",
        "author_pass": f"synthetic-{seed}",
        "style": "合成",
        "field_of_work": matter["field"],
        "text": draft.text,
        "labels": {label: draft.judged(label, plot["basis"]) for label in plot["labels"]},
        "near_miss_of": list(plot.get("near", ())),
        "fields": {
            "issuer": draft.issuer,
            "date": draft.date,
            "subjects": [_subject(cast[role]) for role in cast if role in treated],
        },
        "note": f"wenze synthesize 生成，种子 {seed}，第 {number} 例：{plot['id']} / {matter['id']} / {body['id']}",
    }


def cases(count: int, seed: int = 0) -> Iterator[Row]:
    """``count`` synthetic cases; the first n are the same for every count."""
    return (case(number, seed) for number in range(1, count + 1))


# ------------------------------------------------------------ whole notices


def notice(number: int, seed: int = 0) -> Row:
    """The synthetic notice ``number`` (from 1) of a seed: one to eight cases in a layout, as a gold notice row."""
    rng = Random(f"{seed}:notice:{number}")
    layout = rng.choice(_grammar()["layout"])
    inside = [case(n, f"{seed}:notice:{number}") for n in range(1, rng.randint(1, 8) + 1)]
    place = _pick(rng, _grammar()["letters"]["place"], 2)
    symbols = {
        "issuer": f"{place}县纪委监委",
        "count": str(len(inside)),
        "date": f"{rng.randint(2016, 2025)}年{rng.randint(1, 12)}月{rng.randint(1, 28)}日",
        "editor": next(_names(rng)),
    }
    title = _expand(layout["title"], symbols)
    text, found = f"{title}\n{_expand(layout['lead'], symbols)}", []
    for n, row in enumerate(inside, 1):
        start = len(text)
        text += _expand(layout["number"], {"chinese": chinese(n), "number": n}) + row["text"]
        subjects = [
            {"name": s["name"], "post": s["post"], "sanctions": [x["name"] for x in s["sanctions"]]}
            for s in row["fields"]["subjects"]
        ]
        found.append({"start": start, "end": len(text), "subjects": subjects})
        text += "\n"
    text = text.rstrip("\n") + "\n" + _expand(layout["ending"], symbols).lstrip("\n")
    return {
        "id": f"synn{seed}-{number:06d}",
        "split": "synthetic",
        "author_pass": f"synthetic-{seed}",
        "style": f"合成：{layout['id']}",
        "text": text,
        "issuer": symbols["issuer"] if symbols["issuer"] in text else None,
        "title": title,
        "cases": found,
    }


def notices(count: int, seed: int = 0) -> Iterator[Row]:
    """``count`` synthetic notices; the first n are the same for every count."""
    return (notice(number, seed) for number in range(1, count + 1))
