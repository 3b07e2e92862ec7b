"""``misfin-tui trust``: look at pinned certificates, approve one by its fingerprint, forget one.

Accepted mailing lists are in :mod:`misfin_tui.cli.trust_lists`.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from misfin.errors import LocalError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.store.evidence import Evidence, of_pin
from misfin.trust.fingerprint import normalize_fingerprint
from misfin.trust.pins import PinBook
from misfin.trust.records import Offer
from misfin.trust.tofu import MailboxKey, PastPin, Pin, PinKind, change_due, due_since, pin_name
from misfin_tui.cli import Exit, trust_lists
from misfin_tui.cli.output import Record, emit, emit_table, grouped, iso, open_services, profile_of

_SEE_LIST = "`misfin-tui trust list` shows all names."
_COLUMNS = ("fingerprint", "uses", "last_seen", "how", "waiting")
_TEXTS = ("fingerprint", "spki", "not_before", "not_after", "first_seen", "last_seen", "how")


def list_pins(args: Namespace) -> int:
    """List every pinned host (or sender) and which need a decision; or recipients' keys."""
    if args.lists:
        return trust_lists.list_all(args)
    if args.recipients:
        with _book(args) as book:
            keys = [_record_of_keys(name, found) for name, found in book.all_mailbox_keys().items()]
        emit_table(args, keys, ("name", "fingerprint", "first_seen", "last_seen"))
        return Exit.DONE
    kind = _kind(args)
    with _book(args) as book:
        waiting = {offer.name: offer for offer in book.offers() if offer.kind is kind}
        records = [_record(pin, waiting.pop(pin.name, None)) for pin in book.all(kind)]
        records += [_unpinned(offer) for offer in waiting.values()]
    emit_table(args, records, ("name", *(("trust",) if kind is PinKind.SENDER else ()), *_COLUMNS))
    return Exit.DONE


def show(args: Namespace) -> int:
    """Show everything known about one host or sender: the pin, its history, and what waits for a decision."""
    if args.lists:
        return trust_lists.show(args)
    if args.recipients:
        return _show_recipient(args)
    kind, name = _kind(args), _name(args)
    with _book(args) as book:
        pin, offer = book.get(kind, name), book.offered(kind, name)
        as_mail = book.get(PinKind.MAIL, name) or book.offered(PinKind.MAIL, name)
    if pin is None and offer is None:
        hint = "It is known as a mail server: give --mail." if as_mail else _SEE_LIST
        raise LocalError(f"Nothing is known about {name}.", remedy=hint)
    if args.json:
        emit(args, _record(pin, offer) if pin else _unpinned(_known(offer)), "")
        return Exit.DONE
    for line in _described(pin, offer, name):
        emit(args, {}, line)
    return Exit.DONE


def approve(args: Namespace) -> int:
    """Trust a certificate that was presented and not accepted, and release the mail held because of it."""
    kind, name = _kind(args), _name(args)
    wanted = normalize_fingerprint(args.fingerprint)
    if not wanted:
        raise LocalError(
            "That is not a SHA-256 fingerprint.",
            remedy="Give its 64 hexadecimal digits; colons and spaces are fine.",
        )
    with open_services(args) as services:
        offer = services.pin_book.offered(kind, name)
        if offer is None:
            raise LocalError(
                f"No certificate of {name} is waiting for a decision.",
                remedy="Send something to it first; its certificate is then kept for your decision.",
            )
        shown = offer.certificate.fingerprints
        if wanted not in (shown.cert, shown.spki):
            raise LocalError(
                f"{name} last presented {grouped(shown.cert)}, not what you gave; nothing was changed.",
                remedy="Check with the owner again: the two must be equal.",
            )
        from misfin.post.decisions import approve as trust_from_now_on  # late: it opens mail and outbox too

        released = trust_from_now_on(services, kind, name, shown.cert, where="at the shell", now=time.time())
        if kind is PinKind.MAIL:
            services.email_accounts.fetch_now()
    messages = f"{released} held message{'' if released == 1 else 's'}"
    will = "moved to the inbox" if args.senders else "will be sent"
    emit(
        args,
        {"name": name, "fingerprint": shown.cert, "released": released},
        f"Trusted {name}; {messages} {will}.",
    )
    return Exit.DONE


def forget(args: Namespace) -> int:
    """Forget a pin, or a recipient's keys: the next contact then counts as the first."""
    if args.lists:
        return trust_lists.forget(args)
    name = _name(args)
    with _book(args) as book:
        known = (
            book.forget_mailbox_keys(name, now=time.time())
            if args.recipients
            else book.forget(_kind(args), name, now=time.time())
        )
        if not known:
            raise LocalError(f"Nothing is pinned for {name}.", remedy=_SEE_LIST)
    emit(args, {"name": name, "forgotten": True}, f"Forgot {name}.")
    return Exit.DONE


