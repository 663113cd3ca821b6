"""Dates as notices tell them: '2018年3月12日', '二〇二一年三月', '次年1月', '2015年至2017年', '日前'.

In: a text and what is known before it (the last date told, the date of publication). Out: the dates in order, with
ISO values as far as they are told ('2018', '2018-03-12', ranges as '2015/2017'). Never says what happened on one.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from nlp.codebook import load_codebook
from nlp.codebook.needles import quick
from nlp.extract.amounts import count

_NUMBER = r"(?:\d{1,2}|[一二三]?十[一二三四五六七八九]?|[一二三四五六七八九])"
_YEAR = r"(?:(?:19|20)\d{2}|[一二][九〇零○0][〇零○一二三四五六七八九]{2})"
_PART = r"(?:[上中下]旬|[初底末](?=[，。、]))"  # of a month
_PUBLISHED = re.compile(r"((?:19|20)\d{2})\s*[年/.\-]?\s*(\d{1,2})\s*[月/.\-]?\s*(\d{1,2})?(?=\D|\d{2}:|$)")
_RANGE = re.compile(r"(?:年?[底初末]|春节|中秋)?\s*(?:至|到|—+|－|-|~|～)\s*")
_LAST_DAY = re.compile(rf"(?:至|到|—+|－|-|~|～)({_NUMBER})日")


@dataclass(frozen=True, slots=True)
class Mention:
    """A date in a text, [start, end); ``value`` is None when the text leaves it open (日前)."""

    start: int
    end: int
    value: str | None

    @property
    def is_range(self) -> bool:
        return self.value is not None and "/" in self.value


def iso_date(text: str | None) -> str | None:
    """A date as pages and tables give it ('2022-05-09 06:20', '2022年5月9日', '20220509') in ISO form."""
    found = _PUBLISHED.search(text) if text else None
    if not found:
        return None
    year, month, day = found.groups()
    if not 1 <= int(month) <= 12:
        return year
    return _iso(int(year), int(month), int(day) if day else None)


@dataclass(frozen=True, slots=True)
class _Words:
    years: Mapping[str, int]
    published_years: Mapping[str, int]
    months: Mapping[str, int]
    pattern: re.Pattern[str]


@cache
def _words() -> _Words:
    settings = load_codebook()["dates"].settings
    years, published, months = settings["years"], settings["published_years"], settings["months"]
    any_year = "|".join([*years, *published])
    pattern = (
        rf"(?<!\d)(?P<from>{_YEAR})(?:年)?(?:至|到|—+|－|-|~|～)(?P<to>{_YEAR})年(?!度?\d*月)"
        r"|(?<!\d)(?P<iso>(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2})(?!\d)"
        rf"|(?:(?<!\d)(?P<year>{_YEAR})年|(?P<word>{any_year}))(?:(?P<month>{_NUMBER})月份?(?:(?P<day>{_NUMBER})[日号]|{_PART})?)?"
        rf"|(?:(?<![\d.个第“”·年])(?P<month2>{_NUMBER})月份?(?![龄饼球亮])|(?P<month_word>{'|'.join(months)}))"
        rf"(?:(?P<day2>{_NUMBER})[日号]|{_PART})?"
        rf"|(?P<open>{'|'.join(settings['unresolved']['words'])})"
    )
    return _Words(years, published, months, quick(pattern))


def _year(text: str) -> int:
    digits = text.translate(str.maketrans("〇零○一二三四五六七八九", "000123456789"))
    return int(digits)


def _iso(year: int | None, month: int | None = None, day: int | None = None) -> str | None:
    if year is None or (month is not None and not 1 <= month <= 12):
        return None
    parts = [f"{year:04d}"]
    if month is not None:
        parts.append(f"{month:02d}")
        if day is not None and _is_day(year, month, day):
            parts.append(f"{day:02d}")
    return "-".join(parts)


def _is_day(year: int, month: int, day: int) -> bool:
    return 1 <= day <= monthrange(year, month)[1]


def _parts(value: str | None) -> tuple[int | None, int | None]:
    """Year and month of the last date in an ISO value."""
    if not value:
        return None, None
    numbers = [int(part) for part in value.rpartition("/")[2].split("-")]
    return numbers[0], numbers[1] if len(numbers) > 1 else None


def _year_of_month(month: int, last: str | None, published: str | None) -> int | None:
    """The year of a month told without one: that of the last date told, else the publication's or the one before."""
    year, _ = _parts(last)
    if year is not None:
        return year
    year, published_month = _parts(published)
    if year is None or published_month is None:
        return year
    return year if month <= published_month else year - 1


def _value(found: re.Match[str], last: str | None, published: str | None) -> str | None:
    if found["from"]:
        return f"{_year(found['from'])}/{_year(found['to'])}"
    if found["iso"]:
        return iso_date(found["iso"])
    month, day = count(found["month"] or found["month2"] or ""), count(found["day"] or found["day2"] or "")
    if found["month_word"]:
        return _shifted_month(last, _words().months[found["month_word"]], day)
    if found["year"]:
        return _iso(_year(found["year"]), month, day)
    if found["word"]:
        return _iso(_year_of_word(found["word"], last, published), month, day)
    return None if month is None else _iso(_year_of_month(month, last, published), month, day)


def _shifted_month(last: str | None, shift: int, day: int | None) -> str | None:
    year, month = _parts(last)
    if year is None or month is None:
        return None
    months = year * 12 + month - 1 + shift
    return _iso(months // 12, months % 12 + 1, day)


def _year_of_word(word: str, last: str | None, published: str | None) -> int | None:
    words = _words()
    base, _ = _parts(last if word in words.years else published)
    return None if base is None else base + words.years.get(word, words.published_years.get(word, 0))


def dates_in(text: str, *, last: str | None = None, published: str | None = None) -> list[Mention]:
    """The dates of ``text`` in order. ``last`` and ``published`` are ISO: what was told before, and the publication."""
    return list(_join(text, _mentions(text, last, published)))


def _mentions(text: str, last: str | None, published: str | None) -> Iterator[Mention]:
    for found in _words().pattern.finditer(text):
        value = _value(found, last, published)
        yield Mention(found.start(), found.end(), value)
        if value is not None:
            last = value


def _join(text: str, mentions: Iterator[Mention]) -> Iterator[Mention]:
    """Two dates with 至 between them are one; so is '6月27日至29日'."""
    previous: Mention | None = None
    for mention in mentions:
        if previous is not None and _RANGE.fullmatch(text, previous.end, mention.start):
            both = f"{previous.value}/{mention.value}" if previous.value and mention.value else None
            previous = Mention(previous.start, mention.end, both)
            continue
        if previous is not None:
            yield _with_last_day(text, previous)
        previous = mention
    if previous is not None:
        yield _with_last_day(text, previous)


def _with_last_day(text: str, mention: Mention) -> Mention:
    found = _LAST_DAY.match(text, mention.end)
    if not found or mention.value is None or mention.value.count("-") != 2 or mention.is_range:
        return mention
    year, month = _parts(mention.value)
    last = _iso(year, month, count(found[1]))
    return replace(mention, end=found.end(), value=f"{mention.value}/{last}")
