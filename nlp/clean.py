"""Notice -> clean text and the way back.

In: a ``Notice`` whose text is as it came. Out: a ``Clean``: readable text of one form (half-width digits and letters,
full-width punctuation, simplified characters, a paragraph a line) whose every character knows its source range.
The map is made by each pass as it cleans, never by comparing texts. It reads no file and judges nothing.
"""

from __future__ import annotations

import html
import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from nlp.codebook import load_codebook
from nlp.markup import Page, is_around, is_info, is_markup, read_page, squeeze, stated_value
from nlp.types import Caution, Clean, Notice, OriginMap

_SPACE = r" \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_HAN = r"\u2e80-\u2fd5\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = r"\u3001-\u3004\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65“”‘’—…·①-⒇"
_WIDE = _HAN + _MARKS
_SENTENCE_END = "。！？：；…"

_INVISIBLE = re.compile(r"[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_NUL = re.compile(r"\x00+")
_BREAKS = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_PINYIN = re.compile(r"(?<=[\u3400-\u9fff])[（(][a-zāáǎàōóǒòēéěèīíǐìūúǔùǖǘǚǜü]{1,6} ?[）)]")
_TONES = frozenset("āáǎàōóǒòēéěèīíǐìūúǔùǖǘǚǜ")
_FULL_WIDTH = re.compile(r"[０-９Ａ-Ｚａ-ｚ％\u2f00-\u2fd5\uf900-\ufaff]+|(?<=[０-９0-9])．(?=[０-９0-9])")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,24});")
_STRAY_TAG = re.compile(
    r"<!--.{0,500}?-->|</?(?:a|abbr|b|big|blockquote|body|br|center|dd|div|dl|dt|em|font|h[1-6]|head|hr|html|i|img|input|"
    r"label|li|link|meta|o:p|ol|p|pre|script|section|small|span|strong|style|sub|sup|table|tbody|td|th|thead|tr|u|ul)"
    r"(?:\s[^<>]{0,2000})?/?>",
    re.IGNORECASE | re.DOTALL,
)
_IS_MARKDOWN = re.compile(r"(?m:^[ \t]{0,8}(?:#{1,6}[ \t]+\S|\*\*[^*\s]))|\]\((?:https?:|/)")
_MARKDOWN = re.compile(
    r"!?\[(?P<link>[^\[\]\n]{0,300})\]\((?:https?:|mailto:|www\.|[/.#])[^()\s]{0,2000}\)"
    r"|\*\*(?P<bold>[^*\n]{1,2000})\*\*|__(?P<under>[^_\n]{1,2000})__"
    r"|(?m:^[ \t]{0,8}(?:#{1,6}[ \t]+|#{2,6}(?=[^#\s])|>[ \t]+))"
)
_TEMPLATE = re.compile(r"\{\{[^{}\n]{0,200}\}\}|\$\{[^{}\n]{0,200}\}|\{[$%][^{}\n]{0,200}\}")
_URL = re.compile(rf"(?:https?://|www\.)[^\s{_WIDE}]*[^\s{_WIDE}.,;:?!)]", re.IGNORECASE)
_HALF = re.compile("[,;:?!]")
_BRACKETS = re.compile(r"\([^()\n]{0,300}\)")
_LONE_BRACKET = re.compile(f"(?<=[{_WIDE}])[()]|[()](?=[{_SPACE}]{{0,4}}[{_WIDE}])")
_LAST_STOP = re.compile(rf"(?<=[{_HAN}])\.(?=[{_SPACE}]{{0,8}}(?:\n|$))")
_SPACES = re.compile(f"[{_SPACE}]+")
_COLUMNS = re.compile(rf"(?<=[{_HAN}])[{_SPACE}]{{0,8}}\t[{_SPACE}]{{0,8}}(?=[{_HAN}0-9])")
_EMPTY_LINES = re.compile(rf"(?<![{_SPACE}])[{_SPACE}]*\n[{_SPACE}\n]*")
_WIDE_CHAR = re.compile(f"[{_WIDE}]")
_HAN_CHAR = re.compile(f"[{_HAN}]")
_LETTER = re.compile("[A-Za-z]")
_QUOTES = str.maketrans({"「": "“", "」": "”", "『": "‘", "』": "’"})
_TO_FULL = dict(zip(",;:?!()", "，；：？！（）", strict=True))
_SAMPLE = 20_000  # characters looked at to tell traditional from simplified
_CELL_GAPS, _CELL_LENGTH = 2, 40
_REPEAT_HEAD = 12  # a line at least this long can open a repeated notice
_REPEAT_LEAST = 60  # characters; a shorter repetition is left alone


