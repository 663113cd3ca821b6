"""Numbers in Chinese numerals, as items, cases and articles are numbered."""

from __future__ import annotations

_DIGITS = "零一二三四五六七八九"


def chinese(value: int) -> str:
    """A number of 1–999 in Chinese numerals: 10 is 十, 110 is 一百一十. ValueError outside."""
    if not 1 <= value <= 999:
        raise ValueError(f"只能写 1–999，不能写 {value}")
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    text = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else _DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")
