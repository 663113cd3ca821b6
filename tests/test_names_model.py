"""The model of names: what it is taught, that it is made anew the same, that the shipped one is what its card says."""

from __future__ import annotations

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from nlp import pipeline
from nlp.cli import main
from nlp.extract import people, tagger
from nlp.extract.mentions import landmarks
from nlp.extract.people import find_people, names_by_grammar
from nlp.extract.tagger import Features, sentences, tagged_names
from nlp.gold import GoldNotice, NoticeCase, load_gold
from nlp.train import names
from nlp.train.names import Text, card, texts, train

ROOT = Path(__file__).parent.parent
GOLD, MODEL = ROOT / "data" / "gold", ROOT / "models" / "names"
needs_gold = pytest.mark.skipif(not GOLD.exists(), reason="data/gold is not in this copy (the sdist leaves it out)")
TEXT = "2021年5月，河湾镇镇长何青山受到党内警告处分。当天下着雨。群众李四来访。"


def read(text: str) -> list[str]:
    """The names that the shipped model reads."""
    found = landmarks(text)
    return [text[start:end] for start, end, _ in tagged_names(text, found.heads, found.organs, found.blocked)]


def test_only_sentences_with_a_post_or_a_measure_are_looked_at() -> None:
    found = landmarks(TEXT)
    told = [TEXT[start:end] for start, end in sentences(TEXT, found.heads, found.blocked)]
    assert told == ["2021年5月，河湾镇镇长何青山受到党内警告处分。"]


def test_every_character_has_its_features() -> None:
    found = landmarks(TEXT)
    told = Features(TEXT, found.heads, found.organs, found.blocked).of(0, len(TEXT))
    assert len(told) == len(TEXT)
    assert len({len(one) for one in told}) == 1
    at = TEXT.index("何青山")
    after = told[TEXT.index("党内警告")]
    assert "m0=m" in after
    assert {"a0=何", "a1=青", "b-1=长何", "c0=何青山", "m0=h"} <= set(told[at])


def test_a_text_of_nothing_has_no_names() -> None:
    assert read("") == read("。\n") == read("天气晴。") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("乡党委书记戎马受到党内警告处分。", "戎马"),
        ("经查，副局长秋实负主要领导责任，被诫勉谈话。", "秋实"),
    ],
)
def test_a_name_that_is_a_word_is_read(text: str, name: str) -> None:
    found = landmarks(text)
    read_together = find_people(text, found.heads, found.organs, found.blocked)
    assert [text[start:end] for start, end in read_together] == [name]


def test_the_model_mends_what_the_grammar_cuts_wrongly() -> None:
    text = "大队长鲁冰日常监督提醒不够，被批评教育。"
    found = landmarks(text)
    assert [text[a:b] for a, b in names_by_grammar(text, found.heads, found.blocked)] == ["鲁冰日"]
    read_together = find_people(text, found.heads, found.organs, found.blocked)
    assert [text[a:b] for a, b in read_together] == ["鲁冰"]


def test_each_thread_has_a_model_of_its_own() -> None:
    made = (("河湾镇镇长何青山", 2), ("在会上，县水利局局长王平", 3), ("经查，松桥乡副乡长赵一鸣", 5))
    told = [f"{who}受到党内警告处分。" * times for who, times in made]
    alone = [read(text) for text in told]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(read, told * 20)) == alone * 20
    finally:
        sys.setswitchinterval(before)


def test_without_its_file_the_cure_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    for cached in (tagger.model_content, pipeline.code_fingerprint, pipeline.fingerprints):
        cached.cache_clear()
    monkeypatch.setattr(tagger, "shelved", lambda *_: None)
    assert main(["score", str(tmp_path / "a.txt"), "-o", str(tmp_path / "out.jsonl")]) == 2
    told = capsys.readouterr().err
    assert "安装里没有模型 names 的文件" in told
    assert "磁盘" not in told


@pytest.mark.parametrize(
    "text",
    [
        "镇长权力过大，监督缺位，被通报批评。",
        "县水利局局长任期内，项目违规，被通报批评。",
        "县水利局局长亲属被通报批评。",
        "县委书记司机被解聘。",
        "县水利局局长同时被诫勉。",
    ],
)
def test_words_that_are_nobodys_name_are_left_out(text: str) -> None:
    found = landmarks(text)
    assert find_people(text, found.heads, found.organs, found.blocked) == []


def test_what_both_read_stays_though_one_place_is_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "大队长鲁冰被批评教育，鲁冰未申辩；大队长鲁冰日常监督不够。"
    first, last = text.index("鲁冰"), text.rindex("鲁冰")
    seen = [(first, first + 2, 0.93), (last, last + 3, 0.96)]
    monkeypatch.setattr(people, "tagged_names", lambda *_, **__: seen)
    found = landmarks(text)
    names_read = [text[a:b] for a, b in find_people(text, found.heads, found.organs, found.blocked)]
    assert names_read[0] == names_read[1] == "鲁冰"