class _Mapped(NamedTuple):
    """Text whose character i stands for source[starts[i]:ends[i]]."""

    text: str
    starts: array[int]
    ends: array[int]


Replacement = Callable[["re.Match[str]"], "str | None"]


def clean(notice: Notice) -> Clean:
    """The notice's readable text with its origin map; what was doubtful in the cleaning is told as cautions.

    Clean text has no markup, no empty lines, no spaces at the ends of lines or beside Chinese characters.
    """
    source = notice.text
    page = read_page(source) if is_markup(source, notice.file) else None
    cautions: list[Caution] = []
    mapped = _whole(source) if page is None else _from_page(source, page)
    mapped = _plain_characters(mapped, cautions)
    mapped = _without_markup(mapped)
    mapped = _simplified(mapped)
    published, publisher = _stated(mapped.text)
    mapped = _without_lines(mapped, _chrome_lines(mapped.text))
    mapped = _edited(mapped, _cell_gaps(mapped.text))
    if page is None:
        mapped = _unwrapped(mapped)
    mapped = _substitute(mapped, _COLUMNS, lambda _: "\n", "\t")
    mapped = _without_empty_lines(mapped)
    mapped = _spaced(mapped)
    mapped = _full_punctuation(mapped)
    mapped = _spaced(mapped)
    mapped = _without_repeat(mapped, cautions)
    if page is not None and not mapped.text and squeeze(source):
        cautions.append(Caution("no_text", "网页中没有读到正文"))
    return Clean(
        notice,
        mapped.text,
        OriginMap(mapped.starts, mapped.ends),
        notice.title or (_INVISIBLE.sub("", page.title).strip() if page and page.title else None),
        notice.published or (page.published if page else None) or published,
        notice.publisher or (page.publisher if page else None) or publisher,
        tuple(cautions),
    )


# --- the map -------------------------------------------------------------------------------------------------------


def _whole(source: str) -> _Mapped:
    size = len(source)
    return _Mapped(source, array("I", range(size)), array("I", range(1, size + 1)))


def _from_page(source: str, page: Page) -> _Mapped:
    """The page's pieces as mapped text; white space of the markup is a space, a break between blocks a line's end."""
    texts: list[str] = []
    starts, ends = array("I"), array("I")
    for start, end, text in page.pieces:
        if text is None:
            texts.append(source[start:end].translate(_MARKUP_SPACE))
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
        else:
            texts.append(text)
            starts.extend([start] * len(text))
            ends.extend([end] * len(text))
    return _Mapped("".join(texts), starts, ends)


_MARKUP_SPACE = str.maketrans("\t\n\r\f", "    ")


def _substitute(mapped: _Mapped, pattern: re.Pattern[str], replacement: Replacement, needs: str = "") -> _Mapped:
    """Replace the matches of ``pattern``; None keeps a match. ``needs``: no match without one of these characters.

    A replacement as long as its match maps character to character, any other stands as a whole for the whole match.
    """
    if needs and not any(c in mapped.text for c in needs):
        return mapped
    edits = ((m.start(), m.end(), new) for m in pattern.finditer(mapped.text) if (new := replacement(m)) is not None)
    return _edited(mapped, edits)


