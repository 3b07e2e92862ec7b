"""What proves who wrote the messages of a profile: its seals, and what was found out about senders of
e-mails.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.store.accepted_lists import FILE as LISTS
from misfin.store.accepted_lists import AcceptedLists
from misfin.store.author_results import FILE, AuthorResults
from misfin.store.evidence import Evidence
from misfin.store.mail_evidence import evidence_of
from misfin.store.message import signed_seal
from misfin.store.message.envelope import vouched_for
from misfin.store.seals import Seals
from misfin.store.warning import warn

if TYPE_CHECKING:
    from misfin.store.seal_keys import SealKeys


class Proofs:
    """Asked for every message that an index reads, so nothing here raises. ``mail_root`` as for an index."""

    def __init__(self, mail_root: Path) -> None:
        self.authors = AuthorResults(mail_root.parent / FILE)
        self.lists = AcceptedLists(mail_root.parent / LISTS)
        self._seals = Seals(mail_root)
        self._usable = True
        self._root = mail_root.parent
        self._keys: SealKeys | None = None

    def open(self) -> None:
        """Make the key of the seals if there is none. Blocks. Without a key nothing counts until the next
        time.
        """
        try:
            self._seals.open()
            self._usable = True
        except StoreError as error:
            warn("misfin.proofs", "%s %s", error, error.remedy)
            self._usable = False

    def close(self) -> None:
        self.authors.close()

    def release_memory(self) -> None:
        """See :meth:`misfin.store.seals.Seals.release_memory`."""
        self._seals.release_memory()

    def counts(self, name: bytes, data: bytes) -> bool:
        """See :meth:`misfin.store.seals.Seals.counts`."""
        return self._usable and self._seals.counts(name, data)

    def handed_over(self, data: bytes, own: Callable[[str], bool]) -> bytes | None:
        """The Misfin message in a whole e-mail, if a receiver sealed it for this profile (docs/trust.md §8).

        It is as that receiver would have stored it, and its fields count. ``own`` says which addresses are
        those of the account that has it. None for any other e-mail.
        """
        block = signed_seal.handed_over(data)
        if block is None:
            return None
        if self._keys is None:
            from misfin.store.seal_keys import SealKeys  # late: few profiles get such mail

            self._keys = SealKeys(self._root)
        asked = partial(self._keys.trusted, signed_seal.recipient_of(block), own=own)
        host = signed_seal.trusted_by(block, asked)
        return None if host is None else vouched_for(block, host)

    def of_mail(self, data: bytes) -> Evidence | None:
        """What was found out about the sender of an e-mail; None if nothing is known."""
        try:
            found = self.authors.get(data)
        except StoreError as error:
            warn("misfin.proofs", "%s %s", error, error.remedy)
            return None
        return None if found is None else evidence_of(found, self.lists.signer_of(found))
