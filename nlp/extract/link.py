"""Who got which measure and which responsibility.

In: the skeleton of a case (one letter for each mention). Out: links from mentions to measures and responsibilities,
with their status. Reads one sentence at a time, left to right; what does not line up is left unlinked with a caution,
never guessed; a measure that hits nobody else goes to whoever alone is left in its sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from nlp.codebook import Entry
from nlp.extract.amounts import count
from nlp.extract.grammar import pattern
from nlp.extract.measures import Measure
from nlp.extract.mentions import (
    GROUP,
    MEASURE,
    ORGANISATION,
    PERSON,
    POST,
    PRONOUN,
    RESPONSIBILITY,
    Skeleton,
    Token,
)
from nlp.types import Caution, Status

Tokens = tuple[Token, ...]

_REACH = 240  # how far before its measure somebody is looked for in a sentence
_SENTENCE_END = re.compile(r"[。！？\n]+")
_CLAUSE_START = ("", *"，。；：、\n）")
_SENTENCE_START = re.compile(r"\A|[。！？\n]+")
_NUMBER = re.compile(r"[一二两三四五六七八九十]+|\d+")
# Measures that take a post away: a post named inside their split form is what is lost, not who loses it.
_TAKES_POST = "职务"
# A party measure this heavy goes with a measure of another family against the same people (撤销党内职务、降级).
_HEAVY_PARTY = {"party_removal", "party_probation", "party_expulsion"}
_PUBLIC_CRITICISM = "circulated_criticism"
_DISMISSAL = "end_employment"
_SOMEBODY = (PERSON, POST, ORGANISATION, GROUP)


@dataclass(frozen=True)
class Link:
    """``token`` is dealt with by the measure (or bears the responsibility) named at ``cause``."""

    token: Token
    cause: Token
    status: Status = "decided"


@dataclass(frozen=True)
class Withdrawal:
    """From ``place`` of the text on, the measures told before against ``token`` are taken back: all, or those of
    ``entries``."""

    token: Token
    place: int
    entries: frozenset[str] = frozenset()

    def takes(self, cause: Token) -> bool:
        """Whether the measure at ``cause`` is one of those taken back."""
        named = cause.measure is not None and cause.measure.entry.id in self.entries
        return cause.start < self.place and (named or not self.entries)


@dataclass
class Linked:
    """What ``link`` found, in text order; ``withdrawn``: whose measures so far are taken back;
    ``unshared``: those dealt with by a list of measures that does not line up with theirs."""

    links: list[Link] = field(default_factory=list)
    withdrawn: list[Withdrawal] = field(default_factory=list)
    unshared: list[Token] = field(default_factory=list)
    cautions: list[Caution] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """Causes told in one breath (党内警告、政务记过处分): their skeleton indices, and where their words begin."""

    indices: tuple[int, ...]
    left: int

    @property
    def right(self) -> int:
        return self.indices[-1] + 1


def link(text: str, skeleton: Skeleton) -> Linked:
    """Link every measure and responsibility of the case to whom it concerns. ``text``: the case's clean text."""
    return _Linker(text, skeleton).run()


