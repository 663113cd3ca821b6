"""Models side by side on the same gold cases: judgement, evidence, calibration and cost, and how sure differences are.

In: gold cases and models. Out: figures with bootstrap intervals over cases, spreads over seeds, paired differences.
A model is judged as it is used, beside the rules. Where the gold is unsure nothing counts. Never trains, never writes.
"""

from __future__ import annotations

import multiprocessing
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nlp.classify import BACKENDS, RULES, TELLS_NOTHING, load_model, shipped
from nlp.classify.base import read_record
from nlp.classify.clauses import clauses
from nlp.codebook import load_codebook
from nlp.evaluate import (
    Figure,
    Paired,
    Prf,
    Told,
    bootstrap,
    counts_of,
    macro_f1,
    mean,
    micro_f1,
    paired_bootstrap,
    prf,
    set_counts,
    tell,
)
from nlp.gold import GoldCase
from nlp.pipeline import analyze, code_fingerprint, fingerprints
from nlp.train.figures import (
    average_precision,
    calibration_error,
    mean_average_precision,
    sound_of,
    tenths,
    verdicts_of,
)
from nlp.types import IssueId, Notice, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIMED = 100  # cases that speed and memory are measured on
_METRICS = "metrics.json"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model by the ``name`` it has in the tables, and its ``folders`` (or names of backends), one a seed."""

    name: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many cases, and the share with its interval."""

    count: int
    of: int
    share: Figure


