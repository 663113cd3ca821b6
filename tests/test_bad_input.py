"""What cannot be read right is refused with file, row, reason and cure; nothing is guessed, cut or lost in silence."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pypdf
import pytest
from reportlab.pdfgen import canvas

from nlp.clean import clean
from nlp.read import NOTICE_LIMIT, ReadError, os_reason, read_notices

TEXT = "青禾镇党委书记颜述行落实主体责任不力，受到党内警告处分。"
OTHER = "临泽乡副乡长邝一帆监管不到位，被诫勉。"


def errors_of(path: Path) -> tuple[list[str], list[ReadError]]:
    """The texts read and the errors told."""
    errors: list[ReadError] = []
    texts = [notice.text for notice in read_notices([path], on_error=errors.append)]
    return texts, errors


def word(text: str = TEXT) -> bytes:
    data = io.BytesIO()
    document = docx.Document()
    document.add_paragraph(text)
    document.save(data)
    return data.getvalue()


def workbook() -> bytes:
    data = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["正文"])
    book.active.append([TEXT])
    book.save(data)
    return data.getvalue()


def pdf(*, password: str | None = None, text: str = "Notice") -> bytes:
    data = io.BytesIO()
    page = canvas.Canvas(data)
    if text:
        page.drawString(72, 720, text)
    else:
        page.rect(72, 72, 200, 200, fill=1)
    page.save()
    if password is None:
        return data.getvalue()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data.getvalue()))
    writer.encrypt(password, algorithm="RC4-128")
    sealed = io.BytesIO()
    writer.write(sealed)
    return sealed.getvalue()


def with_part(data: bytes, name: str, part: bytes) -> bytes:
    """An Office file with one of its parts replaced."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, part if member.filename == name else old.read(member))
    return changed.getvalue()


def zipped(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return data.getvalue()


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]>'
    b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>&c;</w:body></w:document>'
)


