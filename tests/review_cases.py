"""Scored rows for the tests of the review page: read by the rules, with findings set by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nlp import analyze
from nlp.rows import row

Row = dict[str, Any]

FLOOD = (
    "2023年6月，青屿县水务局对河道清淤项目验收把关不严。县纪委研究决定，给予县水务局局长罗庆年党内警告处分。"
    "汛期当晚，副局长邵建屏值守到天亮，事后却同样被免职。处分决定从立案到送达只用了半天。"
)
SCHOOL = "2024年3月，云陂镇中心校食堂采购未按规定询价。镇党委对总务主任姚双喜予以通报批评。校长龙吟未被问责。"
QUIET = "2022年9月，柏桥区城管局两名协管员迟到。区城管局党组给予队长申屠亮诫勉谈话。"
MARKUP = "2021年5月，<script>alert(1)</script>乌石镇财政所所长戚小满因报账不实，被县纪委给予政务警告处分。"


def finding(text: str, issue: str | None, words: str, **more: Any) -> Row:
    """A finding that rests on some words of the text."""
    start = text.index(words)
    return {
        "issue": issue,
        "name": "一事不再罚" if issue is None else {"rushed": "快查严办", "deputy_for_chief": "以副职代替正职"}[issue],
        "verdict": "yes",
        "probability": 0.9,
        "basis": "inferred",
        "by": "rules",
        "reason": f"“{words}”",
        "evidence": [{"start": start, "end": start + len(words), "text": words}],
        "variant": None,
        "rule": None,
        "article": None,
        "unknown": None,
    } | more


def scored(text: str, number: str, priority: float, findings: Iterable[Row] = (), **more: Any) -> Row:
    """One scored row."""
    read = row(analyze({"id": number, "text": text, "title": f"{number}号通报"})[0])
    return read | {"findings": list(findings), "priority": priority, "start": 0, "end": len(text), "text": text} | more


def rows() -> list[Row]:
    """Three cases: two claims and a breach of a rule, one claim of a model, none."""
    law = finding(FLOOD, None, "免职", by="law", rule="once", basis="rule of law", article="《试行条例》第三条")
    return [
        scored(
            FLOOD,
            "F1",
            0.9,
            [finding(FLOOD, "rushed", "只用了半天"), finding(FLOOD, "deputy_for_chief", "同样被免职"), law],
            file="a.jsonl",
            published="2023-07-02",
        ),
        scored(
            SCHOOL, "S1", 0.5, [finding(SCHOOL, "deputy_for_chief", "校长龙吟未被问责", by="tfidf")], file="a.jsonl"
        ),
        scored(QUIET, "Q1", 0.0, file="a.jsonl"),
    ]


def write(path: Path, lines: Iterable[Row]) -> Path:
    """A scored file."""
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path
