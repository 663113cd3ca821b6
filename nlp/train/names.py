"""Training of the model of names (``extract.tagger``): characters with the names that gold tells, and others in place.

In: gold cases of train and whole notices. Out: a ``NamesModel``: the bytes of a CRFsuite model and what is told of it.
Taught are the names of those held to account and what the grammar alone reads besides (bystanders, and all names of
cases whose fields nobody annotated), so nothing depends on an earlier model. Each annotated text is read again with
other names in place: of the surnames and given names met, and words, so that what stands around a name is learned.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nlp.clean import clean
from nlp.extract.grammar import pattern
from nlp.extract.mentions import landmarks
from nlp.extract.names import lexicon
from nlp.extract.people import BELIEVED, FORMED, PREFERRED, believed, find_people, names_by_grammar
from nlp.extract.phrases import Range, Ranges, places_of
from nlp.extract.tagger import BEGIN, END, INSIDE, MODEL_FILE, OUTSIDE, Features, Model, sentences
from nlp.gold import GoldCase, GoldNotice
from nlp.train.trained import Progress, TrainingError
from nlp.types import Notice

SETTINGS: Mapping[str, float] = {"c1": 0.05, "c2": 0.01, "max_iterations": 120, "feature.minfreq": 2}
RENAMED = 2  # how often an annotated text is read again with other names
_KEPT, _WORD, _UNSURNAMED = 0.15, 0.25, 0.1  # shares of names left as they are, made of a word, of given names alone
_MET = 5  # how often a word must be met in the word list to stand for a name
_LONGEST = 4  # characters of a name with a double surname


@dataclass(frozen=True)
class Text:
    """A text as wenze reads it and the ranges of its names; ``annotated``: gold tells who was held to account."""

    text: str
    names: tuple[Range, ...]
    annotated: bool


@dataclass(frozen=True)
class NamesModel:
    """The bytes of the model, and what is told of it."""

    content: bytes
    metrics: Mapping[str, Any]


def texts(cases: Iterable[GoldCase], notices: Iterable[GoldNotice]) -> Iterator[Text]:
    """All that can be learned from."""
    for case in cases:
        yield _text(case.id, case.text, _persons(case), annotated=case.fields is not None)
    for notice in notices:
        held = {name for case in notice.cases for name, _ in case.subjects}
        yield _text(notice.id, notice.text, filter(_looks_like_a_name, held), annotated=True)


def _persons(case: GoldCase) -> set[str]:
    subjects = case.fields.subjects if case.fields else ()
    return {"".join(one.name.split()) for one in subjects if one.kind == "person" and one.name}


def _looks_like_a_name(told: str) -> bool:
    """Whether what a notice's gold calls a subject is no post and no body."""
    short = 2 <= len(told) <= _LONGEST or FORMED.search(told) is not None
    return short and not any(pattern(name).search(told) for name in ("post", "organs"))


def _text(id: str, text: str, told: Iterable[str], *, annotated: bool) -> Text:
    read = clean(Notice(id, text)).text
    found, names = landmarks(read), Ranges()
    for name in sorted(told, key=lambda name: (-len(name), name)):
        for start in places_of(read, name):
            if not names.hit(start, start + len(name)):
                names.add(start, start + len(name))
    for start, end in names_by_grammar(read, found.heads, found.blocked):
        if not names.hit(start, end):
            names.add(start, end)
    return Text(read, tuple(sorted(names.items)), annotated)


# ------------------------------------------------------------ other names in place


@dataclass(frozen=True)
class _Pool:
    """What other names are made of."""

    families: tuple[str, ...]
    given: tuple[str, ...]
    words: tuple[str, ...]

    def name(self, rng: random.Random) -> str:
        drawn = rng.random()
        if drawn < _WORD:
            return rng.choice(self.words)
        if drawn < _WORD + _UNSURNAMED:
            return rng.choice(self.given) + rng.choice(self.given)
        return rng.choice(self.families) + rng.choice(self.given)