@dataclass(frozen=True, slots=True)
class Bin:
    """The pairs of case and label whose probability falls into a tenth: the mean probability, and the share of yes."""

    told: float
    true: float
    count: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What scoring takes: bytes on disk, seconds until the first case is done, cases a second after it, peak bytes.

    Speed and memory are those of a fresh process that scores ``timed`` cases; ``memory`` is None where the system does
    not tell it, ``trained_seconds`` where the model does not.
    """

    size: int
    first_seconds: float
    cases_a_second: float
    memory: int | None
    timed: int
    trained_seconds: float | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation over seeds."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Fare:
    """How one model fares, by its first folder.

    ``areas``: PR-AUC a label. ``alarmed`` and ``mentioned``: sound cases with a ``yes``, with a ``yes`` or ``unsure``.
    ``evidence``: clauses told against clauses of the gold, over the true claims; ``touching``: true claims of which
    some evidence touches the gold's. ``joint``: micro F1 where a claim is right only if its evidence touches.
    ``seeds``: of micro_f1, macro_f1, mean_area and alarmed, empty with one folder.
    """

    name: str
    folders: tuple[str, ...]
    marks: tuple[str, ...]
    micro: Prf
    macro_f1: Figure
    labels: Mapping[IssueId, Prf]
    mean_area: Figure
    areas: Mapping[IssueId, float]
    alarmed: Share
    mentioned: Share
    evidence: Prf
    touching: Share
    joint: Prf
    calibration: float
    label_calibration: float
    bins: tuple[Bin, ...]
    seeds: Mapping[str, Spread]
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """What ``second`` is above ``first``, both on the same resampled cases."""

    first: str
    second: str
    micro: Paired
    macro: Paired
    area: Paired


@dataclass(frozen=True, slots=True)
class Quality:
    """All models on the same cases; ``positives`` a label, and who judged: fingerprints of codebook and code."""

    cases: int
    sound: int
    positives: Mapping[IssueId, int]
    codebook: str
    code: str
    models: tuple[Fare, ...]
    pairs: tuple[Pair, ...]


def quality(
    cases: Sequence[GoldCase],
    candidates: Sequence[Candidate],
    *,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Quality:
    """Run every model on the cases, then measure each in a process of its own. Raises ModelNotAvailable."""
    texts, told, costs = [case.text for case in cases[:TIMED]], [], []
    for one in candidates:
        said = []
        for folder in one.folders:
            progress(f"{one.name}：{folder}，{len(cases)} 起")
            said.append([tell(case, model=folder) for case in cases])
        told.append(said)
    for one in candidates:
        progress(f"{one.name}：速度与内存")
        costs.append(cost(one.folders[0], texts))
    return quality_told(cases, list(zip(candidates, told, strict=True)), costs=costs, seed=seed)


def quality_told(
    cases: Sequence[GoldCase],
    told: Sequence[tuple[Candidate, Sequence[Sequence[Told]]]],
    *,
    costs: Sequence[Cost | None] = (),
    seed: int = 0,
) -> Quality:
    """The same of what the models have said already: of each candidate, for every folder, of every case."""
    verdicts = verdicts_of(cases)
    fares = tuple(
        _fare(cases, candidate, said, cost, seed)
        for (candidate, said), cost in zip(told, costs or [None] * len(told), strict=True)
    )
    return Quality(
        cases=len(cases),
        sound=int(sound_of(cases).sum()),
        positives=dict(zip(load_codebook().labels, (verdicts == 1).sum(axis=0).tolist(), strict=True)),
        codebook=load_codebook().fingerprint,
        code=code_fingerprint(),
        models=fares,
        pairs=tuple(
            _pair(cases, (one.name, first[0]), (other.name, second[0]), seed)
            for (one, first), (other, second) in combinations(told, 2)
        ),
    )


# ------------------------------------------------------------ one model


def _fare(
    cases: Sequence[GoldCase], candidate: Candidate, said: Sequence[Sequence[Told]], cost: Cost | None, seed: int
) -> Fare:
    names, verdicts, told = load_codebook().labels, verdicts_of(cases), said[0]
    table, scores = _counts(cases, told), _scores(told)
    found = [evidence_counts(case, one) for case, one in zip(cases, told, strict=True)]
    touching = np.array([one.touching for one in found]).reshape(-1, 2)
    return Fare(
        name=candidate.name,
        folders=candidate.folders,
        marks=tuple(fingerprints(folder)["model"] for folder in candidate.folders),
        micro=prf(table.sum(axis=1), seed=seed),
        macro_f1=bootstrap(table.reshape(len(cases), -1), macro_f1, seed=seed),
        labels={label: prf(table[:, n], seed=seed) for n, label in enumerate(names)},
        mean_area=bootstrap(np.eye(len(cases)), _mean_areas(verdicts, scores), seed=seed),
        areas={label: average_precision(verdicts[:, n], scores[:, n]) for n, label in enumerate(names)},
        alarmed=_alarms(cases, told, ("yes",), seed),
        mentioned=_alarms(cases, told, ("yes", "unsure"), seed),
        evidence=prf(np.array([one.clauses for one in found]), seed=seed),
        touching=_share(touching, seed),
        joint=prf(np.array([one.joint for one in found]), seed=seed),
        calibration=calibration_error(verdicts, scores),
        label_calibration=mean(calibration_error(verdicts[:, [n]], scores[:, [n]]) for n in range(len(names))),
        bins=reliability(verdicts, scores),
        seeds=_seeds(cases, said) if len(said) > 1 else {},
        cost=cost,
    )


def _counts(cases: Sequence[GoldCase], told: Sequence[Told]) -> NDArray[Any]:
    return counts_of(cases, [{label for label, said in one.verdicts.items() if said == "yes"} for one in told])


def _scores(told: Sequence[Told]) -> NDArray[Any]:
    names = load_codebook().labels
    return np.array([[one.scores[label] for label in names] for one in told]).reshape(len(told), len(names))


def _alarms(cases: Sequence[GoldCase], told: Sequence[Told], verdicts: Iterable[str], seed: int) -> Share:
    wanted = set(verdicts)
    spoken = [
        [bool(wanted & set(one.verdicts.values())), 1] for case, one in zip(cases, told, strict=True) if not case.labels
    ]
    return _share(np.array(spoken).reshape(-1, 2), seed)


def _share(counts: NDArray[Any], seed: int) -> Share:
    """Of n x 2 counts: how many, of how many."""

    def shares(sums: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(invalid="ignore"):
            return np.asarray(sums[:, 0] / sums[:, 1])

    count, of = (int(n) for n in counts.sum(axis=0))
    return Share(count, of, bootstrap(counts, shares, seed=seed))


def _seeds(cases: Sequence[GoldCase], said: Sequence[Sequence[Told]]) -> dict[str, Spread]:
    verdicts, sound = verdicts_of(cases), sound_of(cases)
    reached: dict[str, list[float]] = {"micro_f1": [], "macro_f1": [], "mean_area": [], "alarmed": []}
    for told in said:
        sums = _counts(cases, told).reshape(len(cases), -1).sum(axis=0, keepdims=True)
        alarms = [float("yes" in one.verdicts.values()) for one, is_sound in zip(told, sound, strict=True) if is_sound]
        reached["micro_f1"].append(float(micro_f1(sums)[0]))
        reached["macro_f1"].append(float(macro_f1(sums)[0]))
        reached["mean_area"].append(mean_average_precision(verdicts, _scores(told)))
        reached["alarmed"].append(mean(alarms))
    return {key: Spread(float(np.mean(values)), float(np.std(values, ddof=1))) for key, values in reached.items()}


# ------------------------------------------------------------ evidence


@dataclass(frozen=True, slots=True)
class EvidenceCounts:
    """Of one case: right, extra and missed ``clauses`` of the true claims; true claims ``touching``, and all of them;
    right, extra and missed claims where one without the gold's evidence is wrong (``joint``)."""

    clauses: tuple[int, int, int]
    touching: tuple[int, int]
    joint: tuple[int, int, int]


def evidence_counts(case: GoldCase, told: Told) -> EvidenceCounts:
    """The evidence of the claims of a case against the gold's; where that stands twice, its first place counts."""
    places = clauses(case.text)
    clause, touching, joint = [0, 0, 0], [0, 0], [0, 0, 0]
    for label in load_codebook().labels:
        gold, claimed = case.annotation.verdict(label), told.verdicts.get(label) == "yes"
        if gold == "unsure" or (gold == "no" and not claimed):
            continue
        if gold == "no" or not claimed:
            joint[1 if claimed else 2] += 1
            continue
        said = case.labels[label].evidence
        mine = [Span(case.text.find(said), case.text.find(said) + len(said))]
        yours = [Span(one.start, one.end) for one in told.evidence.get(label, ())]
        for n, count in enumerate(set_counts(_touched(places, mine), _touched(places, yours))):
            clause[n] += count
        right = bool(_touched(mine, yours))
        touching[0] += right
        touching[1] += 1
        for n, count in enumerate((1, 0, 0) if right else (0, 1, 1)):
            joint[n] += count
    return EvidenceCounts((clause[0], clause[1], clause[2]), (touching[0], touching[1]), (joint[0], joint[1], joint[2]))


