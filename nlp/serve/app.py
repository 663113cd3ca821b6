"""The routes: what comes in over HTTP, what goes out, and how it is refused."""

from __future__ import annotations

import json
import re
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

import nlp
from nlp.pipeline import as_notice
from nlp.read import Renamer, endings, unfit
from nlp.serve import spec
from nlp.serve.access import Door
from nlp.serve.gate import Gate, Passage, refusal_body, refusal_headers
from nlp.serve.jobs import as_json, notice_from
from nlp.serve.limits import Limits, RefusalError
from nlp.serve.records import Metrics
from nlp.serve.workers import Crew, Life, Loan, Loss, WorkerLostError, live
from nlp.types import Notice

_BLOCK = 1 << 20
_FIELDS = ("title", "published", "issuer", "publisher", "url")
_NAME_CHARACTERS = 150
Problem = dict[str, Any]


@dataclass
class Result:
    """What a request found: rows as lines of JSON, problems in the order of what was sent."""

    rows: list[str]
    problems: list[Problem]


def problem(kind: str, reason: str, cure: str, **where: Any) -> Problem:
    places = dict.fromkeys(("index", "id", "file", "row", "sheet", "sheet_row"))
    return {**places, **where, "kind": kind, "reason": reason, "cure": cure}


def create_app(
    model: str, *, workers: int, limits: Limits, tokens: Sequence[str] = (), masked: bool = False, life: Life = live
) -> Gate:
    """The service as an ASGI app; its workers start and end with it (lifespan). ``life`` is what a worker does."""
    metrics = Metrics()
    crew = Crew(workers, model, limits, on_loss=lambda why: metrics.lost.labels(why).inc(), life=life)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await crew.start()
            metrics.watch(crew)
            yield
        finally:
            await crew.close()

    about = spec.about(limits, nlp.__version__)
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, **about)
    _add_refusals(app)
    _add_scoring(app, crew, limits, metrics, masked)
    _add_health(app, crew, metrics)
    _add_documents(app, secured=bool(tokens))
    return Gate(app, crew, door=Door(tokens), limits=limits, metrics=metrics)


# ------------------------------------------------------------ refusals


_HTTP_REASONS = {
    404: ("not_found", "没有这个地址", "地址见 /openapi.json"),
    405: ("method_not_allowed", "这个地址不接受这种方法", "方法见 /openapi.json"),
}


def _passage(request: Request) -> Passage:
    found: Passage = request.state.passage
    return found


def _add_refusals(app: FastAPI) -> None:
    def refused(request: Request, refusal: RefusalError, more: Mapping[str, str] | None = None) -> Response:
        headers = {**(more or {}), **refusal_headers(refusal)}
        return Response(refusal_body(refusal, _passage(request).id), refusal.status, headers)

    @app.exception_handler(RefusalError)
    async def _(request: Request, error: RefusalError) -> Response:
        return refused(request, error)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        code, reason, cure = _HTTP_REASONS.get(error.status_code, ("bad_request", "请求有误", "格式见 /openapi.json"))
        return refused(request, RefusalError(error.status_code, code, reason, cure), error.headers)

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> Response:
        cure = "请把 request_id 报告给服务的管理人，日志中有出错的位置"
        return refused(request, RefusalError(500, "internal", f"内部错误 {type(error).__name__}", cure))


# ------------------------------------------------------------ scoring


