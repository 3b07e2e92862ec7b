"""What a search finds, in any language, and how it is walked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from mailboxes import ME, NOW, Mailbox, mail, scanned, subjects

from misfin.errors import QueryError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.index import MailIndex
from misfin.store.message.envelope import wrap
from misfin.store.rows import Completion, Count, View
from misfin.store.search import matches, spelling

DAY = 86400.0
MULTIPART = """\
--x
Content-Type: text/plain; charset=utf-8

See the attached plan.
--x
Content-Type: application/pdf; name="blueprint-attic.pdf"
Content-Disposition: attachment; filename="blueprint-attic.pdf"

%PDF
--x--"""


@pytest.fixture
def index(tmp_path):
    box = Mailbox(tmp_path / "mail")

    def put(data, folder="Inbox", flags=None):
        box.put(data, folder, flags=flags)

    put(mail("Meeting notes", "green flowers in the garden", sender="Bob Jones <bob@remote.host>"))
    put(mail("Flowers", "yellow", sender="Carol <carol@hive.test>", date=NOW - DAY), flags="FS")
    put(someone("Über Café", "Grüße aus Łódź, naïve façade", date=NOW - 10 * DAY), flags="S")
    put(someone("漢字のテスト", "今日は良い天気ですね。東京タワー", date=NOW - 20 * DAY), flags="S")
    put(someone("한국어", "오늘은 날씨가 좋네요", date=NOW - 21 * DAY), flags="S")
    put(someone("हिन्दी", "नमस्ते दुनिया", date=NOW - 22 * DAY), flags="S")
    put(someone("ไทย", "สวัสดีชาวโลก", date=NOW - 23 * DAY), flags="S")
    put(someone("Привет", "Ёлка и ежик", date=NOW - 24 * DAY), flags="S")
    put(someone("Καλημέρα", "Αθήνα", date=NOW - 25 * DAY), flags="S")
    put(someone("سلام", "مُحَمَّد", date=NOW - 26 * DAY), flags="S")
    put(someone("עברית", "שָׁלוֹם", date=NOW - 27 * DAY), flags="S")
    put(
        someone("Page", "<p>A <b>hyacinth</b> &amp; more</p>", content_type="text/html; charset=utf-8"),
        flags="S",
    )
    put(
        someone("Plan", MULTIPART, content_type='multipart/mixed; boundary="x"', mime_version="1.0"),
        flags="S",
    )
    put(someone("Link", "look:\n=> gemini://capsule.example/ there", date=NOW - 400 * DAY), flags="S")
    put(mail("My answer", "thanks", sender=f"Me <{ME}>", to="Bob <bob@remote.host>"), "Sent", flags="S")
    put(someone("Old thing", "green", date=NOW - 5000 * DAY), "Old things", flags="S")
    put(mail("Doubtful", "hm", sender="erin@hive.test"), "Held")
    gemmail = wrap(
        b"bob@remote.host Bob\n\n2026-09-01T10:00:00Z\n# Gem\nkestrel\n",
        version=Version.C,
        account=MisfinAddress.parse(ME),
        now=datetime.fromtimestamp(NOW, UTC),
        verification={"certificate": "pass", "pin": "match"},
        received_by="mail.example",
        received_from="192.0.2.1",
    )
    put(gemmail, flags="S")
    with MailIndex(tmp_path / "index.db", box.root, now=lambda: NOW, zone=UTC) as opened:
        yield scanned(opened)


def someone(subject, body, **fields):
    return mail(subject, body, **{"sender": "Zed <zed@other.example>", **fields})


def found(index, query, **view):
    return sorted(subjects(index.conversations(View(query=query, **view), 0, 100)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("flowers", ["Flowers", "Meeting notes"]),
        ("FLOWERS", ["Flowers", "Meeting notes"]),
        ("flower", []),
        ("flower*", ["Flowers", "Meeting notes"]),
        ("flo*", ["Flowers", "Meeting notes"]),
        ("fl*", ["Flowers", "Meeting notes"]),
        ('"green flowers"', ["Meeting notes"]),
        ('"flowers green"', []),
        ("green -flowers", ["Old thing"]),
        ("flowers -from:carol", ["Meeting notes"]),
        ("-flowers in:inbox is:unread", []),
        ("yellow OR thanks", ["Flowers", "My answer"]),
        ("(yellow OR thanks) -in:sent", ["Flowers"]),
        ("yellow OR is:held", ["Doubtful", "Flowers"]),
        ("from:bob", ["Gem", "Meeting notes"]),
        ("from:bob@remote.host", ["Gem", "Meeting notes"]),
        ("from:remote.host -gem", ["Meeting notes"]),
        ('from:"Bob Jones"', ["Meeting notes"]),
        ("to:bob", ["My answer"]),
        ("subject:flowers", ["Flowers"]),
        ("body:flowers", ["Meeting notes"]),
        ("uber cafe", ["Über Café"]),
        ("über", ["Über Café"]),
        ("GRUSSE OR grüsse OR grüße", ["Über Café"]),
        ("naive facade", ["Über Café"]),
        ("漢字", ["漢字のテスト"]),
        ("良い天気", ["漢字のテスト"]),
        ("天気良い", []),
        ("東京", ["漢字のテスト"]),
        ("タワー", ["漢字のテスト"]),
        ("날씨가", ["한국어"]),
        ("날씨", ["한국어"]),
        ("नमस्ते", ["हिन्दी"]),
        ("दुनिया", ["हिन्दी"]),
        ("ชาวโลก", ["ไทย"]),
        ("привет", ["Привет"]),
        ("елка", ["Привет"]),
        ("ΑΘΗΝΑ", ["Καλημέρα"]),
        ("محمد", ["سلام"]),
        ("שלום", ["עברית"]),
        ("ｇｒｅｅｎ flowers", ["Meeting notes"]),  # full width
        ("hyacinth", ["Page"]),
        ("blueprint", ["Plan"]),
        ("attached has:attachment", ["Plan"]),
        ("has:link", ["Link"]),
        ("is:starred", ["Flowers"]),
        ("is:unread", ["Doubtful", "Meeting notes"]),
        ("is:held", ["Doubtful"]),
        ("in:held", ["Doubtful"]),
        ('in:"old things"', ["Old thing"]),
        (f"in:{ME}/sent", ["My answer"]),
        (f"in:{ME} kestrel", ["Gem"]),
        ("in:junk", []),
        ("is:unverified kestrel", []),
        ("is:unverified flowers", ["Flowers", "Meeting notes"]),
        ("is:unverified in:sent", []),
        ("before:2020-01-01", ["Old thing"]),
        ("after:2w before:5d", ["Über Café"]),
        ("before:1y", ["Link", "Old thing"]),
        ("tag:work", []),
    ],
)
def test_search(index, query, expected):
    assert found(index, query) == expected
    assert index.count(View(query=query)) == len(expected)


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("ŁÓDŹ", "lodz"),
        ("ŁÓDŹ", "Łódź"),
        ("lodz", "łódź"),
        ("Søren", "soren"),
        ("soren", "SØREN"),
        ("straße", "strasse"),
        ("STRASSE", "straße"),
        ("STRAẞE", "strasse"),
        ("Đặng", "dang"),
        ("Ægir Þórsson", "aegir thorsson"),
        ("Ægir Þórsson", "ægir þór*"),
        ("ÆGIR", "ae*"),
        ("cœur", "coeur"),
        ("Diyarbakır", "diyarbakir"),
        ("DİYARBAKIR", "diyarbakır"),
        ("Ħal Għaxaq", "hal ghaxaq"),
        ("Ŋaam Ŧ", "naam t*"),
        ("Əliyev", "eliyev"),
        ("Hawaiʻi", "hawai'i"),
        ("Donau\u00addampf\u00adschiff", "donaudampfschiff"),
        ("Donaudampfschiff", "donau\u00addampf*"),
        ("no\u200bbody no\u2060where \ufeffsoon", "nobody nowhere soon"),
        ("Auf\u200clage", "auflage"),
        ("\u26a0\ufe0fWarning", "warning"),
        ("\u845b\U000e0100城", "葛城"),
        ("नमस्\u200dते", "नमस्ते"),
        ("کتاب\u200cها", "کتاب"),
        ("کتاب\u200cها", "کتاب\u200cها"),
    ],
)
def test_letters_are_found_by_the_plain_ones_and_plain_ones_by_them(tmp_path, written, typed):
    box = Mailbox(tmp_path / "mail")
    box.put(someone("found", f"before {written} after"))
    box.put(someone("other", "before after"))
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        assert found(index, typed) == ["found"]
        assert found(index, f"before -({typed})") == ["other"]


def test_a_search_inside_a_folder(index):
    assert found(index, "green", account=ME, folder="Inbox") == ["Meeting notes"]
    assert found(index, "", account=None, folder=None, unread_only=True) == ["Doubtful", "Meeting notes"]
    assert found(index, "green", unread_only=True) == ["Meeting notes"]
    assert found(index, "green", account="nobody@x.example") == []


def test_hostile_words_are_only_words(index):
    for query in (
        '"a"" OR b"',
        "NEAR(a b)",
        "subject:^a",
        "a*b",
        "{x}:y",
        "'; DROP TABLE messages",
        "a\0b",
        '"*"x',
    ):
        try:
            assert found(index, query) == []
        except QueryError:
            continue
    assert found(index, "flowers") == ["Flowers", "Meeting notes"]


def test_matches_come_newest_first_and_in_windows(index):
    everything = index.conversations(View(), 0, 100)
    assert [row.date for row in everything] == sorted((row.date for row in everything), reverse=True)
    assert [row.thread for offset in range(0, 20, 3) for row in index.conversations(View(), offset, 3)] == [
        row.thread for row in everything
    ]
    for place, row in enumerate(everything):
        assert index.position(View(), row.thread) == place
    assert index.position(View(query="flowers"), -5) is None


def test_a_long_result_is_walked_as_far_as_it_is_looked_at(tmp_path):
    box = Mailbox(tmp_path / "mail")
    for number in range(500):
        root = f"<{number % 200}@x>"
        box.put(
            mail(
                f"{number % 200}", "common", date=NOW + number, message_id=f"<r{number}@x>", references=[root]
            )
        )
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        view = View(query="common")
        assert [int(row.subject) for row in index.conversations(view, 0, 10)] == list(range(99, 89, -1))
        (walked,) = index._results._searches.values()
        assert len(walked.newest) < 200
        assert index.count(view) == 200
        assert [int(row.subject) for row in index.conversations(view, 190, 50)] == list(range(109, 99, -1))
        assert [row.count for row in index.conversations(view, 0, 1)] == [3]
        assert len(index.messages(view, 1000)) == 500
        assert [row.date for row in index.messages(view, 2, 5)] == [NOW + 494, NOW + 493]


def test_a_search_sees_what_changed(index, tmp_path):
    assert index.count(View(query="flowers")) == 2
    Mailbox(tmp_path / "mail").put(mail("More flowers"))
    scanned(index)
    assert index.count(View(query="flowers")) == 3


def test_a_search_that_makes_no_sense_says_where(index):
    with pytest.raises(QueryError) as caught:
        index.conversations(View(query="from:"), 0, 10)
    assert caught.value.column == 5
    with pytest.raises(QueryError):
        index.count(View(query="is:what"))


@pytest.mark.parametrize(
    ("query", "column", "remedy"),
    [
        ("in:nowhere", 3, ""),
        ('x -in:"old thngs"', 6, "Did you mean Old things?"),
        ("x OR in:(inbox OR inbx)", 18, "Did you mean Inbox?"),
        (f"in:{ME}/nowhere", 3, ""),
        (f"in:{ME}/inbx", 3, f"Did you mean {ME}/Inbox?"),
        ("in:nobody@x.example/inbox", 3, ""),
        ("in:me@mail.exmple", 3, f"Did you mean {ME}?"),
    ],
)
def test_a_folder_that_is_not_there_is_told(index, query, column, remedy):
    with pytest.raises(QueryError, match="There is no folder or account “") as caught:
        index.count(View(query=query))
    assert (caught.value.column, caught.value.remedy) == (column, remedy)


def test_a_standard_folder_can_be_asked_for_before_there_is_one_and_any_before_there_is_mail(tmp_path):
    with MailIndex(tmp_path / "index.db", tmp_path / "mail") as index:
        assert found(index, "in:nowhere") == []
        Mailbox(tmp_path / "mail").path("Archive").rename(tmp_path / "away")
        scanned(index)
        assert found(index, "in:archive") == []
        assert found(index, f"in:{ME}/archive") == []


def test_completion_knows_the_people_tags_and_folders(index):
    assert index.complete("from:bo", 7)[0] == Completion("bob@remote.host", 5, 7, "Bob Jones")
    assert [each.text for each in index.complete("from:jon", 8)] == ["bob@remote.host"]
    assert [each.text for each in index.complete("in:O", 4)] == ['"Old things"']
    assert index.complete("from:%", 6) == []
    assert [each.text for each in index.complete('from:"bob j', 11)] == ["bob@remote.host"]
    assert [each.text for each in index.complete("in:me@", 6)][:2] == [ME, f"{ME}/Archive"]
    sent = [("dora@only.test", "Dora"), ("bob@remote.host", "Bob Jones")]
    offered = [each.text for each in index.complete("to:", 3, lambda begun: sent)]
    assert offered[:2] == ["dora@only.test", "bob@remote.host"]
    assert len(set(offered)) == len(offered)


@pytest.mark.parametrize("typed", ["soren", "Søren", "s\u00f6r", "odeg", '"soren od', "SØREN", "s1"])
def test_completion_knows_people_by_the_plain_letters_of_their_names(tmp_path, typed):
    box = Mailbox(tmp_path / "mail")
    box.put(mail(sender="Søren Ødegård <s1@x.example>"))
    box.put(mail(sender="Zoë <z@x.example>"))
    box.put(mail(sender="山田 <y@x.example>"))
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        text = f"from:{typed}"
        assert index.complete(text, len(text)) == [
            Completion("s1@x.example", 5, len(text), "Søren Ødegård"),
        ]
        assert [each.text for each in index.complete("from:田", 6)] == ["y@x.example"]
        box.put(mail(sender="Soren Plain <s0@x.example>"))
        scanned(index)
        also = ["s0@x.example"] if typed.lower() in ("soren", "søren", "sör") else []
        assert [each.text for each in index.complete(text, len(text))] == [*also, "s1@x.example"]


WORDS = (
    "a",
    "ab",
    "Abc",
    "Ähre",
    "zebra",
    "z9",
    "z",
    "Ёж",
    "ель",
    "Ψυχή",
    "日本",
    "a日",
    "über",
    "ſtil",
    "Łódka",
    "Ørsted",
    "æther",
    "so\u00adft",
    "x" * 70,
)


@pytest.mark.parametrize(
    "begun",
    [
        "a",
        "A",
        "ä",
        "z",
        "Z",
        "е",
        "ё",
        "ψ",
        "日",
        "u",
        "ü",
        "s",
        "x",
        "9",
        "abc",
        "zebr",
        "ł",
        "L",
        "ø",
        "æ",
        "sof",
    ],
)
@pytest.mark.parametrize("place", ["", "subject:", "body:", "-"])
def test_an_open_word_of_any_length_finds_what_fts5_finds_by_itself(tmp_path, monkeypatch, begun, place):
    box = Mailbox(tmp_path / "mail")
    for number, word in enumerate(WORDS):
        box.put(someone(word, f"the {WORDS[number - 1]}, and", date=NOW - number))
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        query = f"{place}{begun}* -nowhere" if place != "-" else f"the -{begun}*"
        spelled_out = found(index, query)
        index._results._searches.clear()
        monkeypatch.setattr(spelling, "expand_prefix", lambda db, prefix: [])
        assert spelled_out == found(index, query)
        assert spelled_out or place == "-" or begun in "9日"


def test_an_open_letter_at_the_end_of_a_phrase(tmp_path):
    box = Mailbox(tmp_path / "mail")
    box.put(mail("one", "green-flowers"))
    box.put(mail("other", "flowers, green"))
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        assert found(index, "green-f*") == ["one"]
        assert found(index, "green-*") == found(index, "green*")


def test_a_long_beginning_of_very_many_words(tmp_path):
    box = Mailbox(tmp_path / "mail")
    for number in range(3):
        box.put(mail(f"{number}", " ".join(f"word{number}x{each}" for each in range(50)), date=NOW - number))
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        assert found(index, "word*") == ["0", "1", "2"]
        assert found(index, "word1*") == ["1"]


def test_the_first_page_of_a_search_waits_for_no_count(tmp_path, monkeypatch):
    monkeypatch.setattr(matches, "_LONGEST_STEP", 80)
    box = Mailbox(tmp_path / "mail")
    for number in range(300):
        box.put(mail(f"{number}", "common", date=NOW + number))
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        view = View(query="common")
        begun = index.count_up_to(view, 10)
        assert 10 <= begun.total < 300
        assert not begun.complete
        asked = iter([True, True])  # then nobody wants to know any more
        given_up = index.count_up_to(view, wanted=lambda: next(asked, False))
        assert given_up.total < 300
        assert not given_up.complete

        def look_meanwhile() -> bool:
            """In the middle of a count, from another thread, as the screen does."""
            with ThreadPoolExecutor(1) as other:
                rows = other.submit(index.conversations, View(query="comm*"), 0, 5)
                same = other.submit(index.conversations, view, 0, 5)
                assert len(rows.result(60)) == len(same.result(60)) == 5
            return True

        assert index.count_up_to(view, wanted=look_meanwhile) == Count(300)
        assert index.count(view) == 300


def test_a_place_in_a_search_is_found_without_counting_it(tmp_path):
    box = Mailbox(tmp_path / "mail")
    for number in range(400):
        box.put(mail(f"{number}", "common", date=NOW + number))
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        view = View(query="common")
        rows = index.conversations(view, 0, 5)
        assert [index.position(view, row.thread) for row in rows] == [0, 1, 2, 3, 4]
        assert not index.count_up_to(view, 1).complete
        last = index.conversations(view, 399, 1)[0]
        assert index.position(view, last.thread) == 399
        assert index.position(view, -5) is None


@pytest.mark.parametrize("step", [3, 64])
def test_messages_of_one_second_stand_by_what_is_in_them_whatever_came_first(tmp_path, monkeypatch, step):
    monkeypatch.setattr(matches, "_FIRST_STEP", step)
    monkeypatch.setattr(matches, "_LONGEST_STEP", step)
    messages = [
        mail(f"{number}", "common", date=NOW + number % 4, references=[f"<{number % 9}@x>"])
        for number in range(60)
    ]
    seen = []
    for place, order in (("one", 1), ("other", -1)):
        box = Mailbox(tmp_path / place)
        with MailIndex(tmp_path / f"{place}.db", box.root) as index:
            for number in list(range(60))[::order]:
                box.put(messages[number], name=f"{number}.x")
                if number % 3 == 0:
                    scanned(index)
            scanned(index)
            for query, folder in (("common", None), ("", None), ("", "Inbox")):
                view = View(folder=folder, query=query)
                windows = [row for offset in range(0, 12, 2) for row in index.conversations(view, offset, 2)]
                assert [row.date for row in windows] == sorted((row.date for row in windows), reverse=True)
                assert [index.position(view, row.thread) for row in windows] == list(range(len(windows)))
                seen.append(
                    [(row.subject, [each.id for each in index.thread(row.thread)]) for row in windows]
                )
    assert seen[:3] == seen[3:]
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 9
