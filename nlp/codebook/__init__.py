"""The knowledge, as TOML beside this loader.

In: the ``*.toml`` files of this folder (or of another, for tests). Out: one immutable ``Codebook``.
Never judges a text: it holds entries and their compiled patterns, nothing else.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from nlp.codebook.needles import Index, alternation, quick

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent


class CodebookError(ValueError):
    """An entry of the codebook is wrong; the message names file, entry and cure."""


def any_of(words: Iterable[str]) -> str:
    """A regular expression, without a group around it, for any of these literal words; long ones before short ones."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


@dataclass(frozen=True)
class Entry:
    """One thing the codebook knows.

    ``patterns`` are regular expressions over clean text (half-width digits, full-width Chinese punctuation).
    ``overlaps`` names entries of the same file whose examples this one may also match. Everything a file adds beyond
    the common keys is in ``more``; ``index`` finds the patterns of all entries of the file together.
    """

    id: str
    name: str
    patterns: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    overlaps: tuple[str, ...] = ()
    source: str = ""
    since: str | None = None
    until: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    index: Index | None = field(default=None, repr=False, compare=False)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """All patterns as one alternation; longer alternatives must stand first in the file."""
        return quick(alternation(self.patterns))

    @cached_property
    def _index(self) -> Index:
        return self.index or Index({self.id: self.patterns})

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """Every match of the entry's patterns in ``text``, at little cost where it lacks their words."""
        return self._index.find(self.id, text)

    def search(self, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        """The first match in text[start:end], at little cost where ``text`` lacks the words of the patterns."""
        return self._index.search(self.id, text, start, end)

    def __getitem__(self, key: str) -> Any:
        return self.more[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.more.get(key, default)


_COMMON = {"id", "name", "patterns", "examples", "counterexamples", "overlaps", "source", "since", "until"}


@dataclass(frozen=True)
class Table:
    """The entries of one TOML file, in file order, by id; ``settings`` holds its other top-level keys."""

    name: str
    entries: Mapping[str, Entry]
    settings: Mapping[str, Any]
    index: Index = field(repr=False, compare=False)

    def candidates(self, text: str) -> list[Entry]:
        """The entries that may match in ``text``, in file order."""
        return [self.entries[name] for name in self.index.possible(text)]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __getitem__(self, key: str) -> Entry:
        return self.entries[key]

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True)
class Codebook:
    """All tables by file name (without .toml); ``fingerprint`` is a hash of all their bytes."""

    tables: Mapping[str, Table]
    fingerprint: str

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    @property
    def issues(self) -> Table:
        """The label space: the only list of labels there is."""
        return self.tables["issues"]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.issues.entries)


def _entry(file: str, raw: Mapping[str, Any]) -> Entry:
    for key in ("id", "name"):
        if not isinstance(raw.get(key), str):
            raise CodebookError(f"{file}: an entry lacks the text '{key}': {dict(raw)!r:.120}")
    common: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items() if k in _COMMON}
    entry = Entry(**common, more={k: v for k, v in raw.items() if k not in _COMMON})
    for pattern in entry.patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise CodebookError(
                f"{file}: entry '{entry.id}': pattern {pattern!r} is no regular expression: {error}"
            ) from error
    return entry


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises CodebookError naming it when it is not valid."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CodebookError(f"{path}: not valid TOML: {error}") from error


def load_table(path: Path) -> Table:
    """Read one file: every ``[[entry]]`` becomes an ``Entry``. Raises CodebookError naming file and entry."""
    data = read_toml(path)
    entries: dict[str, Entry] = {}
    for raw in data.pop("entry", []):
        entry = _entry(path.name, raw)
        if entry.id in entries:
            raise CodebookError(f"{path.name}: two entries with the id '{entry.id}'")
        entries[entry.id] = entry
    index = Index({entry.id: entry.patterns for entry in entries.values()})
    return Table(path.stem, {name: replace(entry, index=index) for name, entry in entries.items()}, data, index)


@cache
def load_codebook(folder: Path | None = None) -> Codebook:
    """The codebook of ``folder`` (default: the one shipped). Cached; the same object every time."""
    paths = sorted((folder or FOLDER).glob("*.toml"))
    if not paths:
        raise CodebookError(f"{folder or FOLDER}: no codebook here (no *.toml file)")
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return Codebook({path.stem: load_table(path) for path in paths}, digest.hexdigest()[:16])
