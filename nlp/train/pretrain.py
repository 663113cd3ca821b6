"""Continued pretraining of a Chinese BERT on plain text: whole words are hidden, the encoder learns to tell them.

In: text files, a backbone by name or folder. Out: a folder that any command taking ``--backbone`` reads, and what is
told of it. Reads no gold. Needs torch and transformers (``pip install 'wenze[train]'``).

Words are those of ``nlp.segment``; all tokens of a word are hidden together (Cui et al. 2019), anew each time a piece
is read. Documents are packed one behind the other into pieces of equal length (Liu et al. 2019). The logits of the
vocabulary, dear on a CPU, are computed only where a token is to be told.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import lzma
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlp.read import os_reason
from nlp.segment import segment
from nlp.train.bert import BACKBONE, claim, faster_in_bf16, trackers
from nlp.train.trained import Progress, TrainingError
from nlp.types import Word

Ids = NDArray[np.int32]
Marks = NDArray[np.bool_]
TOLD = "pretrain.json"
_PAST, _PIECES = "checkpoint-*/trainer_state.json", "pieces.npz"
_HIDDEN = 0.15  # of the words; of these 80 % become [MASK], 10 % random tokens, 10 % stay
_ASIDE = 0.01  # of the documents
_UNTOLD = -100  # the label of a token that is not to be told
_LEAST_TOKENS = 8
_TELL_EVERY = 1000  # documents


@dataclass(frozen=True, slots=True)
class Settings:
    """How a backbone is trained on: ``steps`` batches of ``batch`` pieces of at most ``tokens`` tokens."""

    backbone: str = BACKBONE
    steps: int = 2000
    batch: int = 16
    tokens: int = 256
    rate: float = 1e-4
    seed: int = 0


# ------------------------------------------------------------ the corpus

_PACKED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".xz": lzma.decompress}
_TABLES = (".jsonl", *(f".jsonl{packing}" for packing in _PACKED))
_KNOWN = (".txt", *(f".txt{packing}" for packing in _PACKED), *_TABLES)


def corpus_files(inputs: Iterable[str | Path], *, progress: Progress = lambda _: None) -> list[Path]:
    """The text files of the inputs, folders with all below, sorted, each once; tells what else lies in a folder.

    Raises TrainingError for an input that is not there or not of a known kind, and where none is left.
    """
    found: dict[Path, Path] = {}
    for one in map(Path, inputs):
        if one.is_dir():
            inside = sorted(path for path in one.rglob("*") if path.is_file())
            found.update((path.resolve(), path) for path in inside if path.name.endswith(_KNOWN))
            if other := [str(path) for path in inside if not path.name.endswith(_KNOWN)]:
                progress(f"不读（扩展名不是 {'、'.join(_KNOWN)}）：{'、'.join(other)}")
        elif not one.exists():
            raise TrainingError(f"没有语料 {one}。请检查路径")
        elif not one.name.endswith(_KNOWN):
            raise TrainingError(f"不认识语料 {one} 的格式。请改成 {'、'.join(_KNOWN)} 之一")
        else:
            found[one.resolve()] = one
    if not found:
        raise TrainingError(f"语料里没有文本文件。请放入 {'、'.join(_KNOWN)}")
    return list(found.values())


def read_documents(path: Path) -> Iterator[str]:
    """The documents of a file, none empty: of .jsonl a row's ``text``; of .txt what empty lines part, else each line.

    Raises TrainingError naming the file, the row and the cure.
    """
    text = _text(path)
    if path.name.endswith(_TABLES):
        yield from filter(None, (_row(path, n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()))
        return
    lines = [line.strip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if all(lines):
        yield from lines
        return
    block: list[str] = []
    for line in [*lines, ""]:
        if line:
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if unpack := _PACKED.get(path.suffix):
            data = unpack(data)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise TrainingError(f"语料 {path} 已损坏，解不开（{error}）。请重新下载或重新压缩") from None
    except OSError as error:
        raise TrainingError(f"读不了语料 {path}：{os_reason(error)}。请检查路径与权限") from None
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise TrainingError(f"语料 {path} 第{row}行不是 UTF-8 编码。请另存为 UTF-8") from None


def _row(path: Path, n: int, line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError:
        raise TrainingError(f"语料 {path} 第{n}行不是 JSON。请改正或删去这一行") from None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise TrainingError(f'语料 {path} 第{n}行没有文本。每行应形如 {{"text": "正文"}}')
    return cast(str, row["text"]).strip()


def read_corpus(inputs: Iterable[str | Path], *, progress: Progress = lambda _: None) -> list[str]:
    """Every document of the inputs once, in order. Raises TrainingError, also where fewer than two are left."""
    read = [text for path in corpus_files(inputs, progress=progress) for text in read_documents(path)]
    documents = list(dict.fromkeys(read))
    if len(documents) < 2:
        raise TrainingError(
            f"语料里只有 {len(documents)} 篇不同的文本，至少要两篇：一篇训练，一篇检验。请添语料，篇与篇之间空一行"
        )
    if doubles := len(read) - len(documents):
        progress(f"语料 {len(documents)} 篇；另有 {doubles} 篇与它们逐字相同，只读一次")
    else:
        progress(f"语料 {len(documents)} 篇")
    return documents


def aside(count: int, seed: int) -> frozenset[int]:
    """Which of ``count`` documents are kept aside: one in a hundred, at least one."""
    order = np.random.default_rng(seed).permutation(count)
    return frozenset(map(int, order[: max(1, round(count * _ASIDE))]))


# ------------------------------------------------------------ words hidden whole


def word_starts(words: Sequence[Word], offsets: Sequence[tuple[int, int]]) -> Marks:
    """Which tokens begin a word, by the characters they stand for; a token across two words makes them one."""
    if not offsets:
        return np.zeros(0, dtype=bool)
    starts = np.array([word.start for word in words])
    first, last = np.array(offsets).T
    before = np.concatenate([[0], last[:-1]])
    begins: Marks = np.searchsorted(starts, before, "left") < np.searchsorted(starts, first, "right")
    begins[0] = True
    return begins


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What hiding needs to know: the id of [MASK], the ids never hidden (special, unknown), those put at random."""

    mask: int
    closed: Ids
    open: Ids


