"""Rows -> what a report counts: every figure with the cases it counts. Pure; knows no page, no file and no colour.

In: rows of the row schema, streamed once. Out: one ``Summary``. Only the rows that the report shows in full are kept;
of the others a line each, so that twenty thousand cases fit.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nlp.codebook import Entry, load_codebook
from nlp.regions import region
from nlp.rows import Row, measures, method, shown, subject_text


@dataclass(frozen=True, slots=True)
class Count:
    """One figure: how many (people, measures, findings; cases where nothing else is said), and in which cases.

    ``key`` is made here and safe in an id or a class; ``cases`` are case numbers, those to look at first first.
    """

    key: str
    name: str
    number: int
    cases: tuple[int, ...]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A case in one line; ``keys`` are the keys of the counts it is part of, ``place`` its place in the input."""

    number: int
    place: int
    case_id: str
    title: str | None
    priority: float
    band: str
    found: tuple[tuple[str, str], ...]
    people: str
    issuer: str | None
    period: str | None
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """All that the report tells. Cases are numbered from 1, highest priority first, then in the order of the input.

    ``tables`` maps a table's name (TABLES) to its counts; ``grid`` maps (rank, weight of measure) to a count of people.
    """

    lines: tuple[Line, ...]
    full: Mapping[int, Row]
    tables: Mapping[str, tuple[Count, ...]]
    grid: Mapping[tuple[str, str], Count]
    notices: int
    repeated: int
    made_by: tuple[tuple[str, str, int], ...]
    models: tuple[str, ...]

    @property
    def cases(self) -> int:
        return len(self.lines)

    def __getitem__(self, table: str) -> tuple[Count, ...]:
        return self.tables.get(table, ())

    def counts(self) -> Iterator[tuple[str, Count]]:
        """Every count with the name of its table, in the order of the report."""
        for table in TABLES:
            yield from ((table, count) for count in self[table])
        yield from (("grid", count) for count in self.grid.values())


TABLES: dict[str, str] = {
    "total": "总数",
    "band": "复核优先级",
    "issue": "问题",
    "verdict": "问题与判断",
    "law": "法规检查",
    "basis": "依据",
    "by": "方法",
    "kind": "对象类别",
    "rank": "级别",
    "role": "职务角色",
    "responsibility": "责任",
    "weight": "处理轻重",
    "sanction": "处理",
    "other": "其他措施",
    "status": "处理状态",
    "trigger": "线索来源",
    "ground": "事由",
    "consequence": "后果",
    "region": "地区",
    "level": "问责主体层级",
    "year": "年份",
    "month": "月份",
    "caution": "读取提示",
    "grid": "级别与处理轻重",
}

TOTALS = ("cases", "flagged", "yes", "unsure", "findings", "people", "organisations", "measures", "nobody")
_DATE = re.compile(r"(?P<year>(?:19|20)\d\d)(?:\D{0,2}(?P<month>0?[1-9]|1[0-2])(?!\d))?")
_DECIDED = ("decision", "publication")
UNTOLD = ""


@dataclass
class _Figure:
    name: str
    number: int = 0
    places: dict[int, None] = field(default_factory=dict)


class _Tally:
    """Counts by table and id while rows stream by."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, _Figure]] = defaultdict(dict)
        self.place = 0

    def add(self, table: str, id: str, name: str, number: int = 1) -> None:
        figure = self.figures[table].setdefault(id, _Figure(name))
        figure.number += number
        figure.places[self.place] = None


def settings() -> Mapping[str, Any]:
    """How the report groups: bands of priority and the words for what is missing."""
    return load_codebook()["report"].settings


def band(row: Mapping[str, Any]) -> str:
    """The band of a case's priority; its own word where nothing was found."""
    if not row["findings"]:
        return str(settings()["nothing_found"])
    return next(str(name) for name, least in settings()["bands"] if row["priority"] >= least)


def weight_of(sanction: Entry | Mapping[str, Any]) -> Entry | None:
    """The weight class of a measure (report.toml); None for what is no measure of weight (追缴 and the like)."""
    for entry in load_codebook()["report"]:
        if sanction["family"] in entry["families"] and entry["from"] <= sanction["severity"] < entry["to"]:
            return entry
    return None


def heads(subject: Mapping[str, Any]) -> int:
    """How many people or organisations a subject stands for."""
    return max(int(subject["count"] or 1), 1)


