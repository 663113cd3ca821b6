"""Gold cases written as the files that the commands read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from nlp.gold import GoldCase

_PLAIN = ("id", "split", "author_pass", "style", "field_of_work", "text")


def write_cases(path: Path, cases: Iterable[GoldCase]) -> Path:
    """One case a line, without fields."""
    rows = [
        {
            **{key: getattr(case, key) for key in _PLAIN},
            "labels": {
                label: {"verdict": one.verdict, "basis": one.basis, "evidence": one.evidence}
                for label, one in case.labels.items()
            },
            "near_miss_of": [],
            "fields": None,
            "note": "",
        }
        for case in cases
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
