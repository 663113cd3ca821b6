"""What only many cases show: one case told twice counts once, like goes with like, chance is told from difference."""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook

from nlp.cli import main
from nlp.corpus import CorpusError, study
from nlp.corpus.case import Case, Words, case_of, consequence_class
from nlp.corpus.comparables import compare
from nlp.corpus.counts import OTHERS, UNTOLD, imbalance, means, overall, ratios, trends
from nlp.corpus.findings import with_findings
from nlp.corpus.intervals import exact, false_discovery, mean, ratio, trend, unlike, wilson
from nlp.corpus.places import province
from nlp.corpus.reposts import fold
from nlp.pipeline import analyze_many
from nlp.report.corpus import record, tables, write
from nlp.rows import Row, json_line, row, violations, write_jsonl, write_parquet
from nlp.types import Notice

SURNAMES = "丁马王方石田冯吕朱江孙李杨何沈陆陈林郑罗"
GIVEN = ["大山", "小川", "有田", "守望", "文清", "立春", "长水", "永年", "思远", "建业"]
DEED = (
    "{date}，{town}在防汛值守检查中被发现值班室无人在岗，应急物资台账与实物不符，{town}{post}{name}对防汛工作部署不细、督促不力，"
    "致使{loss}处险工险段未按期处置。{decided}，{name}受到{measure}处分。"
)


