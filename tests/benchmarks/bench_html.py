"""How well and how fast HTML mail becomes text, compared with the libraries for it that are installed.

Targets: a newsletter of 100 KB on screen in 50 ms; 100 typical messages, half of them newsletters of 60 KB,
read at least three times as fast as the standard library's ``email`` walks them with ``policy.default``. Both
do the same for that figure: the header fields that a list shows, the tree of parts with their file names, the
decoded text of every part. To show a message, HTML has to become text too, which the standard library cannot
do: that figure is beside ``email`` with each library that can.

Times are those of the processor, as all of this is work of one thread. Quality is counted on 200 invented
documents (make_html.py): the share of facts that a rendering gets right.

For the comparison: ``pip install inscriptis html2text html-to-markdown selectolax lxml resiliparse``.
"""

from __future__ import annotations

import email
import email.policy
import importlib
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from make_html import Page, long_page, make_pages

from misfin.store.message.html import html_to_text
from misfin.store.message.mime import read_message
from misfin.store.message.structure import parts_of

ROUNDS = 7


def say(what: str, figure: float, unit: str, note: str = "") -> None:
    print(f"  {what:<52} {figure:>10,.2f} {unit:<10} {note}", flush=True)


# ---- the peers --------------------------------------------------------------------------------------


def _inscriptis() -> Callable[[str], str]:
    inscriptis = importlib.import_module("inscriptis")
    model = importlib.import_module("inscriptis.model.config")
    config = model.ParserConfig(display_links=True, display_images=True)
    return lambda html: inscriptis.get_text(html, config)


def _html2text() -> Callable[[str], str]:
    html2text = importlib.import_module("html2text")

    def convert(html: str) -> str:
        maker = html2text.HTML2Text(bodywidth=0)
        return maker.handle(html)

    return convert


def _html_to_markdown() -> Callable[[str], str]:
    library = importlib.import_module("html_to_markdown")

    def convert(html: str) -> str:
        made = library.convert(html)
        return getattr(made, "content", None) or str(made)

    return convert


def _selectolax() -> Callable[[str], str]:
    parser = importlib.import_module("selectolax.lexbor")

    def convert(html: str) -> str:
        tree = parser.LexborHTMLParser(html)
        tree.strip_tags(["script", "style", "head", "title"])
        return tree.body.text(separator=" ")

    return convert


def _lxml() -> Callable[[str], str]:
    library = importlib.import_module("lxml.html")
    return lambda html: library.document_fromstring(html).text_content()


def _resiliparse() -> Callable[[str], str]:
    library = importlib.import_module("resiliparse.extract.html2text")
    return lambda html: library.extract_plain_text(html, links=True, alt_texts=True)


PEERS = {
    "inscriptis": _inscriptis,
    "html2text": _html2text,
    "html-to-markdown": _html_to_markdown,
    "resiliparse": _resiliparse,
    "selectolax (text)": _selectolax,
    "lxml (text)": _lxml,
}


# ---- quality ----------------------------------------------------------------------------------------


def judge(page: Page, text: str, score: Counter[tuple[str, bool]]) -> None:
    """Count which facts about a document its rendering shows."""
    # An underscore may be a mark for emphasis.
    at = {
        word: found.start()
        for word in page.words
        if (found := re.search(rf"(?<![^\W_]){word}(?![^\W_])", text))
    }
    line_of = {
        word: text[text.rfind("\n", 0, start) + 1 : text.find("\n", start)] for word, start in at.items()
    } | {word: "" for word in page.words if word not in at}

    def note(what: str, right: bool) -> None:
        score[what, right] += 1

    note("all words", len(at) == len(page.words))
    places = [at[word] for word in page.words if word in at]
    note("order", places == sorted(places))
    for word in page.hidden:
        note("hidden text absent", word not in text)
    note("no CSS, no script", not re.search(r"mso-|@media|var \w+ =|font-family|<[a-z]+ [a-z]+=", text))
    note("characters", "café" in text and "&nbsp;" not in text if "caf&eacute;" in page.html else True)
    for word, target in page.links:
        after = text[at[word] :] if word in at else ""
        note("link targets", target.replace("\\", "") in after.replace("\\", ""))
    for one, other in page.cells:
        between = text[at[one] + len(one) : at[other]] if one in at and other in at else ""
        note("cells apart", bool(re.search(r"\s|\|", between)))
    for one, other in page.rows:
        between = text[at[one] : at[other]] if one in at and other in at else ""
        note("blocks on their own lines", "\n" in between)
    previous: dict[int, int] = {}
    for word, depth, number in page.items:
        line = line_of[word]
        indent = len(line) - len(line.lstrip(" >"))
        marked = re.match(r"[\s>|]*([*+•-]|\d+\\?\.)\s*", line)
        mark = marked[1].replace("\\", "") if marked else ""
        note(
            "list marks and numbers",
            mark == number if number else mark in ("*", "-", "+", "•") and bool(mark),
        )
        if depth:
            note("list nesting", indent > previous.get(depth - 1, 99))
        previous[depth] = indent
    for word, depth in page.quotes:
        note("quote depth", len(re.match(r"[> ]*", line_of[word])[0].replace(" ", "")) == depth)  # type: ignore[index]
    for word in page.images:
        note("picture descriptions", word in text)


