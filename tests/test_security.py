"""What a hostile file or text could do, and that it does not: bombs, entities, paths, formulas, markup."""

from __future__ import annotations

import bz2
import csv
import io
import re
import sys
import time
import zipfile
import zlib
from pathlib import Path

import docx
import openpyxl
import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from nlp import read
from nlp.pipeline import analyze
from nlp.read import ReadError, read_notices
from nlp.rows import CASE_TABLE, Row, row, write_csv, write_xlsx

TEXT = "青禾镇党委书记颜述行落实主体责任不力，受到党内警告处分。"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def told(path: Path) -> tuple[list[str], list[ReadError]]:
    errors: list[ReadError] = []
    return [notice.text for notice in read_notices([path], on_error=errors.append)], errors


def refused(path: Path, data: bytes) -> ReadError:
    """The one error of a file from which nothing is read."""
    path.write_bytes(data)
    texts, (error,) = told(path)
    assert texts == []
    assert str(error).startswith(str(path))
    return error


def word() -> bytes:
    data = io.BytesIO()
    document = docx.Document()
    document.add_paragraph(TEXT)
    document.save(data)
    return data.getvalue()


def workbook(*rows: list[object]) -> bytes:
    data = io.BytesIO()
    book = openpyxl.Workbook()
    for values in rows or (["正文"], [TEXT]):
        book.active.append(values)
    book.save(data)
    return data.getvalue()


def with_parts(data: bytes, packing: int = zipfile.ZIP_DEFLATED, **parts: bytes) -> bytes:
    """An Office file with parts replaced or added; ``word__document`` names word/document.xml."""
    named = {f"{name.replace('__', '/')}.xml": part for name, part in parts.items()}
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w", packing) as new:
        for member in old.infolist():
            if member.filename not in named:
                new.writestr(member.filename, old.read(member))
        for name, part in named.items():
            new.writestr(name, part)
    return changed.getvalue()


