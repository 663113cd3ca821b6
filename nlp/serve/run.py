"""Listening: checks the address and the tokens, then serves until told to stop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from nlp.serve import access
from nlp.serve.app import create_app
from nlp.serve.gate import Gate
from nlp.serve.limits import Limits
from nlp.serve.records import log, log_as_json

_GRACE_SECONDS = 30
_IDLE_SECONDS = 15


def serve(
    host: str,
    port: int,
    *,
    model: str,
    workers: int,
    limits: Limits,
    masked: bool = False,
    token_file: Path | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests begun by then are finished. Raises ServeError when it cannot start.

    With ``masked`` the rows name nobody in full. ``on_ready`` hears the address once the workers have loaded; port 0
    lets the system choose.
    """
    tokens = access.tokens(token_file, os.environ)
    access.refuse_open_door(host, tokens)
    app = create_app(model, workers=workers, limits=limits, tokens=tokens, masked=masked)
    with access.listen(host, port) as listening:
        log_as_json()
        asyncio.run(_serve(app, listening, on_ready))


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
