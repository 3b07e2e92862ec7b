"""The sending half of a host, with a clock of ours: bounces counted, parts queued once."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from freeports import free_port
from listhost import HIVE, LIST, LISTS, make_hosts
from tests.misfin.post.hosting.test_lists import BEA, CAL

from misfin.post.hosting.sending import HostSending
from misfin.post.hosting.settings import HostingSettings
from misfin.post.inbox import LocalInbox
from misfin.store.hosting.posts import NewPost, PostState, PostTaken
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.outbox import DeliveryState
from misfin.trust.pins import PinBook

DAY = 86400.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A host that sends and does not listen."""

    def __init__(self, root) -> None:
        self.hosts = make_hosts(root, {LISTS: free_port(), HIVE: free_port()})
        self.lists, self.hive = self.hosts[LISTS], self.hosts[HIVE]
        self.clock = Clock()
        self.clock.now = time.time()
        self.books = self.lists.books
        self.sending: HostSending | None = None

    def begin(self, settings: HostingSettings | None = None) -> HostSending:
        store = MailStore(self.lists.root / "mail")
        settings = settings or self.lists.settings.hosting
        pins = PinBook(self.lists.root / "trust.db")
        identities = IdentityStore(self.lists.root / "identities")
        inbox = LocalInbox(store)
        self.sending = HostSending(settings, self.books, identities, pins, store, inbox, now=self.clock)
        return self.sending

    def post(self, text: str) -> PostTaken:
        message = f"{BEA} Bea\n\n2026-03-02T10:00:00Z\n{text}\n".encode()
        new = NewPost(LIST, BEA, self.clock.now, text, text, message, b"file of " + text.encode())
        return self.books.posts.take(new, hold=False, most_an_hour=1000)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.hive.add(CAL)
    made.lists.add_list(LIST, BEA, CAL)
    yield made
    made.books.close()


async def test_a_dead_host_is_tried_for_days_and_its_subscriber_leaves_after_a_month(desk):
    sending, days = desk.begin(), 0
    while desk.books.lists.subscriber(LIST, CAL):
        assert days < 45, "never unsubscribed"
        desk.post(f"Day {days}")
        for _ in range(2):
            await sending.run_once()
            desk.clock.now += DAY / 2
        days += 1
    assert days > 29
    rows = sending._outbox.rows([DeliveryState.WAITING, DeliveryState.DEFERRED])
    assert rows == [], "nothing more is tried"
    assert desk.books.lists.subscriber(LIST, BEA), "the author got nothing that could fail"


async def test_a_mailbox_that_is_missing_counts_as_failing_from_the_first_post_on(desk):
    desk.books.lists.subscribe(LIST, ["nobody@hive.test"], now=0.0)
    async with desk.hive.running():
        desk.post("Hello")
        await desk.begin().run_once()
    missing = desk.books.lists.subscriber(LIST, "nobody@hive.test")
    assert missing.failing_since == pytest.approx(desk.clock.now)
    assert len(desk.hive.mail(CAL)) == 1
    assert desk.books.lists.failed(
        LIST, "nobody@hive.test", "Gone.", sent=desk.clock.now, now=desk.clock.now, patience=0.0
    )


async def test_what_a_crash_interrupted_is_queued_once_although_subscribers_changed_meanwhile(
    desk, monkeypatch
):
    people = [f"p{number:03d}@hive.test" for number in range(100)]
    desk.books.lists.subscribe(LIST, people, now=0.0)
    desk.post("Hello")
    sending = desk.begin()
    for dies_at in range(4):  # between a part in the outbox and our note of it

        def crash(part):
            raise RuntimeError

        with monkeypatch.context() as patched:
            patched.setattr(desk.books.posts, "queued", crash)
            with pytest.raises(RuntimeError):
                sending.queue()
        desk.books.lists.unsubscribe(LIST, people[dies_at])
        desk.books.lists.subscribe(LIST, [f"new{dies_at}@hive.test"], now=0.0)
        (post,) = desk.books.posts.posts(PostState.ACCEPTED)
        desk.books.posts.queued(desk.books.posts.next_part(post, 32))
    sending.queue()
    with closing(sending._outbox):
        rows = sending._outbox.rows([DeliveryState.WAITING])
        assert sorted(each.to for each in rows) == sorted([CAL, *people])
    assert len(desk.lists.files(LIST)) == 1, "archived once"


def test_an_approval_at_the_shell_and_one_by_message_send_a_post_once(desk):
    new = NewPost(LIST, BEA, desk.clock.now, "d", "s", b"\n\n\nx", b"")
    assert desk.books.posts.take(new, hold=True, most_an_hour=9) is PostTaken.HELD
    (post,) = desk.books.posts.posts(PostState.HELD)
    assert not desk.books.posts.approve("other@lists.test", post.id), "the number of another list"
    assert desk.books.posts.approve(LIST, post.id)
    assert not desk.books.posts.approve(LIST, post.id)
    assert not desk.books.posts.reject(LIST, post.id)
