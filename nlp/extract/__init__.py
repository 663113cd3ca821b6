"""What a case says: who held whom to account, for what, how.

In: a ``Case``. Out: an ``Extraction``, all offsets in source coordinates. Reads characters only, never words of a segmenter,
and never judges whether the decision was right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from nlp.codebook import Entry, load_codebook
from nlp.extract.facts import document_facts
from nlp.extract.link import Link, Linked, link
from nlp.extract.measures import find_measures
from nlp.extract.mentions import (
    GROUP,
    ORGANISATION,
    PERSON,
    POST,
    RESPONSIBILITY,
    Token,
    alternation,
    find_mentions,
    post_before,
    skeleton,
)
from nlp.extract.posts import Places, Post, read_post
from nlp.types import Case, Caution, Extraction, Fact, PostRole, Sanction, Status, Subject, SubjectKind, unique

__all__ = ["extract"]

_KINDS: dict[str, SubjectKind] = {PERSON: "person", POST: "person", ORGANISATION: "organisation", GROUP: "group"}


def extract(case: Case) -> Extraction:
    """Read everything off one case."""
    facts = document_facts(case)
    reader = _Reader(case, _decision_year(case, facts.dates), facts.issuer.text if facts.issuer else "")
    subjects, mentioned, cautions = reader.read()
    return Extraction(
        issuer=facts.issuer,
        subjects=subjects,
        mentioned=mentioned,
        trigger=facts.trigger,
        grounds=facts.grounds,
        consequences=facts.consequences,
        dates=facts.dates,
        legal_basis=facts.legal_basis,
        procedure=facts.procedure,
        effect=facts.effect,
        cautions=cautions,
    )


def _decision_year(case: Case, dates: Iterable[Fact]) -> str | None:
    """The ISO date from which the family of a bare 记过 is told: decision, else publication, else the latest year named."""
    by_id = {d.id: str(d.value) for d in dates if d.value}
    if "decision" in by_id:
        return by_id["decision"]
    years = re.findall(r"(?:19|20)\d{2}(?=年)", case.text)
    return by_id.get("publication") or case.clean.published or (max(years) if years else None)


@dataclass
class _Record:
    """One subject while its mentions are gathered."""

    token: Token
    key: str
    posts: list[tuple[int, int]] = field(default_factory=list)
    shared: tuple[int, int] | None = None
    measures: list[tuple[Token, Status]] = field(default_factory=list)
    responsibility: tuple[Entry, Token] | None = None
    held: bool = False


def _kinds(record: _Record) -> set[str]:
    return {cause.measure.entry.id for cause, _ in record.measures if cause.measure}


class _Reader:
    """Reads the subjects of one case."""

    def __init__(self, case: Case, decided: str | None, issuer: str = "") -> None:
        self.case = case
        self.issuer = issuer
        self.text = case.text
        self.decided = decided
        self.book = load_codebook()
        self.grammar = self.book["grammar"].settings
        self.places = Places.of(case.clean.text)
        self.plain_group = re.compile(alternation(self.grammar["group_words"]))
        self.party_organ = re.compile(r"(?:党委|党组|党工委|党总支|党支部|总支|支部|支部委员会|纪委|纪检组|纪工委|监委|(?<=[省市县区州盟旗])委|班子|党组织|党委、政府|党委政府)$")

    def read(self) -> tuple[tuple[Subject, ...], tuple[Subject, ...], tuple[Caution, ...]]:
        measures = find_measures(self.text)
        tokens = find_mentions(self.text, measures, self._responsibilities())
        sk = skeleton(self.text, tokens)
        linked = link(self.text, sk)
        records = self._records(tokens, linked)
        self._mark_held(records)
        families = self._families(tokens)
        built = self._subjects(records, families)
        subjects = tuple(s for s, held in built if held)
        mentioned = tuple(s for s, held in built if not held and s.kind == "person" and (s.name or s.responsibility))
        return subjects, mentioned, unique([*linked.cautions, *self._orphans(tokens, linked.links)])

    def _responsibilities(self) -> list[Token]:
        found = [
            Token(RESPONSIBILITY, *match.span(), entry=entry)
            for entry in self.book["responsibilities"]
            if entry.patterns
            for match in entry.find(self.text)
            if not self._denied(match)
        ]
        return sorted(found, key=lambda t: (t.start - t.end, t.start))

    def _denied(self, match: re.Match[str]) -> bool:
        """Whether the responsibility is told as not borne (不负领导责任, 认定其负领导责任缺乏依据)."""
        settings = self.book["responsibilities"].settings
        before, after = self.text[max(0, match.start() - 12) : match.start()], self.text[match.end() : match.end() + 16]
        return bool(re.search(settings["negation"], before) or re.match(settings["negation_after"], after))

    # -- gathering ------------------------------------------------------------------------------------------------

    def _key(self, token: Token) -> str:
        if token.kind == PERSON and token.name:
            return "P" + self.text[slice(*token.name)]
        if token.kind == GROUP:
            return f"G{token.start}"
        return token.kind + self.text[token.start : token.end]

    def _records(self, tokens: Iterable[Token], linked: Linked) -> list[_Record]:
        records: dict[str, _Record] = {}
        for token in tokens:
            if token.kind in _KINDS:
                record = records.setdefault(self._key(token), _Record(token, self._key(token)))
                if token.post and token.kind in (PERSON, POST):
                    record.posts.append(token.post)
                record.shared = record.shared or token.shared_post
        for item in linked.links:
            record = records[self._same(records, item.token)]
            if item.cause.kind == RESPONSIBILITY:
                if record.responsibility is None and item.cause.entry:
                    record.responsibility = (item.cause.entry, item.cause)
            else:
                record.measures.append((item.cause, item.status))
                record.held = True
        for token in linked.withdrawn:
            record = records[self._same(records, token)]
            record.measures = [(cause, "revoked" if cause.start < token.start else status) for cause, status in record.measures]
        return self._folded(list(records.values()))

    def _folded(self, records: list[_Record]) -> list[_Record]:
        """Without unnamed posts and counted groups that only repeat people named elsewhere in the case (title, summary)."""
        kept = [r for r in records if not (r.token.kind == POST and r.held and self._repeats(r, records))]
        named = [r for r in kept if r.token.kind in (PERSON, POST) and r.held]
        result: list[_Record] = []
        for record in kept:
            if record.token.kind == GROUP and record.held:
                kinds = _kinds(record)
                alike = [r for r in named if kinds <= _kinds(r)]
                again = any(r.token.kind == GROUP and r.token.count == record.token.count and _kinds(r) == kinds for r in result)
                if kinds and (again or (record.token.count == len(alike) and record.token.count > 1)):
                    continue
            result.append(record)
        return result

    def _repeats(self, post: _Record, records: Iterable[_Record]) -> bool:
        """Whether a person dealt with alike holds the post (经理 – 党总支书记、经理戴某)."""
        words = re.sub(self.grammar["post_prefix"], "", self.text[post.token.start : post.token.end])
        for other in records:
            if other is post or not other.held or not _kinds(post) <= _kinds(other):
                continue
            earlier = other.token.kind == PERSON or other.token.start < post.token.start
            posts = [re.sub(self.grammar["post_prefix"], "", self.text[a:b]) for a, b in other.posts]
            if earlier and any(p.endswith(words) or words.endswith(p) for p in posts if p):
                return True
        return False

    def _same(self, records: dict[str, _Record], token: Token) -> str:
        """The record a mention belongs to: a bare post or a short organisation name may stand for a fuller one before it."""
        key = self._key(token)
        if token.kind not in (POST, ORGANISATION):
            return key
        words = key[1:]
        fuller = [
            k
            for k, r in records.items()
            if k != key
            and r.token.start < token.start
            and (
                (token.kind == ORGANISATION and k[0] == ORGANISATION and k.endswith(words))
                or (token.kind == POST and k[0] == PERSON and any(self.text[a:b].endswith(words) for a, b in r.posts))
            )
        ]
        return fuller[0] if len(fuller) == 1 else key

    def _mark_held(self, records: Iterable[_Record]) -> None:
        """People who are held to account without a measure of the list (立案审查, 交由追责)."""
        cue = re.compile(rf"^[^。；]{{0,30}}?(?:{alternation(self.grammar['held'])})")
        for record in records:
            if record.token.kind == PERSON and cue.match(self.text[record.token.end :]):
                record.held = True

    def _orphans(self, tokens: Iterable[Token], links: Iterable[Link]) -> Iterable[Caution]:
        """A measure told as decided that hits nobody we could find."""
        hit = {item.cause.start for item in links}
        names = [t.measure.entry.name for t in tokens if t.measure and t.kind == "X" and t.start not in hit and t.measure.entry.get("canonical")]
        if names and not hit:
            yield Caution("sanction_without_subject", f"读到处理措施“{names[0]}”，但未找到对应的人员或组织")

    # -- building -------------------------------------------------------------------------------------------------

    def _families(self, tokens: Iterable[Token]) -> dict[int, str]:
        """For each measure the family of the one named right before it (党内警告、严重警告)."""
        families: dict[int, str] = {}
        previous: Token | None = None
        for token in tokens:
            if token.kind == "X" and token.measure:
                if previous and previous.measure and token.start - previous.end <= 6 and not re.search(r"[。；，]", self.text[previous.end : token.start]):
                    families[token.start] = families.get(previous.start) or previous.measure.entry["family"]
                previous = token
        return families

    def _subjects(self, records: Iterable[_Record], families: dict[int, str]) -> list[tuple[Subject, bool]]:
        built: list[tuple[Subject, bool]] = []
        bodies: list[str] = []
        for record in sorted(records, key=lambda r: r.token.start):
            post = self._post(record, bodies)
            if post and post.organisation:
                bodies.append(post.organisation)
            elif record.token.kind == ORGANISATION:
                bodies.append(self.text[record.token.start : record.token.end])
            built.extend((subject, record.held) for subject in self._holders(self._subject(record, post, families), bodies))
        return built

    def _holders(self, subject: Subject, bodies: list[str]) -> list[Subject]:
        """One subject, or two where two heads of a place are told together without a name (乡党委书记、乡长)."""
        pair = re.match(self.grammar["two_heads"], subject.post or "") if subject.kind == "person" and not subject.name else None
        if pair is None:
            return [subject]
        posts = [self._read(pair["first"], bodies), self._read(pair["second"], [*bodies, pair["first"]])]
        return [
            replace(subject, post=p.text, post_role=p.role, rank=p.rank, leading_cadre=p.leading_cadre, organisation=p.organisation)
            for p in posts
        ]

    def _body(self, post: str, bodies: list[str]) -> str | None:
        """The organisation an elliptic post belongs to: the last named that ends as the post begins (副局长 – 县水务局)."""
        unit = re.search(self.grammar["unit_of_post"], post)
        if unit:
            for body in reversed(bodies):
                if re.search(f"{unit.group()}(?:{self.grammar['party_tail']})?$", body):
                    return body
            return None
        return bodies[-1] if bodies else None

    def _post(self, record: _Record, bodies: list[str]) -> Post | None:
        if record.token.kind == GROUP and record.token.post:
            if self.plain_group.fullmatch(self.text[slice(*record.token.post)]):
                return None
            return self._read(self.text[slice(*record.token.post)], bodies)
        if record.posts:
            start, end = max(record.posts, key=lambda p: p[1] - p[0])
            post = self._read(self.text[start:end], bodies)
            verbatim = self._verbatim(start, end)
            if verbatim != self.text[start:end]:
                post = replace(post, text=self._read(verbatim, bodies).text)
            return post
        elsewhere = self._post_elsewhere(record) or (self._verbatim(*record.shared) if record.shared else None)
        return self._read(elsewhere, bodies) if elsewhere else None

    def _post_elsewhere(self, record: _Record) -> str | None:
        """The post beside the same name in the rest of the notice (its lead or title), where the case itself gives none."""
        if record.token.kind != PERSON or not record.token.name:
            return None
        name = self.text[slice(*record.token.name)]
        whole = self.case.clean.text
        for match in re.finditer(re.escape(name), whole):
            found = post_before(whole, match.start())
            if found:
                return found
        return None

    def _verbatim(self, start: int, end: int) -> str:
        """The source characters of a range, padding spaces kept, what cleaning dropped inside (markup, pinyin) left out."""
        span = self.case.span(start, end)
        source = self.case.source(span)
        origin = self.case.clean.origin
        kept = "".join(
            self.case.clean.notice.text[origin.starts[i] : origin.ends[i]]
            for i in range(self.case.start + start, self.case.start + end)
        )
        padded = re.sub(r"\s", "", source) == re.sub(r"\s", "", kept) and "\n" not in source
        return source if padded else kept

    def _read(self, post: str, bodies: list[str]) -> Post:
        return read_post(post, places=self.places, body=self._body(post, bodies))

    def _subject(self, record: _Record, post: Post | None, families: dict[int, str]) -> Subject:
        token = record.token
        name_range = token.name if token.kind == PERSON else (token.start, token.end) if token.kind == ORGANISATION else None
        span = self.case.span(token.start, token.end)
        name = self._verbatim(*name_range) if name_range else None
        sanctions = self._sanctions(record, post, families)
        role: PostRole = post.role if post else "unknown"
        return Subject(
            kind=_KINDS[token.kind],
            name=name,
            count=token.count,
            post=post.text if post and post.text else None,
            former=post.former if post else False,
            organisation=(name if token.kind == ORGANISATION else post.organisation if post else None),
            post_role=role if token.kind != ORGANISATION else "unknown",
            rank=post.rank if post else "未知",
            leading_cadre=post.leading_cadre if post else None,
            responsibility=record.responsibility[0].name if record.responsibility else None,
            sanctions=tuple(s for s, canonical in sanctions if canonical),
            other_measures=tuple(s for s, canonical in sanctions if not canonical),
            start=span.start,
            end=span.end,
            responsibility_span=self.case.span(record.responsibility[1].start, record.responsibility[1].end) if record.responsibility else None,
        )

    def _sanctions(self, record: _Record, post: Post | None, families: dict[int, str]) -> list[tuple[Sanction, bool]]:
        merged: dict[str, tuple[Sanction, bool]] = {}
        for cause, status in sorted(record.measures, key=lambda m: m[0].start):
            assert cause.measure is not None
            span = self.case.span(*cause.measure.whole)
            for told in filter(None, (cause.measure.entry, cause.measure.also)):
                entry = self._resolved(told, cause, record, post, families)
                canonical = bool(entry.get("canonical")) or (entry["family"] == "企业" and "bare" in told.more)
                sanction = Sanction(entry.id, entry.name, entry["family"], float(entry["severity"]), status, span.start, span.end)
                known = merged.get(entry.name)
                if known is None or status == "revoked" or (known[0].status == "proposed" and status == "decided"):
                    merged[entry.name] = (sanction, canonical)
        return list(merged.values())

    def _resolved(self, entry: Entry, cause: Token, record: _Record, post: Post | None, families: dict[int, str]) -> Entry:
        """The entry a mention stands for, a bare 警告 or 检查 told by its neighbours, the subject and the date."""
        table = self.book["sanctions"]
        other = entry.get("organisation")
        if other and record.token.kind == ORGANISATION and self.party_organ.search(self.text[record.token.start : record.token.end]):
            return table[other]
        options: dict[str, str] | None = entry.get("resolve")
        if not options:
            return entry
        family = families.get(cause.start)
        if family not in options:
            family = self._bare_family(options, post)
        return table[options[family]]

    def _bare_family(self, options: dict[str, str], post: Post | None) -> str:
        words = (post.text if post else "") + (post.organisation or "" if post else "")
        if "企业" in options and re.search(self.grammar["enterprise"], self.issuer):
            return "企业"
        if "企业" in options and re.search(self.grammar["enterprise"], words or self.text[:40]) and not re.search(r"[县市区省镇乡](?:委|政府)|监委", self.text):
            return "企业"
        if list(options) == ["党纪"]:
            return "党纪"
        modern = (self.decided or "2018-03") >= "2018-03"
        return "政务" if modern and "政务" in options else "行政" if "行政" in options else next(iter(options))


