"""Readings and decisions in the database: importing, appending, asking.

In: an SQLAlchemy session. Out: readings, events, pages of the queue. Every decision is one appended line; nothing here
changes or deletes one. Who calls commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nlp.review.judgement import ASSIGN, Event, Judgement, Settled, judgement, settle, streams
from nlp.review.models import CaseRecord, Decision, Facet, Judged, Reviewer
from nlp.review.readings import Reading, Row, target_of

Who = Literal["", "mine", "nobody"]
State = Literal["", "todo", "second", "done", "differ"]
PAGE = 50
_BATCH = 200


class ConflictError(Exception):
    """Somebody, or the same reviewer elsewhere, appended to the stream since it was read."""


class LockedError(Exception):
    """A judgement that another reviewer may have been shown cannot be taken back."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


# ------------------------------------------------------------ importing


@dataclass
class Imported:
    """What came of a file: how many cases were new, known as they are, known but read anew, or twice in the file.

    ``changed`` names the cases whose text is another than when they were imported under the same number before.
    """

    new: int = 0
    known: int = 0
    reread: int = 0
    twice: int = 0
    changed: list[str] = field(default_factory=list)


def import_readings(session: Session, readings: Iterable[Reading]) -> Imported:
    """Bring in the cases of a file: known by their text, so decisions stay; what the machine said is renewed."""
    told = Imported()
    met: set[str] = set()
    for one in readings:
        if one.key in met:
            told.twice += 1
            continue
        met.add(one.key)
        record = session.get(CaseRecord, one.key)
        if record is None:
            session.add(CaseRecord(key=one.key, text=one.text, imported=_now(), **_columns(one)))
            told.new += 1
        elif record.row == one.row and record.superseded_by is None:
            told.known += 1
            continue
        else:
            for name, value in _columns(one).items():
                setattr(record, name, value)
            told.reread += 1
        session.flush()
        _file_facets(session, one)
        told.changed += _supersede(session, one)
        if len(met) % _BATCH == 0:
            session.expire_all()
    session.flush()
    return told


def _columns(one: Reading) -> dict[str, Any]:
    row = one.row
    return {
        "case_id": row["case_id"],
        "file": row["file"],
        "title": row["title"],
        "issuer": one.issuer,
        "date": one.date,
        "priority": row["priority"],
        "disagree": one.disagree,
        "row": row,
        "superseded_by": None,
    }


def _file_facets(session: Session, one: Reading) -> None:
    session.execute(sa.delete(Facet).where(Facet.case_key == one.key))
    wanted = {("issue", target_of(finding)) for finding in one.row["findings"]} | {
        ("level", rank) for rank in one.levels
    }
    session.add_all(Facet(case_key=one.key, kind=kind, value=value) for kind, value in sorted(wanted))


def _supersede(session: Session, one: Reading) -> list[str]:
    """Older texts of the same case of the same file give way to this one; told by number."""
    older = sa.select(CaseRecord).where(
        CaseRecord.case_id == one.row["case_id"],
        CaseRecord.file.is_not_distinct_from(one.row["file"]),
        CaseRecord.key != one.key,
        CaseRecord.superseded_by.is_(None),
    )
    found = session.scalars(older).all()
    for record in found:
        record.superseded_by = one.key
    return [record.case_id for record in found]


# ------------------------------------------------------------ cases and their events


def case(session: Session, key: str) -> CaseRecord | None:
    return session.get(CaseRecord, key)


def reading_of(record: CaseRecord) -> Reading:
    return Reading(record.key, record.text, record.row)


def older_of(session: Session, key: str) -> list[str]:
    """The earlier texts of a case that was changed."""
    return list(session.scalars(sa.select(CaseRecord.key).where(CaseRecord.superseded_by == key)))


def events(session: Session, key: str) -> list[Event]:
    """Everything ever said of a case, in the order it was said."""
    lines = session.scalars(sa.select(Decision).where(Decision.case_key == key).order_by(Decision.id))
    return [_event(line) for line in lines]


def _event(line: Decision) -> Event:
    at = line.at if line.at.tzinfo else line.at.replace(tzinfo=timezone.utc)
    return Event(line.id, line.stream, line.seq, line.author, line.kind, line.target, line.value, at)


def judgements(session: Session, key: str) -> dict[str, Judgement]:
    """What each stream of a case holds."""
    return {stream: judgement(said) for stream, said in streams(events(session, key)).items()}


def append(
    session: Session,
    key: str,
    stream: str,
    kind: str,
    value: Row,
    *,
    author: str,
    version: int,
    target: str | None = None,
) -> None:
    """Append one decision as number ``version + 1``. ConflictError where the stream has gone on since ``version``."""
    line = Decision(
        case_key=key, stream=stream, seq=version + 1, author=author, kind=kind, target=target, value=value, at=_now()
    )
    last = sa.select(sa.func.max(Decision.seq)).where(Decision.case_key == key, Decision.stream == stream)
    if (session.scalar(last) or 0) != version:
        raise ConflictError
    try:
        session.add(line)
        session.flush()
    except IntegrityError as error:
        session.rollback()
        raise ConflictError from error
    if kind == "done" and not stream.startswith("@"):
        session.merge(Judged(case_key=key, reviewer=stream, at=line.at))
        session.flush()


