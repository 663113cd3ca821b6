"""The review page: nothing decided is lost, the second judge is blind, and what comes out is gold.

What rests on the database runs on SQLite and on a real PostgreSQL server (tests/databases.py says how to have one).
"""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from databases import MISSING, postgresql, programs
from fastapi.testclient import TestClient
from review_cases import FLOOD, MARKUP, QUIET, SCHOOL, finding, rows, scored, write
from sqlalchemy.orm import Session

from nlp import analyze
from nlp.agreement import agreement
from nlp.cli import main
from nlp.gold import load_annotations, load_gold
from nlp.review import ReviewError, store
from nlp.review.app import create_app
from nlp.review.database import engine, migrate
from nlp.review.export import agreements, export
from nlp.review.fields import FieldProblemError, parse
from nlp.review.judgement import Event, judgement
from nlp.review.readings import gold_fields, reading, readings_of
from nlp.review.security import Guard
from nlp.review.server import password_for, tell_import
from nlp.rows import row as scored_row
from nlp.rows import write_parquet
from nlp.scored import ScoredError

HOST = "http://127.0.0.1:8765"
KEYS = [reading(row).key for row in rows()]
FLOOD_KEY, SCHOOL_KEY, QUIET_KEY = KEYS


# ------------------------------------------------------------ databases and browsers without a screen


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    if programs() is None:
        pytest.skip(MISSING)
    with postgresql() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        return str(tmp_path / "review.db")
    address = str(request.getfixturevalue("server")).format("postgres")
    made = sa.create_engine(_driver(address))
    with made.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    made.dispose()
    return address


@pytest.fixture
def opened(database: str) -> Iterator[sa.Engine]:
    """A database with the three cases in it."""
    made = engine(database)
    with Session(made) as session, session.begin():
        store.import_readings(session, map(reading, rows()))
    yield made
    made.dispose()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[sa.Engine]:
    """The three cases in SQLite, for what does not rest on the database."""
    made = engine(str(tmp_path / "lite.db"))
    with Session(made) as session, session.begin():
        store.import_readings(session, map(reading, rows()))
    yield made
    made.dispose()


class Browser:
    """A reviewer: forms are filled in from the page they are on."""

    def __init__(self, app: Any, name: str) -> None:
        self.http = TestClient(app, base_url=HOST, headers={"Origin": HOST})
        self.name = name
        self.page = self.http.get("/login").text
        self.page = self.post("/login", name=name).text

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page)
        return found[1] if found else ""

    def get(self, path: str) -> str:
        answer = self.http.get(path)
        self.page = answer.text
        return self.page

    def post(self, path: str, **form: str) -> Any:
        sent = {"csrf": self.hidden("csrf"), "version": self.hidden("version"), **form}
        return self.http.post(path, data=sent)

    def judge(self, key: str, verdicts: dict[str, str], *, finish: bool = True, **more: str) -> None:
        for target, verdict in verdicts.items():
            self.get(f"/case/{key}")
            evidence = {} if verdict == "no" else {"evidence": more.get("evidence") or _evidence(self.page, target)}
            assert self.post(f"/case/{key}/verdict", target=target, verdict=verdict, **evidence).status_code == 200
        if finish:
            self.get(f"/case/{key}")
            assert self.post(f"/case/{key}/done").status_code == 200


def _evidence(page: str, target: str) -> str:
    card = page.split(f'name="target" value="{target}"')[1]
    return re.search(r"<textarea[^>]*>([^<]*)</textarea>", card)[1]  # type: ignore[index]


@pytest.fixture
def people(opened: sa.Engine) -> Callable[[str], Browser]:
    app = create_app(opened, Guard())
    return lambda name: Browser(app, name)


@pytest.fixture
def reviewer(lite: sa.Engine) -> Browser:
    return Browser(create_app(lite, Guard()), "甲")


ALL_YES = {"rushed": "yes", "deputy_for_chief": "yes", "law:once": "no"}


# ------------------------------------------------------------ importing


def test_importing_the_same_file_again_loses_no_decision(
    opened: sa.Engine, people: Callable[[str], Browser], tmp_path: Path
) -> None:
    people("甲").judge(FLOOD_KEY, ALL_YES)
    file = write(tmp_path / "scored.jsonl", rows())
    with Session(opened) as session, session.begin():
        told = store.import_readings(session, readings_of(file, pytest.fail))
    with Session(opened) as session:
        held = store.judgements(session, FLOOD_KEY)["甲"]
    assert (told.new, told.known, told.changed) == (0, 3, [])
    assert held.verdicts["rushed"].verdict == "yes"
    assert held.done


