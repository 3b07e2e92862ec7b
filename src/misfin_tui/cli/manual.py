"""Shell completion and the manual page, made from the argparse tree so that they cannot lag behind it."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from misfin_tui.cli import Exit
from misfin_tui.cli.parser import build_parser

PROGRAM = "misfin-tui"
WRITTEN = "2026-11-29"
"""The date of the manual page, shown in its footer."""
_FILES = frozenset({"FILE", "PATH", "DIR"})
"""Metavars that stand for the name of a file."""


@dataclass(frozen=True, slots=True)
class ManualFlag:
    """An option of a command; ``values`` are those it takes where they are few."""

    flag: str
    about: str
    takes_value: bool
    values: tuple[str, ...]
    takes_file: bool


@dataclass(frozen=True, slots=True)
class Verb:
    """One command: the words that call it, its options, fixed choices, and whether it takes a file."""

    words: tuple[str, ...]
    about: str
    options: tuple[ManualFlag, ...]
    choices: tuple[str, ...]
    takes_file: bool
    parser: argparse.ArgumentParser


def completion(args: Namespace) -> int:
    """Print the completion script for one shell."""
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    print(scripts[args.shell](list(verbs())), end="")
    return Exit.DONE


def man_page(_args: Namespace) -> int:
    """Print the manual page as roff."""
    print("\n".join(_roff()))
    return Exit.DONE


def verbs(
    parser: argparse.ArgumentParser | None = None, words: tuple[str, ...] = (), about: str = ""
) -> Iterator[Verb]:
    """Every command below ``parser`` (the whole tree by default), itself first."""
    parser = parser or build_parser()
    options: list[ManualFlag] = []
    choices: list[str] = []
    takes_file = False
    below: list[tuple[str, str, argparse.ArgumentParser]] = []
    for action in parser._actions:  # argparse has no public way to look at a parser
        named_file = action.metavar in _FILES
        if isinstance(action, argparse._SubParsersAction):
            abouts = {pseudo.dest: pseudo.help or "" for pseudo in action._choices_actions}
            below += [(name, abouts.get(name, ""), child) for name, child in action.choices.items()]
            choices += list(action.choices)
        elif action.option_strings and action.help != argparse.SUPPRESS:
            values = tuple(map(str, action.choices or ()))
            options += [
                ManualFlag(flag, action.help or "", action.nargs != 0, values, named_file)
                for flag in action.option_strings
                if flag.startswith("--")
            ]
        elif action.choices:
            choices += [str(choice) for choice in action.choices]
        else:
            takes_file = takes_file or named_file
    yield Verb(words, about, tuple(options), tuple(choices), takes_file, parser)
    for name, help_text, child in below:
        yield from verbs(child, (*words, name), help_text)


def _with_values(found: list[Verb]) -> tuple[dict[str, tuple[str, ...]], list[str], list[str]]:
    """Options that take a value: those with fixed choices, those that take a file, all others."""
    options = {option.flag: option for verb in found for option in verb.options if option.takes_value}
    few = {flag: option.values for flag, option in options.items() if option.values}
    files = [flag for flag, option in options.items() if option.takes_file]
    return few, files, [flag for flag in options if flag not in few and flag not in files]


def _bash(found: list[Verb]) -> str:
    cases = "\n".join(
        f'        "{" ".join(verb.words)}")'
        f' words="{" ".join([*verb.choices, *(option.flag for option in verb.options)])}"'
        f"; files={int(verb.takes_file)} ;;"
        for verb in found
    )
    known = " ".join(f'"{" ".join(verb.words)}"' for verb in found if verb.words)
    few, files, others = _with_values(found)
    values = "\n".join(f'        {flag}) words="{" ".join(few[flag])}"; path=value ;;' for flag in few)
    return f"""# bash completion of {PROGRAM}
_misfin_tui() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" path="" word words="" files=0 known=({known})
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        local next="${{path:+$path }}$word" candidate
        for candidate in "${{known[@]}}"; do [ "$candidate" = "$next" ] && path="$next"; done
    done
    case "${{COMP_WORDS[COMP_CWORD-1]}}" in
{values}
        {"|".join(files)}) files=1; path=value ;;
        {"|".join(others)}) path=value ;;
    esac
    case "$path" in
        value) ;;
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [ "$files" = 1 ] && [ "${{current#-}}" = "$current" ]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
    return 0
}}
complete -F _misfin_tui {PROGRAM}
"""


def _zsh(found: list[Verb]) -> str:
    def quoted(text: str) -> str:
        return text.replace("'", "").replace(":", ",").replace("[", "(").replace("]", ")")

    cases = []
    for verb in found:
        below = [other for other in found if other.words[:-1] == verb.words and other.words]
        lines = [f"'{other.words[-1]}:{quoted(other.about)}'" for other in below]
        lines += [f"'{choice}'" for choice in verb.choices if choice not in {o.words[-1] for o in below}]
        lines += [f"'{option.flag}:{quoted(option.about)}'" for option in verb.options]
        files = "; _files" if verb.takes_file else ""
        cases.append(
            f"    '{' '.join(verb.words)}') items=({' '.join(lines)}); _describe command items{files} ;;"
        )
    known = " ".join(f"'{' '.join(verb.words)}'" for verb in found if verb.words)
    few, files_of, others = _with_values(found)
    values = "\n".join(
        f"    {flag}) items=({' '.join(few[flag])}); _describe value items; return ;;" for flag in few
    )
    return f"""#compdef {PROGRAM}
