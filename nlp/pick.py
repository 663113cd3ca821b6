"""Which unlabelled cases are worth annotating: those the model is least sure of, each unlike the others.

In: cases without labels, and a trained model. Out: the cases to annotate in order, each with the reason in Chinese.
A case is as uncertain as its least certain labels: the mean distance of probability and threshold, on the logit scale,
over the ``labels`` nearest to their thresholds (Lewis & Gale 1994). Of the most uncertain, those are taken that lie
farthest from what has been taken already (greedy k-center, Gonzalez 1985; Sener & Savarese 2018), by the cosine of
TF-IDF vectors of character n-grams. Never judges a case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify import RULES, Model, load_model
from nlp.classify.odds import logit
from nlp.clean import clean
from nlp.codebook import load_codebook
from nlp.split import split
from nlp.types import Case, IssueId, Notice

Array = NDArray[Any]
LABELS, POOL = 3, 5
_LEAST = 1e-4  # probabilities nearer to 0 or 1 are taken for this, so that every distance is finite


class PickError(ValueError):
    """Nothing can be picked; the message (Chinese) says why and what to do."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A case worth annotating; ``scores`` is the probability of every label."""

    id: str
    text: str
    why: str
    scores: Mapping[IssueId, float]


def cases_of(notices: Iterable[Notice]) -> Iterator[Case]:
    """The cases of notices; a notice that holds none gives none."""
    for notice in notices:
        yield from split(clean(notice)).cases


def pick(cases: Sequence[Case], n: int, *, model: str = "tfidf", labels: int = LABELS, pool: int = POOL) -> list[Pick]:
    """At most ``n`` cases in the order of their worth, out of the ``n * pool`` most uncertain.

    Raises PickError for the rules, which give no probability, or without a case; ModelNotAvailable.
    """
    if model == RULES:
        raise PickError("规则不给概率，无从知道哪里没有把握。请用 --model 指明一个训练所得的模型，例如 tfidf")
    if not cases:
        raise PickError("输入里没有可挑选的案件。请检查路径，或看看通报里有没有问责案件")
    loaded = load_model(model)
    values = loaded.classifier.score([case.text for case in cases]).values
    names = loaded.classifier.labels
    far = distances(values, np.array([loaded.thresholds[label][1] for label in names]))
    chosen = choose(far, vectors([case.text for case in cases]), n, labels=labels, pool=pool)
    return [
        Pick(
            id=cases[row].id,
            text=cases[row].text,
            why=_why(values[row], np.argsort(far[row], kind="stable")[:labels], loaded, likeness),
            scores={label: round(float(value), 4) for label, value in zip(names, values[row], strict=True)},
        )
        for row, likeness in chosen
    ]


def distances(values: Array, thresholds: Array) -> Array:
    """How far each of n x k probabilities lies from its label's threshold, on the logit scale."""
    return np.asarray(np.abs(logit(values, _LEAST) - logit(thresholds, _LEAST)))


def vectors(texts: Sequence[str]) -> Any:
    """TF-IDF of the texts, n x features, rows of unit length."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char", ngram_range=(2, 3), sublinear_tf=True, max_features=50_000).fit_transform(
        texts
    )


def choose(far: Array, unit: Any, n: int, *, labels: int = LABELS, pool: int = POOL) -> list[tuple[int, float | None]]:
    """At most ``n`` rows, each with its likeness to the nearest row before it; None for the first.

    ``far`` is n x k distances from the thresholds, ``unit`` sparse rows of unit length.
    """
    uncertain = np.sort(far, axis=1)[:, :labels].mean(axis=1)
    rows = np.argsort(uncertain, kind="stable")[: n * pool]
    near = np.full(len(rows), -np.inf)
    chosen: list[tuple[int, float | None]] = []
    at = 0  # the most uncertain begins
    while len(chosen) < min(n, len(rows)):
        chosen.append((int(rows[at]), float(near[at]) if chosen else None))
        near = np.maximum(near, np.asarray((unit[rows] @ unit[rows[at]].T).todense()).ravel())
        near[at] = np.inf  # taken
        at = int(np.argmin(near))
    return chosen


def _why(values: Array, doubtful: Array, model: Model, likeness: float | None) -> str:
    issues = load_codebook().issues
    names = [model.classifier.labels[k] for k in doubtful]
    told = "、".join(
        f"{issues[name].name}（概率 {value:.2f}，判“是”起于 {model.thresholds[name][1]:.2f}）"
        for name, value in zip(names, values[doubtful], strict=True)
    )
    unlike = "所有案件中最没有把握的一起" if likeness is None else f"与前面选出的案件最多相似 {likeness:.2f}"
    return f"最没有把握的标签：{told}；{unlike}"
