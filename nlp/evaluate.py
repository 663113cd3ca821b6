"""How far two readings of the same cases agree, as counts and F1 with intervals; and how far wenze's agrees with gold.

In: extractions of gold, of an annotator, or of the extractor; findings; spans of cases. Out: right, extra and missed
per label and aspect, figures with bootstrap intervals over cases, and the differences one by one. Never reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nlp.classify import RULES
from nlp.clean import clean
from nlp.codebook import load_codebook
from nlp.gold import GoldCase, GoldNotice
from nlp.pipeline import analyze
from nlp.rows import shown
from nlp.split import split
from nlp.types import Evidence, Extraction, Finding, IssueId, Notice, Span, Subject, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES, LEVEL = 1000, 0.95
_AT_ONCE = 50  # resamples drawn together, so that memory stays small whatever the number of cases


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its bootstrap interval; NaN where it is not defined (nothing to agree on)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Prf:
    """Precision, recall and F1 of one aspect over all cases, the F1 with its interval, and what they count."""

    right: int
    extra: int
    missed: int
    precision: float
    recall: float
    f1: Figure


@dataclass(frozen=True, slots=True)
class Difference:
    """Two unlike claims about one thing: a label's verdicts with their evidence, or what each says of a field."""

    case: str
    what: str
    first: str
    second: str
    first_says: str = ""
    second_says: str = ""


def bootstrap(
    counts: NDArray[Any], figure: Callable[[NDArray[Any]], NDArray[Any]], *, seed: int = 0, resamples: int = RESAMPLES
) -> Figure:
    """``figure`` of the summed counts, with the percentile interval over resampled cases.

    ``counts`` is n cases x m; ``figure`` takes b x m sums and gives b values. Resampling n cases with replacement is
    drawing how often each counts, so b resamples are a matrix product. NaN resamples are left out of the interval.
    """
    counts = np.asarray(counts, dtype=np.float64)
    value = float(figure(counts.sum(axis=0, keepdims=True))[0])
    if not len(counts) or np.isnan(value):
        return Figure(value, float("nan"), float("nan"))
    rng, even = np.random.default_rng(seed), np.full(len(counts), 1 / len(counts))
    values = np.concatenate(
        [figure(rng.multinomial(len(counts), even, size=_AT_ONCE) @ counts) for _ in range(0, resamples, _AT_ONCE)]
    )
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(value, float(low), float(high))


@dataclass(frozen=True, slots=True)
class Paired:
    """What the second figure is above the first on the same cases, and the two-sided p-value of no difference."""

    difference: Figure
    p: float


def paired_bootstrap(
    first: NDArray[Any],
    second: NDArray[Any],
    figure: Callable[[NDArray[Any]], NDArray[Any]],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Paired:
    """``bootstrap`` of ``figure(second) - figure(first)``, both on the same resampled cases (Efron & Tibshirani 1993).

    The p-value is twice the share of resamples on the side of 0 that is the rarer, 0 itself counting for both sides;
    one is added above and below, so that no p-value is 0. NaN where the difference is not defined.
    """
    width = np.asarray(first).shape[1]
    drawn: list[NDArray[Any]] = []

    def difference(sums: NDArray[Any]) -> NDArray[Any]:
        drawn.append(figure(sums[:, width:]) - figure(sums[:, :width]))
        return drawn[-1]

    found = bootstrap(np.hstack([first, second]), difference, seed=seed, resamples=resamples)
    if np.isnan(found.low):
        return Paired(found, float("nan"))
    values = np.concatenate(drawn[1:])  # the first is the value itself
    values = values[~np.isnan(values)]
    rarer = min((values <= 0).sum(), (values >= 0).sum())
    return Paired(found, min(1.0, 2 * (int(rarer) + 1) / (len(values) + 1)))


def f1(counts: NDArray[Any]) -> NDArray[Any]:
    """F1 of b x 3 counts (right, extra, missed): b values, NaN where all three are 0."""
    right, wrong = 2 * counts[:, 0], counts[:, 1] + counts[:, 2]
    with np.errstate(invalid="ignore"):
        return np.asarray(right / (right + wrong))


def micro_f1(sums: NDArray[Any]) -> NDArray[Any]:
    """F1 over all labels together, of b x (3 counts a label)."""
    return f1(sums.reshape(len(sums), -1, 3).sum(axis=1))


def macro_f1(sums: NDArray[Any]) -> NDArray[Any]:
    """The mean of the defined F1 of the labels, of b x (3 counts a label); NaN where none is."""
    labels = f1(sums.reshape(-1, 3)).reshape(len(sums), -1)
    defined = ~np.isnan(labels)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(labels).sum(axis=1) / defined.sum(axis=1))


