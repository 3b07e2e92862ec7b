"""A session of an IMAP client with the demo's provider, without I/O: bytes in, answers out.

What it offers is in :data:`OFFERS`; messages are named by their UIDs only, as our own client does.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final

from misfin.email.imap import Answer, Token
from misfin.email.imap.names import decode_name, encode_name
from misfin.email.imap.tokens import MalformedError, tokens
from misfin_tui.demo.imap.mailboxes import INBOX, HostedFolder, Mailboxes, NewHosted
from misfin_tui.demo.imap.opened import OpenFolder, RefusedError
from misfin_tui.demo.imap.reading import CommandReader
from misfin_tui.demo.imap.searching import word

OFFERS: Final = (
    "IMAP4rev1", "LITERAL+", "ID", "IDLE", "ENABLE", "NAMESPACE", "UNSELECT", "UIDPLUS", "MOVE", "ESEARCH",
    "CONDSTORE", "SPECIAL-USE", "LIST-STATUS", "SASL-IR", "AUTH=PLAIN",
)  # fmt: skip
MAX_MESSAGE: Final = 10_000_000
"""Bytes of an uploaded message at most."""
_BEFORE_LOGIN: Final = 4096  # bytes of literals
_TRIES: Final = 3  # log-ins with a wrong password until the session ends
Login = Callable[[str, str], bool]
Handler = Callable[[Iterator[Token], bytes], Iterator[bytes]]
_SELECTED: Final = frozenset({"UID FETCH", "UID STORE", "UID SEARCH", "UID COPY", "UID MOVE", "UID EXPUNGE"})


class ImapSession:
    """One client. Give what arrives to :meth:`feed`; while :meth:`take` returns a command, write what
    :meth:`answer` gives (it blocks: reading and writing mailboxes), until :attr:`over`.

    ``login`` judges user name and password. While :attr:`idling`, write :meth:`news` when something changed.
    """

    anytime = frozenset({"CAPABILITY", "NOOP", "ID", "LOGOUT", "LOGIN", "AUTHENTICATE"})
    logged_in = frozenset({
        "NAMESPACE", "ENABLE", "LIST", "STATUS", "CREATE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "SELECT",
        "UNSELECT", "APPEND", "IDLE",
    })  # fmt: skip
    offers: Collection[str] = OFFERS
    separator = "/"
    prefix = ""
    """Before the names of all folders but INBOX."""

    def __init__(self, mailboxes: Mailboxes, login: Login) -> None:
        self.mailboxes = mailboxes
        self.open: OpenFolder | None = None
        self.over = False
        self._login = login
        self._reader = CommandReader(_BEFORE_LOGIN)
        self._logged_in = False
        self._tries = 0
        self._idle = b""  # the tag of what is under way
        self._login_tag = b""

    @property
    def idling(self) -> bool:
        """Whether the client waits for news."""
        return bool(self._idle)

    def greeting(self) -> bytes:
        """The first line."""
        return b"* OK [CAPABILITY %b] ready\r\n" % self._offered()

    def _offered(self) -> bytes:
        return " ".join(self.offers).encode()

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._reader.feed(data)

    def take(self) -> Answer | None:
        """The next whole command. Raises :class:`~misfin.errors.RemoteProtocolError` beyond the limits."""
        return self._reader.take()

    def consents(self) -> bytes:
        """What a client waits for that wants to send a literal."""
        count, self._reader.consents = self._reader.consents, 0
        return b"+ go on\r\n" * count

    def news(self) -> bytes:
        """What has changed in the open folder."""
        return self.open.news() if self.open is not None else b""

    def answer(self, command: Answer) -> Iterator[bytes]:
        """Do as a command says; the parts of the answer."""
        line = command[0]
        assert isinstance(line, bytes)
        if self._idle:
            tag, self._idle = self._idle, b""
            yield b"%b %b\r\n" % (tag, b"OK done" if line.upper() == b"DONE" else b"BAD DONE was expected")
            return
        if self._login_tag:
            tag, self._login_tag = self._login_tag, b""
            yield b"%b %b\r\n" % (tag, self._verdict(*_plain(line)))
            return
        tag, _, rest = line.partition(b" ")
        name, _, rest = rest.partition(b" ")
        if name.upper() == b"UID":
            which, _, rest = rest.partition(b" ")
            name += b" " + which
        try:
            yield from self._done(tag, name.upper().decode("ascii", "replace"), [rest, *command[1:]])
        except RefusedError as error:
            yield f"{tag.decode('ascii', 'replace')} {error.status} {error}\r\n".encode()
        except MalformedError as error:
            yield f"{tag.decode('ascii', 'replace')} BAD {error}\r\n".encode()
        except (KeyError, FileExistsError):
            yield b"%b NO [%b] no such folder, or there is one\r\n" % (tag, _why(name.upper()))

    def _done(self, tag: bytes, name: str, parts: Answer) -> Iterator[bytes]:
        known = self.anytime | (self.logged_in if self._logged_in else frozenset())
        if name not in known | (_SELECTED if self.open is not None else frozenset()):
            raise RefusedError("not known, or not now", "BAD")
        handler: Handler = getattr(self, f"do_{name.removeprefix('UID ').lower()}")
        said = b"OK done"
        for piece in handler(iter(tokens(parts)), tag):
            if piece.startswith((b"OK", b"NO", b"BAD")):
                said = piece
            else:
                yield piece
        if self.idling or self._login_tag:
            return
        if self.open is not None and name not in ("UID FETCH", "UID STORE", "SELECT", "EXAMINE"):
            yield self.open.news()
        yield b"%b %b\r\n" % (tag, said)

    # ---- any time

    def do_capability(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield b"* CAPABILITY %b\r\n" % self._offered()

    def do_noop(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield b""

    def do_id(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield b'* ID ("name" "Sea Mail")\r\n'

    def do_logout(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        self.over, self.open = True, None
        yield b"* BYE until next time\r\n"

    def do_login(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield self._verdict(word(rest), word(rest))

    def do_authenticate(self, rest: Iterator[Token], tag: bytes) -> Iterator[bytes]:
        if word(rest).upper() != b"PLAIN":
            raise RefusedError("only PLAIN")
        initial = next(rest, None)
        if isinstance(initial, bytes):
            yield self._verdict(*_plain(initial))
        else:
            self._login_tag = tag
            yield b"+ \r\n"

    def _verdict(self, user: bytes, password: bytes) -> bytes:
        right = self._login(user.decode("utf-8", "replace"), password.decode("utf-8", "replace"))
        if not right:
            self._tries += 1
            self.over = self._tries >= _TRIES
            return b"NO [AUTHENTICATIONFAILED] wrong user name or password"
        self._logged_in = True
        self._reader.literals = MAX_MESSAGE
        return b"OK [CAPABILITY %b] welcome" % self._offered()

    # ---- folders

    def do_namespace(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield b'* NAMESPACE (("%b" "%b")) NIL NIL\r\n' % (self.prefix.encode(), self.separator.encode())

    def do_enable(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield b"* ENABLED\r\n"

    def do_list(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        first = next(rest, None)
        if isinstance(first, list):  # (SUBSCRIBED): all are
            first = next(rest, None)
        pattern = word(rest)
        returned = list(rest)
        asked = returned[1] if returned[:1] == [b"RETURN"] and isinstance(returned[1], list) else []
        status = asked[asked.index(b"STATUS") + 1] if b"STATUS" in asked else None
        for folder in self.mailboxes.folders():
            name = self.spelled(folder.name)
            if pattern in (b"*", b"%", name):
                marks = self.attributes(folder)
                yield b'* LIST (%b) "%b" "%b"\r\n' % (marks, self.separator.encode(), name)
                if isinstance(status, list) and b"\\Noselect" not in marks:
                    yield self._status(folder, status)

    def attributes(self, folder: HostedFolder) -> bytes:
        """What LIST says of a folder besides its name."""
        return folder.use.encode()

    def do_status(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        folder, items = self.mailboxes.folder(self.named(word(rest))), next(rest, None)
        yield self._status(folder, items if isinstance(items, list) else [])

    def _status(self, folder: HostedFolder, items: list[Token]) -> bytes:
        messages = self.mailboxes.messages(folder.name)
        facts = {
            b"MESSAGES": len(messages),
            b"UIDNEXT": folder.next,
            b"UIDVALIDITY": folder.epoch,
            b"UNSEEN": sum("\\Seen" not in message.flags for message in messages),
            b"HIGHESTMODSEQ": folder.modseq,
        }
        known = [each for each in items if isinstance(each, bytes) and each in facts]
        return b'* STATUS "%b" (%b)\r\n' % (
            self.spelled(folder.name),
            b" ".join(b"%b %d" % (each, facts[each]) for each in known),
        )

    def do_create(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        self.mailboxes.create(self.named(word(rest).rstrip(self.separator.encode())))
        yield b""

    do_subscribe = do_unsubscribe = do_noop

    def do_rename(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        self.mailboxes.rename(self.named(word(rest)), self.named(word(rest)))
        yield b""

    def do_select(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        self.open = None
        self.open = found = self.opened(self.named(word(rest)))
        folder = found.folder
        yield b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
        yield b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] all are kept\r\n"
        yield b"* %d EXISTS\r\n* 0 RECENT\r\n" % len(self.mailboxes.messages(folder.name))
        yield b"* OK [UIDVALIDITY %d] valid\r\n* OK [UIDNEXT %d] next\r\n" % (folder.epoch, folder.next)
        if "CONDSTORE" in self.offers:
            yield b"* OK [HIGHESTMODSEQ %d] highest\r\n" % folder.modseq
        yield b"OK [READ-WRITE] open"

    def opened(self, name: str) -> OpenFolder:
        """A folder for SELECT. Raises :class:`KeyError`."""
        return OpenFolder(self.mailboxes, name, counting="CONDSTORE" in self.offers)

    def do_unselect(self, _rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        self.open = None
        yield b""

    def do_append(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        folder = self.mailboxes.folder(self.named(word(rest)))
        *options, data = rest
        flags: list[str] = []
        received = 0.0
        for each in options:
            match each:
                case list():
                    flags = [flag.decode("utf-8", "replace") for flag in each if isinstance(flag, bytes)]
                case bytes():
                    with suppress(ValueError):
                        received = parsedate_to_datetime(each.decode("ascii", "replace")).timestamp()
        if not isinstance(data, bytes):
            raise MalformedError("no message")
        (uid,) = self.mailboxes.add([NewHosted(folder.name, data, flags, received)])
        yield self.appended(folder, uid)

    def appended(self, folder: HostedFolder, uid: int) -> bytes:
        """The answer to APPEND."""
        return b"OK [APPENDUID %d %d] done" % (folder.epoch, uid)

    # ---- messages of the open folder

    def do_idle(self, _rest: Iterator[Token], tag: bytes) -> Iterator[bytes]:
        self._idle = tag
        yield b"+ idling\r\n"
        yield self.news()

    def do_fetch(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        assert self.open is not None
        yield from self.open.fetch(rest)

    def do_store(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        assert self.open is not None
        *lines, code = self.open.store(rest)
        yield from lines
        yield b"OK " + code + b"done"

    def do_search(self, rest: Iterator[Token], tag: bytes) -> Iterator[bytes]:
        assert self.open is not None
        found, short = self.open.search(rest)
        if short:
            yield b'* ESEARCH (TAG "%b") UID%b\r\n' % (tag, b" ALL " + bytes(found) if found else b"")
        else:
            yield b"* SEARCH%b\r\n" % b"".join(b" %d" % uid for uid in found)

    def do_copy(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield self._copied(rest, move=False)

    def do_move(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        yield self._copied(rest, move=True)

    def _copied(self, rest: Iterator[Token], *, move: bool) -> bytes:
        assert self.open is not None
        text, to = word(rest), self.mailboxes.folder(self.named(word(rest)))
        pairs = self.open.copy(text, to.name, move=move)
        if not pairs:
            return b"OK No messages found"
        old, new = (b",".join(b"%d" % pair[at] for pair in pairs) for at in (0, 1))
        return b"OK [COPYUID %d %b %b] done" % (to.epoch, old, new)

    def do_expunge(self, rest: Iterator[Token], _tag: bytes) -> Iterator[bytes]:
        assert self.open is not None
        self.open.expunge(word(rest))
        yield b""

    # ---- names

    def named(self, raw: bytes) -> str:
        """The folder a client means."""
        name = decode_name(raw)
        if name.upper() == INBOX:
            return INBOX
        return name.removeprefix(self.prefix).replace(self.separator, "/")

    def spelled(self, name: str) -> bytes:
        """A folder's name on the wire."""
        written = name if name == INBOX else self.prefix + name.replace("/", self.separator)
        return encode_name(written, utf8=False).replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _why(name: bytes) -> bytes:
    """The code where a folder is not there, or is."""
    wants = name.removeprefix(b"UID ") in (b"COPY", b"MOVE", b"APPEND")
    return b"TRYCREATE" if wants else b"CANNOT" if name == b"CREATE" else b"NONEXISTENT"


def _plain(line: bytes) -> tuple[bytes, bytes]:
    """User name and password of PLAIN (RFC 4616); empty for anything else."""
    with suppress(ValueError):
        _, user, password = b64decode(line).split(b"\0")
        return user, password
    return b"", b""
