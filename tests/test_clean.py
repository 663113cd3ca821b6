"""Clean text has one form, says what the source says, and every character of it knows where it came from."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.clean import clean
from nlp.read import read_notices
from nlp.types import Clean, Notice

REAL_PAGES = Path(__file__).parents[2] / "shared" / "real-notices"

NOTICE = (
    "云岭县纪委通报2起典型问题\n"
    "现将2起典型问题通报如下：\n"
    "一、石坪镇党委书记颜述行履行主体责任不力问题。2019年3月，镇财政所截留补助款12.5万元，颜述行未过问，受到党内警告处分。\n"
    "二、河西村党支部书记邝一帆虚报冒领问题。邝一帆虚报危房改造户3户，2020年1月，受到党内严重警告处分，违纪款已收缴。\n"
    "各级党组织要引以为戒，把责任扛起来。"
)


def cleaned(text: str, file: str | None = None) -> Clean:
    return clean(Notice(id="1", text=text, file=file))


def assert_mapped(result: Clean) -> None:
    """The laws of the origin map."""
    source, text = result.notice.text, result.text
    starts, ends = result.origin.starts, result.origin.ends
    assert len(starts) == len(ends) == len(text)
    assert all(0 <= start < end <= len(source) for start, end in zip(starts, ends, strict=True))
    assert all(a <= b for a, b in pairwise(starts))
    assert all(a <= b for a, b in pairwise(ends))


@pytest.mark.parametrize(
    ("source", "expected", "why"),
    [
        ("２０１９年３月", "2019年3月", "full-width digits"),
        ("ＡＢｃ公司", "ABc公司", "full-width letters"),
        ("超支３．５％", "超支3.5%", "a full-width point between digits"),
        ("⼈⼤代表⽅某", "人大代表方某", "radicals that PDF fonts put for characters"),
        ("颜述行,男,汉族;已退休", "颜述行，男，汉族；已退休", "half-width marks between Chinese characters"),
        ("时间:2019年", "时间：2019年", "a colon after a Chinese character"),
        ("罚款1,200元,限8:30前", "罚款1,200元，限8:30前", "marks in numbers and times stay"),
        ("见https://a.example/b?c=1,d:2,下同", "见https://a.example/b?c=1,d:2，下同", "marks in addresses stay"),
        ("云纪(2019)7号", "云纪（2019）7号", "brackets beside Chinese characters"),
        ("(二)某村问题", "（二）某村问题", "brackets around Chinese characters"),
        ("see (a, b) only", "see (a, b) only", "Latin text keeps its marks"),
        ("到底怎么管的?", "到底怎么管的？", "a question mark"),
        ("受到警告处分.", "受到警告处分。", "a full stop at the end of a line"),
        ("王　伟、李 明", "王伟、李明", "a space inside a name"),
        ("受到 3 次 A 类提醒", "受到3次A类提醒", "spaces between Chinese and Latin"),
        ("the  old\u00a0text", "the old text", "single plain spaces between words"),
        ("　　第一段。　\n \n\t第二段。\r\n\r\n", "第一段。\n第二段。", "indents, ends, empty lines, CRLF"),
        ("颜\u200b述\ufeff行\u00ad", "颜述行", "zero-width characters"),
        ("警告\x07处分", "警告处分", "control characters"),
        ("警告\u2028处分", "警告\n处分", "the line separator of word processors"),
        ("颜述行\t镇长\t警告", "颜述行\n镇长\n警告", "tabs part columns like the cells of a table"),
        ("管好&ldquo;钱袋子&rdquo;&nbsp;，&#20840;面", "管好“钱袋子”，全面", "entities"),
        ("管好&amp;ldquo;钱袋子&amp;rdquo;", "管好“钱袋子”", "entities escaped twice"),
        ("给予<b>颜述行</b>警告<!-- x -->处分", "给予颜述行警告处分", "stray tags"),
        ("# 通报\n**颜述行**受到[警告](https://a.example/b)处分", "通报\n颜述行受到警告处分", "Markdown"),
        ("王**受到警告，李**被诫勉", "王**受到警告，李**被诫勉", "names left out are no Markdown"),
        ("{$title}颜述行被诫勉${end}{{foot}}", "颜述行被诫勉", "template variables"),
        ("出纳𠮷某、会计䶮某😀", "出纳𠮷某、会计䶮某😀", "rare characters and emoji"),
        ("书记张乾、干部后某、出纳里某", "书记张乾、干部后某、出纳里某", "simplified text keeps every character"),
        ("給予鄉長顏述行黨內警告處分", "给予乡长颜述行党内警告处分", "traditional text is converted"),
        ("會議稱「嚴肅問責」，對顏述行予以處分", "会议称“严肃问责”，对颜述行予以处分", "and its quotation marks"),
        ("", "", "nothing"),
        (
            "某县通报\n首页 > 通报曝光 > 正文\n分享到：微信 微博\n颜述行被诫勉。",
            "某县通报\n颜述行被诫勉。",
            "lines of a page",
        ),
        ("颜述行被诫勉。\n- 3 -\n邝一帆被约谈。", "颜述行被诫勉。\n邝一帆被约谈。", "page numbers"),
        ("云泽镇(zhèn)党委被通报", "云泽镇党委被通报", "readings in pinyin go"),
        ("甲班(a)组与镇（zhèn）", "甲班（a）组与镇", "a letter in brackets is no reading"),
    ],
)
def test_text_is_brought_to_one_form(source: str, expected: str, why: str) -> None:
    result = cleaned(source)
    assert result.text == expected, why
    assert_mapped(result)


@pytest.mark.parametrize(
    ("source", "part", "origin"),
    [
        ("镇长王　伟，被诫勉", "王伟", "王　伟"),
        ("罚款３．５万元", "3.5万元", "３．５万元"),
        ("说&ldquo;不&rdquo;知", "“不”", "&ldquo;不&rdquo;"),
        ("<p>镇长<b>颜述</b>行</p>", "颜述行", "颜述</b>行"),
        ("给予**颜述行**警告\n# 甲", "颜述行警告", "颜述行**警告"),
        ("給予鄉長顏述行處分", "乡长颜述行", "鄉長顏述行"),
        ("𠮷😀某,处分", "，", ","),
    ],
)
def test_spans_point_into_the_source(source: str, part: str, origin: str) -> None:
    result = cleaned(source)
    start = result.text.index(part)
    span = result.origin.span(start, start + len(part))
    assert source[span.start : span.end] == origin


WRAPPED = (
    "关于石坪镇防汛工作不力问题的通报\n\n"
    "    2019年6月，云岭县出现强降雨，石坪镇未按预案要求落实值班值守，镇党委书记颜\n"
    "述行当晚离岗，镇长邝一帆未及时组织转移，致使河西村七组十二户村民被困，造成直接\n"
    "经济损失三十六万元。经县纪委常委会会议研究决定，给予颜述行党内警告处分，对邝一\n"
    "帆予以诫勉。\n"
    "    上述问题反映出少数干部责任心不强，把防汛要求停留在口头上，落实在纸面上，遇到\n"
    "险情手足无措，教训十分深刻。\n"
)


def test_line_breaks_inside_sentences_of_a_wrapped_text_are_joined() -> None:
    lines = cleaned(WRAPPED).text.split("\n")
    assert [line[:4] for line in lines] == ["关于石坪", "2019", "上述问题"]
    assert "镇党委书记颜述行当晚离岗" in lines[1]
    assert_mapped(cleaned(WRAPPED))


def test_a_heading_as_long_as_a_line_is_not_joined_with_its_paragraph() -> None:
    lines = WRAPPED.strip().split("\n")
    lines[2] = lines[2].strip()
    heading = "石坪镇党委政府防汛责任落实不力值班值守制度形同虚设群众转移严重滞后等突出问题"
    result = cleaned("\n".join([heading, *lines[2:]]))
    assert result.text.split("\n")[0] == heading


@pytest.mark.parametrize(
    "text",
    [
        NOTICE,
        "一、石坪镇问题\n二、河西镇问题\n三、南坝镇问题\n四、北关镇问题\n五、东岭镇问题\n六、西山镇问题",
        "颜述行\n镇党委书记\n党内警告\n邝一帆\n镇长\n诫勉\n罗以宁\n副镇长\n政务记过",
    ],
)
def test_lines_of_a_text_that_is_not_wrapped_stay(text: str) -> None:
    assert cleaned(text).text == text


@pytest.mark.parametrize(
    "source",
    [
        f"{NOTICE}\n{NOTICE}",
        f"{NOTICE}\n\n　　{NOTICE}",
        NOTICE.replace("\n", "") * 2,
        f"{NOTICE}\n{NOTICE.partition(chr(10))[2]}",  # the second print without its headline
        f"云岭清风网讯\n{NOTICE}\n{NOTICE[:-12]}",  # the second print cut off
    ],
)
def test_a_notice_printed_twice_is_read_once_and_told(source: str) -> None:
    result = cleaned(source)
    assert result.text.count("颜述行履行主体责任不力问题") == 1
    assert result.text.count("违纪款已收缴") == 1
    assert [caution.code for caution in result.cautions] == ["repeated_notice"]
    assert_mapped(result)


def test_two_cases_in_like_words_are_no_repetition() -> None:
    text = "".join(f"{name}镇党委书记因防汛工作不力、未落实值班制度被诫勉。\n" for name in "甲乙丙丁")
    assert cleaned(text).cautions == ()
    assert cleaned(text).text == text.strip()


# --- pages ---------------------------------------------------------------------------------------------------------

PARAGRAPHS = "".join(f"<p>&nbsp;&nbsp;{line}</p>\n" for line in NOTICE.split("\n")[1:])
HEADLINE = NOTICE.split("\n", maxsplit=1)[0]

CMS = f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>{HEADLINE}_云岭清风网</title>
<meta name="ArticleTitle" content="{HEADLINE}"><meta name="PubDate" content="2020-02-03 08:00">
<meta name="ContentSource" content="云岭清风网"><style>p {{ color: red }}</style></head><body>
<div class="top"><a href="/">首页</a><a href="/cf">党纪处分</a><a href="/sc">审查调查</a></div>
<div class="dqwz">当前位置：<a href="/">首页</a> &gt; <a href="/tb">通报曝光</a></div>
<div class="main"><h1>{HEADLINE}</h1><div class="info">来源：云岭清风网 发布时间：2020-02-03 08:00 字号：大 中 小</div>
<div class="TRS_Editor"><!-- 正文 <p>不是正文，是注释。</p> -->{PARAGRAPHS}</div>
<div class="share_box"><span>分享到</span><h4>微信扫一扫：分享</h4></div></div>
<div class="prenext">上一篇：<a href="1.html">某镇原书记接受审查，已被留置</a></div>
<div class="footer"><p>主办：云岭县纪委监委，电话12388，版权所有，未经许可不得转载。</p></div>
<script>document.write("<p>给予处分。</p>")</script></body></html>"""

