"""Probabilities and log-odds, the one into the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """The probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-logits)))


def logit(probabilities: ArrayLike, least: float = 0.0) -> NDArray[Any]:
    """The log-odds of probabilities; those nearer to 0 or 1 than ``least`` are taken for it, so that all is finite."""
    held = np.clip(probabilities, least, 1 - least)
    return np.asarray(np.log(held / (1 - held)))
