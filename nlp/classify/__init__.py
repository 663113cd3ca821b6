"""Backends by name, imported only when asked for.

In: a backend's name, or the folder of a model. Out: a ready ``Classifier``, or a ``Model`` with the thresholds that
travel beside it. Never loads a heavy library for another backend's sake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from nlp.classify.base import LABELS_FILE, RETRAIN, Classifier, Disputing, check_labels, read_record
from nlp.codebook import load_codebook
from nlp.shelves import ModelNotAvailable, shelved
from nlp.types import Caution, IssueId, unique

__all__ = ["BACKENDS", "RULES", "Model", "ModelNotAvailable", "load_backend", "load_model", "measured"]

RULES = "rules"
BACKENDS: dict[str, str] = {
    RULES: "nlp.classify.rules:RuleClassifier",
    "tfidf": "nlp.classify.tfidf:TfidfClassifier",
    "bert": "nlp.classify.bert:BertClassifier",
    "ensemble": "nlp.classify.ensemble:EnsembleClassifier",
}
THRESHOLDS_FILE = "thresholds.json"
METRICS_FILE = "metrics.json"
TELLS_NOTHING = frozenset({"MODEL_CARD.md", METRICS_FILE})


@dataclass(frozen=True)
class Model:
    """A trained backend and what travels with it.

    ``mark`` names the model by the content of its files ('tfidf+3f2a…'); ``thresholds`` are (unsure from, yes from);
    ``cautions`` are doubts about the model itself, such as labels redefined since it was trained.
    """

    name: str
    mark: str
    classifier: Classifier
    thresholds: Mapping[IssueId, tuple[float, float]]
    cautions: tuple[Caution, ...] = ()

    def scores(self, text: str) -> dict[IssueId, float]:
        """The probability of each label for one text."""
        found = self.classifier.score([text])
        return dict(zip(found.labels, map(float, found.values[0]), strict=True))

    def disputed(self, text: str) -> frozenset[IssueId]:
        """The labels on which the members of an ensemble are at odds; none for a model of one mind."""
        return self.classifier.disputed(text) if isinstance(self.classifier, Disputing) else frozenset()


def shipped(name: str) -> Path:
    """The folder of a model that comes with wenze. Raises ModelNotAvailable."""
    if folder := shelved(name, LABELS_FILE):
        return folder
    raise ModelNotAvailable(f"安装里没有模型 {name} 的文件。请重新安装 wenze，或用 wenze train {name} 训练一个")


def load_backend(name: str, folder: Path | None = None) -> Classifier:
    """The backend ``name``, from ``folder`` or as shipped. Raises ModelNotAvailable."""
    if name not in BACKENDS:
        raise ModelNotAvailable(f"没有名为 {name!r} 的模型；现在可用：{'、'.join(BACKENDS)}，或模型文件夹")
    module, _, attribute = BACKENDS[name].partition(":")
    backend = getattr(import_module(module), attribute)
    if name == RULES and folder is None:
        return cast(Classifier, backend())
    return cast(Classifier, backend.load(folder or shipped(name)))


@cache
def load_model(named: str) -> Model:
    """The trained model of a name or of a folder, loaded once. Raises ModelNotAvailable."""
    folder = Path(named)
    if named not in BACKENDS and (folder / LABELS_FILE).is_file():
        name = str(read_record(folder / LABELS_FILE).get("backend"))
    else:
        name, folder = named, shipped(named) if named in BACKENDS else folder
    classifier = load_backend(name, folder)
    doubts = unique((*check_labels(folder), *(c for one in getattr(classifier, "members", ()) for c in one.cautions)))
    return Model(name, f"{name}+{_fingerprint(folder)}", classifier, _thresholds(folder), doubts)


def measured(mark: str) -> dict[str, Any] | None:
    """The figures shipped with the model of this very mark ('tfidf+3f2a…'); None for rules and for other models."""
    name = mark.partition("+")[0]
    if name not in BACKENDS or name == RULES:
        return None
    try:
        folder = shipped(name)
    except ModelNotAvailable:
        return None
    known = (folder / METRICS_FILE).is_file() and mark == f"{name}+{_fingerprint(folder)}"
    return read_record(folder / METRICS_FILE) if known else None


def _thresholds(folder: Path) -> dict[IssueId, tuple[float, float]]:
    path = folder / THRESHOLDS_FILE
    record = read_record(path)
    try:
        bands = {label: (float(b["unsure"]), float(b["yes"])) for label, b in record.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelNotAvailable(f"模型文件 {path} 已损坏：每个标签都要有 unsure 与 yes 两个数。{RETRAIN}") from error
    if set(bands) != set(load_codebook().labels) or not all(0 <= unsure <= yes <= 1 for unsure, yes in bands.values()):
        raise ModelNotAvailable(f"模型文件 {path} 已损坏：标签不全，或不满足 0 ≤ unsure ≤ yes ≤ 1。{RETRAIN}")
    return bands


def _content(path: Path) -> bytes:
    """The bytes of a file; of JSON with line ends as they were written, whatever a checkout made of them."""
    content = path.read_bytes()
    return content.replace(b"\r\n", b"\n") if path.suffix == ".json" else content


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in TELLS_NOTHING and not path.name.startswith("."):
            digest.update(path.name.encode() + b"\0" + _content(path) + b"\0")
    return digest.hexdigest()[:12]
