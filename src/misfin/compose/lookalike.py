"""Detects addresses that look like ones already known. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_FOREIGN = str.maketrans(
    "авеԁһіјкӏмнорԛѕтухԝαβειкνορτυχγ",
    "abedhijklmhopqstyxwabeiknoptuxy",
)
_DIGITS = str.maketrans("0135", "oles")
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("ii", "n"))
_SHORTEST = 5  # letters before the last dot; many shorter names differ by only one


def resembles(address: str, known: Iterable[str]) -> str:
    """The known ``mailbox@host`` or ``host`` whose host this address's host looks like; empty if none.

    A host that is itself known never counts as a look-alike.
    """
    host = _host(address)
    hosts = {_host(each): each for each in known}
    if not host or host in hosts:
        return ""
    mine = _skeleton(host)
    for other, name in hosts.items():
        theirs = _skeleton(other)
        long_enough = min(len(host.rpartition(".")[0]), len(other.rpartition(".")[0])) >= _SHORTEST
        if mine == theirs or (long_enough and _one_apart(mine, theirs)):
            return name
    return ""


def _host(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _skeleton(host: str) -> str:
    """A host with letters that look alike mapped to one letter (after Unicode TR 39)."""
    labels = []
    for label in host.split("."):
        if label.startswith("xn--"):
            try:
                label = label[4:].encode("ascii").decode("punycode")
            except UnicodeError:
                return host
        plain = "".join(c for c in unicodedata.normalize("NFKD", label) if not unicodedata.combining(c))
        plain = plain.translate(_FOREIGN).translate(_DIGITS).replace("-", "").replace("_", "")
        for pair, single in _PAIRS:
            plain = plain.replace(pair, single)
        labels.append(plain.replace("i", "l"))
    return ".".join(labels)


def _one_apart(one: str, two: str) -> bool:
    """Whether one insertion, deletion, change or swap of neighbours makes them equal; linear."""
    if one == two:
        return True
    if abs(len(one) - len(two)) > 1:
        return False
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    rest, other = one[start:], two[start:]
    swapped = len(rest) > 1 and len(other) > 1 and rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return swapped or rest[1:] == other or rest == other[1:] or rest[1:] == other[1:]
