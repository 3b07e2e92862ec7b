"""The public names: frozen, documented, found from the package root, and free until used."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import misfin
import misfin.protocol
import misfin.protocol.status
import misfin.verification

# A name that disappears or moves breaks other people's programs: change this list with a major version only.
NAMES = """
AddressError CertificateChangedError CertificateInfo CertificateVerifier Checks ClientProtocol
CombinedVerifier ConnectError DEFAULT_PORT Decision Delivery DeliveryError DeliveryTimeoutError Directory
Fingerprints FirstUseRefusedError GemmailError GemmailMessage HandshakeError HostOverride HostUnknownError
Identity IdentityEncryptedError IdentityError Incoming KeyKind LocalError LocalProtocolError
MessageTooLargeError MisfinAddress MisfinClient MisfinError MisfinIdentity MisfinRequest MisfinResponse Moved
OutcomeUnknownError Pin PinBook PinKind ProbeVerifier Receiver ReceiverSettings RedirectError Remark
RemoteError RemoteProtocolError SPKIVerifier SenderVerificationCache ServerProtocol StatusCode StoreError
TlsError TrustError VerificationMethod VerificationMode VerificationResult VerifyingHandler Version
extract_identity fingerprints_of generate_identity_cert identity_from_pem interpret_status is_auth_failure
is_error is_redirect is_success normalize_fingerprint parse_uri read_certificate
"""
PUBLIC = NAMES.split()

KEYWORDS = """
client_cert client_key tofu_db_path trust_on_first_use timeout port misfin_b_fallback identity pins hosts
follow_redirects public_only now
"""


def test_the_list_of_public_names_is_frozen():
    assert sorted(misfin.__all__) == sorted(PUBLIC)
    assert set(PUBLIC) <= set(dir(misfin))


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "DEFAULT_PORT"])
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert inspect.getdoc(getattr(misfin, name))


def test_every_public_method_says_what_it_does():
    silent = []
    for name in PUBLIC:
        value = getattr(misfin, name)
        if inspect.isclass(value) and value.__module__.startswith("misfin."):
            silent += [
                f"{name}.{member}"
                for member, method in vars(value).items()
                if not member.startswith("_")
                and (inspect.isfunction(method) or isinstance(method, property))
                and not inspect.getdoc(method)
            ]
    # asyncio's own words describe what it calls back.
    assert [name for name in silent if "connection_" not in name] == []


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(misfin.__file__).read_text())
    names = {
        (alias.asname, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("misfin.")
        for alias in node.names
    }
    assert names == {(name, module) for name, module in misfin._HOME.items()}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        misfin.no_such_name  # noqa: B018 - the access is the test


def test_the_keywords_of_the_client_are_frozen():
    parameters = inspect.signature(misfin.MisfinClient).parameters
    assert list(parameters) == KEYWORDS.split()


def test_the_names_known_from_elsewhere_are_the_same_objects():
    assert misfin.protocol.status.is_success is misfin.is_success
    assert misfin.protocol.MisfinResponse is misfin.MisfinResponse
    assert misfin.protocol.StatusCode.MESSAGE_DELIVERED == 20
    for name in misfin.verification.__all__:
        assert getattr(misfin.verification, name) is getattr(misfin, name)


def modules_after(code: str) -> set[str]:
    shown = f"{code}; import sys; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", shown], capture_output=True, text=True, check=True
        ).stdout.split()
    )


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import misfin", {"OpenSSL", "cryptography", "asyncio", "sqlite3", "ssl", "email"}),
        (
            "from misfin import MisfinAddress, GemmailMessage, StatusCode",
            {"OpenSSL", "cryptography", "asyncio"},
        ),
        (
            "from misfin import ClientProtocol, ServerProtocol",
            {"OpenSSL", "cryptography", "asyncio", "socket"},
        ),
        ("from misfin import CertificateChangedError", {"OpenSSL", "cryptography", "asyncio"}),
        ("from misfin import PinBook", {"OpenSSL", "cryptography", "asyncio"}),
        ("from misfin import read_certificate, identity_from_pem", {"OpenSSL", "asyncio", "sqlite3"}),
        ("from misfin import MisfinClient", {"textual", "tomlkit", "sqlite3.dump"}),
    ],
)
def test_importing_a_name_loads_only_what_it_needs(code, absent):
    assert modules_after(code) & absent == set()
