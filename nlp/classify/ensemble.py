"""Rules, TF-IDF and BERT together: a weighted sum of what each says, with one curve for all labels.

In: texts. Out: calibrated probabilities, and the clauses of the members that speak for a label. Never applies a
threshold. Trained by ``nlp.train.ensemble``; its members are models of their own, in folders beside its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify import RULES, Model, load_backend, load_model
from nlp.classify.base import RETRAIN, Classifier, check_labels, read_record, write_labels
from nlp.classify.odds import logit, sigmoid
from nlp.codebook import load_codebook
from nlp.shelves import ModelNotAvailable
from nlp.types import IssueId, Scores, Span

Floats = NDArray[np.float64]
SETTINGS = "settings.json"
_CERTAIN = 1e-6


@dataclass(frozen=True, eq=False)
class Parts:
    """What the rules and the members say of a text, read once for whoever asks."""

    members: tuple[Model, ...]

    @lru_cache(maxsize=8)  # noqa: B019
    def one(self, text: str) -> Floats:
        """k labels x (1 + m): the rules as they are, each member as log-odds."""
        found = [load_backend(RULES).score([text]).values[0]]
        for member in self.members:
            found.append(logit(member.classifier.score([text]).values[0], _CERTAIN))
        return np.stack(found, axis=1)

    def of(self, texts: Sequence[str]) -> Floats:
        """n texts x k labels x (1 + m)."""
        k, m = len(load_codebook().labels), len(self.members)
        return np.array([self.one(text) for text in texts]).reshape(len(texts), k, 1 + m)

    def disputed(self, parts: Floats) -> NDArray[np.bool_]:
        """n texts x k labels: where a member says yes, another does not even doubt, and the rules are silent."""
        spoken = sigmoid(parts[:, :, 1:])
        bands = np.array([[one.thresholds[label] for label in load_codebook().labels] for one in self.members])
        unsure, yes = (bands[:, :, n].T for n in (0, 1))
        silent = parts[:, :, 0] == 0
        return np.asarray(silent & (spoken >= yes).any(axis=2) & (spoken < unsure).any(axis=2))


@dataclass(frozen=True, eq=False)
class EnsembleClassifier:
    """``weights`` of the rules and of each member, ``offset`` of each label; ``folders`` where the members lie."""

    members: tuple[Model, ...]
    folders: tuple[Path, ...]
    weights: tuple[float, ...]
    offset: tuple[float, ...]

    @property
    def labels(self) -> tuple[IssueId, ...]:
        return load_codebook().labels

    @cached_property
    def _parts(self) -> Parts:
        return Parts(self.members)

    def score(self, texts: Sequence[str]) -> Scores:
        """Probabilities, n texts x k labels."""
        logits = self._parts.of(texts) @ np.array(self.weights) + np.array(self.offset)
        return Scores(self.labels, sigmoid(logits))

    def explain(self, text: str, label: IssueId) -> tuple[Span, ...]:
        """The clauses of the rules and of every member that finds the label likely, in order; () where none does."""
        sayers: list[Classifier] = [load_backend(RULES)]
        spoken = sigmoid(self._parts.one(text)[self.labels.index(label), 1:])
        for member, probability in zip(self.members, spoken, strict=True):
            if probability >= member.thresholds[label][0]:
                sayers.append(member.classifier)
        found = {span for sayer in sayers for span in sayer.explain(text, label)}
        if not found:  # the sum is likely though nobody is: ask who says most
            found = set(self.members[int(np.argmax(spoken))].classifier.explain(text, label))
        return tuple(sorted(found, key=_place))

    def disputed(self, text: str) -> frozenset[IssueId]:
        """The labels on which the members are at odds and the rules silent: no ``yes`` should rest on them."""
        row = self._parts.disputed(self._parts.of([text]))[0]
        return frozenset(label for label, at_odds in zip(self.labels, row, strict=True) if at_odds)

    def save(self, folder: Path) -> None:
        """Write the weights, and where the members lie, as seen from ``folder``, with the marks of their content."""
        folder.mkdir(parents=True, exist_ok=True)
        write_labels(folder, "ensemble")
        told: dict[str, Any] = {
            "members": [
                {"folder": _seen_from(folder, place), "mark": member.mark}
                for place, member in zip(self.folders, self.members, strict=True)
            ],
            "weights": self.weights,
            "offset": self.offset,
        }
        (folder / SETTINGS).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> EnsembleClassifier:
        """The ensemble saved in ``folder``, with its members.

        Raises ModelNotAvailable when it is damaged, or a member is missing or another than it was trained with.
        """
        check_labels(folder)
        path = folder / SETTINGS
        told = read_record(path)
        try:
            places = tuple((folder / one["folder"]).resolve() for one in told["members"])
            marks = [str(one["mark"]) for one in told["members"]]
            weights, offset = (tuple(map(float, told[key])) for key in ("weights", "offset"))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelNotAvailable(f"模型文件 {path} 已损坏。{RETRAIN}") from error
        if len(weights) != len(places) + 1 or len(offset) != len(load_codebook().labels):
            raise ModelNotAvailable(f"模型文件 {path} 的成员、权重与标签对不上。{RETRAIN}")
        if gone := [place for place in places if not place.is_dir()]:
            raise ModelNotAvailable(
                f"{folder}：合成模型的成员 {gone[0]} 不在了。请把它放回原处，或{RETRAIN.removeprefix('请')}"
            )
        members = tuple(load_model(str(place)) for place in places)
        for place, member, mark in zip(places, members, marks, strict=True):
            if member.mark != mark:
                now = f"合成模型训练时用的是 {mark}，{place} 里现在是 {member.mark}"
                raise ModelNotAvailable(f"{folder}：{now}。请用 wenze train ensemble 重新训练")
        return cls(members, places, weights, offset)


def _seen_from(folder: Path, place: Path) -> str:
    """Where a member lies, as seen from the ensemble's folder; whole where they stand on two drives of Windows."""
    try:
        return Path(os.path.relpath(place.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return place.resolve().as_posix()


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end
