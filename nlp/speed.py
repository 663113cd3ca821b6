"""How fast every stage is, alone and together, beside peers in the same run, and whether cost grows with size alone.

In: how many cases, and where peers lie. Out: seconds of wall and of CPU (own and of children), peak memory. Each figure
is of a fresh process that is warmed up first, so that no stage pays for loading. The texts are synthetic, so that any
machine measures the same. CPU seconds tell the cost where others use the machine as well.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nlp.quality import peak_memory
from nlp.rows import json_line
from nlp.synthesis import cases as synthetic_cases
from nlp.synthesis import notices as synthetic_notices

_SEED = 0
_PEER_CASES = 500  # that the peer of words learns from
_SLOW_CASES = 60  # at most, for what takes a second a case

Progress = Callable[[str], None]
Stage = Callable[["Corpus"], tuple[list[Any], Callable[[list[Any]], object]]]


@dataclass(frozen=True)
class Corpus:
    """Notices as HTML, and their cases' texts; ``folder`` holds the notices as files, n.html."""

    folder: Path
    pages: tuple[str, ...]
    cases: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of the cases' texts in UTF-8: what every figure in MB counts."""
        return sum(len(text.encode()) for text in self.cases)


@dataclass(frozen=True, slots=True)
class Timed:
    """What one thing took for ``cases`` cases of ``size`` bytes: seconds of wall and of CPU, peak bytes held."""

    name: str
    cases: int
    size: int
    wall: float
    cpu: float
    memory: int | None

    @property
    def megabytes(self) -> float:
        """MB a second of CPU, which is a second of one core."""
        return self.size / 1e6 / self.cpu if self.cpu else math.nan

    @property
    def rate(self) -> float:
        """Cases a second of CPU."""
        return self.cases / self.cpu if self.cpu else math.nan

    @property
    def cores(self) -> float:
        """Cores at work on average."""
        return self.cpu / self.wall if self.wall else math.nan


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast as its peers something is, by CPU and by wall; ``target`` is what we want."""

    name: str
    against: str
    cpu: float
    wall: float
    target: float


@dataclass(frozen=True)
class Speed:
    """A whole run; ``skipped`` tells what was not measured and why, ``exponent`` how cost grows (1: linear)."""

    machine: Mapping[str, str]
    stages: tuple[Timed, ...]
    peers: tuple[Timed, ...]
    skipped: Mapping[str, str]
    ratios: tuple[Ratio, ...]
    growth: tuple[Timed, ...]
    exponent: float


# ------------------------------------------------------------ texts


def page(text: str) -> str:
    """A notice as a page would hold it."""
    lines = "\n".join(f"<p>{escape(line)}</p>" for line in text.split("\n"))
    return f'<html><head><meta charset="utf-8"></head><body><div class="content">\n{lines}\n</div></body></html>\n'


def corpus(cases: int, folder: Path) -> Corpus:
    """At least so many synthetic cases, in whole notices, written into ``folder``."""
    pages: list[str] = []
    texts: list[str] = []
    for row in _notices():
        pages.append(page(row["text"]))
        texts += [row["text"][case["start"] : case["end"]] for case in row["cases"]]
        (folder / f"{len(pages)}.html").write_text(pages[-1], encoding="utf-8")
        if len(texts) >= cases:
            break
    return Corpus(folder, tuple(pages), tuple(texts))


def table(cases: int, path: Path) -> tuple[int, int]:
    """A table of notices with at least so many cases: how many, and the bytes of their texts. Streams."""
    count = size = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for n, row in enumerate(_notices()):
            file.write(json_line({"id": str(n), "text": page(row["text"])}) + "\n")
            for case in row["cases"]:
                count += 1
                size += len(row["text"][case["start"] : case["end"]].encode())
            if count >= cases:
                break
    return count, size


def _notices() -> Iterator[dict[str, Any]]:
    return iter(synthetic_notices(10**9, _SEED))


# ------------------------------------------------------------ stages


def _each(work: Callable[[Any], object]) -> Callable[[list[Any]], object]:
    def run(items: list[Any]) -> None:
        for item in items:
            work(item)

    return run


def _parts(texts: Corpus) -> list[Any]:
    from nlp.clean import clean
    from nlp.split import split
    from nlp.types import Notice

    found = [split(clean(Notice(str(n), text))) for n, text in enumerate(texts.pages)]
    return [case for one in found for case in one.cases]


def _read(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.read import read_notices

    paths = [str(texts.folder / f"{n + 1}.html") for n in range(len(texts.pages))]
    return paths, lambda some: sum(1 for _ in read_notices(some))


def _clean(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.clean import clean
    from nlp.types import Notice

    return [Notice(str(n), text) for n, text in enumerate(texts.pages)], _each(clean)


def _split(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.clean import clean
    from nlp.split import split
    from nlp.types import Notice

    return [clean(Notice(str(n), text)) for n, text in enumerate(texts.pages)], _each(split)


def _segment(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.segment import segment

    return list(texts.cases), _each(segment)


def _extract(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.extract import extract

    return _parts(texts), _each(extract)


def _rules(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.classify.rules import rule_findings
    from nlp.extract import extract

    return [(case, extract(case)) for case in _parts(texts)], _each(lambda told: rule_findings(*told))


def _model(name: str, texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.classify import load_model

    classifier = load_model(name).classifier
    return list(texts.cases), _each(lambda text: classifier.score([text]))


def _rows(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.pipeline import analyze
    from nlp.rows import row

    return [one for text in texts.pages for one in analyze(text)], _each(lambda one: json_line(row(one)))


def _analysed(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.pipeline import analyze

    return list(texts.pages), _each(analyze)


def _whole(model: str, texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.pipeline import analyze_many
    from nlp.read import read_notices
    from nlp.rows import row

    paths, _ = _read(texts)
    return paths, lambda some: sum(len(json_line(row(one))) for one in analyze_many(read_notices(some), model=model))


STAGES: dict[str, Stage] = {
    "read": _read,
    "clean": _clean,
    "split": _split,
    "segment": _segment,
    "extract": _extract,
    "rules": _rules,
    "tfidf": partial(_model, "tfidf"),
    "bert": partial(_model, "bert"),
    "ensemble": partial(_model, "ensemble"),
    "rows": _rows,
    "clean_to_rules": _analysed,
    "whole_rules": partial(_whole, "rules"),
    "whole_bert": partial(_whole, "bert"),
    "whole_ensemble": partial(_whole, "ensemble"),
}


# ------------------------------------------------------------ peers


def _regression(texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.peers import words_and_regression

    gold = list(synthetic_cases(_PEER_CASES, _SEED + 1))
    labels = [[key for key, one in row["labels"].items() if one["verdict"] == "yes"] for row in gold]
    return list(texts.cases), words_and_regression([row["text"] for row in gold], labels)


def _pipeline(backbone: Path, batch: int, texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.peers import transformers_pipeline

    return list(texts.cases), transformers_pipeline(backbone, batch)


def _uie(folder: Path, texts: Corpus) -> tuple[list[Any], Callable[[list[Any]], object]]:
    from nlp.peers import Uie

    model = Uie(folder)
    return list(texts.cases), _each(model.measures)


def peers(backbone: Path | None, uie: Path | None) -> tuple[dict[str, Stage], dict[str, str]]:
    """The peers that can be measured, and why the others cannot (in Chinese)."""
    from importlib.util import find_spec

    found: dict[str, Stage] = {"regression": _regression}
    skipped: dict[str, str] = {}
    if backbone is None:
        skipped["pipeline"] = "没有给出骨干的文件夹（--backbone）"
    elif not (backbone / "config.json").is_file():
        skipped["pipeline"] = f"{backbone.name} 里没有 config.json"
    elif missing := [name for name in ("torch", "transformers") if find_spec(name) is None]:
        skipped["pipeline"] = f"缺少 {'、'.join(missing)}，请先运行 pip install 'wenze[train]'"
    else:
        found["pipeline_1"] = partial(_pipeline, backbone, 1)
        found["pipeline_16"] = partial(_pipeline, backbone, 16)
    if uie is None:
        skipped["uie"] = "没有给出 UIE-nano 的文件夹（--uie）"
    elif not (uie / "model.onnx").is_file():
        skipped["uie"] = f"{uie.name} 里没有 model.onnx"
    else:
        found["uie"] = partial(_uie, uie)
    return found, skipped


# ------------------------------------------------------------ measuring


def clock() -> tuple[float, float]:
    """Seconds of wall, and of CPU of this process and of its children that have ended."""
    told = os.times()
    return time.perf_counter(), time.process_time() + told.children_user + told.children_system


def measured(name: str, stage: Stage, texts: Corpus) -> Timed:
    """What the stage takes for the texts, in this process, once it is warm."""
    items, run = stage(texts)
    run(items[:1])
    before = clock()
    run(items)
    after = clock()
    return Timed(name, len(texts.cases), texts.size, after[0] - before[0], after[1] - before[1], peak_memory())


def apart(work: Callable[..., Timed], *given: Any) -> Timed:
    """The same in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *given).result()


