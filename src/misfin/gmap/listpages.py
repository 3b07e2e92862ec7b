"""The public pages about the mailing lists of a host, which need no certificate (docs/gmap.md §4). No I/O."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from misfin.gmap.asked import NO_SUCH_PAGE, GmapAnswer, success
from misfin.gmap.gemini import GeminiRequest
from misfin.model.safetext import plain

_GEMTEXT: Final = "text/gemini"


@dataclass(frozen=True, slots=True)
class ListPage:
    """What is said in public about a list. ``who_posts`` is a sentence."""

    address: str
    description: str = ""
    who_posts: str = ""
    closed: bool = False

    @property
    def mailbox(self) -> str:
        """The part before the @."""
        return self.address.rpartition("@")[0]


def public_page(request: GeminiRequest, lists: Collection[ListPage] = ()) -> GmapAnswer | None:
    """The page about all lists, or about one; None for a request that is about a mailbox.

    Names are only looked up among those of the lists, so what looks like a path is just not there.
    """
    if not request.path.startswith("/list/"):
        return None
    match request.path.split("/")[2:]:
        case [""]:
            lines = [f"=> /list/{each.mailbox}/info {each.address}{_about(each)}" for each in lists]
            return success("".join(f"{line}\n" for line in lines).encode(), _GEMTEXT)
        case [name, "info"]:
            found = [each for each in lists if name == each.mailbox]
            return success("\n".join(map(_page, found)).encode(), _GEMTEXT) if found else NO_SUCH_PAGE
    return NO_SUCH_PAGE


def _about(page: ListPage) -> str:
    first = plain(page.description, one_line=True).strip()[:200]
    return f": {first}" if first else ""


def _page(page: ListPage) -> str:
    description = plain(page.description, one_line=True).strip()
    lines = [f"# {page.address}", *([description] if description else []), page.who_posts, ""]
    if page.closed:
        lines.append("Ask its owner if you want to subscribe.")
    else:
        lines.append(f"=> misfin:{page.address}?subscribe Subscribe to this list")
    lines.append(f"=> misfin:{page.address}?unsubscribe Unsubscribe from this list")
    return "".join(f"{line}\n" for line in lines)
