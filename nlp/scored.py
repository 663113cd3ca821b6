"""The rows that ``wenze score`` wrote, read back.

In: .jsonl or .parquet files. Out: rows that keep the schema, one at a time; what does not keep it is handed to
``on_error`` with file, row and cure. Never mends a row and never judges one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from nlp.rows import Row, violations
from nlp.types import SCHEMA_VERSION

ENDINGS = (".jsonl", ".parquet")
_TOLD = 160


@dataclass(eq=False)
class ScoredError(ValueError):
    """A file, or a row of it (1-based), that is no result of ``wenze score``; all words in Chinese."""

    file: str
    row: int | None
    reason: str
    cure: str

    def __str__(self) -> str:
        where = f" 第 {self.row} 行" if self.row else ""
        return f"{self.file}{where}：{self.reason}。{self.cure}"


def read_scored(paths: Iterable[str | Path], *, on_error: Callable[[ScoredError], None] | None = None) -> Iterator[Row]:
    """The rows of some files in order. A bad row goes to ``on_error`` and the rest is read on; without it, it raises.

    Raises ScoredError for a file of another kind, or one that cannot be read as what its ending says.
    """
    for path in map(Path, paths):
        for number, row in _numbered(path):
            error = row if isinstance(row, ScoredError) else _wrong(path, number, row)
            if error is None:
                yield row  # type: ignore[misc]
            elif on_error is None:
                raise error
            else:
                on_error(error)


def _numbered(path: Path) -> Iterator[tuple[int, Row | ScoredError]]:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        cure = "请给出 wenze score 写出的 .jsonl 或 .parquet（wenze score 通报/ -o 结果.jsonl）"
        raise ScoredError(str(path), None, f"不能从 {ending or '没有扩展名的文件'} 读取结果", cure)
    return enumerate(_jsonl(path) if ending == ".jsonl" else _parquet(path), start=1)


_AGAIN = "请用 wenze score 重新得出这一行；其余各行不受影响"


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} 不是 JSON 的数")


def _jsonl(path: Path) -> Iterator[Row | ScoredError]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=_refuse_constant)
            except UnicodeDecodeError:
                yield ScoredError(str(path), number, "不是 UTF-8 编码", _AGAIN)
            except json.JSONDecodeError as error:
                yield ScoredError(str(path), number, f"不是完整的 JSON（第 {error.colno} 个字符处）", _AGAIN)
            except (ValueError, RecursionError) as error:
                yield ScoredError(str(path), number, f"不是可用的 JSON（{error}）", _AGAIN)


_MAPS = ("scores", "made_by")


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=500):
                for row in batch.to_pylist():
                    yield {key: dict(value) if key in _MAPS and value else value for key, value in row.items()}
    except pa.ArrowInvalid as error:
        raise ScoredError(str(path), None, "不是可用的 Parquet 文件", "请用 wenze score 重新得出") from error


def _wrong(path: Path, number: int, row: object) -> ScoredError | None:
    """What keeps a row from being used, or None."""
    if not isinstance(row, Mapping):
        return ScoredError(str(path), number, "不是一个对象", _AGAIN)
    if isinstance(row.get("schema"), int) and row["schema"] != SCHEMA_VERSION:
        cure = "请用现在的 wenze score 重新得出"
        return ScoredError(str(path), number, f"行格式是第 {row['schema']} 版，现在是第 {SCHEMA_VERSION} 版", cure)
    wrong = next(violations(row), None) or _not_a_number(row) or _out_of_range(row)
    return ScoredError(str(path), number, f"不合行格式：{wrong[:_TOLD]}", _AGAIN) if wrong else None


def _not_a_number(row: Mapping[str, Any]) -> str | None:
    """Whether a number is infinite or none at all, which the schema does not see."""
    try:
        json.dumps(row, allow_nan=False)
    except ValueError:
        return "有无穷大或不是数的数"
    return None


def _out_of_range(row: Mapping[str, Any]) -> str | None:
    chances = [
        ("priority", row["priority"]),
        *(("findings.probability", one["probability"]) for one in row["findings"]),
    ]
    return next((f"{key}：{value} 不在 0 与 1 之间" for key, value in chances if not 0 <= value <= 1), None)
