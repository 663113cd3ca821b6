"""wenze (问责): reads Chinese accountability decisions and tells which deserve a second look, and why.

    from nlp import analyze
    for analysis in analyze("……"):
        print(analysis.findings)

Public names load what they need when first used; importing ``nlp`` itself loads no library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nlp.codebook import load_codebook
    from nlp.pipeline import analyze, analyze_many
    from nlp.read import read_notices

__version__ = "0.1.0"

__all__ = ["__version__", "analyze", "analyze_many", "load_codebook", "read_notices"]

_HOMES = {
    "analyze": "nlp.pipeline",
    "analyze_many": "nlp.pipeline",
    "load_codebook": "nlp.codebook",
    "read_notices": "nlp.read",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'nlp' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
