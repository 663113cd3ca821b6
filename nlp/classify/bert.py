"""A fine-tuned Chinese BERT as an ONNX graph: every token says how much it matters to a label, and what it says.

In: texts. Out: calibrated probabilities, and the clauses that the probability rests on. A text longer than the encoder
reads is read in windows that overlap, and no token is left out. Needs onnxruntime and tokenizers, not torch; never
applies a threshold. Trained by ``nlp.train.bert``.

The graph gives for each token and label an attention score s and a value v; the logit of a label is the sum over all
tokens of all windows of softmax(s) * v, so each token's part in it is known exactly (Mullenbach et al. 2018).
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.classify.base import RETRAIN, check_labels, read_record, write_labels
from nlp.classify.clauses import clauses
from nlp.classify.marking import field_marks, marks
from nlp.classify.odds import sigmoid
from nlp.classify.whole import whole
from nlp.codebook import load_codebook
from nlp.shelves import ModelNotAvailable
from nlp.types import IssueId, Scores, Span

Floats = NDArray[np.float64]
GRAPH, TOKENIZER, SETTINGS = "model.onnx", "tokenizer.json", "settings.json"
_OVERLAP = 32  # tokens that two windows share
# Read as if it were not there, or otherwise, character by character so that offsets stay: quotation marks, which the
# backbone's vocabulary lacks and which tell labelled cases by their mere presence; capitals, which it lacks as well.
_READ_AS = str.maketrans(dict.fromkeys("“”‘’「」『』", " ") | {chr(n): chr(n + 32) for n in range(65, 91)})
# Evidence is what lifts a label above the log-odds of 1 in 20, about the share of "yes" in the gold: a clause must
# lift it by _LEAST, and by _SHARE of what the best clause does (by gold of dev).
_BASE, _LEAST, _SHARE = -2.94, 0.05, 0.4


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text as the encoder reads it: ids with [CLS] and [SEP]; of each token its range of the text."""

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """``tokens`` a window holds at most; ``slope`` and ``offset`` (one a label) make a logit a probability (Platt).

    ``fields``: whether what was extracted from a text is marked in it.
    """

    tokens: int = 512
    slope: tuple[float, ...] = field(default=())
    offset: tuple[float, ...] = field(default=())
    fields: bool = False


