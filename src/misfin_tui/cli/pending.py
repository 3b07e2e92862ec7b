"""Parsers of commands, made only when they are needed: a run of the program uses one or two of eighty."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

Add = Callable[[str, str, str], "PendingParser"]
"""Adds a command: its name, what it calls (``module:function`` below :mod:`misfin_tui.cli`), its purpose."""


class _FixedWidth(argparse.HelpFormatter):
    """argparse formats each option as it is added; with this it need not ask how wide the terminal is."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, width=80, **options)


class Parser(argparse.ArgumentParser):
    """Errors are one line that says what to do (docs/command-line.md §2), not a page of usage."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_FixedWidth, **options)

    def format_usage(self) -> str:
        self.formatter_class = argparse.HelpFormatter
        return super().format_usage()

    def format_help(self) -> str:
        self.formatter_class = argparse.HelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith("?") else "."
        self.exit(2, f"misfin-tui: {message}{end} See `{self.prog} --help`.\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name the nearest command instead of one that does not exist, and not all of them."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            from difflib import get_close_matches  # late: the receiver has no use for it

            near = get_close_matches(str(value), list(action.choices), n=1, cutoff=0.5)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            typed = "".join(c if c.isprintable() else "\ufffd" for c in str(value)[:40])
            raise argparse.ArgumentError(None, f"`{typed}` is not a command{hint}")
        super()._check_value(action, value)

    commands: Mapping[str, Parser] = {}
    """The parsers of the commands below this one, by name; each is made when it is looked up."""

    def add_commands(self, common: Parser, fill: Callable[[Add], object], **options: Any) -> None:
        """Add the commands that ``fill`` adds, each with the options of ``common`` too.

        ``options`` are those of :meth:`argparse.ArgumentParser.add_subparsers`.
        """
        # With prog, argparse need not print a usage to find out how the commands are called.
        action = self.add_subparsers(parser_class=Parser, prog=self.prog, **options)
        pending: dict[str, PendingParser] = {}

        def add(name: str, target: str, about: str) -> PendingParser:
            action._choices_actions.append(action._ChoicesPseudoAction(name, (), about))
            pending[name] = PendingParser(f"{self.prog} {name}", about, target, common)
            return pending[name]

        fill(add)
        self.commands = _ParsersByName(pending)
        action._name_parser_map = action.choices = self.commands  # type: ignore[assignment] # argparse only reads it


class PendingParser:
    """The parser of one command. What is added to it is remembered, and done when the parser is made."""

    __slots__ = ("_about", "_common", "_made", "_prog", "_steps", "_target")

    def __init__(self, prog: str, about: str, target: str, common: Parser) -> None:
        self._prog, self._about, self._target, self._common = prog, about, target, common
        self._steps: list[Callable[[Parser], object]] = []
        self._made: Parser | None = None

    def add_argument(self, *names: str, **options: Any) -> None:
        """As :meth:`argparse.ArgumentParser.add_argument`."""
        self._steps.append(lambda parser: parser.add_argument(*names, **options))

    def set_defaults(self, **values: Any) -> None:
        """As :meth:`argparse.ArgumentParser.set_defaults`."""
        self._steps.append(lambda parser: parser.set_defaults(**values))

    def add_mutually_exclusive_group(self) -> PendingGroup:
        """As :meth:`argparse.ArgumentParser.add_mutually_exclusive_group`."""
        return PendingGroup(self._steps)

    def add_options(self, fill: Callable[[Parser], object]) -> None:
        """Add the options that ``fill`` adds."""
        self._steps.append(fill)

    def add_actions(self, fill: Callable[[Add], object]) -> None:
        """Add the commands that ``fill`` adds; if none of them is given, the target of this one is called."""
        self._steps.append(lambda parser: parser.add_commands(self._common, fill, metavar="ACTION"))

    def made(self) -> Parser:
        """The parser."""
        if self._made is None:
            self._made = Parser(prog=self._prog, parents=[self._common], description=self._about)
            self._made.set_defaults(command=self._target)
            for step in self._steps:
                step(self._made)
        return self._made


class PendingGroup:
    """Options of a pending parser, of which only one may be given."""

    __slots__ = ("_made", "_steps")

    def __init__(self, steps: list[Callable[[Parser], object]]) -> None:
        self._steps = steps
        self._made: list[argparse._MutuallyExclusiveGroup] = []
        steps.append(lambda parser: self._made.append(parser.add_mutually_exclusive_group()))

    def add_argument(self, *names: str, **options: Any) -> None:
        """As :meth:`argparse.ArgumentParser.add_argument`."""
        self._steps.append(lambda _: self._made[0].add_argument(*names, **options))


class _ParsersByName(Mapping[str, Parser]):
    """What argparse takes for a dictionary of finished parsers."""

    def __init__(self, pending: dict[str, PendingParser]) -> None:
        self._pending = pending

    def __getitem__(self, name: str) -> Parser:
        return self._pending[name].made()

    def __contains__(self, name: object) -> bool:
        return name in self._pending

    def __iter__(self) -> Iterator[str]:
        return iter(self._pending)

    def __len__(self) -> int:
        return len(self._pending)
