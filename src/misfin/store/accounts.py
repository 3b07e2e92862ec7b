"""The accounts of a profile: its Misfin identities, and the accounts described in the settings.

Listing all accounts needs the facts about the identity files, and looks again only when one has changed.
Every method may block on the disk and is safe to call from any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.errors import AccountError, AddressError
from misfin.model.account import Account, Kind
from misfin.model.address import MisfinAddress
from misfin.model.recipient import address_key
from misfin.store.identities import IdentityStore
from misfin.store.identity_facts import IdentityFacts
from misfin.store.mail.maildir import MailStore
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.trust.identity import Identity

_SEE_LIST = "`misfin-tui account list` shows your accounts."


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One account as the settings describe it.

    ``name`` is unique across all kinds. ``title`` is the display name others see. ``identity`` is the name of
    the identity that a GMAP account uses, whose address is also the account's.
    """

    name: str
    kind: Kind
    address: str = ""
    title: str = ""
    identity: str = ""

    @property
    def directory(self) -> str:
        """The directory of its mail, as :attr:`misfin.model.account.Account.directory`."""
        return Account(self.name, self.kind, self.address).directory


@dataclass(frozen=True, slots=True)
class _Accounts:
    """The result of a lookup. ``others`` are identities that are not accounts but can be found by name."""

    listed: tuple[Account, ...]
    others: tuple[Account, ...]
    problems: tuple[str, ...]


class AccountBook:
    """The accounts of a profile.

    A Misfin account is one file in the identities folder and has its name. Some identities are not accounts:
    one whose file cannot be used; a second one for the same address; one that a GMAP account uses; and one
    that signs the mailboxes of a host, unless it has mail or the profile has no other identity.
    """

    def __init__(
        self, identities: IdentityStore, mail: MailStore, configured: Sequence[AccountSettings] = ()
    ) -> None:
        self._identities = identities
        self._mail = mail
        self._configured = tuple(configured)
        self._seen: tuple[object, _Accounts] | None = None

    def all(self) -> list[Account]:
        """Every account: the Misfin ones by name, then the others in the order of the settings.

        Like all methods, raises :class:`~misfin.errors.StoreError` if the identities cannot be read.
        """
        return list(self._look().listed)

    def problems(self) -> list[str]:
        """One sentence for each account in the settings that had to be left out."""
        return list(self._look().problems)

    def find(self, text: str) -> Account:
        """The account with this name, or the only one with this address.

        Also finds an identity that signs mailboxes, although it is not listed. Raises :class:`AccountError`
        if there is none, or more than one.
        """
        meant = self.meant(text)
        if len(meant) > 1:
            names = " and ".join(each.name for each in meant)
            raise AccountError(
                f"{text} is the address of several accounts: {names}.", remedy="Give the account's name."
            )
        if meant:
            return meant[0]
        broken = next((each for each in self._identities.all() if each.problem and each.name == text), None)
        if broken is not None:
            raise AccountError(f"{broken.path}: {broken.problem}")
        raise AccountError(f"There is no account {text}.", remedy=_SEE_LIST)

    def meant(self, text: str) -> list[Account]:
        """The account with this name, else all those with this address."""
        found = self._look()
        for among in (found.listed, found.others):
            meant = [each for each in among if each.name == text] or _with_address(among, text)
            if meant:
                return meant
        return []

    def default(self, preferred: str = "") -> Account:
        """The account to write from: the preferred one (a name or an address) if it exists, else the first.

        Raises :class:`AccountError` if there are no accounts.
        """
        listed = self._look().listed
        wanted = [each for each in listed if each.name == preferred] or _with_address(listed, preferred)
        if wanted or listed:
            return (*wanted, *listed)[0]
        broken = next((each for each in self._identities.all() if each.problem), None)
        if broken is not None:
            raise AccountError(f"{broken.path}: {broken.problem}")
        raise AccountError(
            "You have no account to send from.",
            remedy="Create an identity: misfin-tui identity new mailbox@host; or `misfin-tui account add`.",
        )

    def at(self, directory: str) -> Account | None:
        """The account whose mail is in this directory below the mail root, if there is one."""
        found = self._look()
        every = (*found.listed, *found.others)
        return next((each for each in every if each.directory == directory), None)

    def name_at(self, directory: str) -> str:
        """The name of the account whose mail is in a directory; the directory's own name if there is none.

        An identity is saved under its address, so if a file of that name exists, it is not opened.
        """
        configured = next((each for each in self._configured if each.directory == directory), None)
        if configured is not None:
            return configured.name
        if directory in self._identities.names():
            return directory
        account = self.at(directory)
        return account.name if account is not None else directory

    def address_at(self, directory: str) -> str:
        """The address of the account whose mail is in a directory; opens an identity only for GMAP."""
        account = next((each for each in self._configured if each.directory == directory), None)
        if account is None:
            return directory  # a Misfin account's directory is named after its address
        if account.address:
            return account.address
        found = self.at(directory)
        return found.address if found is not None else directory

    # ---- looking ----------------------------------------------------------------------------------

    def _look(self) -> _Accounts:
        stamp, seen = self._identities.stamp(), self._seen
        if seen is None or seen[0] != stamp or any(self._mail.has(each.directory) for each in seen[1].others):
            self._seen = seen = (stamp, self._sorted_out(self._identities.facts()))
        return seen[1]

    def _sorted_out(self, identities: Sequence[IdentityFacts]) -> _Accounts:
        usable = {each.name: each for each in identities}
        named = {each.identity for each in self._configured if each.kind is Kind.GMAP}
        own: dict[tuple[str, str], Account] = {}
        signers: dict[tuple[str, str], Account] = {}
        for name, identity in usable.items():
            if name in named:
                continue
            account, key = _account(identity.address, name), identity.address.key
            if identity.is_ca and not self._mail.has(account.directory):
                signers.setdefault(key, account)
            elif key not in own:
                own[key] = account
        if not own:
            own, signers = signers, {}
        taken = {each.name for each in own.values()} | set(usable)
        configured, problems = [], []
        for settings in self._configured:
            problem = _problem(settings, taken, usable)
            if problem:
                problems.append(problem)
            else:
                taken.add(settings.name)
                configured.append(_configured(settings, usable))
        return _Accounts((*own.values(), *configured), tuple(signers.values()), tuple(problems))


def misfin_account(identity: Identity) -> Account:
    """The account of an identity whose file is not known: only its address and directory are meaningful."""
    return _account(identity.address)


def _account(address: MisfinAddress, name: str = "") -> Account:
    return Account(name or address.address, Kind.MISFIN, address.address, address.blurb)


def _problem(settings: AccountSettings, taken: set[str], usable: dict[str, IdentityFacts]) -> str:
    if settings.name in taken:
        return f"Two accounts are named {settings.name}; the one in the settings is ignored."
    if settings.kind is Kind.GMAP and settings.identity not in usable:
        return f"The account {settings.name} uses the identity {settings.identity}, which does not exist."
    return ""


def _configured(settings: AccountSettings, usable: dict[str, IdentityFacts]) -> Account:
    address, title = settings.address, settings.title
    if settings.kind is Kind.GMAP:
        identity = usable[settings.identity].address
        address, title = identity.address, title or identity.blurb
    return Account(settings.name, settings.kind, address, title)


def _with_address(accounts: Sequence[Account], text: str) -> list[Account]:
    return [each for each in accounts if _is_address_of(text, each)]


def _is_address_of(text: str, account: Account) -> bool:
    kind = account.kind.address_kind
    try:
        return address_key(text, kind) == address_key(account.address, kind)
    except AddressError:
        return False
