"""A trained model onto disk: the model, its thresholds, its figures, and a card that tells them in Chinese.

In: a ``Trained``. Out: a folder. Computes no figure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nlp.classify import THRESHOLDS_FILE
from nlp.codebook import load_codebook
from nlp.rows import plain
from nlp.train.tfidf import Trained
from nlp.train.thresholds import CAP, PRIOR, UNSURE_CAP

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
    (folder / "MODEL_CARD.md").write_text(card(told, bands), encoding="utf-8")


def card(told: Mapping[str, Any], bands: Mapping[str, Mapping[str, float]]) -> str:
    """The page: what it is, data, figures, thresholds, limits."""
    return "\n".join([*_head(told), *_data(told), *_figures(told, bands), *_ablation(told), *_limits()]) + "\n"


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    best = told["settings"]
    yield "# 模型卡：tfidf"
    yield ""
    yield (
        f"每个标签一个线性模型（{_KINDS[best['kind']]}，C = {best['c']}，类别按频次加权），"
        f"读至多 {best['characters']} 字的字串、至多 {best['words']} 词的词串"
        + (f"和抽取所得的字段（权重 {best['fields']}）" if best["fields"] else "")
        + f"，共 {told['features']} 个特征；次线性词频乘逆文档频率，概率用 Platt 法在折外得分上校准。"
        "打分只用 numpy，不联网，不读 pickle。"
    )
    yield ""
    yield "```sh"
    yield told["command"]
    yield "wenze score 通报/ -o 结果.xlsx --model tfidf"
    yield "```"
    yield ""


def _data(told: Mapping[str, Any]) -> Iterator[str]:
    dev = told["dev"]
    yield "## 数据与做法"
    yield ""
    yield (
        f"* 训练：train {told['train_cases']} 起案件（{told['train_passes']} 个撰写批次），"
        "均为大语言模型撰写并标注的虚构文本，详见数据卡。金标准存疑的案件不参与该标签的训练。"
    )
    yield (
        f"* 参数：逐项搜索 {len(told['search'])} 组，按撰写批次分组交叉验证，取各标签平均 PR-AUC 最高者"
        f"（{max(one['mean_pr_auc'] for one in told['search']):.3f}）。全部结果见 metrics.json。"
    )
    yield (
        f"* 阈值：在 dev（{dev['cases']} 起，其中无问题的 {dev['sound']} 起）上选，"
        f"目标是规则与本模型合计判出“是”的不超过无问题案件的 {CAP:.0%} 时本模型 F2 最高。每个标签在 dev 约只有十例，"
        f"故先求各标签自己的最佳阈值，再把它与平均值之差（对数几率）按 n/(n+{PRIOR}) 收缩"
        f"（n 为该标签在 dev 的正例数），加到共同阈值上；共同阈值按上述目标选定。“存疑”的下限是把全部阈值一同下移，"
        f"直到无问题案件中（连同规则判“是”的）被提到的达 {UNSURE_CAP:.0%}。"
    )
    yield f"* 编码手册指纹：`{told['codebook']}`；随机种子 {told['seed']}。test 未读、未测。"
    yield ""


def _number(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.2f}"


def _span(figure: Mapping[str, float]) -> str:
    value = _number(figure["value"])
    return value if math.isnan(figure["value"]) else f"{value}（{_number(figure['low'])}–{_number(figure['high'])}）"


def _figures(told: Mapping[str, Any], bands: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    dev, held = told["dev"], told["out_of_fold"]
    yield "## 成绩"
    yield ""
    yield (
        "只算本模型自己的判断（实际使用时规则的发现一并列出）。阈值在 dev 上选定，dev 的 F1 与误报因此偏乐观；"
        "折外一列是训练案件由没有见过其撰写批次的模型打分，参数按它选定。"
    )
    yield ""
    yield f"| 指标{_INTERVAL} | dev | train 折外 |"
    yield "|---|---|---|"
    rows = [
        ("平均 PR-AUC", "mean_pr_auc"),
        ("宏平均 F1", "macro_f1"),
        ("无问题案件判出“是”", "alarmed"),
        ("无问题案件判出“是”或“存疑”", "alarmed_or_unsure"),
    ]
    yield f"| 微平均 F1 | {_span(dev['micro']['f1'])} | {_span(held['micro']['f1'])} |"
    yield from (f"| {name} | {_span(dev[key])} | {_span(held[key])} |" for name, key in rows)
    for name, key in (("微平均准确率", "precision"), ("微平均召回率", "recall")):
        yield f"| {name} | {_number(dev['micro'][key])} | {_number(held['micro'][key])} |"
    yield f"| 校准误差 ECE（十等分） | {dev['calibration_error']:.3f} | {held['calibration_error']:.3f} |"
    hits, true = dev["evidence"]["hits"], dev["evidence"]["true"]
    share = _number(hits / true) if true else "—"
    yield f"| 判对的“是”中，指出的分句与金标准证据有重合 | {share}（{hits}/{true}） | |"
    yield ""
    yield f"| 标签 | 名称 | train 正例 | dev 正例 | dev PR-AUC{_INTERVAL} | dev F1{_INTERVAL} | 存疑起 | 是起 |"
    yield "|---|---|---|---|---|---|---|---|"
    for issue in load_codebook().issues:
        one, band = dev["labels"][issue.id], bands[issue.id]
        counts = f"{told['train_positives'][issue.id]} | {one['positives']}"
        cells = f"{_span(one['pr_auc'])} | {_span(one['f1'])} | {band['unsure']:.3f} | {band['yes']:.3f}"
        yield f"| `{issue.id}` | {issue.name} | {counts} | {cells} |"
    yield ""


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


def _limits() -> Iterator[str]:
    yield "## 局限"
    yield ""
    yield "* 训练与度量都用虚构文本，写法比真实通报更直露；在真实通报上的误报与漏判没有测过，会更差。"
    yield "* 模型认的是措辞，不懂事实：换一种说法就可能漏掉，引述、否定或假设的话可能误中。"
    yield "* 各案件的长度、文体与问题有关，模型可能学到了其中一些；人名、地名不作替换。"
    yield "* 分句证据按线性权重得出，只说明模型看重哪里，不是理由；由字段得出的判断可能指不出分句。"
    yield "* 字段来自 wenze 自己的抽取，抽取有误，判断随之有误；抽取改动后应重新训练。"
    yield ""
    yield "## 不得用于"
    yield ""
    yield "* 认定任何个人或单位有责任、无责任，或作为给予、加重、减轻、撤销处分的依据。"
    yield "* 不经人复核就对外公布，或据以给个人、单位、地区排名。"
    yield "* 估计真实通报中问题的比例：金标准过半案件带有问题，现实中几乎都没有。"
