"""Every test of the screens waits for states, never for the CPU to be idle."""

from __future__ import annotations

import quiet

quiet.install()
