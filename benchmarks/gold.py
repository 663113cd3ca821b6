"""What the gold data holds: counts by split and label, lengths, and a figure of them.

    python benchmarks/gold.py                    # tables, in Markdown
    python benchmarks/gold.py --write            # the same into data/DATA_CARD.md, and the figure (needs matplotlib)

In: data/gold. Out: tables; docs/figures/gold.svg.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from nlp import load_codebook
from nlp.gold import SPLITS, GoldCase, Split, load_gold, load_gold_fields, load_gold_notices

ROOT = Path(__file__).parent.parent
GOLD, CARD, FIGURE = ROOT / "data" / "gold", ROOT / "data" / "DATA_CARD.md", ROOT / "docs" / "figures" / "gold.svg"
BEGIN, END = "<!-- python benchmarks/gold.py --write -->", "<!-- end -->"

Gold = dict[Split, list[GoldCase]]


def yes(case: GoldCase) -> list[str]:
    """The labels judged ``yes``."""
    return [label for label, judged in case.labels.items() if judged.verdict == "yes"]


def splits_table(gold: Gold) -> Iterator[str]:
    """Cases, labels and fields of each split."""
    yield "| split | passes | cases | with a `yes` | `yes` in all | `unsure` | with fields |"
    yield "|---|---|---|---|---|---|---|"
    for split, cases in gold.items():
        labels = [yes(case) for case in cases]
        unsure = sum(len(case.labels) for case in cases) - sum(map(len, labels))
        passes, fields = len({case.author_pass for case in cases}), sum(case.fields is not None for case in cases)
        counts = (passes, len(cases), sum(map(bool, labels)), sum(map(len, labels)), unsure, fields)
        yield f"| {split} | {' | '.join(map(str, counts))} |"


def labels_table(gold: Gold) -> Iterator[str]:
    """``yes`` verdicts of each label by split, and how many of all are inferred."""
    yield "| label | train | dev | test | inferred |"
    yield "|---|---|---|---|---|"
    for label in load_codebook().labels:
        counts = [sum(label in yes(case) for case in cases) for cases in gold.values()]
        judged = [case.labels[label] for cases in gold.values() for case in cases if label in yes(case)]
        inferred = sum(one.basis == "inferred" for one in judged) / max(len(judged), 1)
        yield f"| `{label}` | {' | '.join(map(str, counts))} | {inferred:.0%} |"


def texts_table(gold: Gold) -> Iterator[str]:
    """Lengths in characters, and how many cases are near misses without a label."""
    yield "| split | median length | shortest | longest | under 130 | over 400 | near misses without a label |"
    yield "|---|---|---|---|---|---|---|"
    for split, cases in gold.items():
        lengths = [len(case.text) for case in cases]
        short, long = sum(n < 130 for n in lengths), sum(n > 400 for n in lengths)
        near = sum(bool(case.near_miss_of) and not case.labels for case in cases)
        told = (f"{median(lengths):.0f}", min(lengths), max(lengths), short, long, near)
        yield f"| {split} | {' | '.join(map(str, told))} |"


def fields_table() -> Iterator[str]:
    """Cases annotated for their fields alone, and the subjects in them."""
    yield "| split, fields alone | passes | cases | subjects | measures |"
    yield "|---|---|---|---|---|"
    for split in SPLITS:
        cases = load_gold_fields(GOLD, split)
        subjects = [subject for case in cases if case.fields for subject in case.fields.subjects]
        measures = sum(len(subject.sanctions) for subject in subjects)
        passes = len({case.author_pass for case in cases})
        yield f"| {split} | {passes} | {len(cases)} | {len(subjects)} | {measures} |"


def notices_table() -> Iterator[str]:
    """Whole notices and the cases in them."""
    notices = load_gold_notices(GOLD)
    yield "| split | notices | without a case | with one | cases in all |"
    yield "|---|---|---|---|---|"
    for split in SPLITS:
        counts = Counter(len(one.cases) for one in notices if one.split == split)
        cases = sum(n * times for n, times in counts.items())
        yield f"| {split} | {sum(counts.values())} | {counts[0]} | {counts[1]} | {cases} |"


def tables(gold: Gold) -> str:
    """Every table, a blank line between them."""
    parts = (splits_table(gold), labels_table(gold), texts_table(gold), fields_table(), notices_table())
    return "\n\n".join("\n".join(part) for part in parts)


def figure(gold: Gold, path: Path) -> None:
    """Bars of ``yes`` by label and split, and the lengths of the texts."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.rcParams |= {"svg.hashsalt": "wenze", "svg.fonttype": "none", "font.size": 9}
    colours = dict(zip(SPLITS, ("#0b5394", "#e69138", "#6aa84f"), strict=True))
    labels = list(load_codebook().labels)
    drawn, (bars, lengths) = plt.subplots(1, 2, figsize=(10, 5), width_ratios=(3, 2), layout="constrained")
    left = [0] * len(labels)
    for split, cases in gold.items():
        counts = [sum(label in yes(case) for case in cases) for label in labels]
        bars.barh(labels, counts, left=left, color=colours[split], label=split)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    bars.invert_yaxis()
    bars.set_xlabel("cases judged yes")
    bars.legend(frameon=False)
    lengths.hist(
        [[len(case.text) for case in cases] for cases in gold.values()],
        bins=range(50, 951, 50),
        stacked=True,
        color=[colours[split] for split in gold],
    )
    lengths.set_xlabel("characters of the text")
    lengths.set_ylabel("cases")
    for axes in (bars, lengths):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(exist_ok=True)
    drawn.savefig(path, metadata={"Date": None})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into the data card, and the figure")
    write = parser.parse_args().write
    gold = {split: load_gold(GOLD, split) for split in SPLITS}
    told = tables(gold)
    print(told)
    if write:
        card = CARD.read_text(encoding="utf-8")
        block = f"{BEGIN}\n\n{told}\n\n{END}"
        CARD.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: block, card, flags=re.DOTALL), encoding="utf-8")
        figure(gold, FIGURE)


if __name__ == "__main__":
    main()