def _add_scoring(app: FastAPI, crew: Crew, limits: Limits, metrics: Metrics, masked: bool) -> None:
    async def answered(request: Request, work: Callable[[Loan], Awaitable[Result]]) -> Response:
        passage = _passage(request)
        async with crew.loan(passage.started + limits.seconds) as loan:
            found = await work(loan)
        metrics.rows.inc(len(found.rows))
        for one in found.problems:
            metrics.errors.labels(one["kind"]).inc()
        passage.told |= {"rows": len(found.rows), "errors": len(found.problems)}
        errors = json.dumps(found.problems, ensure_ascii=True)
        body = f'{{"rows":[{",".join(found.rows)}],"errors":{errors}}}'
        return Response(body.encode(), media_type="application/json")

    async def scored(request: Request, loan: Loan, found: Sequence[Notice | Problem]) -> Result:
        passage, result = _passage(request), Result([], [])
        notices = [one for one in found if isinstance(one, Notice)]
        passage.told |= {"items": len(found), "characters": sum(len(notice.text) for notice in notices)}
        metrics.items.inc(len(found))
        metrics.characters.inc(passage.told["characters"])
        for index, one in enumerate(found):
            if await request.is_disconnected():
                raise RefusalError(499, "gone", "请求方已断开", "请重新发送")
            if isinstance(one, Notice):
                rows, problems = await _score(loan, one, index, limits, masked)
                result.rows += rows
                result.problems += problems
            else:
                result.problems.append({**one, "index": index})
        return result

    @app.post("/v1/score", **spec.SCORE)
    async def _(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            cure = "请加请求头 Content-Type: application/json；传文件请用 /v1/files"
            raise RefusalError(415, "not_json", "请求内容应是 JSON", cure)

        async def work(loan: Loan) -> Result:
            return await scored(request, loan, notices_of(await request.body(), limits))

        return await answered(request, work)

    @app.post("/v1/files", **spec.FILES)
    async def _(request: Request) -> Response:
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            cure = "请用 multipart/form-data，文件放在字段 file 里，例如 curl -F file=@通报.docx"
            raise RefusalError(415, "not_multipart", "请求内容应是表单", cure)

        async def work(loan: Loan) -> Result:
            async with request.form(max_files=limits.files, max_fields=limits.files) as form:
                return await scored(request, loan, await _uploaded(loan, form, limits))

        return await answered(request, work)


async def _score(
    loan: Loan, notice: Notice, index: int, limits: Limits, masked: bool
) -> tuple[list[str], list[Problem]]:
    where: dict[str, Any] = {"index": index, "id": notice.id, "file": notice.file, "row": notice.row}
    try:
        done = await loan.ask({"notice": as_json(notice), "masked": masked}, limits.item_seconds)
    except WorkerLostError as error:
        return [], [problem(error.why, *_lost(error.why, limits), **where)]
    told = [problem(note["kind"], note["reason"], note["cure"], **where) for note in done["notes"]]
    return done["rows"], told


def _lost(why: Loss, limits: Limits) -> tuple[str, str]:
    reasons = {
        "timeout": f"处理超过 {limits.item_seconds:g} 秒，已放弃",
        "memory": "处理所占内存超过上限，已放弃",
        "died": "工作进程在处理时异常退出，已放弃",
    }
    return reasons.get(why, reasons["died"]), "其余各条不受影响；请检查内容是否异常，或拆成几条"


# ------------------------------------------------------------ JSON -> notices


def notices_of(body: bytes, limits: Limits) -> list[Notice | Problem]:
    """The items of a JSON body in their order; one that cannot be scored is a problem. Raises RefusalError."""
    rename = Renamer()
    found = [_notice(item, limits) for item in _items(body, limits)]
    _refuse_too_much(sum(len(one.text) for one in found if isinstance(one, Notice)) > limits.all_characters, limits)
    return [rename(one) if isinstance(one, Notice) else one for one in found]


def _items(body: bytes, limits: Limits) -> list[Any]:
    like = '请求内容应形如 {"items": [{"id": "1", "text": "……"}]}'
    try:
        told = json.loads(body)
    except UnicodeDecodeError as error:
        raise RefusalError(
            400, "not_utf8", f"请求内容不是 UTF-8（第 {error.start + 1} 字节）", "请用 UTF-8 编码"
        ) from error
    except json.JSONDecodeError as error:
        where = f"第 {error.lineno} 行第 {error.colno} 字"
        raise RefusalError(400, "not_json", f"请求内容不是合法的 JSON（{where}）", "请检查引号、逗号和括号") from error
    except (RecursionError, ValueError) as error:
        raise RefusalError(400, "not_json", "JSON 嵌套过深或数字过长", like) from error
    items = told.get("items") if isinstance(told, dict) else None
    if not isinstance(items, list) or not items:
        raise RefusalError(422, "no_items", "没有 items，或它不是非空的数组", like)
    if len(items) > limits.items:
        raise _too_many(limits)
    return items


def _too_many(limits: Limits) -> RefusalError:
    return RefusalError(
        413, "too_many_items", f"一次超过 {limits.items} 条", f"请分几次发送，每次至多 {limits.items} 条"
    )


def _refuse_too_much(too_much: bool, limits: Limits) -> None:
    if too_much:
        raise RefusalError(413, "too_much_text", f"正文合计超过 {limits.all_characters} 字", "请分几次发送")


def _notice(item: Any, limits: Limits) -> Notice | Problem:
    if not isinstance(item, dict):
        return problem("error", "这一条不是 JSON 对象", '每条应形如 {"id": "1", "text": "……"}')
    given = item.get("id")
    if not _is_name(given, limits.id_characters):
        cure = f"id 应是至多 {limits.id_characters} 字的文字或整数，也可以不写"
        return problem("error", "id 不能用", cure)
    name = None if given is None else str(given)
    text = item.get("text")
    if not isinstance(text, str):
        return problem("error", "没有 text，或它不是文字", "正文应放在 text 里，是一段文字", id=name)
    if wrong := unfit(text, limits.characters):
        return problem("error", *wrong, id=name)
    if odd := [key for key in _FIELDS if not isinstance(item.get(key), str | None)]:
        return problem("error", f"{'、'.join(odd)} 不是文字", "请改为文字，或去掉", id=name)
    return as_notice({"id": name, "text": text, **{key: item.get(key) for key in _FIELDS}})


def _is_name(given: Any, most: int) -> bool:
    if isinstance(given, str):
        return len(given) <= most
    return given is None or (isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**most)


# ------------------------------------------------------------ files -> notices


async def _uploaded(loan: Loan, form: FormData, limits: Limits) -> list[Notice | Problem]:
    """The notices of the files in their order, and what could not be read. Raises RefusalError for the whole."""
    columns = _columns([value for value in form.getlist("column") if isinstance(value, str)])
    files = [value for value in form.getlist("file") if isinstance(value, UploadFile)]
    if not files:
        raise RefusalError(422, "no_files", "没有文件", "请把文件放在表单的 file 字段里，可以有多个")
    rename = Renamer()
    found: list[Notice | Problem] = []
    for number, file in enumerate(files, 1):
        read = await _read(loan, file, number, columns, limits)
        for one in read:
            wrong = unfit(one.text, limits.characters) if isinstance(one, Notice) else None
            if not isinstance(one, Notice):
                found.append(one)
            elif wrong:
                found.append(problem("error", *wrong, id=one.id, file=one.file, row=one.row))
            else:
                found.append(rename(one))
        if len(found) > limits.items:
            raise _too_many(limits)
        _refuse_too_much(sum(len(n.text) for n in found if isinstance(n, Notice)) > limits.all_characters, limits)
    return found


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if wrong := [pair for pair, (key, _, column) in zip(pairs, split, strict=True) if not (key and column)]:
        reason = f"column 写法不对：{wrong[0][:50]}"
        raise RefusalError(422, "bad_column", reason, "应写成 键=列名，例如 text=通报内容")
    return {key: column for key, _, column in split}


async def _read(
    loan: Loan, file: UploadFile, number: int, columns: dict[str, str], limits: Limits
) -> list[Notice | Problem]:
    label = _label(file.filename or "", number)
    ending = PurePosixPath(label).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="wenze-", ignore_cleanup_errors=True) as folder:
        # Never under the sender's name: that may climb out of the folder, or mean a device on Windows.
        path = Path(folder) / f"{uuid.uuid4().hex}{ending if ending in endings() else ''}"
        with path.open("wb") as copy:
            while block := await file.read(_BLOCK):
                copy.write(block)
        asked = {"path": str(path), "label": label, "columns": columns}
        bounds = {"most": limits.items, "most_characters": limits.all_characters}
        try:
            told = await loan.ask({"read": {**asked, **bounds}}, limits.item_seconds)
        except WorkerLostError as error:
            return [problem(error.why, *_lost(error.why, limits), file=label)]
    if "refused" in told:
        raise RefusalError(422, "bad_column", told["refused"], "列名写法见 /openapi.json")
    if told["too_many"]:
        raise _too_many(limits)
    _refuse_too_much(told["too_much"], limits)
    return [
        notice_from(one["notice"]) if "notice" in one else problem("error", **one["problem"]) for one in told["found"]
    ]