def _touched(places: Iterable[Span], by: Sequence[Span]) -> set[Span]:
    return {place for place in places if any(one.start < place.end and place.start < one.end for one in by)}


# ------------------------------------------------------------ probabilities


def reliability(verdicts: NDArray[Any], scores: NDArray[Any]) -> tuple[Bin, ...]:
    """The tenths of [0, 1] that hold a judged pair of case and label, in order."""
    return tuple(Bin(*one) for one in tenths(verdicts, scores))


def _mean_areas(verdicts: NDArray[Any], scores: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Mean average precision over labels as a function of how often each of the n cases counts (b x n -> b)."""

    def areas(times: NDArray[Any]) -> NDArray[Any]:
        columns = [_areas(verdicts[:, k], scores[:, k], times) for k in range(verdicts.shape[1])]
        return np.array([mean(row) for row in np.column_stack(columns)])

    return areas


def _areas(verdicts: NDArray[Any], scores: NDArray[Any], times: NDArray[Any]) -> NDArray[Any]:
    """``average_precision`` of one label, each case counted as often as each row of ``times`` says."""
    known = verdicts >= 0
    order = np.argsort(-scores[known], kind="stable")
    hits, ranked, times = (verdicts[known] == 1)[order], scores[known][order], times[:, known][:, order]
    if not hits.any():
        return np.full(len(times), np.nan)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    right, all_ = np.cumsum(times * hits, axis=1)[:, last], np.cumsum(times, axis=1)[:, last]
    with np.errstate(invalid="ignore"):
        precision = np.where(all_ > 0, right / all_, 0.0)
        return np.asarray((np.diff(right, axis=1, prepend=0) * precision).sum(axis=1) / right[:, -1])


# ------------------------------------------------------------ two models


def _pair(
    cases: Sequence[GoldCase], first: tuple[str, Sequence[Told]], second: tuple[str, Sequence[Told]], seed: int
) -> Pair:
    n, verdicts = len(cases), verdicts_of(cases)
    before, after = (_counts(cases, told).reshape(n, -1) for _, told in (first, second))
    # Both models' probabilities are one table of 2n rows; the figure is that of the model whose half is counted.
    both = _mean_areas(np.vstack([verdicts, verdicts]), np.vstack([_scores(first[1]), _scores(second[1])]))
    each, none = np.eye(n), np.zeros((n, n))
    return Pair(
        first=first[0],
        second=second[0],
        micro=paired_bootstrap(before, after, micro_f1, seed=seed),
        macro=paired_bootstrap(before, after, macro_f1, seed=seed),
        area=paired_bootstrap(np.hstack([each, none]), np.hstack([none, each]), both, seed=seed),
    )


# ------------------------------------------------------------ cost


def cost(model: str, texts: Sequence[str]) -> Cost:
    """What ``model`` takes on disk, and in a fresh process that scores the texts. Raises ModelNotAvailable."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        first, rate, memory = process.submit(_measured, model, list(texts)).result()
    folder = _folder(model)
    return Cost(size(model), first, rate, memory, len(texts), _trained_seconds(folder) if folder else None)


def _measured(model: str, texts: Sequence[str]) -> tuple[float, float, int | None]:
    began = time.perf_counter()
    analyze(Notice(id="0", text=texts[0]), model=model)
    first = time.perf_counter() - began
    began = time.perf_counter()
    for n, text in enumerate(texts):
        analyze(Notice(id=str(n), text=text), model=model)
    return first, len(texts) / (time.perf_counter() - began), peak_memory()


def peak_memory() -> int | None:
    """The most bytes this process has held; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent held when it started this process
        told = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
        return int(told[1]) * 1024 if told else None
    if sys.platform == "darwin":
        import resource

        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return None


def size(model: str) -> int:
    """Bytes of the files that scoring reads, an ensemble's members among them; 0 for the rules."""
    folder = _folder(model)
    if folder is None:
        return 0
    members = getattr(load_model(model).classifier, "folders", ())
    own = sum(path.stat().st_size for path in folder.iterdir() if path.is_file() and path.name not in TELLS_NOTHING)
    return own + sum(size(str(member)) for member in members)


def _folder(model: str) -> Path | None:
    if model == RULES:
        return None
    return shipped(model) if model in BACKENDS else Path(model)


def _trained_seconds(folder: Path) -> float | None:
    """The seconds of training that ``metrics.json`` tells, its own or its history's."""
    if not (folder / _METRICS).is_file():
        return None
    told = read_record(folder / _METRICS)
    for place in (told, told.get("history") or {}):
        if place.get("seconds") is not None:
            return float(place["seconds"])
    return None
