"""What one row says, and that every format says it whole."""

from __future__ import annotations

import csv
import json
from array import array
from dataclasses import replace
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from nlp import rows
from nlp.rows import SCHEMA, Row, json_schema, markdown, row, subject_text, violations
from nlp.types import (
    Analysis,
    Case,
    Caution,
    Clean,
    Evidence,
    Extraction,
    Fact,
    Finding,
    Notice,
    OriginMap,
    Sanction,
    Span,
    Subject,
)

ROOT = Path(__file__).parent.parent
SOURCE = "通报一起案例\n柳溪镇镇长　沈 砚，对危房排查负主要领导责任，受到党内警告处分；4名村干部被诫勉。"


PROMISED = [
    *("schema", "notice_id", "case_id", "source", "title", "published", "start", "end", "text", "issuer", "subjects"),
    *("trigger", "grounds", "consequences", "dates", "legal_basis", "procedure", "effect", "scores", "findings"),
    *("cautions", "priority", "made_by"),
]


def sanction(name: str = "党内警告", status: str = "decided") -> Sanction:
    at = SOURCE.find(name)
    return Sanction("party_warning", name, "党纪", 20.0, status, at, at + len(name))  # type: ignore[arg-type]


def person(**changes: object) -> Subject:
    subject = Subject(
        kind="person",
        name="沈 砚",
        count=None,
        post="柳溪镇镇长",
        former=False,
        organisation="柳溪镇",
        post_role="chief",
        rank="乡科级正职",
        leading_cadre=True,
        responsibility="主要领导责任",
        sanctions=(sanction(),),
        start=7,
        end=16,
        responsibility_span=Span(23, 30),
    )
    return replace(subject, **changes)  # type: ignore[arg-type]


HEAVY = Sanction("party_removal", "撤销党内职务", "党纪", 70.0, "decided", 0, 1)
GROUP = person(kind="group", name=None, count=4, post="村干部", post_role="staff", rank="村居", responsibility=None)


def analysis(source: str = SOURCE, **changes: object) -> Analysis:
    """A case that is the second line of ``source``, whose clean text has lost its spaces."""
    kept = [i for i, character in enumerate(source) if character not in " 　"]
    origin = OriginMap(array("l", kept), array("l", [i + 1 for i in kept]))
    text = "".join(source[i] for i in kept)
    clean = Clean(Notice("a-1", source, file="a.txt"), text, origin, title="通报一起案例", publisher="柳溪清风")
    case = Case("a-1#1", clean, text.index("\n") + 1, len(text))
    extraction = Extraction(
        issuer=Fact("organ", "纪委", "柳溪镇纪委"),
        subjects=(person(), replace(GROUP, sanctions=(), other_measures=(sanction("诫勉"),))),
        mentioned=(person(name="顾 岚", sanctions=()),),
        consequences=(Fact("loss", "经济损失", "12万元", 30, 34, 120000.0),),
        dates=(Fact("decision", "处理日期", "2021年3月", 1, 8, "2021-03"),),
    )
    finding = Finding(
        issue="deputy_for_chief",
        name="问副不问正",
        verdict="unsure",
        probability=0.4,
        basis="inferred",
        by="rules",
        reason="只处理了副职",
        evidence=(Evidence(7, 16, source[7:16]),),
    )
    made = Analysis(
        case=case,
        extraction=extraction,
        scores={"deputy_for_chief": 0.4},
        findings=(finding,),
        cautions=(Caution("many_spaces", "正文里有多余的空格"),),
        priority=0.31,
        made_by={"code": "0", "codebook": "1", "model": "rules"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_keys_of_a_row_are_those_of_schema_version_1_in_their_order() -> None:
    assert list(row(analysis()))[: len(PROMISED)] == PROMISED


@pytest.mark.parametrize(
    ("part", "promised"),
    [
        (
            "subjects",
            "kind name count post former organisation post_role rank leading_cadre responsibility sanctions start end",
        ),
        ("findings", "issue name verdict probability basis by reason evidence"),
        ("cautions", "code message"),
    ],
)
def test_the_keys_of_each_part_are_those_promised(part: str, promised: str) -> None:
    keys = promised.split()
    assert list(row(analysis())[part][0])[: len(keys)] == keys


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((), None),
        ((person(name="顾 岚", sanctions=()),), None),  # nothing was decided on her
        (
            (person(name="顾 岚", post="科员", rank="一般", responsibility="重要领导责任", sanctions=(HEAVY,)),),
            {
                "people": 2,
                "pairs": 1,
                "blame_shift": None,  # too few of known rank
                "chief_deputy_gap": None,
                "inversions": [{"lower": "科员顾 岚", "higher": "柳溪镇镇长沈 砚"}],
            },
        ),
    ],
)
def test_a_row_tells_the_proportion_of_a_case_of_several(others: tuple[Subject, ...], expected: Row | None) -> None:
    told = row(analysis(extraction=Extraction(subjects=(person(), *others))))
    assert told["proportion"] == expected
    assert list(violations(told)) == []


