"""What the first steps of a new profile say: which mail, which address, which servers, what will be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin_tui.wording.facts import day

if TYPE_CHECKING:
    from misfin.email.discovery import Found
    from misfin.trust.identity import Identity

WELCOME = "Welcome to misfin-tui"
QUESTION = "Misfin, e-mail, or both? You can add more accounts at any time."
CHOICES = (
    ("misfin", "Misfin", "create an address of your own, or import one"),
    ("email", "E-mail", "an account you have with a provider: IMAP or POP3, and SMTP"),
    ("both", "Both", "first your Misfin address, then your e-mail account"),
    ("server", "Server", "a Misfin mailbox that somebody keeps for you"),
)
"""What a new profile can be for: a value, its name, and what it is."""

WHO = (
    "On Misfin your address is a certificate that you make yourself; you need nobody's permission."
    " The host is the name of the machine your mail will arrive at."
)
RECEIVE = (
    "This program can receive mail for you while it is open. If another server does that, or you"
    " only want to send, choose “Only send”. You can change this at any time."
)
PORT = "A port is a number from 1 to 65535."
OTHER_PORT = "Choose another, or quit the program that uses it."
EMAIL = "An account you have with an e-mail provider. The program finds its servers."
LOOKING = "Looking for the servers of {address} …"
NOTHING = (
    "No servers were found for {address}. Enter them; your provider's help pages list them. If you log in"
    " with another name than your address, write it before the host: imaps://name@host."
)
WITHOUT_KEYRING = (
    "This program never writes your password to a file. Enter a command that prints it, such as pass show"
    " mail, or cat and the path of a file that only you can read."
)
OAUTH = (
    "You sign in with your browser, and this program gets a token instead of your password. The provider"
    " wants to know which program is asking: register a client ID of your own there, once; docs/oauth.md"
    " shows how."
)
ONLY_OAUTH = "This provider does not accept passwords."
MAILBOX = (
    "Somebody keeps a Misfin mailbox for you on a server, and gave you a file with its certificate and key."
    " Whoever has the file can read the mailbox: keep it secret."
)
MAILBOX_PORT = "TCP port; if empty: 1958, or 1960 where 1958 only receives mail"
UNTESTED = (
    "Save an account that does not work?",
    "Its test did not pass. You can save it now and correct it later.",
)


def mailbox_of(identity: Identity) -> str:
    """Whose mailbox it is, and where it is kept."""
    address, info = identity.address, identity.info
    return (
        f"The file is for {address.long_form}, valid until {day(info.not_after.timestamp())}. Its mailbox is"
        f" most likely kept on {address.hostname}."
    )


def port_advice(address: str) -> str:
    """What has to be opened for mail to arrive at this address."""
    host = address.partition("@")[2].partition(":")[0] or "your host"
    return (
        f"For mail to arrive, {host} must be a name (DNS, A or AAAA record) that points to this machine,"
        " and the firewall and the router must let this TCP port through."
    )


def will_do(address: str, *, imported: bool, receive: bool, port: int) -> tuple[str, str, str]:
    """What the last step does: with the address, with mail, and with the settings."""
    verb = "imported" if imported else "created, with a certificate and a key of its own"
    does = f"will receive on port {port} while it is open" if receive else "will only send"
    return (
        f"{address} will be {verb}.",
        f"This program {does}.",
        "The settings will be written to config.toml in your profile.",
    )


def found_words(found: Found, address: str) -> str:
    """Where the servers were found, and who logs in there."""
    return f"{found.detail} Change what is wrong. You log in as {found.incoming.user or address}."
