"""Who and what a text names: people with their posts, posts without names, organisations, groups by count, pronouns.

In: clean text of a case and its measures and responsibilities. Out: tokens in text order that do not overlap, and the
skeleton: the text with one sign for each token, on which ``link`` reads the grammar. Never decides who is held to account.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from nlp.codebook import Entry, load_codebook
from nlp.extract.measures import Measure
from nlp.extract.names import clear_count, dotted_name_at, foreign_name_at, masked_after_post, masked_names, name_at
from nlp.extract.posts import head_pattern

PERSON, POST, ORGANISATION, GROUP, PRONOUN, MEASURE, RESPONSIBILITY, OPENING = "PUOGDXRF"


@dataclass(frozen=True)
class Token:
    """One mention. ``start``/``end`` cover it whole (post and name together); ``name`` and ``post`` are ranges inside.

    ``shared_post``: the post before the first name of a list (副局长张某、李某), for the names after it.
    """

    kind: str
    start: int
    end: int
    name: tuple[int, int] | None = None
    post: tuple[int, int] | None = None
    shared_post: tuple[int, int] | None = None
    count: int | None = None
    measure: Measure | None = None
    entry: Entry | None = None


@dataclass(frozen=True)
class Skeleton:
    """The text with each token as one capital letter (every other A–Z of the text is blanked to '·').

    ``places[i]`` is the offset in the text of skeleton character i; ``tokens`` maps a skeleton index to its token.
    """

    text: str
    places: list[int]
    tokens: dict[int, Token] = field(default_factory=dict)

    def at(self, offset: int) -> int:
        """The skeleton index of a text offset."""
        return bisect_left(self.places, offset)


@dataclass(frozen=True)
class Grammar:
    """grammar.toml, compiled."""

    head: re.Pattern[str]
    organ: re.Pattern[str]
    cut: re.Pattern[str]
    cut_single: re.Pattern[str]
    stop: str
    groups: tuple[re.Pattern[str], ...]
    pronoun: re.Pattern[str]
    handing: re.Pattern[str]
    not_people: re.Pattern[str]
    opening: re.Pattern[str]
    unit_staff: re.Pattern[str]
    own_unit: str
    not_head: re.Pattern[str]


def alternation(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{p})" for p in patterns)


@cache
def grammar() -> Grammar:
    settings = load_codebook()["grammar"].settings
    return Grammar(
        head=re.compile(head_pattern()),
        organ=re.compile(alternation(settings["organs"])),
        cut=re.compile(alternation(sorted(settings["phrase_cut"], key=len, reverse=True))),
        cut_single=re.compile(rf"(?!{alternation(settings['phrase_keep'])})[{settings['phrase_cut_single']}]"),
        stop=settings["phrase_stop"],
        groups=tuple(re.compile(p) for p in settings["groups"]),
        pronoun=re.compile(alternation(settings["pronouns"])),
        handing=re.compile(alternation(settings["handing"])),
        not_head=re.compile(settings["not_head"]),
        own_unit=settings["own_unit"],
        unit_staff=re.compile(r"(?<=[局委办院所站组队校厂司处科室会府村心])(?:工作)?人员"),
        opening=re.compile("免去|免除|撤销|解除"),
        not_people=re.compile(rf"(?:{alternation(settings['not_people'])})[:：\s]?$"),
    )


class Ranges:
    """A set of ranges that knows whether a new one overlaps."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.items = list(ranges)

    def hit(self, start: int, end: int) -> bool:
        return any(a < end and start < b for a, b in self.items)

    def add(self, start: int, end: int) -> None:
        self.items.append((start, end))


_DATE_TAIL = re.compile(r"\d[年月日]$|[底初旬]$")
_SEPARATOR = re.compile(r"[、和与及]|以及")
_NUMBERING = re.compile(r"(?:^|\n)\s*(?:[（(]?[一二三四五六七八九十\d]{1,3}[）)]?[、.．]?|[①-⑳])")


