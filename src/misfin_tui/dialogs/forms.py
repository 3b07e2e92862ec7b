"""Small forms: a new identity, an identity to import, a contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Select

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.recipient import FORMS, normal_address, split_prefix
from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import text

T = TypeVar("T")

KEYS = (
    ("ec", "P-256 – small and fast; the usual choice"),
    ("ed25519", "Ed25519 – modern, but not every server accepts it"),
    ("rsa", "RSA-2048 – large and slow; for old servers"),
)
"""The kinds of key to choose from."""
ITSELF, HOST = "itself", "host"
"""Who signs a certificate when no other identity does: the mailbox itself, or itself as a host."""


@dataclass(frozen=True, slots=True)
class Field:
    """A labelled line of a form."""

    id: str
    label: str
    value: str = ""
    placeholder: str = ""


class FormDialog(Dialog[T]):
    """Labelled fields. Enter goes to the next one, and from the last one accepts."""

    DEFAULT_CSS = """
    FormDialog Input { margin-top: 0; }
    FormDialog .label { color: $text-muted; margin-top: 1; }
    FormDialog .label:first-child { margin-top: 0; }
    FormDialog Select { margin-top: 0; }
    FormDialog #complaint { margin-top: 1; }
    FormDialog #complaint.-empty { display: none; }
    """
    yes = "Save"

    def __init__(self, title: str, *, complaint: str = "") -> None:
        super().__init__(title)
        self._complaint = complaint

    def form_fields(self) -> Sequence[Field]:
        """The lines."""
        raise NotImplementedError

    def result(self) -> T | None:
        """What the form says, or None after :meth:`complain`."""
        raise NotImplementedError

    def compose_body(self) -> ComposeResult:
        """Each label above its field."""
        for field in self.form_fields():
            yield text(field.label, classes="label")
            yield OneLine(field.value, id=field.id, placeholder=field.placeholder, max_length=1024)
        yield from self.compose_more()
        yield text(self._complaint, id="complaint", classes="warn")

    def compose_more(self) -> ComposeResult:
        """What else the form has."""
        yield from ()

    def value(self, field_id: str) -> str:
        """The text of a field."""
        return self.query_one(f"#{field_id}", Input).value.strip()

    def complain(self, problem: str, field_id: str) -> None:
        """Say what is wrong and go there."""
        self.query_one("#complaint").update(Content(problem))  # type: ignore[attr-defined]  # a Static
        self.query_one(f"#{field_id}").focus()

    def choices(self) -> Sequence[Choice]:
        """Cancelling is safe."""
        return Choice("cancel", "Cancel  esc"), Choice("ok", self.yes, "primary")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        inputs = list(self.query(Input))
        place = inputs.index(event.input)
        if place + 1 < len(inputs):
            inputs[place + 1].focus()
        else:
            self.choose("ok")

    def choose(self, choice: str) -> None:
        """The result, or None."""
        if choice == "cancel":
            self.dismiss(None)
            return
        result = self.result()
        if result is not None:
            self.dismiss(result)


@dataclass(frozen=True, slots=True)
class IdentityForm:
    """What the user typed about a new identity; ``signer`` is :data:`ITSELF`, :data:`HOST` or a name."""

    address: str = ""
    name: str = ""
    key: str = "ec"
    signer: str = ITSELF


class NewIdentityDialog(FormDialog[IdentityForm]):
    """Address, name, kind of key and signer of a new identity; ``signers`` are the user's own hosts."""

    yes = "Create"

    def __init__(
        self,
        form: IdentityForm | None = None,
        *,
        signers: Sequence[tuple[str, str]] = (),
        complaint: str = "",
    ) -> None:
        super().__init__("A new identity", complaint=complaint)
        self._form = form or IdentityForm()
        self._signers = signers

    def form_fields(self) -> Sequence[Field]:
        """The address and the display name."""
        return (
            Field(
                "address",
                "Address: the host is where your mail will arrive",
                self._form.address,
                "ada@mail.example",
            ),
            Field("name", "Display name", self._form.name, "Ada Lovelace"),
        )

    def compose_more(self) -> ComposeResult:
        """The kind of key, and who signs."""
        yield text("Key", classes="label")
        yield _choice("key", KEYS, self._form.key)
        yield text("Certificate", classes="label")
        signers = (
            (ITSELF, "self-signed – the usual choice"),
            *((name, f"signed by {address}, as a mailbox of that host") for name, address in self._signers),
            (HOST, "for a host – signs the mailboxes of this host"),
        )
        yield _choice("signer", signers, self._form.signer)

    def result(self) -> IdentityForm | None:
        """The form."""
        problem = problem_with(self.value("address"))
        if problem:
            self.complain(problem, "address")
            return None
        key, signer = (str(self.query_one(f"#{each}", Select).value) for each in ("key", "signer"))
        return IdentityForm(self.value("address"), self.value("name"), key, signer)


def _choice(name: str, choices: Sequence[tuple[str, str]], value: str) -> Select[Any]:
    return Select[Any](
        [(Content(plain(label, one_line=True)), each) for each, label in choices],
        value=value,
        allow_blank=False,
        compact=True,
        id=name,
    )


class ImportDialog(FormDialog[tuple[str, str]]):
    """The files of an identity made by another program."""

    yes = "Import"

    def __init__(self, certificate: str = "", key: str = "", *, complaint: str = "") -> None:
        super().__init__("Import an identity", complaint=complaint)
        self._certificate = certificate
        self._key = key

    def form_fields(self) -> Sequence[Field]:
        """One file or two."""
        return (
            Field("certificate", "PEM file with the certificate (and perhaps the key)", self._certificate),
            Field("key", "PEM file with the private key, if separate", self._key),
        )

    def result(self) -> tuple[str, str] | None:
        """The two names; the second may be empty."""
        if not self.value("certificate"):
            self.complain("Enter the name of a file.", "certificate")
            return None
        return self.value("certificate"), self.value("key")


@dataclass(frozen=True, slots=True)
class ContactForm:
    """What the user typed about a contact."""

    address: str
    name: str
    note: str
    kind: AddressKind = AddressKind.MISFIN


class ContactDialog(FormDialog[ContactForm]):
    """A contact, new or old."""

    yes = "Save"

    def __init__(self, form: ContactForm | None = None, *, complaint: str = "") -> None:
        super().__init__("Contact" if form else "New contact", complaint=complaint)
        self._form = form or ContactForm("", "", "")

    def form_fields(self) -> Sequence[Field]:
        """Address, name, note."""
        return (
            Field("address", "Address", self._form.address, "bob@remote.host"),
            Field("name", "Name", self._form.name, "Bob Jones"),
            Field("note", "Note, for yourself only", self._form.note),
        )

    def result(self) -> ContactForm | None:
        """The form."""
        said, address = split_prefix(self.value("address"))
        kind = said or self._form.kind
        problem = problem_with(address, kind)
        if self._form.address and kind is not self._form.kind:
            problem = f"This contact has {FORMS[self._form.kind].address}."
        if problem:
            self.complain(problem, "address")
            return None
        return ContactForm(address, self.value("name"), self.value("note"), kind)


def problem_with(address: str, kind: AddressKind = AddressKind.MISFIN) -> str:
    """What is wrong with an address of a kind; empty when nothing is."""
    try:
        normal_address(address, kind)
    except AddressError as error:
        return f"{error} {error.remedy}".strip()
    return ""
