"""What is shipped is whole, light and clean: data files in the wheel, tests in the sdist, no heavy import."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from nlp import __version__, analyze_many, read_notices

ROOT = Path(__file__).parent.parent
# Paths that belong to one machine, each in halves so that this file passes its own test.
STRANGERS = ["/" + "work/", "/" + "opt/", "/" + "root/", "/" + "home/", "C:" + "\\Users"]
HEAVY = ["sklearn", "scipy", "pyarrow", "onnxruntime", "torch", "transformers"]
SHARED = "shared" + "/real-notices"


def tracked() -> list[Path]:
    """Every file of the project that .gitignore does not leave out; needs no git."""
    return [Path(included.path) for included in SdistBuilder(str(ROOT)).recurse_included_files()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    built = next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("sdist")
    built = next(iter(SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))
    with tarfile.open(built) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


def test_the_wheel_holds_every_file_of_the_package(wheel: list[str]) -> None:
    ours = {str(path.relative_to(ROOT).as_posix()) for path in tracked() if path.is_relative_to(ROOT / "nlp")}
    assert ours - set(wheel) == set()
    assert {"nlp/codebook/issues.toml", "nlp/examples/01-county-cases.html"} <= set(wheel)


def test_the_wheel_holds_the_licence_and_nothing_beside_the_package(wheel: list[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {"nlp"}


def test_the_sdist_can_be_tested(sdist: list[str]) -> None:
    assert {"pyproject.toml", "README.md", "README.zh-CN.md", "LICENSE", "tests/test_packaging.py"} <= set(sdist)
    assert any(name.startswith("tests/cases/") and name.endswith(".toml") for name in sdist)


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import nlp", [*HEAVY, "jieba", "openpyxl", "docx", "pypdf", "opencc"]),
        ("import nlp.cli", HEAVY),
        ("from nlp import analyze, load_codebook, read_notices", HEAVY),
    ],
)
def test_importing_loads_nothing_heavy(statement: str, heavy: list[str]) -> None:
    code = f"{statement}\nimport sys\nprint(*sorted(set(sys.modules) & set({heavy!r})))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []


def test_nothing_leaves_the_machine() -> None:
    code = """
import socket
def refuse(*args, **more):
    raise AssertionError("a connection was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from nlp.cli import main
raise SystemExit(main(["demo"]))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode("utf-8")


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {stranger}"
        for path in tracked()
        for stranger in STRANGERS
        if stranger.encode() in path.read_bytes()
    ]
    assert found == []


def test_real_notices_are_only_named_where_a_test_may_skip_them() -> None:
    named = {path.relative_to(ROOT).parts[0] for path in tracked() if SHARED.encode() in path.read_bytes()}
    assert named <= {"tests", "benchmarks"}


def test_examples_are_small_and_of_several_kinds() -> None:
    paths = list((ROOT / "nlp" / "examples").iterdir())
    assert {".html", ".txt", ".docx", ".jsonl"} <= {path.suffix for path in paths}
    assert all(path.stat().st_size < 64 * 1024 for path in paths)


def test_the_data_card_counts_the_example_cases_as_they_are() -> None:
    folder = ROOT / "nlp" / "examples"
    cases = len(list(analyze_many(read_notices([str(folder)]))))
    card = (ROOT / "data" / "DATA_CARD.md").read_text(encoding="utf-8")
    assert f"{len(list(folder.iterdir()))} files: {cases} cases" in card


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
