"""The test vectors of tests/vectors, and the two ways every parser is fed."""

import tomllib
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "vectors"


def load(name):
    """The tables of one vector file."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def octets(value):
    """The bytes a vector stands for (tests/vectors/README.md)."""
    items = [value] if isinstance(value, str) else value
    return b"".join(
        item.encode("latin-1") if isinstance(item, str) else item[0].encode("latin-1") * item[1]
        for item in items
    )


def ids(vectors):
    return [vector["id"] for vector in vectors]


def whole(data):
    return [data]


def byte_by_byte(data):
    return [data[i : i + 1] for i in range(len(data))]