TABLE_LAYOUT = f"""<HTML><HEAD><TITLE>云岭县政府网 - {HEADLINE}</TITLE></HEAD><BODY><TABLE><TR><TD>
<A HREF="/">首页</A> | <A HREF="/">处分决定</A> | <A HREF="/">问责通报</A></TD></TR>
<TR><TD><TABLE><TR><TD align=center><FONT size=5>{HEADLINE}</FONT></TD></TR>
<TR><TD>发布日期：2020-02-03　来源：云岭清风网　点击：<span id=hits>77</span></TD></TR>
<TR><TD>{NOTICE.partition(chr(10))[2].replace(chr(10), "<BR>　　")}</TD></TR></TABLE></TD></TR>
<TR><TD>【<A HREF="#">打印本页</A>】【<A HREF="#">关闭窗口</A>】</TD></TR>
<TR><TD>Copyright 2020 云岭县人民政府，技术支持：某公司</TD></TR></TABLE></BODY></HTML>"""

SOUP = f"""<html><body><div><div><ul><li><a href=a>处分通报一则，某局局长被免职。</a><li><a href=b>又一则</a></ul></div>
<div><div class="article-title">{HEADLINE}</div><div>2020-02-03 来源：云岭清风网</div>
<div>{"".join(f"<div><b>{line[:9]}</b><a>{line[9:12]}</a>{line[12:]}</div>" for line in NOTICE.split(chr(10))[1:])}
<div class="related"><h3>相关链接</h3><p>某县曾通报类似问题，多人受到处分。</p></div></div></div>
<div style="display:none">隐藏的文字，不是正文。</div></div></body></html>"""


