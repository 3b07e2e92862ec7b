"""What each folder of a server is for, and what it is called, whatever the server says about it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from misfin.email.imap import ListEntry, MailboxStatus, Namespace, Namespaces
from misfin.post.imap.folders import Layout, layout_of, point_of, status_items, to_folders
from misfin.post.sync.values import Role, SyncPoint


def entry(name: str, *attributes: str, separator: str = "/") -> ListEntry:
    return ListEntry(name, name.encode(), separator, frozenset(attributes))


def roles(entries: list[ListEntry], layout: Layout | None = None, **chosen: str) -> dict[str, Role]:
    return {each.name: each.role for each in to_folders(entries, {}, layout or Layout(), chosen)}


def test_special_uses_say_what_a_folder_is_for():
    found = roles([
        entry("INBOX"), entry("A", "\\sent"), entry("B", "\\drafts"), entry("C", "\\junk"),
        entry("D", "\\trash"), entry("E", "\\archive"), entry("Sent"),
    ])  # fmt: skip
    assert found == {
        "INBOX": Role.INBOX, "A": Role.SENT, "B": Role.DRAFTS, "C": Role.JUNK, "D": Role.TRASH,
        "E": Role.ARCHIVE, "Sent": Role.NONE,
    }  # fmt: skip


def test_the_settings_come_before_what_the_server_says():
    found = roles([entry("Sent", "\\sent"), entry("Sent Items")], Sent="Sent Items")
    assert found == {"Sent": Role.NONE, "Sent Items": Role.SENT}


def test_names_in_many_languages_are_the_last_resort():
    found = roles([entry("inbox"), entry("Gesendete Elemente"), entry("Corbeille"), entry("Junk E-mail")])
    assert found == {
        "inbox": Role.INBOX,
        "Gesendete Elemente": Role.SENT,
        "Corbeille": Role.TRASH,
        "Junk E-mail": Role.JUNK,
    }


def test_a_folder_deep_inside_others_is_not_the_sent_folder():
    assert roles([entry("Work/2019/Sent"), entry("Old/Trash")]) == {
        "Work/2019/Sent": Role.NONE,
        "Old/Trash": Role.NONE,
    }


def test_a_role_is_given_once():
    assert list(roles([entry("Trash"), entry("Deleted Items"), entry("Bin")]).values()).count(Role.TRASH) == 1


def test_a_prefix_and_another_separator_are_the_servers_own_affair():
    spaces = Namespaces((Namespace("INBOX.", "."),), (Namespace("user.", "."),), (Namespace("shared.", "."),))
    entries = [
        entry("INBOX", separator="."),
        entry("INBOX.Sent", separator="."),
        entry("INBOX.Lists.a/b", separator="."),
        entry("user.bob", separator="."),
        entry("shared.all", separator="."),
    ]
    layout = layout_of(spaces, entries)
    found = roles(entries, layout)
    assert found == {"INBOX": Role.INBOX, "Sent": Role.SENT, "Lists/a_b": Role.NONE}
    assert layout.spelled("Lists/v1.0") == "INBOX.Lists.v1_0"


def test_folders_that_only_show_what_others_hold_are_left_out():
    found = roles([
        entry("INBOX"), entry("[Gmail]", "\\noselect"), entry("[Gmail]/All Mail", "\\all"),
        entry("[Gmail]/Starred", "\\flagged"), entry("[Gmail]/Important", "\\important"),
        entry("[Gmail]/Papierkorb", "\\trash"), entry("gone", "\\nonexistent"),
    ])  # fmt: skip
    assert found == {"INBOX": Role.INBOX, "[Gmail]/Papierkorb": Role.TRASH}


def test_the_inbox_in_any_case_is_one_folder():
    assert len(to_folders([entry("INBOX"), entry("Inbox"), entry("inbox")], {}, Layout(), {})) == 1


def test_a_status_that_leaves_something_out_is_no_moment():
    whole = {"UIDVALIDITY": 7, "UIDNEXT": 9, "HIGHESTMODSEQ": 30, "MESSAGES": 4}
    assert point_of(MailboxStatus("a", b"a", whole)) == SyncPoint("7", 9, 30, 4)
    for name in whole:
        rest = {key: value for key, value in whole.items() if key != name}
        assert point_of(MailboxStatus("a", b"a", rest)) is None
    assert "HIGHESTMODSEQ" not in status_items(frozenset())


@given(
    st.lists(st.tuples(st.text(max_size=20), st.sampled_from(["", "/", ".", "\\"])), max_size=20),
    st.text(max_size=5),
)
def test_any_list_gives_each_folder_once_and_each_role_once(names, prefix):
    entries = [
        ListEntry(name, name.encode("utf-8", "replace"), separator, frozenset()) for name, separator in names
    ]
    found = to_folders(entries, {}, Layout(prefix), {})
    raws = [each.raw for each in found]
    given_roles = [each.role for each in found if each.role is not Role.NONE]
    assert len(raws) == len(set(raws))
    assert len(given_roles) == len(set(given_roles))
