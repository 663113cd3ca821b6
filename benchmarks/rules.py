"""How well the rules find what the gold cases hold, and how well the extractor ties measures to people.

    python benchmarks/rules.py data/gold/dev.jsonl

In: JSONL in the format of data/gold/README.md. Out, in Markdown: precision, recall and F1 of ``yes`` per label and over
all, the share of cases without a label that get a ``yes`` all the same, and precision, recall and F1 of person-sanction
pairs on the cases whose fields are annotated. An ``unsure`` of the gold counts neither for nor against.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nlp import analyze, load_codebook
from nlp.types import Analysis, Notice

Pair = tuple[str, str]


def read(path: Path) -> list[dict[str, Any]]:
    """The gold cases of a file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def f1(right: int, wrong: int, missed: int) -> tuple[float, float, float]:
    """Precision, recall and F1; 0 where nothing was found or nothing was to be found."""
    precision = right / (right + wrong) if right + wrong else 0.0
    recall = right / (right + missed) if right + missed else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _key(name: str | None, post: str | None, count: int | None) -> str:
    """Who is meant: the name without padding, else the post, else the number."""
    return "".join((name or post or f"{count}").split())


def gold_pairs(fields: Mapping[str, Any]) -> set[Pair]:
    return {
        (_key(s["name"], s["post"], s["count"]), sanction["name"])
        for s in fields["subjects"]
        for sanction in s["sanctions"]
    }


def read_pairs(analyses: Iterable[Analysis]) -> set[Pair]:
    return {
        (_key(s.name, s.post, s.count), sanction.name)
        for analysis in analyses
        for s in analysis.extraction.subjects
        for sanction in s.sanctions
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the rules and the extractor on gold cases.")
    parser.add_argument("gold", type=Path)
    cases = read(parser.parse_args().gold)
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    sound = alarmed = 0
    pairs = Counter[str]()
    for case in cases:
        analyses = analyze(Notice(id=case["id"], text=case["text"]))
        told = {f.issue for a in analyses for f in a.findings if f.verdict == "yes"}
        verdicts = {label: judged["verdict"] for label, judged in case["labels"].items()}
        true = {label for label, verdict in verdicts.items() if verdict == "yes"}
        told -= verdicts.keys() - true
        right.update(told & true)
        wrong.update(told - true)
        missed.update(true - told)
        if not verdicts:
            sound += 1
            alarmed += bool(told)
        if case["fields"]:
            gold, found = gold_pairs(case["fields"]), read_pairs(analyses)
            pairs.update(right=len(gold & found), wrong=len(found - gold), missed=len(gold - found))
    print("| label | right | wrong | missed | precision | recall | F1 |\n|---|---|---|---|---|---|---|")
    scores = []
    for label in load_codebook().labels:
        row = f1(right[label], wrong[label], missed[label])
        scores.append(row[2])
        counts = f"{right[label]} | {wrong[label]} | {missed[label]}"
        print(f"| `{label}` | {counts} | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.2f} |")
    total = (right.total(), wrong.total(), missed.total())
    row = f1(*total)
    print(f"| all | {total[0]} | {total[1]} | {total[2]} | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.2f} |\n")
    print(f"{len(cases)} cases; macro-F1 {sum(scores) / len(scores):.2f}")
    print(f"cases without a label that get a yes: {alarmed} of {sound}")
    precision, recall, score = f1(pairs["right"], pairs["wrong"], pairs["missed"])
    print(f"person-sanction pairs: precision {precision:.3f}, recall {recall:.3f}, F1 {score:.3f}")


if __name__ == "__main__":
    main()
