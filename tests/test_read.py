"""Every kind of file gives the notices it holds, verbatim, with their id, file and row."""

from __future__ import annotations

import codecs
import datetime
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pyarrow as pa
import pytest
from docx.oxml import parse_xml
from pyarrow import parquet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

from nlp.read import ReadError, read_notices, result_files
from nlp.types import Notice

TEXT = "青禾镇党委书记颜述行落实主体责任不力，受到党内警告处分。"
OTHER = "临泽乡副乡长邝一帆监管不到位，被诫勉。"


def read(*inputs: Path | str, **options: Any) -> list[Notice]:
    return list(read_notices(inputs, **options))


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("gbk", b""),
        ("gb18030", b""),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".htm"])
def test_a_text_reads_the_same_in_every_encoding(tmp_path: Path, suffix: str, encoding: str, mark: bytes) -> None:
    path = tmp_path / f"通报{suffix}"
    path.write_bytes(mark + f"{TEXT}\r\n{OTHER}".encode(encoding))
    assert read(path) == [Notice(id=path.name, text=f"{TEXT}\r\n{OTHER}", file=str(path))]


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("gbk", '<meta charset="gb2312">'),
        ("gb18030", '<meta http-equiv="Content-Type" content="text/html; charset=GBK">'),
        ("big5", '<meta charset="big5">'),
        ("utf-8", '<meta charset="gb2312">'),  # what the bytes say outweighs what the page says
    ],
)
def test_a_page_is_read_in_the_encoding_it_declares(tmp_path: Path, encoding: str, head: str) -> None:
    page = f"<html><head>{head}</head><body><p>某局主任受到警告。</p></body></html>"
    (tmp_path / "a.html").write_bytes(page.encode(encoding))
    assert read(tmp_path / "a.html")[0].text == page


def test_traditional_text_in_undeclared_big5_is_recognised(tmp_path: Path) -> None:
    text = "該鄉鄉長對轄區內違規建房問題失察，負有重要領導責任，經研究決定，給予其黨內警告處分，並在全縣範圍內通報。"
    (tmp_path / "a.txt").write_bytes(text.encode("big5"))
    assert read(tmp_path / "a.txt")[0].text == text


