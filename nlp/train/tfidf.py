"""Training of the TF-IDF model: settings by cross-validation, calibration, thresholds, figures.

In: gold cases of train and dev. Out: a ``Trained`` model with all that is told of it. Test is never read. Settings are
searched on train, folds grouped by ``author_pass`` so that no writer stands on both sides; a case that the gold leaves
unsure is left out of that label. Probabilities by Platt on the out-of-fold margins, thresholds on dev.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.svm import LinearSVC

from nlp.classify.odds import sigmoid
from nlp.classify.tfidf import Reads, TfidfClassifier, fields, places, together
from nlp.codebook import load_codebook
from nlp.gold import GoldCase
from nlp.train.calibration import platt
from nlp.train.figures import figures, mean_average_precision, verdicts_of
from nlp.train.trained import Progress, Trained, TrainingError, finish, text_of

Array = NDArray[Any]
Kind = Literal["svm", "logistic"]
_FOLDS = 5
_WIDEST = Reads(characters=4, words=2)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is chosen by cross-validation.

    ``characters`` and ``words`` are the longest n-grams, ``least`` the number of cases a feature must stand in,
    ``kept`` how many n-grams stay (those of the greatest weight for any label), ``fields`` the weight of the field
    tokens beside the text, ``c`` the inverse of the L2 penalty.
    """

    characters: int = 4
    words: int = 2
    least: int = 3
    kept: int = 20_000
    fields: float = 0.3
    kind: Kind = "svm"
    c: float = 1.0

    @property
    def reads(self) -> Reads:
        return Reads(self.characters, self.words, self.fields)


# Each step varies the best settings of the steps before it.
STEPS: tuple[tuple[Mapping[str, Any], ...], ...] = (
    tuple({"characters": c, "words": w} for c, w in ((4, 2), (3, 2), (3, 1), (4, 0), (0, 2))),
    tuple({"least": n} for n in (2, 5)),
    tuple({"kept": n} for n in (10_000, 40_000)),
    tuple({"fields": share} for share in (0.0, 0.15, 0.45)),
    ({"c": 0.3}, {"c": 3.0}, {"c": 10.0}, {"kind": "logistic", "c": 10.0}, {"kind": "logistic", "c": 30.0}),
)


# ------------------------------------------------------------ cases as counts


@dataclass(frozen=True)
class Corpus:
    """n cases as counts of their features: n-grams and field tokens, those that stand in two cases at least."""

    features: tuple[str, ...]
    counts: Any
    verdicts: Array
    groups: Array

    def at(self, rows: Array) -> Corpus:
        return Corpus(self.features, self.counts[rows], self.verdicts[rows], self.groups[rows])

    def of(self, reads: Reads, *, text: bool) -> Array:
        """The columns of the n-grams that ``reads`` reads, or those of the field tokens."""
        wanted = _is_read if text else _is_field
        return np.array([n for n, feature in enumerate(self.features) if wanted(feature, reads)], dtype=np.intp)


def _is_field(feature: str, reads: Reads) -> bool:
    return feature[0] == "f" and reads.fields > 0


def _is_read(feature: str, reads: Reads) -> bool:
    kind, gram = feature[0], feature[1:]
    return (kind == "c" and len(gram) <= reads.characters) or (kind == "w" and gram.count(" ") < reads.words)


def corpus(cases: Sequence[GoldCase]) -> Corpus:
    """Gold cases as counts."""
    found = [_read(text_of(case)) for case in cases]
    numbers = Counter(feature for counts in found for feature in counts)
    features = tuple(sorted(feature for feature, n in numbers.items() if n > 1))
    column = {feature: n for n, feature in enumerate(features)}
    known = [(row, column[f], n) for row, counts in enumerate(found) for f, n in counts.items() if f in column]
    rows, columns, values = (np.array(part) for part in zip(*known, strict=True))
    matrix = sparse.csr_matrix((values.astype(float), (rows, columns)), shape=(len(cases), len(features)))
    return Corpus(features, matrix, verdicts_of(cases), np.array([case.author_pass for case in cases]))


def _read(text: str) -> Counter[str]:
    return together(places(text, _WIDEST)) + fields(text)