def test_a_case_read_anew_keeps_its_decisions_and_shows_what_the_machine_now_says(
    opened: sa.Engine, people: Callable[[str], Browser]
) -> None:
    first = people("甲")
    first.judge(FLOOD_KEY, {"rushed": "no"}, finish=False)
    again = rows()[0] | {"findings": [], "priority": 0.1}
    with Session(opened) as session, session.begin():
        told = store.import_readings(session, [reading(again)])
    assert told.reread == 1
    assert "0.10" in first.get(f"/case/{FLOOD_KEY}")
    assert "said-no" in first.page


def test_a_changed_case_is_told_and_its_old_decisions_are_a_click_away(
    opened: sa.Engine, people: Callable[[str], Browser]
) -> None:
    first = people("甲")
    first.judge(FLOOD_KEY, ALL_YES)
    new = FLOOD.replace("罗庆年", "罗庆元")
    changed = reading(scored(new, "F1", 0.9, file="a.jsonl"))
    with Session(opened) as session, session.begin():
        told = store.import_readings(session, [changed])
    lines: list[str] = []
    tell_import(told, 0, lines.append)
    assert told.changed == ["F1#1"]
    assert "正文与上次不同（F1#1）" in lines[1]
    assert f"/case/{FLOOD_KEY}" in first.get(f"/case/{changed.key}")
    assert f"/case/{changed.key}" in first.get(f"/case/{FLOOD_KEY}")
    assert "said-yes" in first.page
    assert FLOOD_KEY not in first.get("/")
    with Session(opened) as session, session.begin():
        store.import_readings(session, [reading(rows()[0])])
    assert FLOOD_KEY in first.get("/")
    assert changed.key not in first.page


def test_a_text_that_stands_twice_in_a_file_is_judged_once(opened: sa.Engine) -> None:
    with Session(opened) as session, session.begin():
        told = store.import_readings(session, map(reading, [*rows(), scored(QUIET, "Q2", 0.0)]))
    assert told.twice == 1


def test_a_line_that_is_no_scored_row_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "scored.jsonl"
    good = json.dumps(rows()[0], ensure_ascii=False)
    file.write_text(f'{good}\n{{"id": 1}}\nnot json\n', encoding="utf-8")
    told: list[ScoredError] = []
    assert [one.key for one in readings_of(file, told.append)] == [FLOOD_KEY]
    assert [(error.file, error.row) for error in told] == [(str(file), 2), (str(file), 3)]


def test_parquet_is_reviewed_as_jsonl_is(tmp_path: Path) -> None:
    write_parquet(rows(), tmp_path / "scored.parquet")
    assert [one.key for one in readings_of(tmp_path / "scored.parquet", pytest.fail)] == KEYS


def test_a_file_without_any_case_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scored.jsonl"
    file.write_text("not json\n", encoding="utf-8")
    assert main(["review", str(file), "--port", str(_free_port())]) == 2
    told = capsys.readouterr().err
    assert "第 1 行：不是完整的 JSON" in told
    assert "没有可以复核的案件" in told
    assert list(tmp_path.iterdir()) == [file]


def test_a_port_in_use_is_told_in_chinese_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "scored.jsonl", rows())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["review", str(file), "--port", str(taken.getsockname()[1])]) == 2
    assert "端口已被占用" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [file]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def test_offsets_of_a_page_are_moved_to_the_text_a_reviewer_reads() -> None:
    from nlp import analyze

    page = f"<html><body><p>{SCHOOL[:20]}</p>\n<p>{SCHOOL[20:]}</p></body></html>"
    one = reading(scored_row(analyze({"id": "h", "text": page})[0]))
    subject = one.row["subjects"][0]
    assert "<p>" not in one.text
    assert subject["name"] in one.text[subject["start"] : subject["end"]]


# ------------------------------------------------------------ the database itself


def test_an_older_database_is_brought_up_to_date_with_what_was_decided_in_it(database: str) -> None:
    old = sa.create_engine(sa.make_url(_driver(database)))
    migrate(old, "0001")
    case = {
        "key": "k1",
        "case_id": "a#1",
        "priority": 0.5,
        "disagree": False,
        "text": "文",
        "row": "{}",
        "imported": "2026-01-01",
    }
    with old.begin() as connection:
        _insert(connection, "review_cases", case)
        _insert(connection, "review_decisions", _decision(1, "甲", "done", "{}"))
        _insert(connection, "review_decisions", _decision(1, "乙", "done", "{}", id=2))
        _insert(connection, "review_decisions", _decision(2, "乙", "retract", '{"of": 2}', id=3))
    old.dispose()
    made = engine(database)
    with made.connect() as connection:
        judged = connection.execute(sa.text("SELECT case_key, reviewer FROM review_judged")).all()
        version = connection.execute(sa.text("SELECT version_num FROM review_version")).scalar()
    made.dispose()
    assert (judged, version) == ([("k1", "甲")], "0002")


def _driver(database: str) -> str:
    return database.replace("postgresql://", "postgresql+psycopg://") if "://" in database else f"sqlite:///{database}"


