"""Makes a web page of a mail that is safe to open in a browser: nothing in it runs, and nothing is loaded.

Two walls, so that a fault in one does no harm. ``nh3`` leaves only the elements, attributes and styles listed
here, and no address but those of links; a policy in the page (W3C, *Content Security Policy*) forbids the
browser to load or run anything. Pictures that came with the mail are inside the page.
"""

from __future__ import annotations

import base64
import re
import resource
import sys
from collections.abc import Mapping
from html import escape
from urllib.parse import unquote

from misfin.store.message.mime import ParsedMessage, read_message
from misfin.store.message.parts import Attachment


def _words(*lines: str) -> set[str]:
    return {word for line in lines for word in line.split()}


MAX_PICTURES = 16 * 1024 * 1024
"""Bytes of all pictures in a page."""
_MEMORY = 2 * 1024 * 1024 * 1024
"""Bytes of address space of the process that makes a page."""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
"""Not SVG, which is a document with links and scripts of its own."""
_TAGS = _words(
    "a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd",
    "del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li",
    "main mark ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th thead",
    "tr tt u ul var wbr",
)
_EMPTIED = _words(
    "script style title template noscript iframe object embed svg math textarea select audio video head",
)
"""Elements that go with all they hold."""
_ATTRIBUTES = {
    "*": _words("align bgcolor border color dir height lang style title valign width"),
    "a": {"href"},
    "blockquote": {"type"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"face", "size"},
    "img": {"src", "alt"},
    "li": {"value"},
    "ol": {"start", "type"},
    "table": {"cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_STYLES = _words(
    "background background-color border border-bottom border-bottom-color border-collapse border-color",
    "border-left border-left-color border-radius border-right border-right-color border-spacing",
    "border-style border-top border-top-color border-width color direction display font font-family",
    "font-size font-style font-weight height letter-spacing line-height list-style-type margin",
    "margin-bottom margin-left margin-right margin-top max-height max-width min-width opacity overflow",
    "padding padding-bottom padding-left padding-right padding-top text-align text-decoration",
    "text-indent text-transform vertical-align visibility white-space width word-break",
)
_LOADING = re.compile(r"url|image|expression|import|\\|@|/\*", re.IGNORECASE)
"""In a style, whatever could load something or hide that it does."""
_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
_INLINE = re.compile(r"data:image/(?:png|jpe?g|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>{title}</title></head>
<body><p style="font: small sans-serif; color: #555; border-bottom: 1px solid #ccc">{note}</p>
{body}
</body></html>
"""


def web_page(data: bytes, size: int | None = None) -> str:
    """A whole mail as a web page: its text, in HTML if it offers that, and the pictures that belong to it.

    ``data`` and ``size`` as in :func:`~misfin.store.message.mime.read_message`.
    """
    message = read_message(data, size=size, prefer="text/html", as_html=True)
    pictures = _Pictures(data, message)
    body = _clean(message.text, pictures)
    count = pictures.left_out
    note = "Nothing in this page is loaded from the network."
    if count:
        note = f"Shown without {count} picture{'s' if count > 1 else ''} that did not come with the message."
    notes = " ".join((note, *message.remarks))
    return _PAGE.format(policy=_POLICY, title=escape(message.subject), note=escape(notes), body=body)


def text_page(data: bytes, size: int | None = None) -> str:
    """A web page of a mail's text alone, for one whose HTML takes too long."""
    message = read_message(data, size=size, prefer="text/html")
    note = "The HTML of this message is too large or too deeply nested for a page; this is its text."
    body = f"<pre>{escape(message.text)}</pre>"
    return _PAGE.format(policy=_POLICY, title=escape(message.subject), note=note, body=body)


def main() -> None:
    """Make a page of the mail on standard input, within limits of time and memory, in a process of its own.

    What an HTML parser does with hostile markup is not linear. The arguments are the size of the mail in
    bytes and seconds of processor time.
    """
    size, seconds = map(int, sys.argv[1:3])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    page = web_page(sys.stdin.buffer.read(), size)
    sys.stdout.buffer.write(page.encode("utf-8", "replace"))


def _clean(markup: str, pictures: _Pictures) -> str:
    import nh3  # compiled, and only for this

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return pictures.address(value) if tag == "img" else None
        if name == "href":
            return value if _LINK.match(value) else None
        if name == "style":
            rules = [rule for rule in value.split(";") if not _LOADING.search(rule)]
            return ";".join(rules) or None
        return value

    return nh3.clean(
        markup,
        tags=_TAGS,
        clean_content_tags=_EMPTIED,
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "cid", "data"},
        filter_style_properties=_STYLES,
        link_rel="noopener noreferrer nofollow",
    )


class _Pictures:
    """The pictures of a mail, by the names that its HTML has for them, as addresses that contain them."""

    def __init__(self, data: bytes, message: ParsedMessage) -> None:
        self._data = data
        self._files: Mapping[str, Attachment] = {
            file.content_id: file
            for file in message.attachments
            if file.content_id and file.type in _PICTURES and file.size <= MAX_PICTURES
        }
        self._made: dict[str, str] = {}
        self._room = MAX_PICTURES * 4 // 3
        self.left_out = 0

    def address(self, source: str) -> str | None:
        """A ``data:`` address for a ``cid:`` one (RFC 2392) or a picture in the HTML itself; none for others.

        Each use counts, as each makes the page larger.
        """
        address = source if _INLINE.fullmatch(source) else self._named(source)
        self._room -= len(address)
        if not address or self._room < 0:
            self.left_out += 1
            return None
        return address

    def _named(self, source: str) -> str:
        scheme, _, name = source.strip().partition(":")
        file = self._files.get(unquote(name)) if scheme.lower() == "cid" else None
        if file is None or file.size > self._room:
            return ""
        if file.content_id not in self._made:
            content = base64.b64encode(file.content(self._data)).decode()
            self._made[file.content_id] = f"data:{file.type};base64,{content}"
        return self._made[file.content_id]


if __name__ == "__main__":
    main()
