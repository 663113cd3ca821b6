"""What every training ends with: a model, thresholds chosen on dev, and the figures that the card tells.

In: a classifier and the gold cases of dev. Out: a ``Trained``. Fits nothing but the thresholds; test is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify.base import Classifier
from nlp.clean import clean
from nlp.gold import GoldCase
from nlp.pipeline import analyze
from nlp.train.figures import evidence_hits, figures, sound_of, verdicts_of
from nlp.train.thresholds import choose
from nlp.types import Notice

Array = NDArray[Any]
Progress = Callable[[str], None]


class TrainingError(ValueError):
    """The gold cannot train a model; the message (Chinese) says why."""


@dataclass(frozen=True)
class Trained:
    """A model of a backend with its thresholds (by column of the codebook's labels) and what is told of it."""

    backend: str
    model: Classifier
    unsure: Array
    yes: Array
    metrics: Mapping[str, Any]


def text_of(case: GoldCase) -> str:
    """The text of a case as wenze reads it."""
    return clean(Notice(case.id, case.text)).text


def ruled(cases: Sequence[GoldCase]) -> Array:
    """Which cases the rules already give a ``yes``."""
    found = [[f.verdict for analysis in analyze(Notice(c.id, c.text)) for f in analysis.findings] for c in cases]
    return np.array(["yes" in verdicts for verdicts in found], dtype=bool)


def finish(
    backend: str,
    model: Classifier,
    dev: Sequence[GoldCase],
    told: Mapping[str, Any],
    *,
    seed: int,
    values: Array | None = None,
    disputed: Array | None = None,
) -> Trained:
    """Choose the thresholds on ``dev`` and measure there.

    ``values`` (n x k) where the probabilities are known already, ``disputed`` (n x k) the claims that cannot be a yes.
    """
    if values is None:
        values = model.score([text_of(case) for case in dev]).values
    unsure, yes = choose(values, verdicts_of(dev), sound_of(dev), ruled(dev), disputed)
    hits, true = evidence_hits(model, dev, values if disputed is None else np.where(disputed, 0, values), yes)
    reached = {
        **figures(dev, values, unsure, yes, seed=seed, disputed=disputed),
        "evidence": {"hits": hits, "true": true},
    }
    return Trained(backend, model, unsure, yes, {"seed": seed, **told, "dev": reached})