def _decision(seq: int, stream: str, kind: str, value: str, id: int = 1) -> dict[str, Any]:
    told = {"id": id, "case_key": "k1", "stream": stream, "seq": seq, "author": stream, "kind": kind, "value": value}
    return told | {"at": "2026-01-02 00:00:00"}


def _insert(connection: sa.Connection, table: str, values: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


def test_a_database_of_a_newer_wenze_is_refused_untouched(database: str) -> None:
    made = engine(database)
    with made.begin() as connection:
        connection.execute(sa.text("UPDATE review_version SET version_num = '0999'"))
    made.dispose()
    with pytest.raises(ReviewError, match=r"0999.*新.*升级"):
        engine(database)


@pytest.mark.parametrize("statement", ["UPDATE review_decisions SET author = '丙'", "DELETE FROM review_decisions"])
def test_the_database_refuses_to_change_or_forget_a_decision(
    opened: sa.Engine, people: Callable[[str], Browser], statement: str
) -> None:
    people("甲").judge(QUIET_KEY, {})
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), opened.begin() as connection:
        connection.execute(sa.text(statement))


def test_the_tables_the_migrations_make_are_those_the_program_knows(opened: sa.Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from nlp.review.database import VERSION_TABLE
    from nlp.review.models import Base

    with opened.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []


def test_of_writers_at_the_same_moment_one_is_first_and_the_others_learn_of_it(opened: sa.Engine) -> None:
    barrier, won, lost = threading.Barrier(6), [], []

    def write_once(name: str) -> None:
        with Session(opened) as session:
            barrier.wait()
            try:
                store.append(session, FLOOD_KEY, "@final", "comment", {"text": name}, author=name, version=0)
                session.commit()
                won.append(name)
            except store.ConflictError:
                session.rollback()
                lost.append(name)

    threads = [threading.Thread(target=write_once, args=(f"人{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(opened) as session:
        said = [event.author for event in store.events(session, FLOOD_KEY)]
    assert (len(won), len(lost), said) == (1, 5, won)


def test_reviewers_who_judge_at_the_same_time_all_keep_their_verdicts(opened: sa.Engine) -> None:
    def judge(name: str) -> None:
        for version in range(5):
            with Session(opened) as session, session.begin():
                value = {"verdict": "yes", "basis": "stated", "evidence": str(version)}
                store.append(session, FLOOD_KEY, name, "verdict", value, author=name, version=version, target="rushed")

    threads = [threading.Thread(target=judge, args=(f"人{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(opened) as session:
        held = store.judgements(session, FLOOD_KEY)
    assert {name: (one.version, one.verdicts["rushed"].evidence) for name, one in held.items()} == {
        f"人{n}": (5, "4") for n in range(4)
    }


# ------------------------------------------------------------ judging


def test_two_windows_do_not_overwrite_each_other(people: Callable[[str], Browser]) -> None:
    here, there = people("甲"), people("甲")
    for window in (here, there):
        window.get(f"/case/{SCHOOL_KEY}")
    here.post(f"/case/{SCHOOL_KEY}/verdict", target="deputy_for_chief", verdict="no")
    late = there.post(f"/case/{SCHOOL_KEY}/comment", comment="这一段写了很久")
    assert late.status_code == 409
    assert "已有改动" in late.text
    assert "这一段写了很久" in late.text
    assert "said-no" in late.text


def test_of_two_who_take_a_case_the_later_sees_that_it_is_taken(
    opened: sa.Engine, people: Callable[[str], Browser]
) -> None:
    first, second = people("甲"), people("乙")
    for one in (first, second):
        one.get(f"/case/{FLOOD_KEY}")
    claim = {"slot": "first", "assign_version": "0"}
    assert first.post(f"/case/{FLOOD_KEY}/assign", name="甲", **claim).status_code == 200
    late = second.post(f"/case/{FLOOD_KEY}/assign", name="乙", **claim)
    with Session(opened) as session:
        record = store.case(session, FLOOD_KEY)
    assert late.status_code == 409
    assert "一审：甲" in late.text
    assert record is not None
    assert record.first == "甲"


def test_a_second_judge_sees_nothing_of_the_first_until_the_case_is_judged(people: Callable[[str], Browser]) -> None:
    first, second = people("甲"), people("乙")
    first.judge(FLOOD_KEY, ALL_YES, finish=False)
    first.get(f"/case/{FLOOD_KEY}")
    first.post(f"/case/{FLOOD_KEY}/comment", comment="甲的看法")
    first.get(f"/case/{FLOOD_KEY}")
    first.post(f"/case/{FLOOD_KEY}/done")
    blind = second.get(f"/case/{FLOOD_KEY}") + second.get("/export/gold.jsonl")
    assert "甲的看法" not in blind
    assert "said-" not in blind
    assert 'class="other"' not in blind
    assert "<b>甲</b>" not in blind
    assert "review-" not in second.get("/export/gold.jsonl")
    second.judge(FLOOD_KEY, {"rushed": "no", "deputy_for_chief": "yes", "law:once": "no"})
    seen = second.get(f"/case/{FLOOD_KEY}")
    assert "甲的看法" in seen
    assert "<b>甲</b>：是" in seen
    assert "有分歧" in seen


def test_undo_takes_back_the_last_step_and_both_stay_on_record(
    opened: sa.Engine, people: Callable[[str], Browser]
) -> None:
    first = people("甲")
    first.judge(SCHOOL_KEY, {"deputy_for_chief": "yes"}, finish=False)
    first.get(f"/case/{SCHOOL_KEY}")
    first.post(f"/case/{SCHOOL_KEY}/undo")
    with Session(opened) as session:
        said = [event.kind for event in store.events(session, SCHOOL_KEY)]
        held = store.judgements(session, SCHOOL_KEY)["甲"]
    assert said == ["verdict", "retract"]
    assert held.verdicts == {}
    assert held.version == 2


def test_what_another_may_have_seen_cannot_be_taken_back(people: Callable[[str], Browser]) -> None:
    first, second = people("甲"), people("乙")
    first.judge(QUIET_KEY, {})
    first.get(f"/case/{QUIET_KEY}")
    assert first.post(f"/case/{QUIET_KEY}/undo").status_code == 200
    first.judge(QUIET_KEY, {})
    second.judge(QUIET_KEY, {})
    first.get(f"/case/{QUIET_KEY}")
    late = first.post(f"/case/{QUIET_KEY}/undo")
    assert late.status_code == 409
    assert "不能再撤回" in late.text


def test_a_case_is_finished_only_when_every_claim_is_judged(reviewer: Browser) -> None:
    reviewer.judge(FLOOD_KEY, {"rushed": "yes"}, finish=False)
    reviewer.get(f"/case/{FLOOD_KEY}")
    refused = reviewer.post(f"/case/{FLOOD_KEY}/done")
    assert refused.status_code == 422
    assert "还没有判完" in refused.text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"target": "rushed", "verdict": "yes", "evidence": "文中没有的话"}, "不在正文里"),
        ({"target": "rushed", "verdict": "yes", "evidence": ""}, "要有证据"),
        ({"target": "no_such_label", "verdict": "no"}, "请选择问题"),
        ({"target": "rushed", "verdict": "maybe"}, "请选择 是、否 或 存疑"),
    ],
)
def test_a_verdict_that_gold_would_not_take_is_told(reviewer: Browser, form: dict[str, str], told: str) -> None:
    reviewer.get(f"/case/{FLOOD_KEY}")
    refused = reviewer.post(f"/case/{FLOOD_KEY}/verdict", **form)
    assert refused.status_code == 422
    assert told in refused.text


def test_what_is_taken_back_counts_as_never_said_and_undo_goes_further_back() -> None:
    from datetime import datetime, timezone

    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    said = [
        Event(1, "甲", 1, "甲", "verdict", "rushed", {"verdict": "yes", "basis": "stated", "evidence": "半天"}, at),
        Event(2, "甲", 2, "甲", "verdict", "rushed", {"verdict": "no", "basis": "stated", "evidence": ""}, at),
        Event(3, "甲", 3, "甲", "retract", None, {"of": 2}, at),
    ]
    held = judgement(said)
    assert held.verdicts["rushed"].verdict == "yes"
    assert held.undoable is not None
    assert held.undoable.id == 1


# ------------------------------------------------------------ the queue


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", KEYS),
        ("?issue=rushed", [FLOOD_KEY]),
        ("?issue=deputy_for_chief", [FLOOD_KEY, SCHOOL_KEY]),
        ("?issuer=镇党委", [SCHOOL_KEY]),
        ("?issuer=%25", []),
        ("?level=乡科级正职", [FLOOD_KEY]),
        ("?since=2023-07&until=2023-07", [FLOOD_KEY]),
        ("?since=2024-01", []),
        ("?disagree=1", [SCHOOL_KEY]),
        ("?state=done", [QUIET_KEY]),
        ("?state=todo", [FLOOD_KEY, SCHOOL_KEY]),
        ("?state=second", [SCHOOL_KEY]),
        ("?who=mine", [FLOOD_KEY]),
        ("?who=nobody", [SCHOOL_KEY, QUIET_KEY]),
    ],
)
def test_the_queue_is_in_order_of_priority_and_can_be_filtered(
    lite: sa.Engine, query: str, expected: list[str]
) -> None:
    app = create_app(lite, Guard())
    me, other = Browser(app, "甲"), Browser(app, "乙")
    me.judge(QUIET_KEY, {})
    other.judge(SCHOOL_KEY, {"deputy_for_chief": "no"})
    me.get("/")
    me.post("/assign", name="甲", count="1", slot="first")
    assert re.findall(r'class="line" href="/case/(\w+)', me.get(f"/{query}")) == expected


def test_cases_are_given_to_two_reviewers_who_are_not_the_same(reviewer: Browser, lite: sa.Engine) -> None:
    reviewer.get("/")
    reviewer.post("/assign", name="甲", count="2", slot="first")
    reviewer.get("/")
    reviewer.post("/assign", name="乙", count="99", slot="second")
    reviewer.get("/")
    assert "没有可以分派" in reviewer.post("/assign", name="甲", count="5", slot="second").text
    with Session(lite) as session:
        given = {key: (one.first, one.second) for key in KEYS if (one := store.case(session, key))}
    assert given == {FLOOD_KEY: ("甲", "乙"), SCHOOL_KEY: ("甲", "乙"), QUIET_KEY: (None, "乙")}


# ------------------------------------------------------------ fields


def test_fields_read_off_a_case_are_already_gold() -> None:
    from nlp.review.export import gold_row
    from nlp.review.judgement import Judgement

    for row in rows():
        one = reading(row)
        told = gold_row(one, Judgement(fields=gold_fields(one)), "train")
        assert [subject["name"] for subject in told["fields"]["subjects"]] == [s["name"] for s in row["subjects"]]


def test_a_corrected_field_is_found_in_the_text_and_kept(reviewer: Browser, lite: sa.Engine) -> None:
    reviewer.get(f"/case/{SCHOOL_KEY}/fields")
    form = {"issuer": "镇党委", "s0.mention": "总务主任姚双喜", "s0.name": "姚双喜", "s0.post": "总务主任"}
    more = {"s0.m0.name": "通报批评", "s0.m0.words": "通报批评", "s1.mention": "校长龙吟", "s1.rank": "乡科级正职"}
    assert reviewer.post(f"/case/{SCHOOL_KEY}/fields", **form, **more).status_code == 200
    with Session(lite) as session:
        told = store.judgements(session, SCHOOL_KEY)["甲"].fields
    assert told is not None
    assert [SCHOOL[one["start"] : one["end"]] for one in told["subjects"]] == ["总务主任姚双喜", "校长龙吟"]
    assert told["subjects"][0]["sanctions"][0]["name"] == "通报批评"


def test_words_that_are_not_in_the_text_are_told_and_what_was_typed_stays(reviewer: Browser) -> None:
    reviewer.get(f"/case/{SCHOOL_KEY}/fields")
    refused = reviewer.post(f"/case/{SCHOOL_KEY}/fields", **{"issuer": "县教育局", "s0.mention": "校长龙吟"})
    assert refused.status_code == 422
    assert "问责主体：“县教育局”不在正文里" in refused.text
    assert 'value="校长龙吟"' in refused.text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"s0.mention": "校长龙吟", "s0.name": "姚双喜"}, "姓名“姚双喜”不在其原文"),
        ({"s0.mention": "校长龙吟", "s0.count": "三"}, "人数“三”不是数字"),
        ({"s0.mention": "校长龙吟", "s0.m0.name": "免职"}, "请照正文填写"),
    ],
)
def test_a_line_of_the_form_that_cannot_be_is_told(form: dict[str, str], told: str) -> None:
    with pytest.raises(FieldProblemError, match=re.escape(told)):
        parse(form, SCHOOL, SCHOOL)