def scored(name: str, path: Path, count: int, size: int, workers: int) -> Timed:
    """What ``batch.score`` takes for a table once it is warm; the start of several workers is within the time."""
    from nlp.batch import score

    first, out = path.with_suffix(".first.jsonl"), path.with_suffix(".out.jsonl")
    table(2, first)
    score([str(first)], out, force=True)
    before = clock()
    score([str(path)], out, workers=workers, force=True)
    after = clock()
    return Timed(name, count, size, after[0] - before[0], after[1] - before[1], peak_memory())


def exponent(growth: Sequence[Timed]) -> float:
    """The b of cost = a · cases^b, by least squares over the logarithms; NaN for fewer than two sizes."""
    points = [(math.log(one.cases), math.log(one.cpu)) for one in growth if one.cpu > 0]
    if len({x for x, _ in points}) < 2:
        return math.nan
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    return float(sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points))


# What is measured against what (a sum of several), and how many times as fast we want it.
_WANTED = (
    ("tfidf", ("regression",), 1.0),
    ("bert", ("pipeline_1",), 8.0),
    ("bert", ("pipeline_16",), 4.0),
    ("extract", ("uie",), 100.0),
    ("whole_bert", ("regression", "pipeline_1"), 10.0),
    ("whole_ensemble", ("regression", "pipeline_1"), 10.0),
    ("two_workers", ("one_worker",), 1.8),
)


