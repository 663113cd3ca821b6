"""The place an organ's name tells: 中共榆泽市东浦区纪委 -> 榆泽市东浦区, county level.

In: the name of an organ. Out: the place and its level. Knows no map: a place is what the name says, no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nlp.codebook import load_codebook


@dataclass(frozen=True, slots=True)
class Region:
    """A place; ``level`` is an id of regions.toml, ``name`` None where the name tells the level alone (县纪委)."""

    name: str | None
    level: str


def region(organ: str) -> Region | None:
    """The place at the head of an organ's name, to its lowest step; None where it names none."""
    table = load_codebook()["regions"]
    rest = re.sub(table.settings["lead_ins"], "", organ.strip())
    steps: list[str] = []
    level = None
    for entry in table:
        if step := entry.regex.match(rest):
            level = entry.id
            rest = rest[step.end() :]
            steps.append(step.group())
    if level is None:
        return None
    named = "".join(step for step in steps if step not in table.settings["bare"])
    return Region("中央" if level == "central" else named or None, level)
