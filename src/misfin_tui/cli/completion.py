"""Completion scripts for bash, zsh and fish, made from the argparse tree, so they cannot lag behind it."""

from __future__ import annotations

from argparse import Namespace

from misfin_tui.cli import Exit
from misfin_tui.cli.commandtree import Verb, verbs

PROGRAM = "misfin-tui"


def completion(args: Namespace) -> int:
    """Print the completion script for one shell."""
    print(script(args.shell), end="")
    return Exit.DONE


def script(shell: str) -> str:
    """The completion script for ``bash``, ``zsh`` or ``fish``."""
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return scripts[shell](list(verbs()))


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
