"""HTML -> the main text with the place of every character in the source.

In: markup, a whole page or a fragment. Out: a ``Page``: pieces of text with source ranges, and what the page says of
its title, date and source. It never rewrites words: entities are resolved, lines break at blocks, the rest is verbatim.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

from nlp.codebook import Entry, load_codebook

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_SENTENCE = re.compile(r"[，。；]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,24});?")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)")
_TAG = re.compile(r"""</?[A-Za-z][^<>"']*(?:"[^"]*"[^<>"']*|'[^']*'[^<>"']*)*>""")
_ATTRIBUTE = re.compile(r"""([A-Za-z:_-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_HIDDEN = re.compile(r"display\s*:\s*none|\shidden(?=[\s>=])", re.IGNORECASE)
_FRAME = re.compile(r"<(?:html|body|head|!doctype)\b", re.IGNORECASE)
_BLOCK_END = re.compile(
    r"</(?:p|div|td|tr|table|li|ul|ol|h[1-6]|pre|body|html|section|article|blockquote)\s*>", re.IGNORECASE
)
_BREAK = re.compile(r"<br\s*/?>|<p(?:\s[^<>]*)?>", re.IGNORECASE)
_TITLE_CUT = re.compile(r"\s*(?:-{1,3}|_{1,3}|\||｜|—{2,}|–|»|>)\s*")
_SPACES = re.compile(r"\s+")

_TAG_LIMIT = 2048  # characters within which quoted attributes must close; else a tag ends at its first '>'
_BROKEN_LIMIT = 1000  # broken tags after which quotes are no longer followed, so that hostile markup costs little
_DEPTH_LIMIT = 300  # elements nested deeper than this are read as if they were inline

_RAW = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "math", "textarea", "title"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_CONTAINERS = frozenset(
    {"html", "body", "div", "section", "article", "main", "center", "form", "fieldset", "table", "tbody", "tr", "td"}
)
_BLOCKS = _CONTAINERS | {
    *("address", "aside", "blockquote", "caption", "dd", "details", "dl", "dt", "figcaption", "figure", "footer"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "nav", "ol", "option", "p", "pre", "select"),
    *("summary", "tfoot", "th", "thead", "ul"),
}
_AROUND_TAGS = frozenset({"nav", "footer", "aside", "button", "select", "option", "head"})
_TABLE_TAGS = frozenset({"table", "tr", "td", "th", "tbody", "thead", "tfoot"})
_CLOSES: dict[str, tuple[frozenset[str], frozenset[str]]] = {  # an opening tag closes these, up to those
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "table"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    "dd": (frozenset({"dd", "dt"}), frozenset({"dl"})),
    "dt": (frozenset({"dd", "dt"}), frozenset({"dl"})),
    "option": (frozenset({"option"}), frozenset({"select"})),
}


class Piece(NamedTuple):
    """A piece of text: verbatim ``source[start:end]`` when ``text`` is None, else ``text`` standing for that range."""

    start: int
    end: int
    text: str | None = None


@dataclass(frozen=True)
class Page:
    """The main text in pieces, in source order, and what the page says about itself."""

    pieces: tuple[Piece, ...]
    title: str | None = None
    published: str | None = None
    publisher: str | None = None


@dataclass(slots=True, eq=False)
class _Node:
    tag: str
    parent: _Node | None
    name: str = ""  # class and id
    around: bool = False  # by tag, class or style no part of the main text
    heading: bool = False
    prose: int = 0
    prose_lines: int = 0
    children: list[_Node] = field(default_factory=list)

    def ancestors(self) -> Iterator[_Node]:
        node: _Node | None = self
        while node is not None:
            yield node
            node = node.parent


@dataclass(slots=True, eq=False)
class _Line:
    node: _Node
    pieces: list[Piece]
    text: str
    linked: int
    heading: _Node | None  # the heading element around the line

    @property
    def link_share(self) -> float:
        return self.linked / max(1, len(self.text))


@cache
def _entries(kind: str) -> tuple[Entry, ...]:
    return tuple(entry for entry in load_codebook()["pages"] if entry.get("kind") == kind)


@cache
def _any_of(kind: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for entry in _entries(kind) for pattern in entry.patterns))


@cache
def _longest_line() -> int:
    return int(load_codebook()["pages"].settings["longest_line"])


def is_markup(text: str, file: str | None = None) -> bool:
    """Whether a text is HTML: by its file's name, by <html> or <body>, or by block elements that open and close."""
    if file is not None and file.lower().endswith((".html", ".htm")):
        return True
    if "<" not in text:
        return False
    return bool(_FRAME.search(text[:2000]) or _BLOCK_END.search(text) or len(_BREAK.findall(text[:20000])) >= 2)


def is_around(line: str) -> bool:
    """Whether a line (spaces squeezed) is navigation, a share bar, a footer: no part of any notice."""
    return 0 < len(line) <= _longest_line() and _any_of("line").match(line) is not None


def is_info(line: str) -> bool:
    """Whether a line (spaces squeezed) only tells date and source of the page."""
    return 0 < len(line) <= _longest_line() and _any_of("info").match(line) is not None


def stated_value(entry_id: str, line: str) -> str | None:
    """The value a line states for an entry of kind ``value`` (says_published, says_publisher), or None."""
    found = load_codebook()["pages"][entry_id].regex.search(line)
    if found is None:
        return None
    return next((value.strip() for value in found.groupdict().values() if value), None)


def squeeze(text: str) -> str:
    """The text with every run of white space as one space, none at the ends."""
    return _SPACES.sub(" ", text).strip()


def read_page(source: str) -> Page:
    """The main text of a page or fragment, with source ranges, without navigation, share bars and footers."""
    reader = _Reader(source)
    reader.read()
    body = _main_lines(reader)
    title, heading = _title(reader, _headings(reader, body))
    published, publisher = _stated(reader)
    start = body[0].pieces[0].start if body else len(source)
    headline = [line for line in heading if line.pieces[-1].end <= start]
    return Page(tuple(_joined([*headline, *body])), title, published, publisher)


def _joined(lines: Iterable[_Line]) -> Iterator[Piece]:
    """The pieces of all lines, a line break standing for whatever lay between two lines."""
    end: int | None = None
    for line in lines:
        if end is not None:
            yield Piece(end, line.pieces[0].start, "\n")
        yield from line.pieces
        end = line.pieces[-1].end


class _Reader:
    """One pass over the source: a light tree of elements, and lines of text pieces hung on it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.page = _FRAME.search(source) is not None
        self.root = _Node("root", None)
        self.stack = [self.root]
        self.open: Counter[str] = Counter()
        self.links = 0
        self.lines: list[_Line] = []
        self.meta: dict[str, str] = {}
        self.title_tag = ""
        self._pieces: list[Piece] = []
        self._linked = 0
        self._unclosed: set[str] = set()
        self._broken = 0

    def read(self) -> None:
        source, end, position = self.source, len(self.source), 0
        while position < end:
            opening = source.find("<", position)
            if opening < 0:
                opening = end
            if opening > position:
                self._text(position, opening)
            if opening == end:
                break
            position = self._markup(opening)
        self._break()

    def _markup(self, start: int) -> int:
        """Take what opens at a '<'; returns where reading goes on."""
        source = self.source
        following = source[start + 1 : start + 2]
        if source.startswith("<!--", start):
            return self._past("-->", start, start + 4)
        if following in ("!", "?"):
            return self._past(">", start, start + 2)
        name = _NAME.match(source, start)
        if name is None:
            self._text(start, start + 1)
            return start + 1
        end = self._tag_end(start, name.end())
        self._tag(name.group(1).lower(), source[start:end], start)
        lowered = name.group(1).lower()
        if following != "/" and lowered in _RAW and not source.startswith("/>", end - 2):
            return self._raw(lowered, end)
        return end

    def _tag_end(self, start: int, after: int) -> int:
        """Just past the tag; a broken one ends at its '>' if that comes before the next '<', else with its name."""
        if self._broken < _BROKEN_LIMIT:
            tag = _TAG.match(self.source, start, min(len(self.source), start + _TAG_LIMIT))
            if tag:
                return tag.end()
            self._broken += 1
        end = self._past(">", start, after)
        return after if self.source.find("<", after, end) >= 0 else end

    def _past(self, mark: str, start: int, after: int) -> int:
        """Just past the next ``mark``; when there is none, only the one '<' is skipped."""
        if mark not in self._unclosed:
            found = self.source.find(mark, after)
            if found >= 0:
                return found + len(mark)
            self._unclosed.add(mark)
        return max(start + 1, min(after, len(self.source)))

    def _raw(self, tag: str, start: int) -> int:
        """Skip what scripts, styles and the like hold; an element that never closes is skipped as a tag only."""
        closing = f"</{tag}"
        if closing in self._unclosed:
            return start
        found = re.compile(re.escape(closing), re.IGNORECASE).search(self.source, start)
        if found is None:
            self._unclosed.add(closing)
            return start
        if tag == "title" and not self.title_tag:
            self.title_tag = squeeze(html.unescape(self.source[start : found.start()]))
        return self._past(">", start, found.end())

    def _tag(self, name: str, tag: str, start: int) -> None:
        if name == "meta":
            self._meta(tag)
        if name in _BLOCKS or name == "br":
            self._break()
        if name in _VOID:
            return
        if tag[1] == "/":
            self._close(name)
        else:
            self._open(name, tag)

    def _meta(self, tag: str) -> None:
        found = {key.lower(): a or b or c for key, a, b, c in _ATTRIBUTE.findall(tag)}
        key = found.get("name") or found.get("property")
        if key and (content := squeeze(html.unescape(found.get("content", "")))):
            self.meta.setdefault(key.lower(), content)

    def _open(self, name: str, tag: str) -> None:
        if name in _BLOCKS and self.open["p"]:
            self._pop_to(frozenset({"p"}), _CONTAINERS | {"li", "blockquote"})
        if name in _CLOSES:
            self._pop_to(*_CLOSES[name])
        if len(self.stack) >= _DEPTH_LIMIT:
            return
        attributes = tag[len(name) + 1 :]
        label = _class_and_id(attributes) if "class" in attributes or "id" in attributes else ""
        node = _Node(name, self.stack[-1], label)
        node.around = name in _AROUND_TAGS or bool(_HIDDEN.search(attributes)) or _is_around_label(label)
        node.heading = name in ("h1", "h2") or bool(label and _any_of("headline").search(label))
        self.stack[-1].children.append(node)
        self.stack.append(node)
        self.open[name] += 1
        self.links += name == "a"

    def _close(self, name: str) -> None:
        if not self.open[name]:
            return
        if name not in _BLOCKS:
            self._pop_to(frozenset({name}), _BLOCKS)
        elif name == "p":
            self._pop_to(frozenset({name}), _CONTAINERS)
        elif name in _TABLE_TAGS:
            self._pop_to(frozenset({name}), frozenset({"table"}))
        else:
            self._pop_to(frozenset({name}), frozenset({"table", "td", "th"}))

    def _pop_to(self, names: frozenset[str], fences: frozenset[str]) -> None:
        """Close the innermost open element among ``names`` unless one of ``fences`` lies above it."""
        for depth in range(len(self.stack) - 1, 0, -1):
            tag = self.stack[depth].tag
            if tag in names:
                for node in self.stack[depth:]:
                    self.open[node.tag] -= 1
                    self.links -= node.tag == "a"
                del self.stack[depth:]
                return
            if tag in fences:
                return

    def _text(self, start: int, end: int) -> None:
        node = self.stack[-1]
        if node.tag == "pre" or (not self.page and not any(n.tag in _BLOCKS for n in node.ancestors())):
            for number, piece in enumerate(self.source[start:end].split("\n")):
                if number:
                    self._break()
                self._piece(start, start + len(piece))
                start += len(piece) + 1
        else:
            self._piece(start, end)

    def _piece(self, start: int, end: int) -> None:
        if start == end:
            return
        if self.links:
            self._linked += len(self.source[start:end].strip())
        position = start
        if self.source.find("&", start, end) >= 0:
            for entity in _ENTITY.finditer(self.source, start, end):
                text = html.unescape(entity.group())
                if text == entity.group():
                    continue
                if entity.start() > position:
                    self._pieces.append(Piece(position, entity.start()))
                self._pieces.append(Piece(entity.start(), entity.end(), text))
                position = entity.end()
        if position < end:
            self._pieces.append(Piece(position, end))

    def _break(self) -> None:
        """End the line; a line of white space only is none."""
        if not self._pieces:
            return
        pieces, self._pieces = self._pieces, []
        linked, self._linked = self._linked, 0
        text = squeeze("".join(self.source[p.start : p.end] if p.text is None else p.text for p in pieces))
        if text:
            node = next(n for n in self.stack[-1].ancestors() if n.tag in _BLOCKS or n.parent is None)
            heading = next((n for n in self.stack[-1:-6:-1] if n.heading), None)
            place = self.stack[-1] if _marked(self.stack[-1], node) else node
            self.lines.append(_Line(place, pieces, text, linked, heading))


def _marked(inner: _Node, block: _Node) -> bool:
    """Whether an inline element between a line and its block is marked as no part of the text."""
    for node in inner.ancestors():
        if node is block:
            return False
        if node.around:
            return True
    return False


def _class_and_id(attributes: str) -> str:
    return " ".join(a or b or c for key, a, b, c in _ATTRIBUTE.findall(attributes) if key.lower() in ("class", "id"))


@lru_cache(maxsize=4096)  # labels are as many as the pages of the world
def _is_around_label(label: str) -> bool:
    return bool(label) and _any_of("container").search(label) is not None


def _prose(line: _Line) -> int:
    """How much running text a line holds: none in links, navigation, footers and in lines without a sentence."""
    if line.link_share > 0.5 or not _SENTENCE.search(line.text) or is_around(line.text) or is_info(line.text):
        return 0
    return len(line.text) if _HAN.search(line.text) else 0


def _count(lines: Iterable[_Line]) -> None:
    for line in lines:
        amount = _prose(line)
        if amount:
            for node in line.node.ancestors():
                node.prose += amount
                node.prose_lines += 1


def _forget(root: _Node) -> None:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        node.prose = node.prose_lines = 0
        waiting.extend(node.children)


def _main_lines(reader: _Reader) -> list[_Line]:
    """The lines of the main body, in order."""
    root = reader.root
    _count(reader.lines)
    around = _around(root)
    kept = [line for line in reader.lines if not any(node in around for node in line.node.ancestors())]
    kept = kept or reader.lines
    _forget(root)
    _count(kept)
    body = _body(root)
    inside = [line for line in kept if any(node is body for node in line.node.ancestors())]
    return [line for line in inside if not _is_chrome(line)]


def _around(root: _Node) -> set[_Node]:
    """The elements marked as no part of the text, but for those that, all of one name together, hold most of it."""
    marked: dict[tuple[str, str], list[_Node]] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        if node.around:
            marked.setdefault((node.tag, node.name), []).append(node)
    alike = (nodes for nodes in marked.values() if 2 * sum(node.prose for node in nodes) <= root.prose)
    return {node for nodes in alike for node in nodes}


def _body(root: _Node) -> _Node:
    """The innermost container that still holds nearly all the running text."""
    total, body = root.prose, root
    while total:
        heir = max(body.children, key=lambda child: child.prose, default=None)
        if heir is None or heir.prose < 0.85 * total or not _may_enter(body, heir):
            break
        body = heir
    return body


def _may_enter(node: _Node, child: _Node) -> bool:
    """Whether nothing of the text is lost by looking at ``child`` alone."""
    if child.tag in ("p", "li", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "pre"):
        return False
    if child.tag in ("td", "th", "tr") and child.prose_lines < 2:
        return False
    if child.prose == node.prose:
        return True
    twin = any(c is not child and c.prose and (c.tag, c.name) == (child.tag, child.name) for c in node.children)
    return child.prose_lines >= 2 and not twin


def _is_chrome(line: _Line) -> bool:
    """Whether a line inside the body is no text of the notice."""
    if is_around(line.text) or is_info(line.text):
        return True
    return line.link_share > 0.6 and "。" not in line.text


def _headings(reader: _Reader, body: list[_Line]) -> list[list[_Line]]:
    """Lines that share one heading element, heading by heading, none of them after the body's first lines."""
    last = body[min(3, len(body) - 1)].pieces[0].start if body else len(reader.source)
    groups: dict[_Node, list[_Line]] = {}
    for line in reader.lines:
        if line.heading is not None and line.pieces[0].start <= last and line.link_share < 0.5:
            groups.setdefault(line.heading, []).append(line)
    return [g for g in groups.values() if 5 <= len(_bare(g)) <= 150 and not any(_is_chrome(line) for line in g)]


def _bare(lines: Iterable[_Line]) -> str:
    return "".join(_SPACES.sub("", line.text) for line in lines)


def _title(reader: _Reader, headings: list[list[_Line]]) -> tuple[str | None, list[_Line]]:
    """The page's title and the heading lines that carry it: told by meta element or <title>, else the first heading."""
    names = load_codebook()["pages"]["meta_title"]["names"]
    stated = next((squeeze(_TAG.sub(" ", reader.meta[n])) for n in names if n in reader.meta), "")
    told = [_SPACES.sub("", text) for text in (stated, reader.title_tag)]
    for heading in headings:
        if any(_bare(heading) in text for text in told):
            return " ".join(line.text for line in heading), heading
    cut = stated or _cut_title(reader.title_tag)
    if headings and (not cut or (not stated and (len(cut) < 5 or _any_of("site").search(cut)))):
        return " ".join(line.text for line in headings[0]), headings[0]
    return cut, [line for line in reader.lines if cut and _bare([line]) == _SPACES.sub("", cut)][:1]


def _cut_title(title: str) -> str | None:
    """A page title without the names of site and column behind or before it."""
    parts = [part for part in _TITLE_CUT.split(title) if part]
    named = [part for part in parts if not _any_of("site").search(part)]
    if not parts:
        return None
    if parts[0] in named:
        return parts[0] if len(parts[0]) >= 5 else max(named, key=len)
    return max(named or parts, key=len)


def _stated(reader: _Reader) -> tuple[str | None, str | None]:
    """Date and source: from meta elements, else from a short line that states them."""
    pages = load_codebook()["pages"]
    published = next((reader.meta[n] for n in pages["meta_published"]["names"] if n in reader.meta), None)
    publisher = next((reader.meta[n] for n in pages["meta_publisher"]["names"] if n in reader.meta), None)
    for line in reader.lines:
        if published and publisher:
            break
        if len(line.text) <= _longest_line():
            published = published or stated_value("says_published", line.text)
            publisher = publisher or stated_value("says_publisher", line.text)
    return published, publisher
