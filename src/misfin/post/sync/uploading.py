"""Uploads messages, each at most once: recorded before it starts, and recognized after a crash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO

from misfin.errors import StoreError
from misfin.post.sync.base import BaseRow, OperationKind, PendingOperation
from misfin.post.sync.identify import (
    CHANGED,
    HEAD_LIMIT,
    SAME,
    Facts,
    facts_of_file,
    facts_of_head,
    header_block,
    match,
    message_id,
)
from misfin.post.sync.journal import begin, ended, ended_for
from misfin.post.sync.lineends import sent, sent_bytes
from misfin.post.sync.merging import Keeps, pushable
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.steps import Append
from misfin.post.sync.values import Addition
from misfin.post.sync.work import Work


async def upload(work: Work, steps: Sequence[Append]) -> None:
    """Put files into folders on the server. Raises as :func:`misfin.post.sync.fetching.fetch`."""
    if not steps:
        return
    await asyncio.to_thread(_begin, work, steps)
    for step in steps:
        await _upload(work, step)


def _begin(work: Work, steps: Sequence[Append]) -> None:
    with work.state.write():
        ended(work.state, [step.resumes for step in steps])
        _note(work, [(step, _planned(step)) for step in steps])


def _note(work: Work, uploads: Sequence[tuple[Append, Facts]]) -> None:
    """Record what is about to be uploaded; inside ``state.write()``."""
    now = work.now()
    ended_for(work.state, OperationKind.APPEND, [step.key for step, _ in uploads])
    begin(
        work.state,
        [
            PendingOperation(0, OperationKind.APPEND, step.folder, step.key, facts=facts, begun=now)
            for step, facts in uploads
        ],
    )


def _planned(step: Append) -> Facts:
    return step.row.facts if step.row else step.facts


def _note_change(work: Work, step: Append, facts: Facts) -> None:
    with work.state.write():
        _note(work, [(step, facts)])


async def _upload(work: Work, step: Append) -> None:
    path = await asyncio.to_thread(work.inbox.find, work.account, step.local, step.key)
    if path is None:
        return  # moved or deleted meanwhile: the next pass sees
    try:
        facts = await asyncio.to_thread(facts_of_file, path)
        received = (await asyncio.to_thread(path.stat)).st_mtime
    except OSError:
        work.incomplete.add(step.folder)
        return
    if facts.digest != _planned(step).digest:  # written into since the look
        await asyncio.to_thread(_note_change, work, step, facts)
    flags = pushable(step.flags, work.keeps.get(step.folder, Keeps()))
    sending = _Sending(path)
    addition = Addition(facts.size, flags, received, sending.pieces)
    folder = work.folders[step.folder]
    try:
        remote_id = await work.remote.append(folder.remote, addition)
    except StepRefusedError as error:
        work.postponed.append(step.key)
        work.problems.append(f"A message in {step.local} could not be uploaded: {error}")
        return
    except OSError as error:  # the file went away under our hands
        if isinstance(error, StoreError):
            work.failed(step.folder, str(error))
            return
        raise
    facts = sending.facts or facts
    if not remote_id:
        remote_id = await _find(work, step, path, facts)
    await asyncio.to_thread(_done, work, step, remote_id, facts)


async def _find(work: Work, step: Append, path: Path, facts: Facts) -> str:
    """The id of what was just uploaded, where the server did not say it; empty if it cannot be found."""
    folder = work.folders[step.folder].remote
    text = await asyncio.to_thread(_message_id, path)
    ids = await work.remote.search(folder, text) if text else None
    if ids is None:
        ids = [head.id for head in await work.remote.heads(folder, None)]
    known = await asyncio.to_thread(work.state.by_remote_ids, step.folder, list(ids))
    unknown = [each for each in ids if each not in known]
    heads = await work.remote.heads(folder, unknown) if unknown else []
    theirs = [(head.id, facts_of_head(head.data, head.size)) for head in reversed(heads)]
    return next((found for _, found in match([(step, facts)], theirs, (*SAME, *CHANGED))), "")


def _message_id(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return message_id(header_block(sent_bytes(file.read(HEAD_LIMIT))))
    except OSError:
        return ""


def _done(work: Work, step: Append, remote_id: str, facts: Facts) -> None:
    row = step.row or BaseRow(0, step.folder, "", step.key)
    row = BaseRow(row.id, step.folder, remote_id, step.key, step.flags, facts, work.now())
    with work.state.write():
        if step.row and work.state.rows([row.id]):
            work.state.save([row])
        else:
            work.state.add([row])
        if remote_id:  # else it is looked for a little longer
            ended_for(work.state, OperationKind.APPEND, [step.key])
        if step.replaces:
            folder, replaced = step.replaces
            old = PendingOperation(0, OperationKind.DELETE, folder, remote_id=replaced, begun=work.now())
            begin(work.state, [old])
        work.record(step.folder, "uploaded", [row], step.rule.value)
    work.moved[row.id] = row


class _Sending:
    """A file as it is sent, and the facts of what was sent: another program may write into it meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.facts: Facts | None = None
        """Of what was sent; None until all of it was."""

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they are uploaded. Raises :class:`~misfin.errors.StoreError`."""
        file = await asyncio.to_thread(self._opened)
        head, size = b"", 0
        try:
            parts = sent(file)
            while piece := await asyncio.to_thread(next, parts, b""):
                head, size = head + piece[: HEAD_LIMIT - len(head)], size + len(piece)
                yield piece
        finally:
            await asyncio.to_thread(file.close)
        self.facts = facts_of_head(head, size)._replace(digest=file.digest.digest())

    def _opened(self) -> _Hashed:
        try:
            return _Hashed(self._path.open("rb"))
        except OSError as error:
            raise StoreError(f"A message to upload could not be read: {error.strerror}.") from error


class _Hashed:
    """A file whose digest is computed as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self.digest.update(data)
        return data

    def close(self) -> None:
        """Close it."""
        self._file.close()
