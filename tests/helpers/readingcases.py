"""Small messages that many programs read wrong, in tests/fixtures/reading, and what each of them says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "reading"


@dataclass(frozen=True)
class Case:
    """What is right for one file. ``found`` is a query that finds it, ``date`` how its UTC date begins.

    ``above`` is what is shown above its text, with times in UTC.
    """

    name: str
    text: str
    found: str = ""
    files: tuple[str, ...] = ()
    subject: str = ""
    sender: str = "Ida Probe <ida@sender.example>"
    date: str = ""
    above: str = ""

    @property
    def data(self) -> bytes:
        return (FOLDER / f"{self.name}.eml").read_bytes()


_FORWARDED = (
    "Attached message:\nFrom: Original <orig@far.example>\nTo: ida@sender.example\n"
    "Date: 2026-03-01 09:00 UTC\nSubject: Original subject persimmon\n\nForwarded words: loquat."
)

CASES = (
    Case("alt-apple-pdf", "Plain hello with plum.", "has:attachment plum", ("invoice.pdf",)),
    Case(
        "alt-calendar",
        "You are invited.",
        "budget",
        ("invitation.ics",),
        above="Invitation: Budget round\nWhen: Tuesday, 10 March 2026, 09:00–10:00\nWhere: Room 7\n"
        "Organiser: ida@sender.example\n\n",
    ),
    Case("base64-two-parts", "First half.Second half gooseberry.", "gooseberry"),
    Case("cs-big5-hkscs", "中文 碁 粧 裏 嫺 咗", "粧"),
    Case("cs-cp-850", "Grüße", "grüße"),
    Case("cs-euckr-cp949", "똠방각하 펲시콜라", "펲시콜라"),
    Case(
        "cs-footer-latin1",
        "Somebody writes: áh, schöne Grüße!\n\n-- \nThis footer is inserted: b�h.",
        "schöne inserted",
    ),
    Case("cs-html-meta-1251", "Привет, мир", "привет"),
    Case("cs-iso2022jp-nec", "第①章は株", "章"),
    Case("cs-sjis-cp932", "丸付き①髙橋㈱～", "髙橋"),
    Case("cs-windows-874", "สวัสดี “ไทย”", "ไทย"),
    Case("cte-base64-extra", "Decoded text with rhubarb.", "rhubarb"),
    Case("cte-base64-semicolon", "Decoded text with rhubarb.", "rhubarb"),
    Case("cte-quoted", "Decoded text with rhubarb.", "rhubarb"),
    Case("d-cest", "x", date="2025-06-03T08:00"),
    Case("d-colonzone", "x", date="2026-02-03T02:00"),
    Case("d-comment", "x", date="2026-02-03T10:00"),
    Case("d-dots", "x", date="2026-02-03T10:00"),
    Case("d-ist", "x", date="2026-02-03T04:30"),
    Case("d-missing", "x", date="2026-02-04T12:00"),
    Case("f-2047-in-pieces", "Hello.", files=("a 😁😁.docx",)),
    Case("f-backslash", "Hello.", "plan", ("plan.pdf",)),
    Case("f-missing-semi", "Hello.", "plan", ("plan.pdf",)),
    Case("h-ew-whole-b64", "x", "from:ida6", sender="Ida Pröbe <ida6@sender.example>"),
    Case("h-from-quoted-local", "x", sender='Odd One <"odd local@x"@sender.example>'),
    Case("h-leading-blank", "body medlar", "medlar", sender="ida@sender.example"),
    Case("h-q-questionmark", "x", "ready", subject="CASE Ready? Yes it is ä"),
    Case("h-subj-2022jp-nec", "x", subject="CASE 第①章"),
    Case(
        "h-subj-truncated",
        "x",
        "grüße köln mitglieder",
        subject="CASE Neue Grüße aus Köln für alle Mitglieder�",
    ),
    Case("html-list", "1. one\n2. two\n* a\n  * b"),
    Case("m-boundary-comment", "commented boundary", "commented"),
    Case("m-ct-nosemicolon", "Paragraph bold", "paragraph"),
    Case("m-inline-named-text", "Hello.\n\n--- a\n+++ b", "has:attachment patch", ("patch.diff",)),
    Case("m-no-boundary-param", "Text without boundary parameter.", "parameter"),
    Case("m-rfc822", f"See forwarded.\n\n{_FORWARDED}", "persimmon loquat", ("message.eml",)),
    Case("m-rfc822-top", _FORWARDED, "persimmon loquat", ("message.eml",)),
    Case("t-bom", "Starts with a BOM", "starts"),
    Case("t-cr-only", "line one\nline two", "line", sender="ida@sender.example"),
    Case("uuencode-body", "See the file below.", "has:attachment notes", ("notes.txt",)),
)
