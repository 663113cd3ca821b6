"""What the checks against the regulations say on the gold texts, rule by rule, and how much of it a reader found right.

    python benchmarks/law.py data/gold
    python benchmarks/law.py data/gold --texts notices/      # a folder of published notices: counted, not read

Out, in Markdown: for each rule how often it says yes and unsure on train and dev (cases and notices), how many of these
were read and found right (``law.toml`` beside this file), and for a rule that bears an issue of the codebook how often
the gold says so too. The test split is never read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nlp import analyze, load_codebook
from nlp.codebook import Entry
from nlp.read import read_notices
from nlp.types import Finding, Notice

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Labels = dict[str, dict[str, Any]]
Found = tuple[str, Finding, Labels | None]


def gold_texts(folder: Path) -> Iterator[tuple[str, str, Labels | None]]:
    """Id, text and labels (None where the file judges none) of train and dev."""
    for part in (folder, folder / "notices"):
        for split in ("train", "dev"):
            for line in (part / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                yield record["id"], record["text"], record.get("labels")


def findings(texts: Iterable[tuple[str, str, Labels | None]]) -> Iterator[Found]:
    for name, text, labels in texts:
        for analysis in analyze(Notice(id=name, text=text)):
            yield from ((name, finding, labels) for finding in analysis.findings if finding.by == "law")


def read_by_hand() -> dict[tuple[str, str], bool]:
    """Which findings a reader judged, as (text, rule) -> right."""
    judged = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {(row["id"], row["rule"]): row["right"] for row in judged["read"]}


def _share(right: Iterable[bool]) -> str:
    told = list(right)
    return f"{sum(told)}/{len(told)}" if told else ""


def line(rule: Entry, found: list[Found], read: dict[tuple[str, str], bool]) -> str:
    mine = [one for one in found if one[1].rule == rule.id]
    cells = [f"`{rule.id}`", rule.name, "" if rule["on"] else "停用"]
    for verdict in ("yes", "unsure"):
        told = [one for one in mine if one[1].verdict == verdict]
        cells += [str(len(told) or ""), _share(read[name, rule.id] for name, _, _ in told if (name, rule.id) in read)]
    borne = [(f.issue, labels) for _, f, labels in mine if f.issue and labels is not None]
    agreed = _share(labels.get(issue, {}).get("verdict") == "yes" for issue, labels in borne)
    cells.append(f"{rule['issue']} {agreed}" if rule.get("issue") else "")
    return "| " + " | ".join(cells) + " |"


def rests_on(rule: Entry) -> str:
    """A line of the table of rules: its articles in time, what it needs, what it cannot know."""
    read = [version for version in rule["articles"] if version["verified"] == "S"] or rule["articles"]
    articles = "；".join(f"{v['article']}（{v['since']} 起）" for v in reversed(read))
    return f"| `{rule.id}` | {rule['text']} | {articles} | {rule['needs']} | {rule['cannot_know'] or '—'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--texts", type=Path, help="a folder of published notices, counted beside the gold")
    args = parser.parse_args()
    rules, read = load_codebook()["checks"], read_by_hand()
    texts = list(gold_texts(args.gold))
    found = list(findings(texts))
    print(f"{len(texts)} 份文本（train 与 dev 的案件和通报），{len(found)} 条。\n")
    print("| 规则 | 名称 |  | 是 | 读后属实 | 存疑 | 读后属实 | 编码手册问题：标注也是 |")
    print("|---|---|---|--:|--:|--:|--:|---|")
    for rule in rules:
        print(line(rule, found, read))
    print("\n| 规则 | 说什么 | 条文 | 需要 | 无从知道 |\n|---|---|---|---|---|")
    for rule in rules:
        print(rests_on(rule))
    if args.texts:
        notices = list(read_notices(sorted(p for p in args.texts.iterdir() if p.suffix in (".html", ".txt"))))
        told = Counter((f.rule, f.verdict) for n in notices for a in analyze(n) for f in a.findings if f.by == "law")
        print(f"\n{len(notices)} 份公开通报：{dict(told) or '没有一条'}")


if __name__ == "__main__":
    main()
