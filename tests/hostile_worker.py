"""A worker that some texts hang, end or fill; light, since the tests of the service start many of them."""

from __future__ import annotations

import json
import os
import time
from multiprocessing.connection import Connection
from typing import Any

from nlp.serve import jobs
from nlp.serve.workers import live

HANG, DIE, SWELL, READ_HANG = "挂起", "退出", "膨胀", "读挂.txt"


def _answer(job: dict[str, Any], model: str) -> dict[str, Any]:
    text = job["notice"]["text"] if "notice" in job else job["read"]["label"]
    if text in (HANG, READ_HANG):
        while True:
            pass
    if text == DIE:
        os._exit(9)
    hoard = []
    while text == SWELL:
        hoard.append(b"x" * (8 * 1024 * 1024))
        time.sleep(0.001)
    if "read" in job:
        return jobs._read(**job["read"])
    return {"rows": [json.dumps({"notice_id": job["notice"]["id"]})], "notes": []}


def _ready(model: str) -> dict[str, Any]:
    return {"made_by": {"code": "", "codebook": "", "model": model}, "cautions": []}


def hostile(pipe: Connection, model: str) -> None:
    """A worker's life with the answers above."""
    jobs.answer, jobs.ready = _answer, _ready
    live(pipe, model)
