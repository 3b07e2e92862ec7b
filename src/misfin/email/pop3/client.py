"""The client's half of a POP3 connection: commands out, events in, over any transport."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from misfin.email.challenge import Challenge, challenge_of, initial_word, response_line
from misfin.email.pop3.commands import Pop3Command, Reply
from misfin.email.pop3.limits import MAX_ENTRIES, MAX_LISTING, PATIENCE, PATIENCE_BODY, PIPELINE
from misfin.email.pop3.reader import Pop3Reader
from misfin.email.pop3.states import Pop3Course, Pop3State, Pop3Step
from misfin.email.pop3.values import Answered, Drop, Dropped, MessagePiece, Value, Welcome
from misfin.errors import LocalProtocolError, RemoteProtocolError

Pop3Event: TypeAlias = Welcome | Challenge | MessagePiece | Answered | Dropped

_CODE: Final = re.compile(r"\[([A-Za-z0-9/_-]{1,40})\] ?")
_TIMESTAMP: Final = re.compile(r"<[!-~]{1,500}>")
_LONGEST_INITIAL: Final = 255 - len("AUTH  \r\n") - 20  # RFC 5034 §4: a longer one follows the server's +


@dataclass(eq=False, slots=True)
class _Pending:
    """A command that was written, and what of its answer has come."""

    tag: int
    command: Pop3Command
    initial: str = field(default="", repr=False)
    text: str | None = None  # of its first line; None before that
    size: int = 0
    entries: list[bytes] = field(default_factory=list)


class POP3ClientProtocol:
    """One POP3 connection, without I/O.

    :meth:`send` commands and write what :meth:`get_outgoing_data` gives; :meth:`feed_bytes` what was read
    and go through :meth:`events`, then write again. Commands may be sent ahead at any time: they leave one
    by one, or many at once where the server offers PIPELINING. :class:`~misfin.errors.RemoteProtocolError`
    means that the server cannot be understood any more: close the connection; nothing was deleted.
    :class:`~misfin.errors.LocalProtocolError` is a call at the wrong time.
    """

    def __init__(self) -> None:
        self._course = Pop3Course()
        self._reader = Pop3Reader()
        self._outgoing = bytearray()
        self._queue: deque[_Pending] = deque()
        self._flight: deque[_Pending] = deque()
        self._number = 0
        self._capabilities: dict[str, str] | None = None

    @property
    def state(self) -> Pop3State:
        """Where the connection stands (states.py has the table)."""
        return self._course.state

    @property
    def capabilities(self) -> dict[str, str] | None:
        """What the server offers, with arguments; None while not known, ``{}`` where it has no CAPA."""
        return None if self._capabilities is None else {**self._capabilities}

    @property
    def pending(self) -> tuple[int, ...]:
        """Tags of the commands that have no answer yet, the oldest first."""
        return tuple(sent.tag for sent in (*self._flight, *self._queue))

    @property
    def patience(self) -> float | None:
        """Seconds without a byte after which to give up; None while there is nothing to wait for."""
        if self._flight and self._flight[0].text is not None:
            return PATIENCE_BODY
        return PATIENCE if self._flight or self.state is Pop3State.GREETING else None

    def send(self, command: Pop3Command) -> int:
        """Send a command, or have it wait for those before; the tag that its :class:`Answered` will have.

        Raises :class:`~misfin.errors.LocalProtocolError` where it is not allowed, or not offered.
        """
        if self.state not in command.states:
            raise LocalProtocolError(f"{command.name} is not possible in the state {self.state.value!r}.")
        last = self._queue or self._flight
        if last and (command.alone or last[-1].command.alone):
            raise LocalProtocolError(f"{command.name} has to wait for the end of {last[-1].command.name}.")
        if command.needs and self._capabilities is not None and command.needs not in self._capabilities:
            raise LocalProtocolError(f"{command.name}: the server does not offer it.")
        self._number += 1
        self._queue.append(_Pending(self._number, command, command.initial))
        self._write_on()
        if command.name == "QUIT":
            self._course.happens(Pop3Step.QUIT)
        return self._number

    def respond(self, data: str | None) -> None:
        """Answer a :class:`Challenge`, in base64; None gives the attempt up."""
        if not self._flight or self._flight[0].command.name != "AUTH":
            raise LocalProtocolError("There is no challenge to respond to.")
        self._outgoing += response_line(data)

    def tls_established(self) -> None:
        """The handshake that STLS agreed on is done. All that was known before is forgotten."""
        self._course.happens(Pop3Step.TLS_BEGUN)
        self._capabilities = None

    def get_outgoing_data(self) -> bytes:
        """What has to be written now, once; ``b""`` when there is nothing."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def feed_bytes(self, data: bytes) -> None:
        """Take bytes from the server; :meth:`events` says what they mean."""
        if self.state is Pop3State.STARTING_TLS:
            raise self._violation("The server spoke between its agreement to TLS and the handshake.")
        if self.state is Pop3State.CLOSED:
            raise LocalProtocolError("The connection is over; no more bytes can be taken.")
        self._reader.feed(data)

    def events(self) -> Iterator[Pop3Event]:
        """What the bytes taken so far mean, one after the other; raises RemoteProtocolError."""
        while self.state is not Pop3State.CLOSED:
            try:
                events = self._step()
            except RemoteProtocolError as e:
                raise self._violation(str(e)) from None
            if events is None:
                return
            yield from events

    def receive_eof(self) -> None:
        """Take the end of what the server sends; raises RemoteProtocolError if more was to come."""
        owed = bool(self._flight) or self.state is not Pop3State.UPDATE or bool(self._reader)
        over = self.state is Pop3State.CLOSED
        self._course.happens(Pop3Step.ENDED)
        self._outgoing.clear()
        if owed and not over:
            raise RemoteProtocolError("The server closed the connection before the end.")

    # ---- within -----------------------------------------------------------------------------------

    def _write_on(self) -> None:
        most = PIPELINE if self._capabilities and "PIPELINING" in self._capabilities else 1
        while self._queue and len(self._flight) < most:
            sent = self._queue.popleft()
            line = sent.command.line
            if sent.initial and len(sent.initial) <= _LONGEST_INITIAL:
                line, sent.initial = line + b" " + initial_word(sent.initial), ""
            self._outgoing += line + b"\r\n"
            self._flight.append(sent)

    def _step(self) -> tuple[Pop3Event, ...] | None:
        """What the next line or piece means; None when there is none yet."""
        sent = self._flight[0] if self._flight else None
        if sent is not None and sent.text is not None and sent.command.reply is Reply.MESSAGE:
            piece = self._reader.piece()
            return None if piece is None else self._message(sent, *piece)
        line = self._reader.line()
        if line is None:
            return None
        if sent is None:
            return self._unsolicited(line)
        if sent.text is not None:
            return self._entry(sent, line)
        return self._first_line(sent, line)

    def _unsolicited(self, line: bytes) -> tuple[Pop3Event, ...]:
        ok, text = _status(line)
        if not ok:
            self._course.happens(Pop3Step.QUIT)
            return (Dropped(*_code(text)),)
        if self.state is not Pop3State.GREETING:
            raise RemoteProtocolError("The server spoke without being asked.")
        self._course.happens(Pop3Step.GREETED)
        timestamp = _TIMESTAMP.search(text)
        return (Welcome(text, timestamp[0] if timestamp else None),)

    def _first_line(self, sent: _Pending, line: bytes) -> tuple[Pop3Event, ...]:
        command = sent.command
        if command.name == "AUTH" and line[:1] == b"+" and line[:3].upper() != b"+OK":
            if sent.initial:
                self._outgoing += response_line(sent.initial)
                sent.initial = ""
                return ()
            return (challenge_of(line[1:]),)
        ok, text = _status(line)
        if not ok:
            return self._answered(sent, False, *_code(text))
        if command.reply in _LISTED:
            sent.text = text
            return ()
        if command.reply is Reply.MESSAGE:
            sent.text = text
            self._reader.begin_message(command.max_bytes)
            return ()
        return self._answered(sent, True, "", text, _SHORT[command.reply](line.split()[1:]))

    def _message(self, sent: _Pending, data: bytes, last: bool) -> tuple[Pop3Event, ...]:
        sent.size += len(data)
        pieces = (MessagePiece(sent.tag, sent.command.number, data),) if data else ()
        return (*pieces, *self._answered(sent, True, "", sent.text or "", sent.size)) if last else pieces

    def _entry(self, sent: _Pending, line: bytes) -> tuple[Pop3Event, ...]:
        if line == b".":
            value = _LISTED[sent.command.reply](sent.entries)
            return self._answered(sent, True, "", sent.text or "", value)
        sent.size += len(line)
        sent.entries.append(line.removeprefix(b"."))
        if len(sent.entries) > MAX_ENTRIES or sent.size > MAX_LISTING:
            raise RemoteProtocolError("The server's listing does not end.")
        return ()

    def _answered(
        self, sent: _Pending, ok: bool, code: str, text: str, value: Value = None
    ) -> tuple[Answered]:
        self._flight.popleft()
        command = sent.command
        if command.name == "CAPA":
            offers = value if isinstance(value, Mapping) else {}
            self._capabilities = {str(name): str(arguments) for name, arguments in offers.items()}
        if ok and command.success is not None:
            if command.success is Pop3Step.TLS_AGREED and self._reader:
                raise RemoteProtocolError("The server sent something behind its agreement to TLS.")
            self._course.happens(command.success)
        self._write_on()
        return (Answered(sent.tag, command.name, ok, code, text, value),)

    def _violation(self, message: str) -> RemoteProtocolError:
        self._course.happens(Pop3Step.ENDED)
        self._outgoing.clear()
        return RemoteProtocolError(message)


