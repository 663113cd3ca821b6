"""The form of a case's fields <-> the gold form: words typed by a person, found again in the text.

In: gold fields, or what a form posts. Out: form lines, or gold fields that ``nlp.gold`` accepts. A word that is not in
the text is told, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = dict[str, Any]
Form = Mapping[str, str]

_BOOLEANS = {"": None, "yes": True, "no": False}
MAX_SUBJECTS, MAX_SANCTIONS = 60, 20


class FieldProblemError(ValueError):
    """A line of the form cannot be taken; says which and why, in Chinese."""


def blank_subject() -> Row:
    """A subject not yet filled in, as a further line of the form."""
    return {
        "kind": "person",
        "name": None,
        "count": None,
        "post": None,
        "former": False,
        "post_role": "unknown",
        "rank": "未知",
        "leading_cadre": None,
        "responsibility": None,
        "sanctions": [],
        "start": None,
        "end": None,
        "responsibility_span": None,
    }


def words(text: str, place: Row | None) -> str:
    """The words at a place; '' for none."""
    return text[place["start"] : place["end"]] if place and place["start"] is not None else ""


def parse(form: Form, seen: str, text: str) -> Row:
    """Gold fields from the form. Words are sought in ``seen`` (the text as shown) and taken from ``text``.

    Both are equally long: names may be masked in ``seen``. Raises FieldProblemError.
    """
    issuer, date = _find(form, "issuer", seen, "问责主体"), _find(form, "date", seen, "决定日期")
    subjects = [
        _subject(form, f"s{n}.", seen, text)
        for n in range(MAX_SUBJECTS)
        if form.get(f"s{n}.mention", "").strip() and not form.get(f"s{n}.drop")
    ]
    return {
        "issuer": {"name": words(text, issuer), **issuer} if issuer else None,
        "date": {"text": words(text, date), **date} if date else None,
        "subjects": subjects,
    }


def _find(form: Form, key: str, seen: str, called: str, near: int = 0) -> Row | None:
    """Where the words of a line stand: the occurrence nearest to where they stood before, or to ``near``."""
    said = form.get(key, "").replace("\r\n", "\n").strip()
    if not said:
        return None
    places = [at for at in range(len(seen)) if seen.startswith(said, at)]
    if not places:
        raise FieldProblemError(f"{called}：“{said[:30]}”不在正文里。请照正文原样填写，或留空")
    hint = form.get(f"{key}.at", "")
    wanted = int(hint) if hint.isdecimal() else near
    start = min(places, key=lambda at: abs(at - wanted))
    return {"start": start, "end": start + len(said)}


def _subject(form: Form, key: str, seen: str, text: str) -> Row:
    number = int(key[1:-1]) + 1
    mention = _find(form, f"{key}mention", seen, f"对象 {number} 的原文") or {}
    start, end = mention["start"], mention["end"]
    name = form.get(f"{key}name", "").strip()
    if name and name not in seen[start:end]:
        raise FieldProblemError(f"对象 {number}：姓名“{name[:20]}”不在其原文“{seen[start:end][:30]}”之中")
    at = seen.find(name, start) if name else start
    post = form.get(f"{key}post", "").strip()
    responsibility = form.get(f"{key}responsibility", "") or None
    span = _find(form, f"{key}responsibility_span", seen, f"对象 {number} 的责任原文", end)
    return {
        "kind": form.get(f"{key}kind", "person"),
        "name": text[at : at + len(name)] if name else None,
        "count": _count(form.get(f"{key}count", ""), number),
        "post": _verbatim(post, seen, text) or None,
        "former": form.get(f"{key}former") == "yes",
        "post_role": form.get(f"{key}post_role", "unknown"),
        "rank": form.get(f"{key}rank", "未知"),
        "leading_cadre": _BOOLEANS.get(form.get(f"{key}leading_cadre", "")),
        "responsibility": responsibility,
        "sanctions": _sanctions(form, key, seen, end),
        "start": start,
        "end": end,
        "responsibility_span": span if responsibility else None,
    }


def _verbatim(said: str, seen: str, text: str) -> str:
    """What is said, unmasked where it stands in the text."""
    at = seen.find(said) if said else -1
    return text[at : at + len(said)] if at >= 0 else said


def _count(said: str, number: int) -> int | None:
    said = said.strip()
    if said and not (said.isdecimal() and int(said) < 10**9):
        raise FieldProblemError(f"对象 {number}：人数“{said[:20]}”不是数字")
    return int(said) if said else None


def _sanctions(form: Form, key: str, seen: str, near: int) -> list[Row]:
    found = []
    for n in range(MAX_SANCTIONS):
        line = f"{key}m{n}."
        name = form.get(f"{line}name", "")
        if not name:
            continue
        place = _find(form, f"{line}words", seen, f"处理“{name}”的原文", near)
        if place is None:
            raise FieldProblemError(f"处理“{name}”：请照正文填写作出这一处理的原文")
        found.append({"name": name, "status": form.get(f"{line}status", "decided"), **place})
    return found


def unlike(before: Row, after: Row) -> list[str]:
    """Which of the fields two records differ in, by their Chinese names."""
    called: dict[str, Callable[[Row], Any]] = {
        "问责主体": lambda row: row["issuer"],
        "决定日期": lambda row: row["date"],
        "问责对象": lambda row: row["subjects"],
    }
    return [name for name, value in called.items() if value(before) != value(after)]