@pytest.mark.parametrize(
    ("day", "ends", "doubt"),
    [
        ("2021-03-09", "2022-03-09", None),
        ("2021-03", "2022-03-31", "月末"),
        ("2021", None, "未载明"),
        (None, None, "未载明"),
    ],
)
def test_a_row_tells_when_a_measure_ceases_to_bear_on_a_person(
    day: str | None, ends: str | None, doubt: str | None
) -> None:
    dates = (Fact("decision", "处理日期", "2021年", 1, 8, day),) if day else ()
    (told,) = row(analysis(extraction=Extraction(subjects=(person(),), dates=dates)))["influence"]
    assert (told["name"], told["measure"], told["months"], told["ends"]) == ("沈 砚", "党内警告", 12, ends)
    assert (doubt or "") in (told["doubt"] or "")
    assert bool(told["doubt"]) == bool(doubt)


def test_what_has_no_period_has_no_influence() -> None:
    proposed = person(sanctions=(sanction(status="proposed"),))
    assert row(analysis(extraction=Extraction(subjects=(proposed,))))["influence"] == []


def test_a_row_conforms_to_its_schema() -> None:
    assert list(violations(row(analysis()))) == []


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("start",), "7", "start：应为 integer"),
        (("start",), True, "start：应为 integer"),
        (("text",), None, "text：不得为 null"),
        (("subjects", 0, "kind"), "human", "subjects[0].kind：'human' 不在"),
        (("findings", 0, "evidence", 0, "start"), None, "findings[0].evidence[0].start：不得为 null"),
        (("scores",), {"a": "high"}, "scores：应为 map of numbers"),
        (("issuer",), {"name": "镇纪委"}, "issuer.：键应依次为"),
    ],
)
def test_a_departure_from_the_schema_is_named_with_its_place(
    path: tuple[str | int, ...], value: object, told: str
) -> None:
    record: Row = row(analysis())
    part = record
    for key in path[:-1]:
        part = part[key]  # type: ignore[index]
    part[path[-1]] = value  # type: ignore[index]
    assert told in "".join(violations(record))


def test_the_json_schema_names_the_same_keys_at_every_depth() -> None:
    schema = json_schema()
    assert list(schema["properties"]) == [column.name for column in SCHEMA]
    subjects = schema["properties"]["subjects"]["items"]
    assert subjects["properties"]["kind"]["enum"] == ["person", "organisation", "group"]
    assert subjects["properties"]["name"]["type"] == ["string", "null"]


def test_the_page_about_the_row_schema_is_the_schema() -> None:
    page = (ROOT / "docs" / "row-schema.md").read_text(encoding="utf-8")
    assert "\n".join(markdown()) in page
    columns = [f"| {column.title} |" for column in rows.CASE_TABLE]
    assert [line for line in columns if line not in page] == []


def test_text_is_the_source_slice_and_clean_text_is_given_beside_it() -> None:
    record = row(analysis())
    assert record["text"] == SOURCE[record["start"] : record["end"]]
    assert record["text"].startswith("柳溪镇镇长　沈 砚")
    assert record["clean_text"].startswith("柳溪镇镇长沈砚")


def test_clean_text_is_null_when_it_is_the_text() -> None:
    assert row(analysis(SOURCE.replace(" ", "").replace("　", "")))["clean_text"] is None


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (person(), "沈 砚（柳溪镇镇长，乡科级正职，主要领导责任）：党内警告"),
        (person(former=True, rank="未知", responsibility=None), "沈 砚（原/时任柳溪镇镇长）：党内警告"),
        (person(sanctions=()), "沈 砚（柳溪镇镇长，乡科级正职，主要领导责任）：处理未载明"),
        (person(name=None, post="柳溪镇镇长", responsibility=None), "柳溪镇镇长（乡科级正职）：党内警告"),
        (
            person(sanctions=(sanction(), sanction("免职", "proposed")), rank="未知", post=None, responsibility=None),
            "沈 砚：党内警告、免职（建议）",
        ),
        (replace(GROUP, organisation=None), "4人（村干部，村居）：党内警告"),
        (
            person(name="柳溪镇党委", kind="organisation", post=None, rank="未知", responsibility=None),
            "柳溪镇党委：党内警告",
        ),
    ],
)
def test_a_subject_reads_as_a_person_would_write_it(subject: Subject, text: str) -> None:
    assert subject_text(row(analysis(extraction=Extraction(subjects=(subject,))))["subjects"][0]) == text


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (Fact("loss", "经济损失", "12万元", value=120000.0), "经济损失：12万元（120000）"),
        (Fact("deaths", "人员死亡", "3人死亡", value=3.0), "人员死亡：3人死亡"),
        (Fact("decision", "处理日期", "2021年3月", value="2021-03"), "处理日期：2021年3月（2021-03）"),
        (Fact("audit", "审计", "县审计局移交"), "县审计局移交"),
    ],
)
def test_a_fact_reads_with_its_normal_form_where_that_says_more(fact: Fact, text: str) -> None:
    record = row(analysis(extraction=Extraction(grounds=(fact,))))
    cell = next(column for column in rows.CASE_TABLE if column.title == "事由").cell(record)
    assert cell == text


