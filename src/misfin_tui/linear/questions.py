"""Questions that are typed, with the texts and choices of the dialogs; what is safe is the default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from misfin_tui.linear.terminal import Interrupted, LineTerminal
from misfin_tui.wording.certificate import (
    Answer,
    advice_of,
    comparison,
    offers,
    proves,
    remarks,
    step_of,
    title_of,
    waiting_of,
)

if TYPE_CHECKING:
    from misfin.post.decisions import CertificateQuestion
    from misfin_tui.wording.sending import YesNo

T = TypeVar("T")


async def choose(terminal: LineTerminal, lines: Iterable[str], choices: Mapping[T | None, str]) -> T | None:
    """Say what it is about, then ask for one of the choices by its number or the beginning of its name.

    An empty line and ctrl+c are the answer None, whatever that is called.
    """
    await terminal.say(*lines)
    named = list(choices.items())
    for number, (answer, label) in enumerate(named, 1):
        usual = " (enter)" if answer is None else ""
        await terminal.say(f"{number}: {label}{usual}")
    while True:
        try:
            typed = (await terminal.ask("Your choice: ", remember=False)).strip().casefold()
        except Interrupted:
            return None
        if not typed:
            return None
        if typed.isdecimal() and 1 <= int(typed) <= len(named):
            return named[int(typed) - 1][0]
        meant = [answer for answer, label in named if label.casefold() == typed] or [
            answer for answer, label in named if label.casefold().startswith(typed)
        ]
        if len(meant) == 1:
            return meant[0]
        await terminal.say(f"Type a number from 1 to {len(named)}.")


async def typed(
    terminal: LineTerminal, prompt: str, usual: str = "", *, problem: Callable[[str], str] = lambda _text: ""
) -> str:
    """One line until nothing is wrong with it; an empty one stands for what is ``usual``, which is said.

    Raises :class:`Interrupted` for ctrl+c.
    """
    if usual:
        await terminal.say(f"Enter alone means {usual}.")
    while True:
        text = (await terminal.ask(f"{prompt}: ", remember=False)).strip() or usual
        wrong = problem(text)
        if not wrong:
            return text
        await terminal.say(wrong)


async def confirmed(terminal: LineTerminal, question: YesNo) -> bool:
    """Whether somebody says yes."""
    choices: dict[bool | None, str] = {None: question.no, True: question.yes}
    return await choose(terminal, (question.title, question.text), choices) is True


async def about_certificate(terminal: LineTerminal, question: CertificateQuestion) -> Answer | None:
    """What to do about a certificate; trusting it takes a second step."""
    answer = await choose(terminal, _certificate_lines(question), offers(question))
    if answer is not Answer.TRUST:
        return answer
    what, fingerprint, how = step_of(question)
    await terminal.say("Trust this certificate?", what, fingerprint, f"{how}. An empty line goes back.")
    while True:
        try:
            typed = await terminal.ask("First characters: ", remember=False)
        except Interrupted:
            return None
        if not typed.strip():
            return None
        if proves(typed, question):
            return Answer.TRUST
        await terminal.say("These are not its first characters.")


def _certificate_lines(question: CertificateQuestion) -> Iterable[str]:
    yield f"{title_of(question)}."
    yield waiting_of(question)
    heads = ("", "Trusted so far", "Presented now")
    for label, pinned, shown in comparison(question, wide=True):
        if not label:
            heads = (label, pinned, shown)
            continue
        if question.pin:
            yield f"{label}, {heads[1].lower()}: {_in_one(pinned)}"
        yield f"{label}, {heads[2].lower()}: {_in_one(shown)}"
    for remark in remarks(question):
        yield f"Warning: {remark}"
    if question.trusted_for:
        yield f"You trust the same certificate for {question.trusted_for}."
    yield advice_of(question)


def _in_one(text: str) -> str:
    return " ".join(text.split())
