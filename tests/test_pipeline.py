"""One path from a notice to its analyses, whichever way the notice is named, and no doubt lost on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import nlp
from nlp import pipeline
from nlp.classify import Model, ModelNotAvailable
from nlp.codebook import load_codebook
from nlp.pipeline import analyze, analyze_many, analyze_notice, as_notice, fingerprints
from nlp.read import read_notices
from nlp.rows import Row, row, violations
from nlp.types import Caution, Notice, Scores, Span

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "nlp" / "examples"
TEXT = "关于防汛值守失职问责情况的通报\n东塘镇副镇长周安防汛期间擅离职守。经县纪委研究，决定给予周安党内警告处分。"
POEM = "春风又绿江南岸，明月何时照我还。"
HEAVY = ("jieba", "numpy", "sklearn", "pyarrow", "openpyxl", "docx", "pypdf", "opencc", "torch", "onnxruntime")


@pytest.mark.parametrize("named", [TEXT, {"id": "a", "text": TEXT}, Notice("a", TEXT)])
def test_a_notice_may_be_a_text_a_mapping_or_a_notice(named: Notice | str | dict[str, str]) -> None:
    (analysis,) = analyze(named)
    (subject,) = analysis.extraction.subjects
    assert [sanction.name for sanction in subject.sanctions] == ["党内警告"]


def test_a_bare_text_has_the_same_name_every_time() -> None:
    assert as_notice(TEXT).id == as_notice(TEXT).id != as_notice(POEM).id


def test_a_mapping_keeps_what_a_notice_knows_and_drops_the_rest() -> None:
    notice = as_notice({"id": 7, "text": TEXT, "title": "题", "浏览量": 3})
    assert (notice.id, notice.title) == ("7", "题")


@pytest.mark.parametrize("record", [{}, {"id": "a"}, {"text": None}, {"text": 5}])
def test_a_mapping_without_a_text_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="缺少正文"):
        as_notice(record)


def test_the_values_of_a_mapping_may_be_as_a_table_holds_them() -> None:
    record = {"id": float("nan"), "text": TEXT, "title": float("nan"), "published": date(2022, 5, 9), "url": None}
    (analysis,) = analyze(record)
    assert analysis.case.clean.notice.id == as_notice(TEXT).id
    assert [fact.value for fact in analysis.extraction.dates] == ["2022-05-09"]


def test_half_a_surrogate_pair_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match="第 2 字"):
        as_notice("周\ud800安")


def test_a_notice_without_a_case_has_no_analysis_but_keeps_its_caution() -> None:
    reading = analyze_notice(POEM)
    assert reading.analyses == ()
    assert [caution.code for caution in reading.cautions] == ["no_case"]
    assert analyze(POEM) == []


def test_the_cautions_of_every_stage_reach_the_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlp import clean, extract, split

    stages = {"clean": (clean, "clean"), "split": (split, "split"), "extract": (extract, "extract")}
    for name, (module, function) in stages.items():
        before = getattr(module, function)

        def doubting(argument: object, *, before=before, name=name) -> object:  # type: ignore[no-untyped-def]
            told = before(argument)
            return replace(told, cautions=(*told.cautions, Caution(name, name)))

        monkeypatch.setattr(module, function, doubting)
    (analysis,) = analyze(Notice("a", TEXT, cautions=(Caution("read", "read"),)))
    assert {"read", "clean", "split", "extract"} <= {caution.code for caution in analysis.cautions}


def test_many_notices_give_their_cases_in_order_and_one_at_a_time() -> None:
    asked: list[str] = []

    def notices() -> Iterator[Notice]:
        for name in ("a", "b", "c"):
            asked.append(name)
            yield Notice(name, TEXT)

    found = analyze_many(notices())
    assert next(found).case.clean.notice.id == "a"
    assert asked == ["a"]
    assert [analysis.case.clean.notice.id for analysis in found] == ["b", "c"]


def test_every_analysis_names_what_made_it() -> None:
    (analysis,) = analyze(TEXT)
    assert analysis.made_by == fingerprints()
    assert analysis.made_by["code"].startswith(nlp.__version__ + "+")
    assert analysis.made_by["model"] == pipeline.RULES


# ------------------------------------------------------------ with a trained model beside the rules

LEFT_AT_THAT = "督导组反馈：该局对断头路问题一问了之，以问责代替整改，事后未提任何整改要求。" + TEXT


def model_of(monkeypatch: pytest.MonkeyPatch, score: float, *cautions: Caution) -> None:
    """A model named as the shipped one that gives ``rushed`` a score, and points at the first five characters."""

    class Pointing:
        labels = load_codebook().labels

        def score(self, texts: list[str]) -> Scores:
            row = [score if label == "rushed" else 0.0 for label in self.labels]
            return Scores(self.labels, np.array([row for _ in texts]))

        def explain(self, text: str, label: str) -> tuple[Span, ...]:
            return (Span(0, 5),)

    model = Model("tfidf", "tfidf+1", cast(Any, Pointing()), {"rushed": (0.3, 0.6)}, cautions)
    monkeypatch.setattr("nlp.classify.load_model", lambda _: model)
    fingerprints.cache_clear()


@pytest.fixture(autouse=True)
def _forget_models() -> Iterator[None]:
    yield
    fingerprints.cache_clear()


@pytest.mark.parametrize(("score", "verdicts"), [(0.1, []), (0.4, ["unsure"]), (0.7, ["yes"])])
def test_a_model_adds_what_its_thresholds_allow_and_shows_where(
    score: float, verdicts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_of(monkeypatch, score)
    (analysis,) = analyze(TEXT, model="tfidf")
    added = [finding for finding in analysis.findings if finding.by == "tfidf"]
    assert [finding.verdict for finding in added] == verdicts
    assert [(f.basis, [analysis.case.source(Span(e.start, e.end)) for e in f.evidence]) for f in added] == [
        ("statistical", [analysis.case.text[:5]]) for _ in verdicts
    ]
    assert analysis.scores["rushed"] == score


def test_what_the_rules_find_is_found_with_a_model_too() -> None:
    (ruled,), (both,) = analyze(LEFT_AT_THAT), analyze(LEFT_AT_THAT, model="tfidf")
    assert ruled.findings
    assert [finding for finding in both.findings if finding.by == "rules"] == list(ruled.findings)


def test_a_result_names_the_model_and_its_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    doubt = Caution("model_older_than_codebook", "旧")
    model_of(monkeypatch, 0.0, doubt)
    reading = analyze_notice(TEXT, model="tfidf")
    (analysis,) = reading.analyses
    assert analysis.made_by == fingerprints("tfidf")
    assert analysis.made_by["model"] == "tfidf+1"
    assert doubt in analysis.cautions
    assert doubt in reading.cautions


def test_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelNotAvailable, match="没有名为"):
        analyze(TEXT, model="gpt")


@pytest.mark.parametrize("name", [name for name in nlp.__all__ if name != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    assert callable(getattr(nlp, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        nlp.analyse  # noqa: B018


@pytest.mark.parametrize("module", ["nlp", "nlp.pipeline", "nlp.rows", "nlp.batch", "nlp.cli"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------ rows of whole notices


def folders() -> list[Path]:
    return [EXAMPLES, ROOT.parent / "shared" / "real-notices"]


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_every_row_conforms_to_the_schema_and_every_offset_points_at_its_words(folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip(f"没有 {folder.name} 这个文件夹：真实通报不随代码分发")
    texts: dict[str, str] = {}

    def remembered() -> Iterator[Notice]:
        for notice in read_notices([folder], on_error=lambda _: None):
            texts[notice.id] = notice.text
            yield notice

    records = [row(analysis) for analysis in analyze_many(remembered())]
    assert [problem for record in records for problem in violations(record)] == []
    assert [told for record in records for told in misplaced(record, texts[record["notice_id"]])] == []
    assert len(records) > 5


def misplaced(record: Row, text: str) -> Iterator[str]:
    """What a row says that does not stand in the input text where the row says it stands."""
    said = [(record["start"], record["end"], record["text"])]
    said += [(e["start"], e["end"], e["text"]) for finding in record["findings"] for e in finding["evidence"]]
    for start, end, words in said:
        if text[start:end] != words:
            yield f"[{start}, {end}) 应为 {words!r}"
    for subject in record["subjects"]:
        if subject["name"] and subject["name"] not in text[subject["start"] : subject["end"]]:
            yield f"{subject['name']} 不在 [{subject['start']}, {subject['end']})"
        for sanction in subject["sanctions"]:
            if not 0 <= sanction["start"] < sanction["end"] <= len(text):
                yield f"{sanction['name']} 的位置不对"
    for part in ("grounds", "consequences", "dates", "legal_basis", "procedure", "effect"):
        for fact in record[part]:
            if fact["start"] is not None and text[fact["start"] : fact["end"]] != fact["text"]:
                yield f"{part} {fact['text']!r} 不在 [{fact['start']}, {fact['end']})"