# ------------------------------------------------------------ gold


def _judged_by_two(people: Callable[[str], Browser]) -> tuple[Browser, Browser]:
    first, second = people("甲"), people("乙")
    first.judge(FLOOD_KEY, ALL_YES)
    second.judge(FLOOD_KEY, {"rushed": "yes", "deputy_for_chief": "no", "law:once": "no"})
    first.judge(SCHOOL_KEY, {"deputy_for_chief": "no"})
    first.judge(QUIET_KEY, {})
    return first, second


def test_what_is_judged_comes_out_as_gold_that_can_be_trained_on(
    opened: sa.Engine, people: Callable[[str], Browser], tmp_path: Path
) -> None:
    first, _ = _judged_by_two(people)
    with Session(opened) as session:
        told = export(session)
    gold = {case.id: case for case in load_gold(write(tmp_path / "gold.jsonl", told.rows))}
    assert told.differ == 1
    assert set(gold) == {f"review-{SCHOOL_KEY}", f"review-{QUIET_KEY}"}
    assert gold[f"review-{SCHOOL_KEY}"].near_miss_of == ("deputy_for_chief",)
    first.get(f"/case/{FLOOD_KEY}?final=1")
    settle = {"target": "deputy_for_chief", "verdict": "unsure", "evidence": "同样被免职", "final": "1"}
    first.post(f"/case/{FLOOD_KEY}/verdict", **settle)
    first.get(f"/case/{FLOOD_KEY}?final=1")
    first.post(f"/case/{FLOOD_KEY}/done", final="1")
    with Session(opened) as session:
        told = export(session)
    case = next(c for c in load_gold(write(tmp_path / "gold.jsonl", told.rows)) if c.id == f"review-{FLOOD_KEY}")
    assert {label: one.verdict for label, one in case.labels.items()} == {"rushed": "yes", "deputy_for_chief": "unsure"}
    assert case.labels["rushed"].evidence == "只用了半天"