def name_of(n: int) -> str:
    return SURNAMES[n % len(SURNAMES)] + GIVEN[n // len(SURNAMES) % len(GIVEN)]


def deed(n: int, measure: str = "党内警告", post: str = "镇长", year: int = 2021) -> str:
    return DEED.format(
        date=f"{year}年{n % 9 + 1}月{n % 27 + 1}日",
        town=f"{'青白黄黑红'[n % 5]}{'石柳河杨桥山'[n % 6]}镇",
        post=post,
        name=name_of(n),
        loss=n % 7 + 2,
        decided=f"{year}年{n % 3 + 10}月",
        measure=measure,
    )


def rows_of(*texts: str, file: str = "甲.txt", title: str | None = None, **more: Any) -> list[Row]:
    """The rows of notices, each of one case, with ids by their place."""
    notices = [Notice(f"{file}-{n}", text, file=file, title=title, **more) for n, text in enumerate(texts)]
    return [row(analysis) for analysis in analyze_many(notices)]


def cases_of(rows: list[Row]) -> list[Case]:
    words = Words()
    return [case_of(one, words) for one in rows]


# ------------------------------------------------------------ reposts


@pytest.fixture(scope="module")
def story() -> str:
    return deed(3) + "该镇党委副书记、副镇长分管此项工作，平时疏于检查，对值班制度落实情况不掌握，被予以诫勉。"


REPOSTS = [
    pytest.param(lambda text: text, id="word for word"),
    pytest.param(lambda text: "曝光！防汛岂能儿戏\n" + text, id="under another headline"),
    pytest.param(lambda text: text.replace("，", "、", 1).replace("部署不细", "部署不够细致"), id="lightly edited"),
    pytest.param(lambda text: text[: len(text) * 2 // 3], id="in part"),
    pytest.param(lambda text: text.replace(name_of(3), name_of(3)[0] + "某某"), id="with the name masked"),
    pytest.param(
        lambda text: f"<ul><li>首页</li><li>要闻</li></ul><p>{text}</p><ul><li>版权所有</li></ul>", id="inside a page"
    ),
]


@pytest.mark.parametrize("change", REPOSTS)
def test_a_repost_is_folded_into_the_case_it_tells(story: str, change: Any) -> None:
    first, again = rows_of(story, file="甲.txt"), rows_of(change(story), file="乙.html")
    kept, folded = fold(cases_of(first + again))
    assert len(kept) == 1
    assert len(folded) == 1
    assert 0.5 < folded[0].held <= 1


APART = [
    pytest.param(deed(3), deed(24), id="one template, other people and figures"),
    pytest.param(deed(3), deed(3).replace(name_of(3), name_of(44)), id="the same text of another person"),
    pytest.param(deed(3).replace(name_of(3), "王某"), deed(24).replace(name_of(24), "李某"), id="masked"),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_two_cases_of_one_template_stay_apart(one: str, other: str) -> None:
    kept, folded = fold(cases_of(rows_of(one, file="甲.txt") + rows_of(other, file="乙.txt")))
    assert len(kept) == 2
    assert not folded


def test_two_cases_of_one_notice_are_never_one() -> None:
    rows = rows_of(deed(3), deed(3).replace("值班室", "值班"))
    together = [{**one, "notice_id": "一份通报"} for one in rows]
    assert len(fold(cases_of(rows))[0]) == 1
    assert len(fold(cases_of(together))[0]) == 2


def test_a_row_given_twice_counts_once() -> None:
    rows = rows_of(deed(3), deed(24))
    found = study(rows + rows)
    assert (found.rows, len(found.cases), len(found.folded)) == (4, 2, 2)


def test_the_fullest_telling_is_kept(story: str) -> None:
    part, whole = rows_of(story[: len(deed(3))], file="甲.txt"), rows_of(story, file="乙.txt")
    kept, folded = fold(cases_of(part + whole))
    assert [case.key[1] for case in kept] == ["乙.txt"]
    assert folded[0].case.key[1] == "甲.txt"


def test_cases_of_one_id_are_shown_with_their_files() -> None:
    rows = [{**one, "case_id": "1"} for one in rows_of(deed(3), file="甲.txt") + rows_of(deed(24), file="乙.txt")]
    assert {case.id for case in study(rows).cases} == {"1@甲.txt", "1@乙.txt"}


# ------------------------------------------------------------ a case


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], "未载明后果"),
        ([{"id": "deaths", "value": 3}], "死亡3至9人"),
        ([{"id": "deaths", "value": "12"}], "死亡10人以上"),
        ([{"id": "deaths", "value": None}, {"id": "injuries", "value": 5}], "死亡1至2人"),
        ([{"id": "economic_loss", "value": 2_000_000.0}], "损失100万至1000万元"),
        ([{"id": "economic_loss", "value": None}], "损失不足100万元或未载明数额"),
        ([{"id": "no_casualties", "value": None}], "未载明后果"),
        ([{"id": "bad_influence", "value": None}], "不良影响"),
    ],
)
def test_a_case_belongs_to_the_gravest_class_of_consequences(facts: list[Row], expected: str) -> None:
    assert consequence_class(facts) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("山东省青岛市市南区纪委监委", "山东省"),
        ("云南昆明盘龙区委", "云南省"),
        ("安吉县纪委", "浙江省"),
        ("西藏自治区政府", "西藏自治区"),
        ("鼓楼区纪委", None),  # several provinces have one
        ("江西路派出所", None),  # a street
        ("临漷县纪委监委", None),  # no such place
        ("河北省与河南省联合督查组", None),  # two
    ],
)
def test_a_province_is_told_only_where_it_is_sure(text: str, expected: str | None) -> None:
    assert province(text) == expected


def test_a_case_is_dated_by_its_decision_before_its_publication() -> None:
    dated, published = (
        cases_of(rows_of(deed(3), published="2022-01-05")),
        cases_of(rows_of("镇长王大山防汛值守不力，受到党内警告处分。", published="2022-04-05")),
    )
    assert (dated[0].year, dated[0].dated_by) == ("2021", "处理决定日期")
    assert (published[0].quarter, published[0].dated_by) == ("2022年2季度", "发布日期")


# ------------------------------------------------------------ comparables


FLOOD = ["党内警告"] * 14


@pytest.fixture(scope="module")
def uneven() -> list[Row]:
    """Fifteen town heads, one of whom got far more than the others for the like."""
    return rows_of(*(deed(n, measure) for n, measure in enumerate([*FLOOD, "开除党籍"])))


