"""Stacking: how much the rules, TF-IDF and BERT count together, learnt on dev by cross-validation.

In: trained models, gold cases of dev. Out: a ``Trained`` ensemble. Train was learnt by heart by its members, so only
dev tells how much they are worth; test is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from nlp.classify import BACKENDS, RULES, load_model, shipped
from nlp.classify.ensemble import EnsembleClassifier, Parts
from nlp.classify.odds import sigmoid
from nlp.gold import GoldCase
from nlp.train.calibration import together
from nlp.train.figures import mean_average_precision, verdicts_of
from nlp.train.trained import Progress, Trained, TrainingError, finish, text_of

Array = NDArray[Any]
_FOLDS = 10


def out_of_fold(parts: Array, verdicts: Array, *, seed: int = 0) -> Array:
    """The logit of every case from weights that have not seen it."""
    held = np.zeros(verdicts.shape)
    for rows, left in KFold(_FOLDS, shuffle=True, random_state=seed).split(held):
        weights, offset = together(parts[rows], verdicts[rows])
        held[left] = parts[left] @ weights + offset
    return held


def train(
    cases: Sequence[GoldCase], folders: Sequence[Path], *, seed: int = 0, progress: Progress = lambda _: None
) -> Trained:
    """Stack the models in ``folders`` with the rules. Raises TrainingError where dev is missing or too small."""
    dev = [case for case in cases if case.split == "dev"]
    if len(dev) < _FOLDS or len(folders) < 1:
        raise TrainingError(f"合成要有至少 {_FOLDS} 起 dev 案件和至少一个成员模型")
    if RULES in map(str, folders):
        raise TrainingError("规则总在合成之内，不必列为成员")
    folders = [shipped(str(folder)) if str(folder) in BACKENDS else folder for folder in folders]
    members = tuple(load_model(str(folder)) for folder in folders)
    progress(f"{'、'.join((RULES, *(member.name for member in members)))} 在 dev {len(dev)} 起上合成")
    began, told_by = perf_counter(), Parts(members)
    parts, verdicts = told_by.of([text_of(case) for case in dev]), verdicts_of(dev)
    held = out_of_fold(parts, verdicts, seed=seed)
    weights, offset = together(parts, verdicts)
    model = EnsembleClassifier(members, tuple(folders), tuple(map(float, weights)), tuple(map(float, offset)))
    names = (RULES, *(f"{member.name}（{folder.name}）" for member, folder in zip(members, folders, strict=True)))
    told = {
        "members": [{"name": member.name, "mark": member.mark} for member in members],
        "weights": dict(zip(names, map(float, weights), strict=True)),
        "seconds": round(perf_counter() - began, 1),
        "alone": {name: mean_average_precision(verdicts, parts[:, :, n]) for n, name in enumerate(names)},
    }
    values = sigmoid(held)
    disputed = told_by.disputed(parts)
    trained = finish("ensemble", model, dev, told, seed=seed, values=values, disputed=disputed)
    halted = verdicts[disputed & (values >= trained.yes) & (verdicts >= 0)]
    abstained = {"claims": len(halted), "right": int((halted == 1).sum())}
    return replace(trained, metrics={**trained.metrics, "abstained": abstained})
