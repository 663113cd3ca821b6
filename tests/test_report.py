"""The report: every number leads to its cases, text stays text, nothing is loaded, bad rows are told."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from nlp.classify import measured
from nlp.cli import EXAMPLES, main
from nlp.pipeline import analyze
from nlp.regions import region
from nlp.report import charts
from nlp.report.book import write_book
from nlp.report.highlight import marks_of, marks_of_row
from nlp.report.html import Head, page, runs_of, safe_url, script, style, write_html
from nlp.report.report import report
from nlp.report.summary import Summary, period, summarise
from nlp.rows import Row, row, write_jsonl, write_parquet
from nlp.scored import ScoredError, read_scored
from nlp.types import Notice

DIKE = (
    "栗川县水务局堤防巡查走过场问题。2022年7月，县水务局局长贺兰山平不研究、不检查，负主要领导责任；副局长简文舟"
    "未到现场，负重要领导责任。2022年9月，简文舟受到党内警告处分。"
)
SCHOOL = "石桥镇中心小学校长祁望川公车私用问题。2023年3月，祁望川受到政务记过处分，违纪所得予以收缴。"
OFFICE = "榆泽市东浦区民政局党组履行主体责任不力。2021年5月，区民政局党组被通报批评，局长谷方平被诫勉谈话。"
ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(2)><!--]]>{{7*7}}</style>"


def read(text: str, **about: Any) -> Row:
    rows = [row(analysis) for analysis in analyze(Notice(about.pop("id", "n"), text, **about))]
    assert len(rows) == 1
    return rows[0]


def finding(**about: Any) -> Row:
    told = {
        "issue": "deputy_for_chief",
        "name": "问副不问正",
        "verdict": "yes",
        "probability": 0.9,
        "basis": "inferred",
        "by": "rules",
        "reason": "副职受到处理而正职未见处理",
        "evidence": [],
        "variant": None,
        "rule": None,
        "article": None,
        "unknown": None,
    }
    assert set(about) <= set(told)
    return {**told, **about}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    dike, school, office = (
        read(DIKE, id="d", title="堤防"),
        read(SCHOOL, id="s"),
        read(OFFICE, id="o", title="主体责任"),
    )
    doubt = finding(verdict="unsure", probability=0.4, issue="light_landing", name="高举轻放")
    law = finding(
        issue=None,
        rule="R1",
        by="law",
        name="对象不当",
        article="《问责条例》第八条",
        basis="rule of law",
        unknown="党员身份",
    )
    return [
        {**school, "findings": [doubt], "priority": 0.2},
        {**dike, "findings": [finding(), doubt], "priority": 0.8},
        {**read(SCHOOL, id="s2"), "findings": [], "priority": 0.0},
        {**office, "findings": [law], "priority": 0.4},
    ]


class Page(HTMLParser):
    """The elements of a page: tags with their attributes, and the text of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.text: list[str] = []
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag if tag in self.raw else None

    def handle_endtag(self, tag: str) -> None:
        self._in = None

    def handle_data(self, data: str) -> None:
        (self.raw[self._in] if self._in else self.text).append(data)

    def values(self, name: str, tag: str | None = None) -> Iterator[str]:
        return (attrs[name] or "" for one, attrs in self.tags if name in attrs and tag in (None, one))


def shown(summary: Summary, head: Head | None = None) -> str:
    return "".join(page(summary, head))


# ------------------------------------------------------------ counting


def test_cases_are_numbered_by_priority_and_those_with_nothing_found_come_last(rows: list[Row]) -> None:
    assert [(line.number, line.case_id) for line in summarise(rows).lines] == [
        (1, "d#1"),
        (2, "o#1"),
        (3, "s#1"),
        (4, "s2#1"),
    ]


