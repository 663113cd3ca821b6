"""The speed benchmark: its arithmetic by hand, its structure on tiny sizes; no test depends on how fast anything is."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nlp import analyze
from nlp.classify import tfidf
from nlp.classify.bert import BertClassifier
from nlp.clean import clean
from nlp.cli import main
from nlp.report import speed as page
from nlp.speed import STAGES, Corpus, Ratio, Speed, Timed, corpus, exponent, measured, peers, ratios, scored, table
from nlp.split import split
from nlp.types import Notice

ONE = Timed("clean", cases=200, size=4_000_000, wall=4.0, cpu=2.0, memory=50_000_000)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus(3, tmp_path_factory.mktemp("pages"))


def test_rates_count_seconds_of_the_processor() -> None:
    assert (ONE.megabytes, ONE.rate, ONE.cores) == (2.0, 100.0, 0.5)


def test_what_took_no_time_has_no_rate() -> None:
    assert math.isnan(replace(ONE, cpu=0.0).rate)


@pytest.mark.parametrize(
    ("costs", "grows"),
    [
        ([(1_000, 2.0), (10_000, 20.0), (100_000, 200.0)], 1.0),
        ([(10, 1.0), (100, 100.0)], 2.0),
        ([(10, 3.0), (100, 3.0)], 0.0),
    ],
)
def test_the_exponent_tells_how_cost_grows(costs: list[tuple[int, float]], grows: float) -> None:
    growth = [replace(ONE, cases=cases, cpu=cpu) for cases, cpu in costs]
    assert exponent(growth) == pytest.approx(grows)


def test_one_size_tells_no_exponent() -> None:
    assert math.isnan(exponent([ONE]))


def test_ratios_are_by_the_case_and_peers_that_work_together_are_summed() -> None:
    timed = {
        "whole_bert": replace(ONE, cases=100, cpu=1.0, wall=2.0),  # 10 ms, 20 ms a case
        "regression": replace(ONE, cases=200, cpu=2.0, wall=2.0),  # 10 ms, 10 ms
        "pipeline_1": replace(ONE, cases=10, cpu=0.9, wall=1.9),  # 90 ms, 190 ms
    }
    (found,) = ratios(timed)
    assert (found.name, found.against) == ("whole_bert", "regression+pipeline_1")
    assert (found.cpu, found.wall) == pytest.approx((10.0, 10.0))


def test_a_ratio_whose_peer_was_not_measured_is_left_out() -> None:
    assert ratios({"bert": ONE, "extract": ONE}) == ()


# ------------------------------------------------------------ texts


def test_the_corpus_holds_the_cases_that_its_pages_hold(texts: Corpus) -> None:
    assert len(texts.cases) >= 3
    found = [case.text for text in texts.pages for case in split(clean(Notice("x", text))).cases]
    assert "".join(found) == "".join(texts.cases)
    assert sorted(path.name for path in texts.folder.iterdir()) == [f"{n + 1}.html" for n in range(len(texts.pages))]


def test_a_table_of_a_size_holds_at_least_so_many_cases_and_the_same_each_time(tmp_path: Path) -> None:
    first, again = table(5, tmp_path / "a.jsonl"), table(5, tmp_path / "b.jsonl")
    assert first == again
    assert first[0] >= 5
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


# ------------------------------------------------------------ measuring


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_works_on_all_it_is_given(texts: Corpus, name: str) -> None:
    done: list[object] = []
    items, run = STAGES[name](texts)
    few = len(texts.pages) if name in ("read", "clean", "split", "clean_to_rules") or "whole" in name else 1
    assert len(items) >= few
    found = measured(name, lambda _: (items, lambda some: (done.extend(some), run(some))), texts)
    assert done == [*items[:1], *items]
    assert (found.name, found.cases, found.size) == (name, len(texts.cases), texts.size)


def test_the_cost_of_scoring_is_that_of_the_whole_table(tmp_path: Path) -> None:
    count, size = table(4, tmp_path / "4.jsonl")
    found = scored("4", tmp_path / "4.jsonl", count, size, 1)
    assert (found.cases, found.size) == (count, size)
    assert len((tmp_path / "4.out.jsonl").read_text("utf-8").splitlines()) > 0


@pytest.mark.parametrize(("given", "told"), [(None, "--uie"), (Path("nowhere"), "model.onnx")])
def test_a_peer_that_cannot_be_measured_says_why(given: Path | None, told: str) -> None:
    found, skipped = peers(None, given)
    assert set(found) == {"regression"}
    assert told in skipped["uie"]
    assert "--backbone" in skipped["pipeline"]


def test_a_backbone_without_its_files_is_skipped(tmp_path: Path) -> None:
    assert "config.json" in peers(tmp_path, None)[1]["pipeline"]


def test_what_is_dear_is_done_once_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "督导组反馈：该局对断头路问题一问了之，以问责代替整改。县纪委给予该局局长周安党内警告处分。"
    counts: Counter[str] = Counter()

    def counted(owner: Any, name: str) -> None:
        work = getattr(owner, name)

        def counting(*given: Any) -> Any:
            counts[name] += 1
            return work(*given)

        monkeypatch.setattr(owner, name, counting)

    counted(BertClassifier, "_run")  # a window
    counted(tfidf, "fields")
    (found,) = analyze(text, model="ensemble")
    assert found.findings
    assert counts == {"_run": 1, "fields": 1}


# ------------------------------------------------------------ the page

RUN = Speed(
    {"CPU": "x|y", "cores": "2"},
    (ONE,),
    (replace(ONE, name="regression"),),
    {"uie": "没有给出"},
    (Ratio("bert", "pipeline_1", 4.0, 3.0, 8.0),),
    (replace(ONE, name="1", cases=10, cpu=1.0), replace(ONE, name="2", cases=100, cpu=10.0, memory=55_000_000)),
    1.0,
)


def test_the_page_tells_machine_command_stages_ratios_and_growth() -> None:
    told = page.markdown(RUN, command="wenze benchmark speed", figure="speed.png")
    for part in (
        "wenze benchmark speed",
        "| 清洗 | 2.00 | 100.0 | 200 | 2.00 | 4.00 | 0.5 | 50 |",
        "未测 UIE-nano 抽取：没有给出",
        "| BERT（int8） | transformers.pipeline，fp32，每批 1 | 4.00 | 3.00 | ≥ 8 |",
        "的 1.000 次方",
        "案件多到 10 倍，内存峰值是原来的 1.10 倍",
        "![开销与规模](speed.png)",
    ):
        assert part in told


def test_every_stage_and_peer_has_a_name() -> None:
    assert all(page.name_of(name) != name for name in [*STAGES, "regression", "pipeline_1", "pipeline_16", "uie"])


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page.figure(RUN, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 1_000


@pytest.mark.parametrize("sizes", ["", "10,", "ten", "0"])
def test_sizes_that_are_no_numbers_are_refused(sizes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "speed", "--sizes", sizes]) == 2
    assert "--sizes" in capsys.readouterr().err
