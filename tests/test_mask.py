"""Masked rows say no name of anybody they speak of, and say all else as before."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from nlp.batch import BatchError, score
from nlp.cli import main
from nlp.mask import Mask, mask, mask_all, masks
from nlp.pipeline import analyze, as_notice
from nlp.rows import Row, row, violations
from nlp.serve.jobs import answer, as_json
from nlp.types import Notice

TEXT = (
    "栗川县水务局堤防巡查走过场问题。2022年7月，县水务局局长贺兰山平不研究、不检查，负主要领导责任；副局长简文舟"
    "未到现场，负重要领导责任；堤防股股长简学勤伪造巡查记录，负直接责任。2022年9月，简文舟受到党内警告处分，"
    "简学勤受到政务记过处分。"
)


def read(text: str, **about: str) -> Row:
    rows = [row(analysis) for analysis in analyze(Notice("n1", text, **about))]
    assert len(rows) == 1
    return rows[0]


def names(record: Row) -> set[str]:
    people = [*record["subjects"], *record["mentioned"]]
    return {one["name"] for one in people if one["name"] and one["kind"] == "person"}


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (["张伟明"], ["张某某"]),
        (["张伟"], ["张某"]),
        (["欧阳建国"], ["欧阳某某"]),  # a double surname stays whole
        (["欧阳"], ["欧某"]),  # but not where it is all there is
        (["张伟明", "张建国"], ["张某甲", "张某乙"]),  # two whose masks would be one
        (["张伟明", "张建国", "张伟"], ["张某甲", "张某乙", "张某"]),
        (["张伟明", "张某甲", "张建国"], ["张某乙", "张某丁", "张某丙"]),  # no mask is anybody's name
        (["阿依夏木·买买提"], ["阿某某某·某某某"]),
        (["张伟明", "张伟明"], ["张某某"]),
    ],
)
def test_a_mask_keeps_the_surname_and_the_length_and_is_one_persons(people: list[str], expected: list[str]) -> None:
    given = masks(people)
    if "张某甲" in people:
        assert not set(given.values()) & set(people)
        assert len(set(given.values())) == 3
    else:
        assert list(given.values()) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("局长张伟明到会", "局长张某某到会"),
        ("张　伟明", "张　某某"),  # spaced out to fill a column
        ("张<b>伟</b>明", "张<b>某</b>某"),  # cut by markup
        ("張偉明", "張某某"),  # traditional
        ("&#24352;&#20255;明", "&#24352;&#26576;某"),  # by number
        ("&#x5F20;&#x4f1f;&#x660e;", "&#x5F20;&#x67d0;&#x67d0;"),
        ("张&nbsp;伟\n明", "张&nbsp;某\n某"),
        ("张伟\u200b明", "张某\u200b某"),
        ("张伟", "张伟"),  # somebody else
    ],
)
def test_a_name_is_found_however_the_source_writes_it(source: str, expected: str) -> None:
    masked = Mask(["张伟明"]).text(source)
    assert masked == expected
    assert len(masked) == len(source)


def test_the_longer_of_two_names_is_read_first() -> None:
    assert Mask(["张伟", "张伟明"]).text("张伟明和张伟") == "张某某和张某"


def test_no_full_name_remains_anywhere_in_the_row() -> None:
    record = read(TEXT, title="关于简文舟等人问题的通报", file="通报/简学勤.txt", url="https://e.test/简文舟.html")
    masked = mask(record)
    told = json.dumps(masked, ensure_ascii=False)
    assert len(names(record)) >= 2
    assert not [name for name in names(record) if name in told]
    assert masked["title"] == "关于简某甲等人问题的通报"
    assert masked["file"] == "通报/简某乙.txt"
    assert masked["url"] is None


def test_one_person_has_one_mask_in_text_subjects_evidence_and_reasons() -> None:
    masked = mask(read(TEXT))
    seen = set(re.findall("简某.", json.dumps(masked, ensure_ascii=False)))
    assert seen == {"简某甲", "简某乙"}
    assert {"简某甲", "简某乙"} <= names(masked)


def test_offsets_and_the_schema_hold() -> None:
    record = read("<p>" + TEXT.replace("简文舟", "简　文舟") + "</p>")
    masked = mask(record)
    assert not list(violations(masked))
    assert len(masked["text"]) == len(record["text"])
    assert len(masked["clean_text"] or "") == len(record["clean_text"] or "")
    for finding in masked["findings"]:
        for one in finding["evidence"]:
            assert one["text"] == masked["text"][one["start"] - masked["start"] : one["end"] - masked["start"]]
    for before, after in zip(record["subjects"], masked["subjects"], strict=True):
        assert (before["start"], before["end"], before["sanctions"]) == (
            after["start"],
            after["end"],
            after["sanctions"],
        )


def test_evidence_that_begins_inside_a_name_is_masked_as_the_text_is() -> None:
    record = read(TEXT)
    start = record["text"].index("文舟") + record["start"]
    finding = {
        **dict.fromkeys(("variant", "rule", "article", "unknown")),
        "issue": "deputy_for_chief",
        "name": "问副不问正",
        "verdict": "yes",
        "probability": 0.9,
        "basis": "inferred",
        "by": "rules",
        "reason": "简文舟受到处理",
        "evidence": [{"start": start, "end": start + 4, "text": record["text"][start : start + 4]}],
    }
    masked = mask({**record, "findings": [finding]})
    assert masked["findings"][0]["evidence"][0]["text"].startswith("某甲")
    assert masked["findings"][0]["reason"] == "简某甲受到处理"


def test_the_row_given_is_not_changed() -> None:
    record = read(TEXT)
    before = copy.deepcopy(record)
    mask(record)
    assert record == before


def test_masking_twice_changes_nothing_more() -> None:
    once = mask(read(TEXT))
    assert mask(once) == once


def test_organisations_and_names_already_masked_stay() -> None:
    record = read("石桥镇党委履行主体责任不力，被通报批评。镇长李某失察，受到党内警告处分。")
    assert mask(record)["subjects"] == record["subjects"]


def test_an_address_that_spells_a_name_by_its_bytes_is_dropped() -> None:
    record = read(TEXT, url=f"https://e.test/{quote('简文舟')}.html")
    assert mask(record)["url"] is None
    assert mask({**record, "url": "https://e.test/7.html"})["url"] == "https://e.test/7.html"


def test_cases_of_one_notice_share_their_masks_and_hide_each_others_names() -> None:
    notice = Notice(
        "n1",
        "关于两起问题的通报\n一、石桥镇镇长祝明远失察问题。祝明远对防汛值守失察，2023年3月，祝明远受到党内警告处分。\n"
        "二、县林业局局长祝天和失职问题。祝天和对防火巡查失职，2023年3月，祝天和受到政务记过处分。",
        title="祝明远、祝天和被通报",
    )
    rows = [row(analysis) for analysis in analyze(notice)]
    assert len(rows) == 2
    masked = list(mask_all(rows))
    assert {one["title"] for one in masked} == {"祝某甲、祝某乙被通报"}
    told = json.dumps(masked, ensure_ascii=False)
    assert "明远" not in told
    assert "天和" not in told


def test_further_names_can_be_hidden() -> None:
    assert "堤某" in mask(read(TEXT), also=["堤防"])["text"]


def test_all_of_the_dev_gold_comes_out_without_a_name() -> None:
    gold = Path(__file__).parent.parent / "data" / "gold" / "notices" / "dev.jsonl"
    texts = [json.loads(line)["text"] for line in gold.read_text(encoding="utf-8").splitlines()]
    for text in texts:
        for record in map(row, analyze(text)):
            told = json.dumps(mask(record), ensure_ascii=False)
            assert not [name for name in names(record) if "某" not in name and len(name) > 1 and name in told]


MANY = (
    "关于两起问题的通报\n一、石桥镇镇长祝明远失察问题。祝明远对防汛值守失察，2023年3月，祝明远受到党内警告处分。\n"
    "二、县林业局局长祝天和失职问题。祝天和对防火巡查失职，2023年3月，祝天和受到政务记过处分。"
)
NAMED = ("祝明远", "祝天和")


def _names_in(text: str) -> list[str]:
    return [name for name in NAMED if name in text]


def test_scoring_can_hide_the_names_in_every_row(tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_text(MANY, encoding="utf-8")
    out = tmp_path / "rows.jsonl"
    assert main(["score", str(tmp_path / "notice.txt"), "-o", str(out), "--mask-names"]) == 0
    told = out.read_text(encoding="utf-8")
    assert not _names_in(told)
    assert [name for name in ("祝某甲", "祝某乙") if name in told] == ["祝某甲", "祝某乙"]


def test_a_run_is_not_resumed_with_names_that_were_hidden(tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_text(MANY, encoding="utf-8")
    inputs, out = [str(tmp_path / "notice.txt")], tmp_path / "rows.jsonl"
    score(inputs, out, masked=True)
    with pytest.raises(BatchError, match="已经存在"):
        score(inputs, out, resume=True)


def test_comparing_cases_can_hide_their_names(tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_text(MANY, encoding="utf-8")
    rows, page, noted = (str(tmp_path / name) for name in ("rows.jsonl", "page.html", "noted.jsonl"))
    main(["score", str(tmp_path / "notice.txt"), "-o", rows])
    assert main(["corpus", rows, "-o", page, "--rows", noted, "--mask-names"]) == 0
    assert not _names_in(Path(page).read_text(encoding="utf-8") + Path(noted).read_text(encoding="utf-8"))
    assert _names_in(Path(rows).read_text(encoding="utf-8")) == list(NAMED)


def test_the_service_can_hide_the_names_in_every_row() -> None:
    notice = as_json(as_notice({"id": "n", "text": MANY}))
    hidden, plain = (answer({"notice": notice, "masked": masked}, "rules")["rows"] for masked in (True, False))
    assert not _names_in("".join(hidden))
    assert _names_in("".join(plain)) == list(NAMED)
