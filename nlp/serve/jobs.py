"""What a worker does: read an uploaded file into notices, turn one notice into its rows.

In and out: plain JSON values. Rows leave as the very lines ``wenze score`` writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from nlp.batch import BatchError, Item, items, record
from nlp.pipeline import fingerprints
from nlp.rows import json_line
from nlp.types import Caution, Notice

_WARM_UP = "经研究，决定给予某镇镇长张某党内警告处分。"


def ready(model: str) -> dict[str, Any]:
    """Everything loaded that a first text would wait for; who will speak. Raises ModelNotAvailable."""
    from nlp.classify import RULES, load_model

    record(Notice(id="", text=_WARM_UP), model)
    cautions = [] if model == RULES else [caution.message for caution in load_model(model).cautions]
    return {"made_by": fingerprints(model), "cautions": cautions}


def as_json(notice: Notice) -> dict[str, Any]:
    return asdict(notice)


def notice_from(told: dict[str, Any]) -> Notice:
    return Notice(**{**told, "cautions": tuple(Caution(**caution) for caution in told["cautions"])})


def _score(told: dict[str, Any], model: str, masked: bool) -> dict[str, Any]:
    done = record(notice_from(told), model, masked=masked)
    return {"rows": [json_line(row) for row in done["rows"]], "notes": done["notes"]}


def _read(path: str, label: str, columns: dict[str, str], most: int, most_characters: int) -> dict[str, Any]:
    """Notices and errors of a file in their order, named as the sender named it; too many of them are not read on."""
    found: list[dict[str, Any]] = []
    characters = 0
    try:
        named = _named(path, label, columns)
    except BatchError as error:
        return {"refused": str(error)}
    for item in islice(named, most + 1):
        characters += len(item.text) if isinstance(item, Notice) else 0
        if len(found) == most or characters > most_characters:
            return {"found": [], "too_many": len(found) == most, "too_much": characters > most_characters}
        if isinstance(item, Notice):
            found.append({"notice": as_json(item)})
        else:
            problem = {"row": item.row, "sheet": item.sheet, "sheet_row": item.sheet_row}
            found.append({"problem": {"file": item.file, **problem, "reason": item.reason, "cure": item.cure}})
    return {"found": found, "too_many": False, "too_much": False}


def _named(path: str, label: str, columns: dict[str, str]) -> Iterator[Item]:
    """The items of a file under its sender's name for it. Raises BatchError for an unknown column."""
    name, found = Path(path).name, items([path], columns)

    def renamed(item: Item) -> Item:
        if isinstance(item, Notice):
            where = (item.file or "").replace(path, label, 1)
            return replace(item, id=item.id.replace(name, label, 1), file=where)
        item.file = item.file.replace(path, label, 1)
        return item

    return map(renamed, found)


def answer(job: dict[str, Any], model: str) -> dict[str, Any]:
    """The answer to a job."""
    return _score(job["notice"], model, job["masked"]) if "notice" in job else _read(**job["read"])