@pytest.mark.parametrize("page", [CMS, TABLE_LAYOUT, SOUP], ids=["cms", "tables", "soup"])
def test_a_page_gives_the_notice_and_nothing_around_it(page: str) -> None:
    result = cleaned(page, "a.html")
    assert result.text == NOTICE
    assert result.title == HEADLINE
    assert result.published is not None
    assert result.published.startswith("2020-02-03")
    assert result.publisher == "云岭清风网"
    assert_mapped(result)


def test_what_the_notice_says_of_itself_outweighs_the_page() -> None:
    result = clean(Notice(id="1", text=CMS, title="甲", published="乙", publisher="丙"))
    assert (result.title, result.published, result.publisher) == ("甲", "乙", "丙")


def test_a_text_tells_date_and_source_in_a_line_of_its_own() -> None:
    result = cleaned(f"{HEADLINE}\n来源：云岭清风网 发布时间：2020年2月3日\n颜述行被诫勉。")
    assert (result.published, result.publisher) == ("2020年2月3日", "云岭清风网")
    assert result.text == f"{HEADLINE}\n颜述行被诫勉。"


@pytest.mark.parametrize(
    ("source", "expected", "why"),
    [
        (
            "<p>颜<span>述</span><font color=red>行</font>被<a href=#>诫勉</a>。</p>",
            "颜述行被诫勉。",
            "inline elements",
        ),
        ("<p>甲被诫勉。<br>乙被约谈。<br/>丙</p>", "甲被诫勉。\n乙被约谈。\n丙", "line breaks"),
        ("<table><tr><td>颜述行<td>诫勉<tr><td>邝一帆</table>", "颜述行\n诫勉\n邝一帆", "cells left open"),
        ("<div><p>甲被诫勉。<p>乙被约谈。</div>", "甲被诫勉。\n乙被约谈。", "paragraphs left open"),
        ("<p>甲被\n  诫勉。</p>", "甲被诫勉。", "a source line's end is a space"),
        ("第一段。\n<p>第二段。</p>第三段\n第四段", "第一段。\n第二段。\n第三段\n第四段", "text lines among tags"),
        ("<p>经费<5万元的，由镇<某镇>核定。</p>", "经费<5万元的，由镇<某镇>核定。", "a sign that is no tag"),
        ('<p title="a>b">甲被诫勉。</p>', "甲被诫勉。", "a '>' inside an attribute"),
        ('<p class="x>甲被诫勉。</p><p>乙</p>', "甲被诫勉。\n乙", "a quote that never closes"),
        ("<p>甲被诫勉。<!-- 未完 <b>乙</b></p>", "甲被诫勉。未完乙", "a comment that never closes hides nothing"),
        ("<p>甲</p><script>乙。", "甲\n乙。", "nor does a script"),
        (
            "<p>甲<![if !IE]>乙<![endif]>丙<?xml:namespace prefix=o />丁</p>",
            "甲乙丙丁",
            "declarations of word processors",
        ),
        ("<pre>甲\n乙</pre>", "甲\n乙", "preformatted text"),
        ("<p></p><div> </div>", "", "nothing at all"),
    ],
)
def test_markup_is_read_as_a_browser_would(source: str, expected: str, why: str) -> None:
    result = cleaned(source)
    assert result.text == expected, why
    assert_mapped(result)


