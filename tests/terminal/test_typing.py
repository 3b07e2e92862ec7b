"""What is typed so quickly that the program reads many keys at once goes where each key was meant to go."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("key", ["\r", "\t"], ids=["enter", "tab"])
def test_a_message_typed_at_once_has_every_line_in_its_field(opened, key):
    desk = opened()
    desk.terminal.press("c")
    desk.terminal.until("Subject")
    desk.terminal.settle()
    desk.terminal.send(f"zoe@hive.test{key}Secret plan{key}Words of the plan.\x1b")
    desk.terminal.until("Kept as a draft.")
    (draft,) = desk.drafts()
    assert (draft.to, draft.subject, draft.body) == (("zoe@hive.test",), "Secret plan", "Words of the plan.")
