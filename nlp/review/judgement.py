"""Decisions as they were appended -> what each reviewer holds, and what a case is settled as.

In: events in order. Out: ``Judgement`` and ``Settled`` values. Knows no database and no page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Row = dict[str, Any]
VerdictWord = Literal["yes", "no", "unsure"]
VERDICTS: tuple[VerdictWord, ...] = ("yes", "no", "unsure")
FINAL = "@final"  # the stream of what reviewers settle between them
ASSIGN = "@assign"  # the stream of who is to judge


@dataclass(frozen=True, slots=True)
class Event:
    """One appended decision: number ``seq`` of a ``stream`` (a reviewer's, or one of the shared) of one case."""

    id: int
    stream: str
    seq: int
    author: str
    kind: str
    target: str | None
    value: Row
    at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict on one target, with the words it rests on and what kind of basis that is."""

    verdict: VerdictWord
    basis: str = "inferred"
    evidence: str = ""


@dataclass(frozen=True)
class Judgement:
    """What one stream holds of one case. ``version`` is the last event's number; ``undoable`` what undo takes back."""

    verdicts: Mapping[str, Said] = field(default_factory=dict)
    fields: Row | None = None
    comments: tuple[Event, ...] = ()
    done: datetime | None = None
    version: int = 0
    undoable: Event | None = None


def judgement(events: Sequence[Event]) -> Judgement:
    """Fold the events of one stream; what was retracted counts as never said."""
    taken_back = {event.value["of"] for event in events if event.kind == "retract"}
    standing = [event for event in events if event.kind != "retract" and event.id not in taken_back]
    verdicts: dict[str, Said] = {}
    fields: Row | None = None
    done: datetime | None = None
    for event in standing:
        if event.kind == "verdict" and event.target:
            verdicts[event.target] = Said(**event.value)
        elif event.kind == "fields":
            fields = event.value
        elif event.kind == "done":
            done = event.at
    return Judgement(
        verdicts,
        fields,
        tuple(event for event in standing if event.kind == "comment"),
        done,
        events[-1].seq if events else 0,
        standing[-1] if standing else None,
    )


def streams(events: Iterable[Event]) -> dict[str, list[Event]]:
    """The events of one case by stream."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.stream, []).append(event)
    return found


@dataclass(frozen=True)
class Settled:
    """What a case is settled as: by one reviewer, by all of one mind, by what they agreed on later, or not at all.

    ``differing`` names the targets on which those who judged differ.
    """

    how: Literal["none", "one", "agreed", "final", "differ"]
    verdicts: Mapping[str, Said] = field(default_factory=dict)
    fields: Row | None = None
    differing: tuple[str, ...] = ()
    by: tuple[str, ...] = ()


def settle(judged: Mapping[str, Judgement]) -> Settled:
    """Settle one case from the judgements of its streams; only those that are done count.

    Fields on which two differ are settled as none. A target not judged counts as ``no``.
    """
    done = {name: one for name, one in judged.items() if one.done and not name.startswith("@")}
    first = sorted(done.items(), key=lambda pair: pair[1].done or datetime.min)
    by = tuple(name for name, _ in first)
    if not first:
        return Settled("none")
    differing = _differing([one for _, one in first])
    final = judged.get(FINAL)
    if final and final.done:
        agreed = {target: said for target, said in first[0][1].verdicts.items() if target not in differing}
        return Settled("final", {**agreed, **final.verdicts}, final.fields or _fields(first), differing, by)
    if differing:
        return Settled("differ", differing=differing, by=by)
    return Settled("one" if len(first) == 1 else "agreed", first[0][1].verdicts, _fields(first), by=by)


def _fields(judged: Sequence[tuple[str, Judgement]]) -> Row | None:
    told = [one.fields for _, one in judged if one.fields is not None]
    return told[0] if told and all(one == told[0] for one in told) else None


def _differing(judged: Sequence[Judgement]) -> tuple[str, ...]:
    targets = dict.fromkeys(target for one in judged for target in one.verdicts)
    return tuple(target for target in targets if len({verdict_on(one, target) for one in judged}) > 1)


def verdict_on(one: Judgement, target: str) -> VerdictWord:
    """The verdict on a target; one that was never spoken of is ``no``."""
    said = one.verdicts.get(target)
    return said.verdict if said else "no"
