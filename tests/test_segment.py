"""Words tile their text, the codebook's terms stay whole, and jieba's own dictionary is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import jieba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.segment import segment, terms, tokenizer

ROOT = Path(__file__).parent.parent


def words(text: str) -> list[str]:
    return [word.text for word in segment(text)]


REGISTER = st.text(
    alphabet="给予县水务局局长丁小满党内严重警告处分负主要领导责任，。；：《》“”（）\n 12.5万元A-z\u3000\t\r\x00𠮷䶮😀",
    max_size=80,
)


@settings(deadline=None)
@given(st.one_of(REGISTER, st.text(max_size=80)))
def test_words_tile_their_text(text: str) -> None:
    found = segment(text)
    assert "".join(word.text for word in found) == text
    assert all(word.text == text[word.start : word.end] and word.start < word.end for word in found)
    assert all(one.end == following.start for one, following in pairwise(found))


def test_a_long_line_without_a_stop_is_tiled_too() -> None:
    text = "县水务局局长丁小满受到党内严重警告处分，" * 1000
    assert "".join(words(text)) == text


# Third-party behaviour, frozen: what jieba does with our words and with words of its own. Features of the bag-of-words
# model rest on it; a row that changes with a new jieba means that models must be fitted again.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("给予党内严重警告处分", "给予 党内严重警告 处分"),
        ("负主要领导责任", "负 主要领导责任"),
        ("县纪委派驻纪检组组长", "县 纪委 派驻纪检组 组长"),
        ("受到政务记大过处分", "受到 政务记大过 处分"),
        ("被诫勉谈话", "被 诫勉谈话"),
        ("撤销党内职务、政务撤职", "撤销党内职务 、 政务撤职"),
        ("履行主体责任不力", "履行 主体责任 不力"),
        ("落实一岗双责", "落实 一岗双责"),
        ("失职失责必问责", "失职失责 必 问责"),
        ("人数最多", "人 数最多"),
        ("1.2万元", "1.2 万元"),
    ],
)
def test_terms_stay_whole(text: str, expected: str) -> None:
    assert words(text) == expected.split(" ")


@pytest.mark.parametrize("term", ["党内严重警告", "主要领导责任", "派驻纪检组", "诫勉谈话", "监督责任", "四种形态"])
def test_the_codebook_names_the_terms(term: str) -> None:
    assert term in terms()


def test_every_term_is_one_word_of_the_tokenizer() -> None:
    frequencies = tokenizer().FREQ
    assert [term for term in terms() if not frequencies.get(term)] == []


def test_the_global_tokenizer_of_jieba_is_left_alone() -> None:
    segment("给予党内严重警告处分")
    assert tokenizer() is not jieba.dt
    assert tokenizer().FREQ is not jieba.dt.FREQ
    assert "党内严重警告" not in jieba.lcut("给予党内严重警告处分")
    assert "党内严重警告" not in jieba.dt.FREQ


def test_segmenting_is_silent_and_needs_no_folder_to_write_to() -> None:
    code = "from nlp.segment import segment; assert [w.text for w in segment('被诫勉谈话')] == ['被', '诫勉谈话']"
    environment = {**os.environ, "TMPDIR": str(ROOT / "no-such-folder"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_segmenter_does_not_load_jieba() -> None:
    code = "import sys, nlp.segment; sys.exit('jieba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