def written(tmp_path: Path, format: str, *analyses: Analysis) -> Path:
    path = tmp_path / f"rows.{format}"
    rows.WRITERS[format](map(row, analyses or (analysis(),)), path)
    return path


def test_jsonl_gives_every_row_back_unchanged(tmp_path: Path) -> None:
    lines = written(tmp_path, "jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [row(analysis())]


@pytest.mark.parametrize("rare", ["䶮", "𠮷", "😀", "\u2028", "\x00", "\ud83d"])
def test_jsonl_keeps_rare_characters_and_stays_a_line_a_row(tmp_path: Path, rare: str) -> None:
    source = f"题\n{rare}某受到党内警告处分"
    lines = written(tmp_path, "jsonl", analysis(source)).read_text(encoding="utf-8").split("\n")
    assert json.loads(lines[0])["text"] == f"{rare}某受到党内警告处分"
    assert lines[1:] == [""]


def test_csv_has_chinese_headers_and_a_line_a_case(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", analysis(), analysis())
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        records = list(csv.DictReader(file))
    assert len(records) == 2
    assert records[0]["人员与处理"].splitlines() == [
        "沈 砚（柳溪镇镇长，乡科级正职，主要领导责任）：党内警告",
        "柳溪镇4人（村干部，村居）：诫勉",
    ]
    assert records[0]["存疑"] == "问副不问正"
    assert records[0]["后果"] == "经济损失：12万元（120000）"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_text_that_looks_like_a_formula_stays_text(tmp_path: Path, start: str) -> None:
    shown = analysis(f"题\n{start}HYPERLINK(1)柳溪镇通报某人受到党内警告")
    with written(tmp_path, "csv", shown).open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["正文"].startswith(f"'{start}HYPERLINK")
    sheet = openpyxl.load_workbook(written(tmp_path, "xlsx", shown))["案件"]
    cell = next(cell for cell in sheet[2] if str(cell.value).startswith(f"{start}HYPERLINK"))
    assert cell.data_type == "s"
    assert cell.quotePrefix


def test_a_workbook_has_its_three_sheets_with_headers_filters_and_frozen_rows(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written(tmp_path, "xlsx"))
    assert book.sheetnames == ["案件", "人员与处理", "复核要点"]
    for sheet in book:
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref == sheet.dimensions
    assert [cell.value for cell in book["案件"][1]] == [column.title for column in rows.CASE_TABLE]


def test_what_a_reader_looks_for_first_stands_first_and_the_technical_columns_last() -> None:
    titles = [column.title for column in rows.CASE_TABLE]
    assert titles[:6] == ["案件编号", "标题", "复核优先级", "问题", "存疑", "理由"]
    assert titles[-3:] == ["起", "止", "格式版本"]


@pytest.mark.parametrize(
    ("reason", "points"),
    [("只处理了副职", 15), ("只处理了副职，" * 8, 45), ("一\n二\n三\n四\n五", 75), ("只处理了副职" * 999, 200)],
)
def test_a_row_is_as_high_as_its_text_up_to_a_screenful(tmp_path: Path, reason: str, points: float) -> None:
    claim = replace(analysis().findings[0], reason=reason)
    quiet = analysis(findings=(claim,), extraction=Extraction(), cautions=())
    sheet = openpyxl.load_workbook(written(tmp_path, "xlsx", quiet, quiet))["复核要点"]
    assert [sheet.row_dimensions[row].height for row in (2, 3)] == [points, points]


def test_a_printed_workbook_is_a_page_wide_with_its_header_on_every_page(tmp_path: Path) -> None:
    for sheet in openpyxl.load_workbook(written(tmp_path, "xlsx")):
        assert sheet.page_setup.orientation == "landscape"
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows == "$1:$1"
        header = sheet[sheet.print_area.split("!")[1]][0]
        assert sum(sheet.column_dimensions[cell.column_letter].width for cell in header) < 270


def records_of(path: Path, sheet: str) -> list[Row]:
    header, *lines = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, header), line, strict=True)) for line in lines]


