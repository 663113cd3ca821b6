"""Who got which measure and which responsibility.

In: the skeleton of a case (one letter for each mention). Out: links from tokens to measures and responsibilities with their
status. Reads one sentence at a time, left to right; what does not line up is left unlinked with a caution, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from nlp.codebook import load_codebook
from nlp.extract.mentions import (
    GROUP,
    MEASURE,
    OPENING,
    ORGANISATION,
    PERSON,
    POST,
    PRONOUN,
    RESPONSIBILITY,
    Skeleton,
    Token,
    alternation,
)
from nlp.types import Caution, Status

_LIST = r"[PUOGD](?:(?:、|和|与|及|以及|，|等)*[PUOGD])*"


@dataclass(frozen=True)
class Rules:
    """grammar.toml's patterns over the skeleton, compiled."""

    light: re.Pattern[str]
    handed: re.Pattern[str]
    topic: re.Pattern[str]
    prenominal: re.Pattern[str]
    deciding_after: re.Pattern[str]
    deciding_before: re.Pattern[str]
    other_matter: re.Pattern[str]
    negated: re.Pattern[str]
    proposed: re.Pattern[str]
    revoked_before: re.Pattern[str]
    revoked_after: re.Pattern[str]
    in_run: re.Pattern[str]
    withdrawn: re.Pattern[str]
    statistics: re.Pattern[str]
    not_of_people: re.Pattern[str]


_LEAD_IN = (
    r"(?:\s*[（(]?(?:\d{1,2}|[一二三四五六七八九十]{1,3})[）)]?[、.．]?|[①-⑳]|经查|据查|据悉|其中|同时|此外|另外|另|但|而|对此|为此|因此|最终|随后|"
    r"(?:\d{4}年)?(?:\d{1,2}月)?(?:\d{1,2}日)?(?:[上中下]旬|底|初|间)?(?:至[^，。；PUOGD]{2,12})?(?:期间|以来|前后|以后)?|(?:当|同|次|去|今|本)[年月日](?:\d{1,2}月)?(?:\d{1,2}日)?|任职?期间|日前|近日|的)*"
)


@cache
def rules() -> Rules:
    book = load_codebook()["grammar"].settings
    handing = alternation(sorted(book["handing"], key=len, reverse=True))
    return Rules(
        light=re.compile(rf"(?P<list>{_LIST})(?:{alternation(book['light'])})*$"),
        handed=re.compile(rf"(?:{handing}|F)(?:[^，。；PUOGDX]{{0,12}}的)?(?P<list>{_LIST})(?:[^PUOGD。；\n]|(?<=[向报由经])[PUO])*$"),
        topic=re.compile(rf"(?:^|[，；：。\n]){_LEAD_IN}(?P<list>{_LIST})"),
        prenominal=re.compile(rf"^(?:责任)?的(?P<list>{_LIST})"),
        deciding_after=re.compile(alternation(book["deciding_after"])),
        deciding_before=re.compile(rf"(?:{alternation(book['deciding_before'])})$"),
        other_matter=re.compile(alternation(book["other_matter"])),
        negated=re.compile(alternation(book["negated"])),
        proposed=re.compile(alternation(book["proposed"])),
        revoked_before=re.compile(alternation(book["revoked_before"])),
        revoked_after=re.compile(alternation(book["revoked_after"])),
        withdrawn=re.compile(rf"撤销(?:了)?(?:原)?对(?P<list>{_LIST})(?:作出)?的(?:原)?(?:处理|处分|问责)"),
        not_of_people=re.compile(alternation(book["not_of_people"])),
        statistics=re.compile(alternation(book["statistics"])),
        in_run=re.compile(r"(?:处分|处理|处罚|决定|的|、|，|和|与|及|以及|并|且|同时|一并|并处|并被|被|受到|给予|予以|作出|兼?有|党纪|政务|政纪|、并|（[^（）]{0,20}）|[一二两]年|一?个月|期限|一级|F)*"),
    )


@dataclass(frozen=True)
class Link:
    """``token`` is dealt with by the measure (or bears the responsibility) named at ``cause``."""

    token: Token
    cause: Token
    status: Status = "decided"


@dataclass
class Linked:
    """What ``link`` found, in text order."""

    links: list[Link] = field(default_factory=list)
    withdrawn: list[Token] = field(default_factory=list)
    cautions: list[Caution] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """Causes named one after the other (党内警告、政务记过处分): skeleton indices, first to last."""

    indices: tuple[int, ...]
    left: int

    @property
    def right(self) -> int:
        return self.indices[-1] + 1