def quality() -> None:
    pages = make_pages()
    columns: dict[str, Counter[tuple[str, bool]]] = {}
    speeds: dict[str, float] = {}
    size = sum(len(page.html) for page in pages)
    for name, load in {"misfin": lambda: html_to_text, **PEERS}.items():
        try:
            convert = load()
        except ImportError:
            continue
        score: Counter[tuple[str, bool]] = Counter()
        for page in pages:
            judge(page, convert(page.html), score)
        columns[name] = score
        began = time.process_time()
        for page in pages:
            convert(page.html)
        speeds[name] = size / (time.process_time() - began) / 1e6
    facts = list(dict.fromkeys(what for score in columns.values() for what, _ in score))
    print(f"  {len(pages)} documents, {size / 1e6:.1f} MB; facts shown right, in percent")
    print(f"  {'':<26}" + "".join(f"{name:>19}" for name in columns))
    for what in facts:
        print(
            f"  {what:<26}"
            + "".join(
                f"{100 * score[what, True] / (score[what, True] + score[what, False]):>19.1f}"
                for score in columns.values()
            )
        )
    print(f"  {'MB/s':<26}" + "".join(f"{speed:>19.1f}" for speed in speeds.values()))


# ---- speed ------------------------------------------------------------------------------------------


def typical(count: int = 100, *, plain: bool = True) -> list[bytes]:
    """Messages as they come: half plain ones, half newsletters of 60 KB, with a plain text or not."""
    found = []
    for number in range(count):
        message = EmailMessage()
        message["From"] = f"Sënder {number} <news{number}@sender.example>"
        message["To"] = "Ada Example <ada@mail.example>"
        message["Subject"] = f"Grüße aus Köln, number {number}"
        message["Date"] = "Tue, 03 Feb 2026 10:00:00 +0100"
        message["Message-ID"] = f"<{number}@sender.example>"
        for hop in range(6):
            message["Received"] = (
                f"from a{hop}.example by b{hop}.example with ESMTPS; Tue, 3 Feb 2026 10:00:00 +0000"
            )
        message.set_content(f"Hello, this is message {number}.\n" + "Schöne Grüße und ein Satz dazu.\n" * 20)
        if number % 2 and plain:
            message.add_alternative(long_page(60_000, number), subtype="html")
        elif number % 2:
            message.set_content(long_page(60_000, number), subtype="html")
        found.append(message.as_bytes())
    return found


def walk(data: bytes, convert: Callable[[str], str] = str) -> None:
    """What a program does with the standard library to list and show a message."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    _ = [str(message[name]) for name in ("from", "to", "subject", "date", "message-id", "references")]
    for part in message.walk():
        if part.get_content_maintype() == "text":
            content = part.get_content()
            if part.get_content_subtype() == "html":
                convert(content)
        part.get_filename()


def same_work(data: bytes) -> None:
    """What :func:`walk` does: HTML stays HTML here too."""
    message = read_message(data, as_html=True)
    _ = (message.sender, message.to, message.subject, message.date, message.message_id, message.references)
    for part in parts_of(data):
        if part.type.startswith("text/"):
            part.text(data)
        _ = part.name


def per_round(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append((time.process_time() - start) * 1e3)
    return statistics.median(spent)


def speed() -> None:
    page = long_page(100_000)
    say(f"a newsletter of {len(page) / 1000:.0f} KB to text", per_round(lambda: html_to_text(page)), "ms")
    head = b"From: a@b\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n"
    data = head + page.encode()
    message = read_message(data)
    say("the same, read from its bytes", per_round(lambda: read_message(data)), "ms")

    def drawn() -> None:
        from misfin_tui.widgets.message_rows import body_layout

        body_layout(read_message(data), 98)

    drawn()
    say(
        "the same, read and laid out for the screen",
        per_round(drawn),
        "ms",
        f"{len(message.text):,} characters",
    )
    for what, plain in (("with a plain text beside HTML", True), ("with only HTML", False)):
        messages = typical(plain=plain)
        print(f"  100 typical messages, their newsletters {what}")
        works: dict[str, Callable[[bytes], object]] = {"the same work": same_work, "shown": read_message}
        works["email, policy.default"] = walk
        for name, load in {} if plain else PEERS.items():
            with suppress(ImportError):
                works[f"email and {name}"] = partial(walk, convert=load())
        spent = dict(zip(works, in_turn(list(works.values()), messages), strict=True))
        for name, own in (("the same work", "read"), ("shown", "read and made text to show")):
            say(f"  {own}", spent[name], "ms")
            for other in list(works)[2:] if name == "shown" else ["email, policy.default"]:
                say(f"    {other}", spent[other], "ms", f"{spent[other] / spent[name]:.2f} x as long")


def in_turn(works: list[Callable[[bytes], object]], messages: list[bytes]) -> list[float]:
    """Milliseconds that each needs for all messages, taking turns, as the machine may be busy."""

    def all_of(work: Callable[[bytes], object]) -> None:
        for data in messages:
            work(data)

    rounds = [[per_round(partial(all_of, work), 1) for work in works] for _ in range(ROUNDS)]
    return [statistics.median(each) for each in zip(*rounds, strict=True)]


if __name__ == "__main__":
    quality()
    speed()
