"""One contract for every backend: whatever fits the seam behaves like this."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlp.classify import BACKENDS, ModelNotAvailable, load_backend
from nlp.classify.base import Classifier
from nlp.codebook import load_codebook

PLAIN = "丰田乡财政所会计水淼违规报销差旅费2100元，受到政务警告处分。"
TELLING = "督导组反馈：该局对断头路问题一问了之，以问责代替整改。"
TEXTS = [PLAIN, TELLING, "", "  \n", "。；", "abc ABC 123", TELLING * 3]


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Classifier:
    return load_backend(request.param)


def test_labels_are_the_codebooks(backend: Classifier) -> None:
    assert backend.labels == load_codebook().labels


def test_no_text_gives_no_row(backend: Classifier) -> None:
    assert backend.score([]).values.shape == (0, len(backend.labels))


def test_scores_are_probabilities_in_the_order_of_the_labels(backend: Classifier) -> None:
    scores = backend.score(TEXTS)
    assert scores.labels == backend.labels
    assert scores.values.shape == (len(TEXTS), len(backend.labels))
    assert ((scores.values >= 0) & (scores.values <= 1)).all()


def test_a_text_scores_alone_as_in_a_batch(backend: Classifier) -> None:
    alone = np.vstack([backend.score([text]).values for text in TEXTS])
    np.testing.assert_allclose(backend.score(TEXTS).values, alone)


def test_saved_and_loaded_it_scores_the_same(backend: Classifier, tmp_path: Path) -> None:
    backend.save(tmp_path / "model")
    again = type(backend).load(tmp_path / "model")
    np.testing.assert_array_equal(again.score(TEXTS).values, backend.score(TEXTS).values)


def test_evidence_at_the_far_end_of_a_long_text_moves_the_score(backend: Classifier) -> None:
    column = backend.labels.index("punish_and_forget")
    filler = "会议传达了上级文件精神，研究了下一步工作安排。" * 400
    without, with_it = backend.score([filler, filler + TELLING]).values[:, column]
    assert with_it > without


def test_explanations_point_into_the_text(backend: Classifier) -> None:
    spans = backend.explain("  \n" + TELLING, "punish_and_forget")
    assert spans
    assert any("一问了之" in ("  \n" + TELLING)[span.start : span.end] for span in spans)


def test_a_label_without_a_case_neither_crashes_nor_vanishes(backend: Classifier) -> None:
    assert backend.explain(PLAIN, "rushed") == ()
    assert "rushed" in backend.score([PLAIN]).labels


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(ModelNotAvailable, match=r"没有名为.*rules"):
        load_backend("gpt")


def test_rules_saved_with_another_codebook_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('{"codebook": "0000000000000000"}', encoding="utf-8")
    with pytest.raises(ValueError, match="编码手册指纹"):
        load_backend("rules", tmp_path)
