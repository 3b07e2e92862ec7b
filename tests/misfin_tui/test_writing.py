"""Autosaving and the text area: what the composer is made of."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import StoreError
from misfin.store.outgoing.drafts import Draft
from misfin_tui.services import autosave
from misfin_tui.services.autosave import Autosave
from misfin_tui.widgets.gemtext_area import preformatted, spans, typable, visible

# ---- saving


class Disk:
    """Saves in memory, slowly or not at all."""

    def __init__(self) -> None:
        self.saved: list[Draft] = []
        self.told: list[Draft] = []
        self.failed: list[StoreError] = []
        self.full = False
        self.gate = threading.Event()
        self.gate.set()

    def save(self, draft: Draft) -> Draft:
        self.gate.wait(60)
        if self.full:
            raise StoreError("full")
        done = Draft(id=draft.id or "id-1", body=draft.body, modified=1.0)
        self.saved.append(done)
        return done

    def keeper(self) -> Autosave:
        return Autosave(self.save, self.told.append, self.failed.append)


async def test_a_burst_of_keys_is_one_save():
    disk = Disk()
    keeper = disk.keeper()
    for text in ("a", "ab", "abc"):
        keeper.put(Draft(body=text))
    await keeper.flush()
    assert [draft.body for draft in disk.saved] == ["abc"]
    assert keeper.draft_id == "id-1"
    assert not keeper.unsaved


async def test_what_is_typed_during_a_save_is_saved_too():
    disk = Disk()
    keeper = disk.keeper()
    disk.gate.clear()
    keeper.put(Draft(body="one"))
    first = asyncio.create_task(keeper.flush())
    await asyncio.sleep(0.05)  # it is under way
    keeper.put(Draft(body="one two"))
    assert keeper.unsaved
    disk.gate.set()
    await first
    await keeper.flush()
    assert [(draft.body, draft.id) for draft in disk.saved] == [("one", "id-1"), ("one two", "id-1")]


async def test_a_failed_save_keeps_the_text_and_says_so_once():
    disk = Disk()
    disk.full = True
    keeper = disk.keeper()
    keeper.put(Draft(body="precious"))
    for _ in range(3):
        keeper.save_now()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    assert len(disk.failed) == 1
    disk.full = False
    await keeper.flush()
    assert [draft.body for draft in disk.saved] == ["precious"]
    await keeper.stop()


async def test_a_save_somebody_asked_for_is_tried_again_by_itself_when_it_failed(monkeypatch):
    monkeypatch.setattr(autosave, "RETRY", 0.01)
    disk = Disk()
    disk.full = True
    keeper = disk.keeper()
    keeper.put(Draft(body="precious"))
    with pytest.raises(StoreError):
        await keeper.flush()
    disk.full = False
    async with asyncio.timeout(60):
        while keeper.unsaved:
            await asyncio.sleep(0.01)
    assert [draft.body for draft in disk.saved] == ["precious"]
    await keeper.stop()


async def test_after_the_end_nothing_is_saved_any_more():
    disk = Disk()
    keeper = disk.keeper()
    keeper.put(Draft(body="x"))
    await keeper.stop()
    keeper.put(Draft(body="y"))
    await keeper.flush()
    assert disk.saved == []


# ---- the text area


@given(st.text())
def test_typable_text_holds_nothing_a_terminal_obeys(text):
    import unicodedata

    clean = typable(text)
    assert not [c for c in clean if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert typable(clean) == clean


@given(st.text(alphabet=st.characters(blacklist_characters="\n\r"), max_size=60))
def test_what_is_drawn_has_as_many_characters_as_what_is_written(text):
    line = typable(text).replace("\n", " ")
    assert len(visible(line)) == len(line)


def test_joiners_are_written_but_not_drawn():
    assert typable("a\u200db") == "a\u200db"
    assert visible("a\u200db") == "a·b"


def test_lines_are_coloured_by_kind():
    assert spans("# Title", block=False) == [("heading", 0, 7)]
    assert spans("=>  gemini://x y", block=False) == [("list", 0, 2), ("link", 4, 14), ("label", 14, 16)]
    assert spans("* item", block=False) == [("list", 0, 1)]
    assert spans("> said", block=False) == [("quote", 0, 6)]
    assert spans("plain", block=False) == []
    assert spans("# code", block=True) == [("pre", 0, 6)]
    assert preformatted(["a", "```x", "# b", "```", "c"]) == [False, True, True, True, False]