# ------------------------------------------------------------ what is taught


@needs_gold
def test_the_names_of_gold_are_taught_wherever_they_stand() -> None:
    case = next(case for case in load_gold(GOLD, "dev") if case.fields)
    (taught,) = texts([case], [])
    held = {one.name for one in case.fields.subjects if one.kind == "person"} if case.fields else set()
    marked = [taught.text[start:end] for start, end in taught.names]
    assert held
    assert all(marked.count(name) == taught.text.count(name) for name in held if name)
    assert taught.annotated
    assert not next(texts([replace(case, fields=None)], [])).annotated


def test_of_a_notice_posts_and_bodies_are_not_taught_as_names() -> None:
    text = "青石县通报：局长戎马受到警告处分，县水利局被通报批评。"
    held = tuple((name, ("警告",)) for name in ("戎马", "副局长", "县水利局", ""))
    notice = GoldNotice("n", "train", "x", "x", text, None, None, (NoticeCase(0, len(text), held),))
    (taught,) = texts([], [notice])
    assert [taught.text[a:b] for a, b in taught.names] == ["戎马"]


def test_other_names_stand_in_place_of_the_old() -> None:
    text = Text(
        "局长何青山、李四均受到警告处分，何青山另被免职，王某被诫勉。", ((2, 5), (6, 8), (16, 19), (24, 26)), True
    )
    assert [text.text[a:b] for a, b in text.names] == ["何青山", "李四", "何青山", "王某"]
    pool = names._Pool(("欧阳", "赵"), ("一鸣", "平"), ("平安",))
    made = [names._renamed(text, pool, random.Random(seed)) for seed in range(30)]
    for one in made:
        first, second, again, masked = (one.text[a:b] for a, b in one.names)
        assert (again, masked) == (first, "王某")
        assert one.text == f"局长{first}、{second}均受到警告处分，{first}另被免职，王某被诫勉。"
    assert len({one.text for one in made}) > 5


# ------------------------------------------------------------ training


def small() -> list[Text]:
    posts, families = ("局长", "镇长", "书记", "所长"), "赵钱孙李周吴郑王"
    made = [f"{post}{family}青山受到警告处分。" for post in posts for family in families]
    return [Text(text, ((2, 5),), True) for text in made]


def test_the_same_model_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "RENAMED", 1)
    first, again = (train(small(), [], seed=7, progress=lambda _: None) for _ in range(2))
    assert (first.content, first.metrics) == (again.content, again.metrics)
    text = "站长冯青山受到警告处分。"
    found = landmarks(text)
    told = tagged_names(text, found.heads, found.organs, found.blocked, model=tagger.Model(first.content))
    assert [(text[start:end], probability > 0.5) for start, end, probability in told] == [("冯青山", True)]


@needs_gold
def test_the_command_writes_model_figures_and_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "RENAMED", 0)
    gold = tmp_path / "gold"
    gold.mkdir()
    for split in ("train", "dev"):
        lines = [
            line for line in (GOLD / f"{split}.jsonl").read_text("utf-8").splitlines() if json.loads(line)["fields"]
        ]
        (gold / f"{split}.jsonl").write_text("\n".join(lines[:20]) + "\n", encoding="utf-8")
    out = tmp_path / "names"
    assert main(["train", "names", str(gold), "-o", str(out)]) == 0
    told = json.loads((out / "metrics.json").read_text("utf-8"))
    assert told["annotated"] == 20
    assert told["dev"]["grammar"]["right"] > 20
    assert "wenze train names" in (out / "MODEL_CARD.md").read_text("utf-8")
    assert main(["train", "names", str(gold), "-o", str(out)]) == 2


def test_the_shipped_model_is_the_one_its_card_tells_of() -> None:
    told = json.loads((MODEL / "metrics.json").read_text("utf-8"))
    content = (MODEL / tagger.MODEL_FILE).read_bytes()
    assert told["sha256"] == sha256(content).hexdigest()
    assert (MODEL / "MODEL_CARD.md").read_text("utf-8") == card(told, len(content))


@needs_gold
def test_the_figures_of_dev_are_those_of_the_shipped_model() -> None:
    from nlp.gold import load_gold_fields

    told = json.loads((MODEL / "metrics.json").read_text("utf-8"))
    dev = [*load_gold(GOLD, "dev"), *load_gold_fields(GOLD, "dev")]
    now = names.measured(dev, (MODEL / tagger.MODEL_FILE).read_bytes())
    assert now["model"] == told["dev"]["model"]
    assert now["both"]["missed"] < now["grammar"]["missed"]
