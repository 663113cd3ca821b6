"""The province that a text names, by the codes of the state standard GB/T 2260 (package gb2260).

In: the name of an organ, a title or a post. Out: the name of one province, or None. Never guesses: a place of which
there are several in the country, and a text that names places of two provinces, give none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from nlp.codebook import any_of, load_codebook


@cache
def _provinces() -> tuple[Mapping[str, str], re.Pattern[str]]:
    """Names of places with the one province each lies in, and a pattern of them all, long names first."""
    from gb2260.data import data

    settings = load_codebook()["corpus"].settings
    ending, unnamed = re.compile(settings["province_endings"]), re.compile(settings["not_named"])
    homes: dict[str, set[str]] = {}
    latest = data[None]
    for year in data.values():
        for code, name in year.items():
            home = latest.get(code // 10_000 * 10_000)
            if home is None or unnamed.search(name):
                continue
            if code % 10_000 == 0:
                homes.setdefault(ending.sub("", home), set()).add(home)
                homes.setdefault(home, set()).add(home)
            elif len(name) > 2:
                homes.setdefault(name, set()).add(home)
    sure = {name: next(iter(found)) for name, found in homes.items() if len(found) == 1}
    return sure, re.compile(f"(?:{any_of(homes)})(?!{settings['not_a_place']})")


@lru_cache(maxsize=65_536)
def province(text: str) -> str | None:
    """The one province that the places in ``text`` lie in."""
    sure, pattern = _provinces()
    found = {sure[match[0]] for match in pattern.finditer(text) if match[0] in sure}
    return found.pop() if len(found) == 1 else None
