"""Posts: a raw post string beside a name -> role, rank, leading cadre, former.

In: the string, what the notice's text tells of its places, the organisation an elliptic post leans on. Out: a ``Post``.
Never finds posts in a text (the mention finder does, with ``head_pattern``) and never guesses a rank: what cannot be
known is 未知.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

from nlp.codebook import Entry, any_of, load_codebook
from nlp.codebook.needles import quick
from nlp.types import PostRole

_HAN = "[\\u4e00-\\u9fa5]"
UNKNOWN = "未知"
ORDINARY = "一般"
VILLAGE = "村居"
ROLES: tuple[PostRole, ...] = ("chief", "deputy", "member", "staff", "unknown")
LEVELS = ("zone", "central", "province", "prefecture", "city", "county", "township", "village")
_SMALL = frozenset({"township", "village"})  # places that a word alone (镇) tells


@dataclass(frozen=True, slots=True)
class Post:
    """A post as read: ``text`` verbatim without 原/时任/现任, ``organisation`` None when the post is elliptic."""

    text: str
    organisation: str | None
    role: PostRole
    rank: str
    leading_cadre: bool | None
    former: bool


@dataclass(frozen=True, slots=True)
class Places:
    """What a notice's text tells of the level of its cities.

    ``prefectures`` and ``county_cities`` are names without 市; ``real_city`` is the 直辖市 or 副省级城市 that the whole
    text is about; ``above_county`` says that the text has a 区 or 县 for its 市 to stand above.
    """

    prefectures: frozenset[str] = frozenset()
    county_cities: frozenset[str] = frozenset()
    real_city: str | None = None
    above_county: bool = False

    @staticmethod
    def of(text: str) -> Places:
        """Read the places off a notice's whole clean text; all its cases share the reading."""
        return _places(text)

    def city(self, name: str) -> str:
        """The level of the city called ``name`` (without 市; empty for a bare 市)."""
        rules = _place_rules()
        if (name or self.real_city) in rules.municipalities:
            return "municipality"
        if (name or self.real_city) in rules.subprovincial:
            return "subprovincial"
        if name and name in self.county_cities:
            return "county"
        if self.above_county or any(known.endswith(name) for known in self.prefectures):
            return "prefecture"
        return "county" if self.county_cities and not name else "unknown"


@lru_cache(maxsize=4)
def _places(text: str) -> Places:
    rules = _place_rules()
    prefectures = {m["city"] for m in rules.under_province.finditer(text)}
    prefectures |= {m["city"] for m in rules.over_county.finditer(text)}
    county = {m["city"] for m in rules.under_city.finditer(text)} - prefectures
    above = bool(prefectures) or bool(rules.county_organ.search(text) or rules.bureau_rank.search(text))
    return Places(frozenset(prefectures), frozenset(county), _only_city(text), above)


def _only_city(text: str) -> str | None:
    """The one real city that a text is about: none when it names several, or a province of another."""
    rules = _place_rules()
    named = {m["city"] for m in rules.real_city.finditer(text)}
    elsewhere = {m["city"] for m in rules.under_province.finditer(text)} - named
    return named.pop() if len(named) == 1 and not elsewhere else None


def _lifted(level: str, city: str, district: bool) -> str:
    """A county or township as its city makes it: those of a 直辖市, and the districts of a 副省级城市, stand higher."""
    kind = "district" if level == "county" else level
    if city == "municipality":
        return f"municipal_{kind}"
    return f"subprovincial_{kind}" if city == "subprovincial" and district else level


class _PlaceRules(NamedTuple):
    municipalities: frozenset[str]
    subprovincial: frozenset[str]
    not_a_name: frozenset[str]
    under_province: re.Pattern[str]
    under_city: re.Pattern[str]
    over_county: re.Pattern[str]
    real_city: re.Pattern[str]
    county_organ: re.Pattern[str]
    bureau_rank: re.Pattern[str]
    level: re.Pattern[str]


