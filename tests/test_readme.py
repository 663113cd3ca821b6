"""What the READMEs say is so: commands exist, the twins agree, links resolve, labels and outputs are the real ones."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from nlp import load_codebook
from nlp.cli import app

ROOT = Path(__file__).parent.parent
FOLDERS = ["docs", "data", "models", "notebooks"]
TWINS = ["README.md", "README.zh-CN.md"]
PATHS = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
PAPERS = sorted(path.relative_to(ROOT).as_posix() for path in PATHS)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language, without the fences."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands(text: str) -> Iterator[list[str]]:
    """Every single command of the shell blocks, as words; a && b and a | b are two."""
    for block in blocks(text, "sh"):
        for line in block.splitlines():
            for part in re.split(r"&&|\|", line):
                if words := shlex.split(part, comments=True):
                    yield words


def wenze_commands() -> list[list[str]]:
    inline = [shlex.split(found) for found in re.findall(r"`(wenze [a-z][^`]*)`", read("README.md"))]
    return [words[1:] for words in [*commands(read("README.md")), *inline] if words[0] == "wenze"]


@pytest.mark.parametrize("words", wenze_commands(), ids=" ".join)
def test_every_command_shown_exists_with_its_options(words: list[str]) -> None:
    command, words = get_command(app), [*words]
    while isinstance(command, TyperGroup):
        known_as = words.pop(0) if words[0] in command.commands else getattr(command, "default", words[0])
        command = command.commands[known_as]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("-") and word != "-"} <= known


def test_the_choices_shown_are_the_choices_there_are() -> None:
    text = CliRunner().invoke(app, ["score", "--help"], env={"COLUMNS": "200"}).output
    for choice in ("jsonl", "csv", "xlsx", "parquet", "rules", "tfidf", "bert", "ensemble"):
        assert choice in text
        assert f"`{choice}`" in read("README.md")


@pytest.mark.parametrize("language", ["sh", "python", "json", "bibtex"])
def test_the_twins_show_the_same_code(language: str) -> None:
    english, chinese = (blocks(read(name), language) for name in TWINS)
    assert english == chinese
    assert english


def test_the_twins_have_the_same_sections() -> None:
    english, chinese = (re.findall(r"^#+ ", read(name), re.M) for name in TWINS)
    assert english == chinese


@pytest.mark.parametrize("name", TWINS)
def test_the_label_table_is_the_codebook(name: str) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| [^|]+ \|$", read(name), re.M)
    assert rows == [(entry.id, entry.name) for entry in load_codebook().issues]


@pytest.mark.parametrize("name", PAPERS)
def test_internal_links_resolve(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(name))
    missing = [link for link in links if "://" not in link and not ((ROOT / name).parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("name", TWINS)
def test_the_output_shown_is_what_the_command_prints(name: str) -> None:
    [block] = blocks(read(name), "text")
    command, *shown = block.splitlines()
    words = shlex.split(command.removeprefix("$ wenze "))
    env = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    ran = subprocess.run([sys.executable, "-m", "nlp", *words], cwd=ROOT, env=env, capture_output=True, check=True)
    printed = iter([line.strip() for line in ran.stdout.decode("utf-8").splitlines()])
    assert shown
    for line in shown:
        assert line == "…" or line.strip() in printed


def test_two_commands_set_it_up_and_ci_runs_the_second() -> None:
    section = read("README.md").split("## Set up")[1].split("\n## ")[0]
    [demo, tests] = [block.strip() for block in blocks(section, "sh")]
    assert demo == "pip install . && wenze demo"
    assert tests in [line.strip() for line in read(".ci/run").splitlines()]


def test_the_python_example_uses_public_names() -> None:
    [example] = blocks(read("README.md"), "python")
    compile(example, "README.md", "exec")
    [names] = re.findall(r"^from nlp import (.+)$", example, re.M)
    public = __import__("nlp").__all__
    assert set(names.split(", ")) <= set(public)
