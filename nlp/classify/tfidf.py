"""Characters, words and what was read off the case, weighed: a linear model for each label.

In: texts. Out: calibrated probabilities, and the clauses that speak most for a label. N-grams cross no clause.
Needs numpy alone; never applies a threshold and never unpickles. Trained by ``nlp.train.tfidf``.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify.base import RETRAIN, check_labels, read_json, read_record, write_labels
from nlp.classify.clauses import STOPS, clauses
from nlp.classify.odds import sigmoid
from nlp.classify.tokens import field_tokens
from nlp.classify.whole import whole
from nlp.codebook import load_codebook
from nlp.segment import segment
from nlp.shelves import ModelNotAvailable
from nlp.types import IssueId, Scores, Span

_DIGIT = re.compile(r"\d")
# What a clause must add to the logit, and what share of the best clause's part, to count as evidence (by gold of dev).
_LEAST, _SHARE = 0.5, 0.4

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reads:
    """What a model reads: the longest n-grams of characters and of words (0: none), and the weight of the fields.

    ``fields`` is the length of the vector of field tokens beside that of the text, which is 1; 0: not read.
    """

    characters: int = 4
    words: int = 2
    fields: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """A clause of a text, [start, end), with its n-grams: characters as 'c…', words as 'w… …'; digits are alike."""

    start: int
    end: int
    grams: Counter[str]


@lru_cache(maxsize=8)
def places(text: str, reads: Reads) -> list[Place]:
    """The clauses of a text, each with its n-grams."""
    return [Place(s.start, s.end, Counter(_grams(text[s.start : s.end], reads))) for s in clauses(text)]


def together(found: Iterable[Place]) -> Counter[str]:
    """The n-grams of several clauses."""
    counts: Counter[str] = Counter()
    for place in found:
        counts.update(place.grams)
    return counts


def _grams(clause: str, reads: Reads) -> Iterator[str]:
    plain = _DIGIT.sub("0", clause.rstrip(STOPS))
    yield from ("c" + gram for gram in _runs(plain, reads.characters, ""))
    if reads.words:
        words = [word.text for word in segment(plain) if not word.text.isspace()]
        yield from ("w" + gram for gram in _runs(words, reads.words, " "))


def _runs(items: Sequence[str], longest: int, glue: str) -> Iterator[str]:
    for n in range(1, longest + 1):
        for at in range(len(items) - n + 1):
            yield glue.join(items[at : at + n])


def fields(text: str) -> Counter[str]:
    """The field tokens of a text taken as one case, each as 'f…'."""
    _, extraction = whole(text)
    return Counter({"f" + token: n for token, n in field_tokens(extraction).items()})


@dataclass(frozen=True, eq=False)
class TfidfClassifier:
    """``vocabulary``: k features with ``idf`` (k). ``weights`` (k x labels) and ``bias`` give each label a margin, and
    1 / (1 + exp(-(slope * margin + offset))) makes it a probability (Platt 1999).
    """

    reads: Reads
    vocabulary: tuple[str, ...]
    idf: Floats
    weights: NDArray[np.float16]
    bias: Floats
    slope: Floats
    offset: Floats

    _SETTINGS = "settings.json"
    _VOCABULARY = "vocabulary.json"
    _WEIGHTS = "weights.npz"

    @property
    def labels(self) -> tuple[IssueId, ...]:
        return load_codebook().labels

    @cached_property
    def _column(self) -> dict[str, int]:
        return {feature: n for n, feature in enumerate(self.vocabulary)}

    def score(self, texts: Sequence[str]) -> Scores:
        """Probabilities, n texts x k labels."""
        values = np.zeros((len(texts), len(self.labels)))
        for row, text in enumerate(texts):
            values[row] = sigmoid(self.slope * self._margins(text) + self.offset)
        return Scores(self.labels, values)

    def explain(self, text: str, label: IssueId) -> tuple[Span, ...]:
        """The clauses whose n-grams speak for ``label``: the best, and those nearly as telling; () where none is."""
        found = places(text, self.reads)
        counts = together(found)
        label_column = self.labels.index(label)
        columns, values = self._weighed(counts)
        spoken = self.slope[label_column] * values * self.weights[columns, label_column]
        grams = [self.vocabulary[column] for column in columns]
        share = {gram: float(part) / counts[gram] for gram, part in zip(grams, spoken, strict=True)}
        said = [sum(share.get(gram, 0.0) * n for gram, n in place.grams.items()) for place in found]
        least = max([_LEAST, *(_SHARE * one for one in said)])
        return tuple(Span(p.start, p.end) for p, one in zip(found, said, strict=True) if one >= least)

    def _margins(self, text: str) -> Floats:
        counts = together(places(text, self.reads))
        margins = self.bias + self._spoken(counts)
        return margins + self.reads.fields * self._spoken(fields(text)) if self.reads.fields else margins

    def _spoken(self, counts: Counter[str]) -> Floats:
        columns, values = self._weighed(counts)
        return np.asarray(values @ self.weights[columns].astype(np.float64))

    def _weighed(self, counts: Counter[str]) -> tuple[NDArray[np.intp], Floats]:
        """Columns of the known features, and sublinear tf times idf of unit length."""
        known = sorted((self._column[feature], n) for feature, n in counts.items() if feature in self._column)
        columns = np.array([column for column, _ in known], dtype=np.intp)
        values = (1 + np.log(np.array([n for _, n in known], dtype=np.float64))) * self.idf[columns]
        length = float(np.sqrt(values @ values))
        return columns, values / length if length else values

    def save(self, folder: Path) -> None:
        """Write labels, settings and vocabulary as JSON, numbers as NPZ."""
        folder.mkdir(parents=True, exist_ok=True)
        write_labels(folder, "tfidf")
        for name, content in ((self._SETTINGS, asdict(self.reads)), (self._VOCABULARY, self.vocabulary)):
            (folder / name).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        numbers = {name: getattr(self, name) for name in ("idf", "weights", "bias", "slope", "offset")}
        np.savez_compressed(folder / self._WEIGHTS, **numbers)

    @classmethod
    def load(cls, folder: Path) -> TfidfClassifier:
        """The model saved in ``folder``. Raises ModelNotAvailable when it does not fit this codebook or is damaged."""
        check_labels(folder)
        settings, vocabulary = read_record(folder / cls._SETTINGS), read_json(folder / cls._VOCABULARY)
        numbers = _numbers(folder / cls._WEIGHTS)
        k, labels = len(vocabulary), len(load_codebook().labels)
        shapes = {"idf": (k,), "weights": (k, labels), "bias": (labels,), "slope": (labels,), "offset": (labels,)}
        if {name: array.shape for name, array in numbers.items()} != shapes:
            raise ModelNotAvailable(f"模型文件 {folder / cls._WEIGHTS} 与词表或标签对不上。{RETRAIN}")
        if set(settings) != {field.name for field in dataclass_fields(Reads)}:
            raise ModelNotAvailable(f"模型文件 {folder / cls._SETTINGS} 的键不是本版本所知的。{RETRAIN}")
        return cls(Reads(**settings), tuple(vocabulary), **numbers)


def _numbers(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise ModelNotAvailable(f"模型文件夹 {path.parent} 不完整：缺少 {path.name}。{RETRAIN}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelNotAvailable(f"模型文件 {path} 已损坏：{error}。{RETRAIN}") from error
