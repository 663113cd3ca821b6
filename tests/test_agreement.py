"""Agreement of two annotators: the figures are those of the literature, and every difference is told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from nlp import load_codebook
from nlp.agreement import VERDICTS, agreement, alpha, kappa
from nlp.cli import main
from nlp.gold import Annotation, Judgement

LABELS = load_codebook().labels
TEXT = "镇长周安未到场指挥，负主要领导责任。副镇长贺平受到党内警告处分。"


def table(first: list[int], second: list[int]) -> np.ndarray[Any, Any]:
    counts = np.zeros((1, len(VERDICTS) ** 2))
    for a, b in zip(first, second, strict=True):
        counts[0, a * len(VERDICTS) + b] += 1
    return counts


@pytest.mark.parametrize("seed", range(8))
def test_kappa_and_alpha_are_those_of_scikit_learn_and_krippendorff(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.choice(3, size=60, p=[0.7, 0.1, 0.2])
    second = np.where(rng.random(60) < 0.75, first, rng.choice(3, size=60))
    counts = table(first.tolist(), second.tolist())
    assert kappa(counts)[0] == pytest.approx(cohen_kappa_score(first, second))
    expected = krippendorff.alpha([first, second], level_of_measurement="nominal")
    assert alpha(counts)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected_kappa"),
    [
        ([2, 2, 0, 0], [2, 2, 0, 0], 1.0),  # the same everywhere
        ([2, 0, 2, 0], [0, 2, 0, 2], -1.0),  # the opposite everywhere
        ([2, 2, 0, 0], [2, 0, 2, 0], 0.0),  # no better than chance
    ],
)
def test_kappa_by_hand(first: list[int], second: list[int], expected_kappa: float) -> None:
    assert kappa(table(first, second))[0] == pytest.approx(expected_kappa)


def test_a_label_that_nobody_used_has_no_figure() -> None:
    unused = table([0, 0, 0], [0, 0, 0])
    assert math.isnan(kappa(unused)[0])
    assert math.isnan(alpha(unused)[0])


def said(case: str, evidence: str = "", verdict: str = "yes", text: str | None = TEXT) -> Annotation:
    judged = {"deputy_for_chief": Judgement(verdict, "inferred", evidence)} if evidence else {}  # type: ignore[arg-type]
    return Annotation(case, judged, None, text)


def test_only_cases_that_both_judged_are_compared_and_the_others_are_named() -> None:
    first = {case: said(case) for case in ("a", "b", "c")}
    second = {case: said(case) for case in ("b", "c", "d")}
    found = agreement(first, second)
    assert (found.cases, found.only_first, found.only_second) == (2, ("a",), ("d",))


def test_files_without_a_common_case_are_refused() -> None:
    with pytest.raises(ValueError, match="没有共同的案件编号"):
        agreement({"a": said("a")}, {"b": said("b")})


def test_evidence_is_compared_by_its_characters() -> None:
    first = {"a": said("a", "负主要领导责任")}
    second = {"a": said("a", "未到场指挥，负主要领导责任", text=None)}
    found = agreement(first, second)
    assert found.evidence is not None
    assert (found.evidence.right, found.evidence.extra, found.evidence.missed) == (7, 6, 0)
    assert found.evidence_touching == 1


def test_words_that_stand_twice_are_taken_where_the_evidence_meets() -> None:
    text = "甲受到诫勉。乙受到诫勉。"
    found = agreement({"a": said("a", "诫勉。", text=text)}, {"a": said("a", "乙受到诫勉。", text=None)})
    assert found.evidence_touching == 1


def test_cases_with_unlike_texts_tell_nothing_of_the_evidence() -> None:
    found = agreement({"a": said("a", "负主要领导责任")}, {"a": said("a", "负主要", text=TEXT + " ")})
    assert found.evidence is None


def test_every_unlike_verdict_is_told_with_its_evidence() -> None:
    found = agreement({"a": said("a", "负主要领导责任")}, {"a": said("a", "未到场指挥", "unsure")})
    told = [(d.case, d.what, d.first, d.second, d.first_says, d.second_says) for d in found.differences]
    assert told == [("a", "deputy_for_chief", "yes", "unsure", "负主要领导责任", "未到场指挥")]


def test_intervals_hold_the_figure_and_are_the_same_for_the_same_seed() -> None:
    first = {str(n): said(str(n), "负主要领导责任" if n % 3 == 0 else "") for n in range(60)}
    second = {str(n): said(str(n), "负主要领导责任" if n % 3 == 0 or n % 10 == 1 else "") for n in range(60)}
    one, other = (agreement(first, second, seed=7) for _ in range(2))
    figure = one.labels[LABELS.index("deputy_for_chief")].alpha
    assert figure.low < figure.value < figure.high < 1
    assert one.pooled_alpha == other.pooled_alpha


# ------------------------------------------------------------ the command


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def subject(name: str, sanction: str, place: int) -> dict[str, Any]:
    at = TEXT.index(name)
    return {
        "kind": "person",
        "name": name,
        "count": None,
        "post": "副镇长",
        "former": False,
        "post_role": "deputy",
        "rank": "乡科级副职",
        "leading_cadre": True,
        "responsibility": None,
        "sanctions": [{"name": sanction, "status": "decided", "start": place, "end": place + 2}],
        "start": at,
        "end": at + 2,
        "responsibility_span": None,
    }


def row(case: str, sanction: str = "党内警告", **labels: Any) -> dict[str, Any]:
    fields = {"issuer": None, "date": None, "subjects": [subject("贺平", sanction, TEXT.index("党内"))]}
    return {"id": case, "text": TEXT, "labels": labels, "fields": fields}


CHIEF = {"verdict": "yes", "basis": "inferred", "evidence": "负主要领导责任"}


def test_the_command_prints_figures_and_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path / "a.jsonl", [row("1", deputy_for_chief=CHIEF), row("2")])
    second = write(tmp_path / "b.jsonl", [row("1"), row("2", "诫勉")])
    assert main(["agreement", first, second]) == 0
    told = capsys.readouterr().out
    assert "| 1 | 问副不问正 | 是：“负主要领导责任” | 否 |" in told
    assert "| 2 | 人与处理 | 贺平 党内警告 | 贺平 诫勉 |" in told
    assert "两人都标注了字段的案件 2 起" in told


def test_a_broken_line_is_named_and_the_others_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path / "a.jsonl", [row("1"), row("2", no_such_label=CHIEF)])
    second = write(tmp_path / "b.jsonl", [row("1")])
    assert main(["agreement", first, second, "-o", str(tmp_path / "out.json")]) == 1
    assert f"{first} 第2行 labels.no_such_label：编码手册里没有标签 no_such_label" in capsys.readouterr().err
    told = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert json.loads(told, parse_constant=pytest.fail)["cases"] == 1


def test_a_no_that_is_written_out_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path / "a.jsonl", [row("1", rushed={"verdict": "no"})])
    second = write(tmp_path / "b.jsonl", [row("1")])
    assert main(["agreement", first, second]) == 0
    assert "不一致之处（0 处）" in capsys.readouterr().out


def test_an_output_in_a_folder_that_is_not_there_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.jsonl", [row("1")])
    assert main(["agreement", path, path, "-o", str(tmp_path / "no" / "out.md")]) == 2
    assert "没有文件夹" in capsys.readouterr().err


def test_an_output_of_unknown_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", [row("1")])
    assert main(["agreement", path, path, "-o", str(tmp_path / "out.docx")]) == 2
    assert "请写成 .md 或 .json" in capsys.readouterr().err
