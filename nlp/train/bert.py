"""Fine-tuning of a Chinese BERT: one head for all labels, taught by the verdicts and by the evidence of the gold.

In: gold cases of train and dev, a backbone by name or folder. Out: a folder that ``nlp.classify.bert`` reads, and what
is told of it. Test is never read. Needs torch and transformers (``pip install 'wenze[train]'``).

The head gives each token and label an attention score and a value (label-wise attention, Mullenbach et al. 2018); the
gold evidence teaches the attention where to look (Zhang et al. 2016). The loss of the verdicts is asymmetric
(Ben-Baruch et al. 2021): of twenty labels nearly all are ``no``. A verdict that the gold leaves unsure teaches nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nlp.classify.base import definitions_fingerprint
from nlp.classify.bert import GRAPH, TOKENIZER, BertClassifier, Reads, open_graph, tokens_of
from nlp.classify.marking import marks
from nlp.classify.odds import sigmoid
from nlp.codebook import load_codebook
from nlp.gold import GoldCase
from nlp.train.calibration import together
from nlp.train.figures import mean_average_precision, verdicts_of
from nlp.train.tensors import Collate, rows, shortened, taught
from nlp.train.trained import Progress, Trained, TrainingError, finish, text_of

Array = NDArray[Any]
BACKBONE = "BAAI/bge-small-zh-v1.5"
_PAST, _SETTINGS, _HISTORY, _BEST = "checkpoint-*", "settings.json", "history.json", "best.safetensors"
_SAME = 1e-3


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is trained.

    ``tokens`` a window holds, ``hidden`` the share of input tokens masked at random while training, ``evidence`` the
    weight of the attention's loss beside that of the verdicts, ``focus`` the exponent by which an easy ``no`` counts
    less, ``frozen`` whether the word embeddings stay as they are, ``patience`` the epochs without a better dev,
    ``fields`` whether what was extracted from a text is marked in it. ``teacher`` is a trained model, by name or
    folder, whose probabilities stand for verdicts on unlabelled texts (Hinton et al. 2015), ``trust`` the weight of
    their loss; ``variants`` of each case of train, less some of its clauses, are such texts too (Jiao et al. 2020).
    """

    backbone: str = BACKBONE
    epochs: int = 6
    batch: int = 16
    rate: float = 1e-4
    head_rate: float = 1e-3
    tokens: int = 512
    hidden: float = 0.1
    evidence: float = 0.2
    focus: float = 2.0
    frozen: bool = True
    patience: int = 2
    seed: int = 0
    fields: bool = False
    teacher: str = ""
    trust: float = 1.0
    variants: int = 0


# ------------------------------------------------------------ the network