_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _label(name: str, number: int) -> str:
    """What a file is called in rows and problems: the last part of the sender's name for it, never a path."""
    last = _UNSEEN.sub("", name).replace("\\", "/").rpartition("/")[2].strip()
    return last[-_NAME_CHARACTERS:] if last.strip(".") else f"文件{number}"


# ------------------------------------------------------------ health, metrics, documents


def _add_health(app: FastAPI, crew: Crew, metrics: Metrics) -> None:
    @app.get("/healthz", **spec.HEALTH)
    async def _() -> Response:
        return _json({"status": "ok", "version": nlp.__version__})

    @app.get("/readyz", **spec.READY)
    async def _() -> Response:
        if not crew.alive:
            raise RefusalError(503, "not_ready", "工作进程尚未就绪", "请稍后再试", 5)
        counts = {"all": crew.count, "ready": crew.alive, "idle": crew.idle}
        return _json({"status": "ready", "workers": counts, **crew.loaded})

    @app.get("/metrics", **spec.METRICS)
    async def _() -> Response:
        return Response(metrics.page(), media_type=CONTENT_TYPE_LATEST)


def _json(value: Any) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")


def _add_documents(app: FastAPI, *, secured: bool) -> None:
    told = json.dumps(spec.document(app, secured=secured), ensure_ascii=False)
    page = spec.page(app, secured=secured)

    @app.get("/openapi.json", include_in_schema=False)
    async def _() -> Response:
        return Response(told, media_type="application/json")

    @app.get("/", include_in_schema=False)
    async def _() -> Response:
        return HTMLResponse(page)
