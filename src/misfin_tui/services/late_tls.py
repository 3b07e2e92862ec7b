"""asyncio without Python's TLS until it is used: OpenSSL takes megabytes, and time before the first frame.

asyncio imports ``ssl`` with the rest, but works without. Here it is imported without, and ``ssl`` follows as
soon as something asks asyncio for TLS. Any other module that imports ``ssl`` gets it as always.
"""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

_loading = threading.Lock()


def import_asyncio() -> None:
    """Import asyncio, its TLS only once it is used; nothing happens where either is imported already."""
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]  # as where Python was built without it
    try:
        import asyncio.sslproto
    finally:
        del sys.modules["ssl"]
    for module in _users():
        module.ssl = _LateSsl("ssl")  # type: ignore[attr-defined]  # it asks this for classes of sockets and contexts
    del asyncio.sslproto.SSLProtocol
    asyncio.sslproto.__getattr__ = _of_sslproto  # type: ignore[method-assign]  # PEP 562


def leave_out_tls() -> None:
    """Let asyncio do without TLS for good, unless it has it by now; it asks for TLS at each connection."""
    if "ssl" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]  # as where Python was built without it
    for module in _users():
        module.ssl = None  # type: ignore[attr-defined]  # what it has then


class _LateSsl(ModuleType):
    def __getattr__(self, name: str) -> Any:
        _load()
        return getattr(sys.modules["ssl"], name)


def _of_sslproto(name: str) -> Any:
    module = sys.modules["asyncio.sslproto"]
    if name != "SSLProtocol":
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    _load()
    return module.SSLProtocol


def _users() -> list[ModuleType]:
    names = ("asyncio.base_events", "asyncio.selector_events")
    return [sys.modules[name] for name in names if hasattr(sys.modules.get(name), "ssl")]


def _load() -> None:
    """Give asyncio what it left out."""
    with _loading:
        users = [module for module in _users() if isinstance(module.ssl, _LateSsl)]
        if not users:
            return  # another thread was faster
        module = sys.modules["asyncio.sslproto"]
        importlib.reload(module)
        del module.__getattr__
        for module in users:
            module.ssl = importlib.import_module("ssl")  # type: ignore[attr-defined]  # as above