@cache
def _place_rules() -> _PlaceRules:
    places: Mapping[str, Any] = load_codebook()["ranks"].settings["places"]
    ends: Mapping[str, str] = places["endings"]
    real = "|".join(places["municipalities"] + places["subprovincial"])
    provinces = "|".join(places["provinces"])
    county = f"(?:{ends['county']})"
    return _PlaceRules(
        frozenset(places["municipalities"]),
        frozenset(places["subprovincial"]),
        frozenset(places["not_a_name"]),
        re.compile(f"(?:{_HAN}{{2,3}}省|自治区|{provinces})(?P<city>{_HAN}{{2,4}}?)市"),
        re.compile(f"{_HAN}{{2,4}}市(?P<city>[^市区县省委府局纪院政，。、；：的在对和与]{{2,3}})市"),
        re.compile(f"(?P<city>{_HAN}{{2,3}})市[^市，。、；：]{{1,5}}?{county}"),
        quick(f"(?P<city>{real})(?:市|{_HAN}{{1,4}}?区)"),
        re.compile(f"(?<={_HAN}){county}|{places['county_organ']}"),
        re.compile(places["bureau_rank"]),
        quick("|".join(f"(?P<{level}>{ends[level]})" for level in LEVELS)),
    )


class _Place(NamedTuple):
    """The lowest place a name tells: its level ('' for none) and where its name ends."""

    level: str
    end: int


def _place(name: str, places: Places) -> _Place:
    level, end, named, city = "", 0, 0, places.city("")
    district = True
    for match in _place_rules().level.finditer(name):
        kind = str(match.lastgroup)
        if kind == "city":
            called = _city_name(name[end : match.end()])
            named += bool(called)
            level = city = "county" if named > 1 else places.city(called)
        elif kind in ("county", "township"):
            district &= not match[0].endswith("县")
            level = _lifted(kind, city, district)
        else:
            level = kind
        end = match.end()
    return _Place(level, end)


def _city_name(text: str) -> str:
    name = text.removesuffix("市")
    return "" if name in _place_rules().not_a_name else name


class _Head(NamedTuple):
    word: str
    role: PostRole
    stands: str
    level: str | None
    body: str | None
    needs_organ: bool


class _Grammar(NamedTuple):
    heads: Mapping[str, _Head]
    pattern: str
    deputy: str
    part: re.Pattern[str]
    separator: re.Pattern[str]
    remark: re.Pattern[str]
    former_remark: re.Pattern[str]
    former_clause: re.Pattern[str]
    lead: re.Pattern[str]
    former_words: re.Pattern[str]
    inner_former: re.Pattern[str]
    current: re.Pattern[str]
    outside: re.Pattern[str]
    rank_word: re.Pattern[str]
    inner_organ: re.Pattern[str]
    in_charge: re.Pattern[str]
    enforcing: re.Pattern[str]
    bare_organ: re.Pattern[str]
    party_body: re.Pattern[str]
    fits: Mapping[str, re.Pattern[str]]


@cache
def _grammar() -> _Grammar:
    posts = load_codebook()["posts"]
    s = posts.settings
    heads = {
        word: _Head(word, e["role"], e["stands"], e.get("level"), e.get("body"), e.get("needs_organ", False))
        for e in posts
        for word in e["heads"]
    }
    words = any_of(heads)
    found = any_of(word for word in heads if word not in s["endings"])
    modifiers = "|".join([*s["modifiers"], s["deputy"]])
    former = "|".join(word for word in s["former_prefixes"] if word != "原")
    origin = f"(?!{s['not_former']})原"
    current = "|".join(s["current_prefixes"])
    return _Grammar(
        heads,
        f"(?:{modifiers})*(?!{s['not_heads']})(?:{found})",
        s["deputy"],
        re.compile(f"(?P<org>.*?)(?P<mod>(?:{modifiers})*)(?P<head>{words})"),
        re.compile(s["separators"]),
        re.compile(s["remark"]),
        re.compile(s["former_remark"]),
        re.compile(s["former_clause"]),
        re.compile(f"^(?:\\d{{4}}年[\\d年月日至到今起—-]*)?(?:{former}|{origin}|{current})+[，、]?"),
        re.compile(f"{former}|原"),
        re.compile(f"(?<=[{s['before_former']}]){origin}(?=[^、，]{{0,24}}?(?:{words}))|{s['former_inside']}"),
        re.compile(f"[，、；]?(?:{current})"),
        re.compile(s["outside"]),
        re.compile(s["rank_word"]),
        re.compile(s["inner_organ"]),
        re.compile(s["in_charge"]),
        re.compile(s["enforcing"]),
        re.compile(s["bare_organ"]),
        re.compile(_organ_settings()["party_body"]),
        {word: re.compile(pattern) for word, pattern in s["fits"].items()},
    )