@pytest.mark.parametrize(
    ("name", "make", "reason", "cure"),
    [
        ("a.txt", lambda: b"", "文件是空的", "完整保存"),
        ("a.txt", " \r\n　".encode, "正文为空", "补上正文"),
        ("a.txt", lambda: os.urandom(4096) + b"\0" * 400, "二进制", "没有损坏"),
        ("a.txt", lambda: b"\x89PNG\r\n\x1a\n" + os.urandom(300), "PNG", "扩展名"),
        ("a.txt", word, "压缩包或 Office 文档", "扩展名"),
        ("a.txt", lambda: bytes(range(128, 256)) * 8, "编码混杂或已损坏", "UTF-8"),
        ("a.txt", lambda: TEXT.encode()[:-20] + TEXT.encode()[-19:], "编码混杂或已损坏", "UTF-8"),
        ("a.txt", lambda: TEXT.encode() + OTHER.encode("gbk"), "编码混杂或已损坏", "UTF-8"),
        ("a.html", lambda: b'<meta charset="gbk">' + OTHER.encode("gbk") + TEXT.encode(), "编码混杂", "UTF-8"),
        ("a.txt", lambda: b"\xff\xfe" + TEXT.encode("utf-16-le") + b"\x00", "utf-16", "UTF-8"),
        ("a.docx", lambda: b"", "文件是空的", "完整保存"),
        ("a.docx", lambda: word()[:-300], "损坏或不完整", "另存"),
        ("a.docx", lambda: word()[:2000], "损坏或不完整", "另存"),
        ("a.docx", workbook, "Word 文档已损坏", "另存"),
        ("a.docx", lambda: zipped(x=b"1"), "损坏或不完整", "另存"),
        ("a.docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "密码", "另存为新格式"),
        ("a.docx", lambda: with_part(word(), "word/document.xml", BOMB), "XML 实体", "来源"),
        ("a.docx", lambda: with_part(word(), "word/document.xml", b" " * 40_000_000), "压缩炸弹", "来源"),
        ("a.xlsx", lambda: workbook()[:-300], "损坏或不完整", "另存"),
        ("a.xlsx", lambda: with_part(workbook(), "xl/worksheets/sheet1.xml", BOMB), "XML 实体", "来源"),
        ("a.xlsx", lambda: with_part(workbook(), "xl/worksheets/sheet1.xml", b"<worksheet>"), "损坏", "另存"),
        ("a.pdf", lambda: pdf(password="secret"), "密码", "去掉密码"),
        ("a.pdf", lambda: pdf(text=""), "没有文字层", "文字识别"),
        ("a.pdf", lambda: pdf()[:200], "PDF 已损坏", "重新导出"),
        ("a.pdf", lambda: b"nothing of the kind", "PDF 已损坏", "重新导出"),
        ("a.csv", lambda: b"", "文件是空的", "完整保存"),
        ("a.csv", f"编号,摘要\n1,{TEXT}".encode, "没有正文列，现有的列是 编号、摘要", "text="),
        ("a.csv", f"编号,正文\n1,{TEXT},多出".encode, "多于表头", "引号"),
        ("a.csv", f'编号,正文\n1,"{TEXT}'.encode, "CSV 格式错误", "引号"),
        ("a.csv", lambda: b"id,text\r1,a\r2,b", "CSV 表头有误", "换行符"),
        ("a.jsonl", lambda: b"\n\n", "文件是空的", "完整保存"),
        ("a.jsonl", lambda: b"[1, 2]", "不是 JSON 对象", "text"),
        ("a.jsonl", lambda: b'{"id": 1}', "没有正文列", "text="),
        ("a.jsonl", lambda: b'{"text": null}', "正文为空", "补上正文"),
        ("a.jsonl", lambda: b'{"text": ["a"]}', "正文不是文字", "一段文字"),
        ("a.jsonl", lambda: b'{"text": "\\ud83d"}', "代理字符", "重新导出"),
        ("a.jsonl", lambda: b'{"text": ' + b"[" * 100_000, "JSON", "检查"),
        ("a.json", lambda: b'{"text": "a"', "不是合法的 JSON", "括号"),
        ("a.parquet", lambda: b"PAR1 nothing", "Parquet 文件已损坏", "重新导出"),
        ("a.zip", lambda: zipped(**{"a.txt": TEXT.encode()})[:-30], "损坏或不完整", "重新打包"),
        ("a.zip", lambda: zipped(**{"a.txt": b"0" * 40_000_000}), "压缩炸弹", "来源"),
        ("a.zip", lambda: zipped(**{"b.zip": zipped(**{"a.txt": b"a"})}), "还有压缩包", "解压"),
        ("a.zip", lambda: zipped(**{"b.doc": b"a"}), "不认识", "另存为 .docx"),
        ("a.doc", lambda: b"a", "不认识", "另存为 .docx"),
        ("a.exe", lambda: b"a", "不认识", ".docx"),
    ],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, name: str, make: Callable[[], bytes], reason: str, cure: str
) -> None:
    path = tmp_path / name
    path.write_bytes(make())
    texts, (error,) = errors_of(path)
    assert texts == []
    assert reason in error.reason
    assert cure in error.cure
    assert str(error).startswith(str(path))


def test_a_missing_file_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    assert "没有这个文件" in errors_of(tmp_path / "none.txt")[1][0].reason
    assert "没有可读的文件" in errors_of(tmp_path)[1][0].reason


@pytest.mark.parametrize("size", [NOTICE_LIMIT, NOTICE_LIMIT + 1])
def test_one_line_may_be_as_long_as_a_notice_may_be(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.txt").write_text("责" * size, "utf-8")
    texts, errors = errors_of(tmp_path / "a.txt")
    assert [len(text) for text in texts] == ([size] if size <= NOTICE_LIMIT else [])
    assert [str(NOTICE_LIMIT) in error.reason for error in errors] == ([] if size <= NOTICE_LIMIT else [True])


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv"])
def test_a_line_of_fifty_megabytes_is_refused_and_names_the_limit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    start = {".txt": "", ".jsonl": '{"text": "', ".csv": "text\n"}[suffix]
    with path.open("wb") as file:
        file.write(start.encode() + b"0" * 50_000_000)
    texts, (error,) = errors_of(path)
    assert texts == []
    assert "MB" in error.reason


def test_rows_after_a_line_that_is_too_long_are_still_read(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"text": "' + b"0" * 40_000_000 + b'"}\n' + json.dumps({"text": OTHER}).encode())
    texts, (error,) = errors_of(tmp_path / "a.jsonl")
    assert (texts, error.row) == ([OTHER], 1)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.csv", [b"text", TEXT.encode(), TEXT.encode()[:-1] + b"\xff", OTHER.encode("gbk")]),
        ("a.jsonl", [json.dumps({"text": TEXT}).encode(), b'{"text": "' + TEXT.encode()[:-1] + b'\xff"}',
                     json.dumps({"text": OTHER}, ensure_ascii=False).encode("gbk")]),
    ],
)  # fmt: skip
def test_in_tables_a_damaged_row_is_told_and_the_others_are_read(tmp_path: Path, name: str, lines: list[bytes]) -> None:
    (tmp_path / name).write_bytes(b"\n".join(lines))
    texts, (error,) = errors_of(tmp_path / name)
    assert texts == [TEXT, OTHER]
    assert "编码混杂或已损坏" in error.reason