def test_a_label_the_machine_did_not_raise_comes_out_too(reviewer: Browser, lite: sa.Engine) -> None:
    reviewer.get(f"/case/{QUIET_KEY}")
    sentence = "区城管局党组给予队长申屠亮诫勉谈话。"
    form = {"target": "junior_for_senior", "verdict": "yes", "sentence": sentence, "added": "1"}
    assert reviewer.post(f"/case/{QUIET_KEY}/verdict", **form).status_code == 200
    reviewer.get(f"/case/{QUIET_KEY}")
    reviewer.post(f"/case/{QUIET_KEY}/done")
    with Session(lite) as session:
        gold = export(session).rows[0]
    assert gold["labels"] == {"junior_for_senior": {"verdict": "yes", "basis": "inferred", "evidence": sentence}}


def test_agreement_on_the_page_is_that_of_the_command(
    opened: sa.Engine, people: Callable[[str], Browser], tmp_path: Path
) -> None:
    first, _ = _judged_by_two(people)
    with Session(opened) as session:
        (pair,) = agreements(session)
        files = [write(tmp_path / f"{name}.jsonl", export(session, reviewer=name).rows) for name in ("甲", "乙")]
    mine, yours = map(load_annotations, reversed(files))
    assert pair.told.pooled_kappa == agreement(mine, yours).pooled_kappa
    assert "乙 与 甲：共同判完 1 起" in first.get("/progress")


