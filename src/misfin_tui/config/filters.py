"""``[filters.NAME]`` in the settings: filters for new mail. One with a mistake is reported and left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from misfin.errors import MisfinError
from misfin_tui.config.reading import ConfigError, Reader, setting


@dataclass(frozen=True, slots=True)
class FilterConfig:
    """One filter."""

    search: str = setting("", "Which new messages it applies to: a search, as in the search line.")
    tag: tuple[str, ...] = setting((), "One or more tags to add.")
    folder: str = setting("", "Folder to move to.")
    star: bool = setting(False, "Set the star.")
    read: bool = setting(False, "Mark as read.")
    notify: bool = setting(True, "Notify you of such mail when it arrives.")
    account: str = setting("", "Only for this account, by name or address; empty: for all.")


def read_filters(reader: Reader, tables: Mapping[str, object]) -> tuple[dict[str, FilterConfig], list[str]]:
    """The filters in the order of the file, and for each that is left out a sentence with its line."""
    rules, problems = {}, []
    for name, table in tables.items():
        try:
            rule = reader.section(FilterConfig, table, ("filters", name))
            _check(reader, name, rule)
            rules[name] = rule
        except ConfigError as error:
            problems.append(f"{error}. The filter {name} is left out.")
    reader.remark(problems)
    return rules, problems


def _check(reader: Reader, name: str, rule: FilterConfig) -> None:
    """Raises :class:`ConfigError` for a filter that could not do anything."""
    from misfin.store.mail.keywords import check_tag
    from misfin.store.search.query import parse

    if not rule.search.strip():
        raise reader.error(("filters", name), "`search` is missing")
    if not (rule.tag or rule.folder or rule.star or rule.read or not rule.notify):
        raise reader.error(("filters", name), "it does nothing: give it a tag, a folder, or another action")
    try:
        parse(rule.search, now=0.0)
    except MisfinError as error:
        raise reader.error(("filters", name, "search"), str(error).rstrip(".")) from error
    try:
        for tag in rule.tag:
            check_tag(tag)
    except MisfinError as error:
        raise reader.error(("filters", name, "tag"), str(error).rstrip(".")) from error
