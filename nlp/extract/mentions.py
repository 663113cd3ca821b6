"""Who and what a text names: people with their posts, posts without names, organisations, groups by count, pronouns.

In: clean text of a case. Out: tokens in text order that do not overlap, and the
skeleton: the text with one sign for each token, on which ``link`` reads the grammar. Never decides who is dealt with.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from nlp.codebook import Entry, load_codebook
from nlp.extract.amounts import count
from nlp.extract.grammar import each, pattern
from nlp.extract.measures import Measure, find_measures
from nlp.extract.names import clear_name_at, dotted_name_at
from nlp.extract.people import find_people
from nlp.extract.phrases import Range, Ranges, last_head, phrase_start, posts_left, posts_right

PERSON, POST, ORGANISATION, GROUP, PRONOUN, MEASURE, RESPONSIBILITY, OPENING = "PUOGDXRF"


@dataclass(frozen=True)
class Token:
    """One mention. ``start``/``end`` cover it whole (post and name together); ``name`` and ``post`` are ranges inside.

    ``shared_post``: the post before the first name of a list (副局长张某、李某), for the names after it.
    """

    kind: str
    start: int
    end: int
    name: Range | None = None
    post: Range | None = None
    shared_post: Range | None = None
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
class Landmarks:
    """What is found before any name: ``tokens`` of measures and responsibilities, the ranges ``blocked`` by them, head
    words of posts, and where names of organs end."""

    tokens: tuple[Token, ...]
    blocked: Ranges
    heads: list[Range]
    organs: list[Range]


def landmarks(text: str) -> Landmarks:
    """What tells of measures, posts and organs in ``text``."""
    taken = Ranges()
    tokens = tuple(_free([*_measure_tokens(find_measures(text)), *_responsibilities(text)], taken))
    return Landmarks(tokens, taken, _heads(text, taken), _organs(text))


def find_mentions(text: str) -> list[Token]:
    """Every token of ``text`` in order, none overlapping another: what is surest takes its place first."""
    found = landmarks(text)
    tokens, blocked, heads, organs = list(found.tokens), found.blocked, found.heads, found.organs
    taken = Ranges(blocked.items)
    people = find_people(text, heads, organs, blocked)
    heads = _staff_before(text, people, heads, blocked)
    tokens += _free(_person_tokens(text, people, heads, {end for _, end in organs}, blocked), taken)
    signed = _signed(text, tokens)
    tokens += _free((Token(PRONOUN, *m.span()) for m in pattern("pronouns").finditer(signed)), taken)
    tokens += _free(_group_tokens(signed), taken)
    persons = [token for token in tokens if token.kind == PERSON]
    begun, named = {token.start for token in persons}, {token.end for token in persons}
    posts = _post_tokens(text, heads, Ranges(taken.items), named)
    tokens += _free((post for post in posts if post.end not in begun), taken)  # 带班领导某镇副镇长甲 is one person
    tokens += _free(_organisation_tokens(text, organs, Ranges(taken.items), named), taken)
    return sorted(tokens, key=lambda t: t.start)


def _free(tokens: Iterable[Token], taken: Ranges) -> Iterator[Token]:
    """The tokens that overlap none taken before, which take their places in turn."""
    for token in tokens:
        if token.start < token.end and not taken.hit(token.start, token.end):
            taken.add(token.start, token.end)
            yield token


def _measure_tokens(measures: Iterable[Measure]) -> Iterator[Token]:
    for measure in measures:
        yield Token(MEASURE, measure.start, measure.end, measure=measure)
        if measure.opening:
            yield Token(OPENING, *measure.opening, measure=measure)


def _responsibilities(text: str) -> list[Token]:
    """Responsibilities told as borne, the longest form first."""
    table = load_codebook()["responsibilities"]
    before, after = re.compile(table.settings["negation"]), re.compile(table.settings["negation_after"])
    found = [
        Token(RESPONSIBILITY, *match.span(), entry=entry)
        for entry in table.candidates(text)
        for match in entry.find(text)
        if not before.search(text[max(0, match.start() - 12) : match.start()])
        and not after.match(text[match.end() :][:16])
    ]
    return sorted(found, key=lambda t: (t.start - t.end, t.start))


def _heads(text: str, blocked: Ranges) -> list[Range]:
    """Head words of posts, and staff named by their unit alone."""
    heads = Ranges(
        m.span()
        for m in pattern("post").finditer(text)
        if not blocked.hit(*m.span()) and not pattern("not_head").match(text, m.end() - 1)
    )
    for match in pattern("unit_staff").finditer(text):
        if not blocked.hit(*match.span()) and not heads.hit(*match.span()):
            heads.add(*match.span())
    for match in pattern("staff_ending").finditer(text):
        free = not blocked.hit(*match.span()) and not heads.hit(*match.span())
        if free and (clear_name_at(text, match.end(), measures=blocked.items) or dotted_name_at(text, match.end())):
            heads.add(*match.span())
    names = tuple(dict.fromkeys(_names_in_heads(text, heads.items)))
    return [head for head in sorted(heads.items) if not text.startswith(names, head[0])]


def _staff_before(text: str, people: Sequence[Range], heads: Sequence[Range], blocked: Ranges) -> list[Range]:
    """The head words, and the words for staff that no list knows but a name follows (主操工师某)."""
    known, begun = Ranges(heads), {start for start, _ in people}
    found = (match.span() for match in pattern("staff_ending").finditer(text) if match.end() in begun)
    return sorted([*heads, *(span for span in found if not known.hit(*span) and not blocked.hit(*span))])


def _names_in_heads(text: str, heads: Sequence[Range]) -> Iterator[str]:
    """Names that a head word right after another is the beginning of (主任关长水)."""
    ends = {end for _, end in heads}
    for start, _ in heads:
        name = clear_name_at(text, start) if start in ends else None
        if name:
            yield name


def _organs(text: str) -> list[Range]:
    """Where names of organs end; of 局 + 党组 only the last counts."""
    ranges: list[Range] = []
    for match in pattern("organs").finditer(text):
        if ranges and match.start() == ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], match.end())
        else:
            ranges.append(match.span())
    return ranges


def _person_tokens(
    text: str, people: Sequence[Range], heads: Sequence[Range], organ_ends: set[int], blocked: Ranges
) -> Iterator[Token]:
    by_end = {end: start for start, end in heads}
    boundaries = frozenset(end for _, end in (*people, *blocked.items))
    floor = 0
    shared: Range | None = None
    for position, (start, end) in enumerate(people):
        anchor = _post_end(text, start, floor, by_end)
        left = start
        if anchor in by_end or anchor in organ_ends:
            left = posts_left(text, anchor, by_end, floor=floor, boundaries=boundaries)
            joined = pattern("separator").match(text, left) if left in boundaries else None
            left = joined.end() if joined else left
        if left < anchor:
            shared, floor = (left, anchor if anchor == start - 1 else start), _with_title(text, end)
            yield Token(PERSON, left, floor, name=(start, end), post=shared)
            continue
        limit = people[position + 1][0] if position + 1 < len(people) else len(text)
        post, right = _post_after(text, end, limit, heads, blocked)
        listed = shared if post is None and pattern("separator").fullmatch(text, floor, start) else None
        yield Token(PERSON, start, right, name=(start, end), post=post, shared_post=listed)
        shared, floor = listed, right


def _post_end(text: str, start: int, floor: int, heads: dict[int, int]) -> int:
    """Where a post before a name ends: at it, or before a bracket with a remark (局长（正科级）张某) or the name."""
    if text[start - 1 : start] == "（" and start - 1 in heads:
        return start - 1
    if text[start - 1 : start] == "）":
        opening = text.rfind("（", floor, start)
        if opening in heads:
            return opening
    return start


def _post_after(text: str, end: int, limit: int, heads: Sequence[Range], blocked: Ranges) -> tuple[Range | None, int]:
    """The post that follows a name, if any, and where the mention ends."""
    match = pattern("post_after_name").match(text, end)
    if match is None or match.lastgroup is None:
        return None, _with_title(text, end)
    start, stop = match.span(match.lastgroup)
    last = last_head(heads, start, stop)
    if last is None and match.lastgroup != "lost" and pattern("staff_post").match(text[start:stop]):
        last = stop
    if last is None or last > limit or blocked.hit(start, last):
        return None, _with_title(text, end)
    last = posts_right(text, last, heads)
    later = pattern("current_after").match(text, last)
    right = match.end() if match.lastgroup == "inner" else later.end() if later else last
    return (start, last), right


def _with_title(text: str, end: int) -> int:
    return end + 2 if text.startswith("同志", end) else end


def _post_tokens(text: str, heads: Sequence[Range], taken: Ranges, named: Container[int]) -> Iterator[Token]:
    """Posts that no name follows: 分管副局长被诫勉.

    ``named``: ends of people; what begins right there is what they do, and to whom (甲收到职工反映).
    """
    by_end = {end: start for start, end in heads}
    boundaries = frozenset(end for _, end in taken.items)
    used = 0
    for start, end in heads:
        if start < used or taken.hit(start, end):
            continue
        last = posts_right(text, end, heads, one_holder=False)
        left = posts_left(text, end, by_end, floor=max(used, taken.end_before(start)), boundaries=boundaries)
        used = end if taken.hit(left, last) else last
        if left not in named and not pattern("party_standing").match(text[left:used]):
            yield Token(POST, left, used, post=(left, used))


def _organisation_tokens(text: str, organs: Sequence[Range], taken: Ranges, named: Container[int]) -> Iterator[Token]:
    """Organs and bodies; ``named`` as for posts."""
    boundaries = frozenset(end for _, end in taken.items)
    for start, end in organs:
        left = phrase_start(text, min(start + 1, end), floor=taken.end_before(end - 1), boundaries=boundaries)
        if left < end and left not in named and not taken.hit(left, end):
            yield Token(ORGANISATION, left, end)


def _group_tokens(text: str) -> Iterator[Token]:
    for groups in each("groups"):
        for match in groups.finditer(text):
            post = match.span("what") if match["what"] else None
            yield Token(GROUP, *match.span(), count=count(match["n"]), post=post)


def _signed(text: str, tokens: Iterable[Token]) -> str:
    """The text with the letters of its tokens over their characters, of equal length."""
    characters = list(text)
    for token in tokens:
        characters[token.start : token.end] = token.kind * (token.end - token.start)
    return "".join(characters)


_CAPITALS = str.maketrans(dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "·"))


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