def _pool(known: Iterable[Text]) -> _Pool:
    """The surnames and given names of annotated texts, as often as they are met, and common words of two characters.

    Raises TrainingError where no text tells of a name with a surname."""
    names = (one.text[a:b] for one in known if one.annotated for a, b in one.names)
    cut = [(name, _surname(name)) for name in names if not FORMED.search(name)]
    parts = [(name[:at], name[at:]) for name, at in cut if 0 < at < len(name) <= at + 2]
    if not parts:
        raise TrainingError("训练数据里没有标注过的姓名，学不成姓名模型。请给出带 fields 的案件")
    return _Pool(tuple(family for family, _ in parts), tuple(given for _, given in parts), tuple(_words()))


def _surname(name: str) -> int:
    """How many characters of a name are its surname; 0 for a name without a known one."""
    words = lexicon()
    return 2 if name[:2] in words.double else int(name[0] in words.single)


def _words() -> Iterator[str]:
    """Words of two characters of jieba's list that it does not call names, less those that are nobody's."""
    import jieba

    with jieba.get_dict_file() as file:
        for line in file:
            word, met, kind = line.decode("utf-8").split()
            if len(word) == 2 and int(met) >= _MET and not kind.startswith("nr") and word not in lexicon().model_not:
                yield word


def _renamed(text: Text, pool: _Pool, rng: random.Random) -> Text:
    """The text with other names; one name becomes the same everywhere."""
    others: dict[str, str] = {}
    parts: list[str] = []
    names: list[Range] = []
    at = length = 0
    for start, end in text.names:
        name = text.text[start:end]
        if name not in others:
            kept = FORMED.search(name) or rng.random() < _KEPT
            made = name if kept else pool.name(rng)
            others[name] = made if len(made) <= _LONGEST else name
        parts += [text.text[at:start], others[name]]
        begun = length + start - at
        length, at = begun + len(others[name]), end
        names.append((begun, length))
    return Text("".join([*parts, text.text[at:]]), tuple(names), text.annotated)


# ------------------------------------------------------------ training


def train(known: Sequence[Text], dev: Sequence[GoldCase], *, seed: int = 0, progress: Progress = print) -> NamesModel:
    """Train on ``known`` and tell what the names of ``dev`` are read with. Needs some minutes of one core."""
    import pycrfsuite

    rng, pool = random.Random(seed), _pool(known)
    trainer = pycrfsuite.Trainer(params=dict(SETTINGS), verbose=False)
    count = 0
    for text in known:
        for one in (text, *(_renamed(text, pool, rng) for _ in range(RENAMED if text.annotated else 0))):
            for read, tags in _sequences(one):
                trainer.append(read, tags)
                count += 1
    progress(f"训练 {count} 句……")
    with TemporaryDirectory() as folder:
        trainer.train(str(Path(folder) / "model"))
        content = (Path(folder) / "model").read_bytes()
    annotated = sum(text.annotated for text in known)
    told = {"seed": seed, "texts": len(known), "annotated": annotated, "sentences": count, "settings": dict(SETTINGS)}
    return NamesModel(content, {**told, "dev": measured(dev, content)})


def _sequences(text: Text) -> Iterator[tuple[list[list[str]], list[str]]]:
    found = landmarks(text.text)
    told = Features(text.text, found.heads, found.organs, found.blocked)
    tags = [OUTSIDE] * len(text.text)
    for start, end in text.names:
        tags[start:end] = [BEGIN, *[INSIDE] * (end - start - 2), END] if end - start > 1 else [OUTSIDE]
    for start, end in sentences(text.text, found.heads, found.blocked):
        yield told.of(start, end), tags[start:end]