def _status(line: bytes) -> tuple[bool, str]:
    """Whether a first line says OK, and its text; raises RemoteProtocolError when it says neither."""
    word, _, text = line.partition(b" ")
    if word.upper() not in (b"+OK", b"-ERR"):
        raise RemoteProtocolError("The server does not speak POP3.")
    return word[:1] == b"+", text.decode("utf-8", "replace")


def _code(text: str) -> tuple[str, str]:
    """The extended code of a refusal, or "", and the text behind it (RFC 2449 §8)."""
    found = _CODE.match(text)
    return (found[1].upper(), text[found.end() :]) if found else ("", text)


def _number(word: bytes) -> int | None:
    return int(word) if word.isdigit() and len(word) <= 15 else None


def _drop(words: list[bytes]) -> Drop | None:
    count, size = [_number(word) for word in (*words, b"", b"")[:2]]
    return None if count is None or size is None else Drop(count, size)


def _sizes(lines: list[bytes]) -> dict[int, int]:
    """Lines that make no sense are passed over: a size is a guess anyway."""
    found = {}
    for line in lines:
        number, size = [_number(word) for word in (*line.split(), b"", b"")[:2]]
        if number is not None and size is not None:
            found[number] = size
    return found


def _ids(lines: list[bytes]) -> dict[int, bytes]:
    """An empty id stays one: the message is there."""
    found = {}
    for line in lines:
        word, _, uid = line.partition(b" ")
        if (number := _number(word)) is not None:
            found[number] = uid.strip(b" ")
    return found


def _offers(lines: list[bytes]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, _, arguments = line.decode("utf-8", "replace").partition(" ")
        found[name.upper()] = arguments
    return found


_LISTED: Final[dict[Reply, Callable[[list[bytes]], Value]]] = {
    Reply.IDS: _ids,
    Reply.OFFERS: _offers,
    Reply.SIZES: _sizes,
}
_SHORT: Final[dict[Reply, Callable[[list[bytes]], Value]]] = {
    Reply.NOTHING: lambda words: None,
    Reply.DROP: _drop,
    Reply.SIZE: lambda words: _sizes([b" ".join(words)]),
    Reply.ID: lambda words: _ids([b" ".join(words)]),
}