def test_who_stands_far_above_the_comparables_is_named_with_them(uneven: list[Row]) -> None:
    found = compare(cases_of(uneven))
    claimed = [one for one in found.deviations if one.side]
    assert [one.case.id for one in claimed] == [uneven[-1]["case_id"]]
    assert claimed[0].side == "heavier"
    assert len(claimed[0].comparables) == 14
    assert claimed[0].lighter.low > 0.7
    assert claimed[0].chance == pytest.approx(2 / 15)


def test_level_measures_deviate_from_nothing(uneven: list[Row]) -> None:
    found = compare(cases_of(uneven[:-1]))
    assert len(found.deviations) == 14
    assert not [one for one in found.deviations if one.side]


def test_too_few_comparables_are_not_compared(uneven: list[Row]) -> None:
    found = compare(cases_of(uneven[-9:]))
    assert not found.deviations
    assert found.abstained["可比者不足10人"][0] == 9


@pytest.mark.parametrize("post", ["党委副书记", "水利站站长"])
def test_other_ranks_are_not_comparable(post: str) -> None:
    rows = rows_of(*(deed(n, post=post) for n in range(14)), deed(20, "开除党籍"))
    assert not [one for one in compare(cases_of(rows)).deviations if one.side]


def test_a_deviation_becomes_an_unsure_finding_in_the_row(uneven: list[Row]) -> None:
    told = list(with_findings(uneven, study(uneven)))
    added = [finding for one in told for finding in one["findings"] if finding["by"] == "corpus"]
    assert [wrong for one in told for wrong in violations(one)] == []
    assert len(added) == 1
    assert (added[0]["issue"], added[0]["verdict"], added[0]["basis"]) == ("uneven_weight", "unsure", "statistical")
    assert [evidence["text"] for evidence in added[0]["evidence"]] == ["开除党籍"]
    assert "可比案件" in added[0]["reason"]
    assert uneven[0]["case_id"] in " ".join(finding["reason"] for finding in added)
    assert told[-1]["priority"] > uneven[-1]["priority"]
    assert told[:-1] == uneven[:-1]


def test_findings_added_twice_stand_there_once(uneven: list[Row]) -> None:
    found = study(uneven)
    once = list(with_findings(uneven, found))
    assert list(with_findings(once, found)) == once


def test_a_folded_row_says_into_which_case(story: str) -> None:
    rows = rows_of(story, file="甲.txt") + rows_of("防汛岂能儿戏\n" + story, file="乙.txt")
    found = study(rows)
    told = list(with_findings(rows, found))
    messages = [c["message"] for one in told for c in one["cautions"] if c["code"] == "repost"]
    assert len(messages) == 1
    assert found.cases[0].id in messages[0]


# ------------------------------------------------------------ counts


@pytest.fixture(scope="module")
def years() -> list[Row]:
    """Forty cases of two years: warnings in the first, graver measures in the second."""
    first = [deed(n, "党内警告", year=2020) for n in range(40)]
    second = [deed(n + 40, "党内严重警告" if n % 4 else "党内警告", year=2022) for n in range(40)]
    return rows_of(*first, *second)


def test_a_difference_between_years_is_found_and_its_cases_named(years: list[Row]) -> None:
    cases = cases_of(years)
    cells = {(cell.group, cell.category): cell for cell in imbalance(cases) if cell.grouping == "年份"}
    graver = cells["2022", "党内严重警告"]
    assert (len(graver.cases), graver.of) == (30, 40)
    assert graver.differs
    assert graver.q >= graver.p
    assert {case.year for case in graver.cases} == {"2022"}


def test_no_difference_is_found_where_chance_alone_deals() -> None:
    rng = random.Random(4)
    texts = [deed(n, rng.choice(["党内警告", "党内严重警告"]), year=rng.choice([2020, 2021, 2022])) for n in range(150)]
    assert not [cell for cell in imbalance(cases_of(rows_of(*texts))) if cell.differs]


