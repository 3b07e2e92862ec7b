"""Connections brought to where a test begins."""

from __future__ import annotations

from misfin.email.imap import IMAPClientProtocol, commands

OFFERED = b" ".join(
    (
        b"IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ SPECIAL-USE CONDSTORE QRESYNC ESEARCH UIDPLUS MOVE",
        b"LIST-EXTENDED LIST-STATUS NOTIFY NAMESPACE UNSELECT BINARY AUTH=PLAIN AUTH=XOAUTH2 STARTTLS",
    )
)


def take(engine: IMAPClientProtocol, data: bytes) -> list[object]:
    """The events of some bytes."""
    engine.feed_bytes(data)
    return list(engine.events())


def greeted(offered: bytes = OFFERED) -> IMAPClientProtocol:
    """A connection after its greeting."""
    engine = IMAPClientProtocol()
    take(engine, b"* OK [CAPABILITY " + offered + b"] hello\r\n")
    return engine


def logged_in(offered: bytes = OFFERED) -> IMAPClientProtocol:
    """A connection after login."""
    engine = greeted(offered)
    engine.send(commands.login("ada", "secret"))
    engine.get_outgoing_data()
    take(engine, b"A1 OK [CAPABILITY " + offered + b"] in\r\n")
    return engine


def selected(offered: bytes = OFFERED, exists: int = 3) -> IMAPClientProtocol:
    """A connection in a mailbox, QRESYNC enabled; the next tag is A4."""
    engine = logged_in(offered)
    engine.send(commands.enable("QRESYNC"))
    take(engine, b"* ENABLED QRESYNC\r\nA2 OK\r\n")
    engine.send(commands.select("INBOX"))
    engine.get_outgoing_data()
    take(engine, b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\nA3 OK [READ-WRITE] in\r\n" % exists)
    return engine
