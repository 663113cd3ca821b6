"""Who is held to account, one record each: name, post, rank, responsibility and measures.

In: a case, with the date and the organ of its decision. Out: those held to account, those only mentioned, and cautions.
Gathers what ``mentions`` found and ``link`` tied together; settles bare measures (记过) by neighbours, body and date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nlp.codebook import Entry, load_codebook
from nlp.extract.amounts import count
from nlp.extract.grammar import pattern
from nlp.extract.link import Linked, link
from nlp.extract.mentions import (
    GROUP,
    MEASURE,
    ORGANISATION,
    PERSON,
    POST,
    RESPONSIBILITY,
    Token,
    find_mentions,
    skeleton,
)
from nlp.extract.phrases import Range, places_of, post_before
from nlp.extract.posts import ORDINARY, UNKNOWN, VILLAGE, Places, Post, can_seat, read_post, tells_place
from nlp.types import Case, Caution, Sanction, Status, Subject, SubjectKind, unique

_UNTOLD = "other_handling"
_KINDS: Mapping[str, SubjectKind] = {PERSON: "person", POST: "person", ORGANISATION: "organisation", GROUP: "group"}
# From this month on, measures of the state against public officials are 政务处分 (监察法).
_GOVERNMENT_SANCTIONS_SINCE = "2018-03"
# Bare words that a party measure before them makes one (党内警告、严重警告); 撤职 is the state's all the same.
_ELLIPTIC = {"bare_warning", "bare_serious_warning"}
# The pattern that tells the body by its name, for the families of measures a body takes against its own staff.
_BODIES = {"企业": "enterprise", "事业单位": "institution"}
# Measures that are not told by kind.
_UNSPECIFIED = {"organisational_handling", "other_handling", "unspecified_discipline"}
_CELLS = {ord("｜"): "，"}  # the cells of a table row are read like the clauses of a sentence
_HEADING = 160  # characters before a case that may hold its heading and whom it is addressed to
_LISTED_BEFORE = 6  # characters between a measure and a bare one whose family it tells (党内警告、严重警告)


@dataclass(frozen=True)
class People:
    """Those held to account, and those the text names without telling of a measure."""

    subjects: tuple[Subject, ...]
    mentioned: tuple[Subject, ...]
    cautions: tuple[Caution, ...]


@dataclass
class _Record:
    """One subject while its mentions are gathered; ``token`` is the first of them."""

    token: Token
    posts: list[Range] = field(default_factory=list)
    called: Range | None = None  # an organisation's name where it is dealt with
    shared_post: Range | None = None
    measures: list[tuple[Token, Status]] = field(default_factory=list)
    responsibility: Token | None = None
    held: bool = False

    @property
    def entries(self) -> set[str]:
        return {cause.measure.entry.id for cause, _ in self.measures if cause.measure}


def read_subjects(case: Case, *, decided: str | None = None, issuer: str = "") -> People:
    """Read people and bodies of a case. ``decided``: ISO date (or its beginning); ``issuer``: the deciding organ."""
    case = _with_heading(case)
    text = case.text.translate(_CELLS)
    tokens = find_mentions(text)
    linked = link(text, skeleton(text, tokens))
    records = _Gatherer(text).gather(tokens, linked)
    built = list(_Builder(case, decided, issuer, tokens).subjects(records))
    return People(
        tuple(s for s, held in built if held),
        tuple(s for s, held in built if not held and s.kind == "person" and (s.name or s.responsibility)),
        unique([*linked.cautions, *_orphans(tokens, linked)]),
    )


def _with_heading(case: Case) -> Case:
    """The case from the start of its document on, where that tells of nothing else; else from the heading of a single
    decision that says whom it is about (关于给予某某处分的决定)."""
    clean, lead = case.clean.text, case.lead
    if case.start - lead.end > 1:
        return case
    if case.ending.start - case.end <= 1:
        return replace(case, start=lead.start)
    first = max(lead.start, lead.end - _HEADING)
    heading = pattern("decision_heading").search(clean, first, lead.end)
    return replace(case, start=heading.start()) if heading else case


def _orphans(tokens: Iterable[Token], linked: Linked) -> Iterator[Caution]:
    """A measure of the list where nobody at all is found whom it hits."""
    if linked.unshared or any(item.cause.kind == MEASURE for item in linked.links):
        return
    for token in tokens:
        if token.kind == MEASURE and token.measure and token.measure.entry.get("canonical"):
            name = token.measure.entry.name
            yield Caution("sanction_without_subject", f"读到处理措施“{name}”，但未找到对应的人员或组织")
            return


class _Gatherer:
    """Puts the mentions of one subject together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.records: dict[str, _Record] = {}
        self._keys: dict[tuple[int, int], str] = {}  # settled when met: a later 王明 does not change who 王某 was

    def gather(self, tokens: Iterable[Token], linked: Linked) -> list[_Record]:
        for token in tokens:
            if token.kind in _KINDS:
                self._mention(token)
        for item in linked.links:
            record = self.records[self._key_of_fuller(item.token)]
            if item.cause.kind == RESPONSIBILITY:
                record.responsibility = record.responsibility or item.cause
            else:
                if item.token.kind == ORGANISATION and not record.held:
                    record.called = (item.token.start, item.token.end)
                record.measures.append((item.cause, item.status))
                record.held = True
        for back in linked.withdrawn:
            record = self.records[self._key_of_fuller(back.token)]
            record.measures = [(c, "revoked" if back.takes(c) else status) for c, status in record.measures]
        for token in linked.unshared:
            self.records[self._key_of_fuller(token)].held = True
        for record in self.records.values():
            record.held = record.held or self._held_otherwise(record)
        self._addressed_post()
        return self._without_summaries()

    def _addressed_post(self) -> None:
        """The post that a letter tells of whom it is written to (你作为某镇党委书记), where none stands by the name."""
        told = pattern("addressed_post").search(self.text)
        first = next((r for r in self.records.values() if r.token.kind == PERSON), None)
        if told and first and not first.posts and first.token.start < told.start():
            first.posts.append(told.span("post"))

    def _mention(self, token: Token) -> None:
        key = self._keys.setdefault((token.start, token.end), self._met(token))
        record = self.records.setdefault(key, _Record(token))
        if token.post and token.kind in (PERSON, POST) and not self._is_standing(token):
            record.posts.append(token.post)
        record.shared_post = record.shared_post or token.shared_post

    def _is_standing(self, token: Token) -> bool:
        """Whether what stands beside a name is a standing and no post (作为党员领导干部张某)."""
        words = self.text[slice(*token.post)] if token.post else ""
        return token.kind == PERSON and pattern("standing").match(words) is not None

    def _words(self, token: Token) -> str:
        return self.text[token.start : token.end]

    def _key(self, token: Token) -> str:
        return self._keys.get((token.start, token.end)) or self._met(token)

    def _met(self, token: Token) -> str:
        if token.kind == PERSON and token.name:
            name = self.text[slice(*token.name)]
            return PERSON + (self._unmasked(name, token) or name)
        return f"{token.kind}{token.start}" if token.kind == GROUP else token.kind + self._words(token)

    def _unmasked(self, name: str, token: Token) -> str | None:
        """The one full name met before that 郑某 or 老郑 stands for, if not of another post (驾驶员老郑)."""
        masked = pattern("short_of").fullmatch(name)
        if masked is None:
            return None
        full = [k for k in self.records if k[0] == PERSON and k[1:].startswith(masked["family"]) and "某" not in k]
        if len(full) != 1:
            return None
        post = self.text[slice(*token.post)] if token.post and "某" not in name else ""
        same = not post or any(known.endswith(post) for known in self._posts(self.records[full[0]]))
        return full[0][1:] if same else None

    def _key_of_fuller(self, token: Token) -> str:
        """The key of the one record a bare post or a short organisation name stands for, named more fully before."""
        key, words = self._key(token), self._words(token)
        if token.kind == ORGANISATION:
            fuller = [k for k in self._earlier(token, ORGANISATION) if k.endswith(words)]
        elif token.kind == POST:
            fuller = [
                k
                for k in self._earlier(token, PERSON)
                if any(p.endswith(words) and not p.endswith("副" + words) for p in self._posts(self.records[k]))
            ]
        else:
            fuller = []
        return fuller[0] if len(fuller) == 1 else key

    def _earlier(self, token: Token, kind: str) -> list[str]:
        own = self._key(token)
        return [k for k, r in self.records.items() if k[0] == kind and k != own and r.token.start < token.start]

    def _posts(self, record: _Record) -> list[str]:
        return [self.text[a:b] for a, b in record.posts]

    def _held_otherwise(self, record: _Record) -> bool:
        """Held to account without a measure of the list (立案审查, 交由追责)."""
        if record.token.kind != PERSON:
            return False
        clause = re.split(r"[。；]", self.text[record.token.end :][:40])[0]
        return pattern("held").search(clause) is not None

    def _without_summaries(self) -> list[_Record]:
        """The records less unnamed posts and counted groups that only repeat people named elsewhere (in a title)."""
        records = list(self.records.values())
        kept = [r for r in records if not (r.token.kind == POST and r.held and self._repeats(r, records))]
        result: list[_Record] = []
        for record in kept:
            if not (record.token.kind == GROUP and record.held and self._sums_up(record, kept, result)):
                result.append(record)
        return result

    def _repeats(self, post: _Record, records: Iterable[_Record]) -> bool:
        """Whether somebody dealt with alike holds the post (经理 – 党总支书记、经理戴某)."""
        words = self._pointing(self._words(post.token))
        for other in records:
            alike = other is not post and other.held and post.entries <= other.entries
            if alike and (other.token.kind == PERSON or other.token.start < post.token.start):
                posts = [p for p in map(self._pointing, self._posts(other)) if p]
                if any((p.endswith(words) or words.endswith(p)) and ("副" in p) == ("副" in words) for p in posts):
                    return True
        return False

    def _pointing(self, post: str) -> str:
        return pattern("post_prefix").sub("", post)

    def _sums_up(self, group: _Record, records: Iterable[_Record], before: Iterable[_Record]) -> bool:
        """Whether a group counts people named one by one, or repeats a group told before."""
        again = any(
            r.token.kind == GROUP and r.token.count == group.token.count and r.entries == group.entries for r in before
        )
        told = group.entries - _UNSPECIFIED
        alike = [r for r in records if r.token.kind in (PERSON, POST) and r.held and told <= r.entries]
        return bool(group.entries) and (again or group.token.count == len(alike) > 1)