def set_counts(gold: Set[Hashable], read: Set[Hashable]) -> tuple[int, int, int]:
    """Right, extra and missed of what is claimed, held against the gold."""
    return len(gold & read), len(read - gold), len(gold - read)


def mean(values: Iterable[float]) -> float:
    """The mean of the values that are defined; NaN where none is."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def prf(counts: NDArray[Any], *, seed: int = 0) -> Prf:
    """Figures of n cases x 3 counts (right, extra, missed)."""
    right, extra, missed = (int(n) for n in np.asarray(counts).reshape(-1, 3).sum(axis=0))
    precision = right / (right + extra) if right + extra else float("nan")
    recall = right / (right + missed) if right + missed else float("nan")
    return Prf(right, extra, missed, precision, recall, bootstrap(np.asarray(counts).reshape(-1, 3), f1, seed=seed))


# ------------------------------------------------------------ what an extraction claims

Claim = tuple[Hashable, ...]


def who(subject: Subject) -> str:
    """Who is meant, the same in any reading: the name without padding, else the post, else kind and number."""
    return "".join((subject.name or subject.post or f"{subject.kind}{subject.count or ''}").split())


def _measures(subject: Subject) -> Iterator[Claim]:
    return ((who(subject), sanction.name) for sanction in subject.sanctions)


def _of(key: str) -> Callable[[Extraction], Iterator[Claim]]:
    def facts(extraction: Extraction) -> Iterator[Claim]:
        for subject in extraction.subjects:
            if (value := getattr(subject, key)) is not None:
                yield who(subject), value

    return facts


def _decision_date(extraction: Extraction) -> Iterator[Claim]:
    return ((fact.text,) for fact in extraction.dates if fact.id == "decision")


ASPECTS: dict[str, tuple[str, Callable[[Extraction], Iterable[Claim]]]] = {
    "issuer": ("问责主体", lambda e: [("".join(e.issuer.text.split()),)] if e.issuer else []),
    "date": ("决定日期", _decision_date),
    "subject": ("问责对象", lambda e: [(who(s), s.kind) for s in e.subjects]),
    "subject_span": ("问责对象位置", lambda e: [(s.start, s.end) for s in e.subjects]),
    "sanction": ("人与处理", lambda e: [fact for s in e.subjects for fact in _measures(s)]),
    "status": ("人与处理及状态", lambda e: [(who(s), x.name, x.status) for s in e.subjects for x in s.sanctions]),
    "sanction_span": ("处理位置", lambda e: [(who(s), x.start, x.end) for s in e.subjects for x in s.sanctions]),
    "post": ("人与职务", _of("post")),
    "former": ("原任", _of("former")),
    "role": ("职务角色", _of("post_role")),
    "rank": ("级别", _of("rank")),
    "leading_cadre": ("领导干部", _of("leading_cadre")),
    "responsibility": ("责任", _of("responsibility")),
}


def differences(one: Extraction, other: Extraction, aspect: str) -> tuple[set[Claim], set[Claim]]:
    """What only ``one`` says of an aspect, and what only ``other`` says."""
    mine, yours = (set(ASPECTS[aspect][1](extraction)) for extraction in (one, other))
    return mine - yours, yours - mine


def field_counts(gold: Extraction, read: Extraction, aspect: str) -> tuple[int, int, int]:
    """Right, extra and missed facts of an aspect in one case, ``read`` held against ``gold``."""
    return set_counts(*(set(ASPECTS[aspect][1](extraction)) for extraction in (gold, read)))


def _plain(facts: set[Claim]) -> str:
    return "；".join(" ".join(map(_word, fact)) for fact in sorted(facts, key=str)) or "—"


def _word(part: Hashable) -> str:
    """A value in Chinese where the row schema has a word for it."""
    if isinstance(part, bool):
        return "是" if part else "否"
    try:
        return shown(str(part))
    except KeyError:
        return str(part)


def field_differences(case: str, one: Extraction, other: Extraction) -> Iterator[Difference]:
    """Every aspect of a case on which two extractions differ, with what only each of them says."""
    for aspect, (name, _) in ASPECTS.items():
        mine, yours = differences(one, other, aspect)
        if mine or yours:
            yield Difference(case, name, _plain(mine), _plain(yours))


def field_figures(pairs: Iterable[tuple[Extraction, Extraction]], *, seed: int = 0) -> Mapping[str, Prf]:
    """Precision, recall and F1 of every aspect over pairs of (gold, read)."""
    known = list(pairs)
    return {
        aspect: prf(np.array([field_counts(gold, read, aspect) for gold, read in known]).reshape(-1, 3), seed=seed)
        for aspect in ASPECTS
    }


# ------------------------------------------------------------ boundaries of cases


def boundary_counts(gold: Iterable[Span], read: Iterable[Span]) -> dict[str, tuple[int, int, int]]:
    """Right, extra and missed in one notice: whole cases (start and end both right), and boundaries one by one."""
    mine, yours = ({(span.start, span.end) for span in spans} for spans in (gold, read))
    ends = [{(place, case[place]) for case in cases for place in (0, 1)} for cases in (mine, yours)]
    return {"case": set_counts(mine, yours), "boundary": set_counts(*ends)}


def boundary_figures(pairs: Iterable[tuple[Iterable[Span], Iterable[Span]]], *, seed: int = 0) -> Mapping[str, Prf]:
    """Precision, recall and F1 of cases and of boundaries over pairs of (gold, read) notices."""
    counts = [boundary_counts(gold, read) for gold, read in pairs]
    return {name: prf(np.array([one[name] for one in counts]), seed=seed) for name in ("case", "boundary")}


# ------------------------------------------------------------ wenze against gold


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How wenze fares on gold cases.

    ``labels``: ``yes`` per label, ``all`` over labels; an ``unsure`` of the gold counts neither for nor against.
    ``macro_f1`` is the mean over the labels that gold or wenze ever claims.
    ``alarmed``: of the ``sound`` cases without any label, those that got a ``yes``. ``fields``: per aspect, over the
    ``annotated`` cases. ``boundaries``: cases and boundaries of whole ``notices``. ``differences``: gold first.
    """

    cases: int
    labels: Mapping[str, Prf]
    macro_f1: float
    sound: int
    alarmed: int
    annotated: int
    fields: Mapping[str, Prf]
    notices: int
    boundaries: Mapping[str, Prf]
    differences: tuple[Difference, ...]