def period(row: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """When it was decided, as (year, 'year-month' or None): the decision's date, else the publication's."""
    dates = sorted((d for d in row["dates"] if d["id"] in _DECIDED), key=lambda d: _DECIDED.index(d["id"]))
    for told in (*(d["value"] for d in dates), row["published"]):
        if told and (found := _DATE.search(str(told))):
            month = found["month"]
            return found["year"], f"{found['year']}-{int(month):02d}" if month else None
    return None


def place_of(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Place and level (an id of regions.toml) as the issuer's name tells them, else the source's."""
    told = [name for name in (row["issuer"]["name"] if row["issuer"] else None, row["source"]) if name]
    found = [one for one in map(region, told) if one]
    named = next((one for one in found if one.name), None)
    return (named.name if named else None), (found[0].level if found else None)


# ------------------------------------------------------------ one row


def _count_findings(tally: _Tally, row: Row) -> None:
    for finding in row["findings"]:
        verdict = finding["verdict"]
        if finding["issue"]:
            tally.add("issue", finding["issue"], finding["name"])
            tally.add("verdict", f"{finding['issue']}.{verdict}", f"{finding['name']}：{shown(verdict)}")
        if finding["by"] == "law" or finding["rule"]:
            told = "，".join(filter(None, [finding["name"], finding["article"]]))
            tally.add("law", f"{finding['rule']} {finding['article']}", told)
        tally.add("basis", finding["basis"], shown(finding["basis"]))
        tally.add("by", finding["by"], method(finding["by"]))


def _count_subject(tally: _Tally, subject: Row) -> None:
    number, kind = heads(subject), subject["kind"]
    tally.add("kind", kind, shown(kind), number)
    decided = [one for one in subject["sanctions"] if one["status"] == "decided"]
    weights = {entry.id: entry for one in decided if (entry := weight_of(one))}
    if kind != "organisation":
        tally.add("rank", subject["rank"], subject["rank"], number)
        tally.add("role", subject["post_role"], shown(subject["post_role"]), number)
        tally.add("responsibility", subject["responsibility"] or UNTOLD, subject["responsibility"] or "", number)
        for entry in weights.values():
            tally.add("grid", f"{subject['rank']}.{entry.id}", f"{subject['rank']}，{entry.name}", number)
    for entry in weights.values():
        tally.add("weight", entry.id, entry.name, number)
    for sanction in subject["sanctions"]:
        if sanction["status"] == "decided":
            tally.add("sanction", sanction["id"], sanction["name"], number)
    for one in subject["other_measures"]:
        if one["status"] == "decided":
            tally.add("other", one["id"], one["name"], number)
    for one in measures(subject):
        tally.add("status", one["status"], shown(one["status"]) or "已作出", number)
    if not measures(subject):
        tally.add("status", UNTOLD, "", number)


def _count_facts(tally: _Tally, row: Row) -> None:
    trigger = row["trigger"]
    tally.add("trigger", trigger["id"] if trigger else UNTOLD, trigger["name"] if trigger else "")
    amounts = load_codebook()["consequences"].settings["amount_names"]  # 涉案金额 stands among the grounds, being none
    for table, key in (("ground", "grounds"), ("consequence", "consequences")):
        facts = (fact for fact in row[key] if table != "ground" or fact["id"] not in amounts)
        told = {fact["id"]: fact["name"] for fact in facts} or {UNTOLD: ""}
        for id, name in told.items():
            tally.add(table, id, name)
    place, level = place_of(row)
    tally.add("region", place or UNTOLD, place or "")
    tally.add("level", level or UNTOLD, load_codebook()["regions"][level].name if level else "")
    when = period(row)
    tally.add("year", when[0] if when else UNTOLD, when[0] if when else "")
    if when:
        month = when[1]
        tally.add("month", month or f"{when[0]}-", month or f"{when[0]}年，月份未载明")


def _count(tally: _Tally, row: Row) -> None:
    tally.add("total", "cases", "案件")
    if row["findings"]:
        tally.add("total", "flagged", "值得再看的案件")
        verdicts = {finding["verdict"] for finding in row["findings"]}
        tally.add(
            "total",
            "yes" if "yes" in verdicts else "unsure",
            "有“是”的案件" if "yes" in verdicts else "只有“存疑”的案件",
        )
        tally.add("total", "findings", "复核要点", len(row["findings"]))
    for subject in row["subjects"]:
        people = subject["kind"] != "organisation"
        tally.add(
            "total", "people" if people else "organisations", "被处理的人" if people else "被处理的组织", heads(subject)
        )
        tally.add("total", "measures", "处理", len(measures(subject)) * heads(subject))
        _count_subject(tally, subject)
    if not row["subjects"]:
        tally.add("total", "nobody", "未读出问责对象的案件")
    tally.add("band", band(row), band(row))
    _count_findings(tally, row)
    _count_facts(tally, row)
    for code, message in {caution["code"]: caution["message"] for caution in row["cautions"]}.items():
        tally.add("caution", code, message)


# ------------------------------------------------------------ order


def _listed(names: Iterable[str]) -> Callable[[str, _Figure], Any]:
    order = {name: n for n, name in enumerate(names)}
    return lambda id, figure: (order.get(id, len(order)), figure.name)


def _frequent(id: str, figure: _Figure) -> Any:
    return (id == UNTOLD, -figure.number, figure.name)


def _orders() -> dict[str, Callable[[str, _Figure], Any]]:
    """How the counts of each table are ordered: as the codebook lists them, else the most frequent first."""
    book = load_codebook()
    bands = [*(name for name, _ in settings()["bands"]), settings()["nothing_found"]]
    by_weight = sorted(book["sanctions"], key=lambda entry: float(entry["severity"]))
    return {
        "total": _listed(TOTALS),
        "band": _listed(bands),
        "issue": _listed(book.labels),
        "verdict": _listed(f"{label}.{verdict}" for label in book.labels for verdict in ("yes", "unsure")),
        "rank": _listed(book["ranks"].settings["order"]),
        "role": _listed(("chief", "deputy", "member", "staff", "unknown")),
        "kind": _listed(("person", "group", "organisation")),
        "status": _listed(("decided", "proposed", "revoked", UNTOLD)),
        "responsibility": _listed([*(entry.name for entry in book["responsibilities"]), UNTOLD]),
        "weight": _listed(entry.id for entry in book["report"]),
        "sanction": _listed(entry.id for entry in by_weight),
        "other": _listed(entry.id for entry in by_weight),
        "level": _listed([*(entry.id for entry in book["regions"]), UNTOLD]),
        "year": lambda id, _: (id == UNTOLD, id),
        "month": lambda id, _: id,
    }


# ------------------------------------------------------------ all rows


@dataclass(frozen=True, slots=True)
class _Seen:
    place: int
    case_id: str
    title: str | None
    priority: float
    band: str
    found: tuple[tuple[str, str], ...]
    people: str
    issuer: str | None
    period: str | None


_PEOPLE_TOLD = 160


def _seen(place: int, row: Row) -> _Seen:
    people = "；".join(map(subject_text, row["subjects"]))
    when = period(row)
    return _Seen(
        place,
        row["case_id"],
        row["title"],
        row["priority"],
        band(row),
        tuple(dict.fromkeys((finding["name"], finding["verdict"]) for finding in row["findings"])),
        people if len(people) <= _PEOPLE_TOLD else people[: _PEOPLE_TOLD - 1] + "…",
        row["issuer"]["name"] if row["issuer"] else None,
        (when[1] or when[0]) if when else None,
    )


def _before(seen: _Seen) -> tuple[bool, float, int]:
    """What sorts the cases: found something first, higher priority first, then as they came."""
    return (not seen.found, -seen.priority, seen.place)


def summarise(rows: Iterable[Row], *, full: int = 300) -> Summary:
    """Count the rows; the ``full`` cases to look at first keep their whole row."""
    tally, lines = _Tally(), list[_Seen]()
    kept: list[tuple[tuple[bool, float, int], Row]] = []
    notices: set[tuple[str | None, int | None, str]] = set()
    cases: Counter[tuple[str | None, int | None, str]] = Counter()
    marks: Counter[tuple[str, str]] = Counter()
    for place, row in enumerate(rows):
        tally.place = place
        _count(tally, row)
        seen = _seen(place, row)
        lines.append(seen)
        notices.add((row["file"], row["row"], row["notice_id"]))
        cases[row["file"], row["row"], row["case_id"]] += 1
        marks.update(row["made_by"].items())
        if full > 0:
            found, least, at = _before(seen)
            entry = ((not found, -least, -at), row)
            _keep(kept, entry, full)
    order = sorted(lines, key=_before)
    numbers = {seen.place: number for number, seen in enumerate(order, start=1)}
    tables = _tables(tally, numbers)
    grid = {tuple(count.id.rsplit(".", 1)): count for count in tables.pop("grid", ())}
    keys: dict[int, list[str]] = defaultdict(list)
    for count in (*(one for table in tables.values() for one in table), *grid.values()):
        for number in count.cases:
            keys[number].append(count.key)
    return Summary(
        lines=tuple(_line(numbers[seen.place], seen, keys) for seen in order),
        full={numbers[-key[2]]: row for key, row in sorted(kept, key=lambda one: one[0], reverse=True)},
        tables=tables,
        grid=grid,  # type: ignore[arg-type]
        notices=len(notices),
        repeated=sum(times - 1 for times in cases.values()),
        made_by=tuple((key, mark, times) for (key, mark), times in sorted(marks.items())),
        models=tuple(mark for (key, mark) in sorted(marks) if key == "model"),
    )


def _keep(
    kept: list[tuple[tuple[bool, float, int], Row]], entry: tuple[tuple[bool, float, int], Row], full: int
) -> None:
    """Keep the ``full`` rows that sort highest; their keys are all different, so rows are never compared."""
    if len(kept) < full:
        heapq.heappush(kept, entry)
    else:
        heapq.heappushpop(kept, entry)


def _line(number: int, seen: _Seen, keys: Mapping[int, Sequence[str]]) -> Line:
    values = (seen.place, seen.case_id, seen.title, seen.priority, seen.band, seen.found, seen.people)
    return Line(number, *values, seen.issuer, seen.period, tuple(keys[number]))


def _tables(tally: _Tally, numbers: Mapping[int, int]) -> dict[str, tuple[Count, ...]]:
    orders, tables = _orders(), dict[str, tuple[Count, ...]]()
    for n, table in enumerate(TABLES):
        order = orders.get(table, _frequent)
        figures = sorted(tally.figures.get(table, {}).items(), key=lambda one: order(*one))
        tables[table] = tuple(
            Count(
                f"t{n}-{m}",
                figure.name or str(settings()["not_told"]),
                figure.number,
                tuple(sorted(numbers[place] for place in figure.places)),
                id,
            )
            for m, (id, figure) in enumerate(figures)
        )
    return tables