def test_counts_say_how_many_and_in_which_cases(rows: list[Row]) -> None:
    summary = summarise(rows)
    told = {(table, count.id): (count.number, count.cases) for table, count in summary.counts()}
    assert told["total", "cases"] == (4, (1, 2, 3, 4))
    assert told["total", "flagged"] == (3, (1, 2, 3))
    assert told["total", "yes"] == (2, (1, 2))
    assert told["total", "unsure"] == (1, (3,))
    assert told["issue", "light_landing"] == (2, (1, 3))
    assert told["verdict", "light_landing.unsure"] == (2, (1, 3))
    assert told["law", "R1 《问责条例》第八条"] == (1, (2,))
    assert told["sanction", "gov_demerit"] == (2, (3, 4))
    assert told["year", "2023"] == (2, (3, 4))


def test_counts_add_up(rows: list[Row]) -> None:
    summary = summarise(rows)
    people = next(count.number for count in summary["total"] if count.id == "people")
    for table in ("rank", "role", "responsibility"):
        assert sum(count.number for count in summary[table]) == people
    for table in ("band", "year", "region", "level", "trigger"):
        assert sum(count.number for count in summary[table]) == len(rows)


def test_a_group_counts_all_its_people_and_a_proposal_is_no_measure_taken(rows: list[Row]) -> None:
    record = json.loads(json.dumps(rows[1]))
    subject = record["subjects"][0]
    subject.update(kind="group", count=7)
    subject["sanctions"] = [{**subject["sanctions"][0], "status": "proposed"}]
    summary = summarise([{**record, "subjects": [subject]}])
    told = {(table, count.id): count.number for table, count in summary.counts()}
    assert told["total", "people"] == 7
    assert told["status", "proposed"] == 7
    assert not summary["sanction"]
    assert not summary.grid


def test_what_a_notice_does_not_tell_is_untold(rows: list[Row]) -> None:
    bare = {**rows[0], "issuer": None, "source": None, "published": None, "dates": [], "grounds": [], "subjects": []}
    summary = summarise([bare])
    for table in ("region", "level", "year", "ground"):
        assert [count.name for count in summary[table]] == ["未载明"]
    assert [count.number for count in summary["total"] if count.id == "nobody"] == [1]


def test_counting_keeps_only_the_rows_that_are_shown_whole(rows: list[Row]) -> None:
    assert [record["case_id"] for record in summarise(rows, full=2).full.values()] == ["d#1", "o#1"]
    assert not summarise(rows, full=0).full


def test_a_case_given_twice_is_told(rows: list[Row]) -> None:
    summary = summarise([*rows, rows[0]])
    assert summary.repeated == 1
    assert "1 行重复" in shown(summary)


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"dates": [{"id": "decision", "value": "2022-09"}]}, ("2022", "2022-09")),
        (
            {"dates": [{"id": "publication", "value": "2024-01-02"}, {"id": "decision", "value": "2023"}]},
            ("2023", None),
        ),
        ({"dates": [{"id": "conduct", "value": "2019"}], "published": "2022年3月4日"}, ("2022", "2022-03")),
        ({"published": "2022-12-05 17:26"}, ("2022", "2022-12")),
        ({"published": "昨天"}, None),
        ({}, None),
    ],
)
def test_the_time_is_the_decisions_else_the_publications(about: Row, expected: tuple[str, str | None] | None) -> None:
    assert period({"dates": [], "published": None, **about}) == expected


@pytest.mark.parametrize(
    ("organ", "expected"),
    [
        ("中共榆泽市东浦区纪委", ("榆泽市东浦区", "county")),
        ("县纪委监委", (None, "county")),
        ("卧龙街道纪工委", ("卧龙街道", "township")),
        ("街道", (None, "township")),
        ("中央纪委国家监委", ("中央", "central")),
        ("省委、省政府", (None, "province")),
        ("塔拉盟公安局督察支队", ("塔拉盟", "city")),
        ("市场监管局", None),
        ("某集团党委", None),
    ],
)
def test_a_place_is_what_the_organs_name_says(organ: str, expected: tuple[str | None, str] | None) -> None:
    found = region(organ)
    assert (found and (found.name, found.level)) == expected