def _edited(mapped: _Mapped, edits: Iterable[tuple[int, int, str]]) -> _Mapped:
    """The text after edits (start, end, new text) in ascending order that do not overlap."""
    text, starts, ends = mapped
    texts: list[str] = []
    new_starts, new_ends = array("I"), array("I")
    kept = 0
    for start, end, new in edits:
        texts.append(text[kept:start])
        texts.append(new)
        if len(new) == end - start:
            new_starts.extend(starts[kept:end])
            new_ends.extend(ends[kept:end])
        else:
            new_starts.extend(starts[kept:start])
            new_ends.extend(ends[kept:start])
            if new:
                new_starts.extend([starts[start]] * len(new))
                new_ends.extend([ends[end - 1]] * len(new))
        kept = end
    if not texts:
        return mapped
    texts.append(text[kept:])
    new_starts.extend(starts[kept:])
    new_ends.extend(ends[kept:])
    return _Mapped("".join(texts), new_starts, new_ends)


def _translated(mapped: _Mapped, text: str) -> _Mapped:
    """The same map under a text of the same length."""
    return _Mapped(text, mapped.starts, mapped.ends)


# --- characters ----------------------------------------------------------------------------------------------------


def _plain_characters(mapped: _Mapped, cautions: list[Caution]) -> _Mapped:
    """Line ends as one character, no control or zero-width characters, digits and letters half-width."""
    if "\x00" in mapped.text:
        cautions.append(Caution("nul_characters", "原文含有空字符（NUL），已按空格处理，请核对原件是否损坏"))
        mapped = _substitute(mapped, _NUL, lambda m: " " * len(m.group()))
    mapped = _substitute(mapped, _BREAKS, lambda _: "\n")
    mapped = _substitute(mapped, _INVISIBLE, lambda _: "")
    mapped = _substitute(mapped, _FULL_WIDTH, lambda m: _half_width(m.group()))
    return (
        _substitute(mapped, _PINYIN, lambda m: None if _TONES.isdisjoint(m.group()) else "")
        if _has_tones(mapped)
        else mapped
    )


def _has_tones(mapped: _Mapped) -> bool:
    """Whether readings in pinyin stand among the characters, as some mirror pages print them: 镇(zhèn)."""
    return not _TONES.isdisjoint(mapped.text)


def _half_width(text: str) -> str:
    """Compatibility forms (full-width letters, radicals that PDF fonts leave) as the ordinary character."""
    folded = unicodedata.normalize("NFKC", text)
    return folded if len(folded) == len(text) else text


def _without_markup(mapped: _Mapped) -> _Mapped:
    """Entities resolved, stray tags, Markdown and template variables gone."""
    for _ in range(4):
        before = mapped
        mapped = _substitute(mapped, _ENTITY, _entity, "&")
        if mapped is before:
            break
    mapped = _substitute(mapped, _INVISIBLE, lambda _: "")
    mapped = _substitute(mapped, _STRAY_TAG, _stray_tag, "<")
    mapped = _substitute(mapped, _TEMPLATE, lambda _: "", "{")
    return _edited(mapped, _markdown(mapped.text)) if _IS_MARKDOWN.search(mapped.text) else mapped


def _entity(match: re.Match[str]) -> str | None:
    text = html.unescape(match.group())
    return None if text == match.group() else text


def _stray_tag(match: re.Match[str]) -> str:
    return "\n" if re.match(r"</?(?:p|br|div|tr|td|th|li|h[1-6]|table)\b", match.group(), re.IGNORECASE) else ""


def _markdown(text: str) -> Iterator[tuple[int, int, str]]:
    """Cuts that leave the words of Markdown; asked only of Markdown, for elsewhere 王** is a name left out."""
    for match in _MARKDOWN.finditer(text):
        if match.lastgroup is None:
            yield match.start(), match.end(), ""
            continue
        start, end = match.span(match.lastgroup)
        yield match.start(), start, ""
        yield end, match.end(), ""


# --- traditional characters ----------------------------------------------------------------------------------------


@cache
def _opencc(direction: str) -> Any:
    import opencc

    return opencc.OpenCC(direction)


