"""Evaluation: what is right, extra and missed, and the command that tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlp.cli import main
from nlp.evaluate import boundary_counts, evaluate, f1, field_counts, label_counts, prf
from nlp.gold import GoldCase, GoldNotice, Judgement, NoticeCase
from nlp.types import Extraction, Sanction, Span, Subject


def person(name: str, *sanctions: str, **more: Any) -> Subject:
    measures = tuple(Sanction(one, one, "党纪", 1.0, "decided", 0, 2) for one in sanctions)
    known: dict[str, Any] = {
        "kind": "person",
        "count": None,
        "post": None,
        "former": False,
        "organisation": None,
        "post_role": "unknown",
        "rank": "未知",
        "leading_cadre": None,
        "responsibility": None,
        "start": 0,
        "end": 2,
    }
    return Subject(name=name, sanctions=measures, **{**known, **more})


def read(*subjects: Subject) -> Extraction:
    return Extraction(subjects=subjects)


@pytest.mark.parametrize(
    ("gold", "found", "aspect", "counts"),
    [
        (
            read(person("王  伟", "诫勉")),
            read(person("王伟", "诫勉")),
            "sanction",
            (1, 0, 0),
        ),  # padding is none
        (read(person("王伟", "诫勉")), read(person("王伟", "警告")), "sanction", (0, 1, 1)),
        (read(person("王伟")), read(), "sanction", (0, 0, 0)),  # nobody's measure is missed where there is none
        (read(person("王伟", rank="村居")), read(person("王伟")), "rank", (0, 1, 1)),
        (read(person("王伟", post="镇长")), read(person("王伟")), "post", (0, 0, 1)),  # a missing post is not extra
        (read(person("王伟"), person("李红")), read(person("王伟")), "subject", (1, 0, 1)),
    ],
)
def test_facts_are_right_extra_or_missed(
    gold: Extraction, found: Extraction, aspect: str, counts: tuple[int, int, int]
) -> None:
    assert field_counts(gold, found, aspect) == counts


@pytest.mark.parametrize(
    ("verdict", "told", "counts"),
    [
        ("yes", {"rushed"}, (1, 0, 0)),
        ("yes", set(), (0, 0, 1)),
        (None, {"rushed"}, (0, 1, 0)),
        (None, set(), (0, 0, 0)),
        ("unsure", {"rushed"}, (0, 0, 0)),  # where the gold hesitates, no answer is wrong
        ("unsure", set(), (0, 0, 0)),
    ],
)
def test_a_label_is_right_extra_or_missed(verdict: Any, told: set[str], counts: tuple[int, int, int]) -> None:
    labels = {"rushed": Judgement(verdict, "inferred", "当晚")} if verdict else {}
    case = GoldCase("1", "dev", "x", "", "", "当晚", labels, (), None, "")
    assert label_counts(case, "rushed", told) == counts


def test_a_case_is_right_only_when_both_its_ends_are() -> None:
    gold, found = [Span(0, 10), Span(11, 20)], [Span(0, 10), Span(11, 18)]
    assert boundary_counts(gold, found) == {"case": (1, 1, 1), "boundary": (3, 1, 1)}


def test_f1_is_the_harmonic_mean_and_undefined_where_nothing_was_to_be_found() -> None:
    found = prf(np.array([[3, 1, 2], [0, 0, 0]]))
    assert (found.precision, found.recall) == (0.75, 0.6)
    assert found.f1.value == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert np.isnan(f1(np.zeros((1, 3)))[0])


TEXT = "东塘镇副镇长周安防汛期间擅离职守。2023年7月，县纪委给予周安党内警告处分。"


def test_wenze_is_run_on_the_cases_and_compared() -> None:
    subject = person("周安", "党内警告", post="东塘镇副镇长", post_role="deputy", rank="乡科级副职", leading_cadre=True)
    case = GoldCase("1", "dev", "x", "", "", TEXT, {}, (), read(subject), "")
    notice = GoldNotice("n", "dev", "x", "", TEXT, None, None, (NoticeCase(0, len(TEXT), ()),))
    found = evaluate([case], [notice])
    assert (found.sound, found.alarmed, found.annotated) == (1, 0, 1)
    assert (found.fields["sanction"].right, found.fields["rank"].right) == (1, 1)
    assert found.boundaries["case"].right == 1


# ------------------------------------------------------------ the command


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    row = {
        "id": "1",
        "split": "dev",
        "author_pass": "x",
        "style": "",
        "field_of_work": "",
        "text": TEXT,
        "labels": {"rushed": {"verdict": "yes", "basis": "inferred", "evidence": "2023年7月"}},
        "near_miss_of": [],
        "fields": None,
        "note": "",
    }
    path = tmp_path / "dev.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n{\n", encoding="utf-8")
    return path


def test_the_command_tells_figures_and_differences(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(gold.parent), "--split", "dev", "--errors", "5"]) == 1  # the broken line is told
    told = capsys.readouterr()
    assert "| `rushed` 快查严办 | 0 | 0 | 1 | — | 0.000 | 0.000（0.000–0.000） |" in told.out
    assert "| 1 | 快查严办 | 是 | 否 |" in told.out
    assert "第2行：不是一行完整的 JSON" in told.err


def test_a_split_that_does_not_exist_is_refused(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(gold), "--split", "validation"]) == 2
    assert "train、dev、test" in capsys.readouterr().err


def test_gold_without_a_case_of_the_split_is_refused(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(gold), "--split", "train"]) == 2
    assert "没有可用的案件" in capsys.readouterr().err
