"""Numbers as notices write them: '3,200万元', '1万2千元', '九千元', '2100余万元'.

In: the characters of one number. Out: its value, or None when it has none. Never searches a text.
"""

from __future__ import annotations

import re

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0, "两": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10_000, "亿": 100_000_000}
_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|[零〇○一二两三四五六七八九十百千万亿]")
_LIMIT = 1e15  # no sum or count of a notice reaches it; up to here every whole number is exact
_IGNORED = re.compile(r"[余多近约来整\s]")


def number(text: str) -> float | None:
    """The value of a number in digits, Chinese numerals or both; None for a text that is no number, or beyond measure.

    >>> number("1万2千"), number("2100余万"), number("十二")
    (12000.0, 21000000.0, 12.0)
    """
    text = _IGNORED.sub("", text)
    tokens = _TOKEN.findall(text)
    if not tokens or "".join(tokens) != text:
        return None
    whole = 0.0  # what stands before the last 万 or 亿
    section = 0.0  # what stands since
    digit: float | None = None
    for token in tokens:
        if token in _SMALL:
            section += (1 if digit is None else digit) * _SMALL[token]
            digit = None
        elif token == "亿":
            whole = (whole + section + (digit or 0)) * _LARGE[token]
            section, digit = 0.0, None
        elif token == "万":
            whole += (section + (digit or 0)) * _LARGE[token]
            section, digit = 0.0, None
        else:
            one = float(_DIGITS[token]) if token in _DIGITS else float(token.replace(",", ""))
            digit = one if digit is None else digit * 10 + one
    value = whole + section + (digit or 0)
    return value if abs(value) < _LIMIT else None


def count(text: str) -> int | None:
    """The same as a whole number of people or things."""
    value = number(text)
    return None if value is None or value != int(value) else int(value)


def yuan(text: str) -> float | None:
    """An amount written with 元, in 元."""
    value = number(text.removesuffix("元").removesuffix("人民币"))
    return None if value is None else round(value, 2)
