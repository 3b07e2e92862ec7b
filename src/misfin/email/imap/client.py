"""The client's half of an IMAP connection: commands out, events in, over any transport."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import field
from typing import Final, TypeAlias

from misfin.email.challenge import Challenge, challenge_of, initial_word, response_line
from misfin.email.imap import capabilities as extensions
from misfin.email.imap.answers import parse_untagged
from misfin.email.imap.codes import status_text
from misfin.email.imap.command import ImapCommand
from misfin.email.imap.limits import (
    ANSWERS,
    ANSWERS_EACH,
    MAX_LITERALS,
    MAX_SET,
    PATIENCE,
    PATIENCE_BODY,
    PIPELINE,
)
from misfin.email.imap.reader import FetchPiece, ResponseReader
from misfin.email.imap.states import LOGGED_IN, ImapCourse, ImapState, ImapStep
from misfin.email.imap.values import (
    Bye,
    Code,
    Completed,
    Enabled,
    Exists,
    Greeting,
    Idling,
    OfferedCapabilities,
    SkippedLine,
    Status,
    StatusNotice,
    Untagged,
)
from misfin.email.imap.writer import Pause, Spelling, Upload, WriteStep, write
from misfin.errors import CommandError, LocalProtocolError, RemoteProtocolError
from misfin.valueclass import dataclass

ImapEvent: TypeAlias = Greeting | Untagged | FetchPiece | Challenge | Idling | Completed

_IDLE_STATES: Final = {ImapState.IDLE, ImapState.IDLE_SELECTED}
_SHOWN: Final = 200  # bytes of a line that could not be read which are kept for a log


@dataclass(eq=False, slots=True)
class _Sent:
    """A command, and what of it is still to be written once its turn has come."""

    tag: str
    command: ImapCommand
    steps: deque[WriteStep] = field(default_factory=deque)
    initial: str = field(default="", repr=False)


class IMAPClientProtocol:
    """One IMAP connection, without I/O.

    :meth:`send` commands and write what :meth:`get_outgoing_data` gives; :meth:`feed_bytes` what was read and
    go through :meth:`events`, then write again. While :attr:`data_wanted` is not 0, :meth:`send_data` the
    message of an APPEND. :class:`~misfin.errors.RemoteProtocolError` means that the server cannot be
    understood any more: close the connection, nothing about a command in flight is known.
    :class:`~misfin.errors.LocalProtocolError` is a call at the wrong time. There is no clock here: see
    :attr:`patience`.
    """

    def __init__(self) -> None:
        self._course = ImapCourse()
        self._reader = ResponseReader()
        self._outgoing = bytearray()
        self._queue: deque[_Sent] = deque()
        self._flight: dict[bytes, _Sent] = {}
        self._writing: _Sent | None = None
        self._upload_left = 0
        self._number = 0
        self._answers = 0
        self._exists = 0
        self._capabilities: frozenset[str] | None = None
        self._heard = False  # capabilities since the command that logs in
        self._enabled: frozenset[str] = frozenset()
        self._done = False  # IDLE is to end

    # ---- what is known ----------------------------------------------------------------------------

    @property
    def state(self) -> ImapState:
        """Where the connection stands (states.py has the table)."""
        return self._course.state

    @property
    def capabilities(self) -> frozenset[str] | None:
        """What the server offers, in capitals; None while that is not known: send ``capability()``."""
        return self._capabilities

    @property
    def enabled(self) -> frozenset[str]:
        """Extensions that are turned on."""
        return self._enabled

    def offers(self, name: str) -> bool:
        """Whether the server is known to offer this, itself or as part of something else."""
        return self._capabilities is not None and extensions.offers(self._capabilities, name)

    @property
    def pending(self) -> tuple[str, ...]:
        """Tags of the commands that have no answer yet, the oldest first."""
        return tuple(sent.tag for sent in (*self._flight.values(), *self._queue))

    @property
    def data_wanted(self) -> int:
        """How many bytes of a message :meth:`send_data` may take now."""
        return self._upload_left

    @property
    def patience(self) -> float | None:
        """Seconds without a byte after which to give up; None while there is nothing to wait for."""
        if self._reader.within_body or self._upload_left:
            return PATIENCE_BODY
        idle = self.state in _IDLE_STATES and not self._done
        return None if idle or not (self._flight or self.state is ImapState.GREETING) else PATIENCE

    # ---- out --------------------------------------------------------------------------------------

    def send(self, command: ImapCommand) -> str:
        """Send a command, or have it wait for those before; the tag that its :class:`Completed` will have.

        Raises :class:`~misfin.errors.LocalProtocolError` where it is not allowed, or not offered, and
        :class:`~misfin.errors.CommandError` where its arguments make it, or its message, too long.
        """
        self._check(command)
        self._number += 1
        sent = _Sent(f"A{self._number}", command, initial=command.initial)
        write(sent.tag, command.parts, self._spelling)  # what cannot be written must not change anything
        if command.success is ImapStep.LOGGED_IN:
            self._heard = False
        self._queue.append(sent)
        self._write_on()
        if command.name == "LOGOUT":
            self._course.happens(ImapStep.GOODBYE)
        return sent.tag

    def send_data(self, data: bytes) -> None:
        """Some of the message of an APPEND, at most :attr:`data_wanted` bytes."""
        if len(data) > self._upload_left:
            raise LocalProtocolError(f"The server expects {self._upload_left:,} bytes, not {len(data):,}.")
        self._outgoing += data
        self._upload_left -= len(data)
        if not self._upload_left and data:
            self._write_on()

    def respond(self, data: str | None) -> None:
        """Answer a :class:`Challenge`, in base64; None gives the attempt up, and the server says BAD."""
        if not any(sent.command.name == "AUTHENTICATE" for sent in self._flight.values()):
            raise LocalProtocolError("There is no challenge to respond to.")
        self._outgoing += response_line(data)

    def done(self) -> None:
        """End IDLE; its :class:`Completed` follows. Before IDLE has begun it is ended as soon as it has."""
        if not any(sent.command.name == "IDLE" for sent in self._flight.values()):
            raise LocalProtocolError("There is no IDLE to end.")
        if not self._done and self.state in _IDLE_STATES:
            self._outgoing += b"DONE\r\n"
        self._done = True

    def tls_established(self) -> None:
        """The handshake that STARTTLS agreed on is done. All that was known before is forgotten."""
        self._course.happens(ImapStep.TLS_BEGUN)
        self._capabilities = None

    def get_outgoing_data(self) -> bytes:
        """What has to be written now, once; ``b""`` when there is nothing."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    # ---- in ---------------------------------------------------------------------------------------

    def feed_bytes(self, data: bytes) -> None:
        """Take bytes from the server; :meth:`events` says what they mean."""
        if self.state is ImapState.STARTING_TLS:
            raise self._violation("The server spoke between its agreement to TLS and the handshake.")
        if self.state is ImapState.CLOSED:
            raise LocalProtocolError("The connection is over; no more bytes can be taken.")
        self._reader.feed(data)

    def events(self) -> Iterator[ImapEvent]:
        """What the bytes taken so far mean, one after the other; raises RemoteProtocolError.

        An event changes :attr:`state` and the rest only when it comes out, so commands can be sent between
        two. What was not asked for comes from the next call.
        """
        while self.state is not ImapState.CLOSED:
            try:
                taken = self._reader.take()
            except RemoteProtocolError as e:
                raise self._violation(str(e)) from None
            if taken is None:
                return
            if isinstance(taken, FetchPiece):
                yield taken
                continue
            line = taken[0]
            assert isinstance(line, bytes)
            event: ImapEvent | None
            self._count()
            if self.state is ImapState.GREETING:
                event = self._greeted(line)
            elif line.startswith(b"*"):
                event = self._untagged(parse_untagged(taken))
            elif line.startswith(b"+"):
                event = self._continued(line)
            else:
                event = self._tagged(line)
            if event is not None:
                yield event

    def receive_eof(self) -> None:
        """Take the end of what the server sends; raises RemoteProtocolError where it had not said goodbye."""
        expected = self.state in {ImapState.LOGGING_OUT, ImapState.CLOSED} and not self._reader.within
        self._course.happens(ImapStep.ENDED)
        self._outgoing.clear()
        if not expected:
            raise RemoteProtocolError("The server closed the connection without saying goodbye.")

    # ---- within -----------------------------------------------------------------------------------

    @property
    def _spelling(self) -> Spelling:
        return Spelling(self.offers("LITERAL+"), self.offers("LITERAL-"), "UTF8=ACCEPT" in self._enabled)

    def _check(self, command: ImapCommand) -> None:
        if self.state not in command.states:
            raise LocalProtocolError(f"{command.name} is not possible in the state {self.state.value!r}.")
        waiting = [*self._flight.values(), *self._queue]
        if any(sent.command.alone for sent in waiting) or (command.alone and waiting):
            raise LocalProtocolError(f"{command.name} has to wait for the end of {waiting[0].command.name}.")
        if missing := {name for name in command.enabled if name not in self._enabled}:
            raise LocalProtocolError(f"{command.name}: {missing.pop()} is not enabled.")
        if self._capabilities is None:
            return
        if command.name == "LOGIN" and "LOGINDISABLED" in self._capabilities:
            raise LocalProtocolError("The server takes no passwords by LOGIN here.")
        most = extensions.append_limit(self._capabilities)
        if most is not None and any(isinstance(part, Upload) and part.size > most for part in command.parts):
            raise CommandError(f"The server takes messages of at most {most:,} bytes.")
        if missing := {name for name in command.needs if not self.offers(name)}:
            raise LocalProtocolError(f"{command.name}: the server does not offer {missing.pop()}.")

    def _write_on(self) -> None:
        """Write as much as can be: up to where the server or the caller has to say something first."""
        while not self._upload_left:
            if self._writing is None:
                if not self._queue or len(self._flight) >= PIPELINE:
                    return
                self._begin(self._queue.popleft())
            sent = self._writing
            assert sent is not None
            while sent.steps:
                match sent.steps[0]:
                    case Pause():
                        return
                    case Upload(size):
                        self._upload_left = size
                    case written:
                        self._outgoing += written
                sent.steps.popleft()
                if self._upload_left:
                    return
            self._writing = None

    def _begin(self, sent: _Sent) -> None:
        parts = sent.command.parts
        if sent.initial and self.offers("SASL-IR"):
            initial = initial_word(sent.initial)
            if len(initial) <= MAX_SET:  # a token may be longer than a line; then it follows the server's +
                parts, sent.initial = (*parts, b" " + initial), ""
        sent.steps = deque(write(sent.tag, parts, self._spelling))
        self._flight[sent.tag.encode("ascii")] = self._writing = sent
        self._allow()

    def _allow(self) -> None:
        """Have the reader expect what the commands in flight ask for."""
        commands = [sent.command for sent in self._flight.values()]
        self._reader.literals = max([MAX_LITERALS, *(command.literals for command in commands)])
        self._reader.stream = any(command.stream for command in commands)

    def _greeted(self, line: bytes) -> Greeting | Bye:
        word, _, rest = line.removeprefix(b"*").strip().partition(b" ")
        code, text = status_text(rest)
        match word.upper() if line.startswith(b"*") else b"":
            case b"OK":
                self._course.happens(ImapStep.GREETED)
            case b"PREAUTH":
                self._course.happens(ImapStep.PREAUTHENTICATED)
            case b"BYE":
                self._course.happens(ImapStep.GOODBYE)
                return Bye(code, text)
            case _:
                raise self._violation("The server does not speak IMAP.")
        self._note_code(code)
        return Greeting(Status(word.upper().decode("ascii")), code, text)

    def _count(self) -> None:
        """Refuse answers that do not end. While idle, and with nothing in flight, they need not."""
        if self._flight and (self._done or self.state not in _IDLE_STATES):
            self._answers += 1
            if self._answers > ANSWERS + ANSWERS_EACH * self._exists:
                raise self._violation("The server's answers do not end.")

    def _untagged(self, event: Untagged) -> Untagged:
        match event:
            case Exists(count):
                self._exists = count
            case OfferedCapabilities(names):
                self._set_capabilities(names)
            case Enabled(names):
                self._enabled |= names
            case StatusNotice(_, code, _):
                self._note_code(code)
            case Bye():
                self._course.happens(ImapStep.GOODBYE)
        return event

    def _continued(self, line: bytes) -> ImapEvent | None:
        """A ``+``: whoever waits for it goes on."""
        sent = self._writing
        if sent is not None and sent.steps and sent.steps[0] is Pause.CONTINUATION:
            sent.steps.popleft()
            self._write_on()
            return None
        for sent in self._flight.values():
            if sent.command.name == "AUTHENTICATE":
                return self._challenged(sent, line)
            if sent.command.name == "IDLE" and self.state in LOGGED_IN:  # neither idle yet nor leaving
                self._course.happens(ImapStep.IDLING)
                if self._done:
                    self._outgoing += b"DONE\r\n"
                return Idling(sent.tag)
        return SkippedLine(line[:_SHOWN], "nothing waits for this")

    def _challenged(self, sent: _Sent, line: bytes) -> Challenge | None:
        if sent.initial:  # not inside the command, so it is the answer to an empty challenge
            self._outgoing += response_line(sent.initial)
            sent.initial = ""
            return None
        return challenge_of(line[1:])

    def _tagged(self, line: bytes) -> Completed | SkippedLine:
        tag, _, rest = line.partition(b" ")
        word, _, rest = rest.strip(b" ").partition(b" ")
        sent = self._flight.get(tag)
        if sent is None or word.upper() not in (b"OK", b"NO", b"BAD"):
            return SkippedLine(line[:_SHOWN], "no answer to anything that was sent")
        code, text = status_text(rest.lstrip(b" "))
        completed = Completed(sent.tag, sent.command.name, Status(word.upper().decode("ascii")), code, text)
        del self._flight[tag]
        self._answers = 0
        self._allow()
        self._settle(sent.command, completed)
        if self._writing is sent and sent.steps and sent.steps[0] is Pause.CONTINUATION:
            self._writing = None  # refused before its literal; one that has begun has to be finished
        self._write_on()
        return completed

    def _settle(self, command: ImapCommand, completed: Completed) -> None:
        """Change what the end of a command changes."""
        step = command.success if completed.ok else command.failure
        if step is ImapStep.LOGGED_IN and not self._heard:
            self._capabilities = None  # most servers offer more now
        self._note_code(completed.code)
        if step is ImapStep.TLS_AGREED and self._reader.within:
            raise self._violation("The server sent something behind its agreement to TLS.")
        if command.name == "IDLE":
            self._done = False
        if step in (ImapStep.DESELECTED, ImapStep.SELECTED) and not completed.ok:
            self._exists = 0
        if step is not None and self.state not in {ImapState.LOGGING_OUT, ImapState.CLOSED}:
            self._course.happens(step)

    def _note_code(self, code: Code | None) -> None:
        if code is not None and code.name == "CAPABILITY" and isinstance(code.value, frozenset):
            self._set_capabilities(code.value)

    def _set_capabilities(self, names: frozenset[str]) -> None:
        self._capabilities = names
        self._heard = True

    def _violation(self, message: str) -> RemoteProtocolError:
        self._course.happens(ImapStep.ENDED)
        self._outgoing.clear()
        return RemoteProtocolError(message)
