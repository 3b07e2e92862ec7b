"""Lines in and lines out, on a terminal or not: prompts, pages, and notices that never break into typing.

Every line that is shown passes :func:`misfin.model.safetext.plain`; the terminal gets text, ends of lines
and, to take a typed character back, backspaces. Nothing else is ever written to it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from misfin.model.safetext import plain
from misfin.store.evidence import writable
from misfin_tui.linear.typing_line import LineEnd, TypedLine, cells
from misfin_tui.linear.wrapping import wrapped

NARROWEST = 20
"""Columns that are used at least."""
USUAL = 80
"""Columns where nothing says how many there are."""
MORE = "More, or q: "

_READ = 1 << 16


class Interrupted(Exception):  # noqa: N818 - it reads as what happened
    """ctrl+c: the present line or question is not wanted."""


class InputEnded(Exception):  # noqa: N818 - as above
    """ctrl+d, or the end of the input."""


class LineTerminal:
    """Standard input and output. Use it on one loop."""

    def __init__(self, source: int = 0, target: int = 1, *, encoding: str = "utf-8") -> None:
        self._source = source
        self._target = target
        self._encoding = encoding
        self.typed_by_person = os.isatty(source)
        """Whether there is somebody to prompt."""
        self.pages = self.typed_by_person and os.isatty(target)
        """Whether long output waits after each screenful."""
        self._line = TypedLine(self._echo, self._show_again, lambda: self.width - cells(self._prompt))
        self._prompt = ""
        self._answer: asyncio.Future[LineEnd] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._idle = False
        self._hidden = False  # what is typed is not shown
        self._notices: list[str] = []
        self._raw = b""  # what came from a pipe and is not a line yet
        self._ended = False
        self._modes: list[Any] | None = None
        self._gone = False  # nothing can be written any more
        self._suspending: asyncio.Future[None] | None = None
        self.stop: Callable[[], bool] = lambda: False
        """Called for ctrl+c while no line is being typed; whether that stopped something."""
        self.lost: Callable[[int], object] = lambda _number: None
        """Called on the loop when the terminal is gone, with the signal that says so."""
        self.before_suspending: Callable[[], Awaitable[None]] = _nothing
        """Awaited before ctrl+z stops the program."""
        self._loop: asyncio.AbstractEventLoop | None = None

    # ---- the terminal itself

    @property
    def width(self) -> int:
        """Columns."""
        columns = os.environ.get("COLUMNS", "")
        with suppress(OSError):
            columns = str(os.get_terminal_size(self._target).columns or columns)
        return max(int(columns), NARROWEST) if columns.isdecimal() and int(columns) else USUAL

    @property
    def height(self) -> int:
        """Rows; 0 where nothing says how many."""
        with suppress(OSError):
            return os.get_terminal_size(self._target).lines
        return 0

    def open(self) -> None:
        """Take the keyboard: one character at a time, and echoed by us."""
        self._loop = loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        if self.typed_by_person:
            loop.add_signal_handler(signal.SIGTSTP, self._suspend_soon)
            self._take()
            loop.add_reader(self._source, self._readable)

    def close(self) -> None:
        """Give the keyboard back as it was."""
        with suppress(RuntimeError, ValueError, OSError):
            asyncio.get_running_loop().remove_reader(self._source)
        self._give_back()

    def _take(self) -> None:
        with suppress(termios.error):
            if self._modes is None:
                self._modes = termios.tcgetattr(self._source)
            changed: list[Any] = [list(each) if isinstance(each, list) else each for each in self._modes]
            changed[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
            changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
            # As a character it comes in its turn, and the kernel does not drop the lines before it.
            changed[6][termios.VINTR] = b"\0"
            termios.tcsetattr(self._source, termios.TCSADRAIN, changed)

    def _give_back(self) -> None:
        if self._modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._source, termios.TCSADRAIN, self._modes)

    @asynccontextmanager
    async def given_away(self) -> AsyncIterator[None]:
        """Let another program have the terminal."""
        loop = asyncio.get_running_loop()
        if self.typed_by_person:
            loop.remove_reader(self._source)
        self._give_back()
        try:
            yield
        finally:
            if self.typed_by_person:
                self._take()
                loop.add_reader(self._source, self._readable)

    async def run_program(self, argv: list[str]) -> tuple[int, str]:
        """Give the terminal to a program until it ends; returns its exit code, and what went wrong."""
        async with self.given_away():
            try:
                process = await asyncio.create_subprocess_exec(*argv)
                return await process.wait(), ""
            except OSError as error:
                return 0, f"{argv[0]} cannot be started: {error.strerror}."

    def _suspend_soon(self) -> None:
        if self._suspending is None or self._suspending.done():
            self._suspending = asyncio.ensure_future(self._suspend())

    async def _suspend(self) -> None:
        await self.before_suspending()
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        if self._answer is not None:
            self._show_again()

    # ---- out

    async def say(self, *paragraphs: str) -> None:
        """Show texts, each from a line of its own; an empty one is an empty line. Long ones wait for the
        reader after each screenful. Raises :class:`Interrupted` when no more is wanted."""
        await self.say_lines(line for text in paragraphs for line in plain(text, one_line=False).split("\n"))

    async def say_lines(self, lines: Iterable[str]) -> None:
        """The same for lines."""
        page: list[str] = []
        for line in lines:
            for part in wrapped(plain(line, one_line=True), self.width - 1):
                page.append(part)
                if self.pages and 2 < self.height <= len(page) + 1:
                    await self._write_lines(page)
                    page = []
                    if (await self.ask(MORE, remember=False)).strip().casefold().startswith("q"):
                        raise Interrupted
                elif len(page) >= USUAL:
                    await self._write_lines(page)
                    page = []
        await self._write_lines(page)

    async def _write_lines(self, lines: list[str]) -> None:
        if lines:
            await asyncio.to_thread(self._write, "".join(f"{line}\n" for line in lines))

    def notice(self, text: str) -> None:
        """Say something by itself: at once if nobody is typing, else before the next prompt."""
        self._notices.append(text)
        if self._idle and not self._line.text and not self._line.waits:
            if self.typed_by_person:
                self._write("\n")
            self._write_notices()
            self._write_prompt()

    def _write_notices(self) -> None:
        notices, self._notices = self._notices, []
        for text in notices:
            for line in plain(text, one_line=False).split("\n"):
                for part in wrapped(plain(line, one_line=True), self.width - 1):
                    self._write(f"{part}\n")

    def flush_notices(self) -> None:
        """Say what is left to say."""
        self._write_notices()

    def _write_prompt(self) -> None:
        if self.typed_by_person:
            self._write(self._prompt)

    def _show_again(self) -> None:
        self._write(f"\n{self._prompt}{'' if self._hidden else self._line.text}")

    def _echo(self, text: str) -> None:
        if self.typed_by_person and not self._hidden:
            self._write(text)

    def _write(self, text: str) -> None:
        data = memoryview(writable(text, self._encoding).encode(self._encoding, "replace"))
        while data and not self._gone:
            try:
                data = data[os.write(self._target, data) :]
            except BlockingIOError:
                os.set_blocking(self._target, True)
            except OSError as error:
                self._gone = self._ended = True
                number = signal.SIGPIPE if isinstance(error, BrokenPipeError) else signal.SIGHUP
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(self.lost, number)

    # ---- in

    async def ask(self, prompt: str, *, idle: bool = False, remember: bool = True) -> str:
        """One line. ``idle``: notices may come while nothing is typed.

        Raises :class:`Interrupted` and :class:`InputEnded`.
        """
        self._prompt = plain(prompt, one_line=True)
        if idle:
            self._write_notices()
        self._line.begin()
        self._write_prompt()
        if not self.typed_by_person:
            return await self._line_from_pipe(idle)
        ended = self._line.take()
        if ended is None:
            ended = await self._typed_end(idle)
        self._write("\n")
        if ended is LineEnd.NO_MORE:
            raise InputEnded
        if ended is LineEnd.DROPPED:
            raise Interrupted
        if remember:
            self._line.remember(self._line.text)
        text, self._line.text = self._line.text, ""
        return text

    async def ask_secret(self, prompt: str) -> str:
        """The same for a line that is not shown while it is typed, and not brought back later."""
        self._hidden = True
        try:
            return await self.ask(prompt, remember=False)
        finally:
            self._hidden = False

    @property
    def begun(self) -> str:
        """What is typed of a line that has not ended."""
        return self._line.text

    async def _typed_end(self, idle: bool) -> LineEnd:
        if self._ended:
            return LineEnd.NO_MORE
        self._answer = asyncio.get_running_loop().create_future()
        self._idle = idle
        try:
            return await self._answer
        finally:
            self._answer, self._idle = None, False

    def _readable(self) -> None:
        try:
            data = os.read(self._source, _READ)
        except OSError:
            data = b""
        if not data:
            self._ended = True
            asyncio.get_running_loop().remove_reader(self._source)
            self._finish(LineEnd.NO_MORE)
            self.lost(signal.SIGHUP)
            return
        self._line.feed(data)
        if self._answer is None:
            if self._line.interrupted and self.stop():
                self._line.drop_ahead()
        elif (ended := self._line.take()) is not None:
            self._finish(ended)
        elif self._idle and self._notices and not self._line.text:
            self.notice(self._notices.pop())

    def _finish(self, ended: LineEnd) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(ended)

    async def _line_from_pipe(self, idle: bool) -> str:
        while b"\n" not in self._raw:
            if self._ended:
                if not self._raw:
                    raise InputEnded
                self._raw += b"\n"
                break
            self._idle = idle
            try:
                data = await self._read_pipe()
            finally:
                self._idle = False
            self._ended = not data
            self._raw = (self._raw + data)[-(1 << 24) :]
        line, _, self._raw = self._raw.partition(b"\n")
        return "".join(
            char
            for char in line.decode("utf-8", "replace").expandtabs(4)
            if char.isprintable() or char == "\t"
        )

    async def _read_pipe(self) -> bytes:
        """What there is in a pipe or file, waiting for it."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        try:
            loop.add_reader(self._source, self._is_ready)
        except PermissionError:  # a regular file is always ready
            return await asyncio.to_thread(os.read, self._source, _READ)
        try:
            await self._ready
        finally:
            loop.remove_reader(self._source)
            self._ready = None
        return os.read(self._source, _READ)

    def _is_ready(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def _interrupt(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(LineEnd.DROPPED)
        elif self._ready is not None and not self._ready.done():
            self._ready.set_exception(Interrupted())
        else:
            self.stop()


async def _nothing() -> None:
    """Done before the program is suspended where there is nothing to do."""
