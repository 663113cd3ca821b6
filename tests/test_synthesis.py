"""Synthetic cases: the same for the same seed, of the form of gold, and true by construction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlp import load_codebook
from nlp.cli import main
from nlp.gold import load_gold, load_gold_notices
from nlp.rows import json_line
from nlp.synthesis import cases, notices

FOLDER = Path(__file__).parent.parent / "data" / "synthetic"
MANY = list(cases(2500, seed=3))


def written(path: Path, rows: Any) -> Path:
    path.write_text("".join(json_line(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_same_seed_gives_the_same_cases_whatever_the_count() -> None:
    assert list(cases(20, seed=3)) == MANY[:20]
    assert list(cases(20, seed=4)) != MANY[:20]


def test_synthetic_cases_have_the_form_of_gold(tmp_path: Path) -> None:
    found = load_gold(written(tmp_path / "cases.jsonl", MANY))
    assert len(found) == len(MANY)
    assert {case.split for case in found} == {"synthetic"}


def test_every_label_is_shown_by_several_different_texts() -> None:
    for label in load_codebook().labels:
        assert len({row["text"] for row in MANY if label in row["labels"]}) > 20, label


def test_a_little_under_half_carry_no_label() -> None:
    assert 0.4 < sum(not row["labels"] for row in MANY) / len(MANY) < 0.5


def test_no_symbol_is_left_unfilled() -> None:
    assert [row["id"] for row in MANY if set("{}<>") & set(row["text"])] == []


def test_a_span_of_a_measure_holds_words_that_the_codebook_knows_for_it() -> None:
    known = {entry.name: entry for entry in load_codebook()["sanctions"]}
    for row in MANY:
        for subject in row["fields"]["subjects"]:
            for sanction in subject["sanctions"]:
                words = row["text"][sanction["start"] : sanction["end"]]
                assert any(known[sanction["name"]].find(words)) or sanction["name"] == "检查(党组织)", words


def test_the_cases_of_a_notice_stand_where_it_says(tmp_path: Path) -> None:
    found = load_gold_notices(written(tmp_path / "notices.jsonl", notices(60, seed=3)))
    assert {len(notice.cases) for notice in found} == set(range(1, 9))
    for notice in found:
        assert all(notice.text[case.end - 1] in "。”" for case in notice.cases), notice.id


@pytest.mark.parametrize(("name", "make"), [("cases", cases), ("notices", notices)])
def test_the_committed_files_are_what_the_command_makes(name: str, make: Any) -> None:
    path = FOLDER / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"data/synthetic/{name}.jsonl is not in this copy (the sdist leaves the corpus out)")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines == [json_line(row) for row in make(len(lines), 0)]


def test_an_existing_output_is_kept_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made.jsonl"
    out.write_text("先前的内容", encoding="utf-8")
    assert main(["synthesize", "-o", str(out), "--count", "3"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["synthesize", "-o", str(out), "--count", "3", "--force"]) == 0
    assert [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()] == [
        "syn0-000001",
        "syn0-000002",
        "syn0-000003",
    ]