_HEAD_OF_PHRASE = re.compile(
    r"\d{1,4}年(?:\d{1,2}月)?(?:\d{1,2}日)?(?:[上中下]旬|底|初|间)?|\d{1,2}月(?:\d{1,2}日)?|\d{1,2}[.．、]|[（(]?[一二三四五六七八九十]{1,3}[）)、]|[一二三四五六七八九十]是"
)


# A bracket inside a name (高二（13）班), read from its end.
_SHORT_BRACKET = re.compile(r"（[^（），。；：]{1,8}）$")


def phrase_start(text: str, end: int, *, floor: int, boundaries: frozenset[int]) -> int:
    """Where the noun phrase that ends at ``end`` begins: not before ``floor``, after the last stop mark, verb, date or name.

    ``boundaries`` are offsets right after names and measures.
    """
    rules = grammar()
    start = end
    while start > floor and text[start - 1] not in rules.stop and text[start - 1] != "、":
        bracket = _SHORT_BRACKET.search(text, floor, start) if text[start - 1] == "）" else None
        if text[start - 1] in "（）" and bracket is None:
            break
        start = bracket.start() if bracket else start - 1
    start = max([start, *(b for b in boundaries if start < b < end)])
    cuts = [m.end() for m in rules.cut.finditer(text, start, end + 12) if m.end() < end]
    start = max([start, *cuts])
    while start < end - 1:
        head = _HEAD_OF_PHRASE.match(text, start, end)
        if head and head.end() < end:
            start = head.end()
        elif rules.cut_single.match(text, start):
            start += 1
        else:
            break
    return start


def _posts_left(text: str, end: int, heads_by_end: dict[int, int], *, floor: int, boundaries: frozenset[int]) -> int:
    """Where the posts before ``end`` begin, over 、 when what stands before it is a post as well."""
    start = phrase_start(text, end, floor=floor, boundaries=boundaries)
    pair = re.search(r"(?:党委|县委|市委|区委|党支部|党工委)、$", text[floor:start])
    if pair and re.match(r"(?:人民)?政府|村委会|办事处|县政府|市政府|区政府", text[start:]):
        start = phrase_start(text, floor + pair.start() + 1, floor=floor, boundaries=boundaries)
    while start > floor and text[start - 1] in "、" and (start - 1 in heads_by_end or text[start - 2 : start - 1] in "）)"):
        previous = start - 1
        if previous not in heads_by_end:
            opening = text.rfind("（", floor, previous)
            if opening < 0 or opening not in heads_by_end:
                break
            previous = opening
        start = phrase_start(text, previous, floor=floor, boundaries=boundaries)
    return start


def post_before(text: str, end: int) -> str | None:
    """The posts that stand right before ``end``, verbatim, or None."""
    window = max(0, end - 60)
    heads = {m.end(): m.start() for m in grammar().head.finditer(text, window, end)}
    if end not in heads:
        return None
    start = _posts_left(text, end, heads, floor=window, boundaries=frozenset())
    return text[start:end] or None


_AFTER_NAME_POST = (
    r"(?:（(?P<inner>[^（）\n]{2,40})）)|"
    r"(?:(?:同志)?(?:原?系|原?是|作为|身为|时任|原任|原为|现任|担任|(?:在?任)(?=[^，。；]{2,30}(?:期间|时)))(?P<being>[^，。；：\n（）]{2,40}))|"
    r"(?:(?:同志)?(?P<lost>[^，。；：\n（）]{2,30}?)(?=等?职务))|"
    r"(?:(?:，(?:男|女|[\u4e00-\u9fff]{1,4}族|\d{4}年\d{0,2}月?\d{0,2}日?(?:出)?生(?:人)?|[\u4e00-\u9fff]{2,9}人|中共党员|群众|\d+岁|[\u4e00-\u9fff]{2,4}学历|[^，。；\n]{2,12}文化))*"
    r"[，：](?:系|为|时?任)?(?P<post>[^，。；：\n（）]{1,40}))"
)


