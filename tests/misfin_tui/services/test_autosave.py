"""A draft that is being written is saved once, whoever stops waiting for it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from misfin.errors import StoreError
from misfin.store.outgoing.drafts import Draft
from misfin_tui.services import autosave
from misfin_tui.services.autosave import Autosave


async def test_a_save_that_nobody_waits_for_any_more_makes_no_second_draft():
    begun, go_on = threading.Event(), threading.Event()
    ids: list[str] = []

    def save(draft: Draft) -> Draft:
        ids.append(draft.id)
        begun.set()
        assert go_on.wait(60)
        return replace(draft, id=draft.id or f"draft-{len(ids)}")

    keeper = Autosave(save, lambda _draft: None, lambda _error: None)
    keeper.put(Draft(body="first"))
    waiting = asyncio.create_task(keeper.flush())
    assert await asyncio.to_thread(begun.wait, 60)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    keeper.put(Draft(body="first and last"))
    last = asyncio.create_task(keeper.flush())
    await asyncio.sleep(0.05)
    go_on.set()
    await last
    assert ids == ["", "draft-1"]
    assert keeper.draft_id == "draft-1"


async def test_a_bug_in_saving_is_reported_and_costs_no_text(monkeypatch):
    monkeypatch.setattr(autosave, "RETRY", 0.01)
    saved: list[Draft] = []
    failures: list[StoreError] = []
    done = asyncio.Event()

    def save(draft: Draft) -> Draft:
        if len(failures) < 1:
            raise ValueError("a bug")
        return replace(draft, id="draft-1")

    def note(draft: Draft) -> None:
        saved.append(draft)
        done.set()

    keeper = Autosave(save, note, failures.append)
    keeper.put(Draft(body="text"))
    with pytest.raises(StoreError, match="a bug"):
        await keeper.flush()
    assert keeper.unsaved
    async with asyncio.timeout(60):
        await done.wait()
    assert [draft.body for draft in saved] == ["text"]
    assert len(failures) == 1
    assert not keeper.unsaved


async def test_what_could_not_be_saved_is_forgotten_once_it_is_stopped():
    begun, go_on = threading.Event(), threading.Event()

    def save(_draft: Draft) -> Draft:
        begun.set()
        assert go_on.wait(60)
        raise StoreError("The disk is full.")

    keeper = Autosave(save, lambda _draft: None, lambda _error: None)
    keeper.put(Draft(body="text"))
    keeper.save_now()
    assert await asyncio.to_thread(begun.wait, 60)
    stopping = asyncio.create_task(keeper.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    assert not keeper.unsaved
