"""Misfin mail as a library: read, write, send, receive and judge gemmail (docs/library.md).

Every public name can be imported from here and is loaded on first use: ``import misfin`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misfin.errors import AddressError as AddressError
    from misfin.errors import ConnectError as ConnectError
    from misfin.errors import DeliveryError as DeliveryError
    from misfin.errors import DeliveryTimeoutError as DeliveryTimeoutError
    from misfin.errors import GemmailError as GemmailError
    from misfin.errors import HandshakeError as HandshakeError
    from misfin.errors import HostUnknownError as HostUnknownError
    from misfin.errors import IdentityEncryptedError as IdentityEncryptedError
    from misfin.errors import IdentityError as IdentityError
    from misfin.errors import LocalError as LocalError
    from misfin.errors import LocalProtocolError as LocalProtocolError
    from misfin.errors import MessageTooLargeError as MessageTooLargeError
    from misfin.errors import MisfinError as MisfinError
    from misfin.errors import OutcomeUnknownError as OutcomeUnknownError
    from misfin.errors import RedirectError as RedirectError
    from misfin.errors import RemoteError as RemoteError
    from misfin.errors import RemoteProtocolError as RemoteProtocolError
    from misfin.errors import StoreError as StoreError
    from misfin.errors import TlsError as TlsError
    from misfin.model.address import DEFAULT_PORT as DEFAULT_PORT
    from misfin.model.address import MisfinAddress as MisfinAddress
    from misfin.model.address import parse_uri as parse_uri
    from misfin.model.fingerprint import normalize_fingerprint as normalize_fingerprint
    from misfin.model.gemmail import GemmailMessage as GemmailMessage
    from misfin.model.gemmail import Version as Version
    from misfin.model.status import StatusCode as StatusCode
    from misfin.model.status import interpret_status as interpret_status
    from misfin.model.status import is_auth_failure as is_auth_failure
    from misfin.model.status import is_error as is_error
    from misfin.model.status import is_redirect as is_redirect
    from misfin.model.status import is_success as is_success
    from misfin.net.client import Delivery as Delivery
    from misfin.net.client import HostOverride as HostOverride
    from misfin.net.client import MisfinClient as MisfinClient
    from misfin.net.directory import Directory as Directory
    from misfin.net.directory import Moved as Moved
    from misfin.net.incoming import Checks as Checks
    from misfin.net.incoming import Incoming as Incoming
    from misfin.net.receiver import Receiver as Receiver
    from misfin.net.receiver import ReceiverSettings as ReceiverSettings
    from misfin.net.verification import CertificateVerifier as CertificateVerifier
    from misfin.net.verification import CombinedVerifier as CombinedVerifier
    from misfin.net.verification import ProbeVerifier as ProbeVerifier
    from misfin.net.verification import SenderVerificationCache as SenderVerificationCache
    from misfin.net.verification import SPKIVerifier as SPKIVerifier
    from misfin.net.verification import VerificationMethod as VerificationMethod
    from misfin.net.verification import VerificationMode as VerificationMode
    from misfin.net.verification import VerificationResult as VerificationResult
    from misfin.net.verification import VerifyingHandler as VerifyingHandler
    from misfin.trust.certificate import CertificateInfo as CertificateInfo
    from misfin.trust.certificate import read_certificate as read_certificate
    from misfin.trust.fingerprint import Fingerprints as Fingerprints
    from misfin.trust.fingerprint import fingerprints_of as fingerprints_of
    from misfin.trust.identity import Identity as Identity
    from misfin.trust.identity import KeyKind as KeyKind
    from misfin.trust.identity import MisfinIdentity as MisfinIdentity
    from misfin.trust.identity import extract_identity as extract_identity
    from misfin.trust.identity import generate_identity_cert as generate_identity_cert
    from misfin.trust.identity import identity_from_pem as identity_from_pem
    from misfin.trust.pins import PinBook as PinBook
    from misfin.trust.refusal import CertificateChangedError as CertificateChangedError
    from misfin.trust.refusal import FirstUseRefusedError as FirstUseRefusedError
    from misfin.trust.refusal import TrustError as TrustError
    from misfin.trust.tofu import Decision as Decision
    from misfin.trust.tofu import Pin as Pin
    from misfin.trust.tofu import PinKind as PinKind
    from misfin.trust.tofu import Remark as Remark
    from misfin.wire import ClientProtocol as ClientProtocol
    from misfin.wire import MisfinRequest as MisfinRequest
    from misfin.wire import MisfinResponse as MisfinResponse
    from misfin.wire import ServerProtocol as ServerProtocol

# Where each public name is defined; the imports above are for type checkers. A test keeps them in step.
_HOMES = {
    "misfin.errors": (
        "AddressError ConnectError DeliveryError DeliveryTimeoutError GemmailError HandshakeError"
        " HostUnknownError IdentityEncryptedError IdentityError LocalError LocalProtocolError"
        " MessageTooLargeError MisfinError OutcomeUnknownError RedirectError RemoteError"
        " RemoteProtocolError StoreError TlsError"
    ),
    "misfin.model.address": "DEFAULT_PORT MisfinAddress parse_uri",
    "misfin.model.fingerprint": "normalize_fingerprint",
    "misfin.model.gemmail": "GemmailMessage Version",
    "misfin.model.status": "StatusCode interpret_status is_auth_failure is_error is_redirect is_success",
    "misfin.net.client": "Delivery HostOverride MisfinClient",
    "misfin.net.directory": "Directory Moved",
    "misfin.net.incoming": "Checks Incoming",
    "misfin.net.receiver": "Receiver ReceiverSettings",
    "misfin.net.verification": (
        "CertificateVerifier CombinedVerifier ProbeVerifier SPKIVerifier SenderVerificationCache"
        " VerificationMethod VerificationMode VerificationResult VerifyingHandler"
    ),
    "misfin.trust.certificate": "CertificateInfo read_certificate",
    "misfin.trust.fingerprint": "Fingerprints fingerprints_of",
    "misfin.trust.identity": (
        "Identity KeyKind MisfinIdentity extract_identity generate_identity_cert identity_from_pem"
    ),
    "misfin.trust.pins": "PinBook",
    "misfin.trust.refusal": "CertificateChangedError FirstUseRefusedError TrustError",
    "misfin.trust.tofu": "Decision Pin PinKind Remark",
    "misfin.wire": "ClientProtocol MisfinRequest MisfinResponse ServerProtocol",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("misfin-tui")
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'misfin' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value  # next time it is found without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