def measured(dev: Iterable[GoldCase], content: bytes) -> dict[str, dict[str, int]]:
    """Names of persons held to account in ``dev``: how many are read by the grammar, by the model, by both together,
    how many are missed, and how many others each reads (bystanders and errors)."""
    model = Model(content)
    counts = {name: {"right": 0, "missed": 0, "others": 0} for name in ("grammar", "model", "both")}
    for case in dev:
        if case.fields is None:
            continue
        text, gold = clean(Notice(case.id, case.text)).text, _persons(case)
        found = landmarks(text)
        arguments = text, found.heads, found.organs, found.blocked
        read = {
            "grammar": names_by_grammar(text, found.heads, found.blocked),
            "model": [(start, end) for start, end, _ in believed(*arguments, model=model)],
            "both": find_people(*arguments, model=model),
        }
        for name, places in read.items():
            names = {text[start:end] for start, end in places}
            counts[name]["right"] += len(gold & names)
            counts[name]["missed"] += len(gold - names)
            counts[name]["others"] += len(names - gold)
    return counts


# ------------------------------------------------------------ onto disk


def write_names(model: NamesModel, folder: Path, command: str) -> None:
    """Write the model, its figures and its card; ``command`` is what made it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(model.content)
    told = {"command": command, "sha256": sha256(model.content).hexdigest(), **model.metrics}
    (folder / "metrics.json").write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(card(told, len(model.content)), encoding="utf-8")


def card(told: Mapping[str, Any], size: int) -> str:
    """The page, in Chinese: what it is, data, figures, limits."""
    dev = told["dev"]
    rows = "\n".join(f"| {name} | {one['right']} | {one['missed']} | {one['others']} |" for name, one in _rows(dev))
    return f"""# 模型卡：names（姓名识别）

字级条件随机场（CRFsuite），给抽取当“第二双眼睛”：规则语法认不出的姓名（与词同形的、没有常见姓氏的、断点含混的）由它补上，
语法切错的由它改正。判断不出自它：谁受何处理仍由语法连接。模型 {size / 1e6:.1f} MB，只需 python-crfsuite，不联网。
概率 {BELIEVED} 起采信，{PREFERRED} 起取代语法所认的姓名；两者凭 dev 与人工读过的真实网页定下，写在
`nlp/extract/people.py`。
只看写有职务或处理措施的句子；特征是前后各三字的字、两字、三字，姓氏，职务、机构、措施的起止，以及同一字串在文中出现几次。

```sh
{told["command"]}
```

## 数据与做法

* 训练：{told["texts"]} 篇虚构文本，其中 {told["annotated"]} 篇标注过问责对象，共 {told["sentences"]} 句。
  标注的姓名以外，旁人的姓名、未标注字段的案件里的姓名，取自规则语法本身。训练不读 dev 与 test。
* 每篇标注过的文本另读 {RENAMED} 遍，把姓名换成别的：用训练文本里的姓与名另行组合，{_WORD:.0%} 换成两字的普通词，
  {_UNSURNAMED:.0%} 换成没有姓氏的名，使模型学到姓名前后的样子，而不是某个姓名。
* 随机种子 {told["seed"]}；CRFsuite 的设置见 metrics.json。

## 成绩

dev 中受到问责的人的姓名（“其他”是另外认出的姓名，既有旁人，也有错认）：

| | 认出 | 漏掉 | 其他 |
|---|---|---|---|
{rows}

对抽取的影响以 `wenze evaluate data/gold --split test --fields` 为准，见 README。

## 局限

* 训练与度量都用虚构文本；真实通报里与词同形的姓名少得多，增益也会小些。
* 与普通词同形、且句中没有职务或措施相邻的姓名仍会漏掉；个别地名、机构简称会被认作姓名。
* 抽取的规则改动后，旁人姓名的来源随之改变，应重新训练。

## 不得用于

* 在别的文体中识别姓名，或据以给个人建档。
"""


def _rows(dev: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, Mapping[str, int]]]:
    for key, name in (("grammar", "只用规则语法"), ("model", "只用本模型"), ("both", "两者合用（产品如此）")):
        yield name, dev[key]
