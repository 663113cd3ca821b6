"""Who asks and what for: the visitor of a page, the writer of a form, and the answer rendered for them.

In: requests. Out: ``Visitor`` and ``Writer`` values for the routes, and pages. Refuses who is not signed in, and what
was not meant.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jinja2
from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from nlp.review import pages, store
from nlp.review.export import figure
from nlp.review.judgement import FINAL
from nlp.review.readings import holdable
from nlp.review.security import COOKIE, SESSION_SECONDS, Guard

HERE = Path(__file__).parent
_LOG = logging.getLogger("nlp.review")
_MAX_FIELDS = 6_000

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class RefusedError(Exception):
    """A page that cannot be given or a write that cannot be done; told in Chinese with a status."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(status, title, message)
        self.status, self.title, self.message = status, title, message


class SignedOutError(Exception):
    """Nobody is signed in."""


class ProblemError(ValueError):
    """What a form says cannot be taken; why, in Chinese."""


def log(event: str, **more: object) -> None:
    """One line of JSON, without texts."""
    _LOG.info(json.dumps({"time": round(time.time(), 3), "event": event, **more}, ensure_ascii=False))


@dataclass(frozen=True)
class Desk:
    """What every page of one running review shares."""

    sessions: Callable[[], Session]
    guard: Guard
    mask_names: bool


def desk_of(request: Request) -> Desk:
    """The desk of the application that was asked."""
    desk: Desk = request.app.state.desk
    return desk


def _filters(  # noqa: PLR0917 -- FastAPI reads the address by these names
    issue: Annotated[str, Query(max_length=80)] = "",
    issuer: Annotated[str, Query(max_length=80)] = "",
    level: Annotated[str, Query(max_length=20)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
    disagree: Annotated[str, Query(max_length=1)] = "",
    state: store.State = "",
    who: store.Who = "",
) -> store.Filters:
    issue, issuer, level, since, until = (holdable(one).strip() for one in (issue, issuer, level, since, until))
    return store.Filters(issue, issuer, level, since, until, disagree, state, who)


@dataclass(frozen=True)
class Visitor:
    """A signed-in reviewer who asks for a page, with the filters that every address carries."""

    me: str
    filters: store.Filters
    request: Request

    @property
    def desk(self) -> Desk:
        return desk_of(self.request)

    def session(self) -> Session:
        """A session to read in."""
        return self.desk.sessions()

    def page(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A page for this visitor."""
        return render(self.request, template, status, filters=self.filters, **context)


@dataclass(frozen=True)
class Writer(Visitor):
    """A visitor who posted a form that was meant; the form is without its token."""

    form: dict[str, str]

    @property
    def final(self) -> bool:
        """Whether the form settles a case for all, and not only for its writer."""
        return self.form.get("final") == "1"

    @property
    def stream(self) -> str:
        """What is written to."""
        return FINAL if self.final else self.me

    def version(self, key: str = "version") -> int:
        """The version the form was filled in on."""
        told = self.form.get(key, "")
        if not (told.isdecimal() and len(told) < 9):
            raise RefusedError(422, "表单不完整", "请回到案件页，重新填写")
        return int(told)


def signed_in(request: Request, filters: Annotated[store.Filters, Depends(_filters)]) -> Visitor:
    """Whoever is signed in. SignedOutError."""
    name = desk_of(request).guard.name(request.cookies.get(COOKIE))
    if not name:
        raise SignedOutError
    return Visitor(name, filters, request)


async def meant(request: Request) -> dict[str, str]:
    """The form of a write that was meant: its texts, lines ended as Unix does. RefusedError where it was not."""
    posted = await request.form(max_files=0, max_fields=_MAX_FIELDS)
    form = {key: holdable(value).replace("\r\n", "\n") for key, value in posted.items() if isinstance(value, str)}
    told = request.headers.get("origin") or request.headers.get("referer")
    guard, token = desk_of(request).guard, form.pop("csrf", "")
    if not guard.meant(request.cookies.get(COOKIE), token, told, request.headers.get("host", "")):
        raise RefusedError(403, "没有照办", "这次提交不是从本页面发出的，或者页面已过期。请刷新后再试")
    return form


def writing(visitor: Annotated[Visitor, Depends(signed_in)], form: Annotated[dict[str, str], Depends(meant)]) -> Writer:
    """Whoever is signed in and posted a form that was meant."""
    return Writer(visitor.me, visitor.filters, visitor.request, form)


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page; whoever has no cookie yet gets one, for the token of the form to sign in with."""
    desk, cookie = desk_of(request), request.cookies.get(COOKIE) or ""
    me = desk.guard.name(cookie)
    new = "" if me is not None else desk.guard.session("")
    shared = {
        "me": me or "",
        "csrf": desk.guard.csrf(new or cookie),
        "masked": desk.mask_names,
        "query": pages.query,
        "figure": figure,
    }
    page = HTMLResponse(_TEMPLATES.get_template(template).render(**shared, **context), status)
    if new:
        give_cookie(page, new, request)
    return page


def give_cookie(answer: Response, cookie: str, request: Request) -> None:
    """The cookie of a session: for this site alone, and out of reach of scripts."""
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, cookie, max_age=SESSION_SECONDS, path="/", httponly=True, samesite="strict", secure=secure
    )