def test_a_long_run_of_spaces_costs_no_time() -> None:
    text = f"颜述行{' ' * 200_000}被诫勉。\n邝一帆{' ' * 200_000}\n被约谈。"
    assert cleaned(text).text == "颜述行被诫勉。\n邝一帆\n被约谈。"


@pytest.mark.parametrize(
    "opening", ["<div>", "<b>", "<!--", "<a href='", "<table><tr><td>", "</p>", "&#", '<p class="']
)
def test_hostile_markup_ends(opening: str) -> None:
    result = cleaned(opening * 20_000 + "颜述行被诫勉。", "a.html")
    assert "颜述行被诫勉。" in result.text
    assert_mapped(result)


# --- properties ----------------------------------------------------------------------------------------------------

SCRAPS = st.sampled_from(
    [
        *"王伟镇给予处分党２９Ａ3 　,.;:()?（）。，、\n\r\t\u00a0\u200b*#[]<>&{}|-—",
        *("&nbsp;", "&amp;", "<p>", "</p>", "<br>", "<div class='share'>", "</div>", "<!--", "-->", "\r\n"),
        *("<table><tr><td>", "</table>", "<script>", "</script>", "處分", "鄉鎮", "**", "https://a.b/c", "来源："),
        *("2019-1-2", "𠮷", "😀", "⼈", "一、", NOTICE[:70]),
    ]
)
MESSY = st.lists(SCRAPS, max_size=60).map("".join)
WORDS = [*"王伟县委给予警告处分，；、", "2019年", "3.5万元", "“问责”", "（试行）", "ABC"]
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=20).map(lambda words: "".join(words) + "。")
ORDINARY = st.lists(SENTENCE, max_size=12, unique=True).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(MESSY, st.sampled_from([None, "a.html", "a.txt"]))
def test_every_character_comes_from_the_source(source: str, file: str | None) -> None:
    assert_mapped(cleaned(source, file))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.sampled_from([None, "a.html"]))
