"""Names as a trained model sees them: a conditional random field over characters, beside the grammar of ``names``.

In: a text, and where its head words of posts, its organs and its measures stand. Out: ranges that read as names of
persons, each with its probability. The model (``models/names``) is made by ``nlp.train.names``; sentences that tell of
neither post nor measure are not looked at. Never decides alone: ``people`` weighs what it says against the grammar.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from threading import local

from nlp.extract.names import lexicon
from nlp.extract.phrases import Range, Ranges
from nlp.shelves import ModelNotAvailable, shelved

MODEL, MODEL_FILE = "names", "model.crfsuite"
OUTSIDE, BEGIN, INSIDE, END = "O", "B", "I", "E"
_SENTENCE = re.compile(r"[^。！？\n]+[。！？]?")
_BEFORE, _AFTER = 3, 4  # characters a feature looks back and on
_MARKS = "，。、；：（）《》“”\n"
_SIGNS = {**dict.fromkeys("0123456789", "0"), **{mark: mark for mark in _MARKS}}
_NAME = re.compile(f"{BEGIN}{INSIDE}*{END}")
_threads = local()  # a model holds the sentence it is at


def sentences(text: str, heads: Sequence[Range], blocked: Ranges) -> Iterator[Range]:
    """The sentences in which a post or a measure stands."""
    posts = Ranges(heads)
    for match in _SENTENCE.finditer(text):
        if posts.hit(*match.span()) or blocked.hit(*match.span()):
            yield match.span()


class Features:
    """What is told of the characters of a text: their neighbours, one, two and three together; whether surnames, posts,
    organs and measures begin or end there; how often the words there are met; the kinds of signs around."""

    def __init__(self, text: str, heads: Sequence[Range], organs: Sequence[Range], blocked: Ranges) -> None:
        self._columns = _columns(text, heads, organs, blocked)

    def of(self, start: int, end: int) -> list[list[str]]:
        """The features of each character of [start, end)."""
        return [list(told) for told in zip(*(column[start:end] for column in self._columns), strict=True)]


def _columns(text: str, heads: Sequence[Range], organs: Sequence[Range], blocked: Ranges) -> list[list[str]]:
    """Each feature, of every character."""
    padded = "\n" * _BEFORE + text + "\n" * _AFTER
    ones = list(padded)
    twos = [one + other for one, other in pairwise(ones)]
    threes = [two + other for two, other in zip(twos, ones[2:], strict=False)]
    double, single = lexicon().double, lexicon().single
    family = ["d" if two in double else "s" if two[0] in single else "" for two in twos]
    often, longer = _often(twos), _often(threes)
    marks = _marks(len(padded), heads, organs, blocked)
    signs = [_SIGNS.get(one, "x") for one in ones]
    return [
        *(_column(f"a{at}", at, text, ones) for at in range(-3, 4)),
        *(_column(f"b{at}", at, text, twos) for at in range(-2, 3)),
        *(_column(f"c{at}", at, text, threes) for at in (-3, 0, 1)),
        *(_column(f"m{at}", at, text, marks) for at in range(-2, 4)),
        _column("s", -2, text, ["|".join(three) for three in zip(family, family[1:], family[2:], strict=False)]),
        _column(
            "n",
            -2,
            text,
            ["|".join(met) for met in zip(longer, often[1:], longer[1:], often[2:], longer[2:], strict=False)],
        ),
        _column("k", -1, text, ["".join(five) for five in zip(*(signs[at:] for at in range(5)), strict=False)]),
    ]


def _column(name: str, at: int, text: str, values: Sequence[str]) -> list[str]:
    """One feature of every character: what stands ``at`` places from it in the padded text."""
    first = _BEFORE + at
    return [f"{name}={value}" for value in values[first : first + len(text)]]


def _marks(length: int, heads: Sequence[Range], organs: Sequence[Range], blocked: Ranges) -> list[str]:
    """At each place of the padded text: an organ or a post ends, a measure begins or ends."""
    marks = [""] * (length + 1)
    for sign, ends in (("o", organs), ("h", heads)):
        for _, end in ends:
            marks[end + _BEFORE] += sign
    for start, end in blocked.items:
        marks[start + _BEFORE] += "m"
        marks[end + _BEFORE] += "e"
    return marks


def _often(words: Sequence[str]) -> list[str]:
    """How often each word of the padded text is met: once, twice, more."""
    met = Counter(words)
    return ["" if met[word] < 2 else "2" if met[word] == 2 else "3" for word in words]


def tagged_names(
    text: str, heads: Sequence[Range], organs: Sequence[Range], blocked: Ranges, *, model: Model | None = None
) -> list[tuple[int, int, float]]:
    """The names of two characters and more that the model reads, in order: start, end, probability of both."""
    told = list(sentences(text, heads, blocked))
    if not told:
        return []
    found, model = Features(text, heads, organs, blocked), model or _shipped()
    return [name for start, end in told for name in model.names(found.of(start, end), start)]


class Model:
    """What ``nlp.train.names`` made, for one thread."""

    def __init__(self, content: bytes) -> None:
        import pycrfsuite

        self._content = content  # CRFsuite reads on in these very bytes
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(content)

    def names(self, told: list[list[str]], at: int) -> Iterator[tuple[int, int, float]]:
        """The names of one sentence, told by its features, that begins ``at`` a place of the text."""
        self._tagger.set(told)
        for match in _NAME.finditer("".join(self._tagger.tag())):
            start, end = match.span()
            probability = min(self._tagger.marginal(BEGIN, start), self._tagger.marginal(END, end - 1))
            yield at + start, at + end, probability


@cache
def model_content() -> bytes:
    """The bytes of the shipped model, by which results are told apart. Raises ModelNotAvailable."""
    folder = shelved(MODEL, MODEL_FILE)
    if folder is None:
        raise ModelNotAvailable(f"安装里没有模型 {MODEL} 的文件 {MODEL_FILE}。请重新安装 wenze")
    return (folder / MODEL_FILE).read_bytes()


def _shipped() -> Model:
    """The shipped model, one of its own for each thread."""
    if not hasattr(_threads, "model"):
        _threads.model = Model(model_content())
    model: Model = _threads.model
    return model
