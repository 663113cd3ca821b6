"""The service's own record: a JSON line a request on stderr, counters for Prometheus; never a text, an id or a name."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from nlp.serve.workers import Crew

log = logging.getLogger("wenze.serve")


class JsonLines(logging.Formatter):
    """A log record as one line of JSON; of an exception its kind and places, not its words, which may quote a text."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage() if record.exc_info is None else "error",
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            told["error"] = record.exc_info[0].__name__
            told["at"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames[-5:]]
        return json.dumps(told, ensure_ascii=False)


def log_as_json() -> None:
    """Our log and uvicorn's as JSON lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("wenze.serve", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler] if name != "uvicorn.error" else [], name == "uvicorn.error"
        logger.setLevel(logging.INFO)


class Metrics:
    """What Prometheus reads; a registry of its own, so that several services can live in one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        seconds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
        route = ["route"]
        self.requests = Counter("wenze_requests", "请求数", ["route", "status"], registry=registry)
        self.seconds = Histogram("wenze_request_seconds", "请求用时（秒）", route, buckets=seconds, registry=registry)
        self.open = Gauge("wenze_requests_in_progress", "正在处理的请求", registry=registry)
        self.items = Counter("wenze_items", "收到的通报数", registry=registry)
        self.rows = Counter("wenze_rows", "返回的案件行数", registry=registry)
        self.errors = Counter("wenze_item_errors", "未能给出结果的通报或文件", ["kind"], registry=registry)
        self.characters = Counter("wenze_characters", "读过的正文字数", registry=registry)
        self.lost = Counter("wenze_workers_lost", "被替换的工作进程", ["reason"], registry=registry)

    def watch(self, crew: Crew) -> None:
        """Gauges that are read off the crew whenever somebody asks."""
        for name, told, value in (
            ("wenze_workers", "就绪的工作进程", lambda: crew.alive),
            ("wenze_workers_idle", "空闲的工作进程", lambda: crew.idle),
            ("wenze_requests_waiting", "排队等工作进程的请求", lambda: crew.waiting),
        ):
            Gauge(name, told, registry=self._registry).set_function(value)
        made_by = Gauge(
            "wenze_made_by", "程序、编码手册、模型的指纹", ["code", "codebook", "model"], registry=self._registry
        )
        made_by.labels(**crew.loaded["made_by"]).set(1)

    def page(self) -> bytes:
        return generate_latest(self._registry)