def windows(tokenizer: Any, text: str, tokens: int, *, fields: bool = False) -> list[Window]:
    """The whole text in as few windows of at most ``tokens`` as hold it, evenly long; one for an empty text.

    With ``fields`` a reserved token that covers nothing stands before each subject, responsibility and measure.
    """
    begin, end = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    all_ids, all_offsets = _encoded(tokenizer, text, fields=fields)
    room, total = tokens - 2, len(all_ids)
    count = 1 if total <= room else -(-(total - _OVERLAP) // (room - _OVERLAP))
    step = -(-(total - _OVERLAP) // count) if count > 1 else total
    found = []
    for n in range(count):
        part = slice(n * step, n * step + step + (_OVERLAP if count > 1 else 0))
        found.append(Window((begin, *all_ids[part], end), ((0, 0), *all_offsets[part], (0, 0))))
    return found


def _encoded(tokenizer: Any, text: str, *, fields: bool) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids and offsets of a text, the marks of its fields among them where asked for."""
    read = tokenizer.encode(text.translate(_READ_AS), add_special_tokens=False)
    if not fields:
        return read.ids, read.offsets
    number = {mark: tokenizer.token_to_id(f"[unused{n}]") for n, mark in enumerate(marks(), start=1)}
    told = deque(field_marks(whole(text)[1]))
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for one, (start, end) in zip(read.ids, read.offsets, strict=True):
        while told and told[0][0] < end:
            ids.append(number[told.popleft()[1]])
            offsets.append((start, start))
        ids.append(one)
        offsets.append((start, end))
    return ids, offsets


def tokens_of(path: Path) -> Any:
    """The tokenizer in a file, without padding and truncation. Raises ModelNotAvailable."""
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelNotAvailable(f"模型文件夹 {path.parent} 不完整：缺少 {path.name}。{RETRAIN}") from None
    except Exception as error:  # the library raises bare Exception
        raise ModelNotAvailable(f"模型文件 {path} 已损坏：{error}。{RETRAIN}") from error
    made.no_padding()
    made.no_truncation()
    return made


@dataclass(frozen=True, eq=False)
class BertClassifier:
    """``graph`` is the session of an ONNX model, ``folder`` where its files lie."""

    reads: Reads
    tokenizer: Any
    graph: Any
    folder: Path

    @property
    def labels(self) -> tuple[IssueId, ...]:
        return load_codebook().labels

    def score(self, texts: Sequence[str]) -> Scores:
        """Probabilities, n texts x k labels; each text is read alone, so that it scores as in any batch."""
        values = np.zeros((len(texts), len(self.labels)))
        for row, text in enumerate(texts):
            values[row] = sigmoid(self.logits(text))
        return Scores(self.labels, values)

    def logits(self, text: str) -> Floats:
        """The log-odds of each label, k."""
        _, weight, said = self._read(text)
        return np.asarray((weight * said).sum(axis=0))

    def explain(self, text: str, label: IssueId) -> tuple[Span, ...]:
        """The clauses whose tokens raise ``label``: the best, and those nearly as telling; () where none does."""
        column = self.labels.index(label)
        offsets, weight, said = self._read(text)
        lifts = weight[:, column] * (said[:, column] - _BASE)
        middle, real = offsets.mean(axis=1), offsets[:, 1] > offsets[:, 0]
        places = clauses(text)
        share = [float(lifts[real & (middle >= p.start) & (middle <= p.end)].sum()) for p in places]
        least = max([_LEAST, *(_SHARE * one for one in share)])
        return tuple(place for place, one in zip(places, share, strict=True) if one >= least)

    @lru_cache(maxsize=8)  # noqa: B019
    def _read(self, text: str) -> tuple[Floats, Floats, Floats]:
        """Of t tokens the range of the text (t x 2), and for each label its weight and the log-odds it speaks for."""
        read = windows(self.tokenizer, text, self.reads.tokens, fields=self.reads.fields)
        told = [self._run(window) for window in read]
        attention, value = (np.concatenate([one[n] for one in told]).astype(np.float64) for n in (0, 1))
        weight = np.exp(attention - attention.max(axis=0))
        weight /= weight.sum(axis=0)
        offsets = np.array([place for window in read for place in window.offsets], dtype=np.float64)
        return offsets, weight, np.array(self.reads.slope) * value + np.array(self.reads.offset)

    def _run(self, window: Window) -> tuple[Floats, Floats]:
        ids = np.array([window.ids], dtype=np.int64)
        attention, value = self.graph.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return attention[0], value[0]

    def save(self, folder: Path) -> None:
        """Write labels and settings as JSON, and copy graph and tokenizer."""
        folder.mkdir(parents=True, exist_ok=True)
        write_labels(folder, "bert")
        (folder / SETTINGS).write_text(json.dumps(asdict(self.reads), indent=2) + "\n", encoding="utf-8")
        if folder.resolve() != self.folder.resolve():
            for name in (GRAPH, TOKENIZER):
                shutil.copyfile(self.folder / name, folder / name)

    @classmethod
    def load(cls, folder: Path) -> BertClassifier:
        """The model saved in ``folder``. Raises ModelNotAvailable when it does not fit this codebook or is damaged."""
        check_labels(folder)
        settings, k = read_record(folder / SETTINGS), len(load_codebook().labels)
        if set(settings) != {one.name for one in dataclass_fields(Reads)}:
            raise ModelNotAvailable(f"模型文件 {folder / SETTINGS} 的键不是本版本所知的。{RETRAIN}")
        try:
            slope, offset = (tuple(map(float, settings[key])) for key in ("slope", "offset"))
            reads = Reads(int(settings["tokens"]), slope, offset, bool(settings["fields"]))
        except (TypeError, ValueError) as error:
            raise ModelNotAvailable(f"模型文件 {folder / SETTINGS} 已损坏：{error}。{RETRAIN}") from error
        if {len(reads.slope), len(reads.offset)} != {k} or reads.tokens <= _OVERLAP + 2:
            raise ModelNotAvailable(f"模型文件 {folder / SETTINGS} 与标签对不上。{RETRAIN}")
        return cls(reads, tokens_of(folder / TOKENIZER), open_graph(folder / GRAPH), folder)


def open_graph(path: Path) -> Any:
    """A session of the ONNX graph in a file, on one thread. Raises ModelNotAvailable."""
    import onnxruntime

    if not path.is_file():
        raise ModelNotAvailable(f"模型文件夹 {path.parent} 不完整：缺少 {path.name}。{RETRAIN}")
    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads = how.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), how, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises exceptions of its own making, all children of Exception
        raise ModelNotAvailable(f"模型文件 {path} 已损坏：{error}。{RETRAIN}") from error