def test_gold_goes_from_one_command_to_the_next(
    lite: sa.Engine,
    reviewer: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reviewer.judge(SCHOOL_KEY, {"deputy_for_chief": "yes"})
    out = tmp_path / "gold.jsonl"
    assert main(["review", "export", str(tmp_path / "lite.db"), "-o", str(out)]) == 0
    for split in ("train", "dev"):
        (tmp_path / f"{split}.jsonl").touch()
    learnt: list[str] = []

    def train(cases: Any, **more: Any) -> None:
        del more
        learnt.extend(case.id for case in cases)
        raise KeyboardInterrupt

    monkeypatch.setattr("nlp.train.tfidf.train", train)
    main(["train", "tfidf", str(tmp_path), "--also", str(out), "-o", str(tmp_path / "model")])
    capsys.readouterr()
    assert learnt == [f"review-{SCHOOL_KEY}"]


# ------------------------------------------------------------ names


def test_masked_names_are_nowhere_on_the_pages_nor_in_what_comes_out(lite: sa.Engine) -> None:
    page = Browser(create_app(lite, Guard(), mask_names=True), "甲")
    page.judge(SCHOOL_KEY, {"deputy_for_chief": "yes"}, finish=False)
    page.get(f"/case/{SCHOOL_KEY}/fields")
    page.post(f"/case/{SCHOOL_KEY}/fields", **{"s0.mention": "总务主任姚某某", "s0.name": "姚某某"})
    page.get(f"/case/{SCHOOL_KEY}")
    page.post(f"/case/{SCHOOL_KEY}/comment", comment="姚双喜是否分管？")
    page.get(f"/case/{SCHOOL_KEY}")
    page.post(f"/case/{SCHOOL_KEY}/done")
    with Session(lite) as session:
        held = store.judgements(session, SCHOOL_KEY)["甲"]
        masked, plain = (export(session, mask_names=hide).rows[0] for hide in (True, False))
    paths = ["/", f"/case/{SCHOOL_KEY}", f"/case/{SCHOOL_KEY}/fields", "/export/gold.jsonl", "/progress"]
    seen = "".join(map(page.get, paths)) + json.dumps(masked, ensure_ascii=False)
    assert not [name for name in ("姚双喜", "龙吟") if name in seen]
    assert "姚某某" in seen
    assert held.fields is not None
    assert held.fields["subjects"][0]["name"] == "姚双喜"
    assert plain["labels"]["deputy_for_chief"]["evidence"] == "校长龙吟未被问责"


def test_a_person_has_one_mask_on_all_pages_of_a_notice(tmp_path: Path) -> None:
    text = (
        "关于两起问题的通报\n一、青屿县水务局局长祝明远失察问题。2023年3月，祝明远受到党内警告处分。\n"
        "二、云陂镇镇长祝天和失职问题。2023年3月，祝天和受到政务记过处分。"
    )
    title = "祝明远、祝天和被通报"
    cases = [reading(scored_row(one)) for one in analyze({"id": "n", "text": text, "title": title})]
    made = engine(str(tmp_path / "one.db"))
    with Session(made) as session, session.begin():
        store.import_readings(session, cases)
    page = Browser(create_app(made, Guard(), mask_names=True), "甲")
    first, second = (page.get(f"/case/{one.key}") for one in cases)
    made.dispose()
    assert "祝某甲、祝某乙被通报" in first
    assert "祝某甲、祝某乙被通报" in second


# ------------------------------------------------------------ security


def test_a_notice_that_holds_markup_is_text(tmp_path: Path) -> None:
    made = engine(str(tmp_path / "x.db"))
    evil = "<img src=x onerror=alert(2)>"
    start = {"title": f"“{evil}", "issuer": {"name": evil, "start": None, "end": None}}
    row = scored(MARKUP, f"X{evil}", 0.5, [finding(MARKUP, "rushed", "<script>alert(1)</script>")], **start)
    with Session(made) as session, session.begin():
        store.import_readings(session, [reading(row)])
    page = Browser(create_app(made, Guard()), "<b>甲</b>")
    key = reading(row).key
    page.get(f"/case/{key}")
    page.post(f"/case/{key}/comment", comment="</textarea><script>alert(3)</script>")
    seen = "".join(map(page.get, ["/", f"/case/{key}", f"/case/{key}/fields", "/progress", "/export"]))
    assert not re.findall(r"<script>|<img|<b>甲|onerror=alert\(2\)>", seen)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in seen


@pytest.mark.parametrize(
    "attack",
    [
        {"csrf": "0" * 64},
        {"csrf": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": ""},
    ],
)
def test_a_write_that_no_page_of_ours_sent_is_refused(
    reviewer: Browser, lite: sa.Engine, attack: dict[str, str]
) -> None:
    reviewer.get(f"/case/{QUIET_KEY}")
    form = {"csrf": attack.get("csrf", reviewer.hidden("csrf")), "version": "0", "comment": "x"}
    origin = {"Origin": attack.get("origin", HOST)}
    for path in ("verdict", "comment", "done", "undo", "assign", "fields"):
        assert reviewer.http.post(f"/case/{QUIET_KEY}/{path}", data=form, headers=origin).status_code == 403
    with Session(lite) as session:
        assert store.events(session, QUIET_KEY) == []


def test_every_route_that_writes_asks_for_the_token(lite: sa.Engine) -> None:
    from nlp.review.routes import router

    app = create_app(lite, Guard())
    http = TestClient(app, base_url=HOST, headers={"Origin": HOST}, follow_redirects=False)
    posts = [route.path for route in router.routes if "POST" in route.methods]  # type: ignore[attr-defined]
    answers = {path: http.post(path.replace("{key}", QUIET_KEY)) for path in posts}
    assert len(posts) >= 9
    assert {(a.status_code, a.headers.get("location", "")) for a in answers.values()} <= {
        (403, ""),
        (303, "/login?again=1"),
    }


@pytest.mark.parametrize("path", ["/", "/progress", "/export", "/export/gold.jsonl", f"/case/{KEYS[0]}"])
def test_without_a_name_no_page_is_given(lite: sa.Engine, path: str) -> None:
    http = TestClient(create_app(lite, Guard()), base_url=HOST, follow_redirects=False)
    assert http.get(path).headers["location"] == "/login"
    forged = {"Cookie": "wenze_review=55Sy.9999999999.00.deadbeef"}
    assert http.get(path, headers=forged).headers["location"] == "/login"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/case/..%2f..%2fetc%2fpasswd",
        "/templates/base.html",
    ],
)
def test_no_path_leads_out_of_the_static_files(reviewer: Browser, path: str) -> None:
    assert reviewer.http.get(path).status_code == 404


