"""Tags on disk, in the form Dovecot keeps keywords in."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import StoreError
from misfin.store.mail import keywords
from misfin.store.mail.keywords import FLAGS, check_tag, name_keywords, read_keywords, tags_of
from misfin.store.mail.maildir import Maildir


@pytest.fixture
def folder(tmp_path):
    return Maildir(tmp_path / "box").create().path


def nobody():
    return ()


def named(folder):
    return (folder / "dovecot-keywords").read_text()


def test_without_the_file_there_are_no_tags(folder):
    assert read_keywords(folder) == {}
    assert read_keywords(folder / "missing") == {}


def test_what_dovecot_wrote_is_read(folder):
    (folder / "dovecot-keywords").write_bytes(
        b"0 $Forwarded\n1 work\n2 a&ACA-b\n25 last\n26 beyond\nx junk\n\n3\n\xff bad\n"
    )
    assert read_keywords(folder) == {"a": "$forwarded", "b": "work", "c": "a&aca-b", "z": "last"}


def test_a_keyword_means_the_same_tag_however_another_program_spells_it(folder):
    (folder / "dovecot-keywords").write_text("0 Work\n1 NonJunk\n2 B&ANw-RO\n")
    assert read_keywords(folder) == {"a": "work", "b": "nonjunk", "c": "büro"}
    assert name_keywords(folder, ["work", "büro"], nobody) == {"work": "a", "büro": "c"}
    assert name_keywords(folder, ["new"], nobody) == {"new": "d"}
    assert named(folder) == "0 Work\n1 NonJunk\n2 B&ANw-RO\n3 new\n"


def test_a_tag_written_twice_keeps_one_letter_for_new_mail(folder):
    (folder / "dovecot-keywords").write_text("0 Work\n1 work\n")
    assert tags_of("ab", read_keywords(folder)) == ("work",)
    assert name_keywords(folder, ["work"], nobody)["work"] in "ab"


def test_flags_mean_tags(folder):
    assert tags_of("FSab", {"a": "work", "b": "art", "c": "unused"}) == ("art", "work")
    assert tags_of("Sxy", {"a": "work"}) == ()


def test_a_new_tag_gets_the_first_free_flag(folder):
    assert name_keywords(folder, ["work"], nobody) == {"work": "a"}
    assert name_keywords(folder, ["travel", "work"], nobody) == {"travel": "b", "work": "a"}
    assert named(folder) == "0 work\n1 travel\n"
    assert sorted(os.listdir(folder)) == ["cur", "dovecot-keywords", "new", "tmp"]
    assert os.listdir(folder / "tmp") == []


def test_more_new_tags_than_flags_is_said_and_changes_nothing(folder):
    with pytest.raises(StoreError, match="26 different tags"):
        name_keywords(folder, [f"tag{number}" for number in range(27)], nobody)
    assert read_keywords(folder) == {}


def test_a_flag_nobody_bears_is_given_again_but_not_that_of_a_tag_asked_for_with_it(folder):
    name_keywords(folder, [f"tag{number:02}" for number in range(26)], nobody)
    given = name_keywords(folder, ["tag00", "new", "newer"], nobody)
    assert given == {"tag00": "a", "new": "b", "newer": "c"}
    assert tags_of("abcd", read_keywords(folder)) == ("new", "newer", "tag00", "tag03")


def test_a_known_tag_changes_nothing(folder):
    name_keywords(folder, ["work"], nobody)
    before = (folder / "dovecot-keywords").stat().st_ino
    assert name_keywords(folder, ["work"], nobody) == {"work": "a"}
    assert (folder / "dovecot-keywords").stat().st_ino == before


def test_the_flag_of_other_folders_is_preferred_where_it_is_free(folder):
    assert name_keywords(folder, ["work"], nobody, {"work": "k"}) == {"work": "k"}
    assert name_keywords(folder, ["art"], nobody, {"art": "k"}) == {"art": "a"}
    assert named(folder) == "0 art\n10 work\n"


def test_a_flag_that_no_letter_bears_is_given_again(folder):
    (folder / "dovecot-keywords").write_text("".join(f"{n} tag{n}\n" for n in range(26)))
    assert name_keywords(folder, ["fresh"], lambda: set(FLAGS) - {"e"}) == {"fresh": "e"}
    assert read_keywords(folder)["e"] == "fresh"


def test_the_27th_tag_is_refused_and_nothing_is_changed(folder):
    text = "".join(f"{n} tag{n}\n" for n in range(26))
    (folder / "dovecot-keywords").write_text(text)
    with pytest.raises(StoreError, match="26 different tags") as caught:
        name_keywords(folder, ["fresh"], lambda: set(FLAGS))
    assert caught.value.remedy
    assert named(folder) == text


def test_a_lock_is_waited_for(folder):
    lock = folder / "dovecot-keywords.lock"
    lock.touch()
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            (folder / "dovecot-keywords").write_text("0 theirs\n")
            lock.unlink()

    assert name_keywords(folder, ["ours"], nobody, sleep=sleep) == {"ours": "b"}
    assert named(folder) == "0 theirs\n1 ours\n"
    assert len(waits) == 3


def test_a_lock_that_stays_is_an_error(folder):
    (folder / "dovecot-keywords.lock").touch()
    with pytest.raises(StoreError, match="locked by another program"):
        name_keywords(folder, ["x"], nobody, sleep=lambda seconds: None)
    assert not (folder / "dovecot-keywords").exists()


def test_a_forgotten_lock_is_broken(folder):
    lock = folder / "dovecot-keywords.lock"
    lock.touch()
    os.utime(lock, (time.time() - 1000,) * 2)
    assert name_keywords(folder, ["x"], nobody, sleep=lambda seconds: None) == {"x": "a"}


def test_a_change_of_another_program_in_between_is_kept(folder, monkeypatch):
    replace = keywords._replace
    tries = []

    def too_late(*args):
        if not tries:
            (folder / "dovecot-keywords").write_text("0 theirs\n")
        tries.append(replace(*args))
        return tries[-1]

    monkeypatch.setattr(keywords, "_replace", too_late)
    assert name_keywords(folder, ["ours"], nobody, sleep=lambda seconds: None) == {"ours": "b"}
    assert named(folder) == "0 theirs\n1 ours\n"
    assert tries == [False, True]
    assert os.listdir(folder / "tmp") == []


def test_a_full_disk_leaves_the_tags_as_they_were_and_no_draft(folder, monkeypatch):
    name_keywords(folder, ["work"], nobody)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        name_keywords(folder, ["travel"], nobody)
    assert named(folder) == "0 work\n"
    assert os.listdir(folder / "tmp") == []


def test_many_at_once_lose_no_tag(folder):
    tags = [f"tag{number}" for number in range(12)]
    threads = [threading.Thread(target=name_keywords, args=(folder, [tag], nobody)) for tag in tags]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_keywords(folder).values()) == sorted(tags)


def test_what_cannot_be_written_is_said(folder):
    (folder / "tmp").rmdir()
    with pytest.raises(StoreError, match="could not be written"):
        name_keywords(folder, ["x"], nobody)


@pytest.mark.parametrize(
    "tag", ["", " ", "two words", "a(b", "a)b", "{x", "50%", "st*r", 'q"', "b\\", "x]", "a\x1b", "y" * 61]
)
def test_what_imap_cannot_name_is_no_tag(tag):
    with pytest.raises(StoreError, match="cannot be a tag"):
        check_tag(tag)


def test_tags_are_kept_in_lower_case():
    assert check_tag(" Work ") == "work"
    assert check_tag("GRÖSSE") == "grösse"


def test_tags_in_any_script_are_written_as_imap_writes_names(folder):
    tags = ["größe.1", "a&b", "後で"]
    flags = name_keywords(folder, tags, nobody)
    assert named(folder).isascii()
    assert {flags[tag]: tag for tag in tags} == read_keywords(folder)


@given(st.binary(max_size=300))
def test_any_file_is_read(data):
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "dovecot-keywords").write_bytes(data)
        for flag, tag in read_keywords(Path(name)).items():
            assert flag in FLAGS
            assert tag == "".join(tag.split())


def test_a_file_system_without_hard_links_keeps_tags_and_the_lock(folder, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert name_keywords(folder, ["work"], nobody) == {"work": "a"}
    assert name_keywords(folder, ["travel"], nobody) == {"travel": "b"}
    assert named(folder) == "0 work\n1 travel\n"
    (folder / "dovecot-keywords.lock").touch()
    with pytest.raises(StoreError, match="locked by another program"):
        name_keywords(folder, ["x"], nobody, sleep=lambda seconds: None)
    assert named(folder) == "0 work\n1 travel\n"
    assert os.listdir(folder / "tmp") == []