def zipped(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", packing) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return data.getvalue()


# ------------------------------------------------------------ zip bombs


def test_a_zip_that_unpacks_to_far_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    assert "压缩炸弹" in refused(tmp_path / "a.zip", zipped({"a.txt": b"0" * 12_000_000})).reason


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_unpack_without_bound_are_refused(tmp_path: Path, packing: int) -> None:
    error = refused(tmp_path / "a.zip", zipped({"a.txt": TEXT.encode()}, packing))
    assert "压缩方式" in error.reason
    assert "Deflate" in error.cure


def test_a_block_of_bzip2_hidden_in_a_word_file_is_never_unpacked(tmp_path: Path) -> None:
    assert len(bz2.compress(b"0" * 5_000_000)) < 100  # why: four kilobytes of it fill any memory
    data = with_parts(word(), zipfile.ZIP_BZIP2, word__document=b"<a/>")
    assert "压缩方式" in refused(tmp_path / "a.docx", data).reason


def test_members_that_each_pass_but_together_are_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_PACKED_BYTES", 3 * 1024 * 1024)
    members = {f"{n}.txt": bytes(1024 * 1024) for n in range(4)}
    assert "解压后超过" in refused(tmp_path / "a.zip", zipped(members)).reason


def test_a_zip_of_very_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_PACKED_FILES", 10)
    assert "11 个文件" in refused(tmp_path / "a.zip", zipped({f"{n}.txt": b"1" for n in range(11)})).reason


def test_an_office_file_of_very_many_parts_is_refused(tmp_path: Path) -> None:
    parts = {f"word__p{n}": b"<a/>" for n in range(5_001)}
    assert "超过 5000 个的上限" in refused(tmp_path / "a.docx", with_parts(word(), zipfile.ZIP_STORED, **parts)).reason


def test_a_document_of_more_xml_than_can_be_parsed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_WORD_XML_BYTES", 1024 * 1024)
    body = f'<w:document xmlns:w="{W}"><w:body>{" " * 1024 * 1025}</w:body></w:document>'.encode()
    error = refused(tmp_path / "a.docx", with_parts(word(), word__document=body))
    assert "文字部分" in error.reason
    assert "拆成" in error.cure


# ------------------------------------------------------------ XML


LAUGHS = '<!DOCTYPE a [<!ENTITY b "haha"><!ENTITY c "&b;&b;&b;">]>'
FILE = '<!DOCTYPE a [<!ENTITY c SYSTEM "file:///etc/hostname">]>'
PADDED = f"<!--{'-x' * 40_000}-->{LAUGHS}"  # behind more than is looked at


@pytest.mark.parametrize("declared", [LAUGHS, FILE, PADDED, '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_that_declares_entities_is_refused(tmp_path: Path, declared: str, encoding: str) -> None:
    text = f'<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>&c;</w:t></w:r></w:p></w:body></w:document>'
    body = f'<?xml version="1.0" encoding="{encoding}"?>{declared}{text}'.encode(encoding)
    assert "XML 实体" in refused(tmp_path / "a.docx", with_parts(word(), word__document=body)).reason
    sheet = f'<?xml version="1.0" encoding="{encoding}"?>{declared}<worksheet xmlns="{S}"/>'.encode(encoding)
    assert "XML 实体" in refused(tmp_path / "a.xlsx", with_parts(workbook(), xl__worksheets__sheet1=sheet)).reason


def test_entities_in_a_part_of_another_name_are_refused_too(tmp_path: Path) -> None:
    types = "[Content_Types]"
    with zipfile.ZipFile(io.BytesIO(word())) as old:
        told_types = old.read(f"{types}.xml").replace(b"/word/document.xml", b"/word/document.bin")
        rels = old.read("_rels/.rels").replace(b"word/document.xml", b"word/document.bin")
        others = {name: old.read(name) for name in old.namelist() if name != "word/document.xml"}
    members = {**others, f"{types}.xml": told_types, "_rels/.rels": rels}
    body = f'{LAUGHS}<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>&c;</w:t></w:r></w:p></w:body></w:document>'
    assert "XML 实体" in refused(tmp_path / "a.docx", zipped({**members, "word/document.bin": body.encode()})).reason


def test_a_page_that_declares_entities_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"{LAUGHS}<p>{TEXT}&b;</p>", "utf-8")
    (notice,) = read_notices([tmp_path / "a.html"])
    assert "haha" not in notice.text.replace(LAUGHS, "")


# ------------------------------------------------------------ parsers, bounded


def numbered_document(paragraphs: int, number: str) -> bytes:
    """A small document whose paragraphs Word numbers with a long text."""
    lists = (
        f'<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
        f'<w:numFmt w:val="decimal"/><w:lvlText w:val="{number}"/></w:lvl></w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num></w:numbering>'
    )
    one = '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr></w:p>'
    body = f'<w:document xmlns:w="{W}"><w:body>{one * paragraphs}</w:body></w:document>'
    return with_parts(word(), word__document=body.encode(), word__numbering=lists.encode())


def test_a_document_that_numbers_its_way_to_gigabytes_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path / "a.docx", numbered_document(20_000, "责" * 100_000))
    assert "上限" in error.reason


def test_a_long_chain_of_styles_is_walked_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(word())) as old:
        styles = old.read("word/styles.xml").decode()
    chain = "".join(
        f'<w:style w:type="paragraph" w:styleId="s{n}"><w:basedOn w:val="s{n + 1}"/></w:style>' for n in range(1_000)
    )
    one = '<w:p><w:pPr><w:pStyle w:val="s0"/></w:pPr><w:r><w:t>责</w:t></w:r></w:p>'
    body = f'<w:document xmlns:w="{W}"><w:body>{one * 5_000}</w:body></w:document>'
    (tmp_path / "a.docx").write_bytes(
        with_parts(
            numbered_document(1, "%1"),
            word__styles=styles.replace("</w:styles>", f"{chain}</w:styles>").encode(),
            word__document=body.encode(),
        )
    )
    calls = 0

    def count(frame: object, event: str, _: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        texts, errors = told(tmp_path / "a.docx")
    finally:
        sys.setprofile(None)
    assert (len(texts), errors) == (1, [])
    assert calls < 2_000_000  # 5,000 x 1,000 and more without


def sheet_of(rows: str, dimension: str = "A1:XFD1048576") -> bytes:
    body = f'<worksheet xmlns="{S}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    return with_parts(workbook(), xl__worksheets__sheet1=body.encode())


HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>正文</t></is></c></row>'


def test_a_sheet_that_claims_a_million_rows_ends_with_its_last(tmp_path: Path) -> None:
    cell = f'<row r="2"><c r="A2" t="inlineStr"><is><t>{TEXT}</t></is></c></row>'
    (tmp_path / "a.xlsx").write_bytes(sheet_of(HEADER + cell))
    assert told(tmp_path / "a.xlsx") == ([TEXT], [])


def test_rows_far_below_the_others_are_reached(tmp_path: Path) -> None:
    cell = f'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>{TEXT}</t></is></c></row>'
    (tmp_path / "a.xlsx").write_bytes(sheet_of(HEADER + cell))
    assert told(tmp_path / "a.xlsx") == ([TEXT], [])


def test_a_sheet_wider_than_any_table_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path / "a.xlsx", sheet_of(HEADER + '<row r="2"><c r="XFD2"><v>1</v></c></row>'))
    assert "16384 列" in error.reason
    assert "删去" in error.cure


def test_cells_that_are_only_formatted_far_out_do_no_harm(tmp_path: Path) -> None:
    cell = f'<row r="2"><c r="A2" t="inlineStr"><is><t>{TEXT}</t></is></c><c r="XFD2"/></row>'
    (tmp_path / "a.xlsx").write_bytes(sheet_of(HEADER + cell))
    assert told(tmp_path / "a.xlsx") == ([TEXT], [])


