"""The documents hold together: every citation and link leads somewhere, and generated pages are in step."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
LINKING = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"))]
CITING = sorted(
    path
    for top in ("src", "tests", "docs")
    for path in (ROOT / top).rglob("*")
    if path.suffix in {".py", ".toml", ".md"}
    and not {"_build", "__pycache__", "test_docs.py"} & set(path.parts)  # this file cites what is not there
)

HEADING = re.compile(r"^(#{1,4}) (.+)$", re.MULTILINE)
NUMBER = re.compile(r"(\d+(?:\.\d+)*)\.? ")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGE = re.compile(r"(?<![\w/.-])(?:docs/)?([a-z]+(?:-[a-z]+)*\.md)(?![\w-])")
SECTION = re.compile(r"§(\d+(?:\.\d+)*)")
OWNED = re.compile(
    # what a section is of: a page, or a document of others that everybody can find
    r"(?:(?:docs/)?(?P<page>[a-z-]+\.md)\)?|RFC\s+\d+|ECMA-\d+)"
    r"(?:,?\s+(?:and\s+)?\[?§[\d.]*\d(?:\]\(#[^)]*\))?)*,?\s+(?:(?:#|--)\s+)?(?:and\s+)?\[?$"
)


def sections(page: Path) -> set[str]:
    """The numbers of a page's headings."""
    found = (NUMBER.match(title) for _, title in HEADING.findall(CODE.sub("", page.read_text("utf-8"))))
    return {number[1] for number in found if number}


def anchors(page: Path) -> set[str]:
    """What GitHub and the HTML call a page's headings in links."""
    titles = (title for _, title in HEADING.findall(page.read_text("utf-8")))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def citations(path: Path) -> list[tuple[str, str]]:
    """(page, section) of every section a file cites; a section of nothing has no page, of an RFC ``""``."""
    text = path.read_text("utf-8")
    if path.parent == DOCS:
        text = CODE.sub("", text)
    found = []
    for section in SECTION.finditer(text):
        owner = OWNED.search(text[max(0, section.start() - 300) : section.start()])
        if owner is not None:
            found.append((owner["page"] or "", section[1]))
        else:  # in a document, a section of its own
            found.append((path.name if path.parent == DOCS else "nothing", section[1]))
    return found


def test_every_cited_document_and_section_is_there():
    numbers = {page.name: sections(page) for page in PAGES}
    faults = []
    for path in CITING:
        where = path.relative_to(ROOT)
        for page, section in citations(path):
            if page and section not in numbers.get(page, ()):
                faults.append(f"{where}: {page} §{section}")
        if path.suffix == ".py" or path.is_relative_to(ROOT / "tests/vectors"):
            cited = PAGE.findall(path.read_text("utf-8"))
            faults += [f"{where}: {name}" for name in cited if not (DOCS / name).exists()]
    assert faults == []


def test_a_citation_of_a_missing_section_is_noticed(tmp_path):
    page = tmp_path / "some.py"
    page.write_text('"""As docs/protocol.md §3.3, §99 and §4 say; (§1); RFC 5322 §3.2.4."""', "utf-8")
    protocol = [("protocol.md", "3.3"), ("protocol.md", "99"), ("protocol.md", "4")]
    assert citations(page) == [*protocol, ("nothing", "1"), ("", "3.2.4")]
    assert "99" not in sections(DOCS / "protocol.md")


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        if ":" in target:
            continue  # elsewhere
        name, _, anchor = target.partition("#")
        file = page if not name else page.parent / name
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_index_names_every_document():
    named = set(LINK.findall((DOCS / "README.md").read_text("utf-8")))
    assert {page.name for page in PAGES} - {"README.md"} <= named


@pytest.mark.parametrize("name", ["settings.md", "keys.md"])
def test_a_generated_page_is_in_step_with_the_program(name):
    pages = runpy.run_path(str(DOCS / "generate.py"))["PAGES"]
    assert (DOCS / name).read_text("utf-8") == pages[name](), "run: python docs/generate.py"


def test_the_command_line_page_names_every_command():
    from misfin_tui.cli.parser import build_parser

    page = (DOCS / "command-line.md").read_text("utf-8")
    (commands,) = (action.choices for action in build_parser()._subparsers._group_actions)
    for command in commands:
        assert f"`{command}" in page, command