def head_pattern() -> str:
    """Regex source: any head word of a post, longest first, with 副, 代, 常务 and the like allowed before it."""
    return _grammar().pattern


def _organ_settings() -> Mapping[str, Any]:
    return load_codebook()["organs"].settings


@lru_cache(maxsize=4096)
def _organ(name: str) -> Entry | None:
    """The kind of organ that ``name`` ends as: of all patterns the one that takes the most of its end."""
    found = [
        (len(match[0]), entry)
        for entry in load_codebook()["organs"].candidates(name)
        for match in entry.find(name)
        if match.end() == len(name)
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _host(organ: str) -> str:
    """The organ without the party body at its end: 县水务局党组 -> 县水务局."""
    return _grammar().party_body.sub("", organ)


class _Reading(NamedTuple):
    """One of the posts of a string."""

    role: PostRole
    rank: str
    leading: bool | None
    organisation: str | None


def read_post(text: str, *, places: Places, body: str | None = None) -> Post:
    """Read a post string. ``body`` is the fullest organisation last named in the text, for elliptic posts."""
    plain, former, stated = _strip(text)
    readings = _read_parts(_grammar().in_charge.sub("", plain), places, body or "")
    rank = stated or _highest(readings)
    organisation = next((r.organisation for r in readings if r.organisation), None)
    return Post(plain, organisation, _role(readings), rank, _leading_cadre(readings, rank), former)


def _role(readings: list[_Reading]) -> PostRole:
    """The highest role of the posts (field-conventions)."""
    return min((r.role for r in readings), key=ROLES.index, default="unknown")


def _highest(readings: list[_Reading]) -> str:
    """The highest rank of the posts; a villager who is a 护林员 as well stays 村居."""
    ranks = {r.rank for r in readings}
    if VILLAGE in ranks:
        ranks.discard(ORDINARY)
    return min(ranks, key=_rank_order, default=UNKNOWN)


def _leading_cadre(readings: list[_Reading], rank: str) -> bool | None:
    if rank in load_codebook()["ranks"].settings["leading"]:
        return True
    values = [r.leading for r in readings] or [None]
    return True if True in values else None if None in values else False


def _rank_order(rank: str) -> int:
    order: list[str] = load_codebook()["ranks"].settings["order"]
    return order.index(rank)


def _stated_rank(text: str) -> str | None:
    return next((entry.name for entry in load_codebook()["ranks"].candidates(text) if entry.search(text)), None)


def _strip(text: str) -> tuple[str, bool, str | None]:
    """The post without what is said of its time and rank: (verbatim rest, former, rank stated)."""
    g = _grammar()
    remarks = " ".join(g.remark.findall(text))
    rest = g.remark.sub("", text)
    former = bool(g.former_remark.search(remarks) or g.former_clause.search(rest))
    rest = g.former_clause.sub("", rest)
    lead = g.lead.match(rest)
    if lead:
        former |= bool(g.former_words.search(g.current.sub("", lead[0])))
        rest = rest[lead.end() :]
    rest, inner = g.inner_former.subn("", rest)
    former |= bool(inner)
    current = g.current.search(rest)
    if current and current.start():
        rest = rest[: current.start()] if former else rest[: current.start()] + rest[current.end() :]
    said = remarks + "".join(g.rank_word.findall(rest))
    return rest.strip("，、；：的"), former, _stated_rank(said)


def _parts(text: str) -> Iterator[re.Match[str]]:
    """The single posts of a string; a stretch without a head word is part of the next (县委、县政府 + 督查室主任)."""
    g, start = _grammar(), 0
    for cut in (*g.separator.finditer(text), None):
        match = g.part.fullmatch(text, start, cut.start() if cut else len(text))
        if match:
            yield match
            start = cut.end() if cut else len(text)


def _read_parts(text: str, places: Places, context: str) -> list[_Reading]:
    readings = []
    for match in _parts(text):
        head = _grammar().heads[match["head"]]
        readings.append(_read_one(match["org"], match["mod"], head, context, places))
        context = _context(_organisation(match["org"], head), context, places)
    return readings


def _context(organ: str, before: str, places: Places) -> str:
    """What the next elliptic post leans on: this organ if it tells a place or none was known, else the one before."""
    host = _host(organ)
    if not before:
        return host
    level = _place(host, places).level
    if level and (len(host) > 1 or level in _SMALL):
        return host
    if len(host) < 2:
        return before
    return before[: _place(before, places).end] + host if can_seat(host) and len(host) > 2 else before


def _organisation(organ: str, head: _Head) -> str:
    inner = _grammar().inner_organ.match(head.word)
    return organ + inner[0] if inner else organ


def _read_one(organ: str, mod: str, head: _Head, context: str, places: Places) -> _Reading:
    g = _grammar()
    role: PostRole = "deputy" if g.deputy in mod and head.role == "chief" else head.role
    site = _site(organ, head, context, places)
    sent = site.level == "village" and g.outside.search(organ + mod + head.word)
    place = "" if sent else site.level
    if head.stands == "grade":
        rank = _stated_rank(mod + head.word) or UNKNOWN
    elif place == "village":
        rank = UNKNOWN if head.body == "institution" else VILLAGE
    elif role == "staff" and (_private(organ, head, context) or _is_anywhere(organ, head, context)):
        rank = UNKNOWN
    elif role == "staff" or site.tier == "petty":
        rank = ORDINARY
    else:
        rank = _rank(place, site.tier, role, head)
    return _Reading(role, rank, _stance(site.stands, rank), _named(_organisation(organ, head)))


def _private(organ: str, head: _Head, context: str) -> bool:
    """Whether staff are of a body whose ranks are not told (enterprise, school, hospital): theirs or the context's."""
    own = _organ(_host(organ) or organ)
    body = own or (None if head.level == "public" else _organ(context))
    if head.body == "institution":
        return True
    if body is None:
        return False
    unranked = body["tier"] == "institution" and not head.level and not body.get("public_staff")
    return unranked or body["tier"] in _organ_settings()["unranked"]


def _is_anywhere(organ: str, head: _Head, context: str) -> bool:
    """Whether staff found everywhere (采购员) are of no organ told; who enforces (协管员) is of the context's."""
    enforces = _grammar().enforcing.search(organ + head.word) is not None
    return head.needs_organ and not (_tells_body(organ) or (enforces and _tells_body(context)))


def _tells_body(organ: str) -> bool:
    """Whether the words before the head tell a place or a kind of organ."""
    return bool(_place(organ, Places()).level) or _organ(_host(organ) or organ) is not None


def _named(organ: str) -> str | None:
    """The organisation to tell: without a party body unless a bare place is left; None when only a suffix is left."""
    host = _host(organ)
    bare_place = bool(host) and _place(host, Places()).end == len(host)
    if len(host) < 2 and not bare_place:
        return None
    kept = organ if bare_place else host
    return kept if len(kept) > 1 and not _grammar().bare_organ.fullmatch(kept) else None


class _Site(NamedTuple):
    """Where a post sits: level of the place, tier of the organ, how its head stands."""

    level: str
    tier: str
    stands: str


def _site(organ: str, head: _Head, context: str, places: Places) -> _Site:
    """Read the site off the post's own words, and what they leave out off the context."""
    host = _seat(organ, head, context, places)
    place, kind = _place(host, places), _organ(host or organ)
    tier = kind["tier"] if kind else "place" if place.level and place.end == len(host) else ""
    level = _site_level(host, kind, tier, context, places)
    own_level = place.level if head.stands == "leader" else ""
    of_party = host != organ and _host(organ) == host
    stands = kind.get("stands", head.stands) if kind and head.stands == "leader" and not of_party else head.stands
    if head.body == "division" and tier == "institution":
        stands = "leader"
    elif head.body:
        tier = _tier(head, tier)
    if tier in _organ_settings()["inner"] and not _of_department(host, context):
        tier = "inner"
    if kind and kind.get("public_staff") and own_level and not own_level.endswith(("township", "village")):
        stands = "leader"
    if stands == "leader" and level.endswith("township") and tier in _organ_settings()["inside_township"]:
        stands = "section"
    if head.level == "public":
        return _Site("" if level == "village" else level, tier, stands)
    return _Site(_level(head.level, place.level, places) if head.level else level, tier, stands)


def _of_department(unit: str, context: str) -> bool:
    """Whether an inner unit (科, 处, 办) is one of a department: of the organ named before it, else of the context."""
    outer = (_organ(unit[:end]) for end in range(2, len(unit) - 1))
    own = next(filter(None, outer), None)
    kind = own if own or _place(unit, Places()).level else _organ(context)
    return kind is not None and kind["tier"] in _organ_settings()["has_sections"]


def tells_place(name: str) -> bool:
    """Whether the name of a body tells where it is (县水务局, not 局党组)."""
    return bool(_place(name, Places()).level)


def can_seat(name: str) -> bool:
    """Whether a body has posts of its own that elliptic ones may lean on: no section or station inside another."""
    kind = _organ(_host(name) or name)
    return kind is not None and kind["tier"] not in _organ_settings()["no_seat"]


def _seat(organ: str, head: _Head, context: str, places: Places) -> str:
    """The organ a post sits in: its own, or the context's when it is elliptic and the context can hold such a post."""
    host = _host(organ)
    tells_itself = len(host) > 1 or _place(host, places).level or head.level not in (None, "public")
    fit = _grammar().fits.get(head.word)
    fits = fit is None or fit.search(_host(context)) or fit.search(context)
    return host if tells_itself or not fits else _host(context)


def _site_level(host: str, kind: Entry | None, tier: str, context: str, places: Places) -> str:
    own = _place(host, places).level
    if kind is not None and kind.get("level") and own != "village":
        return _level(kind["level"], own, places)
    if own:
        return own
    near = _place(context, places).level
    return _hall(host) if near == "village" and host else near or _hall(host)


def _hall(host: str) -> str:
    """A 厅 is an organ of a province, named or not."""
    return "province" if re.search(_organ_settings()["provincial"], host) else ""


def _tier(head: _Head, tier: str) -> str:
    """The tier the head word tells; a 纪委书记 of a bureau is one of its members, not the head of a place's 纪委."""
    if head.body == "discipline" and tier not in ("place", "discipline", ""):
        return tier
    return str(head.body)


def _level(told: str, own: str, places: Places) -> str:
    """The level the head word tells (县长), or the finer form that the post's own place gives (municipal_district)."""
    if told == "city":
        return own or places.city("")
    if told in ("county", "township"):
        fits = own.endswith(told) or (told == "county" and own.endswith("district"))
        return own if fits else _lifted(told, places.city(""), district=True)
    return told


def _rank(level: str, tier: str, role: PostRole, head: _Head) -> str:
    rules: Mapping[str, Any] = load_codebook()["ranks"].settings["rules"]
    seat = "chief" if tier == "discipline" and head.body == "discipline" else role
    return str(rules.get(level, {}).get(tier, {}).get(seat, UNKNOWN))


def _stance(stands: str, rank: str) -> bool | None:
    """Whether a post of this standing makes a leading cadre; ranks of the ladder do in any case."""
    if rank == VILLAGE or stands in ("staff", "petty") or (rank == ORDINARY and stands != "leader"):
        return False
    if rank in load_codebook()["ranks"].settings["leading"]:
        return True
    return True if stands == "leader" else None
