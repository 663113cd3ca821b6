"""The seam every classifier fits: texts in, one probability per text and label out.

Never decides: thresholds belong to ``decide``, labels to the codebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from nlp.types import IssueId, Scores, Span

C = TypeVar("C", bound="Classifier")


class Classifier(Protocol):
    """What the pipeline asks of a backend."""

    labels: tuple[IssueId, ...]

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
