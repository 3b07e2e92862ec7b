"""The book of lists: counts, many subscribers, requests, and a file that only its owner can read."""

from __future__ import annotations

import time

import pytest

from misfin.post.hosting.books import HostBooks
from misfin.store.hosting.lists import CodeChecked, MailingList, Posting
from misfin.store.hosting.posts import NewPost, PostTaken

LIST, OTHER = "dev@lists.test", "ops@lists.test"


@pytest.fixture
def books(tmp_path):
    made = HostBooks(tmp_path / "hosting.db")
    made.open()
    for each in (LIST, OTHER):
        made.lists.create(MailingList(each), now=0.0)
    yield made
    made.close()


def new_post(text: str = "Hi", at: float = 1000.0) -> NewPost:
    return NewPost(LIST, "bea@hive.test", at, text, text, b"\n\n\nHi", b"")


def test_the_file_is_private_and_made_only_when_asked_for(tmp_path, books):
    assert books.path.stat().st_mode & 0o777 == 0o600
    elsewhere = HostBooks(tmp_path / "none.db")
    assert not elsewhere.refresh()
    assert not (tmp_path / "none.db").exists()


def test_each_list_has_its_own_subscribers_settings_and_waiting_posts(books):
    books.lists.subscribe(LIST, ["a@x.test", "b@x.test", "a@x.test"], now=1.0)
    books.lists.change(MailingList(OTHER, "Tools", Posting.ANYONE, moderated=True, archive=False))
    assert books.posts.take(new_post(), hold=True, most_an_hour=9) is PostTaken.HELD
    assert books.lists.counts() == {LIST: (2, 1), OTHER: (0, 0)}
    assert books.lists.get(OTHER) == MailingList(
        OTHER, "Tools", Posting.ANYONE, moderated=True, archive=False
    )
    assert books.lists.get(LIST) == MailingList(LIST)


def test_a_list_with_a_hundred_thousand_subscribers_takes_a_post_within_moments(books):
    books.lists.subscribe(LIST, (f"p{number}@x.test" for number in range(100_000)), now=1.0)
    began = time.process_time()
    assert books.posts.take(new_post(), hold=False, most_an_hour=9) is PostTaken.ACCEPTED
    post = books.posts.next_accepted()
    part = books.posts.next_part(post, 32)
    assert len(part.recipients) == 32
    assert time.process_time() - began < 5


def test_requests_are_answered_by_their_code_and_key_within_a_day_and_are_limited(books):
    assert books.lists.request(LIST, "a@x.test", "key", "{code}", now=0.0)
    assert not books.lists.request(LIST, "a@x.test", "key", "{code}", now=60.0)
    (notice,) = books.posts.notices(9)
    for key, code, at in (("other", notice.text, 1.0), ("key", "ffffffff", 1.0)):
        assert books.lists.confirm(LIST, "a@x.test", key, code, "", now=at) is CodeChecked.WRONG
    late = books.lists.confirm(LIST, "a@x.test", "key", notice.text, "", now=90_000.0)
    assert late is CodeChecked.LATE
    assert books.lists.confirm(LIST, "a@x.test", "key", notice.text, "", now=2.0) is CodeChecked.YES
    assert books.lists.subscriber(LIST, "a@x.test").key == "key"
    asked = sum(books.lists.request(OTHER, f"p{n}@x.test", "", "{code}", now=3.0) for n in range(1003))
    assert asked == 1000


def test_the_text_of_another_author_within_a_day_waits_and_that_of_the_same_is_known(books):
    take = books.posts.take
    assert take(new_post(), hold=False, most_an_hour=9) is PostTaken.ACCEPTED
    assert take(new_post(at=1500.0), hold=False, most_an_hour=9) is PostTaken.KNOWN
    assert take(new_post(at=2000.0), hold=False, most_an_hour=9) is PostTaken.ACCEPTED
    other = NewPost(LIST, "cal@hive.test", 2001.0, "Hi", "Hi", b"", b"")
    assert take(other, hold=False, most_an_hour=9) is PostTaken.HELD
    assert take(new_post("More", at=2002.0), hold=False, most_an_hour=2) is PostTaken.TOO_MANY
