"""What was found out about who wrote an e-mail, as values (docs/trust.md §7)."""

from __future__ import annotations

from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class MailFindings:
    """What signatures, DNS and the account's own server say about the sender of one e-mail.

    ``author`` is the domain in From, empty unless From is exactly one address. ``aligned`` is a domain whose
    signature holds and that may speak for the author's; ``by`` is the id of the server that verified it,
    empty if that was done here. ``others`` are other domains whose signatures hold. ``bad`` has the domain of
    every other signature with what is wrong: a word of :class:`~misfin.email.authorship.dkim.SignatureState`.
    ``spf`` is an aligned domain that the account's server found the mail to come from. ``policy`` is what the
    author's domain asks for: ``none``, ``quarantine``, ``reject``, or empty if that is not known.
    ``list_id`` is the mailing list it says it came from, in lower case, empty if it names none or several;
    ``listed`` are domains of ``others`` whose signatures cover that. ``server`` is the id of the
    server whose results were looked at.
    """

    author: str = ""
    aligned: str = ""
    by: str = ""
    others: tuple[str, ...] = ()
    bad: tuple[tuple[str, str], ...] = ()
    spf: str = ""
    policy: str = ""
    unchecked: bool = False
    """Whether DNS did not answer a question that mattered, or was not asked."""
    list_id: str = ""
    listed: tuple[str, ...] = ()
    server: str = ""
