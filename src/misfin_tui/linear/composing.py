"""The commands for a message that is being written: its fields, its text line by line or in an editor."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.compose.recipients import read_recipients
from misfin.compose.sendtime import EXAMPLES, parse_send_time
from misfin.errors import InputError, LocalError, MisfinError
from misfin.store.outgoing.drafts import Draft, SendProtection
from misfin_tui import editor
from misfin_tui.linear.command import LineCommand, command_for, listed
from misfin_tui.linear.desk import row_of
from misfin_tui.linear.questions import confirmed
from misfin_tui.linear.sending import send as submit
from misfin_tui.linear.terminal import Interrupted
from misfin_tui.linear.writer import Writer, divided, follow_recipients, joined, use_account
from misfin_tui.wording.facts import by_and_by, many
from misfin_tui.wording.sending import YesNo

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk

PROTECTED = {
    SendProtection.NONE: "It is neither signed nor encrypted.",
    SendProtection.SIGN: "It will be signed.",
    SendProtection.ENCRYPT: "It will be signed and encrypted, subject too; the draft stays here.",
    SendProtection.SMIME: "It will be signed, with your S/MIME certificate.",
}
LACKING = {
    SendProtection.SIGN: "GnuPG is not installed. Install gnupg to sign.",
    SendProtection.ENCRYPT: "GnuPG is not installed. Install gnupg to encrypt.",
    SendProtection.SMIME: "There is no S/MIME certificate for this address. Import one with"
    " misfin-tui account import-certificate.",
}
END = "."
"""The line that ends the text; a line with two of these is a line with one."""


async def write(desk: Desk, draft: Draft, *, follows: bool = False) -> None:
    """Have a message written, until it is sent, kept or discarded.

    ``follows``: From may become an account of another kind if only that reaches the recipients.
    """
    if not draft.account:
        raise LocalError("You have no account to write from.", remedy="Type setup to add one.")
    senders = await desk.services.accounts.senders([draft.account])
    sender = senders[draft.account]
    if not draft.id and not draft.protection and sender.signs and sender.capabilities.protect:
        draft = replace(draft, protection=SendProtection.SIGN)
    writer = Writer(desk, draft, sender)
    writer.follows = follows
    desk.keep_writing = writer.keep_as_it_is
    desk.services.sending.composing.opened(writer, draft.account)
    try:
        await _begin(writer)
        while not writer.finished:
            await _one_command(writer)
    finally:
        desk.services.sending.composing.closed(writer)
        if not writer.finished:
            writer.keep_as_it_is()
            await writer.keeper.flush()
        desk.keep_writing = None


async def _begin(writer: Writer) -> None:
    """Ask for what every message has; ctrl+c goes on to the commands."""
    desk, draft = writer.desk, writer.draft
    await desk.say(f"From {draft.sender or writer.sender.address}. Type help for the commands.")
    if draft.protection:
        await desk.say(PROTECTED[draft.protection])
    try:
        if draft.to:
            await follow_recipients(writer)
        else:
            await to(writer, "")
        if draft.forwards is not None:
            await desk.say(f"Subject: {draft.subject or 'no subject'}", "The message is forwarded unchanged.")
            return
        if draft.subject:
            await desk.say(f"Subject: {draft.subject}")
        elif not draft.id:
            await subject(writer, "")
        if draft.id:
            await desk.say(f"The text has {many(len(draft.body.splitlines()), 'line')}.")
        else:
            await add(writer, "")
    except Interrupted:
        await desk.say("The message is not finished: send, keep or discard it.")


async def _one_command(writer: Writer) -> None:
    desk = writer.desk
    try:
        text = await desk.terminal.ask("Writing> ", idle=True)
        if text.strip():
            command, rest = command_for(text, COMMANDS)
            await command.run(writer, rest)
    except Interrupted:
        await desk.say("You are writing a message: send, keep or discard it.")
    except MisfinError as error:
        await desk.report(error)


async def to(writer: Writer, rest: str) -> None:
    """The recipients."""
    await _people(writer, "to", "To", rest)


async def cc(writer: Writer, rest: str) -> None:
    """Who gets a copy."""
    if not writer.sender.capabilities.cc:
        raise InputError("A message from this account cannot have Cc or Bcc.")
    await _people(writer, "cc", "Cc", rest)


async def bcc(writer: Writer, rest: str) -> None:
    """Who gets a copy unseen by the others."""
    if not writer.sender.capabilities.bcc:
        raise InputError("A message from this account cannot have Cc or Bcc.")
    await _people(writer, "bcc", "Bcc", rest)


async def _people(writer: Writer, field: str, label: str, rest: str) -> None:
    if not rest:
        before = ", ".join(getattr(writer.draft, field))
        if before:
            await writer.desk.say(f"{label} is {before}. Enter alone leaves it, a dot removes it.")
        rest = (await writer.desk.terminal.ask(f"{label}: ", remember=False)).strip()
        if not rest:
            return
    entries = [] if rest == END else read_recipients(rest, writer.sender)
    for entry in entries:
        if entry.recipient is None and "@" not in entry.text:
            known = await writer.desk.services.contacts.complete(entry.text, 6, writer.sender.kind)
            if known:
                names = ", ".join(each.contact.address for each in known)
                await writer.desk.say(f"{entry.text}: there are {names}.")
    people = tuple(entry.written for entry in entries)
    draft = writer.draft
    changed = {
        "to": replace(draft, to=people),
        "cc": replace(draft, cc=people),
        "bcc": replace(draft, bcc=people),
    }
    writer.change(changed[field])
    await follow_recipients(writer)


async def subject(writer: Writer, rest: str) -> None:
    """The subject."""
    typed = rest or (await writer.desk.terminal.ask("Subject: ", remember=False)).strip()
    if typed:
        writer.change(replace(writer.draft, subject="" if typed == END else typed))


async def add(writer: Writer, _rest: str) -> None:
    """Write lines: below what was written, above a quotation and the signature."""
    if writer.draft.forwards is not None:
        raise InputError("The message is forwarded unchanged.")
    written, below = divided(writer.draft.body, writer.below)
    quoted = sum(line.startswith(">") for line in below)
    if quoted:
        await writer.desk.say(f"Below your text {many(quoted, 'line is', 'lines are')} quoted.")
    await writer.desk.say("Write the text. A line with only a dot ends it.")
    writer.before, writer.after = written, below
    try:
        while True:
            try:
                line = await writer.desk.terminal.ask("", remember=False)
            except Interrupted:
                await writer.desk.say("This line was dropped. A line with only a dot ends the text.")
                continue
            if line == END:
                break
            writer.before.append(END if line == END * 2 else line)
            writer.change(replace(writer.draft, body=joined([*writer.before, *writer.after])))
    except BaseException:
        writer.keep_as_it_is()
        raise
    finally:
        writer.before = None
    await writer.keeper.flush()
    await writer.desk.say("Type send to send it, or help.")


async def edit(writer: Writer, _rest: str) -> None:
    """The text in your editor."""
    if writer.draft.forwards is not None:
        raise InputError("The message is forwarded unchanged.")
    services, terminal = writer.desk.services, writer.desk.terminal
    if not terminal.typed_by_person:
        raise InputError("An editor cannot be opened without a terminal.")
    try:
        command = editor.command_for(services.config.ui.editor, os.environ)
    except ValueError:
        raise InputError("The editor's command has an unclosed quote; see the settings.") from None
    writer.keep()
    await writer.keeper.flush()  # on disk, and with an id by which the text is found if this program dies

    runtime, name = services.profile.runtime, writer.keeper.draft_id
    found = await editor.edit(
        terminal.run_program, writer.draft.body, command=command, folder=runtime, name=name, keep=True
    )
    if found.problem:
        await writer.desk.say(found.problem)
    if found.text is not None:
        writer.change(replace(writer.draft, body=found.text))
        await writer.keeper.flush()
    if found.left is not None:
        await asyncio.to_thread(editor.forget, found.left)
    await writer.desk.say(f"The text has {many(len(writer.draft.body.splitlines()), 'line')}.")


async def print_all(writer: Writer, _rest: str) -> None:
    """The message as it is."""
    draft = writer.draft
    fields = (("To", draft.to), ("Copy to", draft.cc), ("Blind copy to", draft.bcc))
    await writer.desk.say(
        f"From {draft.sender or writer.sender.address}.",
        *(f"{label} {', '.join(people)}." for label, people in fields if people),
        f"Subject: {draft.subject or 'no subject'}",
        *(f"File {n}: {each.name}, {each.size:,} bytes." for n, each in enumerate(draft.attachments, 1)),
        "",
        *(draft.body.split("\n") if draft.body.strip() else ["No text."]),
        "",
        "End of message.",
    )


async def sent_from(writer: Writer, rest: str) -> None:
    """The account to write from."""
    accounts = await writer.desk.services.accounts.all()
    if not rest:
        await writer.desk.say(*(f"{n}. {each.address}, {each.kind}." for n, each in enumerate(accounts, 1)))
        rest = await writer.desk.terminal.ask("From number: ", remember=False)
    await use_account(writer, row_of(rest, accounts, "account"))
    writer.follows = False


async def attach(writer: Writer, rest: str) -> None:
    """Attach files by their names."""
    if not writer.sender.capabilities.attachments:
        raise InputError("A message from this account cannot have attachments.")
    names = rest or await writer.desk.terminal.ask("File: ", remember=False)
    service = writer.desk.services.outgoing_files
    done = await service.attach(await service.find(names))
    writer.change(replace(writer.draft, attachments=(*writer.draft.attachments, *done.files)))
    await writer.desk.say(*(f"Attached {each.name}, {each.size:,} bytes." for each in done.files))
    await writer.desk.say(*done.problems)


async def remove(writer: Writer, rest: str) -> None:
    """Remove an attached file by its number."""
    file = row_of(rest, writer.draft.attachments, "file")
    left = tuple(each for each in writer.draft.attachments if each is not file)
    writer.change(replace(writer.draft, attachments=left))
    await writer.desk.say(f"{file.name} is no longer attached.")


async def send_at(writer: Writer, rest: str) -> None:
    """When to send it."""
    if not rest:
        raise InputError("Give a time, or now.", remedy=f"For example {EXAMPLES}.")
    now = time.time()
    at = 0.0 if rest.casefold() == "now" else parse_send_time(rest, now)
    writer.change(replace(writer.draft, send_at=at))
    await writer.desk.say(f"It will be sent {by_and_by(at, now)}." if at else "It will be sent at once.")


async def protect(writer: Writer, rest: str) -> None:
    """Sign it, sign and encrypt it, or neither."""
    from misfin_tui.services.protected import protected_of

    words = {
        "sign": SendProtection.SIGN,
        "encrypt": SendProtection.ENCRYPT,
        "smime": SendProtection.SMIME,
        "none": SendProtection.NONE,
    }
    if rest.casefold() not in words:
        raise InputError("Type protect sign, protect encrypt, protect smime or protect none.")
    if not writer.sender.capabilities.protect:
        raise InputError("A message from this account cannot be signed or encrypted.")
    level = words[rest.casefold()]
    if level not in await protected_of(writer.desk.services).ways(writer.sender.address):
        raise InputError(LACKING[level])
    writer.change(replace(writer.draft, protection=level))
    await writer.desk.say(PROTECTED[level])


async def send(writer: Writer, _rest: str) -> None:
    """Send it."""
    writer.finished = await submit(writer)


async def keep(writer: Writer, _rest: str) -> None:
    """Keep it as a draft."""
    if writer.draft.empty:
        await writer.keeper.stop()
        if writer.keeper.draft_id:
            await writer.desk.services.sending.discard(writer.keeper.draft_id)
        await writer.desk.say("Nothing was written, so nothing is kept.")
    else:
        writer.keep()
        await writer.keeper.flush()
        await writer.desk.say("Kept as a draft.")
    writer.finished = True


async def discard(writer: Writer, _rest: str) -> None:
    """Delete it for good, after asking."""
    named = f"“{writer.draft.subject}”" if writer.draft.subject else "It has no subject yet."
    text = f"{named}\nA discarded draft cannot be restored."
    if not await confirmed(
        writer.desk.terminal, YesNo("Discard this draft?", text, yes="Discard", no="Continue writing")
    ):
        return
    await writer.keeper.stop()
    if writer.keeper.draft_id:
        await writer.desk.services.sending.discard(writer.keeper.draft_id)
    writer.finished = True
    await writer.desk.say("Discarded.")


async def help_writing(writer: Writer, _rest: str) -> None:
    """These commands."""
    await writer.desk.say(*listed(COMMANDS))


COMMANDS: tuple[LineCommand[Writer], ...] = (
    LineCommand("send", "s", "", "send it", send),
    LineCommand("add", "a", "", "write more lines; a line with only a dot ends them", add),
    LineCommand("edit", "e", "", "edit the text in your editor", edit),
    LineCommand("print", "p", "", "show the message as it is", print_all),
    LineCommand("to", "t", "PEOPLE", "change the recipients", to),
    LineCommand("cc", "", "PEOPLE", "send copies", cc),
    LineCommand("bcc", "", "PEOPLE", "send copies that others do not see", bcc),
    LineCommand("subject", "", "WORDS", "change the subject", subject),
    LineCommand("from", "f", "NUMBER", "change the account to write from", sent_from),
    LineCommand("attach", "", "FILE", "attach a file", attach),
    LineCommand("remove", "", "NUMBER", "remove an attached file", remove),
    LineCommand("at", "", "TIME or now", "when to send it", send_at),
    LineCommand("protect", "", "sign, encrypt, smime or none", "sign or encrypt it", protect),
    LineCommand("keep", "k", "", "keep it as a draft", keep),
    LineCommand("discard", "d", "", "delete it for good", discard),
    LineCommand("help", "h", "", "list these commands", help_writing),
)
"""What can be done with a message that is being written."""