class Linker:
    """Walks the sentences of one case; remembers who was last talked about."""

    def __init__(self, text: str, skeleton: Skeleton) -> None:
        self.text = text
        self.sk = skeleton
        self._texts = {t.start: text[t.start : t.end] for t in skeleton.tokens.values()}
        self._names = {t.start: text[slice(*t.name)] for t in skeleton.tokens.values() if t.name}
        self.rules = rules()
        self.out = Linked()
        self.topic: tuple[Token, ...] = ()
        self.people: list[Token] = []
        self.totals = False

    def run(self) -> Linked:
        for start, end in _sentences(self.sk.text):
            self._sentence(start, end)
            for match in self.rules.withdrawn.finditer(self.sk.text, start, end):
                self.out.withdrawn.extend(self._resolve(match.start("list"), match.end("list")))
        return self.out

    # -- one sentence ---------------------------------------------------------------------------------------------

    def _sentence(self, start: int, end: int) -> None:
        previous: tuple[int, tuple[Token, ...]] | None = None
        for run in self._runs(start, end):
            self._meet(start, run.left)
            targets = self._targets(start, end, run, previous)
            if targets:
                self._connect(start, end, run, targets)
                previous = (run.right, targets)
                self.topic = targets
        self._meet(start, end)
        topics = self._topics(start, end)
        if topics and not (previous and previous[1]):
            self.topic = topics

    def _meet(self, start: int, end: int) -> None:
        for index, token in self.sk.tokens.items():
            if start <= index < end and token.kind == PERSON and token not in self.people:
                self.people.append(token)

    def _runs(self, start: int, end: int) -> Iterator[Run]:
        causes = [i for i, t in sorted(self.sk.tokens.items()) if start <= i < end and t.kind in (MEASURE, RESPONSIBILITY)]
        run: list[int] = []
        for index in causes:
            if run and self._joined(run[-1], index):
                run.append(index)
                continue
            if run:
                yield Run(tuple(run), self._left(run[0]))
            run = [index]
        if run:
            yield Run(tuple(run), self._left(run[0]))

    def _joined(self, a: int, b: int) -> bool:
        if self.sk.tokens[a].kind != self.sk.tokens[b].kind:
            return False
        between = self.sk.text[a + 1 : b]
        match = self.rules.in_run.match(between)
        return match is not None and match.end() == len(between)

    def _left(self, index: int) -> int:
        """Where the words of a cause begin: at the opening of a split form, else at the cause."""
        measure = self.sk.tokens[index].measure
        if measure and measure.opening:
            return self.sk.at(measure.opening[0])
        return index

    # -- who ------------------------------------------------------------------------------------------------------

    def _targets(self, start: int, end: int, run: Run, previous: tuple[int, tuple[Token, ...]] | None) -> tuple[Token, ...]:
        first = run.indices[0]
        self.totals = False
        floor = previous[0] if previous else start
        inside = self._inside_frame(run.left, first)
        if inside:
            return inside
        if self.sk.tokens[first].kind == RESPONSIBILITY:
            match = self.rules.prenominal.match(self.sk.text[run.right : end])
            if match:
                return self._resolve(run.right + match.start("list"), run.right + match.end("list"))
        left = self.sk.text[start : run.left]
        for pattern in (self.rules.light, self.rules.handed):
            match = pattern.search(left)
            while match:
                found = self._resolve(start + match.start("list"), start + match.end("list"), run)
                if found or self.totals:
                    return found
                match = pattern.search(left, match.end("list")) if match.end("list") > match.start() else None
        after = self._objects(run, end)
        if after:
            return after
        new_topic = self._topics(floor, run.left, run)
        if new_topic:
            return new_topic
        if previous:
            return previous[1]
        topic = self._topics(start, run.left, run)
        return topic or self._lone(start, run.left, run) or self._suited(self.topic, run)

    def _objects(self, run: Run, end: int) -> tuple[Token, ...]:
        """Those named right after a measure used as a verb: 通报批评某镇镇长."""
        cause = self.sk.tokens[run.indices[-1]]
        if cause.kind != MEASURE or not re.search(r"(?:^|[，：；。、]|并|决定|会议|已|O)$", self.sk.text[: run.left]):
            return ()
        match = re.match(rf"(?P<list>{_LIST})(?=[，。；、])", self.sk.text[run.right : end])
        return self._resolve(run.right + match.start("list"), run.right + match.end("list"), run) if match else ()

    def _inside_frame(self, left: int, close: int) -> tuple[Token, ...]:
        if left >= close:
            return ()
        match = re.search(_LIST, self.sk.text[left:close])
        if match is None:
            return ()
        found = self._resolve(left + match.start(), left + match.end())
        measure = self.sk.tokens[close].measure
        takes_post = measure is not None and "职务" in measure.entry.name or (measure is not None and measure.entry.id in ("removal_from_post", "bare_removal", "admin_removal"))
        if takes_post:
            found = tuple(t for t in found if t.kind in (PERSON, GROUP))
        return found

    def _lone(self, start: int, end: int, run: Run) -> tuple[Token, ...]:
        """The only person of the sentence so far, wherever named."""
        people = {self.sk.tokens[i].start: self.sk.tokens[i] for i in range(start, end) if i in self.sk.tokens and self.sk.tokens[i].kind == PERSON and not self._decides(i)}
        return tuple(people.values()) if len(people) == 1 and not self.topic else ()

    def _topics(self, start: int, end: int, run: Run | None = None) -> tuple[Token, ...]:
        """The last list that opens a clause in [start, end) and is no deciding organ."""
        found: tuple[Token, ...] = ()
        for match in self.rules.topic.finditer(self.sk.text[start:end]):
            tokens = self._resolve(start + match.start("list"), start + match.end("list"), run)
            if tokens and (run is not None or any(t.kind != ORGANISATION for t in tokens)):
                found = tokens
        return found

    def _resolve(self, start: int, end: int, run: Run | None = None) -> tuple[Token, ...]:
        """The tokens of a list, pronouns replaced by whom they stand for, deciders left out."""
        found: list[Token] = []
        for index in range(start, end):
            token = self.sk.tokens.get(index)
            if token is None or token.kind in (MEASURE, OPENING, RESPONSIBILITY):
                continue
            if token.kind == PRONOUN:
                if not (found and self.sk.text[index - 1] in "PU"):
                    found.extend(t for t in self._stands_for(token) if t not in found)
            elif not self._decides(index):
                if token.kind == GROUP:
                    meant = self._group_means(token, found if self.sk.text[index - 1] == "等" else [])
                    if meant is not None:
                        found.extend(t for t in meant if t not in found)
                        continue
                    if self._statistics(token):
                        self.totals = True
                        continue
                if token.kind == POST and (self._heading(index) or self._statistics(token)):
                    continue
                found.append(token)
        return self._suited(tuple(found), run)

    def _suited(self, tokens: Sequence[Token], run: Run | None) -> tuple[Token, ...]:
        """Without organisations where no measure of the run can be taken against one."""
        if run is None:
            return tuple(tokens)
        entries = [m.entry for i in run.indices if (m := self.sk.tokens[i].measure)]
        if entries and not any("organisation" in e.get("applies_to", ()) for e in entries):
            return tuple(t for t in tokens if t.kind != ORGANISATION)
        return tuple(tokens)

    def _stands_for(self, pronoun: Token) -> tuple[Token, ...]:
        text = self._texts[pronoun.start]
        digit = re.search(r"[一二两三四五六七八九十]+|\d+", text)
        distinct = self._distinct()
        if digit and (count := _small(digit.group())) and count > 1:
            return tuple(distinct[-count:]) if len(distinct) >= count else ()
        if text.startswith(("上述", "以上")):
            return tuple(distinct)
        return self.topic[-1:] if len(self.topic) != 1 else self.topic

    def _group_means(self, group: Token, listed: Sequence[Token]) -> tuple[Token, ...] | None:
        """The people a counted group repeats (甲、乙等2人; 给予5名教师 after five names), or None for a group of its own."""
        named = [t for t in self._distinct() if t.start < group.start]
        if listed and group.count is not None and group.count <= len(listed):
            return ()
        index = self.sk.at(group.start)
        definite = re.search(r"(?:给予|对|责令|该|上述|以上|这|等)$", self.sk.text[max(0, index - 3) : index])
        fresh = re.match(r"其余|其他|其它|另|还有|其中", self._texts[group.start])
        if definite and not fresh and group.count is not None and group.count == len(named) > 1:
            return tuple(named)
        return None

    def _heading(self, index: int) -> bool:
        """Whether the mention stands in a line without a full stop: a title names posts without dealing with anybody."""
        start = self.sk.text.rfind("\n", 0, index) + 1
        end = self.sk.text.find("\n", index)
        told_again = "X" in self.sk.text[end:]
        line = self.sk.text[start:end]
        return end >= 0 and not re.search(r"[。；！？]", line) and ("X" not in line or told_again)

    def _statistics(self, group: Token) -> bool:
        """Whether the group stands in a sentence of totals."""
        index = self.sk.at(group.start)
        start = self.sk.text.rfind("。", 0, index) + 1
        end = self.sk.text.find("。", index)
        return self.rules.statistics.search(self._plain(start, end if end >= 0 else len(self.sk.text))) is not None

    def _plain(self, start: int, end: int) -> str:
        last = self.sk.places[end] if end < len(self.sk.places) else len(self.text)
        return self.text[self.sk.places[start] : last] if start < len(self.sk.places) else ""

    def _distinct(self) -> list[Token]:
        """The people met so far, each at the last place where named, in that order."""
        return list({self._names.get(t.start, str(t.start)): t for t in self.people}.values())

    def _decides(self, index: int) -> bool:
        """Whether the one named at ``index`` decides or is told, rather than dealt with."""
        token = self.sk.tokens[index]
        before = self.sk.text[max(0, index - 8) : index]
        if self.rules.deciding_before.search(before) and not re.match(r"(?:均|都|分别)?(?:被|受到|因)", self.sk.text[index + 1 :]):
            return not re.search(r"[PUG](?:和|与|及|以及)$", before)
        if token.kind == ORGANISATION and re.search(r"[PUGD](?:向|对)$", before):
            return True
        if token.kind == POST and re.search(r"(?:作为|身为|担任|系|兼任|[当任]|成为|一名|，是|即)$", before):
            return True
        if token.kind == ORGANISATION and not re.search(r"(?:对|责令|责成|给予|O[、和与及])$", before):
            return self.rules.deciding_after.match(self.sk.text[index + 1 : index + 40]) is not None
        return False

    # -- what -----------------------------------------------------------------------------------------------------

    def _connect(self, start: int, end: int, run: Run, targets: tuple[Token, ...]) -> None:
        if self.rules.other_matter.search(self.sk.text[start : run.left]):
            return
        causes = [i for i in run.indices if self._counts(start, i)]
        if not causes:
            return
        statuses: dict[int, Status] = {i: self._status(start, end, i) for i in causes}
        between = self.sk.text[max(start, run.left - 60) : run.indices[0]]
        spread = _distribute(causes, targets, between, self.sk)
        if spread is None:
            self.out.cautions.append(Caution("unaligned_list", f"“分别”所列{len(targets)}个对象与{len(causes)}项处理无法一一对应，未作关联"))
            spread = [()] * len(causes)
        for index, who in zip(causes, spread, strict=True):
            for token in who:
                self.out.links.append(Link(token, self.sk.tokens[index], statuses[index]))

    def _counts(self, start: int, index: int) -> bool:
        left = self.sk.text[start : self._left(index)]
        measure = self.sk.tokens[index].measure
        told = measure is not None and measure.entry.id == "circulated_criticism" and self.rules.not_of_people.search(self._plain(start, self._left(index)))
        return not (told or self.rules.negated.search(left))

    def _status(self, start: int, end: int, index: int) -> Status:
        left = self.sk.text[start : self._left(index)]
        if self.rules.revoked_before.search(left) or self.rules.revoked_after.search(self.sk.text[index + 1 : end]):
            return "revoked"
        clause = left[left.rfind("；") + 1 :]
        proposals = list(self.rules.proposed.finditer(clause))
        settled = proposals and re.search(r"现已|已对|已被|已给予|决定给予|决定对|受到", clause[proposals[-1].end() :])
        return "proposed" if proposals and not settled else "decided"