def test_small_groups_are_told_together_and_not_tested(years: list[Row]) -> None:
    cells = imbalance(cases_of(years[:45]))
    assert {cell.group for cell in cells if cell.grouping == "年份"} == {"2020", OTHERS}
    assert all(math.isnan(cell.q) for cell in cells if cell.group == OTHERS)


def test_shares_are_of_the_cases_of_which_the_aspect_is_known(years: list[Row]) -> None:
    cases = cases_of(years)
    measures = {cell.category: cell for cell in overall(cases)["处理"]}
    assert len(measures["党内警告"].cases) == 50
    assert measures["党内警告"].of == 80
    assert measures["党内警告"].share == wilson(50, 80)


def test_means_of_proportion_count_the_cases_that_have_a_figure(years: list[Row]) -> None:
    figures = {"people": 3, "pairs": 3, "chief_deputy_gap": None, "inversions": []}
    shifts = [1.0] * 20 + [-0.5] * 20 + [None] * 20
    told = [{**one, "proportion": {**figures, "blame_shift": s}} for one, s in zip(years, shifts, strict=False)]
    found = {(one.name, one.grouping): one for one in means(cases_of(told))}
    whole = found["责任下移指数", "全部"]
    assert (len(whole.cases), whole.above, whole.value.value) == (40, 20, pytest.approx(0.25))
    assert whole.value.low < 0.25 < whole.value.high
    assert ("责任下移指数", "年份") in found
    assert ("正副差指数", "全部") not in found


def test_ratios_count_people_over_all_and_by_group(years: list[Row]) -> None:
    found = {(one.name, one.group): one for one in ratios(cases_of(years))}
    upper = found["问上 : 问下（县处级以上 : 乡科级以下）", "全部"]
    assert (upper.first, upper.second) == (0, 80)
    assert upper.value.value == 0
    assert 0 < upper.value.high < 0.06
    assert found["正职 : 副职", "2020"].first == 40


def test_a_share_that_rises_over_the_years_is_a_trend() -> None:
    texts = [
        deed(n + 40 * year, "党内严重警告" if n < 8 * year else "党内警告", year=2019 + year)
        for year in range(4)
        for n in range(40)
    ]
    found = {(one.by, one.category): one for one in trends(cases_of(rows_of(*texts)))}
    assert UNTOLD not in {cell.group for one in found.values() for cell in one.cells}
    rising = found["年", "党内严重警告"]
    assert [len(cell.cases) for cell in rising.cells] == [0, 8, 16, 24]
    assert rising.q < 0.05
    assert math.isnan(found["年", "党纪处分"].p)  # always there: nothing to test


# ------------------------------------------------------------ figures


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)],
)
def test_wilsons_interval(count: int, of: int, low: float, high: float) -> None:
    assert (wilson(count, of).low, wilson(count, of).high) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0)],
)
def test_the_exact_interval(count: int, of: int, low: float, high: float) -> None:
    assert (exact(count, of).low, exact(count, of).high) == pytest.approx((low, high), abs=5e-4)


def test_nothing_counted_gives_no_share() -> None:
    assert all(math.isnan(value) for value in (wilson(0, 0).value, exact(0, 0).low, ratio(np.zeros((0, 2))).value))


def test_a_ratio_has_an_interval_around_it() -> None:
    found = ratio(np.array([[1, 2], [0, 1], [2, 1], [1, 3]] * 20))
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(4 / 7)


def test_a_ratio_to_nothing_is_infinite_and_its_interval_is_not_empty() -> None:
    found = ratio(np.array([[1, 0]] * 10))
    assert math.isinf(found.value)
    assert found.low == pytest.approx(0.6915 / 0.3085, rel=1e-2)


