"""Labels of the gold that are likely wrong, told by a model that has not seen the case (confident learning).

In: judged cases. Out: the pairs of case and label whose verdict cleanlab holds for an error, the least likely verdict
first. Probabilities are those of the TF-IDF model out of fold, folds grouped by author pass; what the gold leaves
unsure is left out of its label. Never changes the gold.

Northcutt, Jiang, Chuang: Confident Learning (2021).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nlp.classify import shipped
from nlp.classify.odds import sigmoid
from nlp.codebook import load_codebook
from nlp.gold import GoldCase
from nlp.train.calibration import platt
from nlp.train.tfidf import Settings, corpus, out_of_fold
from nlp.types import Basis, IssueId

Array = NDArray[Any]
Progress = Callable[[str], None]


class SuspectsError(ValueError):
    """Suspects cannot be looked for; the message (Chinese) says why and what to do."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A given verdict that is likely wrong. ``probability`` is that of ``yes``, ``quality`` the label quality score:
    the probability of the given verdict.
    """

    case: str
    label: IssueId
    given: Literal["yes", "no"]
    basis: Basis | None
    gold_evidence: str
    probability: float
    quality: float
    text: str


@dataclass(frozen=True, slots=True)
class Suspects:
    """What came of the search; ``judged`` counts the pairs of case and label that were looked at."""

    cases: int
    judged: int
    found: tuple[Suspect, ...]


def settings_of(folder: Path) -> Settings:
    """The settings that a TF-IDF model was trained with."""
    return Settings(**json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["settings"])


def suspects(
    cases: Sequence[GoldCase],
    *,
    settings: Settings | None = None,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> Suspects:
    """The likely label errors of the cases; ``settings`` are by default those of the shipped TF-IDF model.

    Raises SuspectsError where cleanlab is not installed or the cases are of one author pass.
    """
    _cleanlab()  # before the long work
    if len({case.author_pass for case in cases}) < 2:
        raise SuspectsError("至少要有两个撰写批次（author_pass）的案件，才能由没有见过该批次的模型打分")
    chosen = settings or settings_of(shipped("tfidf"))
    progress(f"读入案件 {len(cases)} 起，读取特征")
    known = corpus(cases)
    progress("按撰写批次分组交叉验证，求折外概率")
    margins = out_of_fold(known, chosen, seed=seed)
    slope, offset = platt(margins, known.verdicts)
    probabilities = sigmoid(slope * margins + offset)
    wrong, quality = label_errors(known.verdicts, probabilities)
    rows, columns = np.nonzero(wrong)
    order = np.argsort(quality[rows, columns], kind="stable")
    found = tuple(
        _suspect(cases[row], load_codebook().labels[column], probabilities[row, column], quality[row, column])
        for row, column in zip(rows[order], columns[order], strict=True)
    )
    return Suspects(len(cases), int((known.verdicts >= 0).sum()), found)


def label_errors(verdicts: Array, probabilities: Array) -> tuple[Array, Array]:
    """Which verdicts cleanlab holds for errors, and the label quality scores (NaN where the gold is unsure).

    ``verdicts`` (1 yes, 0 no, -1 unsure) and ``probabilities`` are n x k, and so are both results. A label that has
    not both verdicts has no errors. Raises SuspectsError where cleanlab is not installed.
    """
    filtering, ranking = _cleanlab()
    wrong = np.zeros(verdicts.shape, dtype=bool)
    quality = np.full(verdicts.shape, np.nan)
    for k in range(verdicts.shape[1]):
        rows = np.flatnonzero(verdicts[:, k] >= 0)
        if len(set(verdicts[rows, k])) < 2:
            continue
        given = [[0] if verdict == 1 else [] for verdict in verdicts[rows, k]]
        values = probabilities[rows, k : k + 1]
        wrong[rows, k] = filtering.find_multilabel_issues_per_class(given, values, n_jobs=1)[:, 0]
        quality[rows, k] = ranking.get_label_quality_scores_per_class(given, values)[:, 0]
    return wrong, quality


def _cleanlab() -> tuple[Any, Any]:
    """cleanlab's modules that find and rank label errors."""
    try:
        return (
            import_module("cleanlab.multilabel_classification.filter"),
            import_module("cleanlab.multilabel_classification.rank"),
        )
    except ImportError:
        raise SuspectsError("没有安装 cleanlab。请用 pip install 'wenze[train]' 安装") from None


def _suspect(case: GoldCase, label: IssueId, probability: float, quality: float) -> Suspect:
    judged = case.labels.get(label)
    return Suspect(
        case=case.id,
        label=label,
        given="yes" if judged else "no",
        basis=judged.basis if judged else None,
        gold_evidence=judged.evidence if judged else "",
        probability=float(probability),
        quality=float(quality),
        text=case.text,
    )
