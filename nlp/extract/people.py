"""Where a text names people.

In: a text, its head words of posts, and ranges that cannot be part of a name. Out: ranges of names, in order. A name is
believed where a post, a verb of sanction or its own deeds show a person, or where the trained model of ``tagger`` reads
one, and then wherever else it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from nlp.extract.grammar import pattern
from nlp.extract.names import (
    HAN,
    Before,
    adverb_begins,
    clear_count,
    clear_name_at,
    dotted_name_at,
    introduced_name_at,
    lexicon,
    masked_after_post,
    masked_names,
    measure_told,
    name_at,
    told_name_at,
    transliterated_name_at,
)
from nlp.extract.phrases import Range, Ranges, places_of
from nlp.extract.tagger import Model, tagged_names

_REMARK = re.compile(r"（[^（）]{1,20}）")
FORMED = re.compile(r"[某×xX＊*·•・]")  # of masked and dotted names the grammar knows where they end
_SHORT = 3  # characters of a name with a surname of one
_HAN_NAME = re.compile(rf"{HAN}+(?:[·•・]{HAN}+)*")
# The probability from which a name of the model is one, and from which it takes the place of one of the grammar.
BELIEVED, PREFERRED = 0.9, 0.95


@dataclass
class _Names:
    """The names accepted so far; ``fence``: ranges no name may touch."""

    text: str
    fence: Ranges
    blocked: Ranges
    found: Ranges = field(default_factory=Ranges)

    def accept(self, start: int, name: str | None) -> bool:
        """Take a name, if nothing stands against it, and the names listed after it."""
        if name is None:
            return False
        end = start + len(name)
        if self.blocked.hit(start, end) or self.found.hit(start, end):
            return False
        if pattern("not_people").search(self.text, max(0, start - 8), start):
            return False
        self.found.add(start, end)
        following = pattern("separator").match(self.text, end)
        if following:
            start = following.end()
            self.accept(
                start,
                self.plain(start, "list") or transliterated_name_at(self.text, start) or self._named_by_measure(start),
            )
        return True

    def _named_by_measure(self, start: int) -> str | None:
        """A name of any form that ends a list and whose measure stands right after it (监考员雷雨、毕业行政记过)."""
        name = told_name_at(self.text, start, measures=self.blocked.items)
        if name is None or self.fence.hit(start, start + len(name)):
            return None
        if pattern("organs").search(self.text, start, start + len(name)):
            return None
        return name if measure_told(self.text, start + len(name), {a for a, _ in self.blocked.items}) else None

    def plain(self, start: int, before: Before) -> str | None:
        """A name at ``start`` by its own form."""
        dotted = dotted_name_at(self.text, start)
        if dotted:
            return dotted
        fence, measures = self.fence.items, self.blocked.items
        name = name_at(self.text, start, before=before, blocked=fence, measures=measures)
        return None if name and before != "post" and self._begins_post(start, start + len(name), before) else name

    def _begins_post(self, start: int, end: int, before: Before) -> bool:
        """Whether a candidate is the place at the head of a post (李台子村党支部书记); after 免去 if a name follows."""
        post = pattern("place_follows").match(self.text, end)
        if post is None or before != "verb":
            return post is not None
        places = list(places_of(self.text, self.text[start:end]))
        if len(places) > 1 and all(pattern("place_follows").match(self.text, at + end - start) for at in places):
            return True
        return name_at(self.text, post.end(), before="post", blocked=self.fence.items) is not None

    def bracketed(self, start: int, end: int) -> str | None:
        """The name that fills a bracket after a post (乡长（顾盼）签字时未看图纸)."""
        name = self.text[start + 1 : end - 1]
        family = name[:2] in lexicon().double or name[:1] in lexicon().single
        return name if family and 2 <= len(name) <= 4 and clear_name_at(self.text, start + 1) == name else None

    def introduced(self, end: int) -> bool:
        """Whether what follows a candidate shows a person: a post, a measure, a deed; or another such name after 、."""
        if pattern("introduced").match(self.text, end) or self.blocked.hit(end, end + 1):
            return True
        separator = pattern("separator").match(self.text, end)
        following = self.plain(separator.end(), "list") if separator else None
        return bool(separator and following and self.introduced(separator.end() + len(following)))


def find_people(
    text: str, heads: Sequence[Range], organs: Sequence[Range], blocked: Ranges, *, model: Model | None = None
) -> list[Range]:
    """The ranges of ``text`` that name a person, in order: by the grammar, and where the trained model reads others.

    ``heads`` are head words of posts, ``organs`` where names of organs end, ``blocked`` measures; ``model`` stands in
    for the shipped one.
    """
    names = _by_grammar(text, heads, blocked)
    tagged = believed(text, heads, organs, blocked, model=model)
    names.found = Ranges(_left_standing(text, names.found.items, tagged))
    for start, end, _ in tagged:
        if not blocked.hit(start, end) and not names.found.hit(start, end):
            names.found.add(start, end)
    _repeated(names)
    return sorted(names.found.items)


def believed(
    text: str, heads: Sequence[Range], organs: Sequence[Range], blocked: Ranges, *, model: Model | None = None
) -> list[tuple[int, int, float]]:
    """What of the model is taken for names, each with its probability; the arguments as in ``find_people``."""
    return [
        (start, end, probability)
        for start, end, probability in tagged_names(text, heads, organs, blocked, model=model)
        if probability >= BELIEVED and _may_be_name(text, start, end)
    ]


def _may_be_name(text: str, start: int, end: int) -> bool:
    """Whether nothing speaks against a name of the model: a particle or an adverb at its head, a word that follows
    names at its end, a word that is nobody's name, its length, other signs, or a place at the head of a post."""
    words, name = lexicon(), text[start:end]
    if name[0] in words.model_not_first or name[-1] in words.model_not_last or adverb_begins(text, start):
        return False
    if name in words.model_not or (len(name) > _SHORT and not _may_be_long(name)):
        return False
    return _HAN_NAME.fullmatch(name) is not None and pattern("place_follows").match(text, end) is None


