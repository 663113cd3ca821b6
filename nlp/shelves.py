"""Where the models that come with wenze lie, and what is told where one cannot be used.

In an installed package they lie inside it, in a checkout beside it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_SHELVES = (_PACKAGE / "models", _PACKAGE.parent / "models")


class ModelNotAvailable(ValueError):  # noqa: N818
    """The model asked for cannot be used; the message (Chinese) says why and what to do."""


def shelved(name: str, file: str) -> Path | None:
    """The folder of the shipped model ``name``, known by a ``file`` in it; None where there is none."""
    return next((shelf / name for shelf in _SHELVES if (shelf / name / file).is_file()), None)
