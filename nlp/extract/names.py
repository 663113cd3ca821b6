"""Personal names, read from characters.

In: a text and a place where a name may begin. Out: the name there, if one is believed. Never looks at words: a name's
end is weighed from what follows it and from how often it is met.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from nlp.codebook import any_of, load_codebook
from nlp.codebook.needles import quick
from nlp.extract.phrases import places_of
from nlp.extract.posts import head_pattern

HAN = r"[\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0003ffff〇]"
# What stands before a candidate: a post, a verb that takes a person (免去), a name and 、, or nothing that shows one.
Before = Literal["post", "verb", "list", "open"]

_SURE, _CLEAR, _WEAK, _GUESS = 5, 3, 1, 0.5
_NEEDED: dict[Before, float] = {"post": _GUESS, "verb": _GUESS, "list": 1, "open": 3}
_TRUSTED = ("post", "verb")
_LONGEST = 6  # characters of a transliterated name
_PARTS = 4  # known parts of a name (那仁 + 朝克图)
_TRAILING = 2  # characters of sound after the last known part (勒格 + 拉且)
_HAN = re.compile(HAN)
_DOTTED = re.compile(rf"{HAN}{{1,7}}(?:[·•・]{HAN}{{1,8}})+")
_MASKED_AFTER_POST = re.compile(rf"(?P<family>{HAN})(?:某{{1,2}}|[×xX＊*]{{1,2}})")
_YOUNG_OR_OLD = frozenset("小老")
_EACH = frozenset("各均")  # before a measure: 总工程师张三各扣发…
_ADVERB_BEFORE = frozenset("受被给予免")
_PUNCTUATION = r"[，。、；：？！（）()《》“”\"\s\n—…/]|$"


@dataclass(frozen=True)
class Lexicon:
    """The compiled knowledge of surnames.toml and names.toml."""

    single: frozenset[str]
    double: frozenset[str]
    opens: frozenset[str]  # the first characters of all surnames and parts
    doubtful: frozenset[str]
    rare: frozenset[str]
    never: frozenset[str]
    end_not: frozenset[str]
    end_not_before_post: frozenset[str]
    not_names: re.Pattern[str]
    after: re.Pattern[str]
    after_weak: frozenset[str]
    after_sure: re.Pattern[str]
    transliterated: frozenset[str]
    parts: re.Pattern[str]
    sounds: frozenset[str]
    numerals: frozenset[str]
    counted: frozenset[str]
    joins: frozenset[str]
    township: re.Pattern[str]
    place: re.Pattern[str]
    masked: re.Pattern[str]
    heads: re.Pattern[str]
    no_person: re.Pattern[str]
    dealt: re.Pattern[str]
    bears: re.Pattern[str]
    told_before: re.Pattern[str]
    model_not_first: frozenset[str]
    model_not_last: frozenset[str]
    model_not: frozenset[str]


@cache
def lexicon() -> Lexicon:
    """The lexicon of the shipped codebook, compiled once."""
    book = load_codebook()
    surnames, names = book["surnames"], book["names"].settings
    single, double = surnames["single"]["names"], surnames["double"]["names"]
    parts = surnames["unsurnamed"]["names"]
    family = f"(?:{any_of(double)}|[{single}])"
    return Lexicon(
        single=frozenset(single),
        double=frozenset(double),
        opens=frozenset(single).union(name[0] for name in (*double, *parts)),
        doubtful=frozenset(names["doubtful_surnames"]),
        rare=frozenset(names["rare_surnames"]),
        never=frozenset(names["never"]) - frozenset(names["never_but"]),
        end_not=frozenset(names["never_last"]),
        end_not_before_post=frozenset(names["never_before_post"]),
        not_names=re.compile(any_of(names["not_names"])),
        after=re.compile(f"{_PUNCTUATION}|{any_of(names['after'])}"),
        after_weak=frozenset(names["after_weak"]),
        after_sure=re.compile(any_of(names["after_sure"])),
        transliterated=frozenset(surnames["transliterated"]["names"]),
        parts=quick(any_of(parts)),
        sounds=frozenset("".join((*parts, surnames["transliterated"]["names"]))),
        numerals=frozenset(names["numerals"]),
        counted=frozenset(names["counted"]),
        joins=frozenset(names["joins"]),
        township=re.compile(names["township"]),
        place=re.compile(f"{HAN}{{2}}(?:{any_of(names['place_ends'])})"),
        masked=quick(rf"(?<!由){family}(?:某{{1,3}}[甲乙丙丁]?|[×xX＊*]{{1,2}})(?![{names['masked_organ']}])"),
        heads=quick(head_pattern()),
        no_person=re.compile(any_of(names["no_person"])),
        dealt=re.compile(names["dealt"]),
        bears=re.compile(names["bears"]),
        told_before=re.compile(f"(?:{names['told_before']})$"),
        model_not_first=frozenset(names["model_never_first"]),
        model_not_last=frozenset(names["model_never_last"]),
        model_not=frozenset(names["model_never"]),
    )


def name_at(
    text: str,
    start: int,
    *,
    before: Before,
    blocked: Sequence[tuple[int, int]] = (),
    measures: Sequence[tuple[int, int]] = (),
) -> str | None:
    """The personal name that begins at ``start``, with a surname or made of known parts, or None.

    ``before``: after a post even an unclear end is believed, elsewhere the end must be clear. ``blocked`` ranges
    (posts, measures) cannot be part of a name; one of ``measures`` that begins right after it is the surest end.
    """
    words = lexicon()
    if text[start : start + 1] not in words.opens:
        return None
    masked = _masked_at(text, start)
    if masked:
        return masked
    native = _of_parts(text, start, before=before, blocked=blocked, measures=measures)
    if native:
        return native
    families = [n for n, known in ((2, words.double), (1, words.single)) if text[start : start + n] in known]
    found = (
        _with_family(text, start, family, before=before, blocked=blocked, measures=measures) for family in families
    )
    return next((name for name in found if name), None)


def _of_parts(
    text: str, start: int, *, before: Before, blocked: Sequence[tuple[int, int]], measures: Sequence[tuple[int, int]]
) -> str | None:
    """A name without a surname, made of parts that such names are made of (扎西顿珠, 斯琴高娃, 勒格拉且).

    One part of two characters (洛桑) needs a clear end; what is longer than that can hardly be anything else.
    """
    words = lexicon()
    ends: list[int] = []
    end = start
    while len(ends) < _PARTS and (part := words.parts.match(text, end)):
        end = part.end()
        ends.append(end)
    if not ends:
        return None
    more = 0
    while more < _TRAILING and text[end + more : end + more + 1] in words.transliterated:
        more += 1
    for stop in (*range(end + more, end, -1), *reversed(ends)):
        if any(a < stop and start < b for a, b in blocked):
            continue
        weight = _SURE if any(a == stop for a, _ in measures) else _end_weight(text, stop, words)
        needed = _CLEAR if before == "open" or stop - start < 3 or stop not in ends else _NEEDED[before]
        if weight >= needed or (before in _TRUSTED and stop == end and len(ends) > 1):
            return text[start:stop]
    return None


def _with_family(
    text: str,
    start: int,
    family: int,
    *,
    before: Before,
    blocked: Sequence[tuple[int, int]],
    measures: Sequence[tuple[int, int]],
) -> str | None:
    """The name at ``start`` whose surname has ``family`` characters; the rest as in ``name_at``."""
    lengths = _lengths(text, start + family, lexicon())
    near = [a for a, b in blocked if a < start + family + lengths[0] and start < b]
    free = {n: not any(a < start + family + n for a in near) for n in lengths}
    begins = frozenset(a for a, _ in measures)
    weights = {n: _weight(text, start, family, n, before=before, begins=begins) if free[n] else None for n in lengths}
    penalty = _surname_penalty(text[start], family, before)
    if before in _TRUSTED and weights[2] is None and weights[1] == 0 and not penalty:
        return text[start : start + family + 1]
    needed = _NEEDED[before] + penalty
    best = max(weights, key=lambda n: (-1 if weights[n] is None else weights[n], n))
    weight = weights[best]
    return text[start : start + family + best] if weight is not None and weight >= needed else None


def _measure_follows(text: str, end: int, begins: frozenset[int]) -> bool:
    """Whether a measure begins at ``end``, 各 or 均 passed over."""
    if text[end : end + 1] in _EACH and end + 1 in begins:
        return True
    return end in begins and text[end - 1] not in _EACH


def _is_told_of(text: str, end: int, begins: frozenset[int]) -> bool:
    """Whether a measure follows, a comma passed over, or a responsibility does (，负…)."""
    comma = text.startswith("，", end) and (end + 1 in begins or text.startswith("负", end + 1))
    return comma or _measure_follows(text, end, begins)


def _lengths(text: str, start: int, words: Lexicon) -> range:
    """How many characters a given name at ``start`` may have: two, or as long as it only tells sounds (包青格勒)."""
    longest = 2
    while longest < _LONGEST and words.transliterated.issuperset(text[start : start + longest + 1]):
        longest += 1
    return range(longest, 0, -1)


def clear_name_at(text: str, start: int, *, measures: Sequence[tuple[int, int]] = ()) -> str | None:
    """The name that begins at ``start``, if its end is clear."""
    return name_at(text, start, before="open", measures=measures)


def _surname_penalty(character: str, family: int, before: Before) -> int:
    """How much more it takes to believe a surname that is also an everyday word; most where no post shows a person."""
    words = lexicon()
    if family == 2:
        return 0
    if character in words.rare:
        return 2 if before in _TRUSTED else 4
    return 1 if character in words.doubtful else 0


def _weight(text: str, start: int, family: int, given: int, *, before: Before, begins: frozenset[int]) -> float | None:
    """How much speaks for a name of ``given`` characters after the surname; None if it cannot be one.

    ``begins``: where measures begin; after a post even a word is a name right before one (副局长简单，政务警告).
    """
    words = lexicon()
    end = start + family + given
    name = text[start:end]
    if len(name) < family + given or not _plausible(text, start, family, name):
        return None
    if _is_word(text, name, before=before) and not (before == "post" and _is_told_of(text, end, begins)):
        return None
    weight = _SURE if _measure_follows(text, end, begins) else _end_weight(text, end, words)
    if text[end : end + 1] == "均" and before == "list":
        weight = _CLEAR
    longer = text.count(text[start : end + 1]) if given == 1 else 1
    met = min(max(text.count(name) - longer, 0), 2)
    if weight == 0 and before not in _TRUSTED:
        return None
    if given == 1:
        return weight + met
    if met == 0 and adverb_begins(text, end - 1):
        return weight - 2
    return _GUESS if before in _TRUSTED and weight == met == 0 else weight + met


def _plausible(text: str, start: int, family: int, name: str) -> bool:
    """Whether the characters of a candidate can be those of a name."""
    words = lexicon()
    given, after = name[family:], text[start + len(name) : start + len(name) + 1]
    sounds = len(name) > 3 and words.transliterated.issuperset(given)
    characters = all(_HAN.match(c) and (sounds or c not in words.never) for c in given)
    if not characters:
        return False
    if name[-1] in words.numerals and after in words.counted:
        return False
    if name[-1] in "均同" and (text[start - 1 : start] in ("、", "和", "及", "与") or after in _ADVERB_BEFORE):
        return False
    joins = name[-1] in words.joins and not words.after.match(text, start + len(name))
    if joins or words.township.match(text, start + len(name)):
        return False
    if name[-1] in words.end_not_before_post and words.heads.match(text, start + len(name)):
        return False
    return name[-1] not in words.end_not


def _is_word(text: str, name: str, *, before: Before) -> bool:
    """Whether a candidate begins with a word; after a post it is a name all the same where it is met again (成立志), or
    where the measure is told right after it (书记尚有才受到…)."""
    if not lexicon().not_names.match(name):
        return False
    return len(name) < 3 or before != "post" or (clear_count(text, name) < 2 and f"{name}受到" not in text)


def clear_count(text: str, name: str) -> int:
    """How often ``name`` stands in the text with a clear end."""
    words = lexicon()
    return sum(_end_weight(text, start + len(name), words) >= _CLEAR for start in places_of(text, name))


def _end_weight(text: str, end: int, words: Lexicon) -> int:
    """How clearly a name may end at ``end``: 0 not at all, 1 weakly, 3 clearly, 5 surely."""
    match = words.after.match(text, end)
    if words.after_sure.match(text, end):
        return _SURE
    if match is None:
        return _WEAK if words.place.match(text, end) else 0
    return _WEAK if match.group() in words.after_weak else _CLEAR


def adverb_begins(text: str, at: int) -> bool:
    """Whether a word of two or more characters that cannot be in a name (同时, 给予) begins at ``at``."""
    match = lexicon().after.match(text, at)
    return match is not None and len(match.group()) >= 2


def transliterated_name_at(text: str, start: int) -> str | None:
    """A name without a Chinese surname (贡布, 洛桑, 斯日古楞) right after a post: sounds only, and a clear end."""
    words = lexicon()
    end = start
    while end < len(text) and text[end] in words.transliterated and end - start < _LONGEST:
        end += 1
    if end < start + 2 or words.after.match(text, start) or words.not_names.match(text, start):
        return None
    for stop in range(end, start + 1, -1):
        if _end_weight(text, stop, words) >= _CLEAR and not words.heads.search(text[start:stop]):
            return text[start:stop]
    return None


def dotted_name_at(text: str, start: int) -> str | None:
    """A name with middle dots (买买提·艾力) that begins at ``start``, up to its first clear end or its last sound."""
    match, words = _DOTTED.match(text, start), lexicon()
    if match is None or words.heads.match(text, start) or _no_name_begins(text, start, words):
        return None
    first_dot = start + min(i for i, c in enumerate(match.group()) if c in "·•・")
    if any(adverb_begins(text, at) for at in range(start + 1, first_dot - 1)):
        return None  # 给予 stands in it
    last_dot = max(match.group().rfind(c) for c in "·•・") + start
    ends = range(min(last_dot + 3, match.end()), min(last_dot + _LONGEST + 1, match.end()) + 1)
    end = next((e for e in ends if _ends_sounds(text, e, words)), None)
    return text[start : end or _last_sound(text, last_dot + 1, match.end(), words)]


def _last_sound(text: str, start: int, end: int, words: Lexicon) -> int:
    """Where the known part of a name ends, else its sounds; ``end`` where it has neither."""
    known = words.parts.match(text, start)
    sounds = next((at for at in range(start, end) if text[at] not in words.sounds), end)
    return known.end() if known else sounds if sounds - start >= 2 else end


def introduced_name_at(text: str, start: int) -> str | None:
    """A name of any form whose particulars follow it (阿依古丽，女，…)."""
    name = dotted_name_at(text, start) or transliterated_name_at(text, start)
    return name if name and lexicon().after_sure.match(text, start + len(name)) else None


def _no_name_begins(text: str, start: int, words: Lexicon) -> bool:
    """Whether a word begins here that only follows names (给予, 对), and no mere sound (买)."""
    follows = words.after.match(text, start)
    return follows is not None and not words.transliterated.issuperset(follows.group())


def _ends_sounds(text: str, end: int, words: Lexicon) -> bool:
    """Whether a name that tells sounds ends at ``end``: clearly, or before a character that tells none."""
    weight = _end_weight(text, end, words)
    return weight >= _CLEAR or (weight > 0 and text[end] not in words.transliterated)


def told_name_at(text: str, start: int, *, measures: Sequence[tuple[int, int]] = ()) -> str | None:
    """A name of two or three characters right after a post, of any form (局长荣誉, 庭长冬至), by what is told of it.

    Its measure stands right after it, or it is told of here and again where no post stands before it; the latter is
    asked of what is a word as well.
    """
    words, begins = lexicon(), frozenset(a for a, _ in measures)
    if words.after.match(text, start) or words.no_person.match(text, start):
        return None
    for end in (start + 3, start + 2):
        name = text[start:end]
        if not _may_be_told(name) or words.township.match(text, end):
            continue
        if any(a < end and start < b for a, b in measures):
            continue
        strong, clear = _is_strong(text, end, begins), _end_weight(text, end, words) > 0
        if not (strong or clear):
            continue
        again = _told_again(text, start, name, begins)
        word = words.not_names.match(name)
        if (strong and (again or not word)) or (clear and ("strong" in again or (again and not word))):
            return name
    return None


def _may_be_told(name: str) -> bool:
    words = lexicon()
    characters = all(_HAN.match(c) and c not in words.never for c in name)
    return characters and name[-1] not in words.end_not and not words.heads.search(name)


def _is_strong(text: str, end: int, begins: frozenset[int]) -> bool:
    """Whether a measure or a responsibility is told of what ends at ``end`` (受到…, ：…; ，负…责任)."""
    words = lexicon()
    particulars = words.bears.match(text, end) or words.after_sure.match(text, end)
    return particulars is not None or measure_told(text, end, begins)


def measure_told(text: str, end: int, begins: Container[int]) -> bool:
    """Whether one of the measures that begin at ``begins`` is told right after ``end``, a verb or 由… passed over."""
    dealt = lexicon().dealt.match(text, end)
    return end in begins or bool(dealt and dealt.end() in begins)


def _told_again(text: str, start: int, name: str, begins: frozenset[int]) -> frozenset[str]:
    """How ``name`` is told of elsewhere, at the head of a clause or after 给予, 对: strongly, or with a clear end."""
    words, found = lexicon(), set()
    for at in places_of(text, name):
        if at == start or not words.told_before.search(text, max(0, at - 4), at):
            continue
        if _is_strong(text, at + len(name), begins):
            found.add("strong")
        elif _end_weight(text, at + len(name), words) >= _CLEAR:
            found.add("clear")
    return frozenset(found)


def masked_names(text: str) -> list[tuple[int, int]]:
    """Ranges of 张某, 李某某, 王××, 吴某新."""
    names = ((m.start(), _masked_at(text, m.start())) for m in lexicon().masked.finditer(text))
    return [(start, start + len(name)) for start, name in names if name]


def masked_after_post(text: str, start: int, *, measures: Sequence[tuple[int, int]] = ()) -> str | None:
    """X某, X某某 right after a post, whatever the first character (a misspelt 刑某); 小曹, 老李."""
    match = _MASKED_AFTER_POST.match(text, start)
    if match:
        return match.group() if match["family"] not in lexicon().never else None
    familiar = text[start : start + 1] in _YOUNG_OR_OLD and text[start + 1 : start + 2] in lexicon().single
    name = text[start : start + 2]
    told = any(a == start + 2 for a, _ in measures)
    ends = told or (clear_count(text, name) and _end_weight(text, start + 2, lexicon()))
    return name if familiar and ends else None


def _masked_at(text: str, start: int) -> str | None:
    """张某, 李某某, 王××, 吴某新 at ``start``."""
    words = lexicon()
    match = words.masked.match(text, start)
    if match is None:
        return None
    name, end = match.group(), match.end()
    longer = text[start : end + 1]
    if name.count("某") != 1 or name[-1] != "某" or len(longer) == len(name):
        return name
    given = _HAN.match(longer[-1]) and longer[-1] not in words.never | words.end_not
    ends = text.count(longer) > 1 or _end_weight(text, end + 1, words) >= _CLEAR
    other = words.heads.match(text, end) or words.after.match(text, end)
    return longer if given and ends and not other else name
