"""The client's half of an SMTP or LMTP session as a machine: methods and bytes in, bytes and replies out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import copy
from typing import TYPE_CHECKING

from misfin.email.smtp import arguments
from misfin.email.smtp.errors import (
    SMTPArgumentError,
    SMTPLocalViolation,
    SMTPMessageTooLarge,
    SMTPUnsupportedAuthMechanism,
)
from misfin.email.smtp.limits import MAX_AUTH_LINE
from misfin.email.smtp.session import Session
from misfin.email.smtp.states import ClientState, Command
from misfin.email.smtp.stuffing import DotStuffer

if TYPE_CHECKING:
    from email.headerregistry import Address
    from email.message import EmailMessage


class SMTPClientProtocol(Session):
    """A client's half of one connection, to be driven with bytes from any transport.

    Call a method, write what :meth:`get_outgoing_data` gives, and while :attr:`needs_incoming_data` feed what
    arrives to :meth:`feed_bytes` until it returns a reply; then write again, for a reply can have queued a
    command. A refusal is a reply like any other: look at :meth:`SMTPResponse.is_error`.

    Methods raise :class:`~misfin.email.smtp.errors.SMTPLocalViolation` where the protocol does not allow them
    (states.py has the table), :class:`~misfin.email.smtp.errors.SMTPMissingExtension` where the server has to
    be able to do more, and :class:`~misfin.email.smtp.errors.SMTPArgumentError` for what cannot be sent; then
    nothing was queued. If the server has spoken without being asked meanwhile, they raise as
    :meth:`feed_bytes` would, or :class:`~misfin.email.smtp.errors.SMTPConnectionLost` if it said goodbye.

    Where the server offers ``PIPELINING``, :meth:`mail`, :meth:`recipient` and :meth:`start_data` need not
    wait for each other's replies (RFC 2920).

    ``lmtp`` speaks LMTP (RFC 2033). ``trace`` is called with each line of the conversation, ``C:`` or ``S:``
    before it, secrets and the message left out; the server's lines are a stranger's text.
    """

    def __init__(self, *, lmtp: bool = False, trace: Callable[[str], None] | None = None) -> None:
        super().__init__(lmtp=lmtp, trace=trace)
        self._utf8 = self._eight_bit = False
        self._stuffer = DotStuffer()

    # ---- what is known ---------------------------------------------------------------------------

    @property
    def extensions(self) -> frozenset[str]:
        """The extensions the server offers, in upper case; empty before EHLO and after STARTTLS."""
        return self._extensions.names

    @property
    def auth_mechanisms(self) -> frozenset[str]:
        """The mechanisms the server offers for logging in."""
        return self._extensions.auth_mechanisms

    @property
    def max_message_size(self) -> int | None:
        """The largest message the server takes, in bytes; None if it names no limit."""
        return self._extensions.max_message_size

    @property
    def authenticated(self) -> bool:
        """Whether a log-in succeeded."""
        return self._authenticated

    @property
    def accepted_recipients(self) -> tuple[str, ...]:
        """The recipients of this transaction that the server has accepted so far."""
        return tuple(self._accepted)

    # ---- commands --------------------------------------------------------------------------------

    def send_greeting(self, domain: str) -> None:
        """Say hello: EHLO, HELO where the server knows nothing else, or LHLO."""
        arguments.domain_name(domain)
        command = Command.LHLO if self._lmtp else Command.EHLO
        self._check(command)
        self._domain = domain
        self._send(command, f"{command.value} {domain}")

    def start_tls(self) -> None:
        """Ask to begin TLS. After the 220 do the handshake, then say hello again."""
        self._check(Command.STARTTLS)
        self._require("STARTTLS", "begin TLS")
        self._send(Command.STARTTLS, "STARTTLS")

    def authenticate(self, mechanism: str, secret: str | None = None) -> None:
        """Begin to log in by a mechanism; ``secret`` is its first answer in base64, if it has one."""
        arguments.mechanism_name(mechanism)
        self._check(Command.AUTH)
        if self._authenticated:
            raise SMTPLocalViolation("The session is logged in already.")
        self._require("AUTH", "log in")
        if mechanism not in self.auth_mechanisms:
            raise SMTPUnsupportedAuthMechanism(mechanism)
        words = ["AUTH", mechanism, *([arguments.login_data(secret)] if secret else [])]
        shown = f"AUTH {mechanism} ***" if secret else f"AUTH {mechanism}"
        self._send(Command.AUTH, " ".join(words), limit=MAX_AUTH_LINE, shown=shown)

    def send_authentication_data(self, data: str) -> None:
        """Answer a 334: base64, ``""`` for an empty answer, ``"*"`` to give up."""
        arguments.login_data(data)
        self._check(Command.AUTH_DATA)
        self._send(Command.AUTH_DATA, data, limit=MAX_AUTH_LINE, shown="*" if data == "*" else "***")

    def mail(
        self,
        sender: str | Address,
        *,
        smtputf8: bool = False,
        eight_bit: bool = False,
        size: int | None = None,
        ret: str | None = None,
        envid: str | None = None,
    ) -> None:
        """Begin a message. ``""`` as the sender is the null address of notifications.

        ``smtputf8``: the message or an address needs it (a sender beyond ASCII asks for it by itself).
        ``eight_bit``: there are bytes over 127 in it. ``size``: how long it is, see
        :func:`~misfin.email.smtp.stuffing.survey`. ``ret`` (``FULL`` or ``HDRS``) and ``envid`` are of
        delivery notifications (RFC 3461). Raises besides
        :class:`~misfin.email.smtp.errors.SMTPMessageTooLarge`.
        """
        address = arguments.path(sender)
        smtputf8 = smtputf8 or not address.isascii()
        self._check(Command.MAIL)
        parameters = []
        if size is not None:
            limit = self.max_message_size
            if limit is not None and size > limit:
                raise SMTPMessageTooLarge(size, limit)
            if "SIZE" in self.extensions:
                parameters.append(f"SIZE={size:d}")
        if eight_bit:
            self._require("8BITMIME", "send text outside ASCII unencoded")
            parameters.append("BODY=8BITMIME")
        if smtputf8:
            self._require("SMTPUTF8", "send addresses outside ASCII")
            parameters.append("SMTPUTF8")
        if ret is not None or envid is not None:
            self._require("DSN", "ask for delivery notifications")
        if ret is not None:
            parameters.append("RET=" + arguments.one_of(ret, ("FULL", "HDRS"), "RET"))
        if envid is not None:
            parameters.append("ENVID=" + arguments.xtext(envid))
        self._send(Command.MAIL, f"MAIL FROM:<{address}>", parameters)
        self._utf8, self._eight_bit, self._accepted = smtputf8, eight_bit, []

    def recipient(
        self, recipient: str | Address, *, notify: Collection[str] | None = None, orcpt: str | None = None
    ) -> None:
        """Name a recipient of the message; its reply carries the address as it was given here.

        ``notify`` (``NEVER``, or some of ``SUCCESS``, ``FAILURE``, ``DELAY``) and ``orcpt``, the address the
        message was first sent to, are of delivery notifications (RFC 3461).
        """
        address = arguments.path(recipient)
        if not address:
            raise SMTPArgumentError("A recipient needs an address.")
        self._check(Command.RCPT)
        if not address.isascii() and not self._utf8:
            self._require("SMTPUTF8", "send addresses outside ASCII")
            raise SMTPArgumentError(f"{address} needs smtputf8 in the call of mail().")
        parameters = []
        if notify is not None or orcpt is not None:
            self._require("DSN", "ask for delivery notifications")
        if notify is not None:
            parameters.append("NOTIFY=" + arguments.notify(notify))
        if orcpt is not None:
            parameters.append("ORCPT=rfc822;" + arguments.xtext(orcpt))
        name = recipient if isinstance(recipient, str) else recipient.addr_spec
        self._send(Command.RCPT, f"RCPT TO:<{address}>", parameters, recipient=name)

    def start_data(self) -> None:
        """Ask to send the message; go on with :meth:`data` or :meth:`data_chunk` after a 354."""
        self._check(Command.DATA)
        self._send(Command.DATA, "DATA")
        self._stuffer = DotStuffer()

    def data(self, message: EmailMessage | bytes) -> None:
        """Send a whole message. Bcc fields of an ``EmailMessage`` are left out, those of bytes are not.

        An ``EmailMessage`` is written in the form :meth:`mail` announced: in 7 bits unless it named
        ``eight_bit``, its header encoded unless it named ``smtputf8``.
        """
        _require_message(self._state)
        stuffer = DotStuffer()
        if not isinstance(message, bytes):
            message = _written(message, smtputf8=self._utf8, eight_bit=self._eight_bit)
        stuffed = self._stuffed(message, stuffer)
        self._stuffer = stuffer
        self._outgoing.append(stuffed)
        self.end_data()

    def data_chunk(self, chunk: bytes) -> None:
        """Send a piece of the message, cut anywhere; write out what there is before the next one.

        Raises :class:`~misfin.email.smtp.errors.SMTPArgumentError` for a line over 998 bytes and for bytes
        over 127 that :meth:`mail` did not announce: then only closing the connection is left, as the server
        waits for the rest of the message. :func:`~misfin.email.smtp.stuffing.survey` finds both before.
        """
        _require_message(self._state)
        self._outgoing.append(self._stuffed(chunk, self._stuffer))

    def end_data(self) -> None:
        """End the message: from when this is written, the message may have been accepted.

        Where every recipient of a group of commands was refused and the server takes the message all the
        same, this alone has to follow (RFC 2920 §3.1).
        """
        _require_message(self._state)
        self._outgoing.append(self._stuffer.finish())
        self._end_message()

    def reset(self) -> None:
        """Give up the message begun, if there is one."""
        self._check(Command.RSET)
        self._send(Command.RSET, "RSET")

    def noop(self) -> None:
        """Do nothing, but hear that the server is there."""
        self._check(Command.NOOP)
        self._send(Command.NOOP, "NOOP")

    def quit(self) -> None:
        """Say goodbye; nothing depends on the answer."""
        self._check(Command.QUIT)
        self._send(Command.QUIT, "QUIT")

    # ---- inside ----------------------------------------------------------------------------------

    def _stuffed(self, chunk: bytes, stuffer: DotStuffer) -> bytes:
        if not self._accepted:
            raise SMTPLocalViolation("No recipient was accepted: end_data() is all that may follow.")
        if not (self._eight_bit or self._utf8 or chunk.isascii()):
            raise SMTPArgumentError("The message has bytes over 127, and mail() did not say so.")
        return stuffer.feed(chunk)


def _written(message: EmailMessage, *, smtputf8: bool, eight_bit: bool) -> bytes:
    from email.policy import SMTP, SMTPUTF8  # 20 ms of imports that most callers do without

    policy = SMTPUTF8 if smtputf8 else SMTP
    policy = policy.clone(cte_type="8bit" if eight_bit else "7bit")
    if "bcc" in message or "resent-bcc" in message:
        message = copy(message)
        del message["bcc"], message["resent-bcc"]
    return message.as_bytes(policy=policy)


def _require_message(state: ClientState) -> None:
    if state is not ClientState.send_data:
        raise SMTPLocalViolation(f"A message is not possible: the session is {state.value}.")