class _Builder:
    """Turns records into subjects in source coordinates."""

    def __init__(self, case: Case, decided: str | None, issuer: str, tokens: Sequence[Token]) -> None:
        self.case = case
        self.text = case.text
        self.decided = decided
        self.issuer = issuer
        self.places = Places.of(case.clean.text)
        self.sanctions = load_codebook()["sanctions"]
        self.neighbours = self._neighbours(tokens)
        self.organs = [(t.start, self.text[t.start : t.end]) for t in tokens if t.kind == ORGANISATION]

    def subjects(self, records: Iterable[_Record]) -> Iterator[tuple[Subject, bool]]:
        """Each subject in text order with whether it is held to account."""
        bodies: list[str] = []
        for record in sorted(records, key=lambda r: r.token.start):
            post = self._post(record, bodies)
            if post and post.organisation:
                bodies.append(post.organisation)
            elif record.token.kind == ORGANISATION:
                bodies.append(self.text[record.token.start : record.token.end])
            for subject in self._holders(self._subject(record, post), bodies, record.token):
                told = {cause.measure.entry.id for cause, _ in record.measures if cause.measure}
                counted_only = subject.kind == _KINDS[GROUP] and told == {_UNTOLD}  # 17名干部被追责
                yield subject, record.held and not counted_only

    def _subject(self, record: _Record, post: Post | None) -> Subject:
        token = record.token
        body = record.called or (token.start, token.end)
        whole = token.name if token.kind == PERSON else body if token.kind == ORGANISATION else None
        name = self._verbatim(*whole) if whole else None
        follows = token.name and token.post and token.name[1] <= token.post[0]  # 张某，某局局长: the name alone
        span = self.case.span(token.start, token.name[1] if token.name and follows else token.end)
        told = [*self._told(record, post)]
        bears = record.responsibility
        return Subject(
            kind=_KINDS[token.kind],
            name=name,
            count=token.count,
            post=post.text or None if post else None,
            former=post.former if post else False,
            organisation=name if token.kind == ORGANISATION else post.organisation if post else None,
            post_role=post.role if post else "unknown",
            rank=post.rank if post else "未知",
            leading_cadre=post.leading_cadre if post else None,
            responsibility=bears.entry.name if bears and bears.entry else None,
            sanctions=tuple(s for s, canonical in told if canonical),
            other_measures=tuple(s for s, canonical in told if not canonical),
            start=span.start,
            end=span.end,
            responsibility_span=self.case.span(bears.start, bears.end) if bears else None,
        )

    def _holders(self, subject: Subject, bodies: list[str], token: Token) -> list[Subject]:
        """One subject, or one a post: of two heads of a place told together without a name (乡党委书记、乡长), or of
        several whom the text says to hold them (校长、副校长均…)."""
        post = subject.post if subject.kind == "person" and not subject.name else None
        told = self._posts_told(post, token) if post else ()
        if not told:
            return [subject]
        read: list[Post] = []
        for post in told:
            read.append(self._read(post, [*bodies, *(p.text for p in read)], token.start))
        return [
            replace(
                subject,
                post=p.text,
                post_role=p.role,
                rank=p.rank,
                leading_cadre=p.leading_cadre,
                organisation=p.organisation,
            )
            for p in read
        ]

    def _posts_told(self, post: str, token: Token) -> tuple[str, ...]:
        """The posts of as many people in the words of an unnamed one; none where one person may hold them."""
        pair = pattern("two_heads").match(post)
        if pair:
            return pair["first"], pair["second"]
        several = pattern("held_by_several").match(self.text, token.end)
        if several is None:
            return ()
        ends = [m.end() for m in pattern("post").finditer(post) if m.end() == len(post) or post[m.end()] in "、和与及"]
        parts = tuple(post[start:end] for start, end in zip([0, *(end + 1 for end in ends)], ends, strict=False))
        told = several["n"] and count(several["n"])
        return parts if len(parts) > 1 and ends[-1] == len(post) and told in (None, len(parts)) else ()

    def _verbatim(self, start: int, end: int) -> str:
        """The source characters of a range: padding spaces kept, markup and pinyin that cleaning dropped left out."""
        clean, first = self.case.clean, self.case.start
        source = self.case.source(self.case.span(start, end))
        kept = "".join(
            clean.notice.text[clean.origin.starts[i] : clean.origin.ends[i]] for i in range(first + start, first + end)
        )
        padded = "".join(source.split()) == "".join(kept.split()) and "\n" not in source
        return source if padded else kept

    # -- posts ----------------------------------------------------------------------------------------------------

    def _post(self, record: _Record, bodies: Sequence[str]) -> Post | None:
        token = record.token
        if token.kind == GROUP:
            words = self.text[slice(*token.post)] if token.post else ""
            return (
                self._read(words, bodies, token.start)
                if words and not pattern("group_words").fullmatch(words)
                else None
            )
        if not record.posts:
            shared = self._verbatim(*record.shared_post) if record.shared_post else None
            elsewhere = self._lost_post(record) or self._post_elsewhere(record) or shared
            return self._read(elsewhere, bodies, token.start) if elsewhere else None
        start, end = max(record.posts, key=lambda p: p[1] - p[0])
        post, verbatim = self._read(self.text[start:end], bodies, token.start), self._verbatim(start, end)
        if verbatim != self.text[start:end]:
            post = replace(post, text=self._read(verbatim, bodies, token.start).text)
        left = pattern("former_after").match(self.text, token.name[1]) if token.name else None
        held_once = any(pattern("held_during").match(self.text, stop) for _, stop in record.posts)
        return replace(post, former=True) if left or held_once else post

    def _lost_post(self, record: _Record) -> str | None:
        """The post named between a person and the words that take it away (撤销张某某村党支部书记职务)."""
        name = record.token.name
        for cause, _ in record.measures:
            opening = cause.measure.opening if cause.measure else None
            if name and opening and opening[1] <= name[0] and name[1] < cause.end:
                words = self.text[name[1] : cause.end]
                if words.endswith("职务"):
                    return words.removesuffix("职务").removesuffix("等").removeprefix("同志") or None
        return None

    def _post_elsewhere(self, record: _Record) -> str | None:
        """The post beside the same name in the rest of the notice (lead, title), where the case itself gives none."""
        if record.token.kind != PERSON or not record.token.name:
            return None
        name, whole = self.text[slice(*record.token.name)], self.case.clean.text
        found = (post_before(whole, start) for start in places_of(whole, name))
        return next((post for post in found if post), None)

    def _read(self, post: str, bodies: Sequence[str], start: int) -> Post:
        read = read_post(post, places=self.places, body=self._body(post, bodies, start))
        private = read.role == "staff" and any(self._within(body, read) for body in _BODIES.values())
        return replace(read, rank=UNKNOWN) if private and read.rank == ORDINARY else read

    def _body(self, post: str, bodies: Sequence[str], start: int) -> str | None:
        """The body an elliptic post at ``start`` belongs to: the last named before it, as of a subject or at all, that
        ends as the post begins (副局长 – 县水务局), one that tells its place first."""
        named = [(at, name) for at, name in self.organs if at < start]
        before = [name for _, name in sorted(named, key=lambda organ: not self._inquires(organ[0]))]
        unit = pattern("unit_of_post").search(pattern("unit_lead").sub("", post))
        if unit is None:
            seat = next(filter(can_seat, (*reversed(bodies), *reversed(before))), None) or self._opening_body()
            return pattern("inspecting_body").sub("党委", seat) if seat else None
        units: Mapping[str, str] = load_codebook()["posts"].settings["units"]
        upto = re.compile(f".*{units.get(unit.group(), unit.group())}")
        found = [m.group() for body in (*reversed(bodies), *reversed(before)) if (m := upto.match(body))]
        return next(filter(tells_place, found), next(iter(found), None))

    def _inquires(self, organ: int) -> bool:
        """Whether an organ looks into the case or is told of it, so that posts rather lean on another."""
        return pattern("organ_of_inquiry").search(self.text, max(0, organ - 2), organ) is not None

    def _opening_body(self) -> str | None:
        """The first body named at all."""
        return self.organs[0][1] if self.organs else None

    # -- measures -------------------------------------------------------------------------------------------------

    def _neighbours(self, tokens: Iterable[Token]) -> dict[int, str]:
        """For each measure the family of the one named right before it (党内警告、严重警告)."""
        families: dict[int, str] = {}
        previous: Token | None = None
        for token in tokens:
            if token.kind != MEASURE or token.measure is None:
                continue
            if previous and previous.measure:
                between = self.text[previous.end : token.start]
                entry = previous.measure.entry
                told = families.get(previous.start) or ("" if "bare" in entry.more else entry["family"])
                if told and len(between) <= _LISTED_BEFORE and not re.search(r"[。；，]", between):
                    families[token.start] = told
            previous = token
        return families

    def _told(self, record: _Record, post: Post | None) -> Iterator[tuple[Sanction, bool]]:
        """The measures against a subject, each name once, with whether it is one of the canonical list."""
        merged: dict[str, tuple[Sanction, bool]] = {}
        for cause, status in sorted(record.measures, key=lambda m: m[0].start):
            assert cause.measure is not None
            span = self.case.span(*cause.measure.whole)
            for named in filter(None, (cause.measure.entry, cause.measure.also)):
                entry = self._settled(named, cause, record, post)
                canonical = bool(entry.get("canonical")) or (entry["family"] in _BODIES and "bare" in named.more)
                severity = float(entry["severity"])
                sanction = Sanction(entry.id, entry.name, entry["family"], severity, status, span.start, span.end)
                known = merged.get(entry.name)
                if known is None or status == "revoked" or (known[0].status == "proposed" and status == "decided"):
                    merged[entry.name] = (sanction, canonical)
        yield from merged.values()

    def _settled(self, entry: Entry, cause: Token, record: _Record, post: Post | None) -> Entry:
        """The entry a mention stands for, a bare 警告 or 检查 told by its neighbours, the subject and the date."""
        token = record.token
        party_form = entry.get("organisation")
        if (
            party_form
            and token.kind == ORGANISATION
            and pattern("party_organ").search(self.text[token.start : token.end])
        ):
            return self.sanctions[party_form]
        options: Mapping[str, str] | None = entry.get("resolve")
        if not options:
            return self.sanctions[entry.get("counts_as", entry.id)]
        family = self.neighbours.get(cause.start, "")
        told = family in options and (family != "党纪" or entry.id in _ELLIPTIC)
        return self.sanctions[options[family if told else self._family(entry, post)]]

    def _family(self, entry: Entry, post: Post | None) -> str:
        """The family of a bare measure: of an enterprise, an institution, the Party alone, or the state by date."""
        options: Mapping[str, str] = entry["resolve"]
        for family in ("企业", "事业单位"):
            if family in options and (self._within(_BODIES[family], post) or self._of_body(_BODIES[family], post)):
                return family
        if "事业单位" in options and post and not _serves_the_state(post, entry):
            return "事业单位"
        state = "政务" if (self.decided or _GOVERNMENT_SANCTIONS_SINCE) >= _GOVERNMENT_SANCTIONS_SINCE else "行政"
        return state if state in options else next(iter(options))

    def _within(self, body: str, post: Post | None) -> bool:
        """Whether a body of its own punishes: it decides, or is told first and no organ of Party or state is named."""
        if self.issuer:
            short = pattern("public_issuer").search(self.issuer) is None
            return pattern(body).search(self.issuer + (self._opening() if short else "")) is not None
        words = f"{post.text}{post.organisation or ''}" if post else ""
        named = pattern(body).search(words) or pattern(body).search(self._opening())
        return named is not None and pattern("public_body").search(self.text) is None

    def _of_body(self, body: str, post: Post | None) -> bool:
        """Whether the post itself is one of such a body."""
        words = f"{post.text}{post.organisation or ''}" if post else ""
        if body != "enterprise":
            return False
        return any(pattern(name).search(words) for name in ("enterprise_post", "enterprise_body"))

    def _opening(self) -> str:
        """The title and the first words of the case."""
        return (self.case.clean.title or "") + self.case.clean.text[:40] + self.text[:40]


def _serves_the_state(post: Post, entry: Entry) -> bool:
    """Whether a bare measure against the holder of a post is one of the state, not of a public institution.

    Who manages a village may get some of them (政务处分法 第二十二条), who only works there none.
    """
    if pattern("profession").search(post.text):
        return False
    if post.rank == VILLAGE:
        return post.role != "staff" and bool(entry.get("of_villages"))
    return post.rank != UNKNOWN or pattern("civil_servant").search(post.text) is not None
