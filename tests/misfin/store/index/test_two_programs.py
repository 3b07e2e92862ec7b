"""Two programs over one index: what one writes down while the other looks is news to the other."""

from __future__ import annotations

import pytest
from mailboxes import NOW, mail

from misfin.store.index import MailIndex


@pytest.fixture
def meanwhile():
    """What happens at the next look of the index made with ``clock``."""
    return []


@pytest.fixture
def pair(tmp_path, box, meanwhile):
    def clock() -> float:
        if meanwhile:
            meanwhile.pop()()
        return NOW + 1e6

    path = tmp_path / "cache" / "index.db"
    with MailIndex(path, box.root, now=clock) as one, MailIndex(path, box.root) as other:
        yield one, other


def test_what_another_program_indexed_during_a_scan_is_news(box, pair, meanwhile):
    one, other = pair
    box.put(mail("a"), flags="S")
    assert one.scan()
    assert not one.scan()

    def star() -> None:
        box.flag(box.files()[0], "FS")
        assert other.scan()

    meanwhile.append(star)
    assert one.scan().elsewhere
    assert not one.scan()


def test_what_another_program_indexed_between_two_scans_is_news_once(box, pair):
    one, other = pair
    box.put(mail("a"), flags="S")
    assert one.scan()
    box.put(mail("b"), flags="S")
    assert other.scan()
    assert one.scan().elsewhere
    assert not one.scan()