def pdf(content: bytes, pages: int = 1) -> bytes:
    """A PDF whose pages all show the same packed content."""
    writer = pypdf.PdfWriter()
    stream = DecodedStreamObject()
    stream.set_data(content)
    shared = writer._add_object(stream.flate_encode())
    font = DictionaryObject({NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
                             NameObject("/BaseFont"): NameObject("/Helvetica")})  # fmt: skip
    for _ in range(pages):
        page = writer.add_blank_page(200, 200)
        page[NameObject("/Contents")] = shared
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
    data = io.BytesIO()
    writer.write(data)
    return data.getvalue()


SHOWN = b"BT /F1 12 Tf (Notice of the county) Tj ET\n"


def test_a_pdf_whose_content_unpacks_to_a_hundred_megabytes_is_refused(tmp_path: Path) -> None:
    data = pdf(SHOWN)
    packed = zlib.compress(b" " * 100_000_000)
    bomb = re.sub(rb"(?s)<<([^<>]*?/Length) \d+([^<>]*)>>\s*stream\r?\n.*?endstream",
                  lambda m: b"<<" + m[1] + b" %d" % len(packed) + m[2] + b">>\nstream\n" + packed + b"\nendstream",
                  data, count=1)  # fmt: skip
    assert len(bomb) < 1_000_000
    error = refused(tmp_path / "a.pdf", bomb)
    assert "压缩炸弹" in error.reason
    assert "来源" in error.cure


def test_a_pdf_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_PDF_SECONDS", 0.0)
    error = refused(tmp_path / "a.pdf", pdf(SHOWN * 1000))
    assert "秒" in error.reason
    assert "拆成" in error.cure


def test_time_is_looked_at_within_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    now = time.monotonic

    def monotonic() -> float:
        nonlocal looks
        looks += 1
        return now()

    monkeypatch.setattr(read.time, "monotonic", monotonic)
    (tmp_path / "a.pdf").write_bytes(pdf(SHOWN * 50))
    assert told(tmp_path / "a.pdf")[1] == []
    assert looks > 100


def test_a_pdf_of_too_many_pages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_PDF_PAGES", 3)
    assert "4 页" in refused(tmp_path / "a.pdf", pdf(SHOWN, 4)).reason


def test_a_pdf_that_shows_one_long_page_over_and_over_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "NOTICE_LIMIT", 1_000)
    assert "上限" in refused(tmp_path / "a.pdf", pdf(SHOWN * 20, 50)).reason


# ------------------------------------------------------------ paths


@pytest.mark.parametrize("name", ["../../out.txt", "/tmp/out.txt", "..\\..\\out.txt", "a/../../out.txt"])
def test_names_that_climb_out_of_a_zip_are_told_and_reach_no_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    (folder / "a.zip").write_bytes(zipped({name: b"out", "a.txt": TEXT.encode()}))
    texts, (error,) = told(folder / "a.zip")
    assert texts == [TEXT]
    assert "越出压缩包" in error.reason
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "a.zip"]


def test_names_with_backslashes_are_folders(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"2024\\一月.txt": TEXT.encode()}))
    (notice,) = read_notices([tmp_path / "a.zip"])
    assert notice.id == "a.zip/2024/一月.txt"


# ------------------------------------------------------------ formulas and markup in what we write


HARMFUL = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", "＋1", "－1", "＠SUM(A1)"),
    *('=HYPERLINK("http://127.0.0.1/?"&A1,"通报")', "=cmd|' /C calc'!A0", '=IMPORTXML("http://127.0.0.1","//a")'),
]


def case(title: str) -> Row:
    (found,) = analyze({"id": "1", "text": TEXT, "title": title, "url": title, "published": title})
    made = row(found)
    made["title"] = made["url"] = made["file"] = title
    return made


@pytest.mark.parametrize("title", HARMFUL)
def test_no_cell_of_a_csv_begins_as_a_formula_does(tmp_path: Path, title: str) -> None:
    write_csv([case(title)], tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        header, cells = csv.reader(file)
    assert header == [column.title for column in CASE_TABLE]
    assert [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))] == []
    assert cells[header.index("标题")] == f"'{title}"


@pytest.mark.parametrize("title", HARMFUL)
def test_no_cell_of_a_workbook_is_a_formula_or_a_link(tmp_path: Path, title: str) -> None:
    write_xlsx([case(title)], tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    cells = [cell for sheet in book.worksheets for line in sheet.iter_rows() for cell in line]
    assert [cell.coordinate for cell in cells if cell.data_type == "f" or cell.hyperlink] == []
    with zipfile.ZipFile(tmp_path / "a.xlsx") as packed:
        inside = b"".join(packed.read(name) for name in packed.namelist())
    assert b"<f>" not in inside
    assert b"<hyperlink" not in inside
    harmful = [cell for cell in cells if isinstance(cell.value, str) and cell.value.strip() == title.strip()]
    assert harmful
    assert all(cell.quotePrefix for cell in harmful if cell.value == title)
