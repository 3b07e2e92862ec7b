"""What mutt makes of messages: it runs in a terminal of its own, with settings and a mailbox made for it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

_MUTTRC = """
set folder="{root}" spoolfile="{root}/mail" mbox_type=Maildir sort=mailbox-order quit=yes charset=utf-8
set assumed_charset="utf-8:windows-1252" header_cache="" tmpdir="{root}" mailcap_path="{root}/mailcap"
set index_format="%C|%y|%[%Y-%m-%dT%H:%M:%S+00:00]|%a|%s" status_on_top=yes wait_key=no help=no sleep_time=0
set pipe_decode=yes pipe_split=yes mark_old=no read_only=yes
auto_view text/html
ignore *
push "T~A<enter>;|{root}/keep<enter>"
"""
_KEEP = """#!/bin/sh
n=$(ls "{root}/texts" | wc -l)
cat > "{root}/texts/$n.part" && mv "{root}/texts/$n.part" "{root}/texts/$n"
"""
_LINE = re.compile(r"[ >*]*([0-9]+)\|([0-9]+)\|([^|]*)\|([^|]*)\|(.*)")
_PATIENCE = 60.0
"""Seconds for one mailbox; some of its messages may keep mutt from going on."""
_PAUSE = 2.0
_AT_ONCE = 500


def mutts(messages: dict[str, bytes]) -> dict[str, tuple[str, str, str, str]]:
    """Subject, sender, date and text of messages by their names; nothing if mutt or tmux is missing."""
    if not (shutil.which("mutt") and shutil.which("tmux")):
        return {}
    names = list(messages)
    found = {}
    for first in range(0, len(names), _AT_ONCE):
        found |= _some({name: messages[name] for name in names[first : first + _AT_ONCE]})
    return found


def _some(messages: dict[str, bytes]) -> dict[str, tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        root = Path(folder)
        for each in ("cur", "new", "tmp"):
            (root / "mail" / each).mkdir(parents=True)
        (root / "texts").mkdir()
        for number, data in enumerate(messages.values()):
            # mutt orders files as the disk has them: the label says which is which.
            (root / "mail" / "cur" / f"{number:06}:2,S").write_bytes(
                b"X-Label: %d\n" % number + data.lstrip()
            )
        (root / "mailcap").write_text("text/html; cat %s; copiousoutput\n")
        (root / "muttrc").write_text(_MUTTRC.replace("{root}", folder))
        (root / "keep").write_text(_KEEP.replace("{root}", folder))
        (root / "keep").chmod(0o700)
        tmux = ["tmux", "-S", str(root / "socket"), "-f", "/dev/null"]
        rows = str(len(messages) + 10)
        command = shlex.join(["mutt", "-n", "-F", str(root / "muttrc"), "-R"])
        environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "HOME": folder, "TERM": "xterm"}
        start = [*tmux, "new-session", "-d", "-x", "400", "-y", rows, command]
        subprocess.run(start, env=environment, check=True)
        try:
            end = time.monotonic() + _PATIENCE
            texts, before = 1, 0
            while texts < len(messages) and texts > before and time.monotonic() < end:
                time.sleep(_PAUSE)
                before, texts = texts, len(list((root / "texts").glob("*[0-9]")))
            capture = [*tmux, "capture-pane", "-p", "-t", "0"]
            shown = subprocess.run(capture, capture_output=True, text=True, check=True).stdout
        finally:
            subprocess.run([*tmux, "kill-server"], check=False)
        found, names = {}, list(messages)
        for line in shown.splitlines():
            if found_line := _LINE.match(line):
                place, number, date, sender, subject = found_line.groups()
                kept = root / "texts" / str(int(place) - 1)
                text = kept.read_text("utf-8", "replace").partition("\n\n")[2] if kept.exists() else ""
                found[names[int(number)]] = (subject.strip(), sender, date, text)
        return found