def test_any_text_at_all_is_mapped(source: str, file: str | None) -> None:
    assert_mapped(cleaned(source, file))


@settings(max_examples=200, deadline=None)
@given(ORDINARY)
def test_clean_text_stays_as_it_is(text: str) -> None:
    once = cleaned(text)
    assert once.text == text
    assert [*once.origin.starts] == [*range(len(text))]


@settings(max_examples=200, deadline=None)
@given(MESSY)
def test_clean_text_is_clean(source: str) -> None:
    text = cleaned(source).text
    assert not any(line != line.strip() or not line for line in text.split("\n")) or not text
    assert not set("\r\t\u00a0\u3000\u200b２９Ａ") & set(text)


@settings(max_examples=100, deadline=None)
@given(ORDINARY.filter(lambda text: len(text) > 40))
def test_a_notice_wrapped_in_navigation_reads_the_same(text: str) -> None:
    body = "".join(f"<p>　　{line}</p>" for line in text.split("\n"))
    page = (
        "<html><body><div class='nav'><a href=/>首页</a><a href=/>党纪处分</a></div>"
        f"<div class='content'>{body}</div><div class='footer'>版权所有 某县</div></body></html>"
    )
    assert cleaned(page).text == text


@pytest.mark.skipif(not REAL_PAGES.is_dir(), reason="the collection of real pages is not on this machine")
def test_real_pages_give_title_date_and_whole_body() -> None:
    pages = [clean(n) for n in read_notices([REAL_PAGES]) if n.file is not None and n.file.endswith(".html")]
    assert len(pages) >= 50
    for page in pages:
        assert_mapped(page)
        assert page.title, page.notice.id
        assert page.published or "PubDate" not in page.notice.text, page.notice.id
        assert len(page.text) > 500, page.notice.id
        for chrome in ("微信扫一扫", "返回首页", "版权所有", "客户端下载", "上一页", "{", "<"):
            assert chrome not in page.text, page.notice.id
