"""Two models on the same cases, the worst mistakes, and suspected labels: what is gained, what is wrong, and why."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gold_files import write_cases

from nlp.cli import main
from nlp.codebook import load_codebook
from nlp.compare import compare_told, mcnemar
from nlp.evaluate import Told, f1, macro_f1, micro_f1, paired_bootstrap, tell
from nlp.gold import GoldCase, Judgement
from nlp.mistakes import mistakes_of
from nlp.report import compare as compare_page
from nlp.report import mistakes as mistakes_page
from nlp.report import suspects as suspects_page
from nlp.report.marked import quotation
from nlp.suspects import SuspectsError, label_errors, suspects
from nlp.train.tfidf import Settings
from nlp.types import Evidence

LABELS = load_codebook().labels
TEXT = "东塘镇副镇长周安因水闸漏水受到党内警告处分，决定当晚作出，未作调查。"


def judged(case: str, **verdicts: Any) -> GoldCase:
    labels = {label: Judgement(verdict, "inferred", "决定当晚作出") for label, verdict in verdicts.items()}
    return GoldCase(case, "dev", "x", "", "", TEXT, labels, (), None, "")


def told(scores: Mapping[str, float] | None = None, **verdicts: Any) -> Told:
    place = TEXT.index("未作调查")
    evidence = {label: (Evidence(place, place + 4, "未作调查"),) for label in verdicts}
    known = {**dict.fromkeys(LABELS, 0.0), **(scores or {})}
    return Told(verdicts, known, evidence, dict.fromkeys(verdicts, "tfidf"))


# ------------------------------------------------------------ paired bootstrap and F1 of tables


def test_a_model_against_itself_differs_by_nothing() -> None:
    counts = np.random.default_rng(0).integers(0, 3, (40, 3))
    found = paired_bootstrap(counts, counts, f1)
    assert (found.difference.value, found.difference.low, found.difference.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_what_is_better_on_every_case_is_better_beyond_chance() -> None:
    worse, better = np.tile([1, 1, 1], (60, 1)), np.tile([2, 0, 0], (60, 1))
    found = paired_bootstrap(worse, better, f1)
    assert found.difference.value == pytest.approx(0.5)
    assert found.p < 0.01
    assert paired_bootstrap(better, worse, f1).difference.value == pytest.approx(-0.5)


def test_pairing_sees_a_difference_that_two_intervals_hide() -> None:
    """Hard cases are hard for both; within each case the second model is a little better."""
    rng = np.random.default_rng(1)
    missed = rng.integers(0, 12, 80)
    first = np.column_stack([np.full(80, 4), np.zeros(80, dtype=int), missed + 1])
    second = np.column_stack([np.full(80, 4), np.zeros(80, dtype=int), missed])
    found = paired_bootstrap(first, second, f1)
    assert found.difference.low > 0
    assert found.p < 0.01


def test_a_difference_that_is_not_defined_has_no_p() -> None:
    nothing = np.zeros((5, 3))
    assert math.isnan(paired_bootstrap(nothing, nothing, f1).p)


def test_micro_sums_over_labels_and_macro_takes_the_mean_of_the_defined() -> None:
    sums = np.array([[2.0, 0, 0, 0, 1, 1, 0, 0, 0]])  # right; wrong; never claimed
    assert micro_f1(sums)[0] == pytest.approx(2 * 2 / (2 * 2 + 2))
    assert macro_f1(sums)[0] == pytest.approx((1 + 0) / 2)
    assert np.isnan(macro_f1(np.zeros((1, 6)))[0])


@pytest.mark.parametrize(("gained", "lost", "p"), [(0, 0, 1.0), (5, 5, 1.0), (6, 0, 2 / 64), (1, 3, 10 / 16)])
def test_mcnemar_is_the_exact_sign_test(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)
    assert mcnemar(lost, gained) == pytest.approx(p)


# ------------------------------------------------------------ gains and losses


@pytest.mark.parametrize(
    ("gold", "first", "second", "gain"),
    [
        ("yes", None, "yes", True),
        ("yes", "unsure", "yes", True),  # to hesitate is not to claim
        ("yes", "yes", "unsure", False),
        (None, "yes", None, True),
        (None, "unsure", "yes", False),
        (None, None, "unsure", None),  # nor is it an alarm
        ("yes", "yes", "yes", None),
        ("unsure", None, "yes", None),  # where the gold hesitates nothing is gained or lost
    ],
)
def test_a_gain_is_a_label_that_only_the_second_judges_rightly(
    gold: Any, first: Any, second: Any, gain: bool | None
) -> None:
    case = judged("1", **({"rushed": gold} if gold else {}))
    one, other = (told(**({"rushed": said} if said else {})) for said in (first, second))
    found = compare_told([case], ("甲", [one]), ("乙", [other]))
    assert [(change.label, change.gain) for change in found.changes] == ([] if gain is None else [("rushed", gain)])


def test_figures_of_both_stand_beside_their_difference() -> None:
    cases = [judged("1", rushed="yes"), judged("2"), judged("3", rushed="unsure")]
    silent, eager = [told()] * 3, [told(rushed="yes")] * 3
    found = compare_told(cases, ("静", silent), ("急", eager))
    assert (found.first.micro.missed, found.second.micro.right, found.second.micro.extra) == (1, 1, 1)
    assert (found.sound, found.first.alarmed, found.second.alarmed) == (1, 0, 1)
    assert found.micro.difference.value == pytest.approx(2 / 3)
    assert found.labels_changed == {"rushed": (1, 1)}


def test_the_page_shows_the_whole_text_with_the_evidence_of_gold_and_model() -> None:
    found = compare_told([judged("1", rushed="yes")], ("甲", [told()]), ("乙", [told(rushed="yes")]))
    page = compare_page.markdown(found, errors=1)
    assert "> 东塘镇副镇长周安因水闸漏水受到党内警告处分，⟦决定当晚作出⟧，⟪未作调查⟫。" in page
    assert "## 乙之所得（共 1 处，列出 1 处）" in page
    assert "乙之所失" not in page
    assert "⟦" not in compare_page.markdown(found, errors=0)


@pytest.mark.parametrize(
    ("text", "gold", "model", "line"),
    [
        ("甲乙丙", "", (), "> 甲乙丙"),
        ("甲乙丙", "甲乙", (Evidence(1, 3, "乙丙"),), "> ⟦甲⟪乙⟧丙⟫"),
        ("甲乙丙", "乙", (Evidence(0, 3, "甲乙丙"),), "> ⟪甲⟦乙⟧丙⟫"),
        ("甲*乙*", "", (), r"> 甲\*乙\*"),  # the text is not markup
        ("甲\n\n乙", "", (), "> 甲\n>\n> 乙"),
    ],
)
def test_a_quotation_marks_the_evidence_and_is_the_text(
    text: str, gold: str, model: tuple[Evidence, ...], line: str
) -> None:
    assert "\n".join(quotation(text, gold, model)) == line


# ------------------------------------------------------------ mistakes


def test_the_surer_the_mistake_the_farther_its_distance() -> None:
    thresholds = dict.fromkeys(LABELS, 0.5)
    alarm = next(mistakes_of(judged("1"), told({"rushed": 0.9}, rushed="yes"), thresholds))
    louder = next(mistakes_of(judged("1"), told({"rushed": 0.99}, rushed="yes"), thresholds))
    assert 0 < alarm.distance < louder.distance
    missed = next(mistakes_of(judged("1", rushed="yes"), told({"rushed": 0.3}), thresholds))
    deafer = next(mistakes_of(judged("1", rushed="yes"), told({"rushed": 0.0}), thresholds))
    assert 0 < missed.distance < deafer.distance < math.inf


@pytest.mark.parametrize(("gold", "said"), [("yes", "yes"), ("unsure", "yes"), ("unsure", None), (None, "unsure")])
def test_what_is_right_or_doubtful_in_the_gold_is_no_mistake(gold: Any, said: Any) -> None:
    case = judged("1", **({"rushed": gold} if gold else {}))
    assert list(mistakes_of(case, told(**({"rushed": said} if said else {})), {"rushed": 0.5})) == []


def test_the_page_of_mistakes_tells_verdicts_probability_and_text() -> None:
    found = list(mistakes_of(judged("1", rushed="yes"), told({"rushed": 0.2}), {"rushed": 0.5}))
    page = mistakes_page.markdown(found, cases=1, model="tfidf", top=1)
    assert "## 1. 漏判：快查严办（`rushed`），案件 1" in page
    assert "* 金标准：是，事实推断：“决定当晚作出”" in page
    assert "* wenze：否，概率 0.200，阈值 0.500" in page
    assert "⟦决定当晚作出⟧" in page


# ------------------------------------------------------------ suspects


def test_a_label_against_all_that_is_known_is_suspected() -> None:
    pytest.importorskip("cleanlab", reason="cleanlab is of the extra train")
    rng = np.random.default_rng(0)
    truth = (rng.random((200, 2)) < 0.3).astype(int)
    probabilities = np.clip(truth * 0.8 + 0.1 + rng.normal(0, 0.03, truth.shape), 0.01, 0.99)
    given = truth.copy()
    given[7, 0], given[9, 1] = 1 - truth[7, 0], -1
    probabilities[9, 1] = 0.99
    wrong, quality = label_errors(given, probabilities)
    assert wrong[7, 0]
    assert not wrong[9, 1]  # what the gold leaves unsure cannot be wrong
    assert np.isnan(quality[9, 1])
    assert quality[:, 0].argmin() == 7


def test_a_label_that_nobody_has_is_never_suspected() -> None:
    pytest.importorskip("cleanlab", reason="cleanlab is of the extra train")
    wrong, _ = label_errors(np.zeros((5, 1), dtype=int), np.full((5, 1), 0.9))
    assert not wrong.any()


def test_a_case_judged_against_its_like_is_listed_with_its_text() -> None:
    pytest.importorskip("cleanlab", reason="cleanlab is of the extra train")
    hasty, calm = "当晚即宣布处理决定，未作调查", "经调查核实，其未按规定巡查"
    cases = []
    for n in range(80):
        said = hasty if n % 2 else calm
        text = f"第{n}号水闸漏水。县纪委给予副镇长周安党内警告处分；{said}。"
        labels = {"rushed": Judgement("yes", "inferred", said)} if (n % 2 and n != 41) else {}
        cases.append(GoldCase(str(n), "train", f"pass{n % 4}", "", "", text, labels, (), None, ""))
    found = suspects(cases, settings=Settings(fields=0.0, least=1))
    first = found.found[0]
    assert (first.case, first.label, first.given) == ("41", "rushed", "no")
    assert first.quality == pytest.approx(1 - first.probability)
    page = suspects_page.markdown(found, top=1)
    assert "## 1. 快查严办（`rushed`），案件 41" in page
    assert "* 原标：否" in page
    assert f"> {first.text}" in page


def test_cases_of_one_author_pass_cannot_be_scored_by_a_stranger() -> None:
    pytest.importorskip("cleanlab", reason="cleanlab is of the extra train")
    with pytest.raises(SuspectsError, match="两个撰写批次"):
        suspects([judged("1"), judged("2")])


# ------------------------------------------------------------ the commands


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return write_cases(tmp_path / "dev.jsonl", [judged("1", overreach="yes"), judged("2")])


def test_wenze_is_compared_with_itself(gold: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert main(["compare", "rules", "rules", str(gold), "--split", "dev", "-o", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert (found["cases"], found["changes"], found["mcnemar_p"]) == (2, [], 1.0)


def test_errors_are_written_for_reading(gold: Path, tmp_path: Path) -> None:
    out = tmp_path / "错例.md"
    assert tell(judged("1")).verdicts.get("overreach") != "yes"
    assert main(["errors", str(gold), "--split", "dev", "-o", str(out)]) == 0
    assert "漏判：主体越位（`overreach`），案件 1" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["errors", "suspects"])
def test_a_page_for_reading_is_markdown(command: str, gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(gold), "-o", "a.json"]) == 2
    assert ".md" in capsys.readouterr().err


def test_without_cleanlab_the_extra_is_named(
    gold: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab.multilabel_classification.filter", None)
    assert main(["suspects", str(gold), "--split", "dev"]) == 2
    assert "pip install 'wenze[train]'" in capsys.readouterr().err


def test_an_unknown_model_is_refused_before_any_case_is_read(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "rules", "gpt", str(gold)]) == 2
    assert "gpt" in capsys.readouterr().err