@dataclass
class _Finder:
    """Collects the tokens of one text; each step takes what the steps before left free."""

    text: str
    blocked: Ranges
    heads: list[tuple[int, int]]
    names: list[tuple[int, int]] = field(default_factory=list)

    def accept(self, start: int, name: str | None) -> int | None:
        if name is None or grammar().not_people.search(self.text, max(0, start - 8), start) or self.blocked.hit(start, start + len(name)) or Ranges(self.names).hit(start, start + len(name)):
            return None
        self.names.append((start, start + len(name)))
        return start + len(name)


def _names_in_lists(finder: _Finder, heads: Ranges, end: int) -> None:
    """Names that go on after a name: 甲、乙和丙."""
    while True:
        separator = _SEPARATOR.match(finder.text, end)
        if separator is None:
            return
        start = separator.end()
        name = name_at(finder.text, start, trusted=False, blocked=heads.items) or dotted_name_at(finder.text, start)
        accepted = finder.accept(start, name)
        if accepted is None:
            return
        end = accepted


@cache
def _introduced() -> re.Pattern[str]:
    return re.compile(
        rf"，[^，。；\n]{{0,30}}?{head_pattern()}(?=[，。；（、])|，(?:男|女|中共|党员|群众|汉族|\d{{4}}年)|受到|被|，(?:系|时任|原)|（|：|因|负[有主重直责]|系|同志|违[反规纪法]|未|利用|作为|身为|在[任担\d]|私自|擅自|的(?:行为|问题)|收受|先后|多次|等\d"
    )


def _is_introduced(text: str, end: int, fence: Ranges) -> bool:
    """Whether what follows a candidate shows a person: a post, a measure, a deed; or another such name after 、."""
    if _introduced().match(text, end) or fence.hit(end, end + 1):
        return True
    separator = _SEPARATOR.match(text, end)
    following = name_at(text, separator.end(), trusted=False, blocked=fence.items) if separator else None
    return bool(separator and following and _is_introduced(text, separator.end() + len(following), fence))