def test_every_answer_forbids_scripts_and_frames_of_others(reviewer: Browser) -> None:
    for path in ("/", "/login", f"/case/{FLOOD_KEY}", "/nothing", "/static/review.js"):
        answer = reviewer.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        inline = re.findall(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=|javascript:", answer.text)
        assert path.startswith("/static") or not inline


def test_the_cookie_is_for_this_site_alone(lite: sa.Engine) -> None:
    http = TestClient(create_app(lite, Guard()), base_url=HOST)
    cookie = http.get("/login").headers["set-cookie"].lower()
    assert "samesite=strict" in cookie
    assert "httponly" in cookie


def test_a_page_elsewhere_cannot_call_this_machine_by_its_own_name(lite: sa.Engine) -> None:
    http = TestClient(create_app(lite, Guard()), base_url="http://evil.example")
    assert http.get("/login").status_code == 421


def test_a_password_is_asked_for_and_cannot_be_tried_for_ever(lite: sa.Engine) -> None:
    http = TestClient(
        create_app(lite, Guard("一个长口令八字"), own_machine=False), base_url=HOST, headers={"Origin": HOST}
    )
    form = {"csrf": re.search(r'name="csrf" value="(\w+)"', http.get("/login").text)[1], "name": "甲"}  # type: ignore[index]
    wrong = [http.post("/login", data=form | {"password": str(n)}).status_code for n in range(12)]
    assert wrong == [403] * 10 + [429] * 2
    assert "共" not in http.get("/").text
    assert "口令" in http.get("/").text


def test_the_right_password_opens(lite: sa.Engine) -> None:
    http = TestClient(
        create_app(lite, Guard("一个长口令八字"), own_machine=False), base_url=HOST, headers={"Origin": HOST}
    )
    form = {"csrf": re.search(r'name="csrf" value="(\w+)"', http.get("/login").text)[1], "name": "甲"}  # type: ignore[index]
    assert "队列" in http.post("/login", data=form | {"password": "一个长口令八字"}).text


@pytest.mark.parametrize("name", ["", "@final", "a\u0007", "长" * 31, "\u202e甲"])
def test_a_name_that_could_deceive_is_refused(lite: sa.Engine, name: str) -> None:
    http = TestClient(create_app(lite, Guard()), base_url=HOST, headers={"Origin": HOST})
    form = {"csrf": re.search(r'name="csrf" value="(\w+)"', http.get("/login").text)[1], "name": name}  # type: ignore[index]
    assert http.post("/login", data=form).status_code == 422


def test_what_is_too_long_is_refused_before_it_is_read(reviewer: Browser) -> None:
    assert reviewer.http.post(f"/case/{QUIET_KEY}/comment", data={"comment": "字" * 800_000}).status_code == 413


def test_logs_tell_who_did_what_and_no_text(reviewer: Browser, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nlp.review"):
        reviewer.judge(SCHOOL_KEY, {"deputy_for_chief": "yes"})
        reviewer.get(f"/case/{SCHOOL_KEY}")
        reviewer.post(f"/case/{SCHOOL_KEY}/comment", comment="一条秘密批注")
        reviewer.get("/?issuer=镇党委")
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "nlp.review"]
    told = json.dumps(lines, ensure_ascii=False)
    assert {line["event"] for line in lines} >= {"request", "decision"}
    assert {"case": SCHOOL_KEY, "reviewer": "甲"}.items() <= next(x for x in lines if x["event"] == "decision").items()
    assert not [words for words in ("秘密", "龙吟", "镇党委", "姚双喜") if words in told]


# ------------------------------------------------------------ the command


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "wenze.local"])
def test_elsewhere_than_on_this_machine_a_password_is_needed(host: str) -> None:
    with pytest.raises(ReviewError, match="须设口令"):
        password_for(host, "")
    assert len(password_for(host, "auto") or "") >= 16


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_none_is_needed(host: str) -> None:
    assert password_for(host, "") is None


