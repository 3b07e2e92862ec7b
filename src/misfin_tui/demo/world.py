"""The throw-away world of the demo: a profile, and invented correspondents with servers of their own.

Everything in it is real: identities, Maildirs, pins, and TLS on loopback. A world is kept in one folder, so
that it can be closed (or killed) and opened again with ``misfin-tui demo --profile DIR``.
"""

from __future__ import annotations

import json
import secrets
import shlex
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from misfin.errors import LocalError
from misfin.files import private_folder, write_private
from misfin.model.address import DEFAULT_PORT, MisfinAddress
from misfin.net.verification import FIRST_MESSAGE
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import Maildir
from misfin.trust.certificate import CertificateInfo
from misfin.trust.identity import Identity, generate
from misfin.trust.pins import PinBook
from misfin.trust.tofu import APPROVED, VOUCHED, PinKind, pin_name
from misfin_tui.config.writing import toml_value
from misfin_tui.demo.stories import (
    FIRST_CONTACTS,
    MAIL_ACCOUNT,
    MAIL_ME,
    ME,
    DemoPerson,
    first_written,
    people,
)
from misfin_tui.paths import Profile, profile_at

ANSWER_AFTER = 2.0
"""Seconds a correspondent who answers takes to write back."""
SLOW = 6.0
"""Seconds the slow host takes to say that the message arrived."""
NEW_HOME = DemoPerson("carl@newtown.test", "Carl Wander")
CHANGED = "dora"
CHANGED_SENDER = "erin"
_PORTS = range(10_000, 32_000)


class Manner(StrEnum):
    """How a correspondent's server behaves."""

    ANSWERS = "answers"
    ACCEPTS = "accepts"
    MOVED = "moved"
    SLOW = "slow"
    ONLY_B = "only-b"


MANNERS: Mapping[str, Manner] = {
    "bea": Manner.ANSWERS,
    "dora": Manner.ANSWERS,
    "noor": Manner.ANSWERS,
    "carl": Manner.MOVED,
    "sam": Manner.SLOW,
    "otto": Manner.ONLY_B,
}
"""What the servers of some do; all others just accept."""


@dataclass(frozen=True, slots=True)
class World:
    """A demo world: its folder, our own port, and the port of each correspondent's host.

    ``mail_port`` and ``imap_port`` are where the e-mail provider takes and hands out mail; 0 in a folder made
    before there was one.
    """

    root: Path
    port: int
    ports: Mapping[str, int]
    mail_port: int = 0
    imap_port: int = 0

    @property
    def profile(self) -> Profile:
        """The profile of the person playing."""
        return profile_at(self.root)

    @property
    def people(self) -> Path:
        """Folder with one identity and one Maildir per correspondent."""
        return self.root / "correspondents"

    def mailbox_of(self, name: str) -> Maildir:
        """The e-mail that an invented person has received."""
        return Maildir(self.people / "email" / name)

    @property
    def mailboxes(self) -> Path:
        """The player's mail at the e-mail provider."""
        return self.people / "seamail.db"

    @property
    def mail_certificate(self) -> Path:
        """The certificate of the server that takes mail, which nobody vouches for, and its key."""
        return self.people / "seamail.pem"

    @property
    def imap_certificate(self) -> Path:
        """That of the server that hands mail out; a folder made by an earlier version has one for both."""
        own = self.people / "seamail-imap.pem"
        return own if own.exists() else self.mail_certificate

    @property
    def mail_server_password(self) -> Path:
        """The password as the e-mail provider knows it."""
        return self.people / "seamail.password"

    @property
    def mail_password(self) -> Path:
        """The password as the settings of the e-mail account read it."""
        return self.root / "seamail.password"


def cast() -> dict[str, DemoPerson]:
    """Everybody who has a server, by a short name; Carl has two homes."""
    return people() | {"carl-new": NEW_HOME}


def hosts() -> dict[str, list[str]]:
    """The correspondents' hosts, with the names of the people there."""
    found: dict[str, list[str]] = {}
    for name, person in cast().items():
        found.setdefault(_address(person).hostname, []).append(name)
    return found


def open_world(root: Path, *, now: float) -> World:
    """The world kept in ``root``, created if there is none.

    Raises:
        LocalError: the folder holds something else.
        OSError: it cannot be written.
    """
    description = root / "world.json"
    if description.exists():
        data = json.loads(description.read_text("utf-8"))
        return World(root, data["port"], data["ports"], data.get("mail_port", 0), data.get("imap_port", 0))
    if root.exists() and any(root.iterdir()):
        raise LocalError(
            f"{root} is not empty and contains no demo.", remedy="Choose an empty folder for the demo."
        )
    return _make_world(root, now)