def test_the_sheet_of_measures_has_a_line_for_each_and_keeps_subjects_without_one(tmp_path: Path) -> None:
    subjects = (person(sanctions=(sanction(), sanction("免职"))), person(name="顾岚", sanctions=()))
    path = written(tmp_path, "xlsx", analysis(extraction=Extraction(subjects=subjects)))
    assert [(line["姓名或名称"], line["处理"]) for line in records_of(path, "人员与处理")] == [
        ("沈 砚", "党内警告"),
        ("沈 砚", "免职"),
        ("顾岚", None),
    ]


def test_the_sheet_of_findings_gives_reason_and_evidence(tmp_path: Path) -> None:
    (line,) = records_of(written(tmp_path, "xlsx"), "复核要点")
    assert (line["问题"], line["判断"], line["依据"], line["理由"]) == (
        "问副不问正",
        "存疑",
        "事实推断",
        "只处理了副职",
    )
    assert line["证据"] == f"「{SOURCE[7:16].strip()}」"


def test_the_sheet_of_findings_names_a_variant_in_chinese(tmp_path: Path) -> None:
    (finding,) = analysis().findings
    landed = replace(finding, issue="light_landing", name="问轻不问重", variant="not_executed")
    (line,) = records_of(written(tmp_path, "xlsx", analysis(findings=(landed,))), "复核要点")
    assert line["细类"] == "处分未执行"


def test_a_breach_that_is_no_issue_conforms_to_the_schema() -> None:
    (finding,) = analysis().findings
    breach = replace(
        finding,
        issue=None,
        name="处分名称与时间不符",
        by="law",
        rule="names",
        article="《政务处分法》第七条",
        unknown="身份",
    )
    assert not list(violations(row(analysis(findings=(breach,)))))


def test_a_breach_that_is_no_issue_is_named_by_its_rule(tmp_path: Path) -> None:
    (finding,) = analysis().findings
    breach = replace(finding, issue=None, by="law", rule="names", article="《政务处分法》第七条", unknown="身份")
    (line,) = records_of(written(tmp_path, "xlsx", analysis(findings=(breach,))), "复核要点")
    assert (line["方法"], line["条文"], line["问题标识"]) == ("法规检查", "《政务处分法》第七条", "names")
    assert line["理由"] == "只处理了副职\n尚不清楚：身份"


def test_a_text_beyond_the_cell_limit_is_cut_with_a_mark_and_a_caution(tmp_path: Path) -> None:
    long = "柳溪镇通报" + "文" * 40_000
    (line,) = records_of(written(tmp_path, "xlsx", analysis(f"题\n{long}")), "案件")
    assert len(line["正文"]) <= 32_767
    assert "全文 40005 字" in line["正文"]
    assert "正文超出 Excel 单元格上限" in line["读取提示"]


def test_rows_beyond_a_sheet_go_on_in_a_further_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_ROW_LIMIT", 3)
    book = openpyxl.load_workbook(written(tmp_path, "xlsx", *[analysis()] * 5))
    assert [name for name in book.sheetnames if name.startswith("案件")] == ["案件", "案件(2)", "案件(3)"]
    assert sum(book[name].max_row - 1 for name in ("案件", "案件(2)", "案件(3)")) == 5
    assert book["案件(2)"].freeze_panes == "B2"


def test_characters_that_xml_cannot_hold_do_not_break_the_workbook(tmp_path: Path) -> None:
    (line,) = records_of(written(tmp_path, "xlsx", analysis("题\n某\x00\x0b\ud800某受到党内警告")), "案件")
    assert line["正文"] == "某\ufffd\ufffd\ufffd某受到党内警告"


def test_parquet_keeps_the_nesting_and_the_types(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path, "parquet", analysis(), analysis()))
    assert table.schema.names == [column.name for column in SCHEMA]
    (record, _) = table.to_pylist(maps_as_pydicts="strict")
    expected = row(analysis())
    expected["consequences"][0]["value"] = "120000"
    assert record == expected


@pytest.mark.parametrize("format", ["jsonl", "csv", "xlsx", "parquet"])
def test_no_cases_still_make_a_file_that_opens(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"rows.{format}"
    rows.WRITERS[format](iter([]), path)
    assert path.exists()
    if format == "xlsx":
        assert records_of(path, "案件") == []
    if format == "parquet":
        assert pq.read_table(path).num_rows == 0
