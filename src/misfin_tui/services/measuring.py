"""How large a message will really be for each server it goes to, and how to split one that is too large.

Pure: sizes are counted on what would be written to the wire, with metadata, in UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from misfin.errors import AddressError, GemmailError, LocalError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_B_REQUEST, MAX_MESSAGE, GemmailMessage, Version
from misfin.model.gemtext import compose
from misfin.model.replies import forward_bytes, outgoing_recipients
from misfin.store.drafts import Draft

_FENCE = "```"
_MAX_PARTS = 200  # a text of 64 KiB in messages for a server that takes 2,048 bytes gives some forty


@dataclass(frozen=True, slots=True)
class Route:
    """What is known about a recipient's server; ``limit`` is its own for a message, 0 where unknown."""

    address: MisfinAddress
    version: Version = Version.C
    sender_line: bool = False
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """``size`` of ``limit`` bytes for the recipient with the least room.

    ``problem`` says what else forbids sending. ``host`` is empty when the limit is Misfin's own.
    """

    size: int
    limit: int
    host: str = ""
    version: Version = Version.C
    problem: str = ""

    @property
    def over(self) -> bool:
        """Too long, or impossible for another reason."""
        return self.size > self.limit or bool(self.problem)

    @property
    def whose(self) -> str:
        """Why the limit is lower than usual, for a person; empty when it is not."""
        if self.problem:
            return self.problem
        return f"{self.host} takes {self.limit:,} bytes at most" if self.host else ""


def measure(draft: Draft, sender: MisfinAddress | None, routes: Sequence[Route]) -> Measure:
    """Measure a draft for all its recipients; with none yet, for a server without limits of its own."""
    found = [_for_route(draft, sender, routes, route) for route in routes or [_nobody()]]
    return min(found, key=lambda each: (not each.problem, each.limit - each.size))


def _nobody() -> Route:
    return Route(MisfinAddress("nobody", "nowhere.invalid"))


def _for_route(draft: Draft, sender: MisfinAddress | None, routes: Sequence[Route], route: Route) -> Measure:
    limit = route.limit or MAX_MESSAGE
    named = route.address.hostname if route.version is Version.B or route.limit else ""
    try:
        if draft.forwards is not None:
            data = forward_bytes(draft.forwards, route.version)
        else:
            data = GemmailMessage(
                senders=(sender,) if sender and route.sender_line else (),
                recipients=outgoing_recipients([each.address for each in routes]),
                body=compose(draft.subject, draft.body),
            ).to_bytes(route.version)
    except GemmailError as error:
        return Measure(0, limit, named, route.version, str(error))
    if route.version is Version.C:
        return Measure(len(data), min(limit, MAX_MESSAGE), named)
    overhead = len(f"misfin://{route.address.address} \r\n".encode())
    return Measure(len(data) + overhead, MAX_B_REQUEST, named, Version.B)


# ---- splitting ------------------------------------------------------------------------------------


def split(draft: Draft, fits: Callable[[Draft], bool]) -> list[Draft]:
    """The draft as numbered messages that each fit, broken at blank lines where there are any.

    A paragraph that is too long by itself is broken between lines, a line between words. Preformatted
    blocks are closed and opened again. Raises :class:`LocalError` when that cannot be done.
    """
    if draft.forwards is not None:
        raise LocalError(
            "A forwarded message goes out untouched; it cannot be split.",
            remedy="Quote the part that matters in a message of your own.",
        )

    def room(text: str) -> bool:
        # The widest number it may get: how many parts there are is not known yet.
        return fits(replace(draft, subject=_numbered(draft.subject, 100, 100), body=text))

    if not room("") or not room("x" * 64):
        raise LocalError("There is no room for a text beside subject and recipients.")
    parts = list(_packed(_blocks(draft.body), room))
    if len(parts) > _MAX_PARTS:
        raise LocalError(f"That would be {len(parts)} messages.", remedy="Shorten the text.")
    return [
        replace(draft, id="", subject=_numbered(draft.subject, number, len(parts)), body=part)
        for number, part in enumerate(parts, 1)
    ]


def _numbered(subject: str, number: int, total: int) -> str:
    return f"{subject} ({number}/{total})".lstrip()


def _packed(blocks: Iterator[str], room: Callable[[str], bool]) -> Iterator[str]:
    """Put as many blocks together as fit."""
    current = ""
    for block in blocks:
        for piece in [block] if room(block) else _broken(block, room):
            together = f"{current}\n\n{piece}" if current else piece
            if room(together):
                current = together
            else:
                yield current
                current = piece
    if current:
        yield current


def _blocks(body: str) -> Iterator[str]:
    """Paragraphs: runs of lines between blank ones; a preformatted block is never divided here."""
    block: list[str] = []
    inside = False
    for line in body.split("\n"):
        inside ^= line.startswith(_FENCE)
        if line.strip() or inside:
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def _broken(block: str, room: Callable[[str], bool]) -> Iterator[str]:
    """A block that is too long, between lines if possible; preformatted text stays preformatted."""
    current: list[str] = []
    fence = ""
    for line in block.split("\n"):
        for piece in _short_lines(line, fence, room):
            opening = piece.startswith(_FENCE)
            closed = [*current, piece, *([_FENCE] if fence and not opening else [])]
            if current and not room("\n".join(closed)):
                yield "\n".join([*current, *([_FENCE] if fence else [])])
                current = [fence] if fence else []
            current.append(piece)
            if opening:
                fence = "" if fence else piece
    if current:
        yield "\n".join(current)


def _short_lines(line: str, fence: str, room: Callable[[str], bool]) -> Iterator[str]:
    """A line in pieces that fit between their fences, broken between words if possible."""

    def fits(text: str) -> bool:
        return room(f"{fence}\n{text}\n{_FENCE}" if fence else text)

    while not fits(line):
        low, high = 1, len(line)  # the longest head that fits; sizes grow with length
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(line[:middle]) else (low, middle - 1)
        space = line.rfind(" ", 1, low + 1)
        end = space if space > low // 2 else low
        yield line[:end]
        line = line[end:].removeprefix(" ")
    yield line


def routes_of(recipients: Sequence[str]) -> list[MisfinAddress]:
    """The addresses among what stands in the To line; unfinished ones are left out, each mailbox once."""
    found: dict[tuple[str, str], MisfinAddress] = {}
    for text in recipients:
        try:
            address = MisfinAddress.parse(text)
        except AddressError:
            continue
        found.setdefault(address.key, address)
    return list(found.values())
