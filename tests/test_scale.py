"""The scale: heavier is heavier whoever asks; what is not told decides nothing, and what crosses is left open."""

from __future__ import annotations

import sys
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

from nlp import load_codebook
from nlp.scale import Weight, compare, weigh

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "cases" / "scale.toml").read_text(encoding="utf-8")
)
BOOK = load_codebook()
SCALE = BOOK["scale"]


def weight(*measures: str) -> Weight:
    return weigh(measures)


# ------------------------------------------------------------ the ladders


@pytest.mark.parametrize("entry", list(SCALE), ids=lambda entry: entry.id)
def test_a_ladder_grows_as_the_severity_of_its_measures(entry: Any) -> None:
    severities = [[BOOK["sanctions"][one]["severity"] for one in rung["ids"]] for rung in entry["rungs"]]
    if entry.id != "standing":  # whose measures lie on one rung
        assert all(max(low) <= min(high) for low, high in pairwise(severities))
    spans = [rung["forms"] for rung in entry["rungs"] if "forms" in rung]
    assert all(1 <= low <= high <= len(SCALE.settings["forms"]) for low, high in spans)
    assert spans == sorted(spans)


def test_every_measure_against_a_person_has_a_place() -> None:
    placed = {one for ladder in SCALE for rung in ladder["rungs"] for one in rung["ids"]}
    apart = {*BOOK["cues"].settings["money_only"], *BOOK["cues"].settings["weight_unknown"]}
    persons = {e.id for e in BOOK["sanctions"] if "person" in e.get("applies_to", ()) and not e.get("bare")}
    assert placed <= persons
    assert persons - placed == apart & persons
    assert not placed & apart


# ------------------------------------------------------------ two people


@pytest.mark.parametrize("row", TABLE["pair"], ids=lambda row: row["why"])
def test_measures_compare_or_say_why_not(row: dict[str, Any]) -> None:
    found = compare(weight(*row["first"]), weight(*row["second"]))
    assert (found.order, found.by) == (row["order"], row.get("by"))
    assert bool(found.why) == (found.order == "unknown")


def test_measures_are_a_partial_order() -> None:
    """Turned round, the answer turns round; on the ladders, heavier than the heavier is heavier still."""
    back = {"above": "below", "below": "above", "level": "level", "unknown": "unknown"}
    placed = sorted({one for ladder in SCALE for rung in ladder["rungs"] for one in rung["ids"]})
    vectors = [weight(one) for one in placed] + [weight(a, b) for a, b in zip(placed, placed[3:], strict=False)]
    for a, b in product(vectors, repeat=2):
        assert compare(b, a).order == back[compare(a, b).order]
    steps = {(n, m) for n, a in enumerate(vectors) for m, b in enumerate(vectors) if _outweighs(a, b)}
    above: dict[int, set[int]] = {}
    for n, m in steps:
        above.setdefault(n, set()).add(m)
    assert all(above.get(m, set()) <= above[n] for n, m in steps)


def _outweighs(first: Weight, second: Weight) -> bool:
    found = compare(first, second)
    return (found.order, found.by) == ("above", "ladder")
