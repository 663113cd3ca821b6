"""What extraction must not depend on: who is named, which place, what stands around the text, how files are cut."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nlp import analyze, load_codebook, read_notices
from nlp.evaluate import merged
from nlp.gold import GoldCase, load_gold
from nlp.types import Extraction, Notice

GOLD = Path(__file__).parent.parent / "data" / "gold"
GIVEN = "建国志强文军晓峰海波玉兰桂英秀芳春明德福永胜立新"
PLACES = "清平嘉兴云溪石岭松桥柳塘枫渡"
NAVIGATION = "当前位置：首页 > 审查调查 > 通报曝光\n字号：大 中 小　打印本页\n"
FOOTER = "\n责任编辑：某科\n上一篇：工作会议召开\n下一篇：没有了\n版权所有 未经授权禁止转载"

pytestmark = pytest.mark.skipif(not GOLD.exists(), reason="data/gold is not in this copy (the sdist leaves it out)")


@cache
def cases() -> tuple[GoldCase, ...]:
    return tuple(case for case in load_gold(GOLD, "dev") if case.fields)


@cache
def read(text: str) -> Extraction:
    return merged(analysis.extraction for analysis in analyze(Notice(id="x", text=text)))


def told(extraction: Extraction, back: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
    """All that is said of the subjects but where it stands; new names put back."""
    put = re.compile("|".join(map(re.escape, back)) if back else r"(?!)")

    def old(text: str | None) -> str | None:
        return text and put.sub(lambda found: (back or {})[found[0]], text)

    keys = ("kind", "former", "post_role", "rank", "leading_cadre", "responsibility", "count")
    return sorted(
        (
            (old(s.name), old(s.post), *(getattr(s, key) for key in keys), [(x.name, x.status) for x in s.sanctions])
            for s in extraction.subjects
        ),
        key=str,
    )


def changed(make: Callable[[GoldCase], tuple[str, Mapping[str, str]] | None]) -> tuple[list[str], int]:
    """The cases whose reading changes when the text is rewritten, and how many were rewritten."""
    differ, count = [], 0
    for case in cases():
        if rewritten := make(case):
            text, back = rewritten
            count += 1
            if told(read(case.text)) != told(read(text), back):
                differ.append(case.id)
    return differ, count


def rename_people(case: GoldCase) -> tuple[str, Mapping[str, str]] | None:
    """Every person of two or three characters gets a common surname and another given name."""
    rng = random.Random(case.id)
    surnames = load_codebook()["surnames"]["single"]["names"][:80]
    people = [s.name for s in case.fields.subjects if s.kind == "person" and s.name] if case.fields else []
    new: dict[str, str] = {}
    for name in sorted({name for name in people if re.fullmatch("[\u4e00-\u9fa5]{2,3}", name) and "某" not in name}):
        while (made := rng.choice(surnames) + "".join(rng.sample(GIVEN, len(name) - 1))) in {*new.values()} or (
            made in case.text
        ):
            pass
        new[name] = made
    if not new:
        return None
    every = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))))
    return every.sub(lambda found: new[found[0]], case.text), {made: name for name, made in new.items()}


def rename_place(case: GoldCase) -> tuple[str, Mapping[str, str]] | None:
    """The first county, city, town or township that is named by two characters gets another name everywhere."""
    found = re.search(r"(?:^|[，。；、“”（）\n])([\u4e00-\u9fa5]{2})(?=[县镇乡])", case.text)
    if not found:
        return None
    made = random.Random(case.id).choice([a + b for a, b in zip(PLACES[::2], PLACES[1::2], strict=True)])
    return (case.text.replace(found[1], made), {made: found[1]}) if made not in case.text else None


@pytest.mark.parametrize(("rewrite", "least"), [(rename_people, 40), (rename_place, 8)])
def test_renaming_changes_nothing_else(
    rewrite: Callable[[GoldCase], tuple[str, Mapping[str, str]] | None], least: int
) -> None:
    differ, count = changed(rewrite)
    assert count >= least
    assert len(differ) <= 0.08 * count, differ  # 3 of 59 people's cases: names that end like a post or a verb


def test_noise_around_a_text_changes_nothing() -> None:
    differ, count = changed(lambda case: (NAVIGATION + case.text + FOOTER, {}))
    assert len(differ) <= 0.05 * count, differ


def test_spans_point_at_what_they_name() -> None:
    for case in cases():
        found = read(case.text)
        for subject in found.subjects:
            words = case.text[subject.start : subject.end]
            assert subject.name is None or subject.name in words, (case.id, words)
            for sanction in subject.sanctions:
                words = case.text[sanction.start : sanction.end]
                assert words, case.id
                assert "。" not in words, (case.id, words)
        if found.issuer and found.issuer.start is not None:
            assert case.text[found.issuer.start : found.issuer.end] == found.issuer.text


def test_cutting_a_file_in_two_changes_nothing(tmp_path: Path) -> None:
    rows = [json.dumps({"id": case.id, "text": case.text}, ensure_ascii=False) for case in cases()]
    for name, part in (("whole", rows), ("a", rows[:20]), ("b", rows[20:])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(part), encoding="utf-8")
    whole, *parts = (
        [(a.case.id, a.extraction) for notice in read_notices(tmp_path / f"{name}.jsonl") for a in analyze(notice)]
        for name in ("whole", "a", "b")
    )
    assert whole == [one for part in parts for one in part]


@pytest.mark.parametrize("case", cases()[:3], ids=lambda case: case.id)
def test_a_text_that_breaks_off_anywhere_is_read(case: GoldCase) -> None:
    for end in range(1, len(case.text)):
        extraction = read(case.text[:end])
        assert all(subject.end <= end for subject in extraction.subjects)


def test_a_text_that_ends_with_a_post_is_read() -> None:
    assert [one.name for one in read("县纪委给予张三党内警告处分。县水利局局长").subjects] == ["张三"]


def test_old_wang_is_the_wang_named_before() -> None:
    text = "卫生院院长王喜春摆了两桌，药房主任米有粮在座。县卫健局党组给予院长老王党内严重警告处分，对米有粮诫勉。"
    told = {one.name: [sanction.name for sanction in one.sanctions] for one in read(text).subjects}
    assert told == {"王喜春": ["党内严重警告"], "米有粮": ["诫勉"]}


@pytest.mark.parametrize("who", ["举报人李建军", "记者刘芳"])
def test_a_measure_that_hits_nobody_named_does_not_hit_who_reports(who: str) -> None:
    assert read(f"在{who}的追问下，2021年5月，县纪委给予党内警告处分。").subjects == ()