def hide(ids: Ids, begins: Marks, vocabulary: Vocabulary, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """What the encoder reads, and what it has to tell at each token (-100: nothing).

    Of the words without a closed id 15 % are hidden, at least one: four in five as [MASK], one in ten as random tokens,
    one in ten as they are, always all tokens of a word alike (Devlin et al. 2019, by words).
    """
    word = np.cumsum(begins) - 1
    shut = np.zeros(int(word[-1]) + 1 if len(word) else 0, dtype=bool)
    np.logical_or.at(shut, word, np.isin(ids, vocabulary.closed))
    can = np.flatnonzero(~shut)
    chosen = rng.choice(can, size=min(len(can), max(1, round(_HIDDEN * len(can)))), replace=False)
    lot = np.full(len(shut), np.nan)
    lot[chosen] = rng.random(len(chosen))
    fate = lot[word]  # nan where nothing is hidden, so that all comparisons fail
    read = np.where(fate < 0.8, vocabulary.mask, ids)
    read = np.where((fate >= 0.8) & (fate < 0.9), rng.choice(vocabulary.open, size=len(ids)), read)
    return read.astype(np.int32), np.where(np.isnan(fate), _UNTOLD, ids).astype(np.int32)


# ------------------------------------------------------------ documents as pieces


@dataclass(frozen=True)
class Pieces:
    """Token ids one behind the other, which begin a word, and where each piece ends (the first begins at 0)."""

    ids: Ids
    begins: Marks
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, n: int) -> tuple[Ids, Marks]:
        part = slice(int(self.ends[n - 1]) if n else 0, int(self.ends[n]))
        begins = self.begins[part].copy()
        begins[0] = True  # a word longer than a piece goes on in the next
        return self.ids[part], begins