def _make_world(root: Path, now: float) -> World:
    names = hosts()
    first, mail, imap, *others = _free_ports(len(names) + 3)
    world = World(root, first, dict(zip(names, others, strict=True)), mail, imap)
    private_folder(root)
    identities = _make_identities(world, now)
    _pin_the_known(world, identities, _make_provider(world, now), now)
    write_private(world.profile.config, _settings(world).encode())
    from misfin_tui.demo.email_stories import fill_email  # late: they need the whole store, this does not
    from misfin_tui.demo.mailbox import fill

    fill(world.profile, identities, now)
    fill_email(world.profile, world.mailboxes, now)
    # Last, so that a half-finished world is never taken for a complete one.
    written = {
        "port": world.port,
        "ports": dict(world.ports),
        "mail_port": world.mail_port,
        "imap_port": world.imap_port,
    }
    write_private(root / "world.json", json.dumps(written).encode())
    return world


def _make_identities(world: World, now: float) -> dict[str, Identity]:
    started = datetime.fromtimestamp(now, UTC) - timedelta(days=400)
    mine = generate(_address(ME), now=started)
    IdentityStore(world.profile.identities).save(mine)
    made = {"me": mine}
    for name, person in cast().items():
        made[name] = generate(_address(person), now=started)
        write_private(world.people / f"{name}.pem", made[name].pem)
    return made


def _make_provider(world: World, now: float) -> CertificateInfo:
    """The certificates of the e-mail provider, for ``localhost``, and the password of the account.

    Returns that of its IMAP server. The other is not the same, or it would need no decision.
    """
    started = datetime.fromtimestamp(now, UTC) - timedelta(days=20)
    taking, made = (generate(MisfinAddress("postmaster", "localhost", "Sea Mail"), now=started) for _ in "12")
    write_private(world.mail_certificate, taking.pem)
    write_private(world.people / "seamail-imap.pem", made.pem)
    password = secrets.token_urlsafe(12).encode()
    write_private(world.mail_server_password, password)
    write_private(world.mail_password, password + b"\n")
    return made.info


def _pin_the_known(
    world: World, identities: Mapping[str, Identity], provider: CertificateInfo, now: float
) -> None:
    """Pin the known hosts and senders, two of them with a key that is not their present one."""
    day = 86_400.0
    earlier = datetime.fromtimestamp(now, UTC) - timedelta(days=900)
    with PinBook(world.profile.trust_db) as pins:
        for name in ("bea", "sam", "otto", "carl", CHANGED, CHANGED_SENDER):
            today = identities[name]
            before = generate(today.address, now=earlier)
            host = pin_name(today.address.hostname, DEFAULT_PORT)
            shown = before if name == CHANGED else today
            pins.record(PinKind.HOST, host, shown.info, how="first use", now=now - 262 * day)
            for week in range(5, 37):
                pins.record(PinKind.HOST, host, shown.info, how="use", now=now - (37 - week) * 7 * day)
        for address, hours in first_written().items():
            name = address.partition("@")[0]
            today = identities[name]
            wrote, met = today, now - hours * 3600
            if name == CHANGED_SENDER:
                wrote, met = generate(today.address, now=earlier), now - 262 * day
            how = FIRST_MESSAGE if address in FIRST_CONTACTS else VOUCHED
            pins.record(PinKind.SENDER, address, wrote.info, how=how, now=met)
        # Where mail is sent to presents another certificate, which is for the player to decide about.
        pins.record(PinKind.MAIL, f"localhost:{world.imap_port}", provider, how=APPROVED, now=now)
        held = identities[CHANGED_SENDER]
        pins.offer(PinKind.SENDER, held.address.address, held.info, now=now - day)


def _settings(world: World) -> str:
    lines = [
        "# Settings of the demo; your own profile needs none of this.",
        "[identity]",
        f'default = "{ME.address}"',
        "",
        "[receive]",
        f'listen = ["127.0.0.1:{world.port}"]',
        "",
        "[verification]",
        "allow_private = true # everybody here lives on loopback",
        "email_dns = false # and DNS knows none of them",
        "",
        "[send]",
        "undo_send_seconds = 3",
        "",
        "[searches]",
        'unread = "is:unread"',
        '"from:bea" = "from:bea"',
        'starred = "is:starred"',
        "",
        f"[accounts.{MAIL_ACCOUNT}]",
        'kind = "email"',
        f'address = "{MAIL_ME.address}"',
        f'name = "{MAIL_ME.name}"',
        f'imap = "imaps://localhost:{world.imap_port}"',
        f'smtp = "smtps://localhost:{world.mail_port}"',
        f"password = {{ command = {toml_value(f'cat {shlex.quote(str(world.mail_password))}')} }}",
        "",
    ]
    for host, port in world.ports.items():
        lines += [f'[hosts."{host}"]', f'connect = "127.0.0.1:{port}"', ""]
    return "\n".join(lines)


def _address(person: DemoPerson) -> MisfinAddress:
    return MisfinAddress.parse(f"{person.address} {person.name}".strip())


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below those that a system gives to connections, which might come first."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.add(port)
    return list(found)
