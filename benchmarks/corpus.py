"""How well reposts are folded, and how fast and in how much memory many rows are compared.

    python benchmarks/corpus.py folding                  # precision and recall on constructed reposts of gold notices
    python benchmarks/corpus.py speed                    # rows a second and peak memory at 1,000 and 10,000 rows
    python benchmarks/corpus.py rates 结果.jsonl …        # shares to hold against published base rates

Prints Markdown (the tables of docs/corpus.md). ``folding`` reads data/gold, train and dev alone; the cases of gold and
generated cases of one grammar stand beside the reposts as what must not be folded.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from nlp.corpus import study
from nlp.corpus.case import Case, Words, case_of
from nlp.corpus.reposts import fold
from nlp.gold import load_gold, load_gold_notices
from nlp.pipeline import analyze_many
from nlp.rows import Row, json_line, row
from nlp.scored import read_scored
from nlp.synthesis import cases as generated
from nlp.types import Notice

ROOT = Path(__file__).parent.parent
GOLD = ROOT / "data" / "gold"
EVERY, GENERATED, SIZES = 3, 10_000, (1_000, 10_000)
_SENTENCE = re.compile(r"[^。\n]*[。\n]?")
_FILLERS = "的了在中将并及其对于和与也又"

Change = Callable[[str, random.Random], str]


def retitled(text: str, rng: random.Random) -> str:
    """Another headline, and the words of a paper before the text."""
    head, _, rest = text.partition("\n")
    paper, editor = rng.choice(["某地日报", "清风客户端"]), rng.choice("甲乙丙")
    return f"警钟长鸣！这些问题被点名\n来源：{paper}\n{rest or head}\n（编辑：{editor}）"


def on_a_page(text: str, rng: random.Random) -> str:
    """Inside a web page with its navigation, other headlines and footer."""
    links = "".join(f"<li><a href='#'>{word}</a></li>" for word in ("首页", "要闻", "审查调查", "曝光台", "党纪法规"))
    where = rng.choice(["我县", "全区", "市里"])
    others = "".join(f"<li>{where}召开{word}会议</li>" for word in ("春季防火", "招商", "党建"))
    body = "".join(f"<p>{line}</p>" for line in text.split("\n"))
    around = f"<ul>{links}</ul><div>{body}</div><h4>相关阅读</h4><ul>{others}</ul><p>版权所有</p>"
    return f"<html><body>{around}</body></html>"


def edited(text: str, rng: random.Random) -> str:
    """One in thirty characters dropped, or a filler put before it; figures and line breaks stay."""
    told = []
    for char in text:
        if rng.random() < 1 / 30 and not char.isdigit() and char not in "\n。一二三四五六七八九十、":
            told.append(rng.choice(["", rng.choice(_FILLERS) + char]))
        else:
            told.append(char)
    return "".join(told)


def halved(text: str, rng: random.Random) -> str:
    """Each paragraph's first half, whole sentences."""
    del rng
    lines = []
    for line in text.split("\n"):
        sentences = [one for one in _SENTENCE.findall(line) if one]
        lines.append("".join(sentences[: max(1, (len(sentences) + 1) // 2)]))
    return "\n".join(lines)


def shuffled_words(text: str, rng: random.Random) -> str:
    """Edited thrice over: about one character in ten."""
    for _ in range(3):
        text = edited(text, rng)
    return text


CHANGES: dict[str, Change] = {
    "换标题": retitled,
    "带网页导航": on_a_page,
    "略有改动（约三十字一处）": edited,
    "改动较多（约十字一处）": shuffled_words,
    "节选前半": halved,
}


def rows_of(notices: Iterable[Notice]) -> Iterator[Row]:
    return (row(analysis) for analysis in analyze_many(notices))


def _masked(rows: Iterable[Row]) -> Iterator[Row]:
    """The names of people masked in the text and in the row, as many reposts do."""
    for one in rows:
        names = {s["name"] for s in one["subjects"] if s["kind"] == "person" and s["name"]}
        told = one["clean_text"] or one["text"]
        for name in sorted(names, key=len, reverse=True):
            told = told.replace(name, name[0] + "某" * (len(name) - 1))
        subjects = [
            {**s, "name": s["name"][0] + "某" * (len(s["name"]) - 1)} if s["name"] in names else s
            for s in one["subjects"]
        ]
        yield {**one, "subjects": subjects, "clean_text": told, "file": "隐去姓名"}


def folding() -> Iterator[str]:
    """Reposts of every third notice, beside everything that must stay apart."""
    gold = [notice for split in ("train", "dev") for notice in load_gold_notices(GOLD / "notices" / f"{split}.jsonl")]
    notices = [Notice(one.id, one.text, file="原文") for one in gold]
    words, rng = Words(), random.Random(0)
    originals = list(rows_of(notices))
    told: list[Row] = [*originals]
    for name, change in CHANGES.items():
        told += rows_of(replace(one, text=change(one.text, rng), file=name) for one in notices[::EVERY])
    wanted = {one.id for one in notices[::EVERY]}
    told += _masked(one for one in originals if one["notice_id"] in wanted)
    reposts = len(told) - len(originals)
    lone = [case for split in ("train", "dev") for case in load_gold(GOLD / f"{split}.jsonl")]
    told += rows_of(Notice(case.id, case.text, file="案件") for case in lone)
    told += rows_of(Notice(one["id"], one["text"], file="生成") for one in generated(GENERATED, 5))
    cases = [case_of(one, words) for one in told]
    counts = Counter(case.notice for case in cases)
    kept, folded = fold(cases)
    others = len(cases) - len(originals) - reposts
    yield f"案件 {len(cases)} 起：通报原文 {len(originals)}，仿造的转载 {reposts}，其余 {others} 起不该合并。"
    yield ""
    yield from _folding_table(cases, folded, counts)
    wrong = [one for one in folded if not _right(one.case, one.into, counts)]
    yield ""
    right = 1 - len(wrong) / max(len(folded), 1)
    yield f"合并 {len(folded)} 起，错 {len(wrong)} 起，准确率 {right:.4f}；留下 {len(kept)} 起。"
    for one in wrong[:10]:
        print("错：", one.case.notice, one.case.id, one.into.notice, one.into.id, one.held, file=sys.stderr)


def _right(case: Case, into: Case, counts: Counter[Any]) -> bool:
    """Of one notice; and the same case of it, where both tellings have as many."""
    if case.notice[0] != into.notice[0]:
        return False
    if counts[case.notice] != counts[into.notice]:
        return True
    return case.key[0].rsplit("#", 1)[-1] == into.key[0].rsplit("#", 1)[-1]


def _folding_table(cases: Sequence[Case], folded: Sequence[Any], counts: Counter[Any]) -> Iterator[str]:
    """By kind: how many repost cases are one with a case of another telling of their notice."""
    joined = {case.key for one in folded if _right(one.case, one.into, counts) for case in (one.case, one.into)}
    yield "| 转载的样子 | 案件 | 合并 | 召回率 |"
    yield "|---|---|---|---|"
    for name in (*CHANGES, "隐去姓名"):
        mine = [case for case in cases if case.notice[1] == name]
        found = sum(case.key in joined for case in mine)
        yield f"| {name} | {len(mine)} | {found} | {found / max(len(mine), 1):.3f} |"


# ------------------------------------------------------------ speed


def _study_file(path: str, queue: Any) -> None:
    start = time.process_time(), time.perf_counter()
    found = study(read_scored([path]))
    cpu, wall = time.process_time() - start[0], time.perf_counter() - start[1]
    queue.put((found.rows, len(found.folded), cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def speed(scored: Sequence[str]) -> Iterator[str]:
    """Each size in a process of its own; rows of generated cases, scored here unless a file of rows is given."""
    yield "| 行 | 合并 | CPU 秒 | 每 CPU 秒行数 | 内存峰值（MB） |"
    yield "|---|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(scored[0]) if scored else Path(folder) / "rows.jsonl"
        if not scored:
            notices = (Notice(one["id"], one["text"]) for one in generated(max(SIZES), 11))
            with source.open("w", encoding="utf-8") as file:
                file.writelines(json_line(one) + "\n" for one in rows_of(notices))
        for size in (0, *SIZES):
            part = Path(folder) / f"{size}.jsonl"
            with source.open(encoding="utf-8") as file:
                part.write_text("".join(islice(file, size or 1)), encoding="utf-8")
            context = multiprocessing.get_context("spawn")
            queue = context.Queue()
            worker = context.Process(target=_study_file, args=(str(part), queue))
            worker.start()
            rows, folded, cpu, _, peak = queue.get()
            worker.join()
            yield f"| {rows:,} | {folded} | {cpu:.1f} | {rows / cpu:.0f} | {peak:.0f} |"


# ------------------------------------------------------------ rates


def rates(scored: Sequence[str]) -> Iterator[str]:
    """People by rank, and heaviest form, of the rows given."""
    found = study(read_scored(scored))
    people = Counter[str]()
    forms = Counter[str]()
    for case in found.cases:
        for person in case.people:
            if person.kind != "organisation":
                people[person.rank] += person.count
                if person.weight.forms:
                    low, high = person.weight.forms
                    forms["一二三四"[low - 1] if low == high else "跨形态"] += person.count
    yield f"案件 {len(found.cases)} 起，转载 {len(found.folded)} 起"
    yield f"级别：{dict(people.most_common())}"
    yield f"形态：{dict(forms.most_common())}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("folding", "speed", "rates"))
    parser.add_argument("scored", nargs="*", help="rows of wenze score (rates; speed may reuse some)")
    told = parser.parse_args()
    lines = folding() if told.what == "folding" else speed(told.scored) if told.what == "speed" else rates(told.scored)
    for line in lines:
        print(line)


if __name__ == "__main__":
    main()
