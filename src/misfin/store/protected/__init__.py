"""Checks what is signed and reads what is encrypted: OpenPGP through GnuPG, S/MIME through OpenSSL.

docs/signed-and-encrypted.md says what is checked and what is said of it. Everything here blocks, for as long
as another program takes: call it in a thread.
"""

from misfin.store.protected.gnupg import GnuPG
from misfin.store.protected.opening import OpenedMail, Tools, open_mail
from misfin.store.protected.smime_keys import SmimeKey, SmimeKeys
from misfin.store.protected.verdicts import ProtectionFact

__all__ = ["GnuPG", "OpenedMail", "ProtectionFact", "SmimeKey", "SmimeKeys", "Tools", "open_mail"]
