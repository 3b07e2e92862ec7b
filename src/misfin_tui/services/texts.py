"""Texts that an editor saved after their draft was gone: they become drafts of their own."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.compose.addresslist import entries_of
from misfin.compose.headeredit import WITH_HEADER, EditedMessage, HeaderField, read_header
from misfin.errors import MessageGoneError
from misfin.store.outgoing.drafts import Draft
from misfin_tui import editor

if TYPE_CHECKING:
    from misfin_tui.services import Services


def take_up(services: Services, account: str) -> int:
    """Save each as a draft written from ``account``; returns how many there were. Blocks.

    Raises :class:`StoreError`; what could not be saved stays where it is.
    """
    box = services.draft_box

    def exists(draft_id: str) -> bool:
        try:
            box.load(draft_id)
        except MessageGoneError:
            return False
        return True

    taken = 0
    for left in editor.without_draft(services.profile.runtime, exists):
        if left.text is None or not left.text.strip():
            continue  # its file was set aside, or says nothing
        draft = Draft(account=account, body=left.text)
        if left.note == WITH_HEADER:
            draft = _with_fields(draft, read_header(left.text))
        box.save(draft, now=time.time())
        editor.forget(left.path)
        taken += 1
    return taken


def _with_fields(draft: Draft, edited: EditedMessage) -> Draft:
    """The draft with what the header above its text says; From is that of ``draft``."""
    to, cc, bcc = (
        tuple(entries_of(edited.fields.get(field, "")))
        for field in (HeaderField.TO, HeaderField.CC, HeaderField.BCC)
    )
    subject = edited.fields.get(HeaderField.SUBJECT, "")
    return replace(draft, to=to, cc=cc, bcc=bcc, subject=subject, body=edited.body)
