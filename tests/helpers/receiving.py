"""A receiver on loopback with a handler that remembers, for every test of the receiving side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from peers import person

from misfin.net.directory import Directory
from misfin.net.incoming import Incoming, accepted
from misfin.net.limits import Limits, LimitSettings
from misfin.net.receiver import Receiver, ReceiverSettings
from misfin.wire import MisfinResponse

OPEN = LimitSettings(enable=False)


@dataclass
class Post:
    """A running receiver, and what it took in."""

    receiver: Receiver
    port: int = 0
    messages: list[Incoming] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def serving(
    directory: Directory | None = None,
    handler: Callable[[Incoming], Awaitable[MisfinResponse]] | None = None,
    *,
    limits: LimitSettings = OPEN,
    host: str = "127.0.0.1",
    options: dict[str, object] | None = None,
    **settings: object,
) -> AsyncIterator[Post]:
    async def keep(incoming: Incoming) -> MisfinResponse:
        post.messages.append(incoming)
        post.came.set()
        return accepted(incoming) if handler is None else await handler(incoming)

    defaults: dict[str, object] = {"listen": ((host, 0),), "linger": 0.5, "stop_timeout": 2.0}
    receiver = Receiver(
        keep,
        directory or Directory([person("ada@mail.example Ada")]),
        ReceiverSettings(**{**defaults, **settings}),
        limits=Limits(limits),
        **(options or {}),
    )
    post = Post(receiver)
    post.port = (await receiver.start())[0][1]
    try:
        yield post
    finally:
        await receiver.stop()


@asynccontextmanager
async def receivers() -> AsyncIterator[Callable[..., Awaitable[Post]]]:
    """Start receivers that are stopped at the end: ``post = await start(...)``."""
    async with AsyncExitStack() as stack:

        async def start(*args: object, **kwargs: object) -> Post:
            return await stack.enter_async_context(serving(*args, **kwargs))

        yield start
