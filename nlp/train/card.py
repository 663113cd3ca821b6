"""A trained model onto disk: the model, its thresholds, its figures, and a card that tells them in Chinese.

In: a ``Trained``. Out: a folder. Computes no figure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.classify import THRESHOLDS_FILE
from nlp.codebook import load_codebook
from nlp.rows import plain
from nlp.train.thresholds import CAP, PRIOR, UNSURE_CAP
from nlp.train.trained import Trained

_KINDS = {"svm": "线性支持向量机", "logistic": "逻辑回归"}
_PARTS = {"text": "只用正文", "fields": "只用字段", "both": "两者并用"}
_INTERVAL = "（95% 区间）"


def write_model(trained: Trained, folder: Path, command: str) -> None:
    """Write everything that belongs to the model; ``command`` is what made it."""
    trained.model.save(folder)
    bands = {
        label: {"unsure": float(unsure), "yes": float(yes)}
        for label, unsure, yes in zip(trained.model.labels, trained.unsure, trained.yes, strict=True)
    }
    told = {"command": command, "codebook": load_codebook().fingerprint, **trained.metrics}
    for name, content in ((THRESHOLDS_FILE, bands), ("metrics.json", told)):
        text = json.dumps(plain(content, 4), ensure_ascii=False, indent=2, allow_nan=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(card(trained.backend, told, bands), encoding="utf-8")


def card(backend: str, told: Mapping[str, Any], bands: Mapping[str, Mapping[str, float]]) -> str:
    """The page: what it is, data, figures, thresholds, limits; each backend says its own between what all say."""
    own = _BACKENDS[backend]
    lines = [f"# 模型卡：{backend}", "", own.what(told), ""]
    lines += ["```sh", told["command"], f"wenze score 通报/ -o 结果.xlsx --model {backend}", "```", ""]
    lines += ["## 数据与做法", "", *_train(told), *own.how(told), _thresholds(told), _origin(told), ""]
    lines += [*_figures(told, bands), *own.more(told), *_limits(own.limits)]
    return "\n".join(lines) + "\n"


def _train(told: Mapping[str, Any]) -> Iterator[str]:
    if "train_cases" in told:
        yield (
            f"* 训练：train {told['train_cases']} 起案件（{told['train_passes']} 个撰写批次），"
            "均为大语言模型撰写并标注的虚构文本，详见数据卡。金标准存疑的案件不参与该标签的训练。"
        )


def _thresholds(told: Mapping[str, Any]) -> str:
    dev = told["dev"]
    return (
        f"* 阈值：在 dev（{dev['cases']} 起，其中无问题的 {dev['sound']} 起）上选，"
        f"目标是规则与本模型合计判出“是”的不超过无问题案件的 {CAP:.0%} 时本模型 F2 最高。每个标签在 dev 约只有十例，"
        f"故先求各标签自己的最佳阈值，再把它与平均值之差（对数几率）按 n/(n+{PRIOR}) 收缩"
        f"（n 为该标签在 dev 的正例数），加到共同阈值上；共同阈值按上述目标选定。“存疑”的下限是把全部阈值一同下移，"
        f"直到无问题案件中（连同规则判“是”的）被提到的达 {UNSURE_CAP:.0%}。"
    )


def _origin(told: Mapping[str, Any]) -> str:
    return f"* 编码手册指纹：`{told['codebook']}`；随机种子 {told['seed']}。训练不读 test。"


# ------------------------------------------------------------ what each backend says of itself


@dataclass(frozen=True)
class _Backend:
    """``what`` it is, ``how`` it was trained, ``more`` figures of its own, its own ``limits``."""

    what: Callable[[Mapping[str, Any]], str]
    how: Callable[[Mapping[str, Any]], Iterable[str]]
    more: Callable[[Mapping[str, Any]], Iterable[str]]
    limits: tuple[str, ...]


def _tfidf(told: Mapping[str, Any]) -> str:
    best = told["settings"]
    return (
        f"每个标签一个线性模型（{_KINDS[best['kind']]}，C = {best['c']}，类别按频次加权），"
        f"读至多 {best['characters']} 字的字串、至多 {best['words']} 词的词串"
        + (f"和抽取所得的字段（权重 {best['fields']}）" if best["fields"] else "")
        + f"，共 {told['features']} 个特征；次线性词频乘逆文档频率，概率用 Platt 法在折外得分上校准。"
        "打分只用 numpy，不联网，不读 pickle。"
    )


def _tfidf_how(told: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"* 参数：逐项搜索 {len(told['search'])} 组，按撰写批次分组交叉验证，取各标签平均 PR-AUC 最高者"
        f"（{max(one['mean_pr_auc'] for one in told['search']):.3f}）。全部结果见 metrics.json。"
    )


def _bert(told: Mapping[str, Any]) -> str:
    settings, eight = told["settings"], told["eight_bits"]
    return (
        f"在 `{settings['backbone']}` 上微调的中文 BERT（{told['parameters'] / 1e6:.0f} 百万参数），"
        "二十个标签共用编码器。"
        "每个标签有自己的注意力：哪个字重要、它说的是什么，逐字算出，相加即为该标签的得分，所以证据就是得分的来处。"
        f"长文按至多 {settings['tokens']} 个字符片分窗读完，不截断。"
        f"发布的是权重 8 位的 ONNX 图（{told['bytes'] / 1e6:.1f} MB），"
        "只需 onnxruntime 与 tokenizers，不需 torch，不联网。"
        f"在 dev 上，它与 32 位的 torch 模型概率相差至多 {eight['max_difference']:.2f}，"
        f"平均 {eight['mean_difference']:.4f}；"
        f"两者任一判“是”的 {eight['either_yes']} 处中，{eight['both_yes']} 处判断相同。"
    )


def _bert_how(told: Mapping[str, Any]) -> Iterator[str]:
    one, history = told["settings"], told["history"]
    reached = "、".join(f"{epoch['dev_mean_pr_auc']:.3f}" for epoch in history["epochs"])
    yield (
        f"* 微调：至多 {one['epochs']} 轮，每批 {one['batch']} 起，"
        f"学习率 {one['rate']:g}（分类头 {one['head_rate']:g}），"
        f"随机遮去 {one['hidden']:.0%} 的字，非对称损失（“否”的指数 {one['focus']:g}），"
        f"金标准证据教注意力往哪里看（权重 {one['evidence']:g}）"
        + ("，词向量不动" if one["frozen"] else "")
        + _taught(told)
        + f"；精度 {history['precision']}，设备 {history['device']}。"
    )
    yield f"* 各轮在 dev 的平均 PR-AUC：{reached}；取最高的一轮。概率用各标签共用斜率的 Platt 法在 dev 上校准。"


def _taught(told: Mapping[str, Any]) -> str:
    if not (teacher := told["settings"]["teacher"]):
        return ""
    variants = told["settings"]["variants"]
    made = f"和训练案件各 {variants} 份缺几句的正文" if variants else ""
    return f"；并向教师模型 `{teacher}` 学它对 {told['unlabelled']} 起未标注案件{made}的概率（蒸馏）"


def _ensemble(told: Mapping[str, Any]) -> str:
    names = "、".join(told["weights"])
    return (
        f"{names} 的加权和：模型按对数几率，规则按它给出的概率；二十个标签共用一组权重，各有自己的偏移。"
        "证据是认为该标签可能成立的各成员所指的分句。只需 numpy、onnxruntime 与 tokenizers，不联网。"
    )


def _ensemble_how(told: Mapping[str, Any]) -> Iterator[str]:
    weights = "、".join(f"{name} {weight:.2f}" for name, weight in told["weights"].items())
    marks = "、".join(f"`{one['mark']}`" for one in told["members"])
    alone = "、".join(f"{name} {value:.3f}" for name, value in told["alone"].items())
    yield f"* 成员：{marks}。换了成员须重新合成。"
    yield (
        f"* 权重在 dev 上学得（各成员已把 train 背熟，只有 dev 能说明它们值多少）：{weights}。"
        f"下面 dev 的成绩是十折交叉验证的，每案由没有见过它的权重打分。成员单独的平均 PR-AUC：{alone}。"
    )
    halted = told["abstained"]
    yield (
        "* 弃权：有成员判“是”、另有成员连“存疑”都够不上，而规则也没有发现的，只记为“存疑”，并附提示。"
        f"dev 上因此少判“是”{halted['claims']} 处，其中金标准认可的 {halted['right']} 处。"
    )


def _no_more(_: Mapping[str, Any]) -> tuple[str, ...]:
    return ()


def _number(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.2f}"


def _span(figure: Mapping[str, float]) -> str:
    value = _number(figure["value"])
    return value if math.isnan(figure["value"]) else f"{value}（{_number(figure['low'])}–{_number(figure['high'])}）"


def _figures(told: Mapping[str, Any], bands: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    measured = {"dev": told["dev"]} | ({"train 折外": told["out_of_fold"]} if "out_of_fold" in told else {})
    yield "## 成绩"
    yield ""
    yield (
        "只算本模型自己的判断（实际使用时规则的发现一并列出）。阈值在 dev 上选定，dev 的 F1 与误报因此偏乐观"
        + ("；折外一列是训练案件由没有见过其撰写批次的模型打分，参数按它选定。" if len(measured) > 1 else "。")
    )
    yield ""
    yield f"| 指标{_INTERVAL} | {' | '.join(measured)} |"
    yield "|---" * (1 + len(measured)) + "|"
    for name, figure in _ROWS.items():
        yield f"| {name} | {' | '.join(figure(one) for one in measured.values())} |"
    dev, learnt = told["dev"], told.get("train_positives", {})
    hits, true = dev["evidence"]["hits"], dev["evidence"]["true"]
    share = _number(hits / true) if true else "—"
    yield f"| 判对的“是”中，指出的分句与金标准证据有重合 | {share}（{hits}/{true}） |" + " |" * (len(measured) - 1)
    yield ""
    yield f"| 标签 | 名称 | train 正例 | dev 正例 | dev PR-AUC{_INTERVAL} | dev F1{_INTERVAL} | 存疑起 | 是起 |"
    yield "|---|---|---|---|---|---|---|---|"
    for issue in load_codebook().issues:
        one, band = dev["labels"][issue.id], bands[issue.id]
        counts = f"{learnt.get(issue.id, '—')} | {one['positives']}"
        cells = f"{_span(one['pr_auc'])} | {_span(one['f1'])} | {band['unsure']:.3f} | {band['yes']:.3f}"
        yield f"| `{issue.id}` | {issue.name} | {counts} | {cells} |"
    yield ""


_ROWS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "微平均 F1": lambda one: _span(one["micro"]["f1"]),
    "平均 PR-AUC": lambda one: _span(one["mean_pr_auc"]),
    "宏平均 F1": lambda one: _span(one["macro_f1"]),
    "无问题案件判出“是”": lambda one: _span(one["alarmed"]),
    "无问题案件判出“是”或“存疑”": lambda one: _span(one["alarmed_or_unsure"]),
    "微平均准确率": lambda one: _number(one["micro"]["precision"]),
    "微平均召回率": lambda one: _number(one["micro"]["recall"]),
    "校准误差 ECE（十等分，案件与标签合在一起，绝大多数是“否”）": lambda one: f"{one['calibration_error']:.3f}",
    "校准误差 ECE，各标签平均": lambda one: f"{one['calibration_error_by_label']:.3f}",
}


def _ablation(told: Mapping[str, Any]) -> Iterator[str]:
    found = told["ablation"]
    yield "## 消融：正文与字段"
    yield ""
    yield "字段指抽取结果变成的标记，如 ROLE_chief、SANCTION_诫勉、ONLY_deputy_punished。"
    yield ""
    yield "| 输入 | 平均 PR-AUC，dev | 平均 PR-AUC，train 折外 |"
    yield "|---|---|---|"
    for name, one in found.items():
        yield f"| {_PARTS[name]} | {one['dev']:.3f} | {one['out_of_fold']:.3f} |"
    yield ""
    kept = "本模型并用两者。" if told["settings"]["fields"] else "字段没有带来好处，本模型只用正文。"
    yield kept
    yield ""


def _limits(own: Iterable[str]) -> Iterator[str]:
    yield "## 局限"
    yield ""
    yield "* 训练与度量都用虚构文本，写法比真实通报更直露；在真实通报上会更差。"
    yield "* 模型认的是说法，不懂事实：换一种说法就可能漏掉，引述、否定或假设的话可能误中。"
    yield "* 各案件的长度、文体与问题有关，模型可能学到了其中一些；人名、地名不作替换。"
    yield from (f"* {one}" for one in own)
    yield ""
    yield "## 不得用于"
    yield ""
    yield "* 认定任何个人或单位有责任、无责任，或作为给予、加重、减轻、撤销处分的依据。"
    yield "* 不经人复核就对外公布，或据以给个人、单位、地区排名。"
    yield "* 估计真实通报中问题的比例：金标准过半案件带有问题，现实中几乎都没有。"


_BACKENDS = {
    "tfidf": _Backend(
        _tfidf,
        _tfidf_how,
        _ablation,
        (
            "分句证据按线性权重得出，只说明模型看重哪里，不是理由；由字段得出的判断可能指不出分句。",
            "字段来自 wenze 自己的抽取，抽取有误，判断随之有误；抽取改动后应重新训练。",
        ),
    ),
    "bert": _Backend(
        _bert,
        _bert_how,
        _no_more,
        (
            "证据是得分最高的分句，只说明模型看重哪里，不是理由。",
            "轮次、校准与阈值都在同一个 dev 上选定，成绩因此更偏乐观。",
        ),
    ),
    "ensemble": _Backend(
        _ensemble,
        _ensemble_how,
        _no_more,
        ("成员的局限都在，见各自的模型卡。", "成员的阈值、BERT 的轮次也在这个 dev 上选定，成绩因此仍偏乐观。"),
    ),
}
