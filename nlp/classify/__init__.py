"""Backends by name, imported only when asked for.

In: a backend's name. Out: a ready ``Classifier``. Never loads a heavy library for another backend's sake.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from nlp.classify.base import Classifier

__all__ = ["BACKENDS", "ModelNotAvailable", "load_backend"]

BACKENDS: dict[str, str] = {
    "rules": "nlp.classify.rules:RuleClassifier",
}
_LATER = ("tfidf", "bert", "ensemble")


class ModelNotAvailable(ValueError):  # noqa: N818
    """No such backend in this version; the message (Chinese) says which there are."""


def load_backend(name: str, folder: Path | None = None) -> Classifier:
    """The backend ``name``, loaded from ``folder`` where it keeps files. Raises ModelNotAvailable."""
    if name not in BACKENDS:
        now, later = "、".join(BACKENDS), "、".join(_LATER)
        if name in _LATER:
            raise ModelNotAvailable(f"模型 {name} 尚未随本版本提供（{later} 将在后续版本提供）；现在可用：{now}")
        raise ModelNotAvailable(f"没有名为 {name!r} 的模型；现在可用：{now}，后续版本提供：{later}")
    module, _, attribute = BACKENDS[name].partition(":")
    backend = getattr(import_module(module), attribute)
    return cast(Classifier, backend.load(folder) if folder else backend())