def pack(ids: Ids, begins: Marks, room: int) -> Pieces:
    """All tokens in pieces of at most ``room``, cut before a word; only a word longer than that is cut itself."""
    starts, ends, at = np.flatnonzero(begins), [], 0
    while at < len(ids):
        end = min(at + room, len(ids))
        if end < len(ids):
            last = int(starts[np.searchsorted(starts, end, "right") - 1])
            end = last if last > at else end
        ends.append(end)
        at = end
    return Pieces(ids, begins, np.array(ends, dtype=np.int64))


def pieces(documents: Sequence[str], tokens: Any, room: int, *, progress: Progress = lambda _: None) -> Pieces:
    """The documents as tokens, [SEP] between two, packed; ``tokens`` is a tokenizer without padding and truncation."""
    part = tokens.token_to_id("[SEP]")
    ids: list[Ids] = []
    begins: list[Marks] = []
    for n, text in enumerate(documents):
        if n and n % _TELL_EVERY == 0:
            progress(f"已分词 {n} / {len(documents)} 篇")
        read = tokens.encode(text, add_special_tokens=False)
        if not read.ids:
            continue
        if ids:
            ids.append(np.array([part], dtype=np.int32))
            begins.append(np.ones(1, dtype=bool))
        ids.append(np.array(read.ids, dtype=np.int32))
        begins.append(word_starts(segment(text), read.offsets))
    if not ids:
        return Pieces(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64))
    return pack(np.concatenate(ids), np.concatenate(begins), room)


@dataclass(frozen=True)
class Collate:
    """Pieces to padded tensors between [CLS] and [SEP], words hidden: by ``seed`` always the same, without it anew."""

    vocabulary: Vocabulary
    begin: int
    end: int
    pad: int
    seed: int | None = None

    def __call__(self, batch: Sequence[tuple[Ids, Marks]]) -> dict[str, Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**31, ())) if self.seed is None else self.seed)
        longest = max(len(ids) for ids, _ in batch) + 2
        read = np.full((len(batch), longest), self.pad, dtype=np.int64)
        told = np.full((len(batch), longest), _UNTOLD, dtype=np.int64)
        real = np.zeros((len(batch), longest), dtype=np.int64)
        for row, (ids, begins) in enumerate(batch):
            n = len(ids)
            read[row, 1 : n + 1], told[row, 1 : n + 1] = hide(ids, begins, self.vocabulary, rng)
            read[row, 0], read[row, n + 1], real[row, : n + 2] = self.begin, self.end, 1
        arrays = {"input_ids": read, "attention_mask": real, "labels": told}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


# ------------------------------------------------------------ the network


def masked_loss(model: Any, batch: dict[str, Tensor], *, bf16: bool) -> tuple[Tensor, int]:
    """The summed cross-entropy over the tokens to be told, and how many they are; logits are made for these alone."""
    told = batch["labels"] != _UNTOLD
    with torch.autocast(told.device.type, torch.bfloat16, enabled=bf16):
        states = model.bert(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        logits = model.cls(states[told])
    loss = nn.functional.cross_entropy(logits.float(), batch["labels"][told], reduction="sum")
    return loss, int(told.sum())


def held_out(model: Any, rows: Pieces, collate: Collate, batch: int, *, bf16: bool) -> tuple[float, int]:
    """The mean loss of the tokens hidden in pieces that are not trained on, and how many they are."""
    device = next(model.parameters()).device
    model.eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(rows), batch):
            one = collate([rows[n] for n in range(start, min(start + batch, len(rows)))])
            loss, told = masked_loss(model, {name: value.to(device) for name, value in one.items()}, bf16=bf16)
            total, count = total + float(loss), count + told
    return total / max(count, 1), count


