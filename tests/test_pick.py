"""Picking cases to annotate: the least certain first, none like another, each with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from nlp.cli import main
from nlp.codebook import load_codebook
from nlp.pick import PickError, cases_of, choose, distances, pick, vectors
from nlp.types import Notice

TEXTS = (
    "县纪委给予东塘镇副镇长周安党内警告处分，决定当晚作出，未作调查。",
    "县纪委给予东塘镇副镇长周安党内警告处分，决定当晚作出，未作调查核实。",
    "西河乡党委书记贺平对水库除险工程失管失察，受到党内严重警告处分，工程已完成整改。",
    "因季度排名末位，丰田乡乡长罗敏被诫勉谈话。",
)


def notices() -> list[Notice]:
    return [Notice(str(n), text) for n, text in enumerate(TEXTS)]


@pytest.mark.parametrize(
    ("probability", "threshold", "distance"),
    [(0.5, 0.5, 0.0), (0.3, 0.3, 0.0), (0.75, 0.5, np.log(3)), (0.25, 0.5, np.log(3)), (0.0, 0.5, np.log(9999))],
)
def test_uncertainty_is_nearness_to_the_threshold_on_the_logit_scale(
    probability: float, threshold: float, distance: float
) -> None:
    assert distances(np.array([[probability]]), np.array([threshold]))[0, 0] == pytest.approx(distance)


def test_the_labels_nearest_to_their_thresholds_make_a_case_uncertain() -> None:
    far = np.array([[0.0, 9.0, 9.0], [2.0, 2.0, 9.0], [3.0, 3.0, 3.0]])
    unlike = sparse.identity(3, format="csr")
    assert choose(far, unlike, 1, labels=1)[0][0] == 0
    assert choose(far, unlike, 1, labels=2)[0][0] == 1
    assert choose(far, unlike, 1, labels=3)[0][0] == 2


def test_the_second_choice_is_the_case_least_like_the_first() -> None:
    far = np.array([[0.1], [0.2], [0.3], [0.4]])
    unit = sparse.csr_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]))
    assert choose(far, unit, 4) == [(0, None), (3, 0.0), (2, pytest.approx(0.8)), (1, pytest.approx(1.0))]


def test_a_case_the_model_is_sure_of_is_not_taken_for_its_unlikeness_alone() -> None:
    far = np.array([[0.1], [0.2], [9.0]])
    unit = sparse.csr_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert [row for row, _ in choose(far, unit, 1, pool=2)] == [0]
    assert [row for row, _ in choose(far, unit, 2, pool=1)] == [0, 1]


def test_no_case_is_picked_twice_and_no_more_than_there_are() -> None:
    rows = [row for row, _ in choose(np.zeros((3, 1)), vectors(["甲乙丙"] * 3), 10)]
    assert sorted(rows) == [0, 1, 2]


def test_each_pick_tells_its_labels_and_why() -> None:
    picked = pick(list(cases_of(notices())), 3)
    assert len(picked) == 3
    assert {one.text for one in picked} != set(TEXTS[:2])  # two nearly alike are not both taken before the others
    assert "所有案件中最没有把握的一起" in picked[0].why
    assert "与前面选出的案件最多相似" in picked[1].why
    assert set(picked[0].scores) == set(load_codebook().labels)


def test_the_rules_give_no_probability_to_be_unsure_of() -> None:
    with pytest.raises(PickError, match="规则不给概率"):
        pick(list(cases_of(notices())), 1, model="rules")


def test_rows_are_written_for_annotation(tmp_path: Path) -> None:
    given, out = tmp_path / "未标注.jsonl", tmp_path / "待标注.jsonl"
    rows = [{"id": one.id, "text": one.text} for one in notices()]
    given.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert main(["pick", str(given), "-n", "2", "-o", str(out)]) == 0
    written = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [list(row) for row in written] == [["id", "text", "why", "scores"]] * 2
    assert {row["text"] for row in written} <= set(TEXTS)
    assert main(["pick", str(given), "-n", "2", "-o", str(out)]) == 2  # not overwritten unasked


def test_input_without_a_case_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "天气.txt"
    text.write_text("今天晴，气温十八度。", encoding="utf-8")
    assert main(["pick", str(text), "-o", "-"]) == 2
    assert "没有可挑选的案件" in capsys.readouterr().err
