"""The seam every classifier fits: texts in, one probability per text and label out.

Never decides: thresholds belong to ``decide``, labels to the codebook.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from nlp.codebook import load_codebook
from nlp.shelves import ModelNotAvailable
from nlp.types import Caution, IssueId, Scores, Span

C = TypeVar("C", bound="Classifier")

LABELS_FILE = "labels.json"
RETRAIN = "请用 wenze train 重新训练"


class Classifier(Protocol):
    """What the pipeline asks of a backend."""

    @property
    def labels(self) -> tuple[IssueId, ...]:
        """The codebook's labels, in the order of the columns."""
        ...

    def score(self, texts: Sequence[str]) -> Scores:
        """Probabilities, n texts x k labels, in [0, 1]; a text scores alone as it does in a batch."""
        ...

    def explain(self, text: str, label: IssueId) -> tuple[Span, ...]:
        """The ranges of ``text`` that speak for ``label``, in order; () where none do."""
        ...

    def save(self, folder: Path) -> None:
        """Write what ``load`` needs into ``folder``."""
        ...

    @classmethod
    def load(cls: type[C], folder: Path) -> C:
        """The backend saved in ``folder``. Raises ValueError (Chinese) when it does not fit this codebook."""
        ...


@runtime_checkable
class Disputing(Protocol):
    """A backend of several members, which may be at odds."""

    def disputed(self, text: str) -> frozenset[IssueId]:
        """The labels on which the members are at odds, so that no ``yes`` should rest on them."""
        ...


# ------------------------------------------------------------ which labels a trained model knows


def definitions_fingerprint() -> str:
    """A hash of what the labels mean: ids, names and definitions, not the patterns of the rules."""
    keys = ("definition", "includes", "excludes")
    meant = [[issue.id, issue.name, *(issue.get(key) for key in keys)] for issue in load_codebook().issues]
    return hashlib.sha256(json.dumps(meant, ensure_ascii=False).encode()).hexdigest()[:16]


def read_record(path: Path) -> dict[str, Any]:
    """The record in a model's JSON file. Raises ModelNotAvailable where there is none or it is damaged."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise ModelNotAvailable(f"模型文件 {path} 已损坏：应是一个 JSON 对象。{RETRAIN}")
    return found


def read_json(path: Path) -> Any:
    """The content of a model's JSON file. Raises ModelNotAvailable where there is none or it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelNotAvailable(f"模型文件夹 {path.parent} 不完整：缺少 {path.name}。{RETRAIN}") from None
    except ValueError as error:
        raise ModelNotAvailable(f"模型文件 {path} 已损坏：{error}。{RETRAIN}") from error


def write_labels(folder: Path, backend: str) -> None:
    """Write which backend, and which labels in the order of the columns, as this codebook defines them."""
    book = load_codebook()
    sheet = {
        "backend": backend,
        "labels": list(book.labels),
        "definitions": definitions_fingerprint(),
        "codebook": book.fingerprint,
    }
    (folder / LABELS_FILE).write_text(json.dumps(sheet, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def check_labels(folder: Path) -> tuple[Caution, ...]:
    """A caution where the labels have been redefined since the model in ``folder`` was trained.

    Raises ModelNotAvailable when its labels are not the codebook's, in the codebook's order.
    """
    sheet = read_record(folder / LABELS_FILE)
    told, known = tuple(sheet.get("labels") or ()), load_codebook().labels
    if told != known:
        unlike = "、".join(sorted(set(told) ^ set(known))) or "次序不同"
        raise ModelNotAvailable(f"{folder}：模型的标签与编码手册不一致（{unlike}）。{RETRAIN}")
    if sheet.get("definitions") == definitions_fingerprint():
        return ()
    message = f"模型按编码手册 {sheet.get('codebook')} 训练，其后标签的定义有改动，判断可能已不合现行定义；{RETRAIN}"
    return (Caution("model_older_than_codebook", message),)
