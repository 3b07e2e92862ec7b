"""What screens use to reach mail, outbox, trust and everything else below them.

``Services`` names the nouns; each lives in its own module and is imported when first used, because the first
frame needs none but ``mail``. What several of them share (databases, the courier) is opened here, once, by
whichever thread asks first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from misfin.model.account import AddressKind
    from misfin.post.courier import Courier
    from misfin.post.transport import Transport
    from misfin.store.accounts import AccountBook
    from misfin.store.filing import Filing
    from misfin.store.identities import IdentityStore
    from misfin.store.index import MailIndex
    from misfin.store.index.regrouping import Regrouping
    from misfin.store.mail.maildir import MailStore
    from misfin.store.outgoing.drafts import DraftBox
    from misfin.store.outgoing.outbox import Outbox
    from misfin.store.people.contacts import ContactBook
    from misfin.store.undo_log import UndoLog
    from misfin.trust.pins import PinBook
    from misfin_tui.config import Config
    from misfin_tui.messages import AppNews
    from misfin_tui.paths import Profile
    from misfin_tui.services.accounts import Accounts
    from misfin_tui.services.attached import Attached
    from misfin_tui.services.attics import Attics
    from misfin_tui.services.contacts import Contacts
    from misfin_tui.services.email import EmailAccounts
    from misfin_tui.services.fetching import Fetching
    from misfin_tui.services.filing import Filer
    from misfin_tui.services.folders import Folders
    from misfin_tui.services.identities import Identities
    from misfin_tui.services.mail import Mail
    from misfin_tui.services.outgoing_files import OutgoingFiles
    from misfin_tui.services.outside import Outside
    from misfin_tui.services.receiving import Receiving
    from misfin_tui.services.sending import SendingService
    from misfin_tui.services.setup import Setup
    from misfin_tui.services.sources import Sources
    from misfin_tui.services.syncing import Syncing
    from misfin_tui.services.trust import Trust

T = TypeVar("T")


class Services:
    """Everything a screen may ask for. Each noun is built as ``Noun(services)`` on first use.

    ``post`` takes an app-wide message from any thread; screens and tests without an app leave it out.
    """

    def __init__(
        self, profile: Profile, config: Config, post: Callable[[AppNews], object] = lambda _message: None
    ) -> None:
        self.profile = profile
        self.config = config
        self.post = post
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What has this name, made on first use: nouns that few screens need have a function of their own."""
        try:
            return self._made[name]  # type: ignore[no-any-return]  # what was put there is what `make` returned
        except KeyError:
            with self._lock:
                if name not in self._made:
                    self._made[name] = make()
                return self._made[name]  # type: ignore[no-any-return]  # as above

    # ---- the nouns

    @property
    def mail(self) -> Mail:
        """Reading, searching and filing messages."""
        from misfin_tui.services.mail import Mail

        return self.once("mail", lambda: Mail(self))

    @property
    def filer(self) -> Filer:
        """Filing messages, and undoing it."""
        from misfin_tui.services.filing import Filer

        return self.once("filer", lambda: Filer(self))

    @property
    def sending(self) -> SendingService:
        """Drafts, the outbox, and sending."""
        from misfin_tui.services.sending import SendingService

        return self.once("sending", lambda: SendingService(self))

    @property
    def trust(self) -> Trust:
        """Pins, and questions about certificates."""
        from misfin_tui.services.trust import Trust

        return self.once("trust", lambda: Trust(self))

    @property
    def receiving(self) -> Receiving:
        """The receiver that runs beside the app."""
        from misfin_tui.services.receiving import Receiving

        return self.once("receiving", lambda: Receiving(self))

    @property
    def fetching(self) -> Fetching:
        """What fetches e-mail beside the app."""
        from misfin_tui.services.fetching import Fetching

        return self.once("fetching", lambda: Fetching(self))

    @property
    def sources(self) -> Sources:
        """The state of every source of mail."""
        from misfin_tui.services.sources import Sources

        return self.once("sources", lambda: Sources(self))

    @property
    def syncing(self) -> Syncing:
        """Accounts whose mail is on a server: whether they are in sync, their questions, their attics."""
        from misfin_tui.services.syncing import Syncing

        return self.once("syncing", lambda: Syncing(self))

    @property
    def attics(self) -> Attics:
        """What was deleted elsewhere and can be restored."""
        from misfin_tui.services.attics import Attics

        return self.once("attics", lambda: Attics(self))

    @property
    def folders(self) -> Folders:
        """Making, renaming and removing folders."""
        from misfin_tui.services.folders import Folders

        return self.once("folders", lambda: Folders(self))

    @property
    def contacts(self) -> Contacts:
        """People written to and heard from."""
        from misfin_tui.services.contacts import Contacts

        return self.once("contacts", lambda: Contacts(self))

    @property
    def accounts(self) -> Accounts:
        """The accounts."""
        from misfin_tui.services.accounts import Accounts

        return self.once("accounts", lambda: Accounts(self))

    @property
    def email_accounts(self) -> EmailAccounts:
        """E-mail accounts: their servers and passwords."""
        from misfin_tui.services.email import EmailAccounts

        return self.once("email_accounts", lambda: EmailAccounts(self))

    @property
    def identities(self) -> Identities:
        """The user's own addresses and their certificates."""
        from misfin_tui.services.identities import Identities

        return self.once("identities", lambda: Identities(self))

    @property
    def outside(self) -> Outside:
        """Other programs: the opener of links, commands, notices."""
        from misfin_tui.services.outside import Outside

        return self.once("outside", lambda: Outside(self))

    @property
    def attached(self) -> Attached:
        """What is attached to ordinary mail."""
        from misfin_tui.services.attached import Attached

        return self.once("attached", lambda: Attached(self))

    @property
    def outgoing_files(self) -> OutgoingFiles:
        """Files to attach to a message being written."""
        from misfin_tui.services.outgoing_files import OutgoingFiles

        return self.once("outgoing_files", lambda: OutgoingFiles(self))

    @property
    def setup(self) -> Setup:
        """Settings, and the first steps of a new profile."""
        from misfin_tui.services.setup import Setup

        return self.once("setup", lambda: Setup(self))

    # ---- what the nouns share; opening one touches the disk: call from a thread

    @property
    def store(self) -> MailStore:
        """The Maildirs."""
        from misfin.store.mail.maildir import MailStore

        def meant(account: str, folder: str, keys: Sequence[str]) -> None:
            """Write down what is about to be deleted for good."""
            from misfin.post.meant_deletions import MeantDeletions

            MeantDeletions(self.profile.sync)(account, folder, keys)

        return self.once("store", lambda: MailStore(self.profile.mail, meant))

    @property
    def index(self) -> MailIndex:
        """The index over the Maildirs, opened."""
        return self.once("index", self._open_index)

    def _open_index(self) -> MailIndex:
        from misfin.store.index import MailIndex

        index = MailIndex(
            self.profile.index_db, self.profile.mail, address_of=self.address_of, is_own=self.is_own
        )

        def decided() -> Regrouping:
            from misfin.store.index.regrouping import RegroupingFile  # late: not for the first frame

            return self.once("regroupings", lambda: RegroupingFile(self.profile.conversations)).read()

        index.regrouping = decided
        index.open()
        return index

    def address_of(self, directory: str) -> str:
        """The address of the account with this directory; the directory where it has none. Blocking."""
        return self.account_book.address_at(directory) if self.config.accounts else directory

    def is_own(self, directory: str, address: str) -> bool:
        """Whether an address is one of that account's aliases."""
        if not self.config.accounts:  # only an account in the settings has aliases
            return False
        from misfin_tui.config.accounts import own_addresses

        return own_addresses(self.config.accounts)(directory, address)

    @property
    def filing(self) -> Filing:
        """Moves, flags and tags, each with its undo."""
        from misfin.store.filing import Filing

        return self.once("filing", lambda: Filing(self.index, self.store))

    @property
    def undo_log(self) -> UndoLog:
        """Undoes the last actions."""
        from misfin.store.undo_log import open_log

        return self.once("undo_log", lambda: open_log(self.profile.undo_db, time.time()))

    @property
    def draft_box(self) -> DraftBox:
        """Messages being written."""
        from misfin.store.outgoing.drafts import DraftBox

        return self.once("draft_box", lambda: DraftBox(self.store, author=self._author))

    def _author(self, account: str) -> tuple[str, str]:
        """The name and address that an account writes under, by its directory."""
        found = self.config.accounts.get(account)
        return (found.name, found.address) if found and "@" not in account else ("", account)

    @property
    def outbox_queue(self) -> Outbox:
        """The durable queue of outgoing messages."""
        from misfin.store.outgoing.outbox import Outbox

        return self.once("outbox_queue", lambda: Outbox(self.profile.outbox_db))

    @property
    def transports(self) -> dict[AddressKind, Transport]:
        """How messages are written and sent, for each kind of address."""
        from misfin_tui.services.posting import make_transports

        return self.once("transports", lambda: make_transports(self))

    def address_kind(self, directory: str) -> AddressKind:
        """The kind of people the account with this directory writes to and hears from.

        A directory that no longer belongs to an account counts as Misfin. Blocking.
        """
        from misfin.model.account import AddressKind

        account = self.account_book.at(directory)
        return AddressKind.MISFIN if account is None else account.kind.address_kind

    def transport_of(self, directory: str) -> Transport:
        """How the account with this directory writes and sends: From decides the transport. Blocking.

        Raises :class:`AccountError` for an account of a kind that nothing here can send from.
        """
        from misfin.errors import AccountError

        try:
            return self.transports[self.address_kind(directory)]
        except KeyError:
            raise AccountError(f"Nothing can be sent from the account {directory} yet.") from None

    @property
    def pin_book(self) -> PinBook:
        """Certificates trusted so far."""
        from misfin.trust.pins import PinBook

        return self.once("pin_book", lambda: PinBook(self.profile.trust_db))

    @property
    def contact_book(self) -> ContactBook:
        """The address book."""
        from misfin.store.people.contacts import ContactBook

        return self.once("contact_book", lambda: ContactBook(self.profile.contacts_db))

    @property
    def account_book(self) -> AccountBook:
        """What accounts there are; it follows the identities and the settings."""
        made = self._made.get("account_book")
        if made is None or made[0] is not self.config.accounts:
            made = self._made["account_book"] = (self.config.accounts, self._open_accounts())
        book: AccountBook = made[1]
        return book

    def _open_accounts(self) -> AccountBook:
        from misfin_tui.config.accounts import account_book

        return account_book(self.profile, self.config)

    @property
    def identity_store(self) -> IdentityStore:
        """The folder of identities."""
        from misfin_tui.config.accounts import identity_store

        return self.once("identity_store", lambda: identity_store(self.profile))

    # ---- the courier, run by the app as one worker

    courier: Courier | None = None
    """The running courier; None until the app has started it."""

    def wake_courier(self) -> None:
        """Something was added to the outbox or released there: look at once. Call on the app's loop."""
        if self.courier is not None:
            self.courier.wake()

    def close(self) -> None:
        """Close what was opened, at the end of the program."""
        with self._lock:
            for name in ("index", "undo_log", "outbox_queue", "pin_book", "contact_book", "attached"):
                made = self._made.pop(name, None)
                if made is not None:
                    made.close()
            self._made.clear()