def _small(text: str) -> int:
    return int(text) if text.isdigit() else "零一二三四五六七八九十".find(text.replace("两", "二"))


_HEAVY_PARTY = {"party_removal", "party_probation", "party_expulsion"}


def _distribute(causes: list[int], targets: tuple[Token, ...], between: str, sk: Skeleton) -> list[tuple[Token, ...]] | None:
    """For each cause those it hits; None when 分别 promises an order that the two lists do not keep.

    ``between``: the skeleton text before the causes, in which 分别 may stand.
    """
    everyone = [targets] * len(causes)
    if "分别" not in between or len(causes) == 1:
        return everyone
    if len(targets) == 1:
        return None if re.search(r"等人?分别", between) else everyone
    entries = [m.entry for i in causes if (m := sk.tokens[i].measure)]
    if len(entries) == len(causes) == 2 and entries[0].id in _HEAVY_PARTY and entries[1]["family"] != "党纪":
        return everyone
    if len(causes) == len(targets):
        return [(t,) for t in targets]
    slots: list[list[int]] = [[causes[0]]]
    for a, b in zip(causes, causes[1:], strict=False):
        if re.search(r"和|，|以及|与|及", sk.text[a + 1 : b]):
            slots.append([b])
        else:
            slots[-1].append(b)
    if len(slots) != len(targets):
        return None
    return [(targets[n],) for n, slot in enumerate(slots) for _ in slot]


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in re.finditer(r"[。！？\n]+", text):
        yield start, match.end()
        start = match.end()
    if start < len(text):
        yield start, len(text)


def link(text: str, skeleton: Skeleton) -> Linked:
    """Link every measure and responsibility of the case to whom it concerns. ``text``: the case's clean text."""
    return Linker(text, skeleton).run()