@pytest.mark.parametrize(
    ("chances", "expected"),
    [
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.04, 0.04, 0.04]),
        ([0.04, 0.01], [0.04, 0.02]),
        ([0.01, math.nan, 0.5], [0.02, math.nan, 0.5]),
        ([], []),
    ],
)
def test_q_values_of_benjamini_and_hochberg(chances: list[float], expected: list[float]) -> None:
    assert false_discovery(chances) == pytest.approx(expected, nan_ok=True)


def test_equal_shares_are_not_unlike_and_opposite_ones_are() -> None:
    assert unlike(5, 10, 5, 10) == pytest.approx(1.0)
    assert unlike(10, 10, 0, 10) < 1e-4


def test_a_mean_has_an_interval_around_it_even_where_all_are_one_value() -> None:
    told = mean([1.0, -1.0] * 20 + [1.0] * 10)
    assert told.value == pytest.approx(0.2)
    assert -0.2 < told.low < 0.2 < told.high < 0.6
    level, top = mean([0.0] * 20), mean([1.0] * 20)
    assert (level.low, level.high) == (pytest.approx(-level.high), pytest.approx(1 - exact(20, 20).low))
    assert top.low < top.value == top.high == 1.0
    assert math.isnan(mean([]).value)


def test_a_trend_is_a_matter_of_time_and_not_of_order() -> None:
    assert trend([1, 5, 9], [10, 10, 10], [2019, 2020, 2021]) < 0.001
    assert trend([5, 5, 5], [10, 10, 10], [2019, 2020, 2021]) == pytest.approx(1.0)
    assert math.isnan(trend([1, 2], [10, 10], [2019, 2020]))


# ------------------------------------------------------------ metamorphic


@pytest.fixture(scope="module")
def mixed(uneven: list[Row], years: list[Row], story: str) -> list[Row]:
    reposts = [{**one, "file": "转载.txt"} for one in rows_of(*(deed(n) for n in range(6)), story, file="转载.txt")]
    return [*uneven, *({**one, "file": "乙.txt"} for one in years), *reposts]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_the_rows_changes_nothing(mixed: list[Row], seed: int) -> None:
    shuffled = random.Random(seed).sample(mixed, len(mixed))
    assert record(study(shuffled)) == record(study(mixed))


def test_the_files_the_rows_lie_in_change_nothing(mixed: list[Row], tmp_path: Path) -> None:
    write_jsonl(mixed, tmp_path / "全.jsonl")
    write_jsonl(mixed[:40], tmp_path / "一.jsonl")
    write_parquet(mixed[40:], tmp_path / "二.parquet")
    assert main(["corpus", str(tmp_path / "全.jsonl"), "-o", str(tmp_path / "全.json")]) == 0
    parts = [str(tmp_path / "二.parquet"), str(tmp_path / "一.jsonl")]
    assert main(["corpus", *parts, "-o", str(tmp_path / "分.json")]) == 0
    assert (tmp_path / "全.json").read_bytes() == (tmp_path / "分.json").read_bytes()


# ------------------------------------------------------------ tables, page, command