# ------------------------------------------------------------ the page


def test_every_number_leads_to_its_cases_without_a_script(rows: list[Row]) -> None:
    summary = summarise(rows, full=2)
    text = shown(summary)
    found = Page(text)
    ids = set(found.values("id"))
    links = [href[1:] for href in found.values("href") if href.startswith("#")]
    assert links
    assert not set(links) - ids
    keys = {count.key: count for _, count in summary.counts()}
    numbers = re.findall(r'<a class="n" href="#([^"]+)"[^>]*>([\d,]+)</a>', text)
    assert len(numbers) > 30
    assert all(keys[key].number == int(number.replace(",", "")) for key, number in numbers)
    for key, count in keys.items():
        listed = re.search(rf'<dt id="{key}".*?<dd>(.*?)</dd>', text, re.DOTALL)
        assert listed
        assert tuple(map(int, re.findall(r'href="#c(\d+)"', listed[1]))) == count.cases


def test_the_filter_of_the_script_agrees_with_the_index(rows: list[Row]) -> None:
    summary = summarise(rows)
    for _, count in summary.counts():
        assert count.cases == tuple(line.number for line in summary.lines if count.key in line.keys)


def test_every_case_is_on_the_page_once_whole_or_in_a_line(rows: list[Row]) -> None:
    for full in (0, 2, 300):
        ids = [one for one in Page(shown(summarise(rows, full=full))).values("id") if re.fullmatch(r"c\d+", one)]
        assert sorted(ids) == ["c1", "c2", "c3", "c4"]


def test_a_finding_is_told_with_all_it_rests_on(rows: list[Row]) -> None:
    text = shown(summarise(rows))
    for told in (
        "对象不当",
        "《问责条例》第八条",
        "尚不清楚：党员身份",
        "概率 90%",
        "法规规则",
        "法规检查",
        "事实推断",
    ):
        assert told in text


def test_findings_are_shown_yes_first_and_numbered_as_shown(rows: list[Row]) -> None:
    doubt = finding(verdict="unsure", probability=0.99, name="甲类")
    text = shown(
        summarise([{**rows[1], "findings": [doubt, finding(name="乙类"), finding(name="丙类", probability=0.95)]}])
    )
    assert re.findall(r'class="h">\[(\d)\] (..)', text) == [("1", "丙类"), ("2", "乙类"), ("3", "甲类")]


def test_evidence_is_marked_at_its_place_also_where_the_source_holds_markup() -> None:
    record = read("<p>" + DIKE.replace("简文舟", "<b>简文舟</b>") + "</p>")
    start = record["text"].index("未到现场") + record["start"]
    quoted = {"start": start, "end": start + 4, "text": "未到现场"}
    record = {**record, "findings": [finding(evidence=[quoted])], "priority": 0.5}
    marked = [run.text for run in runs_of(record) if any(mark.ref == 1 for mark in run.marks)]
    assert marked == ["未到现场"]
    text = shown(summarise([record]))
    assert '<mark class="evidence" id="c1e1">未到现场</mark><sup><a href="#c1f1"' in text
    assert "&lt;b&gt;" not in text


def test_no_case_and_one_case(rows: list[Row]) -> None:
    assert "没有案件" in shown(summarise([]))
    assert "1</a> 起案件" in shown(summarise(rows[:1]))


def test_the_same_rows_give_the_same_page(rows: list[Row]) -> None:
    assert shown(summarise(rows)) == shown(summarise(rows))


def test_the_page_says_what_its_figures_cannot_say(rows: list[Row]) -> None:
    text = shown(summarise(rows), Head(bad_rows=3, masked=True))
    for told in (
        "不是结论",
        "选择的结果",
        "未载明不等于没有做",
        "3 行没有计入",
        "姓名已隐去",
        "没有随包附带的测得成绩",
    ):
        assert told in text