def _find_names(text: str, blocked: Ranges, heads: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """All ranges that name a person."""
    rules = grammar()
    finder = _Finder(text, blocked, heads)
    fence = Ranges([*heads, *blocked.items])
    for start, end in masked_names(text):
        finder.accept(start, text[start:end])
    followed = re.compile(rf"受到|被给?予?|予以|给予|负|党内|政务|行政|诫勉|[、，](?=(?:分管|主管)?{head_pattern()})")
    for _, head_end in heads:
        start = head_end
        paren = re.compile(r"（[^（）]{1,20}）").match(text, start)
        if paren:
            start = paren.end()
        name = (
            dotted_name_at(text, start)
            or name_at(text, start, trusted=True, blocked=fence.items)
            or masked_after_post(text, start)
            or foreign_name_at(text, start, followed)
        )
        end = finder.accept(start, name)
        if end is not None:
            _names_in_lists(finder, fence, end)
    for match in rules.organ.finditer(text):
        name = name_at(text, match.end(), trusted=False, blocked=fence.items)
        if name and _is_introduced(text, match.end() + len(name), fence):
            end = finder.accept(match.end(), name)
            if end is not None:
                _names_in_lists(finder, fence, end)
    openings = {end for start, end in blocked.items if rules.opening.match(text, start)}
    anchors = openings | {m.end() for m in rules.handing.finditer(text)}
    anchors |= {m.end() for m in re.finditer(r"(?:^|[，。；：、\n）]|[（(]?\d{1,2}[.．、）)]|[①-⑳]|，其中)", text)}
    for start in sorted(anchors):
        removed = start in openings
        name = dotted_name_at(text, start) or name_at(text, start, trusted=removed, blocked=fence.items)
        if name and (removed or clear_count(text, name) > 1 or _is_introduced(text, start + len(name), fence)):
            end = finder.accept(start, name)
            if end is not None:
                _names_in_lists(finder, fence, end)
    known = sorted({text[a:b] for a, b in finder.names}, key=len, reverse=True)
    if known:
        for match in re.finditer(alternation(map(re.escape, known)), text):
            finder.accept(match.start(), match.group())
    return sorted(finder.names)


def _person_tokens(text: str, names: list[tuple[int, int]], heads: list[tuple[int, int]], organs: Ranges, blocked: Ranges) -> Iterator[Token]:
    by_end = {end: start for start, end in heads}
    organ_ends = {end for _, end in organs.items}
    boundaries = frozenset([b for _, b in names] + [b for _, b in blocked.items])
    floor = 0
    shared: tuple[int, int] | None = None
    for position, (start, end) in enumerate(names):
        left, post = start, None
        anchor = start
        if text[start - 1 : start] in ("）", ")"):
            opening = text.rfind("（", floor, start)
            if opening > 0 and opening in by_end:
                anchor = opening
        if anchor in by_end or anchor in organ_ends:
            left = _posts_left(text, anchor, by_end, floor=floor, boundaries=boundaries)
            if left < anchor:
                post = (left, start)
        right = end
        if post is None:
            match = re.compile(_AFTER_NAME_POST).match(text, end)
            if match:
                group = match.lastgroup or "post"
                a, b = match.span(group)
                b = _last_head(heads, a, b)
                limit = names[position + 1][0] if position + 1 < len(names) else len(text)
                if b is not None and b <= limit and not blocked.hit(a, b):
                    b = _posts_right(text, b, heads)
                    post, right = (a, b), b
                    if group == "inner":
                        right = match.end()
        listed = shared if post is None and re.fullmatch(r"、|和|与|及", text[floor:start]) else None
        yield Token(PERSON, left, max(right, end), name=(start, end), post=post, shared_post=listed)
        shared = (post if left < start else None) or listed
        floor = max(right, end)


def _last_head(heads: list[tuple[int, int]], start: int, end: int) -> int | None:
    inside = [b for a, b in heads if start <= a and b <= end]
    return inside[-1] if inside else None


def _posts_right(text: str, end: int, heads: list[tuple[int, int]]) -> int:
    """Go on over 、 while posts follow: 党委副书记、镇长."""
    moved = True
    while moved:
        moved = False
        if text[end : end + 1] == "、":
            stop = re.compile(r"[，。；：、\n（]").search(text, end + 1)
            limit = stop.start() if stop else len(text)
            last = _last_head(heads, end + 1, limit)
            if last is not None:
                end, moved = last, True
    return end


def _holders_right(text: str, end: int, heads: list[tuple[int, int]]) -> int:
    """As ``_posts_right``, for posts without a name: what has a unit of its own (、镇环保站站长) is somebody else's post."""
    last = end
    while True:
        match = re.compile(r"、(?P<next>[^，。；：、\n（]{1,24})").match(text, last)
        head = match and _last_head(heads, match.start("next"), match.end("next"))
        if not match or head is None:
            return last
        unit = text[match.start("next") : head]
        if re.search(grammar().own_unit, unit):
            return last
        last = head


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    digits = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
    tens, _, ones = text.partition("十")
    if "十" in text:
        return digits.get(tens, 1) * 10 + digits.get(ones, 0)
    return digits.get(text, 0)


def _free(tokens: Iterable[Token], taken: Ranges) -> Iterator[Token]:
    for token in tokens:
        if token.start < token.end and not taken.hit(token.start, token.end):
            taken.add(token.start, token.end)
            yield token


def _post_tokens(text: str, heads: list[tuple[int, int]], taken: Ranges) -> Iterator[Token]:
    """Posts that no name follows: 分管副局长被诫勉."""
    by_end = {end: start for start, end in heads}
    boundaries = frozenset(b for _, b in taken.items)
    used = 0
    for start, end in heads:
        if start < used or taken.hit(start, end):
            continue
        last = _holders_right(text, end, heads)
        floor = max([b for _, b in taken.items if b <= start], default=0)
        left = _posts_left(text, end, by_end, floor=floor, boundaries=boundaries)
        if taken.hit(left, last):
            last = end
        yield Token(POST, left, last, post=(left, last))
        used = last


def _organisation_tokens(text: str, organs: Ranges, taken: Ranges) -> Iterator[Token]:
    boundaries = frozenset(b for _, b in taken.items)
    for start, end in organs.items:
        floor = max([b for _, b in taken.items if b < end], default=0)
        left = phrase_start(text, min(start + 1, end), floor=floor, boundaries=boundaries)
        if left < end and not taken.hit(left, end):
            yield Token(ORGANISATION, left, end)


def _organ_ranges(text: str) -> Ranges:
    """Ends of organ names; of 局 + 党组 only the last counts."""
    ranges: list[tuple[int, int]] = []
    for match in grammar().organ.finditer(text):
        if ranges and match.start() == ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], match.end())
        else:
            ranges.append(match.span())
    return Ranges(ranges)


