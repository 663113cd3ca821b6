"""The scale of measures: how heavy what somebody got is, and how two people's measures stand to each other.

In: ids of measures that were decided. Out: ``Weight``, the rungs of scale.toml, one ladder a family, never summed; and
``Comparison``, which tells why where it tells nothing. The one place where measures are weighed, inside a case and
across cases. What is not told is never taken for not done: a kind that only one of two is told to have got decides
nothing, unless it lifts the one into a higher form of the 四种形态.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from nlp.codebook import load_codebook

Order = Literal["above", "below", "level", "unknown"]
By = Literal["ladder", "form"]
Forms = tuple[int, int]

_BACK: Mapping[Order, Order] = {"above": "below", "below": "above", "level": "level", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Weight:
    """How heavy measures are: a vector, the highest rung (from 1) on each ladder they stand on, ladders in order.

    ``forms`` is the form of the 四种形态 the gravest measure belongs to, as (at least, at most), None where no text
    says; ``untold`` are measures whose kind is not told.
    """

    rungs: tuple[tuple[str, int], ...] = ()
    forms: Forms | None = None
    untold: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rungs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the first of two stands to the second: ``by`` what it is told, and ``why`` it is not (Chinese)."""

    order: Order
    by: By | None = None
    why: str | None = None

    @property
    def reversed(self) -> Comparison:
        return Comparison(_BACK[self.order], self.by, self.why)


@cache
def _places() -> Mapping[str, tuple[tuple[str, int, Forms | None], ...]]:
    """Each measure's places on the ladders: ladder, rung from 1, forms."""
    places: dict[str, list[tuple[str, int, Forms | None]]] = {}
    for ladder in load_codebook()["scale"]:
        for height, rung in enumerate(ladder["rungs"], 1):
            forms = (rung["forms"][0], rung["forms"][1]) if "forms" in rung else None
            for measure in rung["ids"]:
                places.setdefault(measure, []).append((ladder.id, height, forms))
    return {measure: tuple(found) for measure, found in places.items()}


def weigh(measures: Iterable[str]) -> Weight:
    """Measures as a vector; several on one ladder count as the heaviest of them (政务处分法 第15条)."""
    return _weigh(tuple(sorted(set(measures))))


@lru_cache(maxsize=4096)
def _weigh(measures: tuple[str, ...]) -> Weight:
    book = load_codebook()
    highest: dict[str, tuple[int, Forms | None]] = {}
    for measure in measures:
        for ladder, height, forms in _places().get(measure, ()):
            if height > highest.get(ladder, (0, None))[0]:
                highest[ladder] = height, forms
    rungs = tuple((ladder.id, highest[ladder.id][0]) for ladder in book["scale"] if ladder.id in highest)
    told = [forms for _, forms in highest.values() if forms]
    span = (max(low for low, _ in told), max(high for _, high in told)) if told and len(told) == len(highest) else None
    unknown = (book["sanctions"][m].name for m in measures if m in book["cues"].settings["weight_unknown"])
    return Weight(rungs, span, tuple(dict.fromkeys(unknown)))


@lru_cache(maxsize=4096)
def compare(first: Weight, second: Weight) -> Comparison:
    """Whether the first measures are the heavier (``above``), the lighter, the same, or not to be compared.

    The heavier ones belong to a surely higher form; or stand higher on a ladder that both stand on and lower on none,
    while the lighter ones are of no kind that the heavier lack. The same are those of the same rungs.
    """
    untold = dict.fromkeys((*first.untold, *second.untold))
    if untold:
        return Comparison("unknown", why=f"“{'、'.join(untold)}”没有载明种类")
    if not first or not second:
        return Comparison("unknown", why="一方没有已作出、能排轻重的处理")
    if first.rungs == second.rungs:
        return Comparison("level", "ladder")
    if _outweighs(first, second):
        return Comparison("above", "ladder")
    if _outweighs(second, first):
        return Comparison("below", "ladder")
    return _by_form(first, second)


def _outweighs(first: Weight, second: Weight) -> bool:
    one, other = dict(first.rungs), dict(second.rungs)
    steps = [one.get(ladder, 0) - rung for ladder, rung in other.items()]
    return min(steps) >= 0 and max(steps) > 0


def _by_form(first: Weight, second: Weight) -> Comparison:
    """Two that no ladder tells apart, by the form each is sure to belong to."""
    if first.forms and second.forms:
        if first.forms[0] > second.forms[1]:
            return Comparison("above", "form")
        if second.forms[0] > first.forms[1]:
            return Comparison("below", "form")
    one, other = dict(first.rungs), dict(second.rungs)
    unlike = [ladder.name for ladder in load_codebook()["scale"] if one.get(ladder.id) != other.get(ladder.id)]
    same = "，又同在一种形态" if first.forms and second.forms else ""
    return Comparison("unknown", why=f"分属不同种类（{'、'.join(unlike)}）{same}，没有规定说明孰轻孰重")
