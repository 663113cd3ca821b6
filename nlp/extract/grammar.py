"""The patterns of grammar.toml, compiled.

In: the name of an entry. Out: its regular expression, with %other% entries and %post% put in. Knows no word itself.
"""

from __future__ import annotations

import re
from functools import cache

from nlp.codebook import CodebookError, load_codebook
from nlp.codebook.needles import alternation, quick
from nlp.extract.posts import head_pattern


@cache
def source(name: str) -> str:
    """The regular expression of an entry as text. Raises CodebookError for a name that grammar.toml does not hold."""
    if name == "post":
        return head_pattern()
    value = load_codebook()["grammar"].settings.get(name)
    if value is None:
        raise CodebookError(f"grammar.toml: no entry '{name}'")
    text = value if isinstance(value, str) else alternation(value)
    return re.sub(r"%(\w+)%", lambda m: f"(?:{source(m[1])})", text)


@cache
def pattern(name: str) -> re.Pattern[str]:
    """An entry of grammar.toml, compiled."""
    return quick(source(name))


@cache
def each(name: str) -> tuple[re.Pattern[str], ...]:
    """The patterns of a list one by one."""
    return tuple(quick(p) for p in load_codebook()["grammar"].settings[name])
