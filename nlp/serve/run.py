"""Listening: checks the address and the tokens, then serves until told to stop."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from nlp.read import os_reason
from nlp.serve import access
from nlp.serve.app import create_app
from nlp.serve.gate import Gate
from nlp.serve.limits import Limits, ServeError
from nlp.serve.records import log, log_as_json

_GRACE_SECONDS = 30
_IDLE_SECONDS = 15
_BACKLOG = 512


def serve(
    host: str,
    port: int,
    *,
    model: str,
    workers: int,
    limits: Limits,
    token_file: Path | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests begun by then are finished. Raises ServeError when it cannot start.

    ``on_ready`` hears the address once the workers have loaded; port 0 lets the system choose.
    """
    tokens = access.tokens(token_file, os.environ)
    access.refuse_open_door(host, tokens)
    app = create_app(model, workers=workers, limits=limits, tokens=tokens)
    with _listen(host, port) as listening:
        log_as_json()
        asyncio.run(_serve(app, listening, on_ready))


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server(found[0][4][:2], family=found[0][0], backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        told = os_reason(error) if isinstance(error, OSError) else "端口应在 0 至 65535 之间"
        reason = "端口已被占用" if getattr(error, "errno", None) == errno.EADDRINUSE else told
        raise ServeError(f"不能在 {host or '0.0.0.0'}:{port} 监听（{reason}）。请换一个 --port 或 --host") from error


async def _serve(app: Gate, listening: socket.socket, on_ready: Callable[[str], None]) -> None:
    await app.crew.start()
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log.info("listening", extra={"told": {"address": address, "workers": app.crew.count, **app.crew.loaded}})
    on_ready(address)
    settings = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    await uvicorn.Server(settings).serve(sockets=[listening])
