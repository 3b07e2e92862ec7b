"""Gives the terminal to another program while the app waits."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App, SuspendNotSupported

from misfin_tui.editor import RunsInTerminal


def in_terminal_of(app: App[Any]) -> RunsInTerminal:
    """Runs a program in the terminal of the app."""
    return lambda argv: _run(app, argv)


async def _run(app: App[Any], argv: list[str]) -> tuple[int, str]:
    """Run a program in the terminal; returns its exit code, or what went wrong.

    Nothing may escape inside ``suspend()``: it would not resume. Without ``batch_update()`` the repaints of
    the waiting app would fill the queue of its stopped writer and block the loop for good.
    """
    code, problem = 0, ""
    cancelled: asyncio.CancelledError | None = None
    try:
        with app.suspend(), app.batch_update():
            try:
                process = await asyncio.create_subprocess_exec(*argv)
                code = await process.wait()
            except OSError as error:
                problem = f"{argv[0]} cannot be started: {error.strerror}."
            except asyncio.CancelledError as error:
                cancelled = error
    except SuspendNotSupported:
        problem = "An editor cannot be opened in this terminal."
    if cancelled is not None:
        raise cancelled
    app.refresh(layout=True)
    return code, problem
