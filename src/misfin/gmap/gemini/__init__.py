"""Gemini without I/O: one request, one answer (docs/gmap.md §1).

``request.py`` writes the request, ``response.py`` reads the header, ``client.py`` puts both together over the
table in ``states.py``. ``server.py`` is the other side.
"""

from __future__ import annotations

from misfin.gmap.gemini.client import GeminiBody, GeminiClient, GeminiEnd, GeminiEvent
from misfin.gmap.gemini.request import MAX_URL, GeminiRequest
from misfin.gmap.gemini.response import GeminiHeader
from misfin.gmap.gemini.server import GeminiServer, GeminiServerState
from misfin.gmap.gemini.states import GeminiState

__all__ = [
    "MAX_URL",
    "GeminiBody",
    "GeminiClient",
    "GeminiEnd",
    "GeminiEvent",
    "GeminiHeader",
    "GeminiRequest",
    "GeminiServer",
    "GeminiServerState",
    "GeminiState",
]
