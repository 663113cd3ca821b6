"""Models side by side: evidence, joint and seeds by hand, and a page that holds every model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gold_files import write_cases

from nlp.cli import main
from nlp.codebook import load_codebook
from nlp.evaluate import Told
from nlp.gold import GoldCase, Judgement
from nlp.quality import Candidate, EvidenceCounts, cost, evidence_counts, quality_told, reliability, size
from nlp.report import quality as page
from nlp.types import Evidence

LABELS = load_codebook().labels
TEXT = "东塘镇副镇长周安未按规定巡查水闸。决定当晚作出，未作调查；此后未见整改。镇党委负责人未被问责。"
CLAUSES = ("东塘镇副镇长周安未按规定巡查水闸。", "决定当晚作出，未作调查；", "此后未见整改。", "镇党委负责人未被问责。")


def judged(case: str, evidence: str = "未作调查", **verdicts: Any) -> GoldCase:
    labels = {label: Judgement(verdict, "inferred", evidence) for label, verdict in verdicts.items()}
    return GoldCase(case, "dev", "x", "", "", TEXT, labels, (), None, "")


def told(*evidence: str, scores: dict[str, float] | None = None, **verdicts: Any) -> Told:
    found = tuple(Evidence(TEXT.index(said), TEXT.index(said) + len(said), said) for said in evidence)
    known = {**dict.fromkeys(LABELS, 0.0), **(scores or {})}
    return Told(verdicts, known, dict.fromkeys(verdicts, found), dict.fromkeys(verdicts, "tfidf"))


RULES = Candidate("rules", ("rules",))
OTHER = Candidate("乙|", ("rules",))


# ------------------------------------------------------------ evidence


@pytest.mark.parametrize(
    ("gold", "said", "clauses", "touching", "joint"),
    [
        # gold in one clause, told in the same: right
        ("yes", told(CLAUSES[1], rushed="yes"), (1, 0, 0), (1, 1), (1, 0, 0)),
        # told the right clause and another: one extra, yet it touches
        ("yes", told(CLAUSES[1], CLAUSES[2], rushed="yes"), (1, 1, 0), (1, 1), (1, 0, 0)),
        # the same clause beside the gold's words: the clause is right, the evidence does not touch
        ("yes", told("决定当晚作出", rushed="yes"), (1, 0, 0), (0, 1), (0, 1, 1)),
        # another clause: one extra, one missed, and the claim counts as wrong
        ("yes", told(CLAUSES[2], rushed="yes"), (0, 1, 1), (0, 1), (0, 1, 1)),
        # no evidence at all
        ("yes", told(rushed="yes"), (0, 0, 1), (0, 1), (0, 1, 1)),
        # missed, doubted, alarmed: no true claim, so no evidence to count
        ("yes", told(), (0, 0, 0), (0, 0), (0, 0, 1)),
        ("yes", told(CLAUSES[1], rushed="unsure"), (0, 0, 0), (0, 0), (0, 0, 1)),
        (None, told(CLAUSES[1], rushed="yes"), (0, 0, 0), (0, 0), (0, 1, 0)),
        # an unsure of the gold counts neither way
        ("unsure", told(CLAUSES[1], rushed="yes"), (0, 0, 0), (0, 0), (0, 0, 0)),
    ],
)
def test_the_evidence_of_a_true_claim_is_counted_by_clause(
    gold: Any, said: Told, clauses: tuple[int, int, int], touching: tuple[int, int], joint: tuple[int, int, int]
) -> None:
    case = judged("1", **({"rushed": gold} if gold else {}))
    assert evidence_counts(case, said) == EvidenceCounts(clauses, touching, joint)


def test_gold_evidence_over_two_clauses_asks_for_both() -> None:
    case = judged("1", evidence="未作调查；此后未见整改", rushed="yes")
    assert evidence_counts(case, told(CLAUSES[2], rushed="yes")).clauses == (1, 0, 1)


def test_figures_by_hand() -> None:
    """Four cases: right with its evidence, right with wrong evidence, missed, and an alarm on a sound case."""
    cases = [*(judged(str(n), rushed="yes") for n in range(3)), judged("3")]
    said = [told(CLAUSES[1], rushed="yes"), told(CLAUSES[2], rushed="yes"), told(), told(CLAUSES[1], rushed="yes")]
    fare = quality_told(cases, [(RULES, [said])]).models[0]
    assert fare.micro.f1.value == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert fare.joint.f1.value == pytest.approx(2 * 1 / (2 * 1 + 2 + 2))
    assert (fare.evidence.precision, fare.evidence.recall, fare.evidence.f1.value) == (0.5, 0.5, 0.5)
    assert (fare.touching.count, fare.touching.of, fare.touching.share.value) == (1, 2, 0.5)
    assert (fare.alarmed.count, fare.alarmed.of) == (1, 1)


def test_a_doubt_about_a_sound_case_is_a_mention_and_no_alarm() -> None:
    cases = [judged("1"), judged("2"), judged("3", rushed="unsure")]
    fare = quality_told(cases, [(RULES, [[told(rushed="unsure"), told(), told(rushed="yes")]])]).models[0]
    assert (fare.alarmed.count, fare.mentioned.count, fare.mentioned.of) == (0, 1, 2)


# ------------------------------------------------------------ probabilities


def test_the_mean_pr_auc_is_that_of_the_labels_and_its_difference_that_of_the_models() -> None:
    cases = [judged(str(n), **({"rushed": "yes"} if n % 2 else {})) for n in range(40)]
    good = [told(scores={"rushed": 0.9 if n % 2 else 0.1}) for n in range(40)]
    bad = [told(scores={"rushed": 0.1 if n % 2 else 0.9}) for n in range(40)]
    found = quality_told(cases, [(RULES, [bad]), (OTHER, [good])])
    first, second = found.models
    assert (second.mean_area.value, second.mean_area.low, second.areas["rushed"]) == (1.0, 1.0, 1.0)
    assert (
        first.mean_area.value == pytest.approx(first.areas["rushed"]) == pytest.approx(20 / 40)
    )  # all tie with the last
    assert math.isnan(first.areas["reactive"])
    assert found.pairs[0].area.difference.value == pytest.approx(0.5)
    assert found.pairs[0].area.p < 0.01


def test_a_case_drawn_twice_counts_twice_in_pr_auc() -> None:
    """The weighted area over distinct cases is the plain area over the resample."""
    from nlp.quality import _areas
    from nlp.train.figures import average_precision

    rng = np.random.default_rng(0)
    verdicts, scores = rng.integers(-1, 2, 30), rng.integers(0, 8, 30) / 8
    for _ in range(20):
        rows = rng.integers(0, 30, 30)
        times = np.bincount(rows, minlength=30)[None, :]
        assert _areas(verdicts, scores, times)[0] == pytest.approx(average_precision(verdicts[rows], scores[rows]))


def test_reliability_leaves_out_what_the_gold_is_unsure_of() -> None:
    bins = reliability(np.array([[1, 0], [-1, 1]]), np.array([[0.95, 0.12], [0.99, 1.0]]))
    assert [(one.told, one.true, one.count) for one in bins] == [(0.12, 0.0, 1), (0.975, 1.0, 2)]


# ------------------------------------------------------------ seeds, and between models


def test_seeds_are_told_by_mean_and_deviation_and_the_first_stands_in_the_tables() -> None:
    cases = [judged("1", rushed="yes"), judged("2", rushed="yes"), judged("3")]
    right, half = [told(rushed="yes"), told(rushed="yes"), told()], [told(rushed="yes"), told(), told(rushed="yes")]
    both = Candidate("两个种子", ("rules", "rules"))
    found = quality_told(cases, [(both, [right, half]), (OTHER, [half])])
    fare = found.models[0]
    assert fare.micro.f1.value == 1.0
    assert fare.seeds["micro_f1"].mean == pytest.approx((1 + 0.5) / 2)
    assert fare.seeds["micro_f1"].deviation == pytest.approx(0.5 / math.sqrt(2))
    assert fare.seeds["alarmed"].mean == pytest.approx(0.5)
    assert found.models[1].seeds == {}
    assert found.pairs[0].micro.difference.value == pytest.approx(-0.5)
    assert "| 两个种子 | 2 | 0.750 ± 0.354 |" in page.markdown(found, command="wenze", split="dev")


def test_every_pair_of_models_is_compared_once() -> None:
    cases = [judged("1", rushed="yes")]
    models = [(Candidate(name, ("rules",)), [[told()]]) for name in "甲乙丙"]
    assert [one.first + one.second for one in quality_told(cases, models).pairs] == ["甲乙", "甲丙", "乙丙"]


# ------------------------------------------------------------ cost, page, command


def test_speed_and_memory_are_those_of_another_process() -> None:
    found = cost("rules", [TEXT] * 3)
    assert (found.size, found.timed, found.trained_seconds) == (0, 3, None)
    assert found.cases_a_second > 0
    assert found.memory is None or found.memory > 10_000_000


def test_the_size_is_that_of_the_files_that_scoring_reads() -> None:
    folder = Path(__file__).parent.parent / "models" / "tfidf"
    unread = sum((folder / name).stat().st_size for name in ("MODEL_CARD.md", "metrics.json"))
    assert size("tfidf") == sum(path.stat().st_size for path in folder.iterdir()) - unread


def test_the_page_holds_command_split_marks_and_every_label() -> None:
    cases = [judged("1", rushed="yes"), judged("2")]
    found = quality_told(cases, [(RULES, [[told(), told()]]), (OTHER, [[told(rushed="yes"), told()]])])
    told_page = page.markdown(found, command="wenze benchmark quality 某处", split="dev", figure="图.png")
    assert "wenze benchmark quality 某处\n```" in told_page
    assert "划分：dev；案件 2 起，其中没有问题的 1 起" in told_page
    assert load_codebook().fingerprint in told_page
    assert "* rules：`rules`" in told_page
    assert r"| 指标 | rules | 乙\| |" in told_page
    assert "![模型质量](图.png)" in told_page
    assert all(f"| `{label}` " in told_page for label in LABELS)
    assert "偏乐观" in told_page
    assert "偏乐观" not in page.markdown(found, command="wenze", split="test")
    assert "## 开销" not in told_page  # nothing was measured
    assert "## 种子之间" not in told_page


@pytest.mark.filterwarnings("error")  # a sign the font lacks is a warning
def test_the_figure_needs_no_chinese_font(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is of the extra dev")
    found = quality_told([judged("1", rushed="yes"), judged("2")], [(OTHER, [[told(rushed="yes"), told()]])])
    page.figure(found, tmp_path / "图.png")
    assert (tmp_path / "图.png").stat().st_size > 10_000


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return write_cases(tmp_path / "dev.jsonl", [judged("1", rushed="yes"), judged("2")])


def test_the_command_writes_a_page_of_rules_and_tfidf(gold: Path, tmp_path: Path) -> None:
    out = tmp_path / "质量.md"
    models = ("--model", "rules", "--model", "词频=tfidf,tfidf")
    assert main(["benchmark", "quality", str(gold), *models, "-o", str(out)]) == 0
    written = out.read_text(encoding="utf-8")
    assert "| 指标 | rules | 词频 |" in written
    assert "| 词频 减 rules |" in written
    assert "| 词频 | 2 |" in written
    assert "## 开销" in written
    assert "--split dev --model rules --model 词频=tfidf,tfidf -o" in written.replace("'", "")


@pytest.mark.parametrize(
    ("models", "told_why"),
    [
        (["gpt"], "gpt"),
        (["a="], "写法不对"),
        (["=rules"], "写法不对"),
        (["a=rules,"], "写法不对"),
        (["rules", "rules"], "两个 rules"),
    ],
)
def test_models_that_cannot_be_used_are_refused(
    models: list[str], told_why: str, gold: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for one in models for word in ("--model", one)]
    assert main(["benchmark", "quality", str(gold), *options]) == 2
    assert told_why in capsys.readouterr().err
