"""``wenze review``: bring a scored file in, open the page. ``wenze review export``: bring gold out.

In: what the command line says. Out: a running server, or gold rows. Speaks only through the function it is handed.
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from socket import socket

import uvicorn
from sqlalchemy.orm import Session

from nlp.review import ReviewError, store
from nlp.review.app import create_app
from nlp.review.database import beside, engine
from nlp.review.export import Exported, export
from nlp.review.readings import readings_of
from nlp.review.security import Guard
from nlp.scored import ScoredError
from nlp.serve.access import is_loopback, listen

Tell = Callable[[str], None]
GENERATE = "auto"
_MIN_PASSWORD = 8
_SHOWN = 5


def password_for(host: str, given: str) -> str | None:
    """The password a page asks for: as given, made up for ``auto``, none on the own machine. ReviewError elsewhere."""
    if given == GENERATE:
        return secrets.token_urlsafe(12)
    if given and len(given) < _MIN_PASSWORD:
        raise ReviewError(f"口令太短，至少 {_MIN_PASSWORD} 个字符。或用 --password auto 自动生成")
    if not given and not is_loopback(host):
        raise ReviewError(
            f"{host} 不是本机地址，别人也能访问，须设口令：加 --password auto 自动生成，"
            "或用环境变量 WENZE_REVIEW_PASSWORD 给出"
        )
    return given or None


def serve(scored: Path, *, host: str, port: int, database: str, password: str, mask_names: bool, tell: Tell) -> int:
    """Bring the file in and answer until interrupted; gives the exit code: 1 where lines could not be read."""
    needed = password_for(host, password)
    if not scored.is_file():
        raise ReviewError(f"没有文件 {scored}。请先运行 wenze score 通报/ -o 结果.jsonl")
    with listen(host, port) as listening:
        return _serve(scored, listening, host=host, database=database, needed=needed, mask_names=mask_names, tell=tell)


def _serve(
    scored: Path, listening: socket, *, host: str, database: str, needed: str | None, mask_names: bool, tell: Tell
) -> int:
    bad: list[ScoredError] = []
    readings = readings_of(scored, bad.append)
    first = next(readings, None)
    if first is None:
        _tell_bad(bad, tell)
        raise ReviewError(f"{scored} 里没有可以复核的案件。请给出 wenze score 写出的结果，其中要有案件")
    opened = engine(database or beside(scored))
    with Session(opened) as session, session.begin():
        told = store.import_readings(session, chain([first], readings))
    _tell_bad(bad, tell)
    tell_import(told, len(bad), tell)
    _log_to_stderr()
    app = create_app(opened, Guard(needed), mask_names=mask_names, own_machine=is_loopback(host))
    shown, port = f"[{host}]" if ":" in host else host, listening.getsockname()[1]
    tell(f"数据库：{opened.url.render_as_string(hide_password=True)}")
    if needed:
        tell(f"登录口令：{needed}")
    tell(f"复核页面：http://{shown}:{port}/  （Ctrl+C 结束）")
    settings = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])
    return 1 if bad else 0


def _tell_bad(bad: Sequence[ScoredError], tell: Tell) -> None:
    for error in bad[:_SHOWN]:
        tell(str(error))


def tell_import(told: store.Imported, bad: int, tell: Tell) -> None:
    """What came of a file, in Chinese."""
    parts = [f"新增 {told.new} 起", f"已有 {told.known + told.reread} 起（判断都在）"]
    parts += [f"其中 {told.reread} 起更新了机器结果"] if told.reread else []
    parts += [f"正文重复、合为一起的 {told.twice} 起"] if told.twice else []
    parts += [f"读不了的 {bad} 行"] if bad else []
    tell(f"导入：{'，'.join(parts)}")
    if told.changed:
        some = "、".join(told.changed[:_SHOWN]) + ("等" if len(told.changed) > _SHOWN else "")
        tell(f"注意：{len(told.changed)} 起案件的正文与上次不同（{some}），须重新判断；旧正文的判断仍在，见案件页")


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("nlp.review")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def bring_out(source: str, *, database: str, split: str, reviewer: str, mask_names: bool) -> Exported:
    """Gold from the database named, of the scored file it belongs to, or that ``source`` itself is."""
    path = Path(source)
    named = database or (source if path.suffix == ".db" or "://" in source else beside(path))
    if "://" not in named and not Path(named).is_file():
        raise ReviewError(f"没有数据库 {named}。请给出复核过的 .jsonl、.db 文件，或 --database")
    with Session(engine(named)) as session:
        return export(session, split=split, reviewer=reviewer or None, mask_names=mask_names)