def merged(extractions: Iterable[Extraction]) -> Extraction:
    """What was read off a gold case, though the splitter may have cut it: all subjects and dates, the first issuer."""
    read = list(extractions)
    return Extraction(
        issuer=next((one.issuer for one in read if one.issuer), None),
        subjects=tuple(subject for one in read for subject in one.subjects),
        dates=tuple(date for one in read for date in one.dates),
    )


def label_counts(case: GoldCase, label: str, told: Container[str]) -> tuple[int, int, int]:
    """Right, extra and missed of one label in one case; nothing where the gold is unsure."""
    verdict = case.annotation.verdict(label)
    if verdict == "unsure":
        return 0, 0, 0
    gold, found = verdict == "yes", label in told
    return int(gold and found), int(found and not gold), int(gold and not found)


@dataclass(frozen=True, slots=True)
class Told:
    """What wenze says of one gold case; a label that no finding claims is not among the ``verdicts``.

    ``scores`` has every label; ``evidence`` in source offsets and ``by`` are those of the label's likeliest finding.
    """

    verdicts: Mapping[IssueId, Verdict]
    scores: Mapping[IssueId, float]
    evidence: Mapping[IssueId, tuple[Evidence, ...]]
    by: Mapping[IssueId, str]


def tell(case: GoldCase, *, model: str = RULES) -> Told:
    """Run wenze, with ``model`` beside the rules, on a gold case. Raises ModelNotAvailable."""
    analyses = analyze(Notice(id=case.id, text=case.text), model=model)
    strongest: dict[IssueId, Finding] = {}
    for finding in (finding for analysis in analyses for finding in analysis.findings):
        if finding.issue is None:
            continue
        before = strongest.get(finding.issue)
        if before is None or _weight(finding) > _weight(before):
            strongest[finding.issue] = finding
    labels = load_codebook().labels
    return Told(
        verdicts={label: one.verdict for label, one in strongest.items()},
        scores={label: max((one.scores[label] for one in analyses), default=0.0) for label in labels},
        evidence={label: one.evidence for label, one in strongest.items()},
        by={label: one.by for label, one in strongest.items()},
    )