class _Linker:
    """Walks the sentences of one case and remembers who was last talked about."""

    def __init__(self, text: str, skeleton: Skeleton) -> None:
        self.text = text
        self.sk = skeleton
        self.out = Linked()
        self.topic: Tokens = ()
        self.people: list[Token] = []
        self.totals = False
        self.named_to = 0  # up to here of the skeleton people are named after what they got
        self.proposing = -1  # from this index of the skeleton on all is proposed only

    def run(self) -> Linked:
        start = 0
        for match in _SENTENCE_END.finditer(self.sk.text):
            self._sentence(start, match.end())
            start = match.end()
        self._sentence(start, len(self.sk.text))
        return self.out

    def _sentence(self, start: int, end: int) -> None:
        met = start
        dealt_with: Tokens = ()
        self._name_group(start, end)
        self._proposals(start, end)
        taken_back = [match.span() for match in pattern("taken_back").finditer(self.sk.text, start, end)]
        for run in self._runs(start, end):
            if any(a <= run.indices[0] < b for a, b in taken_back) and self._told_before(run):
                continue
            self._meet(met, run.left)
            targets = self._targets(start, met if dealt_with else start, end, run)
            targets = targets or self._dealt_with_again(met, run, dealt_with) or self._carried(start, run)
            targets = targets or self._holders_inside(run) or self._left_over(start, run)
            if targets:
                self._connect(start, end, run, targets)
                dealt_with = self.topic = targets
                met = run.right
        self._meet(met, end)
        if not dealt_with:
            self.topic = self._topics(start, end, None) or self.topic
        for match in pattern("withdrawn").finditer(self.sk.text, start, end):
            place = self.sk.places[match.start()]
            self.out.withdrawn.extend(Withdrawal(t, place) for t in self._resolve(*match.span("list"), None))
        for a, b in taken_back:
            self._take_back(a, b)

    def _name_group(self, start: int, end: int) -> None:
        """Give what a group got to its members where they are named right after it (他们是：甲、乙)."""
        if len(self.topic) != 1 or self.topic[0].kind != GROUP:
            return
        group = self.topic[0]
        named = pattern("members").match(self.sk.text, start, end)
        members = self._resolve(*named.span("list"), None) if named else ()
        if group.count is None or len(members) != group.count:
            return
        links = [link for link in self.out.links if link.token == group]
        self.out.links = [link for link in self.out.links if link.token != group]
        self.out.links.extend(replace(link, token=member) for link in links for member in members)
        self.topic = members

    def _proposals(self, start: int, end: int) -> None:
        """Remember where a list of proposals begins (建议：), and that a sentence ends it (决定, 批准)."""
        if self.proposing >= 0 and pattern("taken_up").search(self.sk.text, start, end):
            self.proposing = -1
        opening = pattern("proposing").search(self.sk.text, start, end)
        if opening:
            self.proposing = opening.end()

    def _told_before(self, run: Run) -> bool:
        """Whether somebody got the measures of a run earlier in the text."""
        told = {link.cause.measure.entry.id for link in self.out.links if link.cause.measure}
        return any(entry.id in told for entry in self._entries(run))

    def _take_back(self, start: int, end: int) -> None:
        """Take back what everybody got so far; only the measures named in [start, end), if any are."""
        named = (self.sk.tokens[i].measure for i in range(start, end) if i in self.sk.tokens)
        entries = frozenset(measure.entry.id for measure in named if measure)
        place = self.sk.places[start]
        people = {link.token: None for link in self.out.links if link.cause.kind == MEASURE}
        self.out.withdrawn.extend(Withdrawal(token, place, entries) for token in people)

    def _meet(self, start: int, end: int) -> None:
        """Remember the people named in [start, end), each at the last place where named."""
        for index in range(start, end):
            token = self.sk.tokens.get(index)
            if token and token.kind == PERSON:
                name = self._name(token)
                self.people = [p for p in self.people if self._name(p) != name] + [token]

    def _name(self, token: Token) -> str:
        return self.text[slice(*(token.name or (token.start, token.end)))]

    # -- causes ---------------------------------------------------------------------------------------------------

    def _runs(self, start: int, end: int) -> Iterator[Run]:
        causes = [
            i for i in range(start, end) if i in self.sk.tokens and self.sk.tokens[i].kind in (MEASURE, RESPONSIBILITY)
        ]
        run: list[int] = []
        for index in causes:
            if run and not self._joined(run[-1], index):
                yield Run(tuple(run), self._left(run[0]))
                run = []
            run.append(index)
        if run:
            yield Run(tuple(run), self._left(run[0]))

    def _joined(self, a: int, b: int) -> bool:
        same = self.sk.tokens[a].kind == self.sk.tokens[b].kind
        if not same or re.fullmatch(f"(?:{pattern('in_run').pattern})*", self.sk.text[a + 1 : b]) is None:
            return False
        return not self._opens_with_objects(b, b + 1)

    def _opens_with_objects(self, left: int, right: int) -> bool:
        """Whether the words of [left, right) open a clause and those whom they hit stand right after them, without a
        colon (给予甲警告，解聘乙)."""
        opens = left > 0 and self.sk.text[left - 1] in "，；" and not self.sk.text.startswith("：", right)
        return opens and pattern("objects").match(self.sk.text, right) is not None

    def _left(self, index: int) -> int:
        """Where the words of a cause begin: at the opening of a split form, else at the cause."""
        measure = self.sk.tokens[index].measure
        return self.sk.at(measure.opening[0]) if measure and measure.opening else index

    def _entries(self, run: Run) -> list[Entry]:
        return [m.entry for i in run.indices if (m := self.sk.tokens[i].measure)]

    # -- who ------------------------------------------------------------------------------------------------------

    def _targets(self, start: int, floor: int, end: int, run: Run) -> Tokens:
        """Those of this sentence whom a run concerns; ``floor``: what stands before it has been dealt with."""
        self.totals = False
        inside = self._inside(run)
        if not inside and self._is_told_of_matters(run):
            self.totals = True
            return ()
        return (
            inside
            or self._after_responsibility(run, end)
            or self._named_as(run, end)
            or self._objects_of_clause(run, end)
            or self._right_before(start, run)
            or self._right_after(run, end)
            or self._topics(floor, run.left, run)
        )

    def _dealt_with_again(self, met: int, run: Run, dealt_with: Tokens) -> Tokens:
        """Those dealt with right before, unless a new clause (；雇主由公安机关…) begins with somebody unknown."""
        opening = self.sk.text.rfind("；", met, run.left)
        if opening < 0:
            return dealt_with
        named = any(kind in self.sk.text[opening : run.left] for kind in (PERSON, POST))
        unknown = named or pattern("somebody_unknown").match(self.sk.text, opening + 1, run.left)
        return () if unknown else dealt_with

    def _carried(self, start: int, run: Run) -> Tokens:
        """Whom the talk was about before this sentence, where it names nobody itself."""
        if self.totals or pattern("heading_of_measure").match(self.sk.text, run.right):
            return ()
        if not self._names_nobody(start, run.left, bearing=self.sk.tokens[run.indices[0]].kind == RESPONSIBILITY):
            return ()
        people = [
            t
            for i in range(start, run.left)
            if (t := self.sk.tokens.get(i)) and t.kind == PERSON and not self._decides(i)
        ]
        if len({self._name(t) for t in people}) == 1 and not self.topic:
            return tuple(people[-1:])
        return self._suited(self.topic, run)

    def _names_nobody(self, start: int, end: int, *, bearing: bool) -> bool:
        """Whether nobody who could be dealt with is named in [start, end): light words and organs that decide.

        ``bearing``: a responsibility is told there.
        """
        if pattern("nobody_named").fullmatch(self.sk.text[start:end]):
            return True
        if self._goes_on_in_line(start, end, bearing=bearing):
            return True
        if pattern("goes_on").search(self.sk.text, start, end) is None:
            return False
        return all(self._decides(i) for i in self._named(start, end))

    def _named(self, start: int, end: int) -> Iterator[int]:
        """Where somebody who could be dealt with is named in [start, end)."""
        return (i for i in range(start, end) if i in self.sk.tokens and self.sk.tokens[i].kind in _SOMEBODY)

    def _goes_on_in_line(self, start: int, end: int, *, bearing: bool) -> bool:
        """Whether a sentence that names nobody tells a fault of the one of its line (张某，局长。督促不力，给予…)."""
        line = self.sk.text.rfind("\n", 0, start) + 1
        if len(self.topic) != 1 or self.topic[0].kind != PERSON or self.sk.at(self.topic[0].start) < line:
            return False
        if not bearing and not self._tells_fault(start, end):
            return False
        return all(
            self.sk.tokens[i].kind == ORGANISATION and (self._decides(i) or self.sk.text[i - 1] == "对")
            for i in self._named(start, end)
        )

    def _tells_fault(self, start: int, end: int) -> bool:
        """Whether a fault is told in [start, end): any clause will do of somebody to whom nothing was done yet."""
        if pattern("fault_told").search(self.sk.text, start, end):
            return True
        untouched = all(link.token != self.topic[0] for link in self.out.links)
        return untouched and pattern("clause_told").search(self.sk.text, start, end) is not None

    def _is_told_of_matters(self, run: Run) -> bool:
        """Whether 对…进行通报 names nobody between its words: a matter is made public."""
        measure = self.sk.tokens[run.indices[0]].measure
        return measure is not None and measure.opening is not None and measure.entry.id == _PUBLIC_CRITICISM

    def _inside(self, run: Run) -> Tokens:
        """Those named inside a split form (免去张某镇长职务, 责令镇党委作出检查)."""
        if self.sk.text.startswith("其", run.left + 1):
            return ()
        found = self._listed_inside(run)
        measure = self.sk.tokens[run.indices[0]].measure
        if measure and self.text[measure.start : measure.end].endswith(_TAKES_POST):
            return tuple(t for t in found if t.kind in (PERSON, GROUP))
        return found

    def _holders_inside(self, run: Run) -> Tokens:
        """Those whose post a split form takes away, where nobody else is told to lose it (免去该院院长职务)."""
        return tuple(t for t in self._listed_inside(run) if t.kind == POST)

    def _left_over(self, start: int, run: Run) -> Tokens:
        """The one person of the sentence so far to whom nothing was done yet, where a measure hits nobody else."""
        if self.totals or self.sk.tokens[run.indices[0]].kind != MEASURE:
            return ()
        told = [self.sk.tokens[i] for i in self._named(start, run.left) if not self._decides(i)]
        people = {self._name(t): t for t in told if t.kind == PERSON and not self._stands_by(t)}
        dealt_with = {self._name(link.token) for link in self.out.links if link.cause.kind == MEASURE}
        left = [token for name, token in people.items() if name not in dealt_with]
        return tuple(left) if len(left) == 1 else ()

    def _stands_by(self, person: Token) -> bool:
        """Whether a person is told as one who reports, complains or suffers (举报人某某, 记者某某)."""
        begin = person.name[0] if person.name else person.start
        return pattern("standing_by").search(self.text, max(0, begin - 6), begin) is not None

    def _listed_inside(self, run: Run) -> Tokens:
        match = pattern("list").search(self.sk.text, run.left, run.indices[0])
        return self._resolve(*match.span(), None) if match else ()

    def _after_responsibility(self, run: Run, end: int) -> Tokens:
        """负有领导责任的甲."""
        if self.sk.tokens[run.indices[0]].kind != RESPONSIBILITY:
            return ()
        match = pattern("prenominal").match(self.sk.text[run.right : end])
        return self._resolve(run.right + match.start("list"), run.right + match.end("list"), None) if match else ()

    def _right_before(self, start: int, run: Run) -> Tokens:
        """Those named right before a run, or after a verb that hands it to them."""
        start = max(start, run.left - _REACH, self.named_to)
        left = self.sk.text[start : run.left]
        for name in ("light", "handed"):
            match = pattern(name).search(left)
            while match:
                found = self._resolve(start + match.start("list"), start + match.end("list"), run)
                if found or self.totals:
                    return self._doers(start, left, match, found, run) or found
                match = pattern(name).search(left, match.end("list"))
        return ()

    def _doers(self, start: int, left: str, match: re.Match[str], found: Tokens, run: Run) -> Tokens:
        """The people a clause is about, where its last words only tell what they did it to (甲未选派负责人，诫勉)."""
        object_of_verb = "，" in left[match.end("list") :] and left[: match.start("list")][-1:] not in _CLAUSE_START
        if not object_of_verb or any(t.kind in (PERSON, GROUP) for t in found):
            return ()
        about = self._topics(start, start + match.start("list"), run)
        return about if about and all(t.kind == PERSON for t in about) else ()

    def _objects_of_clause(self, run: Run, end: int) -> Tokens:
        """Those right after a measure that opens a clause of its own (给予甲警告，解聘乙)."""
        return self._right_after(run, end) if self._opens_with_objects(run.left, run.right) else ()

    def _right_after(self, run: Run, end: int) -> Tokens:
        """Those named right after a measure: 通报批评某镇镇长, 党内警告处分：张某, 被诫勉的还有李某."""
        if self.sk.tokens[run.indices[-1]].kind != MEASURE:
            return ()
        verb = pattern("before_verb").search(self.sk.text[max(0, run.left - 4) : run.left])
        after = self.sk.text[run.right : end]
        match = (verb and pattern("objects").match(after)) or pattern("objects_named").match(after)
        return self._resolve(run.right + match.start("list"), run.right + match.end("list"), run) if match else ()

    def _named_as(self, run: Run, end: int) -> Tokens:
        """Those said to be the ones who got a measure: 受到党内警告处分的是张某."""
        match = pattern("named_as").match(self.sk.text[run.right : end])
        if match is None or self.sk.tokens[run.indices[-1]].kind != MEASURE:
            return ()
        self.named_to = run.right + match.end("list")
        return self._resolve(run.right + match.start("list"), self.named_to, run)

    def _topics(self, start: int, end: int, run: Run | None) -> Tokens:
        """The last list that opens a clause in [start, end) and is no deciding organ."""
        found: Tokens = ()
        if self.totals:
            return found
        for match in pattern("topic").finditer(self.sk.text[start:end]):
            tokens = self._resolve(start + match.start("list"), start + match.end("list"), run)
            if tokens and (run is not None or any(t.kind != ORGANISATION for t in tokens)):
                found = tokens
        return found

    def _resolve(self, start: int, end: int, run: Run | None) -> Tokens:
        """The mentions of a list, pronouns replaced by whom they stand for, deciders left out."""
        found: list[Token] = []
        seen: set[int] = set()
        for index in range(start, end):
            token = self.sk.tokens.get(index)
            if token is not None and token.kind in (*_SOMEBODY, PRONOUN):
                meant = [t for t in self._meant(index, token, found) if t.start not in seen]
                seen.update(t.start for t in meant)
                found.extend(meant)
        return self._suited(tuple(found), run)

    def _meant(self, index: int, token: Token, listed: Sequence[Token]) -> Tokens:
        """Whom one mention of a list adds to those ``listed`` before it."""
        if token.kind == PRONOUN:
            return () if listed and self.sk.text[index - 1] in (PERSON, POST) else self._stands_for(token)
        if self._decides(index) or self._owns_group(index, token):
            return ()
        if token.kind == GROUP:
            return self._group(index, token, listed)
        if token.kind == POST and (self._in_title(index) or self._in_totals(token) or self._is_bystander(token)):
            return ()
        return (token,)

    def _owns_group(self, index: int, token: Token) -> bool:
        """Whether an organ is named only as that of the group right after it (县执法大队两名监督员)."""
        return token.kind == ORGANISATION and self.sk.text.startswith(GROUP, index + 1)

    def _suited(self, tokens: Tokens, run: Run | None) -> Tokens:
        """Without organisations where no measure of the run can be taken against one."""
        entries = self._entries(run) if run else []
        if entries and not any("organisation" in e.get("applies_to", ()) for e in entries):
            return tuple(t for t in tokens if t.kind != ORGANISATION)
        return tokens

    def _stands_for(self, pronoun: Token) -> Tokens:
        text = self.text[pronoun.start : pronoun.end]
        if pattern("addressed").match(text):
            return self._addressed(pronoun)
        number = _NUMBER.search(text)
        wanted = count(number.group()) if number else None
        if wanted and pattern("bodies").search(text):
            return self._bodies(pronoun, wanted)
        if text[0] in "前后" and not text.startswith("前述"):
            return self._of_those_named(pronoun, text[0], wanted or 1)
        if wanted and wanted > 1:
            return tuple(self.people[-wanted:]) if len(self.people) >= wanted else ()
        if text.startswith(("上述", "以上", "前述")):
            return tuple(self.people)
        return self._last_talked_about(pronoun)[-1:]

    def _bodies(self, pronoun: Token, wanted: int) -> Tokens:
        """As many bodies as are meant (两单位被通报批评), if no more and no less are named before."""
        named = {
            self.text[t.start : t.end]: t
            for i, t in sorted(self.sk.tokens.items())
            if t.kind == ORGANISATION and t.start < pronoun.start and not self._decides(i)
        }
        return tuple(named.values()) if len(named) == wanted else ()

    def _of_those_named(self, pronoun: Token, side: str, wanted: int) -> Tokens:
        """The first or the last of the line, else of all named so far (前两人), or of the last two (后者)."""
        people = self.people if wanted > 1 else self.people[-2:]
        line = [p for p in people if p.start > self.text.rfind("\n", 0, pronoun.start)]
        people = line if len(line) > wanted else people
        if len(people) <= wanted:
            return ()
        return tuple(people[:wanted] if side == "前" else people[-wanted:])

    def _last_talked_about(self, pronoun: Token) -> Tokens:
        """Whom 其 or 该同志 means: the one person named before it in its sentence, or those its clauses are about, else
        the topic."""
        here = self.sk.at(pronoun.start)
        start = max(m.end() for m in _SENTENCE_START.finditer(self.sk.text, 0, here))
        named = [t for i in range(start, here) if (t := self.sk.tokens.get(i)) and t.kind == PERSON]
        if len({self._name(t) for t in named}) == 1:
            return tuple(named[-1:])
        if named:
            about = tuple(t for t in self._topics(start, here, None) if t.kind == PERSON)
        else:  # a clause before this one must be about the holder of the post (中队长管理失察，由街道对其提醒谈话)
            about = tuple(t for t in self._topics(start, self._clause(here), None) if t.kind == POST)
        return about or self.topic

    def _clause(self, index: int) -> int:
        """Where the clause of a place of the skeleton begins."""
        return max(self.sk.text.rfind(mark, 0, index) for mark in "，。；：\n") + 1

    def _addressed(self, pronoun: Token) -> Tokens:
        """The one a letter is written to or decides on: the first person it names (你, 申请人), or the body that its
        address or heading names (你局党组)."""
        if pattern("addressed_body").match(self.text, pronoun.start, pronoun.end):
            return self._addressed_body(pronoun)
        people = [t for t in self.sk.tokens.values() if t.kind == PERSON and t.start < pronoun.start]
        return tuple(people[:1])

    def _addressed_body(self, pronoun: Token) -> Tokens:
        before = [
            (i, t) for i, t in sorted(self.sk.tokens.items()) if t.kind == ORGANISATION and t.start < pronoun.start
        ]
        letter = [t for i, t in before if self.sk.text.startswith("：", i + 1)]
        headed = [t for i, t in before if self.sk.text.startswith("对", i - 1)]
        return tuple((letter or headed)[:1])

    def _group(self, index: int, group: Token, listed: Sequence[Token]) -> Tokens:
        """A counted group, the people it repeats (甲、乙等2人; 给予5名教师 after five names), or nobody for a total."""
        among = self.sk.text[index - 1 : index] in ("等", PERSON)
        if among and group.count is not None and group.count <= len(listed):
            return ()
        named = [p for p in self.people if p.start < group.start]
        definite = pattern("definite").search(self.sk.text, max(0, index - 3), index)
        fresh = pattern("fresh_group").match(self.text, group.start)
        if definite and not fresh and group.count == len(named) > 1 and self._calls(group, named):
            return tuple(named)
        if pattern("victims_before").search(self.sk.text, max(0, index - 3), index):
            return ()
        if pattern("victims_after").match(self.sk.text, index + 1):
            return ()
        if self._in_totals(group):
            self.totals = True
            return ()
        return (group,)

    def _calls(self, group: Token, named: Sequence[Token]) -> bool:
        """Whether those named before may be called what a counted group is: by a word for anybody, or by a post."""
        what = self.text[slice(*group.post)] if group.post else ""
        posts = "".join(self.text[slice(*t.post)] for t in named if t.post)
        return not what or pattern("group_words").fullmatch(what) is not None or what in posts

    def _is_bystander(self, post: Token) -> bool:
        """Whether a post is that of somebody who reports, complains or suffers (记者, 志愿者, 家属)."""
        return pattern("bystander").search(self.text, post.start, post.end) is not None

    def _in_title(self, index: int) -> bool:
        """Whether a post stands in a title: a line without a full stop above a text that deals with people."""
        start, end = self.sk.text.rfind("\n", 0, index) + 1, self.sk.text.find("\n", index)
        line = self.sk.text[start:end]
        return (
            end >= 0 and not re.search(r"[。；！？]", line) and (MEASURE not in line or MEASURE in self.sk.text[end:])
        )

    def _in_totals(self, token: Token) -> bool:
        """Whether a mention stands in a sentence of totals (截至目前共处理32人)."""
        start, end = self.text.rfind("。", 0, token.start) + 1, self.text.find("。", token.start)
        sentence = self.text[start : end if end >= 0 else len(self.text)]
        return pattern("statistics").search(sentence) is not None and pattern("own_case").search(sentence) is None

    def _decides(self, index: int) -> bool:
        """Whether the one named at ``index`` decides or is told, rather than dealt with."""
        kind, before, after = (
            self.sk.tokens[index].kind,
            self.sk.text[max(0, index - 8) : index],
            self.sk.text[index + 1 :],
        )
        if pattern("parted_before").search(before) and self._ends_contract(index + 1):
            return False
        if pattern("deciding_before").search(before) and not pattern("dealt_with_after").match(after):
            return pattern("listed_before").search(before) is None
        if kind == POST:
            return pattern("held_before").search(before) is not None
        return kind == ORGANISATION and self._body_decides(index, before, after)

    def _body_decides(self, index: int, before: str, after: str) -> bool:
        """The same of a body, by the words around it."""
        if pattern("addressed_before").search(before):
            return True
        if pattern("object_before").search(before):
            return False
        return self._orders(index + 1) or pattern("deciding_after").match(after[:40]) is not None

    def _orders(self, index: int) -> bool:
        """Whether the measure told at ``index`` begins with the verb by which an organ orders it (县委责令纠正)."""
        token = self.sk.tokens.get(index)
        return bool(token and token.measure and pattern("ordered").match(self.text, token.start))

    def _ends_contract(self, index: int) -> bool:
        """Whether the measure told at ``index`` is the end of a contract (与张某解除劳动合同, 解除与张某的劳动合同)."""
        match = pattern("parted_with").match(self.sk.text, index)
        token = self.sk.tokens.get(match.end()) if match else None
        return bool(token and token.measure and token.measure.entry.id == _DISMISSAL)

    # -- what -----------------------------------------------------------------------------------------------------

    def _connect(self, start: int, end: int, run: Run, targets: Tokens) -> None:
        if pattern("other_matter").search(self.sk.text, start, run.left):
            return
        causes = [i for i in run.indices if self._counts(start, i)]
        begin = max(start, run.left - 60, self.sk.text.rfind("；", start, run.left))
        before = self.sk.text[begin : run.indices[0]]
        shares = self._shares(causes, self._each_in_a_clause(start, run, targets, len(causes)) or targets, before)
        if shares is None:
            message = f"“分别”所列{len(targets)}个对象与{len(causes)}项处理无法一一对应，未作关联"
            self.out.cautions.append(Caution("unaligned_list", message))
            self.out.unshared.extend(targets)
            return
        for index, who in zip(causes, shares, strict=True):
            cause, status = self.sk.tokens[index], self._status(start, end, index)
            gainers = self._dealt_with_since(start, index) if self._is_of_gains(index) else ()
            everybody = dict.fromkeys((*gainers, *who))
            if self._is_impersonal(cause):
                everybody = dict.fromkeys(self._first_person())
            self.out.links.extend(Link(token, cause, status) for token in everybody)

    def _each_in_a_clause(self, start: int, run: Run, targets: Tokens, causes: int) -> Tokens:
        """As many people as there are measures to share out, each told in a clause of his own before the last of them
        (认定甲负直接责任、乙负主要领导责任，分别给予…)."""
        shared = pattern("shared_out").search(self.sk.text, start, run.left)
        if len(targets) != 1 or causes < 2 or shared is None:
            return ()
        bearing = pattern("bearer").finditer(self.sk.text, start, run.left)
        found = tuple(t for m in bearing for t in self._resolve(*m.span("list"), None) if t.kind == PERSON)
        return found if len(found) == causes and targets[0] in found else ()

    def _is_of_gains(self, index: int) -> bool:
        """Whether a measure takes the gains of whoever was dealt with, not those of people named (甲、乙的违纪所得)."""
        cause, left = self.sk.tokens[index], self._left(index)
        theirs = self.sk.text[max(0, left - 2) : left] == f"{PERSON}的"
        return cause.measure is not None and not theirs and bool(pattern("proceeds").match(self.text, cause.start))

    def _dealt_with_since(self, start: int, index: int) -> Tokens:
        """The people whom the measures of the same clause, up to ``index``, hit."""
        begin = self.sk.places[max(start, self.sk.text.rfind("；", start, index))]
        links = (item for item in self.out.links if item.cause.kind == MEASURE and item.cause.start >= begin)
        return tuple(item.token for item in links if item.token.kind == PERSON)

    def _counts(self, start: int, index: int) -> bool:
        """Whether a measure is taken: not told as not taken, and no mere publication of a matter."""
        left = self._left(index)
        measure = self.sk.tokens[index].measure
        if measure and measure.entry.id == _PUBLIC_CRITICISM and self._published_only(start, measure):
            return False
        if pattern("earlier_after").match(self.sk.text, index + 1):
            return False
        return pattern("negated").search(self.sk.text, start, left) is None

    def _is_impersonal(self, cause: Token) -> bool:
        """Whether confiscation is told of the money (违纪款已收缴)."""
        return cause.measure is not None and pattern("impersonal").match(self.text, cause.start) is not None

    def _first_person(self) -> Tokens:
        """Whom the case is about: whoever is named first."""
        return tuple(t for _, t in sorted(self.sk.tokens.items()) if t.kind == PERSON)[:1]

    def _published_only(self, start: int, measure: Measure) -> bool:
        """Whether 通报 makes a matter or another measure public, rather than criticising somebody."""
        place = self.sk.places[start]
        if pattern("not_of_people").search(self.text, place, measure.whole[0]):
            return True
        words = self.text[measure.start : measure.end]
        _, earlier, between = self.sk.text[start : self.sk.at(measure.whole[0])].rpartition(MEASURE)
        named = any(kind in between for kind in (PERSON, POST, ORGANISATION, GROUP))
        return bool(earlier) and not named and pattern("criticism").search(words) is None

    def _status(self, start: int, end: int, index: int) -> Status:
        left = self.sk.text[start : self._left(index)]
        if pattern("revoked_before").search(left) or pattern("revoked_after").search(self.sk.text[index + 1 : end]):
            return "revoked"
        clause = left[left.rfind("；") + 1 :]
        if 0 <= self.proposing <= index:
            return "proposed"
        proposals = list(pattern("proposed").finditer(clause))
        settled = proposals and pattern("settled").search(clause, proposals[-1].end())
        return "proposed" if proposals and not settled else "decided"

    def _shares(self, causes: Sequence[int], targets: Tokens, before: str) -> list[Tokens] | None:
        """For each cause those it hits; None when 分别 (in ``before``) promises an order that the lists do not keep."""
        everyone = [targets] * len(causes)
        if not pattern("one_each").search(before) or len(causes) < 2:
            return everyone
        if len(targets) == 1:
            return None if pattern("open_share").search(before) else everyone
        entries = [m.entry for i in causes if (m := self.sk.tokens[i].measure)]
        if len(entries) == 2 and entries[0].id in _HEAVY_PARTY and entries[1]["family"] != entries[0]["family"]:
            return everyone
        if len(causes) == len(targets):
            return [(t,) for t in targets]
        shares = [0]
        for a, b in pairwise(causes):
            shares.append(shares[-1] + bool(pattern("share_break").search(self.sk.text, a + 1, b)))
        return [(targets[n],) for n in shares] if shares[-1] + 1 == len(targets) else None
