"""What findings about an e-mail prove, and the sentences that explain them (docs/trust.md §7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from misfin.model.authorship import MailFindings
from misfin.store.evidence import Evidence

_ASKS: Final = ("quarantine", "reject")


def evidence_of(found: MailFindings, signer: str = "") -> Evidence:
    """The first sign that fits, in the order of the table.

    ``signer`` is the domain that signed it for a list that a person accepted; empty if there is none.
    """
    broken = [domain for domain, state in found.bad if state == "broken"]
    if found.aligned:
        return Evidence.VERIFIED
    if signer:
        return Evidence.UNCONFIRMED
    only_broken = len(broken) == len(found.bad) == 1 and not found.others
    doubtful = found.author and found.policy in _ASKS and not found.spf and not found.unchecked
    if doubtful or only_broken:
        return Evidence.DIFFERS
    if found.spf or (found.others and not (found.unchecked or found.policy in _ASKS)):
        return Evidence.UNCONFIRMED
    return Evidence.UNPROVEN


ALTERED: Final = (("", "altered"),)
"""What is wrong with the signatures of a message that was changed here before anybody checked them."""
_BAD: Final = {
    "altered": "It was changed here, before its signatures were checked.",
    "broken": "The signature of {} is broken: the message was changed on the way, or is a forgery.",
    "weak": "The signature of {} is too easy to forge, so it does not count.",
    "expired": "The signature of {} had expired before the message came, so it does not count.",
    "no key": "{} does not publish the key of its signature, or has withdrawn it.",
    "unusable": "One signature does not follow the standard, so it does not count.",
    "unchecked": "The signature of {} was not checked, because DNS did not answer.",
}


def explained(found: MailFindings, signer: str = "") -> Iterator[str]:
    """Sentences that say how it is known who wrote an e-mail; ``signer`` as in :func:`evidence_of`.

    Domains are a stranger's words: make them safe.
    """
    if not found.author:
        yield "From does not name exactly one address, so no domain can vouch for it."
    if found.aligned:
        who = f"your server {found.by} says" if found.by else "checked here"
        yield f"{found.aligned} signed it ({who}), and may speak for {found.author}."
    for domain in found.others:
        yield f"{domain} signed it, but From names another domain."
    for domain, state in found.bad:
        yield _BAD[state].format(domain)
    if not (found.aligned or found.others or found.bad):
        yield "No mail server signed it."
    if found.spf:
        yield f"Your server says that a machine of {found.spf} sent it."
    if not found.aligned and found.policy in _ASKS:
        yield f"{found.author} asks others to {found.policy} mail that it did not sign."
        if signer:
            yield f"It came from the mailing list {found.list_id}, which you accepted as {signer} signs it."
        elif found.listed:
            yield (
                f"It came from the mailing list {found.list_id}, and lists change messages. If you know the"
                f' list, accept it ("Accept list"): what {found.listed[0]} signs for it is then unconfirmed.'
            )
        else:
            yield "A mailing list may have changed this one."
    if found.unchecked and not found.aligned:
        yield "Not everything could be checked, because DNS did not answer or was not asked."
