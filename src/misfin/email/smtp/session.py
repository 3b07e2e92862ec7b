"""Which commands may be queued when, and where their replies lead: the table of states.py put to work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import NamedTuple, NoReturn

from misfin.email.smtp.errors import (
    SMTPArgumentError,
    SMTPConnectionLost,
    SMTPLocalViolation,
    SMTPMissingExtension,
    SMTPRemoteViolation,
)
from misfin.email.smtp.extensions import Extensions
from misfin.email.smtp.limits import MAX_COMMAND, MAX_COMMAND_PARAMETERS
from misfin.email.smtp.replies import ReplyLines, ReplyParser
from misfin.email.smtp.response import SMTPResponse
from misfin.email.smtp.states import GROUPED, LAST_OF_GROUP, NO_EHLO, TABLE, ClientState, Command
from misfin.model.safetext import plain

_CLOSING = 421  # RFC 5321 §3.8: may come as the answer to anything, and without a question


class Awaited(NamedTuple):
    """A command whose reply is owed."""

    command: Command
    recipient: str | None = None


class Session:
    """The part of a client's half that knows nothing of what commands say."""

    def __init__(self, *, lmtp: bool = False, trace: Callable[[str], None] | None = None) -> None:
        self._lmtp = lmtp
        self._trace = trace
        self._state = self._hoped = ClientState.greeting_expected
        self._replies = ReplyParser()
        self._awaited = deque([Awaited(Command.GREETING)])
        self._outgoing: list[bytes] = []
        self._extensions = Extensions()
        self._authenticated = False
        self._domain = ""
        self._accepted: list[str] = []
        self._dot_queued = self._dot_sent = False

    @property
    def state(self) -> ClientState:
        """Where the session stands, as far as the server has confirmed it."""
        return self._state

    @property
    def needs_incoming_data(self) -> bool:
        """Whether a reply is awaited that has not come whole."""
        return bool(self._awaited) and self._state is not ClientState.finished and not self._replies.ready()

    @property
    def lmtp(self) -> bool:
        """Whether it is LMTP."""
        return self._lmtp

    @property
    def idle(self) -> bool:
        """Whether a message can be begun: nothing is under way, nothing unread."""
        ready = self._state in {ClientState.ready, ClientState.authenticated}
        return ready and not self._awaited and self._replies.empty

    @property
    def outcome_unknown(self) -> bool:
        """True from the moment the final dot was handed out until the last answer to the message.

        If the connection ends meanwhile, the message may or may not have been accepted.
        """
        return self._dot_sent

    def get_outgoing_data(self) -> bytes:
        """What has to be written now, once; ``b""`` when there is nothing."""
        data, self._outgoing = b"".join(self._outgoing), []
        if self._dot_queued:
            self._dot_queued, self._dot_sent = False, True
        return data

    def feed_bytes(self, data: bytes) -> SMTPResponse | None:
        """Take bytes from the server; the next reply once it is whole, else None.

        One reply at a time: with ``b""`` the next one of those that came together. A reply nobody awaits is a
        violation, but for a 421 that says goodbye: it is returned with ``command == ""``. Bytes after the end
        of the session are ignored. Raises :class:`~misfin.email.smtp.errors.SMTPRemoteViolation`; the session
        is over then.
        """
        if self._state is ClientState.finished or (not data and self._replies.empty):
            return None
        self._replies.feed(data)
        try:
            reply = self._replies.take()
        except SMTPRemoteViolation:
            self._finish()
            raise
        return None if reply is None else self._answered(reply)

    def receive_eof(self) -> None:
        """Take the end of what the server sends, after all bytes were fed.

        Raises :class:`~misfin.email.smtp.errors.SMTPConnectionLost` where something was still to come; look
        at :attr:`outcome_unknown` then.
        """
        lost = self._state is not ClientState.finished and (
            self._awaited or self._state is ClientState.send_data or not self._replies.empty
        )
        self._finish()
        if lost:
            raise SMTPConnectionLost("The server closed the connection without an answer.")

    # ---- for the commands ------------------------------------------------------------------------

    def _check(self, command: Command) -> None:
        """Whether a command may be queued now."""
        if not self._awaited and not self._replies.empty:
            self._raise_unsolicited()
        if self._awaited:
            last = self._awaited[-1].command  # those before it were such that it could follow
            if not ("PIPELINING" in self._extensions.names and last in GROUPED and command in LAST_OF_GROUP):
                raise SMTPLocalViolation(
                    f"{command.value} has to wait for the reply to {last.value or last.name}."
                )
        if command not in TABLE[self._hoped]:
            raise SMTPLocalViolation(f"{command.value} is not possible: the session is {self._hoped.value}.")

    def _raise_unsolicited(self) -> NoReturn:
        """The server has said something that was not looked at: a command now would get it as its answer."""
        try:
            reply = self._replies.take()
        except SMTPRemoteViolation:
            self._finish()
            raise
        if reply is None:
            raise self._violation("The server began a reply nobody asked for.")
        response = self._answered(reply)  # raises, but for a goodbye
        assert response is not None
        raise SMTPConnectionLost(f"The server ended the session: {plain(response.message, one_line=True)}")

    def _require(self, extension: str, what: str) -> None:
        if extension not in self._extensions.names:
            raise SMTPMissingExtension(f"The server does not offer {extension}, needed to {what}.", extension)

    def _send(
        self,
        command: Command,
        line: str,
        parameters: Collection[str] = (),
        *,
        recipient: str | None = None,
        limit: int = MAX_COMMAND,
        shown: str = "",
    ) -> None:
        """Queue a checked command; ``shown`` is what the trace gets instead of it."""
        short, added = line.encode(), "".join(f" {parameter}" for parameter in parameters).encode()
        if len(short) + 2 > limit or len(added) > MAX_COMMAND_PARAMETERS:
            raise SMTPArgumentError(f"What follows {command.value} is too long for a command.")
        self._outgoing.append(short + added + b"\r\n")
        self._awaited.append(Awaited(command, recipient))
        self._hoped = TABLE[self._hoped][command].hoped
        self._say(f"C: {shown or (short + added).decode()}")

    def _end_message(self) -> None:
        """The final dot is queued: its answers are awaited, in LMTP one for each accepted recipient."""
        self._dot_queued = True
        self._state = self._hoped = ClientState.data_sent
        recipients: list[str] | list[None] = self._accepted if self._lmtp else [None]
        self._awaited.extend(Awaited(Command.END, recipient) for recipient in recipients)
        self._say("C: .")

    def _say(self, line: str) -> None:
        if self._trace is not None:
            self._trace(line)

    # ---- replies ---------------------------------------------------------------------------------

    def _answered(self, reply: ReplyLines) -> SMTPResponse | None:
        """Move on by a reply."""
        code, text = reply.code, "\n".join(reply.lines)
        awaited = self._awaited.popleft() if self._awaited else None
        secret = awaited is not None and awaited.command in (Command.AUTH, Command.AUTH_DATA) and code == 334
        self._say("S: 334 ***" if secret else f"S: {code} {text}")
        if awaited is None:
            response = SMTPResponse(code, text)
            if code != _CLOSING:
                raise self._violation(f"The server sent a reply nobody asked for: {code} {text[:80]!a}")
            self._finish()
            return response
        response = SMTPResponse(code, text, awaited.command.value, awaited.recipient)
        if awaited.command is Command.EHLO and code in NO_EHLO:
            self._send_helo()
            return None
        self._move(awaited, reply)
        if code == _CLOSING:
            self._finish()
        return response

    def _send_helo(self) -> None:
        self._hoped = self._state
        self._send(Command.HELO, f"HELO {self._domain}")

    def _move(self, awaited: Awaited, reply: ReplyLines) -> None:
        """Take the step of the table, and note what the reply says."""
        command, code = awaited.command, reply.code
        step = TABLE[self._state].get(command)
        state: ClientState | None
        if code >= 400:
            state = step.refused if step else self._state
        elif step:
            state = step.more if code >= 300 else step.ok
        else:
            state = None
        if state is None:
            name = command.value or "the connection"
            raise self._violation(f"The server answered {name} with {code}, which makes no sense there.")
        if command is Command.END:
            if self._awaited:  # LMTP: the other recipients' answers follow
                state = self._state
            else:
                self._dot_sent = False
        self._state = state
        if not self._awaited:
            self._hoped = state
        if code < 400:
            self._note(awaited, reply)

    def _note(self, awaited: Awaited, reply: ReplyLines) -> None:
        match awaited.command:
            case Command.EHLO | Command.LHLO:
                self._extensions = Extensions.read(reply.lines[1:])
            case Command.HELO:
                self._extensions = Extensions()
            case Command.STARTTLS:
                # What came in the clear must not be read as if it had come through TLS.
                if not self._replies.empty:
                    raise self._violation("The server sent more than its answer to STARTTLS.")
                self._extensions = Extensions()
            case Command.AUTH | Command.AUTH_DATA:
                self._authenticated = self._state is ClientState.authenticated
            case Command.RCPT:
                self._accepted.append(awaited.recipient or "")
            case Command.RSET:
                self._accepted = []
            case Command.DATA if self._lmtp and not self._accepted:
                raise self._violation("The server takes a message for nobody.")  # RFC 2033 §4.2

    def _finish(self) -> None:
        self._state = self._hoped = ClientState.finished
        self._outgoing.clear()
        self._dot_queued = False  # and never handed out

    def _violation(self, message: str) -> SMTPRemoteViolation:
        self._finish()
        return SMTPRemoteViolation(message)