@pytest.mark.parametrize("text", ["会计䶮某被批评教育", "出纳𠮷某被诫勉", "结果😀👨‍👩‍👧公布", "阿依古丽·买买提被约谈"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_rare_characters_and_emoji_survive(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.txt").write_text(text, encoding=encoding)
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": text}, ensure_ascii=False), encoding=encoding)
    assert [notice.text for notice in read(tmp_path)] == [text, text]


def test_lines_of_two_encodings_in_one_file_are_each_read_right(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(f"{TEXT}\n".encode() + f"{OTHER}\n".encode("gbk") + TEXT.encode())
    (notice,) = read(tmp_path / "a.txt")
    assert notice.text == f"{TEXT}\n{OTHER}\n{TEXT}"
    assert [caution.code for caution in notice.cautions] == ["mixed_encodings"]


def test_word_documents_give_paragraphs_and_cells_in_document_order(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("关于两起典型问题的通报")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "姓名", "颜述行"
    document.add_paragraph(TEXT)
    document.core_properties.title = "关于两起典型问题的通报"
    document.save(str(tmp_path / "a.docx"))
    (notice,) = read(tmp_path / "a.docx")
    assert notice.text == f"关于两起典型问题的通报\n姓名\n颜述行\n{TEXT}"
    assert notice.title == "关于两起典型问题的通报"


NUMBERS = """<w:numbering xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">
<w:abstractNum w:abstractNumId="7">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="%1、"/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="（%2）"/></w:lvl>
</w:abstractNum><w:num w:numId="3"><w:abstractNumId w:val="7"/></w:num></w:numbering>"""


def test_the_numbers_that_word_puts_before_paragraphs_are_read(tmp_path: Path) -> None:
    document = docx.Document()
    document.part.numbering_part._element = parse_xml(NUMBERS)
    for level, text in ((0, "甲问题"), (1, "其一"), (1, "其二"), (0, "乙问题"), (1, "其一")):
        properties = document.add_paragraph(text)._p.get_or_add_pPr().get_or_add_numPr()
        properties.get_or_add_numId().val = 3
        properties.get_or_add_ilvl().val = level
    document.add_paragraph("结语")
    document.save(str(tmp_path / "a.docx"))
    lines = ["一、甲问题", "（1）其一", "（2）其二", "二、乙问题", "（1）其一", "结语"]
    assert read(tmp_path / "a.docx")[0].text.split("\n") == lines


def test_insertions_are_read_and_deletions_are_not(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("颜述行")._p
    mark = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" w:id="1" w:author="a"'
    paragraph.append(parse_xml(f"<w:del {mark}><w:r><w:delText>被免职</w:delText></w:r></w:del>"))
    paragraph.append(parse_xml(f"<w:ins {mark}><w:r><w:t>被诫勉</w:t></w:r></w:ins>"))
    document.save(str(tmp_path / "a.docx"))
    assert read(tmp_path / "a.docx")[0].text == "颜述行被诫勉"


def test_a_word_title_that_the_text_does_not_carry_is_no_title(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph(TEXT)
    document.core_properties.title = "新建 Microsoft Word 文档"
    document.save(str(tmp_path / "a.docx"))
    assert read(tmp_path / "a.docx")[0].title is None


def pdf(path: Path, *pages: str) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    page = canvas.Canvas(str(path))
    for text in pages:
        page.setFont("STSong-Light", 12)
        page.drawString(72, 720, text)
        page.showPage()
    page.save()


def test_pdf_pages_are_joined_by_line_breaks(tmp_path: Path) -> None:
    pdf(tmp_path / "a.pdf", TEXT, OTHER)
    assert [line.strip() for line in read(tmp_path / "a.pdf")[0].text.split("\n")] == [TEXT, OTHER]


def test_a_pdf_page_without_text_is_told(tmp_path: Path) -> None:
    pdf(tmp_path / "a.pdf", TEXT, "")
    (notice,) = read(tmp_path / "a.pdf")
    assert [caution.code for caution in notice.cautions] == ["page_without_text"]


ROWS = [
    {"编号": "甲1", "标题": "第一起", "正文": TEXT, "发布日期": "2020-01-02", "发布机关": "某县纪委"},
    {"编号": "甲2", "标题": None, "正文": OTHER, "发布日期": None, "发布机关": None},
]


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.append(names)
        for row in rows:
            sheet.append([row[name] for name in names])
        book.save(path)
    elif path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        lines = [names, *([row[name] or "" for name in names] for row in rows)]
        path.write_text("\r\n".join(",".join(f'"{cell}"' for cell in line) for line in lines), "utf-8", newline="")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    else:
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")


TABLES = [".xlsx", ".parquet", ".csv", ".json", ".jsonl"]


@pytest.mark.parametrize("suffix", TABLES)
def test_every_table_gives_the_same_notices(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_table(path, ROWS)
    first, second = read(path)
    assert first == Notice(
        id="甲1",
        text=TEXT,
        title="第一起",
        published="2020-01-02",
        issuer="某县纪委",
        file=str(path),
        row=1,
    )
    assert second == Notice(id="甲2", text=OTHER, file=str(path), row=2)


@pytest.mark.parametrize("suffix", TABLES)
def test_rows_without_id_are_named_by_file_and_row(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_table(path, [{"Text": TEXT}, {"Text": OTHER}])
    assert [notice.id for notice in read(path)] == [f"a{suffix}#1", f"a{suffix}#2"]


@pytest.mark.parametrize("name", ["text", "TEXT", "正文", "内容", "Content", " content "])
def test_the_text_column_is_known_by_its_usual_names(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / "a.csv", [{"序号": "1", name: TEXT}])
    assert read(tmp_path / "a.csv")[0].text == TEXT


def test_a_column_can_be_named(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", [{"内容": "摘要", "通报内容": TEXT}])
    assert read(tmp_path / "a.csv", columns={"text": "通报内容"})[0].text == TEXT


def test_naming_a_column_that_notices_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="txt"):
        read_notices([], columns={"txt": "通报内容"})


def test_numbers_dates_and_nulls_in_rows_become_text(tmp_path: Path) -> None:
    write_table(tmp_path / "a.xlsx", [{"id": 7.0, "text": TEXT, "日期": datetime.datetime(2020, 1, 2), "标题": None}])
    (notice,) = read(tmp_path / "a.xlsx")
    assert (notice.id, notice.published, notice.title) == ("7", "2020-01-02", None)


def test_every_sheet_with_a_text_column_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["说明"])
    for name, text in (("一季度", TEXT), ("二季度", OTHER)):
        sheet = book.create_sheet(name)
        sheet.append(["正文"])
        sheet.append([text])
    book.create_sheet("空表")
    book.save(tmp_path / "a.xlsx")
    errors: list[ReadError] = []
    assert [(notice.id, notice.text) for notice in read(tmp_path / "a.xlsx", on_error=errors.append)] == [
        ("a.xlsx#1", TEXT),
        ("a.xlsx#二季度#1", OTHER),
    ]
    assert ["工作表“Sheet”没有正文列" in error.reason for error in errors] == [True]


TITLES = [["2023年度问责情况统计表"], ["填报单位：某县纪委监委"], []]


@pytest.mark.parametrize("titles", [TITLES, TITLES * 3])
@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_titles_may_stand_above_the_header(tmp_path: Path, suffix: str, titles: list[list[str]]) -> None:
    lines = [*titles, ["编号", "通报内容"], ["甲", TEXT], ["乙", ""], ["丙", OTHER]]
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        path.write_text("\n".join(",".join(line) for line in lines), "utf-8")
    else:
        book = openpyxl.Workbook()
        for line in lines:
            book.active.append(line)
        book.active.title = "年度"
        second = book.create_sheet("补报")
        second.append(["编号", "通报内容"])
        second.append(["丁", TEXT])
        book.save(path)
    errors: list[ReadError] = []
    found = read(path, columns={"text": "通报内容"}, on_error=errors.append)
    assert [(n.id, n.row) for n in found] == [("甲", 1), ("丙", 3), *([("丁", 1)] if suffix == ".xlsx" else [])]
    (error,) = errors
    assert (error.row, error.sheet_row) == (2, len(titles) + 3)
    table = "工作表“年度”" if suffix == ".xlsx" else "表格"
    assert f"{table}第{len(titles) + 3}行（数据第2条）" in str(error)


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("45107", "2023-06-30"),
        (45107, "2023-06-30"),
        (45107.0, "2023-06-30"),
        ("2023/6/30", "2023-06-30"),
        ("2023.06.30", "2023-06-30"),
        ("2023年6月30日", "2023-06-30"),
        ("2023-06-30", "2023-06-30"),
        ("2023-06-30 00:00:00", "2023-06-30"),
        ("2023-06-30 08:30", "2023-06-30 08:30"),
        ("2023年6月", "2023年6月"),
        ("2023/2/30", "2023/2/30"),
        ("2023", "2023"),
        ("去年6月", "去年6月"),
    ],
)
def test_a_day_in_a_date_column_is_read_the_same_however_written(
    tmp_path: Path, suffix: str, value: Any, date: str
) -> None:
    write_table(tmp_path / f"a{suffix}", [{"正文": TEXT, "日期": value}])
    assert read(tmp_path / f"a{suffix}")[0].published == date


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_is_read_in_every_encoding_and_with_every_usual_delimiter(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    rows = [["id", "text"], ["1", f'"{TEXT}\r\n“附件”，""略"""']]
    (tmp_path / "a.csv").write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    assert [(n.id, n.text) for n in read(tmp_path / "a.csv")] == [("1", f'{TEXT}\r\n“附件”，"略"')]


def test_a_json_object_is_one_notice(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"text": TEXT, "id": 3}), "utf-8")
    assert read(tmp_path / "a.json")[0].id == "3"


def test_a_zip_is_read_without_unpacking_to_disk(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("一/甲.txt", TEXT)
        packed.writestr("rows.jsonl", json.dumps({"text": OTHER}))
        packed.writestr("__MACOSX/甲.txt", "x")
        packed.writestr("图.png", "x")
    found = read(tmp_path / "a.zip")
    assert [(n.id, n.text) for n in found] == [("a.zip/rows.jsonl#1", OTHER), ("a.zip/一/甲.txt", TEXT)]
    assert found[1].file == f"{tmp_path / 'a.zip'}/一/甲.txt"


def test_member_names_packed_in_gbk_are_read(tmp_path: Path) -> None:
    raw = "通报.txt".encode("gbk")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr("x" * len(raw), TEXT)
    (tmp_path / "a.zip").write_bytes(data.getvalue().replace(b"x" * len(raw), raw))
    # without a known suffix the member would be passed over
    assert [notice.id for notice in read(tmp_path / "a.zip")] == ["a.zip/通报.txt"]


def test_folders_are_read_with_all_below_in_order_and_hidden_files_passed_over(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", ".hidden.txt", "a/~$c.docx", "image.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(TEXT, "utf-8")
    assert [notice.id for notice in read(tmp_path)] == ["c.txt", "b.txt"]


def test_files_of_the_same_name_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    for name in ("a/x.txt", "b/x.txt", "y.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(TEXT, "utf-8")
    assert [notice.id for notice in read(tmp_path)] == ["a/x.txt", "b/x.txt", "y.txt"]


def test_globs_are_expanded_and_real_names_with_brackets_are_not(tmp_path: Path) -> None:
    for name in ("a1.txt", "a2.txt", "b[1].txt"):
        (tmp_path / name).write_text(TEXT, "utf-8")
    assert [notice.id for notice in read(f"{tmp_path}/a*.txt")] == ["a1.txt", "a2.txt"]
    assert [notice.id for notice in read(f"{tmp_path}/b[1].txt")] == ["b[1].txt"]


def test_an_id_met_before_gets_a_number_and_a_caution(tmp_path: Path) -> None:
    write_table(tmp_path / "a.jsonl", [{"id": "甲", "text": TEXT}] * 3)
    found = read(tmp_path / "a.jsonl")
    assert [notice.id for notice in found] == ["甲", "甲~2", "甲~3"]
    assert [[c.code for c in notice.cautions] for notice in found] == [[], ["duplicate_id"], ["duplicate_id"]]


def test_a_file_given_by_name_and_in_its_folder_is_read_once(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(TEXT, "utf-8")
    found = read(tmp_path, tmp_path / "b.txt", f"{tmp_path}/*.txt", tmp_path / "." / "a.txt")
    assert [notice.id for notice in found] == ["a.txt", "b.txt"]


def test_results_in_a_folder_are_passed_over_and_named(tmp_path: Path) -> None:
    results = ("old.xlsx", "old.xlsx.errors.jsonl", "old.xlsx.run.json", "out.jsonl", "lone.jsonl.errors.jsonl")
    for name in ("a.txt", *results):
        (tmp_path / name).write_text(TEXT, "utf-8")
    out = tmp_path / "out.jsonl"
    for given in (str(tmp_path), f"{tmp_path}/*"):
        assert [notice.id for notice in read(given, out=out)] == ["a.txt"]
        assert {path.name for path in result_files([given], out)} == set(results)


def test_a_result_given_by_name_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text(json.dumps({"text": TEXT}), "utf-8")
    (tmp_path / "old.jsonl.run.json").write_text("{}", "utf-8")
    assert [notice.text for notice in read(tmp_path / "old.jsonl")] == [TEXT]
    assert result_files([tmp_path / "old.jsonl"]) == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (TEXT.encode(), [("stdin", TEXT)]),
        (TEXT.encode("gbk"), [("stdin", TEXT)]),
        (json.dumps({"id": "甲", "text": TEXT}).encode() + b"\n" + json.dumps({"text": OTHER}).encode(),
         [("甲", TEXT), ("stdin#2", OTHER)]),
        (f"{{$模板}}\n{TEXT}".encode(), [("stdin", f"{{$模板}}\n{TEXT}")]),
        (f"[转载]\n{TEXT}".encode(), [("stdin", f"[转载]\n{TEXT}")]),
        (json.dumps([{"id": "甲", "text": TEXT}, {"text": OTHER}]).encode(), [("甲", TEXT), ("stdin#2", OTHER)]),
        (b"\xef\xbb\xbf" + json.dumps([{"text": TEXT}], indent=2).encode(), [("stdin#1", TEXT)]),
        (json.dumps({"id": "甲", "text": TEXT}, indent=2).encode(), [("甲", TEXT)]),
    ],
)  # fmt: skip
def test_standard_input_holds_rows_or_one_text(
    monkeypatch: pytest.MonkeyPatch, data: bytes, expected: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert [(notice.id, notice.text) for notice in read("-")] == expected


@pytest.mark.parametrize(
    ("data", "texts", "reason"),
    [
        (f"编号,通报内容\n甲,{TEXT}", [TEXT], ""),
        (json.dumps({"通报内容": TEXT}), [TEXT], ""),
        (json.dumps([{"通报内容": TEXT}]), [TEXT], ""),
        (TEXT, [], "没有“通报内容”这一列"),
        (f"编号,正文\n甲,{TEXT}", [], "没有“通报内容”这一列"),
    ],
)
def test_standard_input_is_a_table_when_its_column_is_named(
    monkeypatch: pytest.MonkeyPatch, data: str, texts: list[str], reason: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.encode())))
    errors: list[ReadError] = []
    assert [n.text for n in read("-", columns={"text": "通报内容"}, on_error=errors.append)] == texts
    assert [reason in error.reason for error in errors] == ([True] if reason else [])


@pytest.mark.parametrize("data", ['[\n  {"text": "甲', '[{"text": "甲"', '{"text": "甲'])
def test_broken_json_on_standard_input_is_told_and_not_read_as_a_text(
    monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.encode())))
    with pytest.raises(ReadError, match="不是合法的 JSON"):
        read("-")


def test_reading_is_lazy(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXT}) + "\nbroken", "utf-8")
    notices = read_notices([tmp_path / "a.jsonl", tmp_path / "missing.txt"], on_error=lambda error: None)
    assert next(notices).text == TEXT


def test_good_rows_around_a_bad_one_are_still_read(tmp_path: Path) -> None:
    lines = [json.dumps({"text": TEXT}), "{broken", "", json.dumps({"text": OTHER})]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), "utf-8")
    errors: list[ReadError] = []
    assert [notice.row for notice in read(tmp_path / "a.jsonl", on_error=errors.append)] == [1, 4]
    assert [(error.file, error.row) for error in errors] == [(str(tmp_path / "a.jsonl"), 2)]


def test_without_an_error_handler_the_first_error_is_raised(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{broken", "utf-8")
    with pytest.raises(ReadError, match="第1行"):
        read(tmp_path / "a.jsonl")