def test_the_error_of_a_shipped_model_is_told(rows: list[Row]) -> None:
    from nlp.classify import load_model

    mark = load_model("tfidf").mark
    told = measured(mark)
    assert told
    extra = told["dev"]["micro"]["extra"]
    assert f"{extra} 条不属实" in shown(summarise(rows), Head(measured={mark: told}))


@pytest.mark.parametrize("mark", ["rules", "tfidf+000000000000", "mine+3f2a", ""])
def test_a_model_that_is_not_shipped_has_no_figures(mark: str) -> None:
    assert measured(mark) is None


def test_beyond_its_limits_the_page_tells_what_it_leaves_out(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp.report.html.INDEXED_WHOLE", 2)
    monkeypatch.setattr("nlp.report.html.INDEXED", 1)
    text = shown(summarise(rows, full=1))
    assert "另有 3 起" in text
    assert "其余 3 起每起一行" in text


# ------------------------------------------------------------ text is text


def attacked(record: Row) -> Row:
    """The row with an attack in every text that a notice or a file name can bring."""
    told = json.loads(json.dumps(record))
    quoted = {"start": told["start"], "end": told["start"] + 5, "text": ATTACK}
    told["findings"] = [
        finding(
            name=ATTACK,
            reason=ATTACK,
            article=ATTACK,
            unknown=ATTACK,
            variant=ATTACK,
            rule=ATTACK,
            by=ATTACK,
            evidence=[quoted],
        )
    ]
    told.update(dict.fromkeys(("notice_id", "case_id", "source", "title", "published", "file"), ATTACK))
    told.update(text=ATTACK + told["text"], url="javascript:alert(1)//" + ATTACK, row=3, priority=0.5)
    told["issuer"] = {"name": ATTACK + "县纪委", "start": None, "end": None}
    told["cautions"] = [{"code": ATTACK, "message": ATTACK}]
    told["made_by"] = {ATTACK: ATTACK, "model": ATTACK}
    fact = {"id": ATTACK, "name": ATTACK, "text": ATTACK, "value": ATTACK, "start": None, "end": None}
    told.update({key: [fact] for key in ("grounds", "consequences", "dates", "legal_basis", "procedure", "effect")})
    told["trigger"] = fact
    for subject in told["subjects"]:
        subject.update(name=ATTACK, post=ATTACK, organisation=ATTACK, rank=ATTACK, responsibility=ATTACK)
        for sanction in subject["sanctions"]:
            sanction.update(id=ATTACK, name=ATTACK, family=ATTACK)
    told["mentioned"] = told["subjects"]
    return told


@pytest.mark.parametrize("full", [0, 300])
def test_a_notice_that_holds_a_script_is_text_everywhere(rows: list[Row], full: int) -> None:
    harmless = Page(shown(summarise([rows[1]], full=full)))
    found = Page(shown(summarise([attacked(rows[1])], full=full), Head(title=ATTACK, files=[ATTACK])))
    assert found.raw["script"] == [script()]
    assert len(found.raw["style"]) == 1
    assert {tag for tag, _ in found.tags} - {"sup"} <= {tag for tag, _ in harmless.tags} | {"mark", "caption"}
    assert not [attrs for _, attrs in found.tags if any(name.startswith("on") for name in attrs)]
    assert not [href for href in found.values("href") if not href.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+", one) for one in found.values("id"))
    assert all(re.fullmatch(r"[t0-9 -]*", one) for one in found.values("data-k"))
    assert "49" not in "".join(found.text).replace("{{7*7}}", "")


def test_the_page_loads_nothing_and_runs_its_own_script_alone(rows: list[Row]) -> None:
    found = Page(shown(summarise(rows)))
    assert not list(found.values("src"))
    assert not [tag for tag, _ in found.tags if tag in ("link", "iframe", "object", "embed", "base", "form", "img")]
    assert not list(found.values("style"))
    policy = next(attrs["content"] or "" for tag, attrs in found.tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    for tag, text in (("script", script()), ("style", style())):
        assert found.raw[tag] == [text]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not re.findall(r"url\((?!#)|@import|https?:", style() + script())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://e.test/7.html?a=1&b=2", True),
        (" http://e.test/ ", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,<script>", False),
        ("file:///etc/passwd", False),
        ("//e.test/", False),
        ("https:///nowhere", False),
        ("http://[bad", False),
        ("通报.html", False),
        (None, False),
    ],
)
def test_only_a_web_address_becomes_a_link(url: str | None, expected: bool) -> None:
    assert bool(safe_url(url)) is expected


def test_characters_no_page_can_hold_do_not_stop_it(rows: list[Row], tmp_path: Path) -> None:
    odd = {**rows[1], "title": "甲\x00乙\ud800丙\u202e丁"}
    write_html(summarise([odd]), tmp_path / "r.html")
    assert "甲\ufffd乙\ufffd丙\ufffd丁" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_offsets_beyond_the_text_do_not_stop_it(rows: list[Row]) -> None:
    wild = [
        {"start": -5, "end": 3, "text": "x"},
        {"start": 10**9, "end": 10**9 + 1, "text": "y"},
        {"start": 9, "end": 2, "text": ""},
    ]
    record = {**rows[1], "findings": [finding(evidence=wild)]}
    assert "案 1" in shown(summarise([record]))


# ------------------------------------------------------------ colours


def seen(colour: str, blindness: tuple[tuple[float, float, float], ...]) -> tuple[float, ...]:
    """A colour as somebody with a colour blindness sees it (Machado et al. 2009, severity 1), linear channels."""
    channels = [(int(colour[n : n + 2], 16) / 255) ** 2.2 for n in (1, 3, 5)]
    return tuple(sum(weight * c for weight, c in zip(line, channels, strict=True)) for line in blindness)


DEUTAN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
PROTAN = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


@pytest.mark.parametrize("blindness", [DEUTAN, PROTAN])
@pytest.mark.parametrize(
    ("one", "other"), [("volume", "yes"), ("yes", "unsure"), ("high", "middle"), ("middle", "low"), ("low", "none")]
)
def test_tones_that_meet_differ_also_for_the_colour_blind(one: str, other: str, blindness: Any) -> None:
    apart = math.dist(seen(charts.TONES[one], blindness), seen(charts.TONES[other], blindness))
    assert apart > 0.1


@pytest.mark.parametrize(("ground", "ink"), charts.SHADES)
def test_numbers_can_be_read_on_their_ground(ground: str, ink: str) -> None:
    assert charts.contrast(ground, ink) >= 4.5


def test_inks_and_shapes_stand_out_from_the_paper() -> None:
    colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})", style()))
    for ink in ("ink", "soft", "blue", "rust"):
        assert charts.contrast(colours[ink], "#ffffff") >= 4.5
        assert charts.contrast(colours[ink], colours["faint"]) >= 4.5
    assert charts.contrast(colours["rust"], colours["mark"]) >= 4.5
    for tone in ("volume", "yes", "high", "middle"):
        assert charts.contrast(charts.TONES[tone], "#ffffff") >= 3


