"""What each page shows, as one typed value; names masked where that is asked for.

In: a session, a case, who is looking. Out: contexts for the templates. Blind: what others judged is here only for a
reviewer who has finished the case. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from nlp.codebook import load_codebook
from nlp.report.highlight import Run, highlight
from nlp.review import store
from nlp.review.export import veil_of, veil_part
from nlp.review.fields import unlike, words
from nlp.review.judgement import ASSIGN, FINAL, Event, Judgement, Said, Settled, settle
from nlp.review.models import CaseRecord
from nlp.review.readings import Reading, claims_of, gold_fields, marks, sentences
from nlp.rows import method, shown, subject_text

Row = dict[str, Any]
VERDICT_WORDS = {"yes": "是", "no": "否", "unsure": "存疑"}
_KINDS = {
    "comment": "批注",
    "fields": "改正字段",
    "done": "判完",
    "retract": "撤销",
    "assign": "分派",
    "verdict": "判断",
}
_OPEN = frozenset(
    {"id", "issue", "rule", "code", "by", "variant", "family", "rank", "kind", "status", "basis", "verdict"}
)


@dataclass(frozen=True)
class Other:
    """What another reviewer said of a target."""

    name: str
    said: Said | None

    @property
    def word(self) -> str:
        return VERDICT_WORDS[self.said.verdict] if self.said else "否"


@dataclass(frozen=True)
class Card:
    """One target to be judged: what the machine claims, this stream has said, and others said if that may be seen."""

    number: int
    target: str
    name: str
    definition: str
    claims: list[Row]
    said: Said | None
    evidence: str
    basis: str
    others: list[Other]
    differs: bool

    @property
    def word(self) -> str:
        return VERDICT_WORDS[self.said.verdict] if self.said else ""


@dataclass(frozen=True)
class CasePage:
    """Everything the page of one case shows to one reviewer. ``final``: the page on which differences are settled."""

    key: str
    row: Row
    runs: list[Run]
    sentences: list[str]
    subjects: list[str]
    facts: list[tuple[str, str]]
    cards: list[Card]
    addable: list[tuple[str, str]]
    mine: Judgement
    version: int
    assign_version: int
    settled: Settled | None
    final: bool
    judged: int
    comments: list[tuple[str, Event]]
    history: list[tuple[str, str, Event]]
    corrected: list[str] | None
    others_fields: list[tuple[str, list[str]]]
    first: str | None
    second: str | None
    reviewers: list[str]
    before: str | None
    after: str | None
    superseded_by: str | None
    older: list[str]
    focus: int

    @property
    def left(self) -> int:
        """How many cards are still without a verdict."""
        return sum(card.said is None for card in self.cards)


def label_name(target: str) -> str:
    """The Chinese of a label; of a rule of law its id, where no finding names it."""
    issues = load_codebook().issues.entries
    return issues[target].name if target in issues else target.removeprefix("law:")


def veiled(value: Any, veil: Callable[[str], str]) -> Any:
    """The same with every text masked but identifiers and closed words."""
    if isinstance(value, Mapping):
        return {key: one if key in _OPEN else veiled(one, veil) for key, one in value.items()}
    if isinstance(value, list):
        return [veiled(one, veil) for one in value]
    return veil(value) if isinstance(value, str) else value


def veil_for(session: Session, record: CaseRecord, mask_names: bool) -> Callable[[str], str]:
    """What every text about a case goes through before it is shown."""
    return veil_of(session, record).text if mask_names else str


def shown_row(reading: Reading, veil: Callable[[str], str]) -> tuple[str, Row]:
    """Text and row as they may be seen; evidence is cut from the text that is seen."""
    text, row = veil(reading.text), veiled(reading.row, veil)
    for finding in row["findings"]:
        for evidence in finding["evidence"]:
            if evidence["start"] is not None:
                evidence["text"] = words(text, evidence)
    return text, row


def case_page(
    session: Session,
    record: CaseRecord,
    me: str,
    filters: store.Filters,
    *,
    final: bool = False,
    mask_names: bool = False,
    focus: str | None = None,
) -> CasePage:
    """The page of one case for one reviewer."""
    reading, veil = store.reading_of(record), veil_for(session, record, mask_names)
    text, row = shown_row(reading, veil)
    happened = store.events(session, record.key)
    held = store.judgements(session, record.key)
    mine = held.get(FINAL if final else me, Judgement())
    open_to_me = bool(held.get(me, Judgement()).done)
    others = {name: one for name, one in held.items() if name != me and one.done and not name.startswith("@")}
    seen = ({me: held[me], **others} if final else others) if open_to_me else {}
    settled = settle(held) if open_to_me else None
    cards = list(_cards(reading, row, mine, seen, settled, veil))
    before, after = store.neighbours(session, filters, me, record)
    visible = [event for event in happened if open_to_me or event.author == me or event.stream == ASSIGN]
    taken_back = {event.value["of"] for event in happened if event.kind == "retract"}
    return CasePage(
        key=record.key,
        row=row,
        runs=list(highlight(text, marks(reading.row))),
        sentences=sentences(text),
        subjects=[subject_text(subject) for subject in row["subjects"]],
        facts=list(_facts(row)),
        cards=cards,
        addable=[(e.id, e.name) for e in load_codebook().issues if e.id not in {card.target for card in cards}],
        mine=mine,
        version=mine.version,
        assign_version=max((event.seq for event in happened if event.stream == ASSIGN), default=0),
        settled=settled,
        final=final,
        judged=sum(bool(one.done) for name, one in held.items() if not name.startswith("@")),
        comments=[(veil(e.value["text"]), e) for e in visible if e.kind == "comment" and e.id not in taken_back],
        history=[(_told(event, happened), _mark(event, taken_back), event) for event in reversed(visible)],
        corrected=None if mine.fields is None else unlike(gold_fields(reading), mine.fields),
        others_fields=[
            (name, unlike(one.fields, mine.fields or gold_fields(reading))) for name, one in seen.items() if one.fields
        ],
        first=record.first,
        second=record.second,
        reviewers=store.reviewers(session),
        before=before,
        after=after,
        superseded_by=record.superseded_by,
        older=store.older_of(session, record.key),
        focus=_focus(cards, focus),
    )


def _cards(  # noqa: PLR0917 -- all that one card shows
    reading: Reading,
    row: Row,
    mine: Judgement,
    seen: Mapping[str, Judgement],
    settled: Settled | None,
    veil: Callable[[str], str],
) -> Iterator[Card]:
    claims = dict(claims_of(row))
    targets = dict.fromkeys([*claims, *mine.verdicts, *(target for one in seen.values() for target in one.verdicts)])
    issues = load_codebook().issues.entries
    for number, target in enumerate(targets, 1):
        made = claims.get(target, [])
        said = mine.verdicts.get(target)
        evidence = veil_part(reading.text, said.evidence, veil) if said and said.evidence else _first_words(made)
        yield Card(
            number=number,
            target=target,
            name=made[0]["name"] if made else label_name(target),
            definition=str(issues[target].get("definition", "")) if target in issues else "",
            claims=[_claim(claim) for claim in made],
            said=said,
            evidence=evidence,
            basis=said.basis if said else "stated" if made and made[0]["basis"] == "stated" else "inferred",
            others=[Other(name, one.verdicts.get(target)) for name, one in seen.items()],
            differs=bool(settled and target in settled.differing),
        )


def _first_words(claims: list[Row]) -> str:
    return next((str(e["text"]) for claim in claims for e in claim["evidence"] if e["start"] is not None), "")


def _claim(claim: Row) -> Row:
    words = {"verdict": shown(claim["verdict"]), "basis": shown(claim["basis"]), "by": method(claim["by"])}
    return {**claim, **words, "sure": claim["verdict"] == "yes"}


def _focus(cards: list[Card], wanted: str | None) -> int:
    """The card to stand on: the one asked for, else the first without a verdict, else the first."""
    asked = [card.number for card in cards if card.target == wanted]
    return next(iter([*asked, *(card.number for card in cards if card.said is None), 1]))


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    parts = (
        ("问责主体", [row["issuer"]["name"]] if row["issuer"] else []),
        ("线索来源", [row["trigger"]["name"]] if row["trigger"] else []),
        *(
            (title, [fact["name"] for fact in row[key]])
            for title, key in (("事由", "grounds"), ("后果", "consequences"), ("程序", "procedure"), ("效果", "effect"))
        ),
        ("日期", [fact["text"] for fact in row["dates"]]),
        ("法规依据", [str(fact["value"] or fact["text"]) for fact in row["legal_basis"]]),
    )
    yield from ((title, "、".join(dict.fromkeys(told))) for title, told in parts if told)


def _told(event: Event, happened: list[Event]) -> str:
    """What an event was, in Chinese; without the words of any text."""
    if event.kind == "verdict" and event.target:
        return f"{label_name(event.target)}：{VERDICT_WORDS[event.value['verdict']]}"
    if event.kind == "assign":
        return f"分派：一审 {event.value['first'] or '未定'}，二审 {event.value['second'] or '未定'}"
    if event.kind == "retract":
        of = next(one for one in happened if one.id == event.value["of"])
        return f"撤销（{_told(of, happened)}）"
    return _KINDS[event.kind]


def _mark(event: Event, taken_back: set[int]) -> str:
    return "taken-back" if event.id in taken_back else ""


@dataclass(frozen=True)
class QueueLine:
    """One case of the queue, ready to be shown."""

    key: str
    title: str
    case_id: str
    issuer: str
    date: str
    priority: float
    disagree: bool
    findings: list[tuple[str, bool]]
    first: str | None
    second: str | None
    judged: int
    mine: bool


def queue_lines(session: Session, entries: list[store.Entry], *, mask_names: bool) -> list[QueueLine]:
    """The lines of one page of the queue."""
    return [_queue_line(session, entry, mask_names) for entry in entries]


def _queue_line(session: Session, entry: store.Entry, mask_names: bool) -> QueueLine:
    record = store.case(session, entry.key)
    veil = veil_for(session, record, mask_names) if record else str
    found = {finding["name"]: finding["verdict"] == "yes" for finding in reversed(entry.row["findings"])}
    return QueueLine(
        key=entry.key,
        title=veil(entry.title or entry.case_id),
        case_id=veil(entry.case_id),
        issuer=entry.issuer or "",
        date=entry.date or "",
        priority=entry.priority,
        disagree=entry.disagree,
        findings=list(reversed(found.items())),
        first=entry.first,
        second=entry.second,
        judged=entry.judged,
        mine=entry.mine,
    )


def query(filters: store.Filters, **more: object) -> str:
    """The filters as the tail of an address, '' where none is set."""
    told = {key: value for key, value in {**vars_of(filters), **more}.items() if value}
    return f"?{urlencode(told)}" if told else ""


def vars_of(filters: store.Filters) -> dict[str, str]:
    """The filters by name."""
    return {name: getattr(filters, name) for name in filters.__dataclass_fields__}


def still_open(reading: Reading, mine: Judgement, settled: Settled | None) -> list[str]:
    """What has to be judged before the case can be called finished: each claim; to settle, each difference."""
    wanted = list(settled.differing) if settled else [target for target, _ in claims_of(reading.row)]
    return [label_name(target) for target in wanted if target not in mine.verdicts]