def _changed(text: str, direction: str) -> int:
    converted = _opencc(direction).convert(text)
    return 0 if converted == text else sum(a != b for a, b in zip(text, converted, strict=False))


def _simplified(mapped: _Mapped) -> _Mapped:
    """Simplified characters where the text is predominantly traditional; any other text is left alone."""
    sample = mapped.text[:_SAMPLE]
    traditional = _changed(sample, "t2s")
    if traditional < 3 or traditional <= 3 * _changed(sample, "s2t"):
        return mapped
    lines = [_line_simplified(line) for line in mapped.text.split("\n")]
    return _translated(mapped, "\n".join(lines).translate(_QUOTES))


def _line_simplified(line: str) -> str:
    simplified: str = _opencc("t2s").convert(line)
    if len(simplified) == len(line):
        return simplified
    singly = (_opencc("t2s").convert(character) for character in line)
    return "".join(new if len(new) == 1 else old for old, new in zip(line, singly, strict=True))


# --- lines ---------------------------------------------------------------------------------------------------------


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of all lines, without their line ends."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield start, end
        start = end + 1
    yield start, len(text)


def _short_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Lines short enough to be no paragraph, with their squeezed text."""
    longest = 2 * int(load_codebook()["pages"].settings["longest_line"])
    for start, end in _lines(text):
        if start < end <= start + longest and (line := squeeze(text[start:end])):
            yield start, end, line


def _stated(text: str) -> tuple[str | None, str | None]:
    """Date and source, where a line of the text only tells these."""
    published: str | None = None
    publisher: str | None = None
    for _, _, line in _short_lines(text):
        if is_info(line):
            published = published or stated_value("says_published", line)
            publisher = publisher or stated_value("says_publisher", line)
    return published, publisher


def _chrome_lines(text: str) -> Iterator[tuple[int, int]]:
    """Lines of navigation, sharing, date and source that came along with the text; never all lines there are."""
    found = [(start, end) for start, end, line in _short_lines(text) if is_around(line) or is_info(line)]
    rest = len(squeeze(text)) - sum(end - start for start, end in found) if found else 0
    return iter(found if rest > 0 else ())


def _without_lines(mapped: _Mapped, lines: Iterable[tuple[int, int]]) -> _Mapped:
    size = len(mapped.text)
    return _edited(mapped, ((start, min(end + 1, size), "") for start, end in lines))


def _without_empty_lines(mapped: _Mapped) -> _Mapped:
    mapped = _substitute(mapped, _EMPTY_LINES, lambda m: None if m.group() == "\n" else "\n", "\n")
    text = mapped.text
    first = len(text) - len(text.lstrip())
    last = len(text.rstrip())
    return _Mapped(text[first:last], mapped.starts[first:last], mapped.ends[first:last]) if last > first else _NOTHING


_NOTHING = _Mapped("", array("I"), array("I"))


# --- line breaks inside sentences ----------------------------------------------------------------------------------


class _TextLine(NamedTuple):
    start: int
    end: int
    text: str  # stripped
    indented: bool
    width: int  # columns: a Chinese character takes two


def _unwrapped(mapped: _Mapped) -> _Mapped:
    """The text without the line breaks that a fixed line width put inside its paragraphs."""
    text = mapped.text
    if text.count("\n") < 4:
        return mapped
    lines = [_text_line(text, start, end) for start, end in _lines(text)]
    width = _wrap_width([line for line in lines if line.text])
    if width is None:
        return mapped
    indents = sum(line.indented and bool(line.text) for line in lines) >= 2
    return _edited(mapped, _joins(lines, width, indents))


def _text_line(text: str, start: int, end: int) -> _TextLine:
    raw = text[start:end]
    stripped = raw.strip()
    indent = raw[: len(raw) - len(raw.lstrip())]
    narrow = sum(map(str.isascii, stripped)) if not stripped.isascii() else len(stripped)
    return _TextLine(start, end, stripped, bool(indent), 2 * len(stripped) - narrow)


def _wrap_width(lines: list[_TextLine]) -> int | None:
    """The width a text was wrapped at, in columns; None when it was not wrapped."""
    if len(lines) < 5:
        return None
    width = sorted(line.width + 4 * line.indented for line in lines)[int(len(lines) * 0.95) - 1]
    if not 30 <= width <= 160:
        return None
    full = [line for line in lines if _is_full(line, width)]
    cut = [line for line in full if line.text[-1] not in _SENTENCE_END]
    return width if len(cut) >= 3 and 10 * len(full) >= 4 * len(lines) and 2 * len(cut) >= len(full) else None


def _is_full(line: _TextLine, width: int) -> bool:
    return line.width + 4 * line.indented >= 0.88 * width - 2


def _joins(lines: list[_TextLine], width: int, indents: bool) -> Iterator[tuple[int, int, str]]:
    opens, heading = (load_codebook()["pages"][name].regex for name in ("opens_paragraph", "closes_heading"))
    for line, following in pairwise(lines):
        if not line.text or not following.text or not _is_full(line, width):
            continue
        if following.indented or opens.match(following.text) or heading.match(line.text):
            continue
        if (line.text[-1] in _SENTENCE_END and not indents) or "｜" in line.text:
            continue
        words = _LETTER.match(line.text[-1]) and _LETTER.match(following.text[0])
        yield line.end, line.end + 1, " " if words else ""


# --- spaces and punctuation ----------------------------------------------------------------------------------------


def _spaced(mapped: _Mapped) -> _Mapped:
    """No space at the ends of lines or beside Chinese characters and punctuation; elsewhere single plain spaces."""
    text = mapped.text

    def replacement(match: re.Match[str]) -> str | None:
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        if before in ("", "\n") or after in ("", "\n") or _WIDE_CHAR.match(before) or _WIDE_CHAR.match(after):
            return ""
        return None if match.group() == " " else " "

    return _substitute(mapped, _SPACES, replacement)


def _cell_gaps(text: str) -> list[tuple[int, int, str]]:
    """The gaps that part the cells of a table typed with spaces, as ｜: two lines or more, of three cells or more."""
    found: list[tuple[int, int, str]] = []
    block: list[list[tuple[int, int, str]]] = []
    start = 0
    for line in (*text.split("\n"), ""):
        gaps = _gaps(line, start)
        if gaps:
            block.append(gaps)
        else:
            if len(block) > 1:
                found.extend(gap for row in block for gap in row)
            block = []
        start += len(line) + 1
    return found


def _gaps(line: str, start: int) -> list[tuple[int, int, str]]:
    """The gaps of one row of cells; a padded name (姓名：王　强) is one cell. [] for a line that is no row."""
    line = line.rstrip()
    gaps = [match.span() for match in _SPACES.finditer(line) if match.start() > 0]
    if len(gaps) < _CELL_GAPS or "。" in line:
        return []
    cells = [line[a:b] for a, b in pairwise([0, *(place for gap in gaps for place in gap), len(line)])][::2]
    if not all(0 < len(cell) <= _CELL_LENGTH for cell in cells):
        return []
    ends = [re.split("[：:]", cell)[-1] for cell in cells]
    padded = [len(a) == len(b) == 1 and not (a + b).isascii() for a, b in zip(ends, cells[1:], strict=False)]
    kept = [(start + a, start + b, "｜") for (a, b), inside in zip(gaps, padded, strict=True) if not inside]
    return kept if len(kept) >= _CELL_GAPS and _HAN_CHAR.search(line) else []


def _full_punctuation(mapped: _Mapped) -> _Mapped:
    """Half-width marks beside Chinese characters as full-width ones; those in numbers, times and addresses stay."""
    if not any(mark in mapped.text for mark in ",;:?!()."):
        return mapped
    mapped = _edited(mapped, _brackets(mapped.text))
    fixed = _Ranges(match.span() for match in _URL.finditer(mapped.text))
    mapped = _substitute(mapped, _HALF, lambda m: None if m.start() in fixed else _full_mark(m), ",;:?!")
    mapped = _substitute(mapped, _LONE_BRACKET, lambda m: None if m.start() in fixed else _TO_FULL[m.group()], "()")
    return _substitute(mapped, _LAST_STOP, lambda _: "。", ".")


class _Ranges:
    """Disjoint ascending ranges; ``in`` asks whether one holds a position."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self.bounds = [bound for pair in ranges for bound in pair]

    def __contains__(self, position: int) -> bool:
        return bisect_left(self.bounds, position + 1) % 2 == 1


