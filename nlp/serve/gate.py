"""What every request passes on its way in and out: who asks, how much is sent, what is logged.

A plain ASGI layer around the app: it sees the bytes before any of them is kept.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nlp.serve.access import Door, names_this_machine
from nlp.serve.limits import MB, Limits, RefusalError
from nlp.serve.records import Metrics, log
from nlp.serve.workers import Crew

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


@dataclass
class Passage:
    """One request on its way: what the log will say of it."""

    id: str
    started: float
    status: int = 0
    received: int = 0
    sent: int = 0
    told: dict[str, int] = field(default_factory=dict)


def refusal_body(refusal: RefusalError, request_id: str) -> bytes:
    told = {"code": refusal.code, "reason": refusal.reason, "cure": refusal.cure, "request_id": request_id}
    return json.dumps(told, ensure_ascii=False).encode()


def refusal_headers(refusal: RefusalError) -> dict[str, str]:
    headers = {"content-type": "application/json; charset=utf-8"}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if refusal.status == 401:
        headers["www-authenticate"] = 'Bearer realm="wenze"'
    return headers


def too_large(limit: int) -> RefusalError:
    return RefusalError(413, "too_large", f"请求超过 {limit / MB:g} MB 的上限", "请分几次发送")


class Gate:
    """Wraps the app: request id, token, size and pace of the body, headers of the answer, log line and metrics."""

    def __init__(self, app: ASGIApp, crew: Crew, *, door: Door, limits: Limits, metrics: Metrics) -> None:
        self.crew = crew
        self._app, self._door, self._limits, self._metrics = app, door, limits, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(reversed(scope["headers"]))
        given = headers.get(b"x-request-id", b"")
        passage = Passage(given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex, time.monotonic())
        scope.setdefault("state", {})["passage"] = passage
        outward = self._outward(passage, send)
        with self._metrics.open.track_inprogress():
            try:
                self._check(scope, headers)
                await self._app(scope, self._inward(passage, receive), outward)
            except RefusalError as refusal:  # before the app was reached
                await _refuse(refusal, passage, outward)
            finally:
                self._record(scope, passage)

    def _check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if scope["path"] not in OPEN_PATHS:
            if not self._door.admits(headers.get(b"authorization", b"").decode("latin-1")):
                cure = "请在请求头中加 Authorization: Bearer 令牌；令牌向服务的管理人索取"
                raise RefusalError(401, "unauthorized", "没有令牌，或令牌不对", cure)
            if self._door.open and not names_this_machine(headers.get(b"host", b"").decode("latin-1")):
                cure = "请用 http://127.0.0.1 或 http://localhost 访问；供别的机器用，请设令牌并加 --host"
                raise RefusalError(403, "foreign_host", "没有令牌的服务只答复本机的请求", cure)
            if self._door.open and headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
                raise RefusalError(403, "foreign_page", "请求来自别的网站的页面", "没有令牌的服务不答复别的网站的页面")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limits.body:
            raise too_large(self._limits.body)

    def _inward(self, passage: Passage, receive: Receive) -> Receive:
        """``receive``, which refuses a body that grows too large or comes too slowly."""
        whole = False

        async def inward() -> Message:
            nonlocal whole
            if whole:
                return await receive()  # only says when the sender has gone
            left = passage.started + self._limits.seconds - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left))
            except asyncio.TimeoutError:  # another class than TimeoutError before Python 3.11
                raise RefusalError(408, "slow_body", "请求内容迟迟没有发完", "请检查网络后重试", 10) from None
            passage.received += len(message.get("body", b""))
            if passage.received > self._limits.body:
                raise too_large(self._limits.body)
            whole = not message.get("more_body", False)
            return message

        return inward

    def _outward(self, passage: Passage, send: Send) -> Send:
        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                passage.status = message["status"]
                extra: Iterable[tuple[bytes, bytes]] = ((b"x-request-id", passage.id.encode()), *_HEADERS)
                message["headers"] = [*message.get("headers", ()), *extra]
            passage.sent += len(message.get("body", b""))
            await send(message)

        return outward

    def _record(self, scope: Scope, passage: Passage) -> None:
        seconds = time.monotonic() - passage.started
        route: Any = scope.get("route")
        path = getattr(route, "path", "(别的路径)")
        status = passage.status or 500
        self._metrics.requests.labels(path, str(status)).inc()
        self._metrics.seconds.labels(path).observe(seconds)
        client = scope.get("client")
        told = {
            "request_id": passage.id,
            "client": client[0] if client else None,
            "method": scope["method"],
            "route": path,
            "status": status,
            "seconds": round(seconds, 4),
            "bytes_in": passage.received,
            "bytes_out": passage.sent,
            **passage.told,
        }
        log.info("request", extra={"told": told})


async def _refuse(refusal: RefusalError, passage: Passage, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in refusal_headers(refusal).items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal_body(refusal, passage.id)})
