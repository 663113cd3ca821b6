"""The ensemble: what its members say together, how it is stacked, and that it knows its members again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from sklearn.model_selection import KFold

from nlp.classify import Model, ModelNotAvailable, load_model, shipped
from nlp.classify.base import Classifier
from nlp.classify.decide import decide
from nlp.classify.ensemble import SETTINGS, EnsembleClassifier
from nlp.codebook import load_codebook
from nlp.gold import load_gold
from nlp.train.calibration import together
from nlp.train.ensemble import out_of_fold, train
from nlp.train.figures import mean_average_precision
from nlp.train.trained import TrainingError
from nlp.types import Scores, Span

LABELS = load_codebook().labels
GOLD = Path(__file__).parent.parent / "data" / "gold" / "dev.jsonl"
TELLING = "督导组反馈：该局对断头路问题一问了之，以问责代替整改。"


def test_two_sayers_that_agree_say_more_than_either() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (300, 4))
    parts = np.stack([truth * 2.0 + rng.normal(0, 2, truth.shape) for _ in range(2)], axis=2)
    weights, offset = together(parts, truth)
    assert (weights > 0).all()
    both = mean_average_precision(truth, parts @ weights + offset)
    assert both > max(mean_average_precision(truth, parts[:, :, n]) for n in range(2)) + 0.02


def test_a_sayer_of_noise_gets_next_to_no_weight() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (300, 4))
    parts = np.stack([truth * 4.0 + rng.normal(0, 2, truth.shape), rng.normal(0, 2, truth.shape)], axis=2)
    weights, _ = together(parts, truth)
    assert abs(weights[1]) < 0.1 * weights[0]


def test_what_the_gold_leaves_unsure_teaches_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (100, 3))
    parts = (truth + rng.normal(0, 1, truth.shape))[:, :, None]
    doubtful, strange = truth.copy(), parts.copy()
    doubtful[:10], strange[:10] = -1, 99.0
    np.testing.assert_allclose(together(strange, doubtful)[0], together(parts[10:], truth[10:])[0], rtol=1e-3)


def test_no_case_is_scored_by_weights_that_have_seen_it() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (60, 4))
    parts = truth[:, :, None] * 2.0 + rng.normal(0, 1, (60, 4, 1))
    [(_, left), *_] = KFold(10, shuffle=True, random_state=0).split(truth)
    lied = truth.copy()
    lied[left] = 1 - lied[left]
    before, after = out_of_fold(parts, truth), out_of_fold(parts, lied)
    np.testing.assert_array_equal(before[left], after[left])
    others = np.setdiff1d(np.arange(60), left)
    assert not np.allclose(before[others], after[others])


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of the rules and TF-IDF alone, on a part of dev."""
    folder = tmp_path_factory.mktemp("models") / "own"
    trained = train(load_gold(GOLD)[:60], [shipped("tfidf")])
    trained.model.save(folder)
    return folder


def test_saved_and_loaded_it_says_the_same(stacked: Path) -> None:
    one = EnsembleClassifier.load(stacked)
    one.save(stacked.parent / "again")
    again = EnsembleClassifier.load(stacked.parent / "again")
    np.testing.assert_array_equal(one.score([TELLING]).values, again.score([TELLING]).values)
    assert [member.name for member in again.members] == ["tfidf"]


def test_its_evidence_is_that_of_rules_and_members(stacked: Path) -> None:
    spans = EnsembleClassifier.load(stacked).explain(TELLING, "punish_and_forget")
    assert any("一问了之" in TELLING[span.start : span.end] for span in spans)


def test_another_member_than_it_was_stacked_with_is_refused(stacked: Path, tmp_path: Path) -> None:
    told = json.loads((stacked / SETTINGS).read_text(encoding="utf-8"))
    told["members"][0]["mark"] = "tfidf+000000000000"
    told["members"][0]["folder"] = str(shipped("tfidf"))
    for path in stacked.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / SETTINGS).write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(ModelNotAvailable, match=r"tfidf\+000000000000.*wenze train ensemble"):
        EnsembleClassifier.load(tmp_path)


@pytest.mark.parametrize("content", ["{}", '{"members": [], "weights": [1.0], "offset": [0.0]}'])
def test_a_damaged_ensemble_says_so(stacked: Path, tmp_path: Path, content: str) -> None:
    for path in stacked.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / SETTINGS).write_text(content, encoding="utf-8")
    with pytest.raises(ModelNotAvailable, match="wenze train"):
        EnsembleClassifier.load(tmp_path)


def test_too_few_cases_are_refused() -> None:
    with pytest.raises(TrainingError, match="dev"):
        train(load_gold(GOLD)[:5], [shipped("tfidf")])


def test_the_shipped_ensemble_has_the_shipped_members() -> None:
    model = load_model("ensemble").classifier
    assert isinstance(model, EnsembleClassifier)
    assert [member.mark for member in model.members] == [load_model(name).mark for name in ("tfidf", "bert")]


# ------------------------------------------------------------ members at odds


def one_minded(name: str, probability: float) -> Model:
    """A model that gives every label the same probability; unsure from 0.2, yes from 0.6."""
    sayer = cast(Classifier, Saying(probability))
    return Model(name, f"{name}+0", sayer, dict.fromkeys(LABELS, (0.2, 0.6)))


class Saying:
    def __init__(self, probability: float) -> None:
        self.probability = probability

    def score(self, texts: list[str]) -> Scores:
        return Scores(LABELS, np.full((len(texts), len(LABELS)), self.probability))

    def explain(self, text: str, label: str) -> tuple[Span, ...]:
        return ()


PLAIN = "丰田乡财政所会计水淼违规报销差旅费2100元，受到政务警告处分。"


@pytest.mark.parametrize(
    ("first", "second", "at_odds"),
    [
        (0.9, 0.1, True),
        (0.1, 0.9, True),
        (0.9, 0.3, False),  # the other doubts too
        (0.9, 0.7, False),
        (0.5, 0.1, False),  # nobody says yes
    ],
)
def test_members_are_at_odds_when_one_says_yes_and_another_does_not_even_doubt(
    first: float, second: float, at_odds: bool
) -> None:
    members = (one_minded("a", first), one_minded("b", second))
    model = EnsembleClassifier(members, (Path("a"), Path("b")), (1.0, 1.0, 1.0), (0.0,) * len(LABELS))
    assert ("rushed" in model.disputed(PLAIN)) is at_odds


def test_where_the_rules_speak_nobody_abstains() -> None:
    members = (one_minded("a", 0.9), one_minded("b", 0.1))
    model = EnsembleClassifier(members, (Path("a"), Path("b")), (1.0, 1.0, 1.0), (0.0,) * len(LABELS))
    assert "punish_and_forget" not in model.disputed(TELLING)


def test_a_disputed_label_is_unsure_at_most() -> None:
    bands = {"rushed": (0.2, 0.6)}
    (settled,) = decide({"rushed": 0.9}, (), thresholds=bands)
    (halted,) = decide({"rushed": 0.9}, (), thresholds=bands, disputed={"rushed"})
    assert (settled.verdict, halted.verdict) == ("yes", "unsure")