def test_a_bar_is_as_long_as_its_share_and_never_nothing() -> None:
    assert 'width="50%"' in charts.bar([(0.5, "yes")])
    assert 'width="0.4%"' in charts.bar([(0.0001, "yes")])
    assert "rect" not in charts.bar([(0, "yes")])
    assert charts.percent(7) == "100%"


def test_columns_link_and_name_themselves() -> None:
    svg = charts.columns(
        [charts.Column("2021", 4, 1, "#t1-1", "2021：4 起"), charts.Column("<b>", 0, 0, "#t1-2", "<i>")], "各年"
    )
    assert svg.count("<a href=") == 2
    assert "2021：4 起" in svg
    assert "<b>" not in svg


# ------------------------------------------------------------ reading rows back


def test_rows_come_back_from_jsonl_and_from_parquet(rows: list[Row], tmp_path: Path) -> None:
    write_jsonl(rows, tmp_path / "a.jsonl")
    write_parquet(rows, tmp_path / "a.parquet")
    assert list(read_scored([tmp_path / "a.jsonl"])) == rows
    from_parquet = list(read_scored([tmp_path / "a.parquet"]))
    assert summarise(from_parquet).tables == summarise(rows).tables


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "不是完整的 JSON"),
        ("[]", "不是一个对象"),
        ('{"schema": 1}', "不合行格式"),
        ('{"schema": 99}', "第 99 版"),
        ("NaN", "NaN"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read(rows: list[Row], tmp_path: Path, line: str, reason: str) -> None:
    good = json.dumps(rows[0], ensure_ascii=False)
    (tmp_path / "a.jsonl").write_text(f"{good}\n{line}\n\n{good}\n", encoding="utf-8")
    bad: list[ScoredError] = []
    assert len(list(read_scored([tmp_path / "a.jsonl"], on_error=bad.append))) == 2
    assert [(error.row, reason in str(error)) for error in bad] == [(2, True)]
    assert "wenze score" in bad[0].cure


def test_bytes_that_are_no_text_and_chances_that_are_none_are_bad_rows(rows: list[Row], tmp_path: Path) -> None:
    wild = json.dumps({**rows[0], "priority": 7.0}).encode()
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\n" + wild + b"\n")
    bad: list[ScoredError] = []
    assert not list(read_scored([tmp_path / "a.jsonl"], on_error=bad.append))
    assert [error.row for error in bad] == [1, 2]


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x", encoding="utf-8")
    with pytest.raises(ScoredError, match=r"wenze score"):
        list(read_scored([tmp_path / name]))


def test_a_parquet_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("x", encoding="utf-8")
    with pytest.raises(ScoredError, match="Parquet"):
        list(read_scored([tmp_path / "a.parquet"]))


# ------------------------------------------------------------ the workbook


def test_every_figure_of_the_workbook_leads_to_its_cases(rows: list[Row], tmp_path: Path) -> None:
    summary = summarise(rows)
    write_book(summary, rows, tmp_path / "r.xlsx")
    book = load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == ["总览", "计数", "值得再看", "索引", "案件", "人员与处理", "复核要点"]
    counts = list(summary.counts())
    for n, (_, count) in enumerate(counts, start=2):
        cell = book["计数"].cell(n, 3)
        assert cell.value == count.number
        first = int(cell.hyperlink.location.rpartition("A")[2])
        block = [book["索引"].cell(first + m, 3) for m in range(len(count.cases))]
        assert tuple(one.value for one in block) == count.cases
        assert {book["索引"].cell(first + m, 2).value for m in range(len(count.cases))} == {count.name}
        for one in block:
            place = int(one.hyperlink.location.rpartition("A")[2])
            assert book["案件"].cell(place, 1).value == summary.lines[one.value - 1].case_id


def test_the_workbook_runs_no_formula(rows: list[Row], tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://e.test","x")'
    record = {**rows[1], "title": formula, "case_id": "@SUM(1)", "findings": [finding(reason="+1", name="-2")]}
    write_book(summarise([record]), [record], tmp_path / "r.xlsx", Head(title=formula, files=["=1"]))
    for sheet in load_workbook(tmp_path / "r.xlsx"):
        for line in sheet.iter_rows():
            for cell in line:
                assert cell.data_type != "f"
                assert not (isinstance(cell.value, str) and cell.value[:1] in "=+-@") or cell.quotePrefix


# ------------------------------------------------------------ the command


@pytest.mark.parametrize("ending", ["html", "xlsx"])
def test_the_command_writes_a_report(rows: list[Row], tmp_path: Path, ending: str) -> None:
    write_jsonl(rows, tmp_path / "a.jsonl")
    out = tmp_path / f"r.{ending}"
    assert main(["report", str(tmp_path / "a.jsonl"), "-o", str(out)]) == 0
    assert out.stat().st_size > 1_000
    assert main(["report", str(tmp_path / "a.jsonl"), "-o", str(out)]) == 2  # is not written over
    assert main(["report", str(tmp_path / "a.jsonl"), "-o", str(out), "--force"]) == 0
    assert [path.name for path in tmp_path.iterdir() if "writing" in path.name] == []


def test_bad_rows_are_told_with_exit_code_1(
    rows: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps(rows[0], ensure_ascii=False)
    (tmp_path / "a.jsonl").write_text(f"{good}\n{{}}\n", encoding="utf-8")
    assert main(["report", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "r.html")]) == 1
    assert "a.jsonl 第 2 行" in capsys.readouterr().err
    assert "1 行没有计入" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_without_a_single_good_row_there_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n", encoding="utf-8")
    assert main(["report", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "r.html")]) == 1
    assert not (tmp_path / "r.html").exists()


def test_an_empty_result_gives_a_report_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("", encoding="utf-8")
    assert main(["report", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "r.html")]) == 0
    assert "没有案件" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("argument", ["missing.jsonl", "a.csv"])