def _backbone(settings: Settings) -> tuple[Any, Any, bool, dict[str, float]]:
    """Model with a head, tokenizer, whether the head is new, and the dropout that it was made with."""
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer
    from transformers.utils.logging import get_verbosity, set_verbosity

    torch.manual_seed(settings.seed)
    verbosity = get_verbosity()
    set_verbosity(logging.ERROR)  # a head that is not there is no damage, as the library has it
    dropout = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    try:
        config = AutoConfig.from_pretrained(settings.backbone)
        made = {name: float(getattr(config, name)) for name in dropout if hasattr(config, name)}
        if config.model_type != "bert":
            raise TrainingError(f"骨干 {settings.backbone} 是 {config.model_type}，不是 BERT。请换一个 BERT")
        if settings.tokens > config.max_position_embeddings:
            raise TrainingError(f"--tokens {settings.tokens} 太大：骨干至多读 {config.max_position_embeddings} 个词元")
        model, info = AutoModelForMaskedLM.from_pretrained(
            settings.backbone,
            dtype=torch.float32,  # a file in float16 must not be trained in it
            tie_word_embeddings=True,
            output_loading_info=True,
            **dict.fromkeys(made, 0.0),  # tokens are hidden instead: far cheaper
        )
        tokenizer = AutoTokenizer.from_pretrained(settings.backbone, use_fast=True)
    except TrainingError:
        raise
    except (OSError, ValueError) as error:
        why = str(error).strip().split("\n")[0]
        raise TrainingError(f"读不到骨干 {settings.backbone}（{why}）。请检查名字与网络，或给出本地文件夹") from error
    finally:
        set_verbosity(verbosity)
    if not tokenizer.is_fast:
        raise TrainingError(f"骨干 {settings.backbone} 的分词器没有快速版，不知词元在文中何处。请换一个骨干")
    return model, tokenizer, any("transform" in key for key in info["missing_keys"]), made


def _vocabulary(tokenizer: Any) -> Vocabulary:
    special = sorted(tokenizer.all_special_ids)
    unused = [n for token, n in tokenizer.get_vocab().items() if token.startswith("[unused")]
    usual = sorted(set(tokenizer.get_vocab().values()) - {*special, *unused})
    return Vocabulary(tokenizer.mask_token_id, np.array(special, np.int32), np.array(usual, np.int32))


def _plain_tokens(tokenizer: Any) -> Any:
    """A tokenizer that neither pads nor truncates."""
    from tokenizers import Tokenizer

    plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    plain.no_padding()
    plain.no_truncation()
    return plain


# ------------------------------------------------------------ training


def _prepared(documents: Sequence[str], tokens: Any, settings: Settings, run: Path, progress: Progress) -> list[Pieces]:
    """The pieces to train on and those kept aside; what a run has made already is read from its folder."""
    path, room = run / _PIECES, settings.tokens - 2
    if not path.is_file():
        kept = aside(len(documents), settings.seed)
        progress(f"分词：{len(documents) - len(kept)} 篇用于训练，{len(kept)} 篇留作检验")
        parts = [
            pieces([text for n, text in enumerate(documents) if (n in kept) == held], tokens, room, progress=progress)
            for held in (False, True)
        ]
        names = {f"{key}{n}": getattr(part, key) for n, part in enumerate(parts) for key in ("ids", "begins", "ends")}
        part_path = path.with_name("part.npz")
        np.savez(part_path, **names)
        part_path.replace(path)
    with np.load(path, allow_pickle=False) as kept_file:
        made = [Pieces(*(kept_file[f"{key}{n}"] for key in ("ids", "begins", "ends"))) for n in (0, 1)]
    if not all(map(len, made)):
        raise TrainingError("语料分词后没有可训练或可检验的词元。请检查语料是不是中文文本")
    return made


def _trainer_class(base: Any, bf16: bool) -> Any:
    """The library's trainer with the loss of the hidden tokens alone."""

    class Training(base):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
            loss, told = masked_loss(self.accelerator.unwrap_model(model, keep_fp32_wrapper=True), inputs, bf16=bf16)
            return loss / max(told, 1)

    return Training


