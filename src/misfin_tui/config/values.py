"""Values in the settings that are more than a word: where to listen, where to connect, networks, aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network


def split_listen(text: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPv6]:PORT`` or a bare port, as used by ``listen``.

    Raises:
        ValueError: no port, or one outside 0..65535.
    """
    host, _, port_text = text.rpartition(":")
    if not port_text.isascii() or not port_text.isdigit() or int(port_text) > 65535:
        raise ValueError(f"`{text}` is not HOST:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"`{text}`: write an IPv6 address in brackets, [::1]:1958")
    return host, int(port_text)


def split_connect(text: str) -> tuple[str, int] | None:
    """``HOST:PORT`` to connect to, None for an empty text.

    Raises:
        ValueError: no host, or no port to connect to.
    """
    if not text:
        return None
    host, port = split_listen(text)
    if not host or not port:
        raise ValueError(f"`{text}` is not HOST:PORT")
    return host, port


def split_alias(text: str) -> tuple[str, str]:
    """``ALIAS ADDRESS``: two addresses, the first perhaps ``*@host``.

    Raises:
        ValueError: anything else.
    """
    from misfin.errors import AddressError  # late: few settings have such a thing
    from misfin.model.address import MisfinAddress

    words = text.split()
    if len(words) != 2:
        raise ValueError(f"`{text}` is not ALIAS ADDRESS")
    try:
        alias = MisfinAddress.parse(f"any{words[0][1:]}" if words[0].startswith("*@") else words[0])
        target = MisfinAddress.parse(words[1])
    except AddressError as error:
        raise ValueError(f"`{text}`: {error}") from error
    return (f"*@{alias.hostname}" if words[0].startswith("*@") else alias.address), target.address


def split_lmtp(text: str) -> str | tuple[str, int] | None:
    """The path of a Unix socket, or ``HOST:PORT``; None for an empty text.

    Raises:
        ValueError: anything else.
    """
    return text if text.startswith("/") else split_connect(text)


def split_local(text: str) -> tuple[str, int] | None:
    """``HOST:PORT`` of this machine; None for an empty text.

    Raises:
        ValueError: not HOST:PORT, or an address that others can reach.
    """
    found = split_connect(text)
    if found is not None and found[0] not in ("localhost", "::1") and not found[0].startswith("127."):
        raise ValueError(f"`{text}` is not on this machine; write 127.0.0.1:PORT")
    return found


def network(text: str) -> IPv4Network | IPv6Network:
    """An address, or a network such as ``10.0.0.0/24``.

    Raises:
        ValueError: neither.
    """
    from ipaddress import ip_network  # late: few settings have one

    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is not an IP address or network") from error
