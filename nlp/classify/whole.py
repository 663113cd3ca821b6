"""A bare text taken as one case, for the backends that read facts beside words; read once for all of them."""

from __future__ import annotations

from functools import lru_cache

from nlp.clean import clean
from nlp.extract import extract
from nlp.types import Case, Extraction, Notice


@lru_cache(maxsize=8)
def whole(text: str) -> tuple[Case, Extraction]:
    """The text as a case, and what is extracted from it."""
    cleaned = clean(Notice("text", text))
    case = Case("text", cleaned, 0, len(cleaned.text))
    return case, extract(case)
