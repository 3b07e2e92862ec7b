"""The server's half of an SMTP or LMTP session as a machine: bytes in, events and replies out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum

from misfin.email.smtp import arguments
from misfin.email.smtp.errors import SMTPArgumentError, SMTPLocalViolation, SMTPRemoteViolation
from misfin.email.smtp.limits import MAX_AUTH_LINE, MAX_BAD_COMMANDS, MAX_SERVER_LINE, MAX_UNREAD
from misfin.email.smtp.serverevents import (
    DataPiece,
    LoginContinues,
    LoginStarts,
    MailStarts,
    MessageEnds,
    RecipientNamed,
    ServerEvent,
    SessionEnds,
    TlsStarts,
    TransactionEnds,
)
from misfin.email.smtp.stuffing import DotUnstuffer

_PATH = re.compile(
    r'(?:FROM|TO): ?<((?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>((?: [^ ]+)*)', re.IGNORECASE | re.DOTALL
)
_ROUTE = re.compile(r"@[^:]*:")  # RFC 5321 §4.1.1.3: accepted and ignored
_TEXT = re.compile(r"[^\t -~\x80-\U0010ffff]")


class ServerState(Enum):
    """Where a session stands, for a server."""

    NEW = "waiting for hello"
    READY = "ready"
    LOGIN = "logging in"
    MAIL = "in a transaction without recipients"
    RECIPIENTS = "in a transaction with recipients"
    MESSAGE = "taking the message"
    OVER = "over"


_HELLO = frozenset({"EHLO", "HELO", "LHLO"})
_ANY = frozenset(ServerState) - {ServerState.OVER}
# In which states a command is possible; in others the answer is 503.
_POSSIBLE: dict[str, frozenset[ServerState]] = {
    "EHLO": _ANY,
    "HELO": _ANY,
    "LHLO": _ANY,
    "STARTTLS": frozenset({ServerState.READY}),
    "AUTH": frozenset({ServerState.READY}),
    "MAIL": frozenset({ServerState.READY}),
    "RCPT": frozenset({ServerState.MAIL, ServerState.RECIPIENTS}),
    "DATA": frozenset({ServerState.MAIL, ServerState.RECIPIENTS}),
    "RSET": _ANY,
    "NOOP": _ANY,
    "VRFY": _ANY,
    "QUIT": _ANY,
}


class _RefusedError(Exception):
    """A command that is answered here: code and text."""


class SMTPServerProtocol:
    """A server's half of one connection, to be driven with bytes from any transport.

    Give what arrives to :meth:`feed_bytes`, ask :meth:`next_event` until it returns None, answer the events
    that want it with :meth:`respond` (before that, the next one does not come), and write what
    :meth:`get_outgoing_data` gives. Everything that needs no decision is answered here: order and form of
    commands, sizes, limits, what is offered.

    ``secure``: the connection is under TLS already. ``starttls`` offers it. ``mechanisms`` are offered only
    under TLS, unless ``plain_login``; with ``login_required`` nothing can be sent before. ``lmtp`` speaks
    LMTP: :meth:`respond` to the message once for each accepted recipient.
    """

    def __init__(
        self,
        hostname: str,
        *,
        max_message_size: int = 50_000_000,
        secure: bool = False,
        starttls: bool = False,
        mechanisms: Collection[str] = (),
        plain_login: bool = False,
        login_required: bool = False,
        lmtp: bool = False,
    ) -> None:
        self._hostname = arguments.domain_name(hostname)
        self._max = max_message_size
        self._secure = secure
        self._starttls = starttls
        self._mechanisms = frozenset(mechanisms)
        self._plain_login = plain_login
        self._login_required = login_required
        self._lmtp = lmtp
        self._state = ServerState.NEW
        self._held = bytearray()
        self._outgoing: list[bytes] = []
        self._owed = 0
        self._event: ServerEvent | None = None
        self._accepted = 0
        self._bad = 0
        self._skipping = False
        self._logged_in = False
        self._utf8 = False
        self._unstuffer = DotUnstuffer()
        self._size = 0
        self._reply(220, f"{self._hostname} {'LMTP' if lmtp else 'ESMTP'}")

    @property
    def state(self) -> ServerState:
        """Where the session stands."""
        return self._state

    @property
    def wants_data(self) -> bool:
        """Whether to read on: not while an answer is owed, nor after the end."""
        return not self._owed and self._state is not ServerState.OVER

    def get_outgoing_data(self) -> bytes:
        """What has to be written now, once; ``b""`` when there is nothing."""
        data, self._outgoing = b"".join(self._outgoing), []
        return data

    def feed_bytes(self, data: bytes) -> None:
        """Take bytes from the client. Raises :class:`SMTPRemoteViolation` for far too many at once."""
        if self._state is not ServerState.OVER:
            self._held += data
            if len(self._held) > MAX_UNREAD:
                self._state = ServerState.OVER
                raise SMTPRemoteViolation("The client does not wait for answers.")

    def next_event(self) -> ServerEvent | None:
        """What happened next, or None until more bytes or an answer come."""
        while not self._owed and self._state is not ServerState.OVER:
            if self._state is ServerState.MESSAGE:
                return self._message()
            line = self._line()
            if line is None:
                return None
            try:
                event = self._login_line(line) if self._state is ServerState.LOGIN else self._command(line)
            except _RefusedError as refused:
                self._refuse(*refused.args)
                continue
            if event is not None:
                if event.wants_answer:
                    self._event, self._owed = event, 1
                return event
        return None

    def respond(self, code: int, text: str) -> None:
        """Answer the last event: a 2xx accepts, 334 goes on with a log-in, 4xx and 5xx refuse.

        421 ends the session. Raises :class:`SMTPLocalViolation` where nothing is to be answered, or not so.
        """
        event = self._event
        if event is None or not self._owed:
            raise SMTPLocalViolation("There is nothing to be answered.")
        login = isinstance(event, LoginStarts | LoginContinues)
        if not (200 <= code < 300 or 400 <= code < 600 or (code == 334 and login)):
            raise SMTPLocalViolation(f"{code} is not an answer to this.")
        self._reply(code, text)
        self._owed -= 1
        if code == 421:
            self._state, self._owed = ServerState.OVER, 0
            return
        match event:
            case LoginStarts() | LoginContinues():
                self._state = ServerState.LOGIN if code == 334 else ServerState.READY
                self._logged_in = code < 300
                self._bad += code >= 400
            case MailStarts() if code < 300:
                self._state, self._accepted = ServerState.MAIL, 0
            case RecipientNamed() if code < 300:
                self._state = ServerState.RECIPIENTS
                self._accepted += 1
            case MessageEnds() if not self._owed:
                self._state = ServerState.READY

    # ---- reading ---------------------------------------------------------------------------------

    def _line(self) -> str | None:
        """The next command line; lines that are not commands are answered here."""
        while True:
            end = self._held.find(b"\n")
            logging_in = self._state in {ServerState.READY, ServerState.LOGIN}
            limit = MAX_AUTH_LINE if logging_in else MAX_SERVER_LINE
            if end < 0:
                if len(self._held) > limit:
                    self._held.clear()
                    self._skipping = True
                return None
            line = bytes(self._held[: end + 1])
            del self._held[: end + 1]
            skipped, self._skipping = self._skipping, False
            if skipped or len(line) > limit:
                self._refuse(500, "5.5.2 Line too long")
            elif not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
                # Where one server ends a line at a bare LF and another does not, mail can be smuggled.
                self._refuse(500, "5.5.2 Lines end with CRLF")
            else:
                try:
                    return line[:-2].decode()
                except UnicodeDecodeError:
                    self._refuse(500, "5.5.2 Not UTF-8")
            if self._state is ServerState.OVER:
                return None

    def _message(self) -> ServerEvent | None:
        unstuffer = self._unstuffer
        if not unstuffer.done:
            data, self._held = bytes(self._held), bytearray()
            piece = unstuffer.feed(data)
            self._size += len(piece)
            if piece and self._size <= self._max:
                return DataPiece(piece)
            if not unstuffer.done:
                return None
        self._held[:0] = unstuffer.rest
        answers = self._accepted if self._lmtp else 1
        if self._size > self._max:
            self._state = ServerState.READY
            for _ in range(answers):
                self._reply(552, "5.3.4 Message too large")
            return TransactionEnds()
        self._event, self._owed = MessageEnds(self._size), answers
        return self._event

    # ---- commands --------------------------------------------------------------------------------

    def _command(self, line: str) -> ServerEvent | None:
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        wrong_hello = verb in _HELLO and (verb == "LHLO") is not self._lmtp
        if verb not in _POSSIBLE or wrong_hello:
            raise _RefusedError(500, "5.5.1 Unknown command")
        if self._state not in _POSSIBLE[verb]:
            raise _RefusedError(503, "5.5.1 Not now")
        handler: Callable[[str], ServerEvent | None] = getattr(self, f"_do_{verb.lower()}")
        return handler(rest)

    def _do_ehlo(self, name: str) -> ServerEvent | None:
        return self._hello(name, [self._hostname, *self._offer()])

    _do_lhlo = _do_ehlo

    def _do_helo(self, name: str) -> ServerEvent | None:
        return self._hello(name, [self._hostname])

    def _do_starttls(self, rest: str) -> ServerEvent | None:
        if rest or not self._starttls or self._secure:
            raise _RefusedError(501 if rest else 502, "5.5.1 Not available")
        self._reply(220, "2.0.0 Go ahead")
        self._held.clear()  # RFC 3207 §4.2, and nothing sent in the clear may count as sent through TLS
        self._state, self._secure, self._logged_in = ServerState.NEW, True, False
        return TlsStarts()

    def _do_auth(self, rest: str) -> ServerEvent | None:
        mechanism, _, initial = rest.partition(" ")
        if self._bad >= MAX_BAD_COMMANDS:
            raise _RefusedError(
                454, "4.7.0 Too many tries"
            )  # and one more of what is counted: the session ends
        if self._logged_in:
            raise _RefusedError(503, "5.5.1 Already logged in")
        if not self._may_log_in():
            raise _RefusedError(530, "5.7.0 TLS first")
        if mechanism.upper() not in self._mechanisms:
            raise _RefusedError(504, "5.5.4 Unknown mechanism")
        try:
            return LoginStarts(mechanism.upper(), arguments.login_data(initial))
        except SMTPArgumentError:
            raise _RefusedError(501, "5.5.2 Not base64") from None

    def _login_line(self, line: str) -> ServerEvent | None:
        if line == "*":
            self._state = ServerState.READY
            raise _RefusedError(501, "5.0.0 Cancelled")
        try:
            return LoginContinues(arguments.login_data(line))
        except SMTPArgumentError:
            self._state = ServerState.READY
            raise _RefusedError(501, "5.5.2 Not base64") from None

    def _do_mail(self, rest: str) -> ServerEvent | None:
        if self._login_required and not self._logged_in:
            raise _RefusedError(530, "5.7.0 Log in first")
        address, parameters = self._path(rest, "FROM:")
        size = parameters.get("SIZE", "0")
        if set(parameters) - {"SIZE", "BODY", "SMTPUTF8"} or parameters.get("BODY", "7BIT").upper() not in {
            "7BIT",
            "8BITMIME",
        }:
            raise _RefusedError(555, "5.5.4 Unknown parameter")
        if not (size.isascii() and size.isdigit() and len(size) <= 20):
            raise _RefusedError(501, "5.5.4 SIZE is a number")
        if int(size) > self._max:
            raise _RefusedError(552, "5.3.4 Message too large")
        self._utf8 = "SMTPUTF8" in parameters
        self._check_ascii(address)
        return MailStarts(address, parameters)

    def _do_rcpt(self, rest: str) -> ServerEvent | None:
        address, parameters = self._path(rest, "TO:")
        if not address or parameters:
            raise _RefusedError(555 if parameters else 501, "5.5.4 Not a recipient")
        self._check_ascii(address)
        return RecipientNamed(address)

    def _do_data(self, rest: str) -> ServerEvent | None:
        if rest:
            raise _RefusedError(501, "5.5.4 No parameters")
        if self._state is not ServerState.RECIPIENTS:
            raise _RefusedError(503, "5.5.1 No valid recipients")
        self._reply(354, "Go on, end with a dot alone")
        self._state, self._unstuffer, self._size = ServerState.MESSAGE, DotUnstuffer(), 0
        return None

    def _do_rset(self, rest: str) -> ServerEvent | None:
        self._reply(250, "2.0.0 OK")
        return self._end_transaction()

    def _do_noop(self, rest: str) -> ServerEvent | None:
        self._reply(250, "2.0.0 OK")
        return None

    def _do_vrfy(self, rest: str) -> ServerEvent | None:
        self._reply(252, "2.5.2 Send it and see")
        return None

    def _do_quit(self, rest: str) -> ServerEvent | None:
        self._reply(221, "2.0.0 Bye")
        self._state = ServerState.OVER
        return SessionEnds()

    # ---- parts -----------------------------------------------------------------------------------

    def _hello(self, name: str, lines: list[str]) -> ServerEvent | None:
        try:
            arguments.domain_name(name)
        except SMTPArgumentError:
            raise _RefusedError(501, "5.5.4 Say your name") from None
        self._outgoing += [f"250-{line}\r\n".encode() for line in lines[:-1]]
        self._reply(250, lines[-1])
        ended = self._end_transaction()
        self._state = ServerState.READY
        return ended

    def _offer(self) -> list[str]:
        offer = ["PIPELINING", f"SIZE {self._max}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self._starttls and not self._secure:
            offer.append("STARTTLS")
        if self._mechanisms and self._may_log_in():
            offer.append(" ".join(["AUTH", *sorted(self._mechanisms)]))
        return offer

    def _may_log_in(self) -> bool:
        return bool(self._mechanisms) and (self._secure or self._plain_login)

    def _end_transaction(self) -> TransactionEnds | None:
        if self._state not in {ServerState.MAIL, ServerState.RECIPIENTS}:
            return None
        self._state = ServerState.READY
        return TransactionEnds()

    def _path(self, rest: str, word: str) -> tuple[str, Mapping[str, str]]:
        """Address and parameters."""
        found = _PATH.fullmatch(rest)
        if found is None or not rest.upper().startswith(word):
            raise _RefusedError(501, f"5.5.4 {word}<address> is expected")
        try:
            address = arguments.path(_ROUTE.sub("", found[1], count=1) if found[1][:1] == "@" else found[1])
        except SMTPArgumentError:
            raise _RefusedError(501, "5.1.3 Not an address") from None
        pairs = (word.partition("=") for word in found[2].split())
        return address, {name.upper(): value for name, _, value in pairs}

    def _check_ascii(self, address: str) -> None:
        if not (self._utf8 or address.isascii()):
            raise _RefusedError(553, "5.6.7 SMTPUTF8 is needed")

    def _refuse(self, code: int, text: str) -> None:
        """Answer what is wrong by itself; a client that does little else is sent away."""
        self._bad += 1
        if self._bad > MAX_BAD_COMMANDS:
            self._reply(421, "4.7.0 Too many errors")
            self._state = ServerState.OVER
        else:
            self._reply(code, text)

    def _reply(self, code: int, text: str) -> None:
        safe = _TEXT.sub("?", text)
        self._outgoing.append(f"{code} {safe}\r\n".encode("utf-8", "replace"))