class Network(nn.Module):
    """An encoder, and on each token for each label an attention score and a value."""

    def __init__(self, encoder: nn.Module, labels: int, settings: Settings) -> None:
        super().__init__()
        hidden = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.encoder, self.settings = encoder, settings
        self.attention, self.value = nn.Linear(hidden, labels), nn.Linear(hidden, labels)
        nn.init.constant_(self.value.bias, -2.0)

    def read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attention scores and values, w windows x t tokens x k labels each."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.attention(states).float(), self.value(states).float()

    def forward(
        self,
        *,
        input_ids: Tensor,
        attention_mask: Tensor,
        case: Tensor,
        labels: Tensor,
        marks: Tensor,
        taught: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """``case`` (w) says whose windows they are, ``labels`` (n x k) 1, 0 or -1; ``marks`` (w x t x k): evidence.

        ``taught`` (n x k): what a teacher says of those without a verdict, NaN elsewhere.
        """
        attention, value = self.read(input_ids, attention_mask)
        logits, looked = [], []
        for n in range(len(labels)):
            real = attention_mask.bool() & (case == n)[:, None]
            weight = torch.log_softmax(attention[real], dim=0)
            logits.append((weight.exp() * value[real]).sum(dim=0))
            looked.append(torch.logsumexp(weight.masked_fill(~marks[real], -1e4), dim=0))
        told, seen = torch.stack(logits), torch.stack(looked)
        loss = asymmetric(told, labels, self.settings.focus)
        shown = seen > -1e3
        if self.settings.evidence and bool(shown.any()):
            loss = loss - self.settings.evidence * seen[shown].mean()
        if taught is not None:
            known = taught.isfinite()
            apart = nn.functional.binary_cross_entropy_with_logits(told[known], taught[known], reduction="sum")
            loss = loss + self.settings.trust * apart / len(labels)
        return {"loss": loss, "logits": told}


def asymmetric(logits: Tensor, verdicts: Tensor, focus: float) -> Tensor:
    """Cross-entropy summed over labels, mean over cases; an easy ``no`` counts by its probability to ``focus``."""
    yes, no = nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
    easy = torch.sigmoid(logits.detach()) ** focus
    return -torch.where(verdicts == 1, yes, torch.where(verdicts == 0, easy * no, torch.zeros_like(no))).sum(1).mean()


def network(settings: Settings) -> Network:
    """A network with the encoder of the backbone and a new head."""
    from transformers import AutoModel

    torch.manual_seed(settings.seed)
    how = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # tokens are masked instead: far cheaper
    try:
        encoder = AutoModel.from_pretrained(settings.backbone, dtype=torch.float32, add_pooling_layer=False, **how)
    except (OSError, ValueError) as error:
        cure = "请写本地的骨干文件夹，或联网时模型库里的名字（如 BAAI/bge-small-zh-v1.5）"
        raise TrainingError(f"读不了骨干 {settings.backbone}：{str(error).splitlines()[0]}。{cure}") from error
    if (most := int(encoder.config.max_position_embeddings)) < settings.tokens:
        raise TrainingError(f"骨干 {settings.backbone} 一次至多读 {most} 个字符片，不足 {settings.tokens}")
    if settings.frozen:
        encoder.get_input_embeddings().weight.requires_grad_(False)
    return Network(encoder, len(load_codebook().labels), settings)


def tokenizer(backbone: str, folder: Path) -> Any:
    """The backbone's tokenizer, written into ``folder`` as the one file that scoring reads."""
    from transformers import AutoTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    AutoTokenizer.from_pretrained(backbone, use_fast=True).backend_tokenizer.save(str(folder / TOKENIZER))
    return tokens_of(folder / TOKENIZER)


# ------------------------------------------------------------ training


def faster_in_bf16() -> bool:
    """Whether this machine multiplies matrices faster in bf16; measured, since no flag tells."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    took = {}
    for kind in (torch.float32, torch.bfloat16):
        one = torch.ones(768, 768, dtype=kind, device=device)
        for _ in range(3):
            start = time.perf_counter()
            (one @ one).sum().item()
            took[kind] = time.perf_counter() - start
    return took[torch.bfloat16] < took[torch.float32]


def fine_tune(
    cases: Sequence[GoldCase], settings: Settings, folder: Path, *, progress: Progress, unlabelled: Sequence[str] = ()
) -> tuple[Network, dict[str, Any]]:
    """The network of the best epoch on dev, and how it came about; checkpoints and logs lie in ``folder``.

    A run that was broken off goes on from its last checkpoint; the same settings must be given. Of the ``unlabelled``
    texts only the teacher's opinion is learnt.
    Raises TrainingError where ``folder`` holds a run of other settings.
    """
    from datasets import Dataset
    from transformers import EarlyStoppingCallback, Trainer, TrainingArguments

    model = network(settings)
    learnt, dev = _splits(cases)
    unlabelled = [*unlabelled, *shortened(learnt, settings.variants, seed=settings.seed)]
    mark = {"gold": _fingerprint(cases), "unlabelled": _hash(unlabelled), "definitions": definitions_fingerprint()}
    claim(folder, {**asdict(settings), **mark})
    tokens = tokenizer(settings.backbone, folder)
    if settings.fields and tokens.token_to_id(f"[unused{len(marks())}]") is None:
        raise TrainingError(f"骨干 {settings.backbone} 的词表没有足够的 [unused] 记号，不能在文中标出所抽取的内容")
    said = taught(settings.teacher, unlabelled, folder, progress) if unlabelled else None
    lessons = rows(learnt, tokens, settings.tokens, fields=settings.fields, unlabelled=unlabelled, taught=said)
    checked = rows(dev, tokens, settings.tokens, fields=settings.fields)
    sets = {"train": Dataset.from_list(list(lessons)), "dev": Dataset.from_list(list(checked))}
    known = TrainingArguments.__dataclass_fields__
    by_length = (
        {"train_sampling_strategy": "group_by_length"}  # transformers 5
        if "train_sampling_strategy" in known
        else {"group_by_length": True}
    )
    bf16 = faster_in_bf16()
    steps = -(-len(sets["train"]) // settings.batch)
    how = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        learning_rate=settings.rate,
        warmup_steps=steps * settings.epochs // 10,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="mean_pr_auc",
        greater_is_better=True,
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=settings.seed,
        logging_steps=max(1, steps // 10),
        report_to=trackers(),
        remove_unused_columns=False,
        label_names=["labels"],
        length_column_name="length",
        dataloader_pin_memory=False,
        **by_length,
    )
    how._n_gpu = min(how.n_gpu, 1)  # several would each get a part of a batch, whose windows say whose they are
    trainer = _trainer_class(Trainer, Collate(settings.hidden, tokens.token_to_id("[MASK]")))(
        model=model,
        args=how,
        train_dataset=sets["train"],
        eval_dataset=sets["dev"],
        data_collator=Collate(0.0, 0),
        compute_metrics=lambda told: {
            "mean_pr_auc": mean_average_precision(np.asarray(told.label_ids), np.asarray(told.predictions))
        },
        callbacks=[EarlyStoppingCallback(settings.patience)],
        optimizers=(_optimizer(model, settings), None),
    )
    if (folder / _HISTORY).is_file():
        progress(f"{folder} 里的训练已经完成，直接取用")
        model.load_state_dict(load_file(folder / _BEST))
        return model.eval(), dict(json.loads((folder / _HISTORY).read_text(encoding="utf-8")))
    past = any(folder.glob(_PAST))
    if past:
        progress(f"接着 {folder} 里上次的训练")
    began = time.perf_counter()
    trainer.train(resume_from_checkpoint=past or None)
    model = model.cpu().eval()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / _BEST)
    reached = [one for one in trainer.state.log_history if "eval_mean_pr_auc" in one]
    how_it_went = {
        "precision": "bf16" if bf16 else "fp32",
        "device": how.device.type,
        "seconds": None if past else round(time.perf_counter() - began, 1),
        "epochs": [{"epoch": one["epoch"], "dev_mean_pr_auc": one["eval_mean_pr_auc"]} for one in reached],
    }
    (folder / _HISTORY).write_text(json.dumps(how_it_went, indent=2) + "\n", encoding="utf-8")
    return model, how_it_went


def _splits(cases: Sequence[GoldCase]) -> tuple[list[GoldCase], list[GoldCase]]:
    """The cases of train and of dev."""
    return [case for case in cases if case.split == "train"], [case for case in cases if case.split == "dev"]


def _fingerprint(cases: Sequence[GoldCase]) -> str:
    """A hash of what the cases teach: texts, verdicts, evidence."""
    judged = (sorted((label, one.verdict, one.evidence) for label, one in case.labels.items()) for case in cases)
    return _hash((case.id, case.split, case.text, told) for case, told in zip(cases, judged, strict=True))


def _hash(things: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for one in things:
        digest.update(repr(one).encode())
    return digest.hexdigest()[:16]


def _trainer_class(base: Any, collate: Collate) -> Any:
    """The library's trainer, but that training batches hide tokens and those of dev do not."""

    class Training(base):  # type: ignore[misc]
        def get_train_dataloader(self) -> Any:
            plain: Any = self.data_collator
            self.data_collator: Any = collate
            made = super().get_train_dataloader()
            self.data_collator = plain
            return made

    return Training


def _optimizer(model: Network, settings: Settings) -> torch.optim.Optimizer:
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    head = [*model.attention.parameters(), *model.value.parameters()]
    groups = [{"params": encoder, "lr": settings.rate}, {"params": head, "lr": settings.head_rate}]
    return torch.optim.AdamW(groups, weight_decay=0.01, fused=True)


def trackers() -> list[str]:
    """What the library's trainer writes its log for: TensorBoard, where it is installed."""
    return ["tensorboard"] if find_spec("tensorboard") else []


def claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make ``folder`` the place of a run with these settings. Raises TrainingError where it is that of another."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _SETTINGS
    told = json.dumps(settings, ensure_ascii=False, indent=2) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") != told:
        raise TrainingError(f"{folder} 里是另一套参数、骨干或金标准的训练。换一个文件夹，或删去它再来")
    path.write_text(told, encoding="utf-8")


def logits(model: Network, cases: Sequence[GoldCase], tokens: Any, settings: Settings) -> Array:
    """The logit of every case and label, n x k, in float32."""
    found = []
    with torch.inference_mode():
        for row in rows(cases, tokens, settings.tokens, fields=settings.fields):
            batch = Collate(0.0, 0)([row])
            found.append(model(**batch)["logits"][0].float().numpy())
    return np.array(found).reshape(len(cases), -1)


# ------------------------------------------------------------ small, fast and free of torch


class _Readable(nn.Module):
    """The part of a network that scoring needs."""

    def __init__(self, model: Network) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.read(input_ids, attention_mask)


def export(model: Network, path: Path) -> None:
    """Write the network as an ONNX graph with weights of eight bits, scales by channel, activations at run time.

    By the exporter that traces: the newer one (dynamo) gave other numbers than the network (torch 2.13, transformers
    5.23). Raises TrainingError where the graph does, before its weights are shortened.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    names = ["input_ids", "attention_mask", "attention", "value"]
    with TemporaryDirectory() as folder:
        whole = Path(folder) / GRAPH
        one = torch.ones(2, 16, dtype=torch.long)
        torch.onnx.export(
            _Readable(model).eval(),
            (one, one),
            str(whole),
            input_names=names[:2],
            output_names=names[2:],
            dynamic_axes={name: {0: "windows", 1: "tokens"} for name in names},
            dynamo=False,
        )
        if (unlike := _unlike(model, whole)) > _SAME:
            raise TrainingError(
                f"导出的 ONNX 图与网络不符（相差 {unlike:.3f}）。换一个版本的 torch 或 transformers 再试"
            )
        quantize_dynamic(
            str(whole),
            str(path),
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        )


def _unlike(model: Network, path: Path) -> float:
    """The greatest difference between the network and its graph, over windows of several lengths."""
    graph, found = open_graph(path), 0.0
    for tokens in (3, 40, 300):
        ids = torch.arange(tokens)[None] % 90 + 5  # ids that any vocabulary has
        with torch.inference_mode():
            exact = model.read(ids, torch.ones_like(ids))
        told = graph.run(None, {"input_ids": ids.numpy(), "attention_mask": np.ones_like(ids.numpy())})
        found = max(found, *(float(np.abs(a.numpy() - b).max()) for a, b in zip(exact, told, strict=True)))
    return found


def _margins(model: BertClassifier, texts: Sequence[str]) -> Array:
    """Logits before calibration, n x k."""
    slope, offset = _bare()
    bare = replace(model, reads=replace(model.reads, slope=slope, offset=offset))
    return np.array([bare.logits(text) for text in texts]).reshape(len(texts), len(model.labels))


def _bare() -> tuple[tuple[float, ...], tuple[float, ...]]:
    k = len(load_codebook().labels)
    return (1.0,) * k, (0.0,) * k


def train(
    cases: Sequence[GoldCase],
    settings: Settings,
    folder: Path,
    *,
    unlabelled: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> Trained:
    """Fine-tune on the cases of train, choose epoch, calibration and thresholds on those of dev.

    ``folder`` keeps checkpoints, logs, the finished network and its graph; a run broken off goes on from there.
    ``unlabelled`` texts teach what the teacher of the settings says of them.
    Raises TrainingError where train or dev is missing, or ``folder`` holds a run of other settings.
    """
    learnt, dev = _splits(cases)
    if not learnt or not dev:
        raise TrainingError("要有 train 的案件来训练，还要有 dev 的案件来选轮次与阈值")
    progress(f"读入训练案件 {len(learnt)} 起、dev 案件 {len(dev)} 起；骨干 {settings.backbone}")
    model, history = fine_tune(cases, settings, folder, progress=progress, unlabelled=unlabelled)
    progress("导出为 ONNX，权重 8 位")
    export(model, folder / GRAPH)
    tokens, graph = tokens_of(folder / TOKENIZER), open_graph(folder / GRAPH)
    shipped = BertClassifier(Reads(settings.tokens, *_bare(), settings.fields), tokens, graph, folder)
    texts = [text_of(case) for case in dev]
    margins, verdicts = _margins(shipped, texts), verdicts_of(dev)
    weights, offset = together(margins[:, :, None], verdicts)
    slope = (float(weights[0]),) * len(offset)
    shipped = replace(shipped, reads=replace(shipped.reads, slope=slope, offset=tuple(map(float, offset))))
    values = sigmoid(weights[0] * margins + offset)
    exact = sigmoid(weights[0] * logits(model, dev, tokens, settings) + offset)
    positives = map(int, (verdicts_of(learnt) == 1).sum(axis=0))
    told = {
        "train_cases": len(learnt),
        "train_passes": len({case.author_pass for case in learnt}),
        "train_positives": dict(zip(load_codebook().labels, positives, strict=True)),
        "settings": asdict(settings),
        "unlabelled": len(unlabelled),
        "history": history,
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": (folder / GRAPH).stat().st_size,
    }
    trained = finish("bert", shipped, dev, told, seed=settings.seed, values=values)
    ours, theirs = values >= trained.yes, exact >= trained.yes
    eight_bits = {
        "max_difference": float(np.abs(values - exact).max()),
        "mean_difference": float(np.abs(values - exact).mean()),
        "either_yes": int((ours | theirs).sum()),
        "both_yes": int((ours & theirs).sum()),
    }
    return replace(trained, metrics={**trained.metrics, "eight_bits": eight_bits})
