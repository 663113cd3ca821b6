"""The one path: a notice -> clean -> cases -> extraction -> findings -> analyses.

In: ``Notice`` values, bare texts, or mappings with ``text``. Out: one ``Analysis`` a case. The rules always speak; a
trained model, where one is named, adds its own. Never touches disk (but to fingerprint its own code and to load the
model) and never prints.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import nlp
from nlp.classify import RULES
from nlp.types import Analysis, Case, Caution, Clean, Evidence, Finding, IssueId, Notice, Split, unique

_FIELDS = frozenset(field.name for field in fields(Notice)) - {"cautions"}


@dataclass(frozen=True)
class Reading:
    """What came of one notice: an analysis for each case, and every caution met on the way.

    A notice without a case has no analysis; its cautions (``no_case``) are here all the same.
    """

    clean: Clean
    analyses: tuple[Analysis, ...]
    cautions: tuple[Caution, ...]


@cache
def code_fingerprint() -> str:
    """Version and a hash of all the package's Python sources and of its model of names: '0.1.0+3f2a…'."""
    from nlp.extract.tagger import model_content

    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(model_content())
    return f"{nlp.__version__}+{digest.hexdigest()[:12]}"


@cache
def fingerprints(model: str = RULES) -> dict[str, str]:
    """Who makes a result: the fingerprints of code, codebook and model. Raises ModelNotAvailable."""
    from nlp.classify import load_model
    from nlp.codebook import load_codebook

    mark = RULES if model == RULES else load_model(model).mark
    return {"code": code_fingerprint(), "codebook": load_codebook().fingerprint, "model": mark}


def as_notice(item: Notice | str | Mapping[str, Any]) -> Notice:
    """A notice from whatever names one; a bare text is named by its hash.

    The values of a mapping may be as a table holds them: dates and numbers become text, NaN is nothing.
    ValueError when ``text`` is missing or holds half a surrogate pair, which no file could.
    """
    if isinstance(item, Notice):
        return item
    record: dict[str, Any] = {"text": item} if isinstance(item, str) else dict(item)
    text = record.get("text")
    if not isinstance(text, str):
        raise ValueError(f"通报缺少正文：需要文字键 'text'，现有的键是 {sorted(record)}")
    try:
        named = hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]
    except UnicodeEncodeError as error:
        raise ValueError(
            f"正文第 {error.start + 1} 字是不成对的代理字符（残缺的表情或生僻字），请从原文重新取得"
        ) from error
    known: dict[str, Any] = {
        key: value if key == "row" else _told(value) for key, value in record.items() if key in _FIELDS
    }
    return Notice(**{**known, "id": known.get("id") or named})


def _told(value: object) -> str | None:
    """A value of a mapping as text; None for an empty one, NaN among them."""
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)


def _analysis(case: Case, before: tuple[Caution, ...], model: str) -> Analysis:
    from nlp.classify.decide import decide, priority, rule_scores
    from nlp.classify.rules import rule_findings
    from nlp.extract import extract
    from nlp.law import decided_when, law_findings
    from nlp.law.proportion import proportion_findings

    extraction = extract(case)
    lawful = law_findings(case, extraction, decided_when(extraction))
    ruled = (*rule_findings(case, extraction), *lawful)
    ruled = (*ruled, *proportion_findings(case, extraction, beside=ruled))
    scores = rule_scores(ruled)
    cautions = (*before, *extraction.cautions)
    if model == RULES:
        findings = decide(scores, ruled)
    else:
        told, findings, doubts = _with_model(case, ruled, model)
        scores = {label: max(score, told[label]) for label, score in scores.items()}
        cautions = (*cautions, *doubts)
    made_by = dict(fingerprints(model))
    return Analysis(case, extraction, scores, findings, unique(cautions), priority(findings), made_by)


def _with_model(
    case: Case, ruled: Sequence[Finding], named: str
) -> tuple[dict[IssueId, float], tuple[Finding, ...], tuple[Caution, ...]]:
    """What the model gives each label, the findings of rules and model, and the doubts about the model."""
    from nlp.classify import load_model
    from nlp.classify.decide import decide

    model = load_model(named)
    told = model.scores(case.text)

    def explain(label: IssueId) -> list[Evidence]:
        return [case.evidence(span.start, span.end) for span in model.classifier.explain(case.text, label)]

    disputed = model.disputed(case.text)
    findings = decide(told, ruled, thresholds=model.thresholds, by=model.name, explain=explain, disputed=disputed)
    return told, findings, (*model.cautions, *_at_odds(told, disputed, model.thresholds))


def _at_odds(
    told: Mapping[IssueId, float], disputed: Iterable[IssueId], bands: Mapping[IssueId, tuple[float, float]]
) -> Iterator[Caution]:
    """A caution for each label that would be a ``yes``, were the members of the ensemble of one mind."""
    from nlp.codebook import load_codebook

    for issue in load_codebook().issues:
        if issue.id in disputed and told[issue.id] >= bands[issue.id][1]:
            yield Caution("models_disagree", f"各模型对“{issue.name}”看法不一，规则也未发现，只记为存疑")


def _split(notice: Notice) -> Split:
    from nlp.clean import clean
    from nlp.split import split

    return split(clean(notice))


def analyze_notice(item: Notice | str | Mapping[str, Any], *, model: str = RULES) -> Reading:
    """Everything wenze reads off one notice; nothing is lost when it holds no case.

    ``model`` names a trained model, or its folder, that speaks beside the rules. Raises ModelNotAvailable.
    """
    notice = as_notice(item)
    parts = _split(notice)
    before = unique((*notice.cautions, *parts.clean.cautions, *parts.cautions))
    analyses = tuple(_analysis(case, before, model) for case in parts.cases)
    return Reading(parts.clean, analyses, unique((*before, *(c for analysis in analyses for c in analysis.cautions))))


def analyze(notice: Notice | str | Mapping[str, Any], *, model: str = RULES) -> list[Analysis]:
    """The cases of one notice, each analysed; [] when it holds none. ``model`` as in ``analyze_notice``."""
    return list(analyze_notice(notice, model=model).analyses)


def analyze_many(notices: Iterable[Notice | str | Mapping[str, Any]], *, model: str = RULES) -> Iterator[Analysis]:
    """The cases of many notices in their order, one at a time. ``model`` as in ``analyze_notice``."""
    for notice in notices:
        yield from analyze_notice(notice, model=model).analyses
