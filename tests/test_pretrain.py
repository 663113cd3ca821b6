"""Continued pretraining: what of a corpus is read, that words are hidden whole, that a run goes on, what is refused."""

from __future__ import annotations

import gzip
import json
import lzma
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlp.cli import main
from nlp.segment import segment
from nlp.train.trained import TrainingError
from nlp.types import Word

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from nlp.train.pretrain import (  # noqa: E402
    TOLD,
    Collate,
    Pieces,
    Settings,
    Vocabulary,
    aside,
    corpus_files,
    hide,
    masked_loss,
    pack,
    pieces,
    pretrain,
    read_corpus,
    read_documents,
    word_starts,
)

PLACES = ("东塘镇", "西河乡", "南岭县", "北桥区", "丰田乡")
DEEDS = ("巡查人员漏报险情", "闸门年久失修", "值班记录事后补写", "排水沟被杂物堵塞")
ENDS = ("县里责令限期整改。", "镇上随即派人疏通。")
SENTENCES = [f"{place}{deed}，{end}" for place in PLACES for deed in DEEDS for end in ENDS]
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder with weights at random, in float16, whose vocabulary is the characters of the sentences."""
    folder = tmp_path_factory.mktemp("backbone")
    known = [*SPECIAL, *sorted(set("".join(SENTENCES)))]
    (folder / "vocab.txt").write_text("\n".join(known) + "\n", encoding="utf-8")
    transformers.BertTokenizerFast.from_pretrained(folder).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(known),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    transformers.BertModel(config, add_pooling_layer=False).half().save_pretrained(folder)
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "语料"
    folder.mkdir()
    (folder / "甲.txt").write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def settings(backbone: Path) -> Settings:
    return Settings(str(backbone), steps=3, batch=4, tokens=32, rate=1e-2)


@pytest.fixture(scope="module")
def trained(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of the tiny backbone; the run lies beside it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "甲.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    how = ["--backbone", str(backbone), "--steps", "3", "--batch", "4", "--tokens", "32", "--rate", "1e-2"]
    assert main(["pretrain", str(folder / "甲.txt"), "-o", str(folder / "out"), *how]) == 0
    return folder / "out"


def tokens_of(backbone: Path) -> object:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(backbone / "tokenizer.json"))


# ------------------------------------------------------------ what is read


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "甲\n乙\n", ["甲", "乙"]),  # no empty line: a line is a document
        ("a.txt", "甲\n乙\n\n丙\n", ["甲\n乙", "丙"]),
        ("a.txt", "\ufeff甲\r\n　乙 \r\n\r\n\r\n丙", ["甲\n乙", "丙"]),
        ("a.txt", "\n甲", ["甲"]),
        ("a.txt", "", []),
        ("a.txt.gz", "甲\n\n乙", ["甲", "乙"]),
        ("a.txt.xz", "甲\n\n乙", ["甲", "乙"]),
        ("a.jsonl", '{"text": "甲\\n\\n乙"}\n\n{"text": " ", "id": 3}\n', ["甲\n\n乙"]),
        ("a.jsonl.gz", '{"text": "甲"}', ["甲"]),
        ("a.jsonl.txt", "甲", ["甲"]),
    ],
)
def test_documents_of_a_file(tmp_path: Path, name: str, content: str, expected: list[str]) -> None:
    packed = {".gz": gzip.compress, ".xz": lzma.compress}.get(Path(name).suffix, bytes)
    (tmp_path / name).write_bytes(packed(content.encode()))
    assert list(read_documents(tmp_path / name)) == expected


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", "甲\n乙".encode("gb18030") + b"\xff", "第1行不是 UTF-8.*另存为"),
        ("a.txt.gz", b"no gzip", "a.txt.gz 已损坏.*重新"),
        ("a.txt.gz", gzip.compress(b"1234567890")[:-6], "已损坏"),
        ("a.txt.xz", b"no xz", "已损坏"),
        ("a.jsonl", '{"text": "甲"}\n{"text"'.encode(), "第2行不是 JSON"),
        ("a.jsonl", b'{"body": "x"}', '第1行没有文本.*{"text": '),
        ("a.jsonl", b'["x"]', "第1行没有文本"),
        ("a.jsonl", b'{"text": 3}', "第1行没有文本"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_cure(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrainingError, match=told):
        list(read_documents(tmp_path / name))


def test_a_folder_is_read_with_all_below_and_what_is_no_corpus_is_told(corpus: Path) -> None:
    (corpus / "下级").mkdir()
    for name in ("下级/乙.jsonl", "说明.md"):
        (corpus / name).write_text("", encoding="utf-8")
    told: list[str] = []
    found = corpus_files([corpus, corpus / "甲.txt"], progress=told.append)
    assert sorted(path.name for path in found) == ["乙.jsonl", "甲.txt"]
    assert ["说明.md" in line for line in told] == [True]


def test_a_document_given_twice_is_read_once_and_told(corpus: Path) -> None:
    (corpus / "乙.txt").write_text(SENTENCES[3], encoding="utf-8")
    told: list[str] = []
    assert sorted(read_corpus([corpus], progress=told.append)) == sorted(SENTENCES)
    assert "另有 1 篇" in told[-1]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.docx", "甲", "没有文本文件.*txt"),
        ("a.txt", "", "只有 0 篇"),
        ("a.txt", "甲\n甲", "只有 1 篇"),
    ],
)
def test_a_corpus_that_holds_next_to_nothing_is_refused(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match=told):
        read_corpus([tmp_path])


@pytest.mark.parametrize(("name", "told"), [("none.txt", "没有语料"), ("a.pdf", "不认识")])
def test_an_input_that_is_not_there_or_no_text_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(TrainingError, match=told):
        corpus_files([tmp_path / name])


@pytest.mark.parametrize(("count", "expected"), [(2, 1), (40, 1), (1000, 10)])
def test_one_document_in_a_hundred_is_kept_aside_and_the_same_ones_by_seed(count: int, expected: int) -> None:
    assert len(aside(count, 0)) == expected
    assert aside(count, 0) == aside(count, 0)
    assert {aside(1000, seed) for seed in range(3)} != {aside(1000, 0)}


# ------------------------------------------------------------ words hidden whole


def words(*texts: str) -> list[Word]:
    starts = [sum(map(len, texts[:n])) for n in range(len(texts))]
    return [Word(text, start, start + len(text)) for text, start in zip(texts, starts, strict=True)]


@pytest.mark.parametrize(
    ("cut", "offsets", "expected"),
    [
        (words("水闸", "漏水"), [(0, 1), (1, 2), (2, 3), (3, 4)], [1, 0, 1, 0]),
        (words("第", "2022", "号"), [(0, 1), (1, 3), (3, 5), (5, 6)], [1, 1, 0, 1]),  # 20 ##22
        (words("甲", " ", "乙丙"), [(0, 1), (2, 3), (3, 4)], [1, 1, 0]),  # no token for a blank
        (words("3", ".", "5米"), [(0, 3), (3, 4)], [1, 0]),  # a token across words joins them
        (words("甲乙"), [(1, 2)], [1]),  # the first character has no token
        (words("甲乙丙"), [(0, 1), (2, 3)], [1, 0]),
        (words(), [], []),
    ],
)
def test_a_token_begins_a_word_where_the_characters_do(
    cut: list[Word], offsets: list[tuple[int, int]], expected: list[int]
) -> None:
    assert word_starts(cut, offsets).tolist() == [bool(one) for one in expected]


VOCABULARY = Vocabulary(4, np.array([0, 1, 2, 3, 4], np.int32), np.arange(5, 3000, dtype=np.int32))
IDS = np.arange(1000, 3000, dtype=np.int32)
BEGINS = np.arange(2000) % 4 == 0  # five hundred words of four tokens


def hidden(seed: int) -> tuple[np.ndarray, np.ndarray]:
    read, told = hide(IDS, BEGINS, VOCABULARY, np.random.default_rng(seed))
    return read.reshape(-1, 4), told.reshape(-1, 4)


def test_a_word_is_hidden_with_all_its_tokens_and_fifteen_in_a_hundred_are() -> None:
    read, told = hidden(0)
    chosen = told != -100
    assert (chosen.all(axis=1) == chosen.any(axis=1)).all()
    assert chosen.all(axis=1).sum() == 75
    assert (told[chosen] == IDS.reshape(-1, 4)[chosen]).all()
    assert (read[~chosen] == IDS.reshape(-1, 4)[~chosen]).all()


def test_of_hidden_words_most_are_masked_some_replaced_and_some_left() -> None:
    kinds = {"masked": 0, "left": 0, "replaced": 0}
    for seed in range(20):
        read, told = hidden(seed)
        for row, truth in zip(read, told, strict=True):
            if truth[0] != -100:
                masked, left = (row == VOCABULARY.mask).sum(), (row == truth).sum()
                assert masked in (0, 4)
                kinds["masked" if masked else "left" if left == 4 else "replaced"] += 1
    shares = {kind: count / (20 * 75) for kind, count in kinds.items()}
    assert shares == pytest.approx({"masked": 0.8, "left": 0.1, "replaced": 0.1}, abs=0.03)


def test_special_and_unknown_tokens_are_never_hidden_nor_a_word_that_holds_one() -> None:
    ids = np.array([7, 1, 3, 8, 9], np.int32)
    begins = np.array([True, False, True, True, False])
    for seed in range(20):
        read, told = hide(ids, begins, VOCABULARY, np.random.default_rng(seed))
        assert told.tolist() == [-100, -100, -100, 8, 9]
        assert read[:3].tolist() == [7, 1, 3]


@pytest.mark.parametrize("ids", [[], [1], [3, 3]])
def test_where_no_word_can_be_hidden_none_is(ids: list[int]) -> None:
    given = np.array(ids, np.int32)
    read, told = hide(given, np.ones(len(ids), dtype=bool), VOCABULARY, np.random.default_rng(0))
    assert read.tolist() == ids
    assert (told == -100).all()


def test_other_words_are_hidden_each_time_but_where_a_seed_is_given() -> None:
    one = [(IDS, BEGINS)]
    anew, same = Collate(VOCABULARY, 2, 3, 0), Collate(VOCABULARY, 2, 3, 0, seed=1)
    assert (anew(one)["labels"] != anew(one)["labels"]).any()
    assert (same(one)["labels"] == same(one)["labels"]).all()


def test_pieces_stand_between_cls_and_sep_and_padding_is_not_read() -> None:
    short = (IDS[:2], BEGINS[:2])
    batch = Collate(VOCABULARY, 2, 3, 0)([short, (IDS[:4], BEGINS[:4])])
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0], [1] * 6]
    assert [batch["input_ids"][row, column].item() for row, column in ((0, 0), (0, 3), (0, 4), (1, 5))] == [2, 3, 0, 3]
    assert batch["labels"][0, [0, 3, 4, 5]].tolist() == [-100] * 4


# ------------------------------------------------------------ pieces


@pytest.mark.parametrize(
    ("begins", "room", "expected"),
    [
        ([1, 0, 1, 0, 1, 0], 4, [4, 6]),
        ([1, 0, 1, 0, 1, 0], 3, [2, 4, 6]),  # never within a word
        ([1, 1, 0, 0, 0, 0, 0, 1], 3, [1, 4, 7, 8]),  # but in one longer than a piece
        ([1, 1], 8, [2]),
        ([], 8, []),
    ],
)
def test_a_piece_ends_before_a_word(begins: list[int], room: int, expected: list[int]) -> None:
    made = pack(np.arange(len(begins), dtype=np.int32), np.array(begins, dtype=bool), room)
    assert made.ends.tolist() == expected
    assert [int(n) for k in range(len(made)) for n in made[k][0]] == list(range(len(begins)))


def test_no_token_of_a_corpus_is_lost_and_documents_are_parted(backbone: Path) -> None:
    tokens = tokens_of(backbone)
    long = "".join(SENTENCES)
    made = pieces([SENTENCES[0], " ", long], tokens, 30)
    whole = [tokens.encode(text, add_special_tokens=False).ids for text in (SENTENCES[0], long)]  # type: ignore[attr-defined]
    assert made.ids.tolist() == [*whole[0], SPECIAL.index("[SEP]"), *whole[1]]
    assert max(len(made[n][0]) for n in range(len(made))) <= 30
    words_of = {word.start for word in segment(long)}
    cuts = [end - len(whole[0]) - 1 for end in made.ends[:-1] if end > len(whole[0])]
    assert [cut for cut in cuts if cut not in words_of] == []


def test_a_word_that_goes_on_in_the_next_piece_begins_there_anew() -> None:
    made = Pieces(np.arange(4, dtype=np.int32), np.array([True, False, False, False]), np.array([2, 4]))
    assert made[1][1].tolist() == [True, False]
    assert made.begins.tolist() == [True, False, False, False]


# ------------------------------------------------------------ training


def test_the_loss_is_that_of_the_whole_vocabulary_at_the_hidden_tokens(backbone: Path) -> None:
    model = transformers.AutoModelForMaskedLM.from_pretrained(backbone, dtype=torch.float32).eval()
    ids = torch.tensor([[2, 7, 8, 9, 3], [2, 10, 11, 3, 0]])
    labels = torch.full_like(ids, -100)
    labels[0, 2], labels[1, 1] = 8, 12
    batch = {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}
    loss, count = masked_loss(model, batch, bf16=False)
    assert count == 2
    assert float(loss.detach()) / 2 == pytest.approx(float(model(**batch).loss.detach()), rel=1e-5)


def test_a_run_learns_is_told_of_and_makes_a_backbone(trained: Path, backbone: Path) -> None:
    told = json.loads((trained / TOLD).read_text(encoding="utf-8"))
    held = told["held_out"]
    assert math.isfinite(held["loss_after"])
    assert held["loss_after"] < held["loss_before"]
    assert (held["documents"], told["corpus"]["documents"], told["new_head"]) == (1, len(SENTENCES), True)
    model, before = (transformers.AutoModel.from_pretrained(f, add_pooling_layer=False) for f in (trained, backbone))
    assert (model.dtype, before.dtype) == (torch.float32, torch.float16)
    assert model.config.hidden_dropout_prob == before.config.hidden_dropout_prob > 0
    first, second = (one.embeddings.word_embeddings.weight.detach().float() for one in (model, before))
    assert float((first - second).abs().max()) > 1e-3
    ids = transformers.AutoTokenizer.from_pretrained(trained)(SENTENCES[0])["input_ids"]
    assert ids == transformers.AutoTokenizer.from_pretrained(backbone)(SENTENCES[0])["input_ids"]


def test_what_was_made_has_a_head_that_is_trained_on(trained: Path) -> None:
    info = transformers.AutoModelForMaskedLM.from_pretrained(trained, output_loading_info=True)[1]
    assert not info["missing_keys"]


def test_a_run_broken_off_goes_on_from_its_checkpoint(
    corpus: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(transformers.TrainerCallback):
        def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:
            control.should_training_stop = control.should_save = True  # type: ignore[attr-defined]

    def broken_off(self: transformers.Trainer, *given: object, **named: object) -> None:
        self.add_callback(Stop)
        train(self, *given, **named)
        raise KeyboardInterrupt

    train, run = transformers.Trainer.train, tmp_path / "run"
    monkeypatch.setattr(transformers.Trainer, "train", broken_off)
    with pytest.raises(KeyboardInterrupt):
        pretrain([corpus], settings, tmp_path / "out", run)
    monkeypatch.undo()
    first = steps(run / "checkpoint-1")
    (run / "checkpoint-2").mkdir()  # broken off while it was written
    told: list[str] = []
    again = pretrain([corpus], settings, tmp_path / "out", run, progress=told.append)
    assert [line for line in told if "接着" in line]
    assert again["seconds"] is None
    second = steps(run / "checkpoint-3")
    assert [one["step"] for one in second] == [1, 2, 3]
    assert second[:1] == first


def test_a_finished_run_is_written_again_without_training(
    trained: Path, corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    told = pretrain([corpus], settings, tmp_path / "again", trained.with_name("out.run"))
    assert told["held_out"] == pytest.approx(json.loads((trained / TOLD).read_text(encoding="utf-8"))["held_out"])
    weights = [
        transformers.AutoModel.from_pretrained(f, add_pooling_layer=False) for f in (trained, tmp_path / "again")
    ]
    pairs = zip(*(model.state_dict().values() for model in weights), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def steps(checkpoint: Path) -> list[dict[str, float]]:
    history = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    return [one for one in history if "loss" in one]


def test_a_run_of_other_settings_or_another_corpus_is_not_gone_on_with(
    trained: Path, corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    run = trained.with_name("out.run")
    with pytest.raises(TrainingError, match="另一套参数"):
        pretrain([corpus], replace(settings, rate=1e-3), tmp_path / "out", run)
    (corpus / "乙.txt").write_text("又一篇。\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="另一套参数"):
        pretrain([corpus], settings, tmp_path / "out", run)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tokens": 65}, "--tokens 65 太大.*64"),
        ({"tokens": 2}, "--tokens 至少"),
        ({"steps": 0}, "--steps"),
        ({"rate": 0.0}, "--rate"),
        ({"backbone": "没有/这个"}, "读不到骨干 没有/这个.*本地文件夹"),
    ],
)
def test_settings_that_will_not_do_are_refused(
    corpus: Path, settings: Settings, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    with pytest.raises(TrainingError, match=told):
        pretrain([corpus], replace(settings, **change), tmp_path / "out", tmp_path / "run")  # type: ignore[arg-type]


def test_a_backbone_of_another_kind_is_refused(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    transformers.ElectraConfig().save_pretrained(tmp_path / "electra")
    with pytest.raises(TrainingError, match="electra，不是 BERT"):
        pretrain([corpus], replace(settings, backbone=str(tmp_path / "electra")), tmp_path / "out", tmp_path / "run")


def test_nothing_is_written_into_the_corpus(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="在语料文件夹里"):
        pretrain([corpus], settings, tmp_path / "out", corpus / "run")


def test_a_backbone_is_not_overwritten_unasked(
    trained: Path, corpus: Path, backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", str(corpus), "-o", str(trained), "--backbone", str(backbone)]) == 2
    assert "--force" in capsys.readouterr().err