def undo(session: Session, key: str, stream: str, author: str, *, version: int) -> Event | None:
    """Take back the last thing a stream said, by appending that it is taken back; gives what it was.

    Raises LockedError when another reviewer has finished the case too, and so may have been shown this judgement.
    """
    held = judgements(session, key)
    mine = held.get(stream, Judgement())
    last = mine.undoable
    if last is None:
        return None
    if mine.done and not stream.startswith("@") and _others_done(held, stream):
        raise LockedError
    append(session, key, stream, "retract", {"of": last.id}, author=author, version=version)
    if last.kind == "done":
        session.execute(sa.delete(Judged).where(Judged.case_key == key, Judged.reviewer == stream))
    return last


def _others_done(held: dict[str, Judgement], stream: str) -> bool:
    return any(one.done for name, one in held.items() if name != stream and not name.startswith("@"))


def assign(
    session: Session, key: str, author: str, *, first: str | None, second: str | None, version: int | None = None
) -> None:
    """Say who is to judge a case. Without ``version`` it is said whatever was said before."""
    if version is None:
        last = sa.select(sa.func.max(Decision.seq)).where(Decision.case_key == key, Decision.stream == ASSIGN)
        version = session.scalar(last) or 0
    append(session, key, ASSIGN, "assign", {"first": first, "second": second}, author=author, version=version)
    session.execute(sa.update(CaseRecord).where(CaseRecord.key == key).values(first=first, second=second))


def of_one_notice(session: Session, record: CaseRecord) -> list[Reading]:
    """A case and the other cases of its notice, whose people its title may name, as they stand in the notice."""
    cases = sa.select(CaseRecord).where(CaseRecord.case_id.startswith(f"{record.row['notice_id']}#", autoescape=True))
    found = session.scalars(cases.where(CaseRecord.file.is_not_distinct_from(record.file)))
    readings = {one.key: reading_of(one) for one in (record, *found)}
    return sorted(readings.values(), key=lambda one: (one.row["start"], one.key))


# ------------------------------------------------------------ reviewers


def sign_in(session: Session, name: str) -> None:
    """Remember a reviewer's name."""
    if session.get(Reviewer, name) is None:
        session.add(Reviewer(name=name, since=_now()))
        try:
            session.flush()
        except IntegrityError:
            session.rollback()


def reviewers(session: Session) -> list[str]:
    return list(session.scalars(sa.select(Reviewer.name).order_by(Reviewer.name)))


# ------------------------------------------------------------ the queue


@dataclass(frozen=True)
class Filters:
    """What of the queue is asked for; '' asks for nothing. Dates are ISO, a month counts whole."""

    issue: str = ""
    issuer: str = ""
    level: str = ""
    since: str = ""
    until: str = ""
    disagree: str = ""
    state: State = ""
    who: Who = ""


@dataclass(frozen=True)
class Entry:
    """One line of the queue. ``judged`` counts who has finished it; ``mine`` says whether the asker has."""

    key: str
    case_id: str
    title: str | None
    issuer: str | None
    date: str | None
    priority: float
    disagree: bool
    first: str | None
    second: str | None
    judged: int
    mine: bool
    row: Row


def _wanted(filters: Filters, me: str) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = [CaseRecord.superseded_by.is_(None)]
    for kind in ("issue", "level"):
        if value := getattr(filters, kind):
            facet = sa.select(Facet.case_key).where(Facet.kind == kind, Facet.value == value)
            wanted.append(CaseRecord.key.in_(facet))
    if filters.issuer:
        wanted.append(CaseRecord.issuer.contains(filters.issuer, autoescape=True))
    if filters.since:
        wanted.append(CaseRecord.date >= filters.since)
    if filters.until:
        wanted.append(CaseRecord.date <= filters.until + "~")
    if filters.disagree:
        wanted.append(CaseRecord.disagree.is_(True))
    return [*wanted, *_by_state(filters.state, me), *_by_who(filters.who, me)]


def _judged_count() -> sa.ScalarSelect[int]:
    counted = sa.select(sa.func.count()).select_from(Judged).where(Judged.case_key == CaseRecord.key)
    return counted.correlate(CaseRecord).scalar_subquery()


