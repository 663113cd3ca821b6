"""The BERT model: that it reads all of a text, learns, goes on after a break, needs no torch, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gold_files import write_cases
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from nlp.classify import ModelNotAvailable, load_model, shipped
from nlp.classify.bert import GRAPH, SETTINGS, TOKENIZER, BertClassifier, tokens_of, windows
from nlp.classify.marking import marks
from nlp.cli import main
from nlp.codebook import load_codebook
from nlp.gold import GoldCase, Judgement

LABELS = load_codebook().labels
RUSHED, SOUND = "当晚即宣布处理决定，未作调查", "经调查核实，其未按规定巡查"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def judged(n: int, split: Any) -> GoldCase:
    """A case of a tiny gold: by turns rushed and sound."""
    said, label = ((RUSHED, "rushed"), (SOUND, ""))[n % 2]
    text = f"东塘镇第{n}号水闸漏水。县纪委给予东塘镇副镇长周安党内警告处分；{said}。"
    labels = {label: Judgement("yes", "inferred", said)} if label else {}
    return GoldCase(f"{split}-{n}", split, f"pass{n % 4}", "", "", text, labels, (), None, "")


GOLD = [*(judged(n, "train") for n in range(24)), *(judged(n, "dev") for n in range(8))]


def of_characters() -> Tokenizer:
    """A tokenizer of single characters, with BERT's special tokens."""
    known = SPECIAL + sorted({one for case in GOLD for one in case.text})
    made = Tokenizer(models.WordPiece({token: n for n, token in enumerate(known)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT of random weights, as a folder that transformers loads."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("backbone")
    tokenizer = of_characters()
    size = tokenizer.get_vocab_size()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    fast.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=max(size, 96),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gold")
    for split in ("train", "dev"):
        write_cases(folder / f"{split}.jsonl", [case for case in GOLD if case.split == split])
    return folder


@pytest.fixture(scope="module")
def trained(backbone: Path, gold: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained from the command line, and beside it the folder of its run."""
    out = tmp_path_factory.mktemp("trained") / "own"
    how = ["--backbone", str(backbone), "--epochs", "2", "--batch", "4", "--rate", "0.01"]
    assert main(["train", "bert", str(gold), "-o", str(out), *how]) == 0
    return out


# ------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("length", "sizes"),
    [
        (0, [2]),
        (1, [3]),
        (98, [100]),  # just fits
        (99, [68, 67]),  # two windows that share 32
        (500, [93] * 7 + [89]),
    ],
)
def test_windows_hold_every_character_and_no_more_than_they_may(length: int, sizes: list[int]) -> None:
    text = "".join("东塘镇水闸"[n % 5] for n in range(length))
    found = windows(of_characters(), text, 100)
    assert [len(window.ids) for window in found] == sizes
    read = {n for window in found for a, b in window.offsets for n in range(a, b)}
    assert read == set(range(length))


def test_what_was_extracted_stands_as_marks_before_it_and_covers_nothing() -> None:
    tokenizer = tokens_of(shipped("bert") / "tokenizer.json")
    text = "2021年3月，县水务局局长周安负主要领导责任，受到党内警告处分；副局长李平被诫勉。"
    (plain,), (marked,) = windows(tokenizer, text, 512), windows(tokenizer, text, 512, fields=True)
    number = {tokenizer.token_to_id(f"[unused{n}]"): mark for n, mark in enumerate(marks(), start=1)}
    read = list(zip(marked.ids, marked.offsets, strict=True))
    assert [(number[i], text[a : a + 2]) for i, (a, b) in read if i in number] == [
        ("chief", "县水"),
        ("乡科级正职", "县水"),
        ("主要领导责任", "主要"),
        ("党纪", "党内"),
        ("deputy", "副局"),
        ("乡科级副职", "副局"),
        ("组织措施", "诫勉"),
    ]
    assert [one for one in read if one[0] not in number] == list(zip(plain.ids, plain.offsets, strict=True))


def test_a_backbone_without_reserved_tokens_takes_no_marks(backbone: Path, tmp_path: Path) -> None:
    from nlp.train.bert import Settings, train
    from nlp.train.trained import TrainingError

    with pytest.raises(TrainingError, match="unused"):
        train(GOLD, Settings(str(backbone), fields=True), tmp_path / "run")


def test_what_stands_at_the_end_of_a_text_of_many_windows_moves_the_score() -> None:
    model, column = load_model("bert").classifier, LABELS.index("punish_and_forget")
    filler = "会议传达了上级文件精神，研究了下一步工作安排。" * 80
    telling = "督导组反馈：该局问责后一问了之，未提任何整改要求，同类问题再次发生。"
    without, with_it = model.score([filler, filler + telling]).values[:, column]
    assert with_it > without


# ------------------------------------------------------------ training


def test_a_trained_model_scores_with_its_thresholds_and_its_card(trained: Path) -> None:
    model = load_model(str(trained))
    assert model.name == "bert"
    assert set(model.thresholds) == set(LABELS)
    card = (trained / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "train 24 起案件（4 个撰写批次）" in card
    assert "wenze train bert" in card
    told = json.loads((trained / "metrics.json").read_text(encoding="utf-8"))
    assert [one["epoch"] for one in told["history"]["epochs"]] == [1, 2]
    assert told["eight_bits"]["max_difference"] < 0.2


def test_it_learns_what_its_gold_teaches(trained: Path) -> None:
    scores = load_model(str(trained)).classifier.score([case.text for case in GOLD]).values[:, LABELS.index("rushed")]
    rushed = np.array(["rushed" in case.labels for case in GOLD])
    assert scores[rushed].min() > scores[~rushed].max()


def test_its_evidence_is_the_clause_that_the_gold_shows(trained: Path) -> None:
    model, text = load_model(str(trained)).classifier, GOLD[0].text
    assert RUSHED + "。" in {text[span.start : span.end] for span in model.explain(text, "rushed")}


def test_a_finished_run_is_taken_up_again_and_gives_the_same_model(
    trained: Path, backbone: Path, gold: Path, tmp_path: Path
) -> None:
    how = ["--backbone", str(backbone), "--epochs", "2", "--batch", "4", "--rate", "0.01"]
    again = tmp_path / "again"
    assert main(["train", "bert", str(gold), "-o", str(again), *how, "--run", f"{trained}.run"]) == 0
    texts = [case.text for case in GOLD[:4]]
    first, second = (load_model(str(one)).classifier.score(texts).values for one in (trained, again))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_run_of_other_settings_is_not_gone_on_with(
    trained: Path, backbone: Path, gold: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["--backbone", str(backbone), "--epochs", "3", "--run", f"{trained}.run"]
    assert main(["train", "bert", str(gold), "-o", str(tmp_path / "x"), *how]) == 2
    assert "另一套参数" in capsys.readouterr().err


def test_a_run_on_other_gold_is_not_gone_on_with(trained: Path, backbone: Path, tmp_path: Path) -> None:
    from nlp.train.bert import Settings, train
    from nlp.train.trained import TrainingError

    settings = Settings(str(backbone), epochs=2, batch=4, rate=0.01)
    with pytest.raises(TrainingError, match="金标准"):
        train(GOLD[1:], settings, Path(f"{trained}.run"))


def test_a_backbone_that_is_not_there_says_so_and_spoils_no_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from nlp.train.bert import Settings, train
    from nlp.train.trained import TrainingError

    with pytest.raises(TrainingError, match="读不了骨干"):
        train(GOLD, Settings(str(tmp_path / "none")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_gold_without_dev_is_refused() -> None:
    pytest.importorskip("torch")
    from nlp.train.bert import Settings, train
    from nlp.train.trained import TrainingError

    with pytest.raises(TrainingError, match="dev"):
        train([replace(case, split="train") for case in GOLD], Settings(), Path("unused"))


# ------------------------------------------------------------ a teacher


def test_a_student_moves_towards_its_teacher_on_cases_without_a_label(backbone: Path, tmp_path: Path) -> None:
    import torch

    from nlp.train.bert import Settings, network, tokenizer
    from nlp.train.tensors import Collate, rows

    texts = [case.text for case in GOLD[:4]]
    said = np.where(
        np.array([[text.count(RUSHED) and label == "rushed" for label in LABELS] for text in texts]), 0.9, 0.1
    )
    batch = Collate(0.0, 0)(list(rows([], tokenizer(str(backbone), tmp_path), 512, unlabelled=texts, taught=said)))
    assert (batch["labels"] == -1).all()
    student = network(Settings(str(backbone), trust=2.0))
    steps = torch.optim.Adam(student.parameters(), lr=0.005)
    far = []
    for _ in range(150):
        told = student(**batch)
        far.append(float((torch.sigmoid(told["logits"].detach()) - torch.tensor(said)).abs().max()))
        steps.zero_grad()
        told["loss"].backward()
        steps.step()
    assert far[0] > 0.6
    assert far[-1] < 0.2
    without = student(**{key: value for key, value in batch.items() if key != "taught"})
    assert float(without["loss"]) == 0


def test_a_taught_model_is_trained_from_the_command_line_and_its_card_tells_its_teacher(
    trained: Path, gold: Path, backbone: Path, tmp_path: Path
) -> None:
    texts, out = tmp_path / "unlabelled.txt", tmp_path / "taught"
    texts.write_text(GOLD[0].text, encoding="utf-8")
    more = ["--epochs", "1", "--teacher", str(trained), "--unlabelled", str(texts), "--variants", "1"]
    assert main(["train", "bert", str(gold), "-o", str(out), "--backbone", str(backbone), *more]) == 0
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "1 起未标注案件和训练案件各 1 份缺几句的正文" in card
    assert f"--teacher {trained} --unlabelled {texts} --variants 1" in card


def test_a_shortened_case_lacks_some_clauses_and_adds_nothing() -> None:
    pytest.importorskip("torch")
    from nlp.classify.clauses import clauses
    from nlp.train.tensors import shortened

    texts = shortened(GOLD[:6], 3, seed=0)
    assert len(texts) == 18
    for n, text in enumerate(texts):
        whole = [GOLD[n // 3].text[place.start : place.end] for place in clauses(GOLD[n // 3].text)]
        kept = [text[place.start : place.end] for place in clauses(text)]
        assert len(kept) < len(whole)
        assert set(kept) < set(whole)
    assert len(set(texts[:3])) > 1


def test_what_a_teacher_said_is_kept_for_when_a_run_goes_on(trained: Path, backbone: Path, tmp_path: Path) -> None:
    from nlp.train.tensors import taught

    told: list[str] = []
    first = taught(str(trained), [GOLD[0].text], tmp_path, told.append)
    again = taught("no such model", [GOLD[0].text], tmp_path, told.append)
    np.testing.assert_array_equal(first, again)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--unlabelled", "x.jsonl"], "--teacher"),
        (["--teacher", "rules"], "规则不给概率"),
        (["--teacher", "ensemble"], "--unlabelled"),
        (["--teacher", "no-such-model", "--unlabelled", "x.jsonl"], "no-such-model"),
    ],
)
def test_what_cannot_be_taught_is_refused(
    gold: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], why: str
) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "县纪委给予周安党内警告处分。"}', encoding="utf-8")
    more = [str(tmp_path / "x.jsonl") if one == "x.jsonl" else one for one in more]
    assert main(["train", "bert", str(gold), "-o", str(tmp_path / "x"), *more]) == 2
    assert why in capsys.readouterr().err


# ------------------------------------------------------------ what ships


def test_the_shipped_model_is_small_and_of_this_codebook() -> None:
    assert sum(path.stat().st_size for path in shipped("bert").iterdir()) < 30 * 1024 * 1024
    assert load_model("bert").cautions == ()


@pytest.mark.parametrize("name", ["bert", "ensemble"])
def test_scoring_needs_no_torch(name: str) -> None:
    code = f"import sys; from nlp import analyze; analyze('县纪委给予周安党内警告处分。', model={name!r})"
    code += "; print([name for name in ('sklearn', 'scipy', 'torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (GRAPH, None, "缺少 model.onnx"),
        (GRAPH, b"", "已损坏"),
        (TOKENIZER, None, "缺少 tokenizer.json"),
        (TOKENIZER, b"{}", "已损坏"),
        (SETTINGS, b"{}", "键不是"),
        (SETTINGS, b'{"tokens": 512, "slope": [1.0], "offset": [0.0], "fields": false}', "标签对不上"),
    ],
)
def test_a_damaged_model_says_what_is_wrong(trained: Path, tmp_path: Path, name: str, content: Any, told: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(ModelNotAvailable, match=told):
        BertClassifier.load(folder)


def test_quotation_marks_and_capitals_do_not_move_it() -> None:
    model = load_model("bert").classifier
    plain, marked = (
        f"县长在会上说，{a}总得有人负责{b}，随后办案组按 gdp 排名定了处理名单。" for a, b in (("", ""), ("“", "”"))
    )
    np.testing.assert_array_equal(model.score([plain]).values, model.score([marked]).values)
    np.testing.assert_array_equal(model.score([plain]).values, model.score([plain.replace("gdp", "GDP")]).values)