def ratios(timed: Mapping[str, Timed]) -> tuple[Ratio, ...]:
    """How much faster a case is done than by the peers, where all of them were measured."""
    found = []
    for name, against, target in _WANTED:
        if name in timed and all(one in timed for one in against):
            cpu, wall = (
                sum(_a_case(timed[one], kind) for one in against) / _a_case(timed[name], kind)
                for kind in ("cpu", "wall")
            )
            found.append(Ratio(name, "+".join(against), cpu, wall, target))
    return tuple(found)


def _a_case(one: Timed, kind: str) -> float:
    return float(getattr(one, kind)) / one.cases if getattr(one, kind) else math.nan


def machine() -> dict[str, str]:
    """What it was measured on."""
    from importlib.metadata import PackageNotFoundError, version

    told = {"CPU": _processor(), "cores": str(os.cpu_count() or "?"), "Python": platform.python_version()}
    if hasattr(os, "getloadavg"):
        told["load"] = f"{os.getloadavg()[0]:.1f}"
    for package in ("wenze", "onnxruntime", "jieba", "scikit-learn", "torch", "transformers"):
        try:
            told[package] = version(package)
        except PackageNotFoundError:
            continue
    return told


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text("utf-8"), re.MULTILINE) if info.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()


def speed(
    cases: int,
    sizes: Sequence[int],
    *,
    backbone: Path | None = None,
    uie: Path | None = None,
    progress: Progress = lambda _: None,
) -> Speed:
    """Measure every stage and peer on ``cases`` cases, then ``wenze score`` on tables of ``sizes`` cases."""
    others, skipped = peers(backbone, uie)
    told = machine()
    with TemporaryDirectory() as place:
        (folder := Path(place) / "pages").mkdir()
        texts = corpus(cases, folder)
        few = Corpus(folder, texts.pages, texts.cases[:_SLOW_CASES])
        found: dict[str, Timed] = {}
        for name, stage in {**STAGES, **others}.items():
            progress(name)
            found[name] = apart(measured, name, stage, few if name == "uie" else texts)
        growth = []
        for size in sizes:
            progress(f"score {size}")
            path = Path(place) / f"{size}.jsonl"
            count, weight = table(size, path)
            growth.append(apart(scored, str(size), path, count, weight, 1))
            if size == sizes[-1]:
                found["one_worker"] = growth[-1]
                progress(f"score {size}, 2 workers")
                found["two_workers"] = apart(scored, "two_workers", path, count, weight, 2)
            for spent in Path(place).glob(f"{size}.*"):
                spent.unlink()
    return Speed(
        told,
        tuple(one for name, one in found.items() if name in STAGES),
        tuple(one for name, one in found.items() if name in others),
        skipped,
        ratios(found),
        tuple(growth),
        exponent(growth),
    )