def _weight(finding: Finding) -> tuple[bool, float]:
    return finding.verdict == "yes", finding.probability


def counts_of(cases: Sequence[GoldCase], claims: Sequence[Container[str]]) -> NDArray[Any]:
    """Right, extra and missed of what is claimed of each case, n x labels x 3."""
    names = load_codebook().labels
    table = [[label_counts(case, name, found) for name in names] for case, found in zip(cases, claims, strict=True)]
    return np.array(table).reshape(len(cases), len(names), 3)


def evaluate(
    cases: Sequence[GoldCase], notices: Sequence[GoldNotice] = (), *, model: str = RULES, seed: int = 0
) -> Evaluation:
    """Run wenze, with ``model`` beside the rules, on gold cases and notices and compare. Raises ModelNotAvailable."""
    readings = [analyze(Notice(id=case.id, text=case.text), model=model) for case in cases]
    told = [{f.issue for a in reading for f in a.findings if f.issue and f.verdict == "yes"} for reading in readings]
    names = load_codebook().labels
    table = counts_of(cases, told)
    labels = {label: prf(table[:, n], seed=seed) for n, label in enumerate(names)}
    sound = [bool(found) for case, found in zip(cases, told, strict=True) if not case.labels]
    pairs = [
        (case.id, case.fields, merged(analysis.extraction for analysis in reading))
        for case, reading in zip(cases, readings, strict=True)
        if case.fields
    ]
    splits = [split(clean(Notice(id=one.id, text=one.text))).cases for one in notices]
    return Evaluation(
        cases=len(cases),
        labels={**labels, "all": prf(table.sum(axis=1), seed=seed)},
        macro_f1=mean(one.f1.value for one in labels.values()),
        sound=len(sound),
        alarmed=sum(sound),
        annotated=len(pairs),
        fields=field_figures(((gold, read) for _, gold, read in pairs), seed=seed) if pairs else {},
        notices=len(notices),
        boundaries=boundary_figures(
            (
                ([Span(case.start, case.end) for case in one.cases], [case.source_span for case in found])
                for one, found in zip(notices, splits, strict=True)
            ),
            seed=seed,
        )
        if notices
        else {},
        differences=(
            *(
                Difference(case.id, label, case.annotation.verdict(label), "yes" if label in found else "no")
                for case, found, row in zip(cases, told, table, strict=True)
                for label, counted in zip(names, row, strict=True)
                if counted[1:].any()
            ),
            *(difference for pair in pairs for difference in field_differences(*pair)),
        ),
    )