local -a items known
local path_so_far='' word next
known=({known})
for word in "${{(@)words[2,CURRENT-1]}}"; do
  next="${{path_so_far:+$path_so_far }}$word"
  (( ${{known[(Ie)$next]}} )) && path_so_far="$next"
done
case "${{words[CURRENT-1]}}" in
{values}
    {"|".join(files_of)}) _files; return ;;
    {"|".join(others)}) return ;;
esac
case "$path_so_far" in
{chr(10).join(cases)}
esac
"""


def _fish(found: list[Verb]) -> str:
    def quoted(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    known = " ".join(quoted(" ".join(verb.words)) for verb in found if verb.words)
    lines = [
        f"# fish completion of {PROGRAM}",
        "function __misfin_tui_at",
        "    set -l path",
        "    set -l words (commandline -opc)",
        "    set -e words[1]",
        "    for word in $words",
        f"        contains -- (string join -- ' ' $path $word) {known}; and set -a path $word",
        "    end",
        '    test "$path" = "$argv"',
        "end",
        f"complete -c {PROGRAM} -f",
    ]
    for verb in found:
        below = {other.words[-1]: other for other in found if other.words[:-1] == verb.words and other.words}
        here = f"complete -c {PROGRAM} -n {quoted(' '.join(('__misfin_tui_at', *verb.words)))}"
        lines += [f"{here} -a {name} -d {quoted(other.about)}" for name, other in below.items()]
        lines += [f"{here} -a {choice}" for choice in verb.choices if choice not in below]
        for option in verb.options:
            value = ""
            if option.takes_value:
                value = " -r -F" if option.takes_file else f" -x -a {quoted(' '.join(option.values))}"
            lines.append(f"{here} -l {option.flag.removeprefix('--')}{value} -d {quoted(option.about)}")
        if verb.takes_file:
            lines.append(f"{here} -F")
    return "\n".join(lines) + "\n"


def _roff() -> Iterator[str]:
    from misfin_tui import __version__

    found = list(verbs())
    top = found[0]
    yield f'.TH MISFIN-TUI 1 "{WRITTEN}" "misfin-tui {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "misfin-tui \\- read and write Misfin mail in the terminal"
    yield ".SH SYNOPSIS"
    yield f".B {PROGRAM}\n[\\fIOPTION\\fR]... [\\fICOMMAND\\fR]"
    yield ".SH DESCRIPTION"
    yield _escape(str(top.parser.description))
    yield ".SH OPTIONS"
    yield from _options(top)
    yield ".SH COMMANDS"
    for verb in found[1:]:
        if isinstance(verb.parser._subparsers, argparse._ArgumentGroup):
            continue  # only a group; its commands follow
        usage = " ".join(verb.parser.format_usage().removeprefix("usage: ").split())
        for everywhere in ("[-h]", "[--profile DIR]", "[--json]"):
            usage = usage.replace(f" {everywhere}", "")
        yield f".SS {_escape(usage)}"
        yield _escape(_sentence(verb.about))
        yield from _options(verb)
    yield ".SH IN PLACE OF SENDMAIL"
    yield from _SENDMAIL
    yield ".SH EXIT STATUS"
    for status, meaning in (
        (Exit.DONE, "Done."),
        (Exit.FAILED, "Failed for good."),
        (Exit.USAGE, "Wrong usage or input."),
        (Exit.HELD, "Held for your decision."),
        (Exit.DEFERRED, "Deferred, and kept in the outbox."),
        (Exit.INTERRUPTED, "Interrupted by ctrl+c before the result was known."),
    ):
        yield f".TP\n.B {int(status)}\n{meaning}"
    yield ".TP\n.B 129, 143\nEnded by SIGHUP (or a closed terminal) or by SIGTERM."
    yield ".PP\nOf several deliveries the worst counts, in the order 1, 3, 4, 0."
    yield ".SH ENVIRONMENT"
    yield ".TP\n.B MISFIN_TUI_HOME\nFolder of the profile, as with \\-\\-profile."
    yield ".TP\n.B VISUAL, EDITOR\nEditor opened by ctrl+e in the composer."
    yield ".TP\n.B NO_COLOR\nUse no colours."


_SENDMAIL = (
    "With \\-t, \\-i or \\-oi, or started through a link called",
    ".BR sendmail ,",
    ".B misfin\\-tui send",
    "takes a whole message on standard input, as",
    ".BR git\\-send\\-email (1),",
    ".BR mutt (1)",
    "and",
    ".BR cron (8)",
    "expect. It is durably queued and tried for 30 seconds.",
    "The status is 1 if every recipient was refused for good or it could not be queued,",
    "2 if nothing was queued because of wrong usage, and 0 for everything else:",
    "what still waits goes out with the open program or the next",
    '.BR "misfin\\-tui outbox run" .',
)


def _options(verb: Verb) -> Iterator[str]:
    for action in verb.parser._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction):
            continue
        if {"--profile", "--json", "--help"} & set(action.option_strings) and verb.words:
            continue
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = (
            ""
            if action.nargs == 0 or not action.option_strings
            else f" {action.metavar or action.dest.upper()}"
        )
        if action.choices and action.option_strings:
            value = " " + "|".join(map(str, action.choices))
        yield f".TP\n.B {_escape(name + value)}\n{_escape(_sentence(action.help or ''))}"


def _sentence(words: str) -> str:
    """With a capital and a full stop; no capital where the first word is something to type (mailbox@host)."""
    first = words.split(maxsplit=1)[0]
    capital = first.strip(",.:;").isalpha()
    return f"{words[:1].upper() if capital else words[:1]}{words[1:].removesuffix('.')}."


def _escape(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("\n.", "\n\\&.").replace("'", "\\(aq")
