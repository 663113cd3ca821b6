"""The OpenAPI document and the one page of help: what the routes take and give, in Chinese, with examples."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from nlp.rows import json_schema
from nlp.serve.limits import MB, Limits

Json = dict[str, Any]
_TEXT = "青溪县纪委通报：白石镇镇长周某对危房排查工作抓得不紧，致使险情未及时上报，负有重要领导责任，受到党内警告处分。"
_EXAMPLE = {"items": [{"id": "1", "text": _TEXT}, {"id": "2", "text": ""}]}
_PROBLEM_EXAMPLE = {
    **{"index": 1, "id": "2", "file": None, "row": None, "sheet": None, "sheet_row": None, "kind": "error"},
    **{"reason": "正文为空", "cure": "请补上正文，或删去这一项"},
}

_STRING_OR_NULL = {"type": ["string", "null"]}
_COUNT_OR_NULL = {"type": ["integer", "null"]}
_ITEM = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "id": {"type": ["string", "integer", "null"], "description": "通报编号；不写则按正文取哈希"},
        "text": {"type": "string", "description": "通报正文，文本或 HTML"},
        "title": {**_STRING_OR_NULL, "description": "标题"},
        "published": {**_STRING_OR_NULL, "description": "发布日期"},
        "issuer": {**_STRING_OR_NULL, "description": "问责主体"},
        "publisher": {**_STRING_OR_NULL, "description": "来源"},
        "url": {**_STRING_OR_NULL, "description": "网址"},
    },
}
_PROBLEM = {
    "type": "object",
    "description": "没有得出行的一条，以及为什么",
    "properties": {
        "index": {**_COUNT_OR_NULL, "description": "请求中的第几条，从 0 起"},
        "id": {**_STRING_OR_NULL, "description": "通报编号"},
        "file": {**_STRING_OR_NULL, "description": "文件名"},
        "row": {**_COUNT_OR_NULL, "description": "数据第几行，从 1 起"},
        "sheet": {**_STRING_OR_NULL, "description": "工作表"},
        "sheet_row": {**_COUNT_OR_NULL, "description": "表格中的第几行"},
        "kind": {
            "type": "string",
            "enum": ["error", "no_case", "timeout", "memory", "died"],
            "description": "读不了 / 未见问责案件 / 超时 / 内存超限 / 工作进程异常退出",
        },
        "reason": {"type": "string", "description": "原因"},
        "cure": {"type": "string", "description": "怎么办"},
    },
    "required": ["index", "id", "file", "row", "sheet", "sheet_row", "kind", "reason", "cure"],
}
_RESULT = {
    "type": "object",
    "properties": {
        "rows": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Row"},
            "description": "一案一行，与 wenze score 写出的行相同，按请求的次序；重复的编号记为 编号~2，行内有提示",
        },
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
    },
    "required": ["rows", "errors"],
}
_REFUSED = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "供程序辨认的代码"},
        "reason": {"type": "string", "description": "原因"},
        "cure": {"type": "string", "description": "怎么办"},
        "request_id": {"type": "string", "description": "请求编号，日志中可查"},
    },
    "required": ["code", "reason", "cure", "request_id"],
}
_SCHEMAS = {"Item": _ITEM, "Row": json_schema(), "Problem": _PROBLEM, "Result": _RESULT, "Refused": _REFUSED}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_RETRY = {"Retry-After": {"description": "几秒后可重试", "schema": {"type": "integer"}}}
_WORDS = {
    400: "请求内容不是合法的 JSON、表单或 UTF-8",
    401: "没有令牌，或令牌不对",
    403: "没有令牌的服务只答复本机的请求",
    408: "请求内容迟迟没有发完",
    413: "超过大小、条数、文件数或字数的上限",
    415: "内容类型不对",
    422: "内容不合要求",
    500: "内部错误",
    503: "正忙，或尚未就绪",
    504: "没能在限定时间内做完",
}
_RETRIED = (408, 503, 504)


def _responses(done: Json, *statuses: int) -> dict[int | str, Json]:
    found: dict[int | str, Json] = {200: {"description": "成功", "content": done}}
    for status in statuses:
        content = {"application/json": {"schema": _ref("Refused")}}
        headers = {"headers": _RETRY} if status in _RETRIED else {}
        found[status] = {"description": _WORDS[status], "content": content, **headers}
    return found


def _json_of(schema: Json, example: Any = None) -> Json:
    return {"application/json": {"schema": schema} if example is None else {"schema": schema, "example": example}}


_ASKED = (401, 403)
_WORK = (400, *_ASKED, 408, 413, 415, 422, 500, 503, 504)

SCORE: Json = {
    "summary": "分析若干条通报",
    "description": (
        "每条给出 `id` 与 `text`；一案一行，按请求的次序返回。不能分析的一条记入 `errors`（编号、原因、怎么办），"
        "其余照做。整个请求不合要求、超过上限或超时，则以 4xx、5xx 答复，不返回任何行。"
    ),
    "tags": ["分析"],
    "operation_id": "score",
    "responses": _responses(_json_of(_ref("Result")), *_WORK),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": _json_of(
                {
                    "type": "object",
                    "required": ["items"],
                    "properties": {"items": {"type": "array", "minItems": 1, "items": _ref("Item")}},
                },
                _EXAMPLE,
            ),
        }
    },
}
FILES: Json = {
    "summary": "分析上传的文件",
    "description": (
        "表单字段 `file`，可以有多个；格式与 `wenze score` 所读的相同：txt md html docx pdf xlsx csv jsonl json "
        "parquet zip。表格的列名不合常例时加字段 `column`，如 `text=通报内容`。返回与 /v1/score 相同。"
    ),
    "tags": ["分析"],
    "operation_id": "files",
    "responses": _responses(_json_of(_ref("Result"), {"rows": [], "errors": []}), *_WORK),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {
                            "file": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                            },
                            "column": {
                                "type": "array",
                                "items": {"type": "string", "pattern": "^(text|id|title|published|issuer|url)=.+$"},
                                "description": "键=列名",
                            },
                        },
                    },
                }
            },
        }
    },
}
_STATUS = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
HEALTH: Json = {
    "summary": "是否活着",
    "description": "不需要令牌。",
    "tags": ["状态"],
    "operation_id": "healthz",
    "responses": _responses(_json_of(_STATUS, {"status": "ok", "version": "0.1.0"})),
}
READY: Json = {
    "summary": "是否就绪",
    "description": "至少有一个工作进程已装入模型；并给出程序、编码手册、模型的指纹。不需要令牌。",
    "tags": ["状态"],
    "operation_id": "readyz",
    "responses": _responses(
        _json_of(
            _STATUS,
            {
                "status": "ready",
                "workers": {"all": 2, "ready": 2, "idle": 1},
                "made_by": {"code": "0.1.0+3f2a", "codebook": "9c1d", "model": "rules"},
                "cautions": [],
            },
        ),
        503,
    ),
}
METRICS: Json = {
    "summary": "Prometheus 指标",
    "description": "请求数、用时、条数、错误、工作进程；没有正文。",
    "tags": ["状态"],
    "operation_id": "metrics",
    "responses": _responses({"text/plain": {"schema": {"type": "string"}}}, *_ASKED),
}


def about(limits: Limits, version: str) -> Json:
    """Title, version and limits of the service."""
    told = (
        f"读问责通报，逐案返回人员、处理、责任与值得复核之处及其依据。一次至多 {limits.items} 条、"
        f"{limits.body / MB:g} MB、{limits.files} 个文件；每条至多 {limits.characters} 字、{limits.item_seconds:g} 秒；"
        f"每次请求至多 {limits.seconds:g} 秒。正文不写入日志，不离开本机。"
    )
    return {"title": "wenze 问责", "version": version, "summary": "分析问责通报的服务", "description": told}


def document(app: FastAPI, *, secured: bool) -> Json:
    """The OpenAPI document of the routes added so far."""
    told = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    told.setdefault("components", {}).setdefault("schemas", {}).update(_SCHEMAS)
    done = told["paths"]["/v1/score"]["post"]["responses"]["200"]["content"]["application/json"]
    done["example"] = {"rows": [], "errors": [_PROBLEM_EXAMPLE]}  # here, since what is null is dropped above
    if secured:
        told["components"]["securitySchemes"] = {"令牌": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"令牌": []}]
        for path in ("/healthz", "/readyz"):
            told["paths"][path]["get"]["security"] = []
    return told


def _code(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def page(app: FastAPI, *, secured: bool) -> str:
    """The same on one page that needs nothing from the network."""
    told = document(app, secured=secured)
    token = " -H 'Authorization: Bearer 令牌'" if secured else ""
    lines = "".join(
        f"<h2><code>{method.upper()} {escape(path)}</code> {escape(one['summary'])}</h2>"
        f"<p>{_code(one.get('description', ''))}</p>"
        for path, methods in told["paths"].items()
        for method, one in methods.items()
    )
    sent = escape(json.dumps({"items": _EXAMPLE["items"][:1]}, ensure_ascii=False))
    return (
        f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{escape(app.title)}</title>'
        "<style>body{font:16px/1.7 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
        "pre{background:#f4f4f4;padding:1em;white-space:pre-wrap}</style>"
        f"<h1>{escape(app.title)} {escape(app.version)}</h1><p>{escape(app.description)}</p>{lines}<h2>例</h2>"
        f"<pre>curl{token} -H 'Content-Type: application/json' \\\n  -d '{sent}' http://…/v1/score</pre>"
        f"<pre>curl{token} -F file=@通报.docx http://…/v1/files</pre>"
        "<p>完整的接口说明（OpenAPI）：<code>/openapi.json</code></p></html>"
    )
