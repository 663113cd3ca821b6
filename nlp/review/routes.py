"""Every page and every form of a review. A write is one short transaction and ends in a redirect.

In: visitors and writers. Out: pages. What cannot be taken is told on the page it came from, with what was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from nlp.codebook import load_codebook
from nlp.gold import GoldError
from nlp.review import fields, pages, store
from nlp.review.asking import (
    ProblemError,
    RefusedError,
    Visitor,
    Writer,
    desk_of,
    give_cookie,
    log,
    meant,
    render,
    signed_in,
    writing,
)
from nlp.review.export import agreements, export, gold_row
from nlp.review.judgement import FINAL, VERDICTS, Judgement, Said, Settled, settle
from nlp.review.models import CaseRecord
from nlp.review.readings import LAW, Reading, gold_fields, target_of
from nlp.review.security import COOKIE, name_problem
from nlp.rows import json_line, shown
from nlp.types import PostRole, Status, SubjectKind

router = APIRouter()
Asking = Annotated[Visitor, Depends(signed_in)]
Writing = Annotated[Writer, Depends(writing)]
Slot = Literal["first", "second"]

_MAX_COMMENT = 5_000
_MAX_GIVEN = 100_000
_BASES = {"stated": "原文明示", "inferred": "事实推断"}
_CONFLICT = "这起案件在你打开之后已有改动（别人，或你在另一个窗口），刚才的提交没有记下。请看过现在的样子再交"
_LOCKED = "这起案件已有另一位复核人判完，彼此的判断已可查看，不能再撤回。有出入请用“定案”"


# ------------------------------------------------------------ signing in


@router.get("/login")
def login_page(request: Request, again: str = "") -> Response:
    told = "登录已过期，刚才的提交没有记下，请重新登录" if again else ""
    return _login(request, told, "")


def _login(request: Request, problem: str, name: str, status: int = 200) -> Response:
    needed = desk_of(request).guard.password is not None
    return render(request, "login.html", status, problem=problem, needs_password=needed, name=name)


@router.post("/login")
def login(request: Request, form: Annotated[dict[str, str], Depends(meant)]) -> Response:
    desk, name = desk_of(request), form.get("name", "").strip()
    problem, status = name_problem(name), 422
    if desk.guard.weary:
        problem, status = "口令错误次数太多，请过一分钟再试", 429
    elif not problem and not desk.guard.admits(form.get("password", "")):
        problem, status = "口令不对。口令在启动 wenze review 的终端里", 403
    if problem:
        log("login refused", status=status)
        return _login(request, problem, name, status)
    with desk.sessions() as session, session.begin():
        store.sign_in(session, name)
    log("login", reviewer=name)
    answer = RedirectResponse("/", 303)
    give_cookie(answer, desk.guard.session(name), request)
    return answer


@router.post("/logout")
def logout(who: Writing) -> Response:
    log("logout", reviewer=who.me)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


# ------------------------------------------------------------ the queue


@router.get("/")
def queue_page(who: Asking, page: Annotated[int, Query(ge=1, le=10**6)] = 1, told: int = -1) -> Response:
    with who.session() as session:
        entries, total = store.queue(session, who.filters, who.me, page=page)
        choices, order = store.choices(session), load_codebook()["ranks"].settings["order"]
        return who.page(
            "queue.html",
            lines=pages.queue_lines(session, entries, mask_names=who.desk.mask_names),
            total=total,
            page=page,
            size=store.PAGE,
            last=max(1, -(-total // store.PAGE)),
            issues=[(value, pages.label_name(value)) for value in choices["issue"]],
            levels=sorted(choices["level"], key=lambda rank: order.index(rank) if rank in order else len(order)),
            progress=store.progress(session),
            reviewers=store.reviewers(session),
            told=told,
        )


@router.post("/assign")
def assign_many(who: Writing) -> Response:
    """Give the first so many cases of the queue to a reviewer."""
    name, count = who.form.get("name", "").strip(), who.form.get("count", "")
    if problem := name_problem(name):
        raise RefusedError(422, "没有分派", problem)
    if not (count.isdecimal() and len(count) < 9 and 0 < int(count) <= _MAX_GIVEN):
        raise RefusedError(422, "没有分派", "请填写要分派的起数")
    slot = _slot(who.form)
    with who.session() as session, session.begin():
        store.sign_in(session, name)
        keys = store.unassigned(session, who.filters, who.me, name, slot)[: int(count)]
        for key in keys:
            _assign(session, _case(session, key), who.me, {slot: name})
    log("assign", by=who.me, reviewer=name, slot=slot, cases=len(keys))
    return RedirectResponse(f"/{pages.query(who.filters, told=str(len(keys)))}", 303)


# ------------------------------------------------------------ a case


@router.get("/case/{key}")
def case_page(key: str, who: Asking, focus: str = "", final: str = "") -> Response:
    return _show(key, who, final=bool(final), focus=focus)


def _show(
    key: str, who: Visitor, *, status: int = 200, final: bool = False, focus: str = "", problem: str = ""
) -> Response:
    with who.session() as session:
        record = _case(session, key)
        if final:
            _may_settle(session, key, who.me)
        page = pages.case_page(
            session, record, who.me, who.filters, final=final, mask_names=who.desk.mask_names, focus=focus
        )
        draft = who.form if isinstance(who, Writer) else {}
        return who.page("case.html", status, page=page, problem=problem, draft=draft, bases=_BASES)


def _back(key: str, who: Writer, focus: str = "") -> Response:
    tail = pages.query(who.filters, focus=focus, final="1" if who.final else "")
    return RedirectResponse(f"/case/{quote(key)}{tail}", 303)


def _write(key: str, who: Writer, act: Callable[[Session, CaseRecord, Judgement], Response]) -> Response:
    """One write to a case as a transaction; what cannot be taken is told on the page of the case."""
    problem, status = "", 422
    try:
        with who.session() as session, session.begin():
            record = _case(session, key)
            if who.final:
                _may_settle(session, key, who.me)
            answer = act(session, record, store.judgements(session, key).get(who.stream, Judgement()))
    except ProblemError as error:
        problem = str(error)
    except store.ConflictError:
        problem, status = _CONFLICT, 409
    except store.LockedError:
        problem, status = _LOCKED, 409
    if not problem:
        log("decision", case=key, reviewer=who.me, settling=who.final)
        return answer
    log("decision refused", case=key, reviewer=who.me, status=status)
    return _show(key, who, status=status, final=who.final, focus=who.form.get("target", ""), problem=problem)


def _append(session: Session, key: str, who: Writer, kind: str, value: dict[str, Any], *, target: str = "") -> None:
    store.append(session, key, who.stream, kind, value, author=who.me, version=who.version(), target=target or None)


@router.post("/case/{key}/verdict")
def verdict(key: str, who: Writing) -> Response:
    def act(session: Session, record: CaseRecord, held: Judgement) -> Response:
        _not_done(held)
        target, said = _said(record, who.form, pages.veil_for(session, record, who.desk.mask_names))
        value = {"verdict": said.verdict, "basis": said.basis, "evidence": said.evidence}
        _append(session, key, who, "verdict", value, target=target)
        return _back(key, who, _next(session, record, who.stream, target))

    return _write(key, who, act)


@router.post("/case/{key}/comment")
def comment(key: str, who: Writing) -> Response:
    def act(session: Session, record: CaseRecord, held: Judgement) -> Response:
        del record, held
        text = who.form.get("comment", "").strip()
        if not text or len(text) > _MAX_COMMENT:
            raise ProblemError(f"批注不能是空的，也不能超过 {_MAX_COMMENT} 字")
        _append(session, key, who, "comment", {"text": text})
        return _back(key, who)

    return _write(key, who, act)


@router.post("/case/{key}/done")
def done(key: str, who: Writing) -> Response:
    """Finish a case; then the next that is asked for."""

    def act(session: Session, record: CaseRecord, held: Judgement) -> Response:
        _not_done(held)
        if left := pages.still_open(store.reading_of(record), held, _settled(session, key, who.stream)):
            raise ProblemError(f"还没有判完：{'、'.join(left)}")
        _append(session, key, who, "done", {})
        _, after = store.neighbours(session, who.filters, who.me, record)
        if who.final or after is None:
            return _back(key, who)
        return RedirectResponse(f"/case/{quote(after)}{pages.query(who.filters)}", 303)

    return _write(key, who, act)


@router.post("/case/{key}/undo")
def undo(key: str, who: Writing) -> Response:
    def act(session: Session, record: CaseRecord, held: Judgement) -> Response:
        del record, held
        last = store.undo(session, key, who.stream, who.me, version=who.version())
        if last is None:
            raise ProblemError("没有可以撤销的")
        return _back(key, who, last.target or "")

    return _write(key, who, act)


@router.post("/case/{key}/assign")
def assign(key: str, who: Writing) -> Response:
    def act(session: Session, record: CaseRecord, held: Judgement) -> Response:
        del held
        name, slot = who.form.get("name", "").strip(), _slot(who.form)
        if name:
            if problem := name_problem(name):
                raise ProblemError(problem)
            store.sign_in(session, name)
        _assign(session, record, who.me, {slot: name or None}, who.version("assign_version"))
        return _back(key, who)

    return _write(key, who, act)


# ------------------------------------------------------------ fields


@router.get("/case/{key}/fields")
def fields_page(key: str, who: Asking, final: str = "") -> Response:
    return _show_fields(key, who, final=bool(final))


def _show_fields(key: str, who: Visitor, *, final: bool, problem: str = "", status: int = 200) -> Response:
    with who.session() as session:
        record = _case(session, key)
        if final:
            _may_settle(session, key, who.me)
        veil = pages.veil_for(session, record, who.desk.mask_names)
        held = store.judgements(session, key).get(FINAL if final else who.me, Judgement())
        known = pages.veiled(held.fields or gold_fields(store.reading_of(record)), veil)
        text, book = veil(record.text), load_codebook()
        named = {
            table: list(dict.fromkeys(entry.name for entry in book[table]))
            for table in ("ranks", "responsibilities", "sanctions")
        }
        return who.page(
            "fields.html",
            status,
            key=key,
            title=veil(record.title or record.case_id),
            text=text,
            known=known,
            subjects=[*known["subjects"], fields.blank_subject()],
            words=lambda place: fields.words(text, place),
            version=held.version,
            final=final,
            problem=problem,
            draft=who.form if isinstance(who, Writer) else {},
            shown=shown,
            kinds=get_args(SubjectKind),
            roles=get_args(PostRole),
            statuses=get_args(Status),
            **named,
        )


@router.post("/case/{key}/fields")
def correct_fields(key: str, who: Writing) -> Response:
    def act(session: Session, record: CaseRecord, held: Judgement) -> Response:
        _not_done(held)
        told = _fields(who.form, store.reading_of(record), pages.veil_for(session, record, who.desk.mask_names))
        _append(session, key, who, "fields", told)
        if not who.form.get("more"):
            return _back(key, who)
        tail = pages.query(who.filters, final="1" if who.final else "")
        return RedirectResponse(f"/case/{quote(key)}/fields{tail}", 303)

    try:
        return _write(key, who, act)
    except _FieldsError as error:
        return _show_fields(key, who, final=who.final, problem=str(error), status=422)


class _FieldsError(ValueError):
    """Fields that cannot be taken; told on the page of the fields, where what was typed still stands."""


def _fields(form: dict[str, str], reading: Reading, veil: Callable[[str], str]) -> dict[str, Any]:
    """The corrected fields, as gold has them; checked as gold is."""
    try:
        told = fields.parse(form, veil(reading.text), reading.text)
        gold_row(reading, Judgement(fields=told), "train")
    except (fields.FieldProblemError, GoldError) as error:
        raise _FieldsError(str(error).strip("： ")) from error
    return told


# ------------------------------------------------------------ progress, export


@router.get("/progress")
def progress_page(who: Asking) -> Response:
    with who.session() as session:
        names = {issue.id: issue.name for issue in load_codebook().issues}
        pairs = agreements(session)
        return who.page("progress.html", progress=store.progress(session), pairs=pairs, names=names)


@router.get("/export")
def export_page(who: Asking) -> Response:
    with who.session() as session:
        told = export(session, only=_may_see(who.me), mask_names=who.desk.mask_names)
        return who.page("export.html", told=told)


@router.get("/export/gold.jsonl")
def export_gold(who: Asking) -> Response:
    with who.session() as session:
        told = export(session, only=_may_see(who.me), mask_names=who.desk.mask_names)
    log("export", reviewer=who.me, cases=len(told.rows))
    body = "".join(json_line(row) + "\n" for row in told.rows)
    headers = {"Content-Disposition": 'attachment; filename="gold.jsonl"'}
    return Response(body, media_type="application/x-ndjson; charset=utf-8", headers=headers)


def _may_see(me: str) -> Callable[[dict[str, Judgement]], bool]:
    """A judgement may be told to those who have judged the case themselves, or when two others have."""

    def may(held: dict[str, Judgement]) -> bool:
        finished = [name for name, one in held.items() if one.done and not name.startswith("@")]
        return me in finished or len(finished) > 1

    return may


# ------------------------------------------------------------ what a write says


def _case(session: Session, key: str) -> CaseRecord:
    record = store.case(session, key) if key.isalnum() and len(key) <= 16 else None
    if record is None:
        raise RefusedError(404, "没有这起案件", "它不在这个数据库里。请回到队列")
    return record


def _may_settle(session: Session, key: str, me: str) -> None:
    held = store.judgements(session, key)
    mine = held.get(me)
    if not (mine and mine.done and settle(held).how in ("differ", "final")):
        raise RefusedError(403, "还不能定案", "要两位复核人都判完、且有不同意见，才由其中一人定案")


def _settled(session: Session, key: str, stream: str) -> Settled | None:
    """What a case is settled as, where that is what is written to."""
    return settle(store.judgements(session, key)) if stream == FINAL else None


def _not_done(held: Judgement) -> None:
    if held.done:
        raise ProblemError("这起案件已判完。要改，先撤销（z）")


def _slot(form: dict[str, str]) -> Slot:
    return "second" if form.get("slot") == "second" else "first"


def _assign(
    session: Session, record: CaseRecord, me: str, change: dict[Slot, str | None], version: int | None = None
) -> None:
    first, second = change.get("first", record.first), change.get("second", record.second)
    if first and first == second:
        raise ProblemError("一审和二审不能是同一个人")
    store.assign(session, record.key, me, first=first, second=second, version=version)


def _said(record: CaseRecord, form: dict[str, str], veil: Callable[[str], str]) -> tuple[str, Said]:
    """Target and verdict of a form. A yes or unsure on a label rests on words that stand in the text."""
    target, basis = form.get("target", ""), form.get("basis", "inferred")
    if target not in {*load_codebook().labels, *map(target_of, record.row["findings"])}:
        raise ProblemError("请选择问题")
    word = next((one for one in VERDICTS if one == form.get("verdict")), None)
    if word is None or basis not in _BASES:
        raise ProblemError("请选择 是、否 或 存疑")
    if word == "no":
        return target, Said("no", basis)
    evidence = form.get("evidence", "").strip() or form.get("sentence", "").strip()
    if not evidence and not target.startswith(LAW):
        raise ProblemError("判“是”或“存疑”要有证据：请选一句，或从正文摘取")
    at = veil(record.text).find(evidence)
    if at < 0:
        raise ProblemError(f"证据“{evidence[:30]}”不在正文里。请从正文原样摘取")
    return target, Said(word, basis, record.text[at : at + len(evidence)])


def _next(session: Session, record: CaseRecord, stream: str, target: str) -> str:
    """The claim to look at after one is judged: the next without a verdict, from here on and round again."""
    mine = store.judgements(session, record.key).get(stream, Judgement())
    settled = _settled(session, record.key, stream)
    wanted = list(settled.differing if settled else dict.fromkeys(map(target_of, record.row["findings"])))
    at = wanted.index(target) + 1 if target in wanted else 0
    return next((one for one in (*wanted[at:], *wanted[:at]) if one not in mine.verdicts), target)
