"""The application: routes, static files, headers on every answer, a page for every refusal, one log line a request.

In: an engine, a guard. Out: an ASGI application. Logs say who did what to which case, never a text.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker
from starlette.exceptions import HTTPException

from nlp.review.asking import HERE, Desk, RefusedError, SignedOutError, log, render
from nlp.review.routes import router
from nlp.review.security import HEADERS, MAX_BODY, Guard
from nlp.serve.access import names_this_machine

_TITLES = {404: "没有这个页面", 405: "不能这样访问"}


def create_app(engine: Engine, guard: Guard, *, mask_names: bool = False, own_machine: bool = True) -> FastAPI:
    """The application. ``own_machine``: only requests that call this machine by a loopback name are answered."""
    app = FastAPI(title="wenze review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = Desk(sessionmaker(engine), guard, mask_names)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.include_router(router)
    _refuse_in_chinese(app)
    _watch(app, own_machine)
    return app


def _refuse_in_chinese(app: FastAPI) -> None:
    @app.exception_handler(SignedOutError)
    def signed_out(request: Request, error: SignedOutError) -> Response:
        del error
        return RedirectResponse("/login" if request.method == "GET" else "/login?again=1", 303)

    @app.exception_handler(RefusedError)
    def refused(request: Request, error: RefusedError) -> Response:
        return render(request, "error.html", error.status, title=error.title, message=error.message)

    @app.exception_handler(HTTPException)
    def no_page(request: Request, error: HTTPException) -> Response:
        title = _TITLES.get(error.status_code, "请求不对")
        return render(request, "error.html", error.status_code, title=title, message="请回到队列重新开始")

    @app.exception_handler(RequestValidationError)
    def wrong_filters(request: Request, error: RequestValidationError) -> Response:
        del error
        return render(request, "error.html", 422, title="筛选条件不对", message="请回到队列重新筛选")


def _watch(app: FastAPI, own_machine: bool) -> None:
    @app.middleware("http")
    async def watch(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.monotonic()
        answer = _unwelcome(request, own_machine) or await call(request)
        for name, value in HEADERS.items():
            answer.headers[name] = value
        if request.url.path.startswith("/static/"):
            answer.headers["Cache-Control"] = "no-cache"
        path = getattr(request.scope.get("route"), "path", "?")
        took = round(1000 * (time.monotonic() - began), 1)
        log("request", method=request.method, path=path, status=answer.status_code, ms=took)
        return answer


def _unwelcome(request: Request, own_machine: bool) -> Response | None:
    """Refuse what is too long, or calls this machine by a strange name (as a page elsewhere might)."""
    if own_machine and not names_this_machine(request.headers.get("host", "")):
        return Response("请用 http://127.0.0.1 或 http://localhost 访问", 421, media_type="text/plain; charset=utf-8")
    length = request.headers.get("content-length")
    if request.method == "POST" and (length is None or not length.isdecimal() or int(length) > MAX_BODY):
        return Response("提交的内容太长，或没有说明长度", 413, media_type="text/plain; charset=utf-8")
    return None
