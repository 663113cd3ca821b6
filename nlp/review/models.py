"""The tables of a review, as SQLAlchemy knows them; ``migrations`` makes them.

``review_decisions`` is append-only: the database itself refuses to change or delete a line of it. ``review_judged`` and
the two names on a case are drawn from it, in the same transaction, so that the queue can ask for them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables of a review."""


class CaseRecord(Base):
    """One case; ``key`` is a hash of its text, so that importing a file again finds it."""

    __tablename__ = "review_cases"
    key: Mapped[str] = mapped_column(String(16), primary_key=True)
    case_id: Mapped[str] = mapped_column(Text)
    file: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    issuer: Mapped[str | None] = mapped_column(Text)
    date: Mapped[str | None] = mapped_column(String(10))
    priority: Mapped[float] = mapped_column(Float)
    disagree: Mapped[bool]
    text: Mapped[str] = mapped_column(Text)
    row: Mapped[dict[str, Any]] = mapped_column(JSON)
    superseded_by: Mapped[str | None] = mapped_column(String(16))
    first: Mapped[str | None] = mapped_column(Text)
    second: Mapped[str | None] = mapped_column(Text)
    imported: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    __table_args__ = (Index("review_cases_queue", "priority", "key"), Index("review_cases_id", "case_id"))


class Facet(Base):
    """What a case can be filtered by and may have several of: ``issue`` or ``level``."""

    __tablename__ = "review_facets"
    case_key: Mapped[str] = mapped_column(ForeignKey("review_cases.key"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(80), primary_key=True)
    __table_args__ = (Index("review_facets_value", "kind", "value"),)


class Reviewer(Base):
    """Who has ever signed in."""

    __tablename__ = "review_reviewers"
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Decision(Base):
    """One decision, appended. No two of a stream have one number: the later writer learns of the earlier."""

    __tablename__ = "review_decisions"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    case_key: Mapped[str] = mapped_column(ForeignKey("review_cases.key"))
    stream: Mapped[str] = mapped_column(String(30))
    seq: Mapped[int] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(String(30))
    kind: Mapped[str] = mapped_column(String(10))
    target: Mapped[str | None] = mapped_column(String(80))
    value: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    __table_args__ = (UniqueConstraint("case_key", "stream", "seq", name="review_decisions_once"),)


class Judged(Base):
    """A case that a reviewer has finished."""

    __tablename__ = "review_judged"
    case_key: Mapped[str] = mapped_column(ForeignKey("review_cases.key"), primary_key=True)
    reviewer: Mapped[str] = mapped_column(String(30), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