def _group_tokens(text: str, rules: Grammar) -> Iterator[Token]:
    for pattern in rules.groups:
        for match in pattern.finditer(text):
            post = match.span("what") if match.group("what") else None
            yield Token(GROUP, match.start(), match.end(), count=_number(match.group("n")), post=post)


def _signed(text: str, tokens: Iterable[Token]) -> str:
    """The text with the letters of measures and responsibilities over their characters, of equal length."""
    characters = list(text)
    for token in tokens:
        characters[token.start : token.end] = token.kind * (token.end - token.start)
    return "".join(characters)


def find_mentions(text: str, measures: Sequence[Measure], responsibilities: Sequence[Token]) -> list[Token]:
    """Every token of ``text`` in order, none overlapping another."""
    rules = grammar()
    fixed = [Token(MEASURE, m.start, m.end, measure=m) for m in measures]
    fixed += [Token(OPENING, *m.opening, measure=m) for m in measures if m.opening]
    taken = Ranges()
    tokens = list(_free([*fixed, *responsibilities], taken))
    blocked = Ranges(taken.items)
    heads = [
        m.span()
        for m in rules.head.finditer(text)
        if not blocked.hit(*m.span()) and not rules.not_head.match(text, m.end() - 1)
    ]
    heads += [m.span() for m in rules.unit_staff.finditer(text) if not blocked.hit(*m.span()) and not Ranges(heads).hit(*m.span())]
    heads.sort()
    organs = _organ_ranges(text)
    names = _find_names(text, blocked, heads)
    tokens += _free(_person_tokens(text, names, heads, organs, blocked), taken)
    signed = _signed(text, tokens)
    tokens += _free((Token(PRONOUN, *m.span()) for m in rules.pronoun.finditer(signed)), taken)
    tokens += _free(_group_tokens(signed, rules), taken)
    tokens += _free(_post_tokens(text, heads, Ranges(taken.items)), taken)
    tokens += _free(_organisation_tokens(text, organs, Ranges(taken.items)), taken)
    return sorted(tokens, key=lambda t: t.start)


_CAPITALS = str.maketrans({c: "·" for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})


def skeleton(text: str, tokens: Sequence[Token]) -> Skeleton:
    """Replace each token by its letter."""
    parts: list[str] = []
    places: list[int] = []
    index: dict[int, Token] = {}
    at = 0
    for token in tokens:
        parts.append(text[at : token.start].translate(_CAPITALS))
        places.extend(range(at, token.start))
        index[len(places)] = token
        parts.append(token.kind)
        places.append(token.start)
        at = token.end
    parts.append(text[at:].translate(_CAPITALS))
    places.extend(range(at, len(text)))
    return Skeleton("".join(parts), places, index)
