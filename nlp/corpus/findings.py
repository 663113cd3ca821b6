"""What deviates from its comparables as findings, in the rows themselves.

In: rows and the ``Corpus`` made of them. Out: the same rows with findings by "corpus", and a caution where a case was
folded. Findings of an earlier run are replaced. Never claims more than 存疑: figures alone decide nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from nlp.classify.decide import priority
from nlp.codebook import load_codebook
from nlp.corpus import Corpus
from nlp.corpus.case import Key, key_of
from nlp.corpus.comparables import Deviation, Ladder
from nlp.rows import Row
from nlp.types import Evidence, Finding

BY, ISSUE, REPOST = "corpus", "uneven_weight", "repost"
_UNKNOWN = "从轻、从重或减轻的情节，与可比案件在事实上的其他差别；通报未必载明"
_NAMED, _TOP = 10, 4


def with_findings(rows: Iterable[Row], corpus: Corpus) -> Iterator[Row]:
    """The rows one by one; priority is computed anew where a finding came or went."""
    claimed: dict[Key, list[Deviation]] = defaultdict(list)
    for one in corpus.compared.deviations:
        if one.side:
            claimed[one.case.key].append(one)
    kept = {case.key for case in corpus.cases}
    into = {fold.case.key: fold.into.id for fold in corpus.folded if fold.case.key not in kept}
    for row in rows:
        key = key_of(row)
        before = [finding for finding in row["findings"] if finding["by"] != BY]
        after = [*before, *(_record(_finding(row, one)) for one in claimed.get(key, ()))]
        cautions = [caution for caution in row["cautions"] if caution["code"] != REPOST]
        if key in into:
            message = f"与案件 {into[key]} 为同一通报的转载，跨案比较中只计一次"
            cautions.append({"code": REPOST, "message": message})
        changed = after != row["findings"]
        again = priority(_typed(finding) for finding in after) if changed else row["priority"]
        yield {**row, "findings": after, "cautions": cautions, "priority": again}


def _record(finding: Finding) -> Row:
    return {**asdict(finding), "evidence": [{"start": e.start, "end": e.end, "text": e.text} for e in finding.evidence]}


def _typed(finding: Row) -> Finding:
    return Finding(**{**finding, "evidence": tuple(Evidence(**one) for one in finding["evidence"])})


def _finding(row: Row, one: Deviation) -> Finding:
    issue = load_codebook().issues[ISSUE]
    text, start = row["text"], row["start"]
    evidence = tuple(Evidence(a, b, text[a - start : b - start]) for a, b in dict.fromkeys(one.person.spans))
    chance = float(issue["prior"]["unsure"])
    return Finding(
        ISSUE, issue.name, "unsure", chance, "statistical", BY, reason(one), evidence, unknown=_UNKNOWN
    )  # fmt: skip


def rung_name(ladder: str, rung: int) -> str:
    """The measures on a rung of a ladder, as scale.toml and sanctions.toml name them; 未载明 for none."""
    if not rung:
        return "未载明"
    book = load_codebook()
    return str(book["sanctions"][book["scale"][ladder]["rungs"][rung - 1]["ids"][0]].name)


def shared_terms(one: Deviation) -> str:
    """On what a person and the comparables agree."""
    names = load_codebook()["grounds"]
    grounds = "、".join(names[ground].name for ground in one.case.grounds)
    responsibility = one.person.responsibility or "均未载明责任"
    return f"同有事由（{grounds}之一）、{one.case.consequence}、{one.person.rank}、{responsibility}"


def ladder_line(ladder: Ladder) -> str:
    """One ladder told: own rung, the middle one of the comparables, and how many stand below, on and above."""
    name, own = load_codebook()["scale"][ladder.id].name, rung_name(ladder.id, ladder.rung)
    middle = rung_name(ladder.id, ladder.middle)
    counts = f"更轻{ladder.below}、相同{ladder.level}、更重{ladder.above}、未载明{ladder.untold}"
    return f"{name}为{own}，可比者居中为{middle}（{counts}）"


def received(one: Deviation) -> str:
    """The measures of the comparables, the most frequent first."""
    counts = Counter(name for each in one.comparables for name in each.person.names)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return "、".join(f"{name}{count}人" for name, count in ordered[:_TOP])


def reason(one: Deviation) -> str:
    """The claim in words, the comparables named."""
    n = len(one.comparables)
    share, word = (one.lighter, "更轻") if one.side == "heavier" else (one.heavier, "更重")
    count = round(share.value * n)
    named = "、".join(each.case.id for each in one.comparables[:_NAMED])
    more = f"等{n}起" if n > _NAMED else ""
    ladders = "；".join(ladder_line(ladder) for ladder in one.ladders if ladder.rung and ladder.middle)
    return (
        f"{one.person.told}。与{n}起可比案件（{shared_terms(one)}）相比，{count}起处理{word}，"
        f"占{share.value:.0%}（95%区间{share.low:.0%}–{share.high:.0%}）；可比者所受处理：{received(one)}。"
        f"{ladders + '。' if ladders else ''}可比案件：{named}{more}"
    )
