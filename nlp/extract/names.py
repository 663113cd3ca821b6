"""Personal names, read from characters.

In: a text and the places where a name may begin (after a post, after 给予, at the head of a clause). Out: the names,
each once. Never looks at words: a name's end is weighed from what follows it and from how often it is met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from nlp.codebook import load_codebook
from nlp.extract.posts import head_pattern

HAN = r"[\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0003ffff〇]"
_CLEAR, _WEAK = 3, 1


@dataclass(frozen=True)
class Lexicon:
    """The compiled knowledge of surnames.toml and names.toml."""

    single: frozenset[str]
    double: frozenset[str]
    doubtful: frozenset[str]
    never: frozenset[str]
    not_names: re.Pattern[str]
    after: re.Pattern[str]
    after_weak: frozenset[str]
    end_not: frozenset[str]
    unsurnamed: tuple[str, ...]
    masked: re.Pattern[str]
    heads: re.Pattern[str]


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


@cache
def lexicon() -> Lexicon:
    """The lexicon of the shipped codebook, compiled once."""
    book = load_codebook()
    surnames, names = book["surnames"], book["names"].settings
    single, double = surnames["single"]["names"], surnames["double"]["names"]
    family = f"(?:{_alternatives(double)}|[{single}])"
    return Lexicon(
        single=frozenset(single) - frozenset(names["not_surnames"]),
        double=frozenset(double),
        doubtful=frozenset(names["doubtful_surnames"]),
        never=frozenset(names["never"]) - frozenset(names["never_but"]),
        not_names=re.compile(_alternatives(names["not_names"])),
        after=re.compile(rf"[，。、；：？！（）()《》“”\"\s\n—…/]|$|{_alternatives(names['after'])}"),
        after_weak=frozenset(names["after_weak"]),
        unsurnamed=tuple(surnames["unsurnamed"]["names"]),
        heads=re.compile(head_pattern()),
        end_not=frozenset(book["grammar"].settings["name_end_not"]),
        masked=re.compile(
            rf"(?<!由){family}(?:某{{1,3}}[甲乙丙丁]?|[×xX＊*]{{1,2}})(?![公局镇县市村企校乡区科种项些部单位])"
        ),
    )


_PLACE_FOLLOWS = re.compile(rf"{HAN}{{2}}(?:省|市|县|区|镇|乡|村|局|街道)|[省市县区镇乡村](?={HAN})")


def clear_count(text: str, name: str) -> int:
    """How often ``name`` stands in the text with a clear end."""
    words = lexicon()
    return sum(_end_weight(text, m.end(), words) == _CLEAR for m in re.finditer(re.escape(name), text))


def _end_weight(text: str, end: int, words: Lexicon) -> int:
    """How clearly a name may end at ``end``: 0 not at all, 1 weakly, 3 clearly."""
    match = words.after.match(text, end)
    if match is None:
        return _WEAK if _PLACE_FOLLOWS.match(text, end) else 0
    return _WEAK if match.group() in words.after_weak else _CLEAR


def _plausible(name: str, family: int, words: Lexicon, text: str, at: int) -> bool:
    given = name[family:]
    if name[-1] in "二两三四五六七八九十" and text[at + len(name) : at + len(name) + 1] in "人名位个":
        return False
    if name[-1] == "均" and family and text[at - 1 : at] in ("、", "和", "及", "与"):
        return False
    return (
        bool(re.fullmatch(f"{HAN}+", given))
        and given[-1] not in words.end_not
        and not any(c in words.never for c in given)
        and not words.not_names.match(name)
    )


def name_at(text: str, start: int, *, trusted: bool, blocked: Sequence[tuple[int, int]] = ()) -> str | None:
    """The personal name that begins at ``start``, or None.

    ``trusted``: a post or a verb of sanction stands right before, so that a common surname with an unclear end is
    believed; otherwise the end must be clear. ``blocked`` ranges (posts, measures) cannot be part of a name.
    """
    words = lexicon()
    masked = _masked_at(text, start)
    if masked:
        return masked
    family = 2 if text[start : start + 2] in words.double else 1 if text[start : start + 1] in words.single else 0
    if not family:
        return None
    doubtful = text[start] in words.doubtful and family == 1
    best: tuple[int, int, str] | None = None
    for given in (2, 1):
        end = start + family + given
        name = text[start:end]
        if len(name) < family + given or not _plausible(name, family, words, text, start):
            continue
        if any(b_start < end and start < b_end for b_start, b_end in blocked):
            continue
        weight = _end_weight(text, end, words)
        clear_inside = given == 2 and _cuts_word(text, start + family + 1, words)
        met = min(text.count(name) - (text.count(text[start : end + 1]) if given == 1 else 1), 2)
        score = weight + met - (2 if clear_inside and not met else 0)
        if given == 1 and name[-1] in "一二三四五六七八九十" and clear_count(text, name) < 2:
            continue
        if given == 2 and weight == 0 and not met:
            score = 1 if trusted and not doubtful and not clear_inside else 0
        needed = 3 if not trusted else 2 if doubtful else 1
        if score >= needed and (best is None or score > best[0]):
            best = (score, given, name)
    return best[2] if best else None


def _cuts_word(text: str, at: int, words: Lexicon) -> bool:
    """Whether a clear ending word of two or more characters begins at ``at``, inside the longer candidate."""
    match = words.after.match(text, at)
    return match is not None and len(match.group()) >= 2


def foreign_name_at(text: str, start: int, stop: re.Pattern[str]) -> str | None:
    """A name without a Chinese surname (贡布, 洛桑) between a post and ``stop``, which must follow it at once."""
    words = lexicon()
    for length in (2, 3, 4, 5, 6):
        name = text[start : start + length]
        if not re.fullmatch(f"{HAN}{{{length}}}", name) or words.heads.search(name):
            continue
        if stop.match(text, start + length) and any(known in name for known in words.unsurnamed):
            return name
    return None


def _masked_at(text: str, start: int) -> str | None:
    """张某, 李某某, 王××, 吴某新 at ``start``."""
    words = lexicon()
    match = words.masked.match(text, start)
    if match is None:
        return None
    name = match.group()
    longer = text[start : match.end() + 1]
    if name.count("某") == 1 and name[-1] == "某" and len(longer) > len(name):
        last = longer[-1]
        is_given = re.fullmatch(HAN, last) and last not in words.never and last not in words.end_not
        ends = text.count(longer) > 1 or _end_weight(text, match.end() + 1, words) == _CLEAR
        titled = words.heads.match(text, match.end())
        if is_given and ends and not titled and not words.after.match(text, match.end()):
            return longer
    return name


def masked_after_post(text: str, start: int) -> str | None:
    """X某, X某某 right after a post, whatever the first character (a misspelt 刑某)."""
    match = re.compile(rf"{HAN}(?:某{{1,2}}|[×xX＊*]{{1,2}})").match(text, start)
    return match.group() if match and match.group()[0] not in lexicon().never else None


def masked_names(text: str) -> list[tuple[int, int]]:
    """Ranges of 张某, 李某某, 王××, 吴某新."""
    found = []
    for match in lexicon().masked.finditer(text):
        name = _masked_at(text, match.start())
        if name:
            found.append((match.start(), match.start() + len(name)))
    return found


def dotted_name_at(text: str, start: int) -> str | None:
    """A name with middle dots (买买提·艾力) that begins at ``start``; its end is the first clear end."""
    words = lexicon()
    match = re.compile(rf"{HAN}{{1,7}}(?:[·•・]{HAN}{{1,8}})+").match(text, start)
    if match is None:
        return None
    last_dot = max(match.group().rfind(c) for c in "·•・") + start
    for end in range(last_dot + 2, match.end() + 1):
        if _end_weight(text, end, words) == _CLEAR:
            return text[start:end]
    return match.group()
