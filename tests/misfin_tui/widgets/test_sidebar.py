"""The sidebar's lines."""

from __future__ import annotations

from textual.app import App

from misfin.store.rows import FolderRow, View
from misfin_tui.widgets.sidebar import Sidebar, SidebarKind, entries

ME, YOU = "me@mail.example", "you@mail.example"


def lines(folders, **options):
    found = entries(folders, options.get("outbox", {}), options.get("searches", []))
    return [(entry.label, entry.count) for entry in found]


def test_one_account_has_its_folders_in_the_order_people_use_them():
    folders = [
        FolderRow(ME, "Inbox", 10, 3, 8),
        FolderRow(ME, "Drafts", 2, 0, 2),
        FolderRow(ME, "Trash", 9, 4, 9),
        FolderRow(ME, "Held", 1, 1, 1),
        FolderRow(ME, "Zebra", 5, 1, 5),
    ]
    assert lines(folders, outbox={ME: 2}, searches=[("unread", "is:unread")]) == [
        (ME, 0),
        ("Inbox", 3),
        ("Drafts", 2),
        ("Outbox", 2),
        ("Sent", 0),
        ("Archive", 0),
        ("Held", 1),
        ("Junk", 0),
        ("Trash", 0),
        ("Zebra", 1),
        ("Saved searches", 0),
        ("unread", 0),
    ]


def test_several_accounts_also_have_one_inbox():
    folders = [FolderRow(ME, "Inbox", 1, 1, 1), FolderRow(YOU, "Inbox", 2, 2, 2)]
    found = entries(folders, {}, [])
    assert (found[0].label, found[0].count, found[0].view) == ("All inboxes", 3, View(None, "Inbox"))
    assert [entry.label for entry in found if entry.kind is SidebarKind.HEADING] == [ME, YOU]


def test_nothing_at_all_is_nothing():
    assert entries([], {}, []) == []


class Alone(App[None]):
    """A sidebar and nothing else."""

    def compose(self):
        yield Sidebar()

    def get_theme_variable_defaults(self):
        return {"mail-muted": "#888888", "mail-unread": "#ffffff"}


def drawn(app):
    return [strip.render(app.console) for strip in app.screen._compositor.render_strips()]


async def test_every_line_that_looks_different_is_drawn_again():
    folders = [FolderRow(ME, f"Folder {number:02}", 1, number % 2, 1) for number in range(30)]
    views = [View(ME, row.folder) for row in folders] + [None, View(query="subject:tea")]
    async with Alone().run_test(size=(24, 12)) as pilot:
        app, sidebar = pilot.app, pilot.app.query_one(Sidebar)
        sidebar.show(entries(folders, {}, [("tea", "subject:tea")]))
        for step in range(60):
            if step % 7 == 3:
                app.set_focus(None if sidebar.has_focus else sidebar)
            elif step % 3:
                sidebar.mark_shown(views[step * 17 % len(views)])
            else:
                sidebar.move_to(step * 23 % 33)
            await pilot.pause()
            seen = drawn(app)
            sidebar.refresh(layout=True)
            await pilot.pause()
            assert seen == drawn(app), step


def test_an_account_that_is_fetched_has_its_attic_below_its_folders():
    found = entries([FolderRow("work", "Crew", 1, 0, 1)], {}, [], ["work", ME], attics=["work"])
    of_work = [entry for entry in found if entry.group == "work"]
    assert [entry.label for entry in of_work[-2:]] == ["Crew", "Attic"]
    assert of_work[-1].kind is SidebarKind.ATTIC
    assert of_work[-1].view is None  # no list of conversations, and no search looks in it
    assert "Attic" not in [entry.label for entry in found if entry.group == ME]
