"""What was read off a case, as tokens for a bag-of-words model: ROLE_chief, SANCTION_诫勉, ONLY_deputy_punished.

In: an ``Extraction``. Out: tokens with their numbers, made of the codebook's names and ids and of nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nlp.types import Extraction, Subject

_FACTS = ("grounds", "consequences", "procedure", "effect", "legal_basis")
_MANY = 4


def field_tokens(extraction: Extraction) -> Counter[str]:
    """The tokens of one case."""
    return Counter(_tokens(extraction))


def _tokens(extraction: Extraction) -> Iterator[str]:
    punished = [subject for subject in extraction.subjects if _measures(subject)]
    for subject in punished:
        yield from _of_subject(subject)
    for subject in extraction.mentioned:
        yield f"SPARED_{subject.post_role}"
    yield f"SUBJECTS_{min(len(punished), _MANY)}"
    yield from _of_all(punished)
    yield f"TRIGGER_{extraction.trigger.id if extraction.trigger else 'none'}"
    for kind in _FACTS:
        facts = getattr(extraction, kind)
        yield from (f"{kind}_{fact.id}" for fact in facts)
        if not facts:
            yield f"{kind}_none"


def _measures(subject: Subject) -> tuple[str, ...]:
    return tuple(sorted(measure.name for measure in (*subject.sanctions, *subject.other_measures)))


def _of_subject(subject: Subject) -> Iterator[str]:
    role, duty = subject.post_role, subject.responsibility
    yield from (f"KIND_{subject.kind}", f"ROLE_{role}", f"RANK_{subject.rank}")
    if duty:
        yield f"DUTY_{duty}"
    for measure in (*subject.sanctions, *subject.other_measures):
        yield from (f"SANCTION_{measure.name}", f"FAMILY_{measure.family}", f"STATUS_{measure.status}")
        yield f"ROLE_{role}_SANCTION_{measure.name}"
        if duty:
            yield f"DUTY_{duty}_SANCTION_{measure.name}"


def _of_all(punished: list[Subject]) -> Iterator[str]:
    roles = {subject.post_role for subject in punished if subject.kind == "person"}
    if len(roles) == 1:
        yield f"ONLY_{roles.pop()}_punished"
    if len(punished) > 1:
        yield "SAME_measures" if len({_measures(subject) for subject in punished}) == 1 else "UNLIKE_measures"