@contextmanager
def _book(args: Namespace) -> Iterator[PinBook]:
    with PinBook(profile_of(args).trust_db) as book:
        yield book


def _kind(args: Namespace) -> PinKind:
    if args.mail:
        return PinKind.MAIL
    return PinKind.SENDER if args.senders else PinKind.HOST


def _show_recipient(args: Namespace) -> int:
    name = _name(args)
    with _book(args) as book:
        keys = book.mailbox_keys(name)
    if not keys:
        raise LocalError(
            f"No server has given a key for {name}.", remedy="A server can give one after a delivery."
        )
    described = (
        f"{grouped(key.fingerprint)}  {iso(key.first_seen)} to {iso(key.last_seen)}" for key in reversed(keys)
    )
    for line in [""] if args.json else [name, *(f"  {each}" for each in described)]:
        emit(args, _record_of_keys(name, keys), line)
    return Exit.DONE


def _record_of_keys(name: str, keys: Sequence[MailboxKey]) -> Record:
    *past, present = [
        {"fingerprint": key.fingerprint, "first_seen": iso(key.first_seen), "last_seen": iso(key.last_seen)}
        for key in keys
    ]
    return {"name": name, **present, "history": past}


def _name(args: Namespace) -> str:
    if args.senders or getattr(args, "recipients", False):
        return MisfinAddress.parse(args.name).address
    if args.mail and not args.name.rpartition(":")[2].isdecimal():
        raise LocalError(
            "Give the port of a mail server as well.", remedy="For example smtp.example.org:465."
        )
    mailbox = MisfinAddress.parse(f"postmaster@{args.name}")  # the address parser knows ports and IDN
    return pin_name(mailbox.hostname, mailbox.server_port)


def _known(offer: Offer | None) -> Offer:
    assert offer is not None
    return offer


def _record(pin: Pin, offer: Offer | None) -> Record:
    return {
        "name": pin.name,
        "fingerprint": pin.cert_sha256,
        "spki": pin.spki_sha256,
        "not_before": iso(pin.not_before),
        "not_after": iso(pin.not_after),
        "first_seen": iso(pin.first_seen),
        "last_seen": iso(pin.last_seen),
        "uses": pin.uses,
        "how": pin.how,
        **({"trust": of_pin(pin).value} if pin.kind is PinKind.SENDER else {}),
        "waiting": offer.certificate.fingerprints.cert if offer else "",
        "history": [_past(past) for past in pin.history],
    }


def _unpinned(offer: Offer) -> Record:
    return {
        "name": offer.name,
        **dict.fromkeys(_TEXTS, ""),
        "uses": 0,
        **({"trust": Evidence.UNPROVEN.value} if offer.kind is PinKind.SENDER else {}),
        "waiting": offer.certificate.fingerprints.cert,
        "history": [],
    }


def _past(past: PastPin) -> Record:
    return {
        "fingerprint": past.cert_sha256,
        "spki": past.spki_sha256,
        "replaced": iso(past.replaced),
        "how": past.how,
    }


def _described(pin: Pin | None, offer: Offer | None, name: str) -> Iterator[str]:
    yield name
    if pin:
        if pin.kind is PinKind.SENDER:
            known = of_pin(pin)
            yield f"  sender       {known.sign} {known}: {known.when_for(AddressKind.MISFIN)}"
        yield f"  trusted      {iso(pin.first_seen)} ({pin.how}), {pin.uses} uses, last {iso(pin.last_seen)}"
        yield f"  certificate  {grouped(pin.cert_sha256)}"
        yield f"  public key   {grouped(pin.spki_sha256)}"
        yield f"  valid        {iso(pin.not_before)} to {iso(pin.not_after)}"
        for past in pin.history:
            yield f"  until {iso(past.replaced)}  {grouped(past.cert_sha256)} ({past.how})"
    if offer:
        info = offer.certificate
        yield "  needs your decision:"
        if day := change_due(pin, offer.shown):
            yield f"  {due_since(day)}"
        yield f"  certificate  {grouped(info.fingerprints.cert)}"
        yield f"  public key   {grouped(info.fingerprints.spki)} ({info.key})"
        yield f"  subject      {info.subject}"
        yield f"  valid        {info.not_before:%Y-%m-%d} to {info.not_after:%Y-%m-%d}"