# ------------------------------------------------------------ one fit


@dataclass(frozen=True)
class Fitted:
    """A linear model over some columns of a corpus: first those of the text, then those of the fields."""

    text: Array
    fields: Array
    idf: Array
    weights: Array
    bias: Array
    share: float

    def margins(self, counts: Any) -> Array:
        return np.asarray(self._vectors(counts) @ self.weights + self.bias)

    def _vectors(self, counts: Any) -> Any:
        return _vectors(counts, self.text, self.fields, self.idf, self.share)


def _vectors(counts: Any, text: Array, of_fields: Array, idf: Array, share: float) -> Any:
    parts = [_unit(counts[:, text], idf[: len(text)])]
    if share:
        parts.append(share * _unit(counts[:, of_fields], idf[len(text) :]))
    return sparse.hstack(parts).tocsr()


def _unit(counts: Any, idf: Array) -> Any:
    """Sublinear tf times idf, rows of unit length."""
    if not len(idf):
        return counts
    weighed = counts.copy()
    weighed.data = 1 + np.log(weighed.data)
    weighed = weighed @ sparse.diags(idf)
    lengths = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ weighed).tocsr()


def fit(known: Corpus, settings: Settings, *, seed: int = 0, text: bool = True) -> Fitted:
    """Fit on all rows of ``known``; with ``text`` false on the field tokens alone."""
    of_text = known.of(settings.reads, text=True) if text else np.array([], dtype=np.intp)
    of_fields = known.of(settings.reads, text=False)
    documents = np.asarray((known.counts > 0).sum(axis=0)).ravel()
    of_text, of_fields = (columns[documents[columns] >= settings.least] for columns in (of_text, of_fields))
    idf = np.log((1 + known.counts.shape[0]) / (1 + documents)) + 1
    if len(of_text) > settings.kept:
        vectors = _unit(known.counts[:, of_text], idf[of_text])
        weights, _ = _linear(vectors, known.verdicts, Settings(), seed)
        strongest = np.argsort(-np.abs(weights).max(axis=1), kind="stable")[: settings.kept]
        of_text = of_text[np.sort(strongest)]
    chosen = idf[np.concatenate([of_text, of_fields])]
    vectors = _vectors(known.counts, of_text, of_fields, chosen, settings.fields)
    return Fitted(of_text, of_fields, chosen, *_linear(vectors, known.verdicts, settings, seed), settings.fields)


def _linear(vectors: Any, verdicts: Array, settings: Settings, seed: int) -> tuple[Array, Array]:
    """Weights k x labels and bias; zero for a label of which there are not both kinds of cases."""
    weights, bias = np.zeros((vectors.shape[1], verdicts.shape[1])), np.zeros(verdicts.shape[1])
    for k in range(verdicts.shape[1]):
        rows = np.flatnonzero(verdicts[:, k] >= 0)
        if len(set(verdicts[rows, k])) == 2:
            machine = _machine(settings, seed).fit(vectors[rows], verdicts[rows, k])
            weights[:, k], bias[k] = machine.coef_[0], machine.intercept_[0]
    return weights, bias


def _machine(settings: Settings, seed: int) -> Any:
    if settings.kind == "svm":
        return LinearSVC(C=settings.c, class_weight="balanced", random_state=seed, max_iter=5000)
    how: dict[str, Any] = {"solver": "liblinear", "dual": True, "max_iter": 1000}
    return LogisticRegression(C=settings.c, class_weight="balanced", random_state=seed, **how)


# ------------------------------------------------------------ search and calibration


def out_of_fold(known: Corpus, settings: Settings, *, seed: int = 0, text: bool = True) -> Array:
    """The margin of every case from a model that has seen no case of its author pass."""
    margins = np.zeros(known.verdicts.shape)
    folds = GroupKFold(min(_FOLDS, len(set(known.groups))))
    for rows, held in folds.split(margins, groups=known.groups):
        margins[held] = fit(known.at(rows), settings, seed=seed, text=text).margins(known.counts[held])
    return margins


