"""The service: the same rows as the command line, one bad item among good ones, bounds, tokens, and what is logged."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import httpx
import psutil
import pytest
import schemathesis
from hostile_worker import DIE, HANG, READ_HANG, SWELL, hostile
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.testclient import TestClient

from nlp.batch import score
from nlp.cli import main
from nlp.pipeline import analyze
from nlp.rows import row, violations
from nlp.serve import Limits, ServeError, access
from nlp.serve.app import create_app
from nlp.serve.run import serve
from nlp.serve.workers import Life, live

ROOT = Path(__file__).parent.parent
TEXT = "青溪县纪委通报：白石镇镇长周某对危房排查抓得不紧，负有重要领导责任，受到党内警告处分。"
OTHER = "南川局副局长宋平洲监管不到位，经研究决定给予其政务记过处分。"
NOTHING = "明天上午有雨，请带伞。"
TOKEN, SECOND = "t" * 32, "s" * 32
JSON = {"content-type": "application/json"}
Client = TestClient


@contextmanager
def client(*, tokens: tuple[str, ...] = (), life: Life = live, **limits: Any) -> Iterator[Client]:
    """The service with its real workers, asked without a network."""
    app = create_app("rules", workers=1, limits=replace(Limits(), **limits), tokens=tokens, life=life)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as found:
        yield found


@pytest.fixture(scope="module")
def service() -> Iterator[Client]:
    with client(items=5, characters=2_000, all_characters=6_000, body=200_000, files=4) as found:
        yield found


@pytest.fixture(scope="module")
def guarded() -> Iterator[Client]:
    with client(tokens=(TOKEN, SECOND)) as found:
        yield found


def ask(service: Client, *items: Any) -> dict[str, Any]:
    answer = service.post("/v1/score", json={"items": list(items)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def told(errors: list[dict[str, Any]]) -> list[tuple[int, str | None, str]]:
    return [(error["index"], error["id"], error["reason"]) for error in errors]


# ------------------------------------------------------------ the same rows


def test_rows_are_those_of_the_command_line(service: Client, tmp_path: Path) -> None:
    items = [{"id": "甲", "text": TEXT, "title": "通报"}, {"id": "乙", "text": f"<p>{OTHER}</p>"}]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(item) for item in items), "utf-8")
    score([str(tmp_path / "in.jsonl")], tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    expected = [{**json.loads(line), "file": None, "row": None} for line in lines]
    assert ask(service, *items) == {"rows": expected, "errors": []}


def test_an_uploaded_file_gives_the_rows_of_the_command_line(service: Client, tmp_path: Path) -> None:
    path = tmp_path / "通报.csv"
    path.write_text(f"编号,正文\n甲,{TEXT}\n乙,{OTHER}\n", "utf-8")
    score([str(path)], tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    answer = service.post("/v1/files", files={"file": (path.name, path.read_bytes())})
    assert answer.json() == {"rows": [{**json.loads(line), "file": path.name} for line in lines], "errors": []}


def test_rows_conform_to_the_schema(service: Client) -> None:
    (found,) = ask(service, {"id": "1", "text": TEXT})["rows"]
    assert list(violations(found)) == []
    (analysis,) = analyze({"id": "1", "text": TEXT})
    assert found == row(analysis)


def test_a_word_file_a_zip_and_a_text_are_read_together(service: Client) -> None:
    document, packed = docx.Document(), io.BytesIO()
    document.add_paragraph(TEXT)
    saved = io.BytesIO()
    document.save(saved)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("一月/乙.txt", OTHER)
    sent = [("甲.docx", saved.getvalue()), ("归档.zip", packed.getvalue()), ("丙.txt", TEXT.encode("gbk"))]
    answer = service.post("/v1/files", files=[("file", one) for one in sent]).json()
    assert [(one["notice_id"], one["file"]) for one in answer["rows"]] == [
        ("甲.docx", "甲.docx"),
        ("归档.zip/一月/乙.txt", "归档.zip/一月/乙.txt"),
        ("丙.txt", "丙.txt"),
    ]
    assert answer["errors"] == []


def test_columns_of_an_uploaded_table_can_be_named(service: Client) -> None:
    table = f"序号,摘要\n1,{TEXT}\n".encode()
    ((unread,),) = [service.post("/v1/files", files={"file": ("a.csv", table)}).json()["errors"]]
    assert "没有正文列" in unread["reason"]
    answer = service.post("/v1/files", files={"file": ("a.csv", table)}, data={"column": ["text=摘要", "id=序号"]})
    assert [one["notice_id"] for one in answer.json()["rows"]] == ["1"]


# ------------------------------------------------------------ one bad item


@pytest.mark.parametrize(
    ("item", "name", "reason", "cure"),
    [
        (5, None, "不是 JSON 对象", "形如"),
        ({"id": "x"}, "x", "没有 text", "一段文字"),
        ({"id": "x", "text": None}, "x", "没有 text", "一段文字"),
        ({"id": "x", "text": ["a"]}, "x", "没有 text", "一段文字"),
        ({"id": "x", "text": " \n"}, "x", "正文为空", "补上正文"),
        ({"id": "x", "text": "责" * 2_001}, "x", "2001 字，超过每篇 2000 字", "拆成多篇"),
        ({"id": "x", "text": "\ud83d"}, "x", "代理字符", "原文"),
        ({"id": "x", "text": "\0" * 50}, "x", "空字符", "没有损坏"),
        ({"id": {"a": 1}, "text": TEXT}, None, "id 不能用", "整数"),
        ({"id": True, "text": TEXT}, None, "id 不能用", "整数"),
        ({"id": "x" * 201, "text": TEXT}, None, "id 不能用", "200 字"),
        ({"id": 10**250, "text": TEXT}, None, "id 不能用", "200 字"),
        ({"id": "x", "text": TEXT, "title": 5}, "x", "title 不是文字", "文字"),
    ],
)
def test_a_bad_item_is_told_and_the_good_ones_are_scored(
    service: Client, item: Any, name: str | None, reason: str, cure: str
) -> None:
    sent = json.dumps({"items": [{"id": "1", "text": TEXT}, item, {"id": "3", "text": OTHER}]})
    answer = service.post("/v1/score", content=sent, headers=JSON).json()
    assert [one["notice_id"] for one in answer["rows"]] == ["1", "3"]
    (error,) = answer["errors"]
    assert (error["index"], error["id"], error["kind"]) == (1, name, "error")
    assert reason in error["reason"]
    assert cure in error["cure"]


def test_a_notice_without_a_case_is_told_not_lost(service: Client) -> None:
    answer = ask(service, {"id": "1", "text": NOTHING}, {"id": "2", "text": TEXT})
    assert [one["notice_id"] for one in answer["rows"]] == ["2"]
    assert [(error["index"], error["id"], error["kind"]) for error in answer["errors"]] == [(0, "1", "no_case")]


def test_an_id_given_twice_is_told_in_the_row(service: Client) -> None:
    rows = ask(service, {"id": 7, "text": TEXT}, {"id": "7", "text": OTHER})["rows"]
    assert [one["notice_id"] for one in rows] == ["7", "7~2"]
    assert [caution["code"] for caution in rows[1]["cautions"]][:1] == ["duplicate_id"]


def test_an_item_without_id_is_named_by_its_text(service: Client) -> None:
    first, second = ask(service, {"text": TEXT}, {"text": OTHER})["rows"]
    assert first["notice_id"] != second["notice_id"]


def test_an_uploaded_file_that_cannot_be_read_is_told_under_its_own_name(service: Client) -> None:
    sent = [("file", ("甲.pdf", b"nothing")), ("file", ("乙.txt", TEXT.encode())), ("file", ("丙", b"?"))]
    answer = service.post("/v1/files", files=sent).json()
    assert [one["notice_id"] for one in answer["rows"]] == ["乙.txt"]
    assert [(error["file"], error["kind"]) for error in answer["errors"]] == [("甲.pdf", "error"), ("丙", "error")]
    assert "PDF 已损坏" in answer["errors"][0]["reason"]
    assert "没有扩展名" in answer["errors"][1]["reason"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("../../etc/甲.txt", "甲.txt"),
        ("/etc/甲.txt", "甲.txt"),
        ("C:\\Windows\\甲.txt", "甲.txt"),
        ("甲\u202etxt.exe.txt", "甲txt.exe.txt"),
        ("..txt", "..txt"),
        ("<script>.txt", "<script>.txt"),
    ],
)
def test_the_name_of_an_upload_is_a_label_and_never_a_path(service: Client, name: str, label: str) -> None:
    before = set(Path.cwd().iterdir())
    answer = service.post("/v1/files", files={"file": (name, TEXT.encode())})
    assert [(one["notice_id"], one["file"]) for one in answer.json()["rows"]] == [(label, label)]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert set(Path.cwd().iterdir()) == before


def test_a_text_with_markup_comes_back_as_it_was_and_never_as_a_page(service: Client) -> None:
    text = f"<script>alert(1)</script><p>{TEXT}</p>"
    answer = service.post("/v1/score", json={"items": [{"id": "<b>", "text": text}]})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["rows"][0]["notice_id"] == "<b>"


# ------------------------------------------------------------ refusals of the whole request

SCORE, FILES = "/v1/score", "/v1/files"
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("path", "content", "headers", "refused"),
    [
        (SCORE, b"", JSON, (400, "not_json")),
        (SCORE, b'{"items": [', JSON, (400, "not_json")),
        (SCORE, b"[" * 100_000, JSON, (400, "not_json")),
        (SCORE, b'{"items": ' + b"9" * 6_000 + b"}", JSON, (400, "not_json")),
        (SCORE, '{"items": ["责"]}'.encode("gbk"), JSON, (400, "not_utf8")),
        (SCORE, b"[]", JSON, (422, "no_items")),
        (SCORE, b'{"items": []}', JSON, (422, "no_items")),
        (SCORE, b'{"items": {"a": 1}}', JSON, (422, "no_items")),
        (SCORE, json.dumps({"items": [{}] * 6}).encode(), JSON, (413, "too_many_items")),
        (SCORE, json.dumps({"items": [{"text": "责" * 1_900}] * 4}).encode(), JSON, (413, "too_much_text")),
        (SCORE, b" " * 200_001, JSON, (413, "too_large")),
        (SCORE, b'{"items": [{"text": "a"}]}', {"content-type": "text/plain"}, (415, "not_json")),
        (FILES, b"x", JSON, (415, "not_multipart")),
        (FILES, b"--x--\r\n", MULTIPART, (422, "no_files")),
        (FILES, b"nothing of the kind", MULTIPART, (400, "bad_request")),
        ("/v1/nowhere", b"", JSON, (404, "not_found")),
        ("/healthz", b"", JSON, (405, "method_not_allowed")),
    ],
)
def test_a_request_that_cannot_be_done_is_refused_in_words(
    service: Client, path: str, content: bytes, headers: dict[str, str], refused: tuple[int, str]
) -> None:
    answer = service.post(path, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == refused
    assert set(answer.json()) == {"code", "reason", "cure", "request_id"}
    assert re.search("[一-鿿]", answer.json()["reason"])
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_a_body_that_grows_too_large_is_refused_though_it_did_not_say_so(service: Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 1_000

    answer = service.post("/v1/score", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_that_comes_too_slowly_is_refused_and_holds_no_worker() -> None:  # there is none here to hold
    async def never() -> dict[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    app = create_app("rules", workers=1, limits=replace(Limits(), seconds=0.2))
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    told = {"type": "http", "method": "POST", "path": "/v1/score", "raw_path": b"/v1/score", "query_string": b""}
    scope = {**told, "headers": headers, "http_version": "1.1", "scheme": "http", "root_path": "", "client": None}
    asyncio.run(app(scope, never, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "slow_body"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([("file", (f"{n}.txt", b"a")) for n in range(5)], "bad_request"),
        ([("file", ("a.txt", b" " * 200_000))], "too_large"),
        ([("file", ("a.jsonl", b'{"text": "a"}\n' * 6))], "too_many_items"),
        (
            [("file", ("a.jsonl", json.dumps({"text": "责" * 1_900}).encode() + b"\n")) for _ in range(4)],
            "too_much_text",
        ),
    ],
)
def test_an_upload_beyond_the_limits_is_refused(service: Client, files: Any, code: str) -> None:
    answer = service.post("/v1/files", files=files)
    assert answer.status_code in (400, 413)
    assert answer.json()["code"] == code


def test_an_unknown_column_is_refused(service: Client) -> None:
    for column in ("nonsense", "colour=a"):
        answer = service.post("/v1/files", files={"file": ("a.csv", b"a")}, data={"column": column})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_column")


# ------------------------------------------------------------ workers


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [(HANG, "timeout", "超过 1 秒"), (DIE, "died", "异常退出"), (SWELL, "memory", "内存超过")],
)
def test_a_text_that_kills_its_worker_is_given_up_and_the_rest_is_done(text: str, kind: str, reason: str) -> None:
    with client(life=hostile, item_seconds=1.0 if text == HANG else 20.0, memory=600 * 1024 * 1024) as service:
        answer = ask(service, {"id": "1", "text": TEXT}, {"id": "2", "text": text}, {"id": "3", "text": OTHER})
        assert [one["notice_id"] for one in answer["rows"]] == ["1", "3"]
        assert [(error["id"], error["kind"]) for error in answer["errors"]] == [("2", kind)]
        assert reason in answer["errors"][0]["reason"]
        assert f'wenze_workers_lost_total{{reason="{kind}"}} 1.0' in service.get("/metrics").text


def test_a_worker_that_died_while_idle_is_replaced_before_anybody_notices() -> None:
    others = set(psutil.Process().children())
    with client(life=hostile) as service:
        started = set(psutil.Process().children()) - others
        (worker,) = (one for one in started if "resource_tracker" not in " ".join(one.cmdline()))
        worker.kill()
        worker.wait(10)
        answer = ask(service, {"id": "1", "text": TEXT})
        assert ([one["notice_id"] for one in answer["rows"]], answer["errors"]) == (["1"], [])


def test_a_file_that_hangs_its_parser_is_given_up_and_the_next_is_read() -> None:
    with client(life=hostile, item_seconds=4.0) as service:
        sent = [("file", (READ_HANG, TEXT.encode())), ("file", ("乙.txt", TEXT.encode()))]
        answer = service.post("/v1/files", files=sent).json()
    assert [one["notice_id"] for one in answer["rows"]] == ["乙.txt"]
    assert [(error["file"], error["kind"]) for error in answer["errors"]] == [(READ_HANG, "timeout")]


def test_a_request_beyond_its_seconds_is_given_up_and_may_be_tried_again() -> None:
    with client(life=hostile, seconds=1.5) as service:
        answer = service.post("/v1/score", json={"items": [{"text": TEXT}, {"text": HANG}]})
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
        assert int(answer.headers["retry-after"]) > 0


def test_a_full_house_is_told_and_a_hanging_text_does_not_hang_the_server() -> None:
    with client(life=hostile, seconds=4.0, waiting=0) as service:
        slow = threading.Thread(target=_until_taken, args=(service, HANG))
        slow.start()
        until = time.monotonic() + 30
        answer = service.post("/v1/score", json={"items": [{"text": TEXT}]})
        while answer.status_code == 200 and time.monotonic() < until:  # until the slow one has its worker
            answer = service.post("/v1/score", json={"items": [{"text": TEXT}]})
        assert (answer.status_code, answer.json().get("code")) == (503, "busy")
        assert int(answer.headers["retry-after"]) > 0
        assert service.get("/healthz").status_code == 200
        slow.join()


def _until_taken(service: Client, text: str) -> None:
    """Ask until somebody has room for the text: another request may have been there first."""
    while service.post("/v1/score", json={"items": [{"text": text}]}).status_code == 503:
        time.sleep(0.05)


# ------------------------------------------------------------ who may ask


@pytest.mark.parametrize("path", ["/v1/score", "/v1/files", "/metrics", "/openapi.json", "/", "/readyz/", "/nowhere"])
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN]
)
def test_without_a_token_nothing_is_answered(guarded: Client, path: str, header: str | None) -> None:
    answer = guarded.get(path, headers={} if header is None else {"authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", [TOKEN, SECOND])
def test_each_of_several_tokens_opens(guarded: Client, token: str) -> None:
    headers = {"authorization": f"bearer {token}"}
    answer = guarded.post("/v1/score", json={"items": [{"id": "1", "text": TEXT}]}, headers=headers)
    assert len(answer.json()["rows"]) == 1
    assert "security" in guarded.get("/openapi.json", headers=headers).json()


def test_health_needs_no_token(guarded: Client) -> None:
    assert guarded.get("/healthz").json()["status"] == "ok"
    told_ready = guarded.get("/readyz").json()
    assert told_ready["status"] == "ready"
    assert set(told_ready["made_by"]) == {"code", "codebook", "model"}


@pytest.mark.parametrize(
    "headers", [{"host": "attacker.example"}, {"host": "127.0.0.1.attacker.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_pages_of_other_sites_cannot_ask_a_service_without_token(service: Client, headers: dict[str, str]) -> None:
    assert service.get("/openapi.json", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        *(("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("", False), ("192.168.1.5", False), ("no.such.host.invalid", False)),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, only_here: bool) -> None:
    assert access.is_loopback(host) is only_here


def test_no_address_but_loopback_is_served_without_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WENZE_TOKEN", raising=False)
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "必须设令牌" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"# 甲用\n{TOKEN}\n\n  {SECOND} \n", (TOKEN, SECOND)),
        (f"\ufeff{TOKEN}\r\n", (TOKEN,)),
        ("# 无\n", "里没有令牌"),
        ("short\n", "第 1 个令牌不能用"),
        (f"{TOKEN}\n{'令' * 20}\n", "第 2 个令牌不能用"),
        (f"{TOKEN} {SECOND}\n", "第 1 个令牌不能用"),
    ],
)
def test_tokens_of_a_file(tmp_path: Path, content: str, expected: Any) -> None:
    (tmp_path / "tokens").write_text(content, "utf-8")
    if isinstance(expected, tuple):
        assert access.tokens(tmp_path / "tokens", {}) == expected
    else:
        with pytest.raises(ServeError, match=expected):
            access.tokens(tmp_path / "tokens", {})


def test_tokens_of_the_environment(tmp_path: Path) -> None:
    assert access.tokens(None, {"WENZE_TOKEN": f"{TOKEN},{SECOND}"}) == (TOKEN, SECOND)
    assert access.tokens(None, {}) == ()
    with pytest.raises(ServeError, match="没有这个文件"):
        access.tokens(tmp_path / "none", {"WENZE_TOKEN": TOKEN})


# ------------------------------------------------------------ what is told about requests


def test_the_log_holds_sizes_and_times_but_no_text_id_or_token(
    guarded: Client, caplog: pytest.LogCaptureFixture
) -> None:
    from nlp.serve.records import JsonLines

    logging.getLogger("wenze.serve").propagate = True
    with caplog.at_level(logging.INFO, logger="wenze.serve"):
        headers = {"authorization": f"Bearer {TOKEN}", "x-request-id": "abc-1"}
        items = [{"id": "机密编号", "text": TEXT}, {"id": "2", "text": NOTHING}]
        guarded.post("/v1/score?q=机密", json={"items": items}, headers=headers)
        guarded.post("/v1/files", files={"file": ("机密.txt", TEXT.encode())}, headers=headers)
        guarded.get("/机密/周某", headers=headers)
    lines = [JsonLines().format(record) for record in caplog.records if record.name == "wenze.serve"]
    first = json.loads(lines[0])
    assert {key: first[key] for key in ("request_id", "method", "route", "status", "items", "rows", "errors")} == {
        **{"request_id": "abc-1", "method": "POST", "route": "/v1/score", "status": 200},
        **{"items": 2, "rows": 1, "errors": 1},
    }
    assert first["bytes_in"] > 100
    assert first["seconds"] > 0
    assert len(lines) == 3
    for secret in ("机密", "周某", "白石", TOKEN):
        assert secret not in "".join(lines)


def test_an_error_is_logged_by_place_and_not_by_words() -> None:
    from nlp.serve.records import JsonLines

    try:
        raise ValueError(TEXT)
    except ValueError:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "Exception in app", (), sys.exc_info())
    line = JsonLines().format(record)
    assert TEXT not in line
    assert json.loads(line)["error"] == "ValueError"
    assert json.loads(line)["at"][0].startswith("test_serve.py:")


def test_metrics_count_requests_items_and_workers(service: Client) -> None:
    ask(service, {"id": "1", "text": TEXT}, {"id": "2"})
    page = service.get("/metrics").text
    assert re.search(r'wenze_requests_total\{route="/v1/score",status="200"\} \d', page)
    assert re.search(r'wenze_item_errors_total\{kind="error"\} \d', page)
    assert "wenze_workers 1.0" in page
    assert TEXT not in page


# ------------------------------------------------------------ the document


def test_the_document_describes_every_route_in_chinese_with_examples(service: Client) -> None:
    document = service.get("/openapi.json").json()
    assert set(document["paths"]) == {"/v1/score", "/v1/files", "/healthz", "/readyz", "/metrics"}
    for methods in document["paths"].values():
        for one in methods.values():
            assert re.search("[一-鿿]", one["summary"] + one["description"])
    example = document["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["example"]
    answer = ask(service, *example["items"])
    assert [len(answer["rows"]), len(answer["errors"])] == [1, 1]
    shown = document["paths"]["/v1/score"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    assert answer["errors"] == shown["errors"]


def test_the_guide_names_every_route_and_every_option(service: Client) -> None:
    guide = (ROOT / "docs" / "service.md").read_text("utf-8")
    ran = subprocess.run([sys.executable, "-m", "nlp", "serve", "--help"], cwd=ROOT, capture_output=True, check=True)
    options = set(re.findall(r"--[a-z-]+ (?=[A-Z\u4e00-\u9fff])", ran.stdout.decode("utf-8"))) - {"--help "}
    assert len(options) > 8
    missing = [name.strip() for name in options if name.strip() not in guide]
    routes = service.get("/openapi.json").json()["paths"]
    assert [*missing, *(path for path in routes if path not in guide)] == []


def test_the_page_of_help_needs_nothing_from_the_network(service: Client) -> None:
    page = service.get("/")
    assert "text/html" in page.headers["content-type"]
    assert "/v1/score" in page.text
    assert re.findall(r"(?:src|href)=", page.text) == []


# ------------------------------------------------------------ a real one


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "nlp", "serve", "--port", "0", "--workers", "1", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8", env={**os.environ, **environment}
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"已就绪：(http://\S+?)。", line):
                break
        yield process, found[1] if found else ""
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def specification() -> Iterator[Any]:
    with running(WENZE_TOKEN="") as (_, address):
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        *(("POST", "/v1/score", GOOD), ("POST", "/v1/score", BAD), ("POST", "/v1/files", GOOD)),
        *(("POST", "/v1/files", BAD), ("GET", "/healthz", GOOD), ("GET", "/readyz", GOOD), ("GET", "/metrics", GOOD)),
    ],
)
def test_the_service_does_what_its_document_says(
    specification: Any, method: str, path: str, mode: GenerationMode
) -> None:
    options: dict[str, Any] = {"deadline": None, "derandomize": True, "database": None}

    # An item that does not conform is told in the answer, with status 200, and the others are scored.
    @given(case=specification[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=20, suppress_health_check=list(HealthCheck), **options)
    def conforms(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=[negative_data_rejection])

    conforms()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be caught on Windows")
def test_a_request_begun_before_the_end_is_finished() -> None:
    with running(WENZE_TOKEN=TOKEN) as (process, address):
        text = TEXT * 400
        got: list[httpx.Response] = []
        headers = {"authorization": f"Bearer {TOKEN}"}
        body = {"items": [{"id": str(n), "text": text} for n in range(3)]}
        asking = threading.Thread(
            target=lambda: got.append(httpx.post(f"{address}/v1/score", json=body, headers=headers, timeout=60))
        )
        asking.start()
        until = time.monotonic() + 30
        while "wenze_requests_in_progress 2.0" not in httpx.get(f"{address}/metrics", headers=headers).text:
            assert time.monotonic() < until
        process.send_signal(signal.SIGTERM)
        asking.join(60)
        assert [answer.status_code for answer in got] == [200]
        process.wait(30)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")


def test_a_port_in_use_and_a_model_that_is_not_there_are_told(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ServeError, match="不能在"):
        serve("127.0.0.1", taken.getsockname()[1], model="rules", workers=1, limits=Limits())
    with pytest.raises(ServeError, match="没有"):
        serve("127.0.0.1", 0, model=str(tmp_path / "none"), workers=1, limits=Limits())


def test_a_missing_extra_names_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else find(name))
    assert main(["serve"]) == 2
    assert "缺少 fastapi。请先运行 pip install 'wenze[serve]'" in capsys.readouterr().err