def _may_be_long(name: str) -> bool:
    """Whether a name may have four characters and more: a double surname, a dot, 某, or sounds."""
    words = lexicon()
    return name[:2] in words.double or FORMED.search(name) is not None or words.sounds.issuperset(name[1:])


def _left_standing(text: str, found: Sequence[Range], tagged: Sequence[tuple[int, int, float]]) -> Iterator[Range]:
    """The ranges of the grammar, less names that the model surely reads otherwise and nowhere alike (卜成急)."""
    known = {(start, end) for start, end, _ in tagged}
    other = Ranges((start, end) for start, end, probability in tagged if probability >= PREFERRED)
    agreed = {text[slice(*place)] for place in found if place in known}
    cut = {text[slice(*place)] for place in found if other.hit(*place)} - agreed
    for start, end in found:
        if text[start:end] not in cut or FORMED.search(text, start, end):
            yield start, end


def names_by_grammar(text: str, heads: Sequence[Range], blocked: Ranges) -> list[Range]:
    """The ranges that the grammar alone reads as names; the arguments as in ``find_people``."""
    return sorted(_by_grammar(text, heads, blocked).found.items)


def _by_grammar(text: str, heads: Sequence[Range], blocked: Ranges) -> _Names:
    names = _Names(text, Ranges([*heads, *blocked.items]), blocked)
    for start, end in masked_names(text):
        names.accept(start, text[start:end])
    for _, end in heads:
        _after_post(names, end)
    for start, sure in sorted(_anchors(text, blocked)):
        name = names.plain(start, "verb" if sure else "open") or introduced_name_at(text, start)
        if name and (
            sure or name[:2] in lexicon().double or clear_count(text, name) > 1 or names.introduced(start + len(name))
        ):
            names.accept(start, name)
    _repeated(names)
    return names


def _after_post(names: _Names, end: int) -> None:
    """The name right after a post, a remark in brackets between them passed over."""
    remark = _REMARK.match(names.text, end)
    if remark and names.accept(end + 1, names.bracketed(*remark.span())):
        return
    start = remark.end() if remark else end
    names.accept(
        start,
        names.plain(start, "post")
        or masked_after_post(names.text, start, measures=names.blocked.items)
        or transliterated_name_at(names.text, start)
        or told_name_at(names.text, start, measures=names.blocked.items),
    )


def _anchors(text: str, blocked: Ranges) -> Iterator[tuple[int, bool]]:
    """Where a name may begin without a post, and whether it must (免去张某…职务; 党内警告处分：张某)."""
    for start, end in blocked.items:
        if pattern("removing").match(text, start):
            yield end, True
        if text.startswith("：", end):
            yield end + 1, True
    for match in pattern("line_start").finditer(text):
        line_end = text.find("\n", match.end())
        if blocked.hit(match.end(), line_end if line_end >= 0 else len(text)):
            yield match.end(), True
    for match in pattern("name_field").finditer(text):
        yield match.end(), True
    for match in pattern("line_unit").finditer(text):
        yield match.end(), True
    for name in ("handing", "name_anchor", "organs"):
        for match in pattern(name).finditer(text):
            yield match.end(), False


def _repeated(names: _Names) -> None:
    """Every other place of the names found."""
    known = {names.text[a:b] for a, b in names.found.items}
    short = {place for place in names.found.items if _cut_short(names.text, place, known)}
    if short:
        names.found = Ranges(place for place in names.found.items if place not in short)
    for name in sorted(known, key=lambda n: (-len(n), n)):
        for start in places_of(names.text, name):
            names.accept(start, name)


def _cut_short(text: str, place: Range, known: Collection[str]) -> bool:
    """Whether a name is only the beginning of another that stands there (给予苏阿且… where 苏阿且 is known)."""
    name = text[slice(*place)]
    return any(
        len(other) > len(name) and text.startswith(other, place[0]) and text.count(other) == text.count(name)
        for other in known
    )
