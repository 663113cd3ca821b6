"""How well the rules find what the gold cases hold, and how well the extractor reads their fields.

    python benchmarks/rules.py data/gold/dev.jsonl

In: JSONL in the format of data/gold/README.md. Out, in Markdown: precision, recall and F1 of ``yes`` per label and over
all, the share of cases without a label that get a ``yes`` all the same, and precision, recall and F1 (with its 95 %
interval) of every field on the cases whose fields are annotated. An ``unsure`` counts neither for nor against.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nlp import analyze, load_codebook
from nlp.evaluate import Prf, field_figures, prf
from nlp.gold import GoldCase, load_gold
from nlp.types import Analysis, Extraction, Notice


def counts(case: GoldCase, label: str, told: set[str]) -> tuple[int, int, int]:
    """Right, extra and missed of one label in one case."""
    verdict = case.annotation.verdict(label)
    if verdict == "unsure":
        return 0, 0, 0
    gold, found = verdict == "yes", label in told
    return int(gold and found), int(found and not gold), int(gold and not found)


def one(analyses: Sequence[Analysis]) -> Extraction:
    """What was read off a case that the splitter may have cut: all subjects, the first issuer, every date."""
    read = [analysis.extraction for analysis in analyses]
    return Extraction(
        issuer=next((extraction.issuer for extraction in read if extraction.issuer), None),
        subjects=tuple(subject for extraction in read for subject in extraction.subjects),
        dates=tuple(date for extraction in read for date in extraction.dates),
    )


def line(name: str, figures: Prf) -> str:
    told = f"{figures.right} | {figures.extra} | {figures.missed} | {figures.precision:.3f} | {figures.recall:.3f}"
    return f"| {name} | {told} | {figures.f1.value:.3f} ({figures.f1.low:.3f}–{figures.f1.high:.3f}) |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the rules and the extractor on gold cases.")
    parser.add_argument("gold", type=Path)
    cases = load_gold(parser.parse_args().gold)
    read = [analyze(Notice(id=case.id, text=case.text)) for case in cases]
    told = [{f.issue for a in analyses for f in a.findings if f.verdict == "yes"} for analyses in read]
    labels = load_codebook().labels
    pairs = list(zip(cases, told, strict=True))
    table = np.array([[counts(case, label, found) for label in labels] for case, found in pairs])
    print("| label | right | extra | missed | precision | recall | F1 (95 % interval) |\n|---|---|---|---|---|---|---|")
    for n, label in enumerate(labels):
        print(line(f"`{label}`", prf(table[:, n])))
    print(line("all", prf(table.sum(axis=1))))
    macro = np.mean([np.nan_to_num(prf(table[:, n]).f1.value) for n in range(len(labels))])
    sound = [bool(found) for case, found in pairs if not case.labels]
    print(f"\n{len(cases)} cases; macro-F1 {macro:.2f}")
    print(f"cases without a label that get a yes: {sum(sound)} of {len(sound)}\n")
    annotated = [(case.fields, one(analyses)) for case, analyses in zip(cases, read, strict=True) if case.fields]
    print(f"{len(annotated)} cases with fields\n")
    print("| field | right | extra | missed | precision | recall | F1 (95 % interval) |\n|---|---|---|---|---|---|---|")
    for aspect, figures in field_figures(annotated).items():
        print(line(aspect, figures))


if __name__ == "__main__":
    main()