def search(
    known: Corpus, *, seed: int = 0, steps: Iterable[Iterable[Mapping[str, Any]]] = STEPS, progress: Progress
) -> tuple[Settings, Array, list[dict[str, Any]]]:
    """The best settings by mean average precision over labels, their margins out of fold, and all that was tried."""
    tried: list[dict[str, Any]] = []

    def attempt(settings: Settings) -> tuple[float, Array]:
        margins = out_of_fold(known, settings, seed=seed)
        reached = mean_average_precision(known.verdicts, margins)
        tried.append({**asdict(settings), "mean_pr_auc": reached})
        progress(f"交叉验证 {len(tried)}：平均 PR-AUC {reached:.4f}（{settings}）")
        return reached, margins

    best = Settings()
    reached, margins = attempt(best)
    for step in steps:
        for settings in [replace(best, **change) for change in step]:
            if settings == best:
                continue
            found, held = attempt(settings)
            if found > reached:
                best, reached, margins = settings, found, held
    return best, margins, tried


def _classifier(known: Corpus, settings: Settings, margins: Array, seed: int, *, text: bool = True) -> TfidfClassifier:
    fitted = fit(known, settings, seed=seed, text=text)
    slope, offset = platt(margins, known.verdicts)
    vocabulary = tuple(known.features[n] for n in np.concatenate([fitted.text, fitted.fields]))
    weights = fitted.weights.astype(np.float16)
    return TfidfClassifier(settings.reads, vocabulary, fitted.idf, weights, fitted.bias, slope, offset)


# ------------------------------------------------------------ the whole


def train(
    cases: Sequence[GoldCase],
    *,
    seed: int = 0,
    steps: Iterable[Iterable[Mapping[str, Any]]] = STEPS,
    progress: Progress = lambda _: None,
) -> Trained:
    """Train on the cases of train, choose thresholds on those of dev. Raises TrainingError where either is missing."""
    began = perf_counter()
    learnt, dev = ([case for case in cases if case.split == split] for split in ("train", "dev"))
    if not dev or len({case.author_pass for case in learnt}) < 2:
        raise TrainingError("训练集至少要有两个撰写批次（author_pass）的案件，还要有选阈值用的 dev 案件")
    progress(f"读入训练案件 {len(learnt)} 起、dev 案件 {len(dev)} 起")
    known = corpus(learnt)
    if not ((known.verdicts == 1).any(axis=0) & (known.verdicts == 0).any(axis=0)).any():
        raise TrainingError("训练集里没有一个标签既有“是”又有“否”的案件，无从学起")
    best, margins, tried = search(known, seed=seed, steps=steps, progress=progress)
    model = _classifier(known, best, margins, seed)
    progress("比较只用正文、只用字段、两者并用")
    told = {
        "train_cases": len(learnt),
        "train_passes": len(set(known.groups)),
        "train_positives": dict(zip(load_codebook().labels, map(int, (known.verdicts == 1).sum(axis=0)), strict=True)),
        "settings": asdict(best),
        "search": tried,
        "ablation": _ablation(known, best, dev, [text_of(case) for case in dev], seed),
        "features": len(model.vocabulary),
        "seconds": round(perf_counter() - began, 1),
    }
    trained = finish("tfidf", model, dev, told, seed=seed)
    held = sigmoid(model.slope * margins + model.offset)
    out_of_fold = figures(learnt, held, trained.unsure, trained.yes, seed=seed)
    return replace(trained, metrics={**trained.metrics, "out_of_fold": out_of_fold})


def _ablation(
    known: Corpus, best: Settings, dev: Sequence[GoldCase], texts: Sequence[str], seed: int
) -> dict[str, dict[str, float]]:
    """Mean average precision of text alone, fields alone, and both; out of fold on train, and on dev."""
    share = best.fields or Settings().fields
    kinds = {"text": (0.0, True), "fields": (1.0, False), "both": (share, True)}
    found = {}
    for name, (fields_share, text) in kinds.items():
        settings = replace(best, fields=fields_share)
        margins = out_of_fold(known, settings, seed=seed, text=text)
        values = _classifier(known, settings, margins, seed, text=text).score(texts).values
        found[name] = {
            "out_of_fold": mean_average_precision(known.verdicts, margins),
            "dev": mean_average_precision(verdicts_of(dev), values),
        }
    return found
