"""``--json``: nothing a stranger wrote acts on a terminal, and programs read the same text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import wrap
from misfin_tui.screentext import escaped

from .conftest import Shell

ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
STRANGE = "a\x7fb\x80c\x9b31md\x9fe\u2028f\u2029g\u202eh\u2066i\u200fj\u061ck\u200bl\U000e0041m"


@given(
    st.text(
        st.one_of(
            st.characters(),
            st.sampled_from(STRANGE),
            st.characters(categories=["Cs", "Cf", "Cc", "Zl", "Zp"]),
        )
    )
)
def test_it_is_the_same_json_with_nothing_active_in_it(text: str) -> None:
    wanted = json.dumps({text: [text]}, ensure_ascii=False)
    line = escaped(wanted)
    assert not ACTIVE.search(line)
    assert json.loads(line) == json.loads(json.dumps({text: [text]}))


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("plain", "Ада Lovelace — “quoted”", "日本語 עברית العربية", "naïve 🙂 ❤️"):
        assert escaped(json.dumps(text, ensure_ascii=False)) == f'"{text}"'


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_words_of_a_stranger_do_not_act_on_a_terminal(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    gemmail = f"bob@x.test Bob\n\n2026-11-19T13:00:00Z\n# {STRANGE}\n\ntext {STRANGE}\n".encode()
    shell.run("identity", "new", "ada@mail.example")
    ada = MisfinAddress.parse("ada@mail.example")
    MailStore(shell.root / "mail").folder(ada.address, "Inbox").deliver(
        wrap(gemmail, version=Version.C, account=ada, now=datetime(2026, 11, 19, tzinfo=UTC))
    )
    (row,) = shell.json("list")
    for words, wanted in ((("list",), "\u202e\u2066"), (("show", str(row["id"])), "\x9b\u202e\u2066")):
        (line,) = shell.run(*words, "--json").stdout.removesuffix("\n").split("\n")
        assert not ACTIVE.search(line), line
        assert set(wanted) <= set("".join(map(str, json.loads(line).values())))