def _mine(me: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(Judged.case_key == CaseRecord.key, Judged.reviewer == me).correlate(CaseRecord)


def _by_state(state: State, me: str) -> Iterator[sa.ColumnElement[bool]]:
    if state == "todo":
        yield sa.not_(_mine(me))
    elif state == "second":
        yield sa.not_(_mine(me))
        yield _judged_count() == 1
    elif state == "done":
        yield _mine(me)
    elif state == "differ":
        yield _mine(me)
        yield _judged_count() >= 2


def _given_to(name: str) -> sa.ColumnElement[bool]:
    return sa.or_(CaseRecord.first == name, CaseRecord.second == name)


def _by_who(who: Who, me: str) -> Iterator[sa.ColumnElement[bool]]:
    if who == "mine":
        yield _given_to(me)
    elif who == "nobody":
        yield sa.and_(CaseRecord.first.is_(None), CaseRecord.second.is_(None))


def queue(session: Session, filters: Filters, me: str, *, page: int = 1) -> tuple[list[Entry], int]:
    """One page of the cases asked for, those that most deserve a look first, and how many there are in all."""
    wanted = _wanted(filters, me)
    if filters.state == "differ":
        keys = _differing(session, wanted)
        wanted = [CaseRecord.key.in_(keys)]
    total = session.scalar(sa.select(sa.func.count()).select_from(CaseRecord).where(*wanted)) or 0
    found = sa.select(CaseRecord, _judged_count(), _mine(me)).where(*wanted)
    found = found.order_by(CaseRecord.priority.desc(), CaseRecord.key).limit(PAGE).offset((page - 1) * PAGE)
    return [_entry(record, judged, mine) for record, judged, mine in session.execute(found)], total


def _entry(record: CaseRecord, judged: int, mine: bool) -> Entry:
    own = ("key", "case_id", "title", "issuer", "date", "priority", "disagree", "first", "second", "row")
    return Entry(**{name: getattr(record, name) for name in own}, judged=judged, mine=bool(mine))


def _differing(session: Session, wanted: Sequence[sa.ColumnElement[bool]]) -> list[str]:
    keys = session.scalars(sa.select(CaseRecord.key).where(*wanted))
    return [key for key in keys if settle(judgements(session, key)).how == "differ"]


def unassigned(session: Session, filters: Filters, me: str, name: str, slot: Literal["first", "second"]) -> list[str]:
    """The cases asked for, in the order of the queue, that ``name`` could still be given in this place."""
    other = CaseRecord.second if slot == "first" else CaseRecord.first
    free = [getattr(CaseRecord, slot).is_(None), sa.or_(other.is_(None), other != name), sa.not_(_mine(name))]
    found = sa.select(CaseRecord.key).where(*_wanted(filters, me), *free)
    return list(session.scalars(found.order_by(CaseRecord.priority.desc(), CaseRecord.key)))


def neighbours(session: Session, filters: Filters, me: str, record: CaseRecord) -> tuple[str | None, str | None]:
    """The case before and the case after one in the queue that is asked for."""
    here = sa.select(CaseRecord.key).where(*_wanted(filters, me))
    same, priority, key = CaseRecord.priority == record.priority, CaseRecord.priority, CaseRecord.key
    before = here.where(sa.or_(priority > record.priority, sa.and_(same, key < record.key)))
    after = here.where(sa.or_(priority < record.priority, sa.and_(same, key > record.key)))
    return (
        session.scalar(before.order_by(priority, key.desc()).limit(1)),
        session.scalar(after.order_by(priority.desc(), key).limit(1)),
    )


def choices(session: Session) -> dict[str, list[str]]:
    """What the cases can be filtered by: the issues and levels that there are."""
    found: dict[str, list[str]] = {"issue": [], "level": []}
    facets = sa.select(Facet.kind, Facet.value).distinct().order_by(Facet.kind, Facet.value)
    for kind, value in session.execute(facets):
        found[kind].append(value)
    return found


# ------------------------------------------------------------ progress, export


@dataclass(frozen=True)
class Progress:
    """How far the review has come: cases in all, finished by anybody, by two, and by each reviewer."""

    cases: int
    flagged: int
    one: int
    two: int
    reviewers: list[tuple[str, int, int]]


def progress(session: Session) -> Progress:
    """Figures alone: nothing of what anybody judged."""
    here = CaseRecord.superseded_by.is_(None)
    counted = _judged_count()

    def count(*wanted: sa.ColumnElement[bool]) -> int:
        return session.scalar(sa.select(sa.func.count()).select_from(CaseRecord).where(here, *wanted)) or 0

    counts = session.execute(sa.select(Judged.reviewer, sa.func.count()).group_by(Judged.reviewer))
    done = {name: number for name, number in counts}  # noqa: C416 -- a Result is no iterable of pairs to mypy
    names = sorted({*reviewers(session), *done})
    return Progress(
        cases=count(),
        flagged=count(CaseRecord.priority > 0),
        one=count(counted >= 1),
        two=count(counted >= 2),
        reviewers=[(name, count(_given_to(name)), done.get(name, 0)) for name in names],
    )


def judged_cases(session: Session) -> Iterator[tuple[CaseRecord, dict[str, Judgement], Settled]]:
    """Every case that somebody has finished and that still stands, with all judgements and what it is settled as."""
    found = sa.select(CaseRecord).where(
        CaseRecord.superseded_by.is_(None), sa.exists().where(Judged.case_key == CaseRecord.key)
    )
    for record in session.scalars(found.order_by(CaseRecord.priority.desc(), CaseRecord.key)):
        held = judgements(session, record.key)
        yield record, held, settle(held)