def _brackets(text: str) -> Iterator[tuple[int, int, str]]:
    """Both brackets of a pair that holds or touches Chinese text."""
    for match in _BRACKETS.finditer(text):
        start, end = match.span()
        if _HAN_CHAR.search(text, max(0, start - 1), end + 1):
            yield start, start + 1, "（"
            yield end - 1, end, "）"


def _full_mark(match: re.Match[str]) -> str | None:
    text, start, end = match.string, match.start(), match.end()
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isascii() and before.isdigit() and after.isascii() and after.isdigit():
        return None
    wide = (before and _WIDE_CHAR.match(before)) or (after and _WIDE_CHAR.match(after))
    return _TO_FULL[match.group()] if wide else None


# --- repeated notice -----------------------------------------------------------------------------------------------


def _without_repeat(mapped: _Mapped, cautions: list[Caution]) -> _Mapped:
    """The text without a second print of itself."""
    repeat = _repeat_in_lines(mapped.text) or _repeat_in_text(mapped.text)
    if repeat is None:
        return mapped
    start, end = repeat
    cautions.append(Caution("repeated_notice", f"通报在原文中重复出现，第二遍（{end - start}字）未再分析"))
    return _without_empty_lines(_edited(mapped, [(start, end, "")]))


def _repeat_in_text(text: str) -> tuple[int, int] | None:
    """The second half of a text that says the same twice without a line break."""
    size = len(text)
    if size < 2 * _REPEAT_LEAST:
        return None
    second = text.find(text[:_REPEAT_LEAST], size // 2 - 2)
    if second > 0 and text[:second].strip() == text[second:].strip():
        return second, size
    return None


def _repeat_in_lines(text: str) -> tuple[int, int] | None:
    """The lines of a second print that follows the first at once: every line up to where the second began returns."""
    lines = list(_lines(text))
    for first in range(min(4, len(lines))):
        start, end = lines[first]
        if end - start < _REPEAT_HEAD:
            continue
        for second in _same_lines(text, lines, first):
            if found := _second_print(text, lines, first, second):
                return found
    return None


def _same_lines(text: str, lines: list[tuple[int, int]], number: int) -> Iterator[int]:
    start, end = lines[number]
    opening = text[start:end]
    begins = [line[0] for line in lines]
    position = end
    while (position := text.find(opening, position)) >= 0:
        index = bisect_left(begins, position)
        if index < len(lines) and lines[index] == (position, position + len(opening)):
            yield index
        position += len(opening)


def _second_print(text: str, lines: list[tuple[int, int]], first: int, second: int) -> tuple[int, int] | None:
    """The range of the second print when the lines from ``second`` on say again what stands between ``first`` and it.

    Lines before ``first`` (a headline) may lack or differ in the second print; its end may be cut off.
    """

    def same(one: int, two: int) -> bool:
        return text[slice(*lines[one])] == text[slice(*lines[two])]

    length = 1
    while first + length < second and second + length < len(lines) and same(first + length, second + length):
        length += 1
    cut_off = second + length == len(lines) and 10 * length >= 8 * (second - first)
    if first + length < second - first and not cut_off:
        return None
    back = 0
    while back < first and second - back - 1 >= first + length and same(first - back - 1, second - back - 1):
        back += 1
    start, end = lines[second - back][0], lines[second + length - 1][1]
    return (start, end) if end - start >= _REPEAT_LEAST else None