def test_what_cannot_be_read_stops_the_command(tmp_path: Path, argument: str) -> None:
    assert main(["report", str(tmp_path / argument), "-o", str(tmp_path / "r.html")]) == 2


@pytest.mark.parametrize("ending", ["html", "xlsx"])
def test_masked_no_report_says_a_name(rows: list[Row], tmp_path: Path, ending: str) -> None:
    write_jsonl(rows, tmp_path / "a.jsonl")
    out = tmp_path / f"r.{ending}"
    report([tmp_path / "a.jsonl"], out, masked=True, made=date(2026, 1, 2))
    if ending == "html":
        told = out.read_text(encoding="utf-8")
    else:
        sheets = load_workbook(out)
        told = "".join(str(value) for sheet in sheets for line in sheet.iter_rows(values_only=True) for value in line)
    names = {one["name"] for record in rows for one in record["subjects"] if one["kind"] == "person" and one["name"]}
    assert names
    assert not [name for name in names if name in told]
    assert "某" in told


# ------------------------------------------------------------ a real browser

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(not BROWSER, reason="没有 chromium：浏览器里的筛选不在此检查")
def test_in_a_browser_a_number_shows_its_cases_and_no_others(rows: list[Row], tmp_path: Path) -> None:
    summary = summarise([attacked(rows[1]), *rows], full=2)
    count = next(one for one in summary["sanction"] if one.id == "gov_demerit")
    write_html(summary, tmp_path / "r.html")
    address = f"{(tmp_path / 'r.html').as_uri()}#{count.key}"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [str(BROWSER), *flags, "--dump-dom", address],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    items = [attrs for _, attrs in Page(done.stdout).tags if "data-k" in attrs]
    assert len(items) == 5
    assert {int(str(attrs["id"])[1:]) for attrs in items if "hidden" not in attrs} == set(count.cases)
    assert "只看 处理：政务记过（2 起，共 5 起）" in done.stdout


def test_report_terminal_and_review_mark_a_case_alike() -> None:
    """The marks read off a row are those of the analysis it was made of, in whatever view."""
    marked = 0
    for path in sorted(EXAMPLES.glob("*.html")):
        for analysis in analyze({"id": path.name, "text": path.read_text(encoding="utf-8")}):
            marks = marks_of(analysis)
            assert set(marks_of_row(row(analysis))) == set(marks)
            marked += len(marks)
    assert marked > 10


def test_the_checks_of_law_are_a_block_of_their_own_and_every_basis_is_explained(rows: list[Row]) -> None:
    found = "".join(page(summarise(rows)))
    assert "涉及的条文" in found
    for words in ("原文明示：", "事实推断：", "法规规则：", "统计："):
        assert words in found
