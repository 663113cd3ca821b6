"""The TF-IDF model: what it reads, that it is learnt the same every time, where it points, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gold_files import write_cases

from nlp.batch import BatchError, score
from nlp.classify import ModelNotAvailable, load_backend, load_model, shipped
from nlp.classify.clauses import clauses
from nlp.classify.tfidf import Reads, TfidfClassifier, fields, places
from nlp.classify.tokens import field_tokens
from nlp.cli import main
from nlp.codebook import load_codebook
from nlp.evaluate import evaluate
from nlp.gold import GoldCase, Judgement
from nlp.pipeline import analyze
from nlp.train.calibration import platt
from nlp.train.card import write_model
from nlp.train.figures import average_precision, calibration_error
from nlp.train.tfidf import STEPS, Settings, corpus, fit, out_of_fold, train
from nlp.train.thresholds import CAP, choose
from nlp.train.trained import Trained, TrainingError
from nlp.types import Extraction, Sanction, Subject

LABELS = load_codebook().labels
RUSHED, BLAMED = "当晚即宣布处理决定，未作调查", "一问了之，未提任何整改要求"
SOUND = "经调查核实，其未按规定巡查"
PLACES = ("东塘镇", "西河乡", "南岭县", "北桥区", "丰田乡", "石浦镇")


def judged(n: int, split: Any) -> GoldCase:
    """A case of a tiny gold: by turns rushed, blamed and left at that, and sound."""
    said, label = ((RUSHED, "rushed"), (BLAMED, "punish_and_forget"), (SOUND, ""))[n % 3]
    place = PLACES[n % len(PLACES)]
    text = f"{place}第{n}号水闸漏水。县纪委给予{place}副镇长周安党内警告处分；{said}。"
    labels = {label: Judgement("yes", "inferred", said)} if label else {}
    return GoldCase(f"{split}-{n}", split, f"pass{n % 4}", "", "", text, labels, (), None, "")


def tiny() -> list[GoldCase]:
    return [*(judged(n, "train") for n in range(48)), *(judged(n, "dev") for n in range(12))]


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(tiny(), steps=STEPS[3:4])


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Path:
    write_model(trained, tmp_path / "model", "wenze train tfidf gold -o model --seed 0")
    return tmp_path / "model"


# ------------------------------------------------------------ what is read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("。；\n。", []),
        ("甲。乙；丙", ["甲。", "乙；", "丙"]),
        ("  \n 甲，乙。 \n丙 ", ["甲，乙。", "丙"]),
    ],
)
def test_a_clause_ends_with_a_stop_or_the_line(text: str, expected: list[str]) -> None:
    assert [text[span.start : span.end] for span in clauses(text)] == expected


def test_no_gram_crosses_a_clause_and_all_digits_are_alike() -> None:
    grams = {gram for place in places("罚3元；记5次", Reads(2, 0)) for gram in place.grams}
    assert grams == {"c罚", "c0", "c元", "c罚0", "c0元", "c记", "c次", "c记0", "c0次"}


def test_fields_become_tokens_of_the_codebooks_names() -> None:
    warning = Sanction("warning", "党内警告", "党纪", 1.0, "decided", 0, 4)
    deputy = Subject(
        "person", "周安", None, "副镇长", False, None, "deputy", "乡科级副职", True, None, (warning,), 0, 2
    )
    tokens = field_tokens(Extraction(subjects=(deputy,), mentioned=(replace(deputy, post_role="chief", sanctions=()),)))
    assert {"ROLE_deputy", "SANCTION_党内警告", "ONLY_deputy_punished", "SPARED_chief", "SUBJECTS_1"} <= set(tokens)


def test_fields_are_read_off_the_text_itself() -> None:
    assert fields("县纪委给予东塘镇副镇长周安党内警告处分。")["fSANCTION_党内警告"] == 1


# ------------------------------------------------------------ what is learnt


def test_what_distinguishes_the_cases_is_learnt(trained: Trained) -> None:
    texts = [f"河口镇水闸漏水。{said}。" for said in (RUSHED, BLAMED, SOUND)]
    values = trained.model.score(texts).values
    told = values[:, [LABELS.index("rushed"), LABELS.index("punish_and_forget")]].argmax(axis=0)
    assert list(told) == [0, 1]


def test_a_label_without_a_case_stays_at_its_base_rate_and_explains_nothing(trained: Trained) -> None:
    column = LABELS.index("overreach")
    values = trained.model.score([case.text for case in tiny()]).values[:, column]
    assert values == pytest.approx(1 / (48 + 2))
    assert trained.model.explain(tiny()[0].text, "overreach") == ()


def test_the_clause_that_speaks_for_a_label_is_shown(trained: Trained) -> None:
    text = f"河口镇水闸漏水。县纪委给予副镇长周安党内警告处分；{RUSHED}。"
    assert [text[span.start : span.end] for span in trained.model.explain(text, "rushed")] == [RUSHED + "。"]


def test_the_same_seed_learns_the_same_model(trained: Trained, folder: Path, tmp_path: Path) -> None:
    write_model(train(tiny(), steps=STEPS[3:4]), tmp_path / "again", "wenze train tfidf gold -o model --seed 0")
    assert contents(folder) == contents(tmp_path / "again")


def contents(folder: Path) -> dict[str, str | bytes]:
    """The files of a model, but for how long its training took."""
    return {
        path.name: re.sub(r'"seconds": [\d.]+', "", path.read_text("utf-8"))
        if path.suffix == ".json"
        else path.read_bytes()
        for path in folder.iterdir()
    }


def test_a_case_the_gold_leaves_unsure_is_left_out_of_the_label() -> None:
    cases = [judged(n, "train") for n in range(12)]
    doubt = Judgement("unsure", "inferred", SOUND)
    doubted = [replace(one, labels={"rushed": doubt}) if not one.labels else one for one in cases]
    without = [one for one in cases if one.labels]
    settings = Settings(fields=0.0, least=1)
    known = corpus(doubted)
    fitted = fit(known, settings)
    column = LABELS.index("rushed")
    assert (known.verdicts[:, column] == -1).sum() == len(cases) - len(without)
    gone = {known.features[n] for n, w in zip(fitted.text, fitted.weights[:, column], strict=True) if w}
    assert "c未按规" not in gone


def test_no_author_pass_is_scored_by_a_model_that_has_seen_it() -> None:
    known = corpus([judged(n, "train") for n in range(24)])
    alone = known.groups == "pass0"
    settings = Settings(fields=0.0)
    expected = fit(known.at(np.flatnonzero(~alone)), settings).margins(known.counts[np.flatnonzero(alone)])
    np.testing.assert_allclose(out_of_fold(known, settings)[alone], expected)


def test_strong_margins_become_likely_and_weak_ones_unlikely() -> None:
    margins = np.linspace(-1, 1, 40)[:, None]
    slope, offset = platt(margins, (margins > 0).astype(int))
    low, high = 1 / (1 + np.exp(-(slope * np.array([-1.0, 1.0]) + offset)))
    assert (low, high) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.1))


# ------------------------------------------------------------ thresholds and figures


def test_thresholds_keep_sound_cases_under_the_cap_that_the_rules_have_used_up_in_part() -> None:
    rng = np.random.default_rng(0)
    verdicts = np.zeros((300, 4), dtype=int)
    verdicts[:100] = rng.random((100, 4)) < 0.3
    values = 1 / (1 + np.exp(-(rng.normal(size=(300, 4)) + 2.5 * verdicts - 2)))
    sound = np.arange(300) >= 100
    alarmed = np.arange(300) >= 300 - 8
    unsure, yes = choose(values, verdicts, sound, alarmed)
    assert ((values >= yes).any(axis=1) | alarmed)[sound].mean() <= CAP
    assert (unsure <= yes).all()
    assert (values[:100] >= yes)[verdicts[:100] == 1].mean() > 0.4


def test_a_label_without_a_case_in_dev_takes_the_common_threshold() -> None:
    verdicts = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]])
    values = np.array([[0.9, 0.1, 0.1], [0.8, 0.2, 0.1], [0.1, 0.3, 0.1], [0.1, 0.1, 0.1]])
    _, yes = choose(values, verdicts, verdicts.sum(axis=1) == 0, np.zeros(4, dtype=bool))
    assert sorted(yes)[1] == yes[2]


@pytest.mark.parametrize(
    ("verdicts", "scores", "expected"),
    [
        ([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], 1.0),
        ([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6], 0.5),
        ([1, 0], [0.5, 0.5], 0.5),  # a tie is not won by its order
        ([1, -1, 0], [0.5, 0.9, 0.1], 1.0),  # where the gold hesitates nothing counts
        ([0, 0], [0.5, 0.9], None),
    ],
)
def test_average_precision(verdicts: list[int], scores: list[float], expected: float | None) -> None:
    found = average_precision(np.array(verdicts), np.array(scores))
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


def test_probabilities_that_come_true_as_often_as_they_say_are_calibrated() -> None:
    assert calibration_error(np.array([[1], [0], [1], [0]]), np.full((4, 1), 0.5)) == pytest.approx(0.0)
    assert calibration_error(np.array([[0], [0]]), np.full((2, 1), 0.9)) == pytest.approx(0.9)


# ------------------------------------------------------------ on disk


def test_the_folder_holds_no_pickle_and_every_part_of_a_model(folder: Path) -> None:
    names = {"labels.json", "settings.json", "vocabulary.json", "weights.npz", "thresholds.json", "metrics.json"}
    assert {path.name for path in folder.iterdir()} == {*names, "MODEL_CARD.md"}
    with np.load(folder / "weights.npz", allow_pickle=False) as numbers:
        assert not any(numbers[name].dtype.hasobject for name in numbers.files)


def test_the_card_tells_every_label_its_thresholds_and_what_it_must_not_be_used_for(folder: Path) -> None:
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert [label for label in LABELS if f"`{label}`" not in card] == []
    for told in ("wenze train tfidf gold -o model --seed 0", "## 不得用于", "## 局限", "只用字段", "ECE", "PR-AUC"):
        assert told in card
    assert "nan" not in card


def edited(path: Path, change: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")


def test_a_model_of_other_labels_is_refused(folder: Path) -> None:
    edited(folder / "labels.json", {"labels": [*LABELS[1:], "no_such_issue"]})
    with pytest.raises(ModelNotAvailable, match=r"标签与编码手册不一致.*no_such_issue.*重新训练"):
        load_model(str(folder))


def test_a_model_whose_labels_stand_in_another_order_is_refused(folder: Path) -> None:
    edited(folder / "labels.json", {"labels": list(reversed(LABELS))})
    with pytest.raises(ModelNotAvailable, match="次序不同"):
        TfidfClassifier.load(folder)


def test_a_model_older_than_the_definitions_works_with_a_caution_on_every_case(folder: Path) -> None:
    edited(folder / "labels.json", {"definitions": "0000", "codebook": "1111"})
    (analysis,) = analyze(tiny()[0].text, model=str(folder))
    (caution,) = [one for one in analysis.cautions if one.code == "model_older_than_codebook"]
    assert "1111" in caution.message


@pytest.mark.parametrize("name", ["settings.json", "vocabulary.json", "weights.npz", "thresholds.json"])
def test_a_model_that_lacks_a_part_names_it(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelNotAvailable, match=f"不完整：缺少 {name}"):
        load_model(str(folder))


@pytest.mark.parametrize("name", ["labels.json", "vocabulary.json", "weights.npz"])
def test_a_damaged_part_is_refused_by_its_name(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04K*.")
    with pytest.raises(ModelNotAvailable, match=f"{name} 已损坏"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", "[]"),
        ("settings.json", '{"characters": 3}'),
        ("thresholds.json", '{"rushed": 0.5}'),
        ("thresholds.json", '{"rushed": {"unsure": 0.2, "yes": 0.5}}'),
    ],
)
def test_a_part_of_another_form_is_refused_by_its_name(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(ModelNotAvailable, match=name):
        load_model(str(folder))


def test_a_vocabulary_of_another_model_is_refused(folder: Path) -> None:
    (folder / "vocabulary.json").write_text('["c甲"]', encoding="utf-8")
    with pytest.raises(ModelNotAvailable, match="对不上"):
        load_model(str(folder))


def test_the_mark_of_a_model_is_of_its_content_and_not_of_its_card(folder: Path, tmp_path: Path) -> None:
    marks = {load_model(str(folder)).mark}
    for name, part in (("card", "MODEL_CARD.md"), ("bands", "thresholds.json")):
        copy = tmp_path / name
        copy.mkdir()
        for path in folder.iterdir():
            (copy / path.name).write_bytes(path.read_bytes() + (b"\n" if path.name == part else b""))
        marks.add(load_model(str(copy)).mark)
    assert len(marks) == 2


# ------------------------------------------------------------ trained from the command line, and used


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    for split in ("train", "dev"):
        write_cases(tmp_path / f"{split}.jsonl", [case for case in tiny() if case.split == split])
    return tmp_path


def test_a_model_is_trained_and_scored_with_from_the_command_line(gold: Path, tmp_path: Path) -> None:
    model, text, out = tmp_path / "own", tmp_path / "通报.txt", tmp_path / "out.jsonl"
    assert main(["train", "tfidf", str(gold), "-o", str(model)]) == 0
    text.write_text(f"县纪委给予东塘镇副镇长周安党内警告处分；{RUSHED}。", encoding="utf-8")
    assert main(["score", str(text), "-o", str(out), "--model", str(model)]) == 0
    record = json.loads(out.read_text(encoding="utf-8"))
    claims = [finding for finding in record["findings"] if finding["by"] == "tfidf"]
    assert [(one["basis"], one["evidence"][0]["text"]) for one in claims if one["issue"] == "rushed"] in (
        [("statistical", RUSHED + "。")],
        [],  # a rule has already said so
    )
    assert any(finding["issue"] == "rushed" for finding in record["findings"])
    assert record["made_by"]["model"] == load_model(str(model)).mark


@pytest.mark.parametrize(("missing", "told"), [("dev.jsonl", "没有"), ("train.jsonl", "没有")])
def test_a_gold_without_train_or_dev_is_refused(
    gold: Path, tmp_path: Path, missing: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (gold / missing).unlink()
    assert main(["train", "tfidf", str(gold), "-o", str(tmp_path / "own")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert missing in line


def test_a_model_is_not_overwritten_unasked(gold: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "tfidf", str(gold), "-o", str(folder)]) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        ([judged(n, "train") for n in range(12)], "dev"),
        ([replace(one, author_pass="x") for one in tiny()], "两个撰写批次"),
        ([replace(one, labels={}) for one in tiny()], "无从学起"),
    ],
)
def test_gold_that_cannot_teach_is_refused(cases: list[GoldCase], told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        train(cases)


def table(path: Path) -> Path:
    rows = [{"id": case.id, "text": case.text} for case in tiny()[:8]]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_workers_score_with_the_model_as_one_process_does(folder: Path, tmp_path: Path) -> None:
    rows, one, two = table(tmp_path / "rows.jsonl"), tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    score([str(rows)], one, model=str(folder))
    score([str(rows)], two, model=str(folder), workers=2)
    assert one.read_bytes() == two.read_bytes()
    assert b'"by": "tfidf"' in one.read_bytes()


def test_a_run_names_its_model_and_does_not_go_on_with_another(folder: Path, tmp_path: Path) -> None:
    rows, out = table(tmp_path / "rows.jsonl"), tmp_path / "out.jsonl"
    score([str(rows)], out, model=str(folder))
    told = json.loads((tmp_path / "out.jsonl.run.json").read_text(encoding="utf-8"))
    assert told["model"] == load_model(str(folder)).mark
    first = out.read_text(encoding="utf-8").splitlines()[0]
    head = {key: told[key] for key in ("code", "codebook", "model", "schema", "format", "columns", "masked", "input")}
    record = {"rows": [json.loads(first)], "notes": []}
    part = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, record))
    out.rename(tmp_path / "whole.jsonl")
    (tmp_path / "out.jsonl.part").write_text(part, encoding="utf-8")
    with pytest.raises(BatchError, match="模型变了"):
        score([str(rows)], out, resume=True)
    score([str(rows)], out, model=str(folder), resume=True)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_evaluation_counts_what_the_model_adds(folder: Path) -> None:
    cases = [case for case in tiny() if case.split == "dev"]
    ruled, both = evaluate(cases), evaluate(cases, model=str(folder))
    assert both.labels["punish_and_forget"].right == 4
    assert both.labels["all"].right >= ruled.labels["all"].right


# ------------------------------------------------------------ the model that ships


def test_the_shipped_model_is_small_and_of_this_codebook() -> None:
    assert sum(path.stat().st_size for path in shipped("tfidf").iterdir()) < 8 * 1024 * 1024
    assert load_model("tfidf").cautions == ()
    assert set(load_model("tfidf").thresholds) == set(LABELS)


def test_scoring_needs_neither_scikit_learn_nor_scipy() -> None:
    import subprocess
    import sys

    code = "import sys; from nlp import analyze; analyze('县纪委给予周安党内警告处分。', model='tfidf')"
    code += "; print([name for name in ('sklearn', 'scipy', 'torch') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_shipped_model_is_loaded_by_its_name() -> None:
    assert isinstance(load_backend("tfidf"), TfidfClassifier)


def test_rules_that_alarm_beyond_the_cap_hold_the_model_back() -> None:
    rng = np.random.default_rng(0)
    verdicts = rng.integers(0, 2, (60, 3))
    sound = np.arange(60) < 30
    verdicts[sound] = 0
    alarmed = np.arange(60) < 10  # a third of the sound
    unsure, yes = choose(rng.uniform(0.01, 0.99, (60, 3)), verdicts, sound, alarmed)
    assert yes.min() > 0.9
    assert unsure.min() > 0.9
