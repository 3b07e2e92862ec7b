"""What a terminal sends, as events: keys, the mouse, pasted text. Anything else is dropped.

Textual's own parser ends a paste at the first ESC inside it and then takes the rest for keys, takes broken
or unknown escape sequences apart into keys, and its driver ends at a byte that is not UTF-8. Here bytes are
divided as ECMA-48 §5.4 and §8.3 say, and only what is known is passed on to Textual's tables. There is no
clock: the driver says when nothing came for :attr:`TerminalInput.patience` seconds.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from dataclasses import dataclass
from enum import Enum, auto

from textual import constants, events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.keys import Keys
from textual.message import Message

MAX_PASTE = 256 * 1024
"""Bytes a paste may have: four times what the text of a message takes. Nothing of a larger one is kept."""
MAX_SEQUENCE = 128
"""Bytes looked at of one control sequence; known ones have less than half."""
POLL = 0.1
"""Seconds between two looks at whether the program ends."""
SETTLED = 0.02
"""Seconds of silence after the end mark of a paste until keys count again: no person is that quick, but text
that holds an end mark of its own comes without a pause."""
BROKEN_AFTER = 5
"""Silent intervals after which an unfinished sequence is given up (half a second)."""
STALLED_AFTER = 50
"""Silent intervals after which the text of a paste without an end is handed over (five seconds)."""
SHORT = 512
"""Bytes of a read that cannot be a part of a longer text."""
MAX_CELLS = 2000
"""Columns and rows a window may have by its own report."""
LATE = 10
"""Silent intervals after ESC in which the rest of a sequence may still follow it (a second)."""

_START, _END = b"\x1b[200~", b"\x1b[201~"
_ESC, _BEL, _CAN, _SUB = 0x1B, 0x07, 0x18, 0x1A
# Patterns are compiled when the first sequence comes: not before the first frame.
_KEY = r"\x1b\[(\d*)(?:[;:][\d;:]*)?([u~ABCDEFHPQS])"
_OTHER_KEY = r"\x1b\[27;\d+;\d+~"  # modifyOtherKeys of xterm
_MOUSE = r"\x1b\[<\d{1,4};-?\d{1,5};-?\d{1,5}[Mm]"
_MODE = r"\x1b\[\?(?:2026|2048);\d\$y"
_CURSOR = r"\x1b\[\d+;\d+R"
_SIZE = r"\x1b\[48(?:;\d{1,5}(?::[\d:]*)?){4}t"
_ONE_KEY = rb"\x1b|\x1b[\[O][0-9;]*[A-Za-z~]|[\x00-\x1a\x1c-\x7f]|[\xc2-\xf4][\x80-\xbf]{1,3}"
_UNWANTED = dict.fromkeys([*range(0x20), 0x7F, *range(0x80, 0xA0)])
for _kept in "\t\n\r":
    del _UNWANTED[ord(_kept)]


@dataclass
class PasteRefused(Message, bubble=False):
    """A paste was too large for anything here; none of it was kept. Both numbers are in bytes."""

    size: int
    limit: int


class _State(Enum):
    GROUND = auto()
    ESCAPE = auto()
    CONTROL = auto()
    """A control sequence (CSI), or a function key (SS3)."""
    STRING = auto()
    """An answer of the terminal in words (OSC, DCS, APC), up to BEL or ST."""
    STRING_ESCAPE = auto()
    OLD_MOUSE = auto()
    """The three bytes of an X10 mouse report, whatever they are."""
    PASTE = auto()


class TerminalInput:
    """Turns reads and silences into events. Takes any bytes, divided in any way, and never raises."""

    def __init__(self) -> None:
        self._known = XTermParser()
        self._decode = getincrementaldecoder("utf-8")("ignore").decode
        self._state = _State.GROUND
        self._sequence = bytearray()
        self._old_mouse = 0
        self._alt = False
        self._mute = False  # the sequence began right after a paste: it is not a key
        self._idles = 0
        self._escaped = False  # ESC came alone and was a key
        self._text = bytearray()
        self._size = 0
        self._mark = b""  # what may be the beginning of the end mark
        self._settling = False  # the end mark came; what follows without a pause is text too
        self._stalled = False
        self._found: list[Message] = []

    @property
    def patience(self) -> float:
        """Seconds without input after which :meth:`idle` is to be called."""
        if self._settling:
            return SETTLED
        return constants.ESCAPE_DELAY if self._state is _State.ESCAPE else POLL

    def feed(self, data: bytes) -> list[Message]:
        """What one read brought."""
        if self._escaped and self._idles <= LATE and data[:1] == b"[" and len(data) > 1:
            data = b"\x1b" + data  # nobody types that at once
        if self._stalled and not self._mark and re.fullmatch(_ONE_KEY, data):
            self._state = _State.GROUND
        self._escaped = self._stalled = False
        self._idles = 0
        settling, size = self._settling, self._size
        at = 0
        while at < len(data):
            if self._state is _State.PASTE:
                at = self._pasted(data, at)
            elif self._state is _State.GROUND:
                end = data.find(b"\x1b", at)
                end = len(data) if end < 0 else end
                self._typed(self._decode(data[at:end]))
                at = end
                if at < len(data):
                    self._begin()
                    at += 1
            else:
                at += self._step(data[at])
        if settling and self._settling and self._size == size and len(data) < SHORT:
            self._settle()  # only the mouse moved
        return self._take()

    def idle(self) -> list[Message]:
        """Nothing came for :attr:`patience` seconds."""
        self._idles += 1
        self._alt = False
        if self._settling:
            self._settle()
        elif self._state is _State.PASTE:
            if self._idles == STALLED_AFTER:
                self._hand_over()
            self._stalled = self._idles >= STALLED_AFTER
        elif self._state is _State.ESCAPE:
            self._key(events.Key("escape", "\x1b"))
            self._escaped = not self._mute
            self._ground()
        elif self._idles >= BROKEN_AFTER:
            self._ground()
        return self._take()

    def _take(self) -> list[Message]:
        found, self._found = self._found, []
        return found

    # ---- keys

    def _typed(self, text: str) -> None:
        if self._settling:
            self._store(text.encode())
            return
        for character in text:
            alt, self._alt = self._alt, False
            sequence = f"\x1b{character}"
            if alt and sequence in ANSI_SEQUENCES_KEYS:
                self._keys(sequence)
            elif not "\x80" <= character <= "\x9f":
                self._keys(character, alt=alt)

    def _keys(self, sequence: str, *, alt: bool = False) -> None:
        """Pass on the keys a sequence means."""
        try:
            keys = list(self._known._sequence_to_key_events(sequence, alt=alt))
        except (ValueError, ArithmeticError):  # a number that is not a character
            return
        for key in keys:
            if key.key != Keys.Ignore and not (key.character and "\ud800" <= key.character[0] <= "\udfff"):
                self._key(key)

    def _key(self, key: events.Key) -> None:
        if not (self._mute or self._settling):
            self._found.append(key)

    # ---- sequences

    def _begin(self) -> None:
        self._state = _State.ESCAPE
        self._sequence = bytearray(b"\x1b")
        self._mute = self._settling
        self._decode(b"", True)  # a character that ESC cuts off is dropped

    def _ground(self) -> None:
        self._state = _State.GROUND
        self._mute = False

    def _step(self, byte: int) -> int:
        """Take one byte of a sequence; returns how many were used."""
        match self._state:
            case _State.ESCAPE:
                return self._after_escape(byte)
            case _State.OLD_MOUSE:
                self._old_mouse -= 1
                if byte == _ESC:  # not one of them: they are larger than space
                    self._begin()
                elif not self._old_mouse:
                    self._ground()
            case _State.STRING_ESCAPE:
                if byte != ord("\\"):
                    self._begin()
                    return 0
                self._ground()
            case _State.STRING:
                if byte in (_BEL, _CAN, _SUB):
                    self._ground()
                elif byte == _ESC:
                    self._state = _State.STRING_ESCAPE
            case _:
                self._control(byte)
        return 1

    def _after_escape(self, byte: int) -> int:
        if byte == _ESC:
            self._key(events.Key("escape", "\x1b"))
            self._begin()
        elif byte in b"[O":
            self._sequence.append(byte)
            self._state = _State.CONTROL
        elif byte in b"]P_":
            self._state = _State.STRING
        else:
            self._alt = not self._mute
            self._ground()
            return 0
        return 1

    def _control(self, byte: int) -> None:
        if byte == _ESC:
            self._begin()  # what was begun is broken
        elif byte in (_CAN, _SUB):
            self._ground()
        elif self._sequence == b"\x1b[" and byte == ord("M"):
            self._state, self._old_mouse = _State.OLD_MOUSE, 3
        else:
            if len(self._sequence) < MAX_SEQUENCE:
                self._sequence.append(byte)
            sequence = self._sequence.decode("latin-1")
            final = 0x40 <= byte <= 0x7E and sequence != "\x1b[["  # of function keys of the Linux console
            if final or (byte == ord("$") and sequence in ANSI_SEQUENCES_KEYS):
                self._complete(sequence)
                if self._state is _State.CONTROL:
                    self._ground()

    def _complete(self, sequence: str) -> None:
        if sequence == _START.decode():
            self._state, self._settling, self._mark = _State.PASTE, False, b""
        elif sequence in ("\x1b[I", "\x1b[O") or re.fullmatch(_MODE, sequence) or _is_size(sequence):
            self._found += self._known.feed(sequence)
        elif re.fullmatch(_MOUSE, sequence):
            self._mouse(sequence)
        elif _is_key(sequence):
            self._keys(sequence)

    def _mouse(self, sequence: str) -> None:
        if self._mute or self._settling:
            return
        try:
            event = self._known.parse_mouse_code(sequence)
        except ArithmeticError:  # the terminal gave its size as 0 pixels
            return
        if event is not None:
            self._found.append(event)

    # ---- pastes

    def _pasted(self, data: bytes, at: int) -> int:
        """Take the text of a paste up to its end mark; returns how far."""
        text = self._mark + data[at:]
        self._mark = b""
        before, mark, after = text.partition(_END)
        if mark:
            self._store(before)
            self._state = _State.GROUND
            self._settling = True
            return len(data) - len(after)
        cut = next((n for n in range(len(_END) - 1, 0, -1) if text.endswith(_END[:n])), 0)
        self._store(text[: len(text) - cut])
        self._mark = text[len(text) - cut :]
        return len(data)

    def _store(self, text: bytes) -> None:
        self._size += len(text)
        if self._size <= MAX_PASTE:
            self._text += text
        else:
            self._text.clear()

    def _settle(self) -> None:
        self._settling = False
        self._hand_over()

    def _hand_over(self) -> None:
        text, size = self._text.decode("utf-8", "replace").translate(_UNWANTED), self._size
        self._text.clear()
        self._size = 0
        if size > MAX_PASTE:
            self._found.append(PasteRefused(size, MAX_PASTE))
        elif text:
            self._found.append(events.Paste(text))


def _is_key(sequence: str) -> bool:
    """Whether this stands for a key. Textual takes the number of any unknown one for that of a character."""
    if sequence in ANSI_SEQUENCES_KEYS:
        return not re.fullmatch(
            _CURSOR, sequence
        )  # shift+F3 looks like an answer; Textual takes it for one too
    key = re.fullmatch(_KEY, sequence)
    if key is None:
        return False
    number, end = key.groups()
    return end == "u" or f"{number or 1}{end}" in FUNCTIONAL_KEYS or bool(re.fullmatch(_OTHER_KEY, sequence))


def _is_size(sequence: str) -> bool:
    """Whether this reports a size that a window can have."""
    if not re.fullmatch(_SIZE, sequence):
        return False
    height, width, *_ = (int(part.partition(":")[0]) for part in sequence[5:-1].split(";"))
    return 1 <= height <= MAX_CELLS and 1 <= width <= MAX_CELLS