def test_the_command_refuses_to_be_seen_by_others_without_a_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "scored.jsonl", rows())
    assert main(["review", str(file), "--host", "0.0.0.0"]) == 2
    assert "须设口令" in capsys.readouterr().err


def test_what_cannot_be_opened_is_told_in_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "scored.jsonl", rows())
    assert main(["review", str(tmp_path / "none.jsonl")]) == 2
    assert main(["review", str(file), "--database", "mysql://x/y"]) == 2
    assert main(["review", str(file), "--database", str(file)]) == 2
    told = capsys.readouterr().err
    assert "没有文件" in told
    assert "不认识数据库 mysql" in told
    assert "打不开数据库" in told


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else real(name))
    assert main(["review", "x.jsonl"]) == 2
    assert "缺少 fastapi。请先运行 pip install 'wenze[review]'" in capsys.readouterr().err


def test_the_page_is_served_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlp.review.server import serve

    asked: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: asked.update(where=sockets[0].getsockname()))
    told: list[str] = []
    file = write(tmp_path / "scored.jsonl", rows())
    options: dict[str, Any] = {"database": "", "mask_names": False, "tell": told.append}
    port = _free_port()
    assert serve(file, host="0.0.0.0", port=port, password="auto", **options) == 0
    assert asked["where"] == ("0.0.0.0", port)
    assert f"复核页面：http://0.0.0.0:{port}/  （Ctrl+C 结束）" in told
    assert any(line.startswith("登录口令：") for line in told)
    assert "导入：新增 3 起" in told[0]
    assert (tmp_path / "scored.jsonl.review.db").exists()
    logging.getLogger("nlp.review").handlers.clear()
    logging.getLogger("nlp.review").propagate = True


def test_importing_the_command_line_loads_no_web_server() -> None:
    import subprocess

    code = "import nlp.cli, sys; print(*{'fastapi', 'sqlalchemy', 'jinja2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
