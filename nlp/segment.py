"""A text into words.

In: any text. Out: ``Word`` values that tile it: their texts joined are the text. Words are what the bag-of-words model
reads and what ``wenze segment`` shows; no fact is read off them. The tokenizer is our own: jieba's global dictionary is
never touched, and its cache on disk is neither read nor written (any user of the machine may have put it there).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from nlp.codebook import Entry, load_codebook
from nlp.types import Word

if TYPE_CHECKING:
    from jieba import Tokenizer

_WORD = re.compile(r"[\u3400-\u9fff]{2,12}")
_PIECE = re.compile(r"[^。\n]{1,4000}[。\n]?|[。\n]")


@cache
def terms() -> tuple[str, ...]:
    """The codebook's words, shorter first: all ``words``; of the ``named`` files entry names and plain patterns too."""
    tables = load_codebook().tables
    named = set(_strings(tables["words"].settings["named"]))
    found: set[str] = set()
    for table in tables.values():
        found.update(_strings(table.settings.get("words")))
        for entry in table:
            found.update(_strings(entry.get("words")))
            if table.name in named:
                found.update((entry.name, *_plain_patterns(entry)))
    return tuple(sorted((word for word in found if _WORD.fullmatch(word)), key=lambda word: (len(word), word)))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        yield from (item for item in value if isinstance(item, str))


def _plain_patterns(entry: Entry) -> Iterator[str]:
    """The patterns that are nothing but words: 谈话提醒|提醒约谈, not 撤销.*职务."""
    for pattern in entry.patterns:
        parts = pattern.split("|")
        if all(map(_WORD.fullmatch, parts)):
            yield from parts


@cache
def tokenizer() -> Tokenizer:
    """Our tokenizer: jieba's words and the codebook's, built when first used (about a second)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's sources warn of their own escapes when first compiled
        import jieba

    own = jieba.Tokenizer()
    own.FREQ, own.total = own.gen_pfdict(own.get_dict_file())
    own.initialized = True
    for word in terms():  # shorter first: a frequency that keeps a long word whole counts on those of its parts
        own.add_word(word)
    return own


def segment(text: str) -> list[Word]:
    """The words of a text with their offsets in it, blanks and marks included; the words joined are the text."""
    own = tokenizer()
    return [
        Word(word, piece.start() + start, piece.start() + end)
        for piece in _PIECE.finditer(text)
        for word, start, end in own.tokenize(piece[0])
    ]
