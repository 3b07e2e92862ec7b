"""Reads other people's test messages, and says where ours, Python's ``email``, mutt and notmuch differ.

Usage: ``compare.py FOLDER ... [--table] [--slow SECONDS]``. A file counts as a message if it begins
with header fields. mbox files are divided. The exit status is 1 if reading one failed or took too long.
"""

from __future__ import annotations

import argparse
import email
import email.policy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from with_mutt import mutts

from misfin.store.message.mime import ParsedMessage, read_message

MAX_FILE = 20_000_000
_MESSAGE = re.compile(rb"(?:>?From [^\n]*\n)?(?:\s*\n)?(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}")
_USUAL = re.compile(
    rb"^(?:from|to|subject|date|message-id|content-type|mime-version|received|return-path|x-[a-z-]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_MBOX = re.compile(rb"(?:\A|\n\r?\n)(?=From [^\n]*\d{4}\r?\n)")
_NOT_MAIL = {
    ".py",
    ".pl",
    ".pm",
    ".c",
    ".h",
    ".cs",
    ".go",
    ".rs",
    ".php",
    ".js",
    ".ts",
    ".rb",
    ".md",
    ".rst",
    ".json",
}
_NOT_MAIL |= {
    ".html",
    ".css",
    ".xml",
    ".yml",
    ".yaml",
    ".toml",
    ".po",
    ".cpp",
    ".cc",
    ".hh",
    ".lua",
    ".sh",
    ".cmake",
}


class Seen(NamedTuple):
    """What one reader makes of a message."""

    subject: str
    sender: str
    date: str
    text: str


def messages(folders: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Every message below the folders, each only once, with a name for it."""
    known = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in _NOT_MAIL or not path.is_file() or path.is_symlink():
                continue
            if path.stat().st_size > MAX_FILE:
                continue
            data = path.read_bytes()
            if not _MESSAGE.match(data) or not _USUAL.search(data[:20_000]):
                continue
            starts = [found.end() for found in _MBOX.finditer(data)] if data.startswith(b"From ") else []
            starts = starts or [0]
            for number, (first, last) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True)):
                part = data[first:last]
                digest = sha256(part).digest()
                if digest not in known:
                    known.add(digest)
                    yield f"{path.relative_to(folder)}{f' #{number + 1}' if len(starts) > 1 else ''}", part


def ours(message: ParsedMessage) -> Seen:
    date = message.date.astimezone(UTC).isoformat() if message.date else ""
    return Seen(message.subject, str(message.sender.address or message.sender.name), date, message.text)


def pythons(data: bytes) -> Seen | str:
    """What the standard library makes of it; the name of the exception if it raises one."""
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        subject = " ".join(str(message["subject"] or "").split())
        sender, date = "", ""
        if message["from"] is not None and message["from"].addresses:
            sender = message["from"].addresses[0].addr_spec
        if message["date"] is not None and message["date"].datetime:
            moment = message["date"].datetime
            date = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        body = message.get_body(("plain", "html"))
        text = body.get_content() if body is not None else ""
        return Seen(subject, sender, date, text if isinstance(text, str) else "")
    except Exception as error:
        return type(error).__name__


def notmuchs(different: dict[str, bytes]) -> dict[str, Seen]:
    """What notmuch makes of some messages, by their names; those it does not index are left out."""
    if not shutil.which("notmuch"):
        return {}
    found: dict[str, Seen] = {}
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        root = Path(folder)
        for number, data in enumerate(different.values()):
            cur = root / "mail" / str(number) / "cur"
            cur.mkdir(parents=True)
            # notmuch shows two messages with one id as one.
            (cur / "1:2,S").write_bytes(re.sub(rb"(?im)^message-id[ \t]*:.*\n(?:[ \t].*\n)*", b"", data))
        config = root / "config"
        config.write_text(
            f"[database]\npath={root / 'mail'}\n[new]\ntags=\n[user]\nname=A\nprimary_email=a@b\n"
        )
        environment = {**os.environ, "NOTMUCH_CONFIG": str(config)}
        subprocess.run(["notmuch", "new", "--quiet"], env=environment, check=False, capture_output=True)
        for number, name in enumerate(different):
            command = ["notmuch", "show", "--format=json", "--include-html", "--entire-thread=false"]
            done = subprocess.run(
                [*command, f"path:{number}/cur"], env=environment, check=False, capture_output=True
            )
            with suppress(ValueError, LookupError, TypeError):
                found[name] = _from_notmuch(json.loads(done.stdout))
    return found


def _from_notmuch(shown: list[Any]) -> Seen:
    while isinstance(shown, list):
        shown = shown[0]
    headers, when = shown["headers"], datetime.fromtimestamp(shown["timestamp"], UTC).isoformat()
    address = re.search(r"<([^<>]*)>\s*$", headers.get("From", ""))
    texts: list[str] = []

    def walk(parts: list[Any]) -> None:
        for part in parts:
            content = part.get("content")
            if isinstance(content, list):
                walk([each for each in content if "content-type" in each])
            elif isinstance(content, str):
                texts.append(content)

    walk(shown["body"])
    return Seen(
        headers.get("Subject", ""), address[1] if address else headers.get("From", ""), when, "\n".join(texts)
    )


def squeezed(text: str) -> str:
    return "".join(text.split())


def _agrees(third: Seen, field: str, ours: str, other: str) -> str:
    """With whom a third reader agrees."""
    said, left, right = (squeezed(each)[:100].lower() for each in (getattr(third, field), ours, other))
    return {(True, False): "ours", (False, True): "email"}.get((said == left, said == right), "neither")


def show_table(
    rows: list[tuple[str, str, str, str]],
    different: dict[str, bytes],
    read: dict[str, tuple[bytes, Seen]],
    count: Counter[str],
) -> None:
    """Where ours differ from ``email``, with what two others say; then where they differ only from mutt."""
    by_mutt = {
        name: Seen(*seen) for name, seen in mutts({name: data for name, (data, _) in read.items()}).items()
    }
    others = {"notmuch": notmuchs(different), "mutt": by_mutt}
    for field, name, left, right in rows:
        print(f"{field}: {name}\n    ours    {left[:160]!r}\n    email   {right[:160]!r}")
        for reader, seen in others.items():
            if name in seen:
                print(f"    {reader:<7} {getattr(seen[name], field)[:160]!r}")
                count[f"{field}: {reader} agrees with {_agrees(seen[name], field, left, right)}"] += 1
    told = {(field, name) for field, name, _, _ in rows}
    for name, seen in by_mutt.items():
        for field in ("subject", "sender", "date"):
            left, right = getattr(read[name][1], field), getattr(seen, field)
            same = squeezed(left)[:100].lower() == squeezed(right)[:100].lower()
            count[f"{field}: mutt {'the same' if same else 'differs'}"] += 1
            if not same and (field, name) not in told:
                print(f"{field}, only mutt: {name}\n    ours    {left[:160]!r}\n    mutt    {right[:160]!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument(
        "--table", action="store_true", help="print where subject, sender, date or text differ"
    )
    parser.add_argument("--slow", type=float, default=2.0, help="seconds that reading a message may take")
    args = parser.parse_args()
    count: Counter[str] = Counter()
    failed = 0
    rows: list[tuple[str, str, str, str]] = []
    different: dict[str, bytes] = {}
    read: dict[str, tuple[bytes, Seen]] = {}
    for name, data in messages(args.folders):
        count["messages"] += 1
        began = time.process_time()
        try:
            message = read_message(data)
            read_message(data, prefer="text/html")
            for file in message.attachments:
                file.content(data)
            text = f"{message.subject} {message.sender} {message.text}"
            text.encode("utf-8", "surrogatepass")
        except Exception:
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc()
            continue
        spent = time.process_time() - began
        if spent > args.slow:
            failed += 1
            print(f"SLOW {name}: {spent:.1f} s")
        own = ours(message)
        read[name] = data, own
        for remark in message.remarks:
            count[f"remark: {remark.name.lower()}"] += 1
        other = pythons(data)
        if isinstance(other, str):
            count[f"email raises {other}"] += 1
            continue
        if own.date and not other.date:
            count["date only ours"] += 1
        for field in Seen._fields:
            left, right = getattr(own, field), getattr(other, field)
            if field == "text":
                same = (
                    squeezed(right)[:200] in squeezed(left)
                    or message.kind.value == "html"
                    or not right.strip()
                )
            else:
                same = squeezed(left).lower() == squeezed(right).lower() or (field == "date" and not right)
            count[f"{field}: {'same' if same else 'differs'}"] += 1
            if not same:
                rows.append((field, name, left, right))
                different[name] = data
    if args.table:
        show_table(rows, different, read, count)
    for what, number in sorted(count.items()):
        print(f"{number:>7}  {what}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
