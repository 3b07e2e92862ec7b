"""Sessions with servers as providers run them, and what each of them does in its own way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import ClassVar

from misfin.email.imap.values import Token
from misfin_tui.demo.imap.mailboxes import HostedFolder, HostedMessage, Mailboxes
from misfin_tui.demo.imap.opened import OpenFolder, RefusedError
from misfin_tui.demo.imap.session import OFFERS, ImapSession


def mailboxes(*names: str) -> Mailboxes:
    """Folders without purposes, INBOX among them."""
    return Mailboxes(None, dict.fromkeys(["INBOX", *names], ""))


class GuessedSizes(OpenFolder):
    """Says sizes that are not those of the messages, and the UID last."""

    def _line(self, message: HostedMessage, items: Collection[bytes]) -> bytes:
        guessed = message._replace(size=message.size * 2 + 37)
        return super()._line(guessed, sorted(items, key=lambda item: item == b"UID"))


class OutlookSession(ImapSession):
    """No counting of changes and no purposes of folders."""

    offers = ("IMAP4", "IMAP4rev1", "AUTH=PLAIN", "SASL-IR", "UIDPLUS", "MOVE", "ID", "UNSELECT", "IDLE",
              "NAMESPACE", "LITERAL+")  # fmt: skip

    def attributes(self, folder: HostedFolder) -> bytes:
        return b"\\HasNoChildren"

    def opened(self, name: str) -> OpenFolder:
        return GuessedSizes(self.mailboxes, name, counting=False)


OUTLOOK_FOLDERS = ("Archive", "Deleted Items", "Drafts", "Junk Email", "Sent Items", "Notes")


class XlistSession(ImapSession):
    """Purposes of folders as servers said them before there was a standard, and names in German."""

    offers = ("IMAP4rev1", "XLIST", "UIDPLUS", "MOVE", "ID", "LITERAL+", "NAMESPACE")
    logged_in = ImapSession.logged_in | {"XLIST"}
    marks: ClassVar = {
        "Aus": "\\Sent",
        "Weg": "\\Trash",
        "Mist": "\\Spam",
        "Stern": "\\Starred",
        "Halb": "\\Drafts",
    }

    def attributes(self, folder: HostedFolder) -> bytes:
        return b""

    def do_xlist(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield b'* XLIST (\\HasNoChildren \\Inbox) "/" "Posteingang"\r\n'
        for folder in self.mailboxes.folders()[1:]:
            mark = self.marks.get(folder.name, "").encode()
            yield b'* XLIST (\\HasNoChildren %b) "/" "%b"\r\n' % (mark, self.spelled(folder.name))


class CourierSession(ImapSession):
    """All folders are below INBOX, and a dot separates levels."""

    offers = ("IMAP4rev1", "UIDPLUS", "NAMESPACE", "IDLE", "CHILDREN")
    prefix, separator = "INBOX.", "."

    def attributes(self, folder: HostedFolder) -> bytes:
        return b"\\HasNoChildren"


class CoremailSession(ImapSession):
    """Opens no folder for a program that did not say who it is (163.com)."""

    offers = ("IMAP4rev1", "XLIST", "SPECIAL-USE", "ID", "LITERAL+", "UIDPLUS", "MOVE")
    said = ""

    def do_id(self, rest: Iterator[Token], tag: bytes) -> Iterator[bytes]:
        fields = next(rest, None)
        self.said = str(fields) if fields else ""
        return super().do_id(rest, tag)

    def do_select(self, rest: Iterator[Token], tag: bytes) -> Iterator[bytes]:
        if "name" not in self.said:
            raise RefusedError("SELECT Unsafe Login. Please contact kefu@188.com for help")
        return super().do_select(rest, tag)


class BridgeSession(ImapSession):
    """Offers UIDPLUS, and does not say the UID of what was uploaded (proton-bridge#170)."""

    offers = tuple(each for each in OFFERS if each != "CONDSTORE")

    def appended(self, folder: HostedFolder, uid: int) -> bytes:
        return b"OK done"

    def opened(self, name: str) -> OpenFolder:
        return OpenFolder(self.mailboxes, name, counting=False)


class RenumberedMailboxes(Mailboxes):
    """Gives all messages other UIDs when asked, with or without saying so."""

    def renumber(self, *, epoch: bool, shift: int = 1000) -> None:
        with self._writing():
            for folder in self.folders():
                self._database.execute(
                    "UPDATE message SET uid = ? - uid WHERE folder = ?", (folder.next + shift, folder.name)
                )
                self._database.execute(
                    "UPDATE folder SET next = next + ?, epoch = epoch + ? WHERE name = ?",
                    (shift + 1, epoch, folder.name),
                )