@pytest.fixture(scope="module")
def written(mixed: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("corpus") / "跨案"
    write(study(mixed), folder)
    return folder


def test_a_folder_gets_every_form(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    assert {"corpus.html", "corpus.json", "corpus.md", "corpus.xlsx", "overall.csv", "deviations.csv"} <= names


def test_every_line_names_as_many_cases_as_it_counts(mixed: list[Row]) -> None:
    found = study(mixed)
    ids = {case.id for case in found.cases}
    counted = [table for table in tables(found) if "案件" in table.columns and "共" in table.columns]
    assert counted
    for table in counted:
        at = table.columns.index("案件")
        for values, cases in table.lines:
            assert values[at] == len(cases)
            assert {case.id for case in cases} <= ids


def test_json_csv_and_workbook_tell_the_same(written: Path) -> None:
    told = json.loads((written / "corpus.json").read_text(encoding="utf-8"))
    book = load_workbook(written / "corpus.xlsx")
    for key, table in told["tables"].items():
        with (written / f"{key}.csv").open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == len(table["lines"]) == book[table["title"]].max_row - 1
        assert [line["案件编号"] for line in lines] == ["、".join(line["cases"]) for line in table["lines"]]


def test_the_page_needs_nothing_from_elsewhere_and_says_what_it_cannot_tell(written: Path) -> None:
    page = (written / "corpus.html").read_text(encoding="utf-8")
    assert "能说明什么，不能说明什么" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    for outside in ("src=", "@import", "url(http", 'href="http'):
        assert outside not in page
    assert page.count("<svg") > 10


def test_what_a_notice_says_is_text_on_the_page(tmp_path: Path) -> None:
    rows = rows_of(deed(3), title="<script>alert(1)</script>")
    write(study(rows), tmp_path / "跨案.html")
    page = (tmp_path / "跨案.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_formula_in_a_title_is_text_in_csv(tmp_path: Path) -> None:
    rows = rows_of(deed(3), file="甲.txt", title="=1+1") + rows_of(deed(3), file="乙.txt", title="=1+1")
    write(study(rows), tmp_path / "跨案")
    with (tmp_path / "跨案" / "reposts.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["转载标题"] == "'=1+1"


def test_a_bad_row_is_named_and_the_good_ones_are_read(
    uneven: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json_line(one) for one in uneven]
    (tmp_path / "坏.jsonl").write_text("\n".join([lines[0], "{", '{"id": 1}', *lines[1:]]) + "\n", encoding="utf-8")
    code = main(["corpus", str(tmp_path / "坏.jsonl"), str(tmp_path / "没有.jsonl"), "-o", str(tmp_path / "跨案.md")])
    told = capsys.readouterr().err
    assert code == 1
    assert "坏.jsonl 第 2 行" in told
    assert "坏.jsonl 第 3 行" in told
    assert "没有.jsonl" in told
    assert "案件 15 起" in told
    assert (tmp_path / "跨案.md").is_file()


def test_rows_with_findings_are_written_on_request(uneven: list[Row], tmp_path: Path) -> None:
    write_jsonl(uneven, tmp_path / "结果.jsonl")
    out = tmp_path / "加注.jsonl"
    assert main(["corpus", str(tmp_path / "结果.jsonl"), "-o", str(tmp_path / "跨案.json"), "--rows", str(out)]) == 0
    told = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(told) == len(uneven)
    assert [f["by"] for f in told[-1]["findings"]].count("corpus") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["没有.jsonl"], "没有可用的案件"),
        (["没有.jsonl", "-o", "跨案.pdf"], "不认识输出文件"),
        (["没有.jsonl", "--rows", "加注.doc"], "不认识输出文件"),
    ],
)
def test_what_cannot_start_says_why(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["corpus", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_an_output_is_not_written_over_unasked(uneven: list[Row], tmp_path: Path) -> None:
    write_jsonl(uneven, tmp_path / "结果.jsonl")
    (tmp_path / "跨案.json").write_text("旧的", encoding="utf-8")
    assert main(["corpus", str(tmp_path / "结果.jsonl"), "-o", str(tmp_path / "跨案.json")]) == 2
    assert main(["corpus", str(tmp_path / "结果.jsonl"), "-o", str(tmp_path / "结果.jsonl"), "--force"]) == 2
    assert (tmp_path / "跨案.json").read_text(encoding="utf-8") == "旧的"


def test_a_missing_extra_names_itself(uneven: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp.corpus.find_spec", lambda name: None if name == "bm25s" else object())
    with pytest.raises(CorpusError, match=r"bm25s.*wenze\[corpus\]"):
        study(uneven)


def test_the_texts_are_not_kept(uneven: list[Row]) -> None:
    kept = [getattr(study(uneven).cases[0], slot) for slot in Case.__slots__]
    assert not [value for value in kept if isinstance(value, str) and len(value) > 60]
