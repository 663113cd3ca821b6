"""What a case says: who held whom to account, for what, how.

In: a ``Case``. Out: an ``Extraction``, all offsets in source coordinates. Reads characters only, never words of a
segmenter, and never judges whether the decision was right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nlp.extract.facts import document_facts
from nlp.extract.subjects import read_subjects
from nlp.types import Case, Extraction, Fact

__all__ = ["extract"]

_YEAR = re.compile(r"(?:19|20)\d{2}(?=年)")


def extract(case: Case) -> Extraction:
    """Read everything off one case."""
    facts = document_facts(case)
    issuer = facts.issuer.text if facts.issuer else ""
    people = read_subjects(case, decided=_decided(case, facts.dates), issuer=issuer)
    return Extraction(
        issuer=facts.issuer,
        subjects=people.subjects,
        mentioned=people.mentioned,
        trigger=facts.trigger,
        grounds=facts.grounds,
        consequences=facts.consequences,
        dates=facts.dates,
        legal_basis=facts.legal_basis,
        procedure=facts.procedure,
        effect=facts.effect,
        cautions=people.cautions,
    )


def _decided(case: Case, dates: Iterable[Fact]) -> str | None:
    """The date from which the family of a bare 记过 is told: decision, else publication, else the latest year named."""
    told = {d.id: str(d.value) for d in dates if d.value}
    published = told.get("publication") or case.clean.published
    return told.get("decision") or published or max(_YEAR.findall(case.text), default=None)
