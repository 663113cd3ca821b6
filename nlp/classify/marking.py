"""What was read off a text, as marks inside it, for an encoder that reads characters.

In: an ``Extraction``. Out: places of the text, each with the name of a mark: role and rank before a person, the kind
before any other subject, the grade before a responsibility, family and status before a measure. A mark's number in
``marks()`` is the number of the reserved token of a BERT vocabulary ([unused1] …) that stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import get_args

from nlp.codebook import load_codebook
from nlp.types import Extraction, PostRole, Status, Subject, SubjectKind


@cache
def marks() -> tuple[str, ...]:
    """Every mark there is, in the order of the codebook."""
    book = load_codebook()
    families = sorted({str(entry["family"]) for entry in book["sanctions"]})
    return (
        *get_args(SubjectKind),
        *get_args(PostRole),
        *(entry.name for entry in book["ranks"]),
        *(entry.name for entry in book["responsibilities"]),
        *families,
        *get_args(Status),
    )


def field_marks(extraction: Extraction) -> list[tuple[int, str]]:
    """(place, mark) in the order of their places, which are source offsets."""
    found = (mark for subject in (*extraction.subjects, *extraction.mentioned) for mark in _of_subject(subject))
    return sorted(dict.fromkeys(found), key=lambda mark: mark[0])


def _of_subject(subject: Subject) -> Iterator[tuple[int, str]]:
    told = (subject.post_role, subject.rank) if subject.kind == "person" else (subject.kind,)
    yield from ((subject.start, mark) for mark in told)
    if subject.responsibility and subject.responsibility_span:
        yield subject.responsibility_span.start, subject.responsibility
    for measure in (*subject.sanctions, *subject.other_measures):
        yield measure.start, measure.family
        if measure.status != "decided":
            yield measure.start, measure.status
