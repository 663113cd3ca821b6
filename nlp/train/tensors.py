"""Gold cases as what a network is taught: windows of ids, verdicts, places of evidence, and a teacher's opinion.

In: gold cases, unlabelled texts, a tokenizer. Out: rows, and batches of tensors; cases less some of their clauses.
Trains nothing. Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlp.classify import load_model
from nlp.classify.bert import Window, windows
from nlp.classify.clauses import clauses
from nlp.codebook import load_codebook
from nlp.gold import GoldCase
from nlp.train.figures import verdicts_of
from nlp.train.trained import Progress, text_of

Array = NDArray[Any]
_TAUGHT = "taught.npy"
_DROPPED = 0.2  # of the clauses of a case


def rows(
    cases: Sequence[GoldCase],
    tokens: Any,
    room: int,
    *,
    fields: bool = False,
    unlabelled: Sequence[str] = (),
    taught: Array | None = None,
) -> Iterator[dict[str, Any]]:
    """Each case as windows of ids, verdicts, and (window, first token, last + 1, label) of its evidence.

    After the cases come the ``unlabelled`` texts, on which every verdict is open and a teacher says what is ``taught``
    (texts x labels).
    """
    silent = {} if taught is None else {"taught": [float("nan")] * len(load_codebook().labels)}
    for case, verdicts in zip(cases, verdicts_of(cases), strict=True):
        text = text_of(case)
        read = windows(tokens, text, room, fields=fields)
        marks = [list(one) for one in _marks(case, text, read)]
        yield {**_row(read), "labels": verdicts.tolist(), "marks": marks, **silent}
    for text, said in zip(unlabelled, () if taught is None else taught, strict=True):
        read = windows(tokens, text, room, fields=fields)
        yield {**_row(read), "labels": [-1] * len(said), "marks": [], "taught": said.tolist()}


def shortened(cases: Sequence[GoldCase], times: int, *, seed: int) -> list[str]:
    """Each case ``times`` over, each time less some of its clauses: what it then shows only a teacher can tell."""
    rng = np.random.default_rng(seed)
    return [_shortened(text_of(case), rng) for case in cases for _ in range(times)]


def _shortened(text: str, rng: np.random.Generator) -> str:
    places = clauses(text)
    dropped = set(rng.choice(len(places), size=max(1, round(_DROPPED * len(places))), replace=False))
    parts, at = [], 0
    for n, place in enumerate(places):
        parts.append(text[at : place.start] if n in dropped else text[at : place.end])
        at = place.end
    return "".join([*parts, text[at:]])


def _row(read: Sequence[Window]) -> dict[str, Any]:
    return {"ids": [list(window.ids) for window in read], "length": sum(len(window.ids) for window in read)}


def _marks(case: GoldCase, text: str, read: Sequence[Window]) -> Iterator[tuple[int, int, int, int]]:
    for k, label in enumerate(load_codebook().labels):
        judged = case.labels.get(label)
        start = text.find(judged.evidence) if judged and judged.verdict == "yes" else -1
        if judged is None or start < 0:
            continue
        end = start + len(judged.evidence)
        for w, window in enumerate(read):
            inside = [n for n, (a, b) in enumerate(window.offsets) if a < end and start < b]
            if inside:
                yield w, inside[0], inside[-1] + 1, k


def taught(teacher: str, texts: Sequence[str], folder: Path, progress: Progress) -> Array:
    """The probabilities, n x k, that a trained model gives to the texts; kept in ``folder`` for when a run goes on.

    Raises ModelNotAvailable.
    """
    path = folder / _TAUGHT
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    model = load_model(teacher)
    progress(f"教师模型 {model.mark} 判断 {len(texts)} 起案件")
    said = model.classifier.score(texts).values.astype(np.float32)
    np.save(path, said, allow_pickle=False)
    return said


@dataclass(frozen=True)
class Collate:
    """Rows to tensors, padded; with ``hidden`` > 0 that share of the tokens is replaced by ``mask``."""

    hidden: float
    mask: int

    def __call__(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        read = [(n, ids) for n, row in enumerate(batch) for ids in row["ids"]]
        longest = max(len(ids) for _, ids in read)
        ids = torch.zeros(len(read), longest, dtype=torch.long)
        real = torch.zeros_like(ids)
        marks = torch.zeros(len(read), longest, len(batch[0]["labels"]), dtype=torch.bool)
        first = np.cumsum([0, *(len(row["ids"]) for row in batch)])
        for w, (_, one) in enumerate(read):
            ids[w, : len(one)], real[w, : len(one)] = torch.tensor(one), 1
        for n, row in enumerate(batch):
            for w, start, end, label in row["marks"]:
                marks[first[n] + w, start:end, label] = True
        if self.hidden:
            inner = real.bool() & (ids != ids[:, :1])  # [CLS] stays
            ids[(torch.rand(ids.shape) < self.hidden) & inner] = self.mask
        found = {
            "input_ids": ids,
            "attention_mask": real,
            "case": torch.tensor([n for n, _ in read]),
            "labels": torch.tensor([row["labels"] for row in batch]),
            "marks": marks,
        }
        if "taught" in batch[0]:
            found["taught"] = torch.tensor([row["taught"] for row in batch])
        return found