def _arguments(settings: Settings, run: Path, *, bf16: bool) -> Any:
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(run),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.rate,
        warmup_steps=settings.steps // 10,
        weight_decay=0.01,
        save_strategy="steps",
        save_steps=max(1, min(settings.steps // 10, 500)),
        save_total_limit=2,
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=settings.seed,
        logging_steps=max(1, min(settings.steps // 10, 50)),
        report_to=trackers(),
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )


def _last_checkpoint(run: Path) -> Path | None:
    """The last checkpoint that is whole: the state of the trainer is written last."""
    whole = [path.parent for path in run.glob(_PAST)]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def pretrain(
    inputs: Sequence[str | Path], settings: Settings, out: Path, run: Path, *, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Train the backbone on the corpus and write it, its tokenizer and ``pretrain.json`` to ``out``; returns the last.

    ``run`` keeps the tokenized corpus, checkpoints and logs; a run broken off goes on from there, with the same corpus
    and settings. The corpus is held in memory. Raises TrainingError for what of these will not do.
    """
    from transformers import Trainer

    if min(settings.steps, settings.batch) < 1 or settings.tokens < _LEAST_TOKENS or settings.rate <= 0:
        raise TrainingError(f"--steps、--batch 至少为 1，--tokens 至少为 {_LEAST_TOKENS}，--rate 要大于 0")
    for folder in (out, run):
        if any(Path(one).resolve() in (folder.resolve(), *folder.resolve().parents) for one in inputs):
            raise TrainingError(f"{folder} 在语料文件夹里，写出的东西会被当作语料。请换到别处")
    documents = read_corpus(inputs, progress=progress)
    digest = hashlib.sha256("\0".join(documents).encode("utf-8", "surrogatepass")).hexdigest()
    model, tokenizer, new_head, dropout = _backbone(settings)
    if new_head:
        progress(f"骨干 {settings.backbone} 不带猜词的头：头从零学起，训练前的损失只说明这一点")
    claim(run, {**asdict(settings), "corpus": digest})
    train, held = _prepared(documents, _plain_tokens(tokenizer), settings, run, progress)
    vocabulary, ends = _vocabulary(tokenizer), (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
    bf16 = faster_in_bf16()
    how = _arguments(settings, run, bf16=bf16)
    trainer = _trainer_class(Trainer, bf16)(
        model=model, args=how, train_dataset=train, data_collator=Collate(vocabulary, *ends)
    )
    same = Collate(vocabulary, *ends, settings.seed)
    progress(f"训练前在留出的 {len(held)} 段上求损失")
    before, hidden = held_out(model, held, same, settings.batch, bf16=bf16)
    past = _last_checkpoint(run)
    if past:
        progress(f"接着 {run} 里上次的训练")
    began = time.perf_counter()
    trainer.train(resume_from_checkpoint=str(past) if past else None)
    seconds = time.perf_counter() - began
    after, _ = held_out(model, held, same, settings.batch, bf16=bf16)
    read = len(train.ids) / len(train) * settings.steps * settings.batch
    told = {
        "settings": asdict(settings),
        "corpus": {
            "sha256": digest,
            "documents": len(documents),
            "tokens": len(train.ids) + len(held.ids),
            "unknown": int((train.ids == tokenizer.unk_token_id).sum() + (held.ids == tokenizer.unk_token_id).sum()),
            "pieces": len(train),
        },
        "epochs": settings.steps * settings.batch / len(train),
        "new_head": new_head,
        "precision": "bf16" if bf16 else "fp32",
        "device": str(how.device),
        "seconds": None if past else seconds,
        "tokens_per_second": None if past else read / seconds,
        "held_out": {
            "documents": len(aside(len(documents), settings.seed)),
            "pieces": len(held),
            "hidden_tokens": hidden,
            "loss_before": before,
            "loss_after": after,
        },
    }
    model.config.update(dropout)
    _write(model, tokenizer, told, out)
    return told


def _write(model: Any, tokenizer: Any, told: dict[str, Any], out: Path) -> None:
    """The encoder with its head, so that it can be trained on, its tokenizer, and what is told of it."""
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(out))
    tokenizer.save_pretrained(str(out))
    text = json.dumps(told, ensure_ascii=False, indent=2)
    (out / TOLD).write_text(text + "\n", encoding="utf-8")
