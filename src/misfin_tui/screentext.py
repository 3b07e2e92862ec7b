"""Makes text from outside safe for the screen.

Messages, certificates, server answers and file names are written by strangers: they pass ``plain``, which
makes visible what could act on a terminal. ``suspicious`` says why an address may be posing as another one.
"""

from __future__ import annotations

import unicodedata

from misfin.model.safetext import MAX_MARKS, REPLACED, UNSAFE, escaped, plain

__all__ = ["MAX_MARKS", "REPLACED", "escaped", "plain", "shown_host", "suspicious"]

# ---- addresses that pose as others ------------------------------------------------------------------

_LATIN_TWINS = frozenset(
    "аеорсухіјѕһԁԛԝӏкмтвнАВЕКМНОРСТУХІЈЅԌӀ"  # Cyrillic
    "αορνικτυχγβηωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"  # Greek
    "աոսցօհոք"  # Armenian
)
"""Letters of other alphabets that pass for Latin ones at a glance."""

_WRITTEN_TOGETHER = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "LATIN"}),
    frozenset({"CJK", "BOPOMOFO", "LATIN"}),
    frozenset({"CJK", "HANGUL", "LATIN"}),
)
"""Scripts one honest name may mix (the "highly restrictive" level of Unicode TR 39)."""


def suspicious(address: str) -> str:
    """Why ``mailbox@host`` may be posing as another address, as a short clause; empty when nothing is odd.

    Looks at each label of the host, decoded from its ``xn--`` form, and at the mailbox: several alphabets in
    one name, a name made wholly of letters that pass for Latin ones, hidden or unprintable characters.
    """
    mailbox, _, host = address.rpartition("@")
    for what, name in (("mailbox", mailbox), *(("host", label) for label in host.split("."))):
        reason = _odd_name(name, punycode=what == "host")
        if reason:
            return f"the {what} name {reason}"
    return ""


def shown_host(host: str) -> str:
    """The host as its owner would write it when that is honest, else its ``xn--`` form untouched."""
    if "xn--" not in host.lower():
        return plain(host, one_line=True)
    labels = [_decoded(label) for label in host.split(".")]
    if any(_odd_name(label, punycode=False) for label in labels):
        return plain(host, one_line=True)
    return plain(".".join(labels), one_line=True)


def _decoded(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _odd_name(name: str, *, punycode: bool) -> str:
    if punycode:
        decoded = _decoded(name)
        if decoded == name and name.lower().startswith("xn--"):
            return f"{plain(name, one_line=True)} is not a valid international name"
        name = decoded
    if name.isascii():
        return "" if name.isprintable() else "contains control characters"
    if UNSAFE.search(name) or not name.isprintable():
        return "contains invisible characters"
    chars = [char for char in name if unicodedata.category(char)[0] == "L"]
    scripts = {unicodedata.name(char, "UNKNOWN").split(" ")[0] for char in chars}
    if len(scripts) > 1 and not any(scripts <= allowed for allowed in _WRITTEN_TOGETHER):
        return f"mixes {_listed(sorted(script.capitalize() for script in scripts))} letters"
    if chars and all(char in _LATIN_TWINS for char in chars):
        return f"is written in {scripts.pop().capitalize()} letters that look like Latin ones"
    return ""


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