def test_a_few_nul_characters_are_told_and_read_as_spaces(tmp_path: Path) -> None:
    text = "".join(f"第{number}名责任人在第{number + 7}个项目中把关不严。\n" for number in range(20))
    (tmp_path / "a.txt").write_text(text[:30] + "\0" + text[30:], "utf-8")
    (notice,) = read_notices([tmp_path / "a.txt"])
    assert "\0" in notice.text
    cleaned = clean(notice)
    assert "\0" not in cleaned.text
    assert [caution.code for caution in cleaned.cautions] == ["nul_characters"]


def test_a_member_of_a_zip_that_lost_its_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(
        zipped(**{"x.md": OTHER.encode(), "b.txt": TEXT.encode()}).replace(b"x.md", b"\0.md")
    )
    texts, errors = errors_of(tmp_path / "a.zip")
    assert (texts, errors) == ([TEXT], [])


def test_the_good_files_of_a_zip_are_read_beside_a_damaged_one(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"a.txt": TEXT.encode() * 3, "b.txt": OTHER.encode()}))
    data[40] ^= 0xFF  # inside the packed bytes of a.txt
    (tmp_path / "a.zip").write_bytes(bytes(data))
    texts, (error,) = errors_of(tmp_path / "a.zip")
    assert texts == [OTHER]
    assert error.file.endswith("a.zip/a.txt")


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize(
    ("rows", "read", "told"),
    [
        ("-" * 4, 0, [1, 2, 3, 4]),
        ("-" * 5, 0, [None]),
        ("-" * 300, 0, [None]),
        ("-----t--t", 2, [None]),
        ("t------", 1, [2, 3, 4, 5, 6, 7]),
        ("--t-", 1, [1, 2, 4]),
    ],
)
def test_a_file_of_rows_without_the_text_column_is_told_once(
    tmp_path: Path, suffix: str, rows: str, read: int, told: list[int | None]
) -> None:
    objects = [{"text" if row == "t" else "body": TEXT} for row in rows]
    path = tmp_path / f"a{suffix}"
    path.write_text(json.dumps(objects) if suffix == ".json" else "\n".join(map(json.dumps, objects)), "utf-8")
    texts, errors = errors_of(path)
    assert (len(texts), [error.row for error in errors]) == (read, told)
    if told == [None]:
        assert f"这样的有 {rows.count('-')} 行" in errors[0].reason


@pytest.mark.parametrize("column", ["text", "id"])
def test_a_sheet_without_a_column_that_was_asked_for_is_named_and_the_others_are_read(
    tmp_path: Path, column: str
) -> None:
    book = openpyxl.Workbook()
    for name, header in (("甲", ["附注"]), ("乙", ["编号", "案情"]), ("丙", ["案情" if column == "id" else "编号"])):
        sheet = book.create_sheet(name)
        sheet.append(header)
        sheet.append([TEXT] * len(header))
    book.save(tmp_path / "a.xlsx")
    errors: list[ReadError] = []
    columns = {"text": "案情", "id": "编号"}
    found = list(read_notices([tmp_path / "a.xlsx"], columns=columns, on_error=errors.append))
    assert len(found) == 1
    assert [error.reason[:6] for error in errors] == ["工作表“甲”", "工作表“丙”"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file or directory"), "没有这个文件或文件夹"),
        (PermissionError(13, "Permission denied"), "没有权限"),
        (OSError(99_999, "Strange"), "Strange"),
        (OSError("odd"), "odd"),
    ],
)
def test_what_the_system_says_is_told_in_chinese(error: OSError, told: str) -> None:
    assert told in os_reason(error)
