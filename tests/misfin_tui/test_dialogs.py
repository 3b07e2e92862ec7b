"""Dialogs: the safe answer has the focus, escape decides nothing, hostile words are inert at any size."""

from __future__ import annotations

import asyncio
import unicodedata
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from certificates import build
from desk import identity, shown, until
from textual import events
from textual.app import App
from textual.screen import Screen
from textual.widgets import OptionList, Static

from misfin.post.decisions import CertificateQuestion, HeldMessage
from misfin.store.message.attachment import Attachment
from misfin.store.outgoing.deliveries import DeliveryState, OutboxRow, Question
from misfin.trust.tofu import Decision, Pin, PinKind, Remark, Verdict
from misfin_tui import theming
from misfin_tui.dialogs.attach import AttachDialog
from misfin_tui.dialogs.attachments import OpenFileDialog
from misfin_tui.dialogs.base import Dialog
from misfin_tui.dialogs.certificate import CertificateDialog, TrustStep
from misfin_tui.dialogs.confirm import (
    ConfirmDialog,
    DraftDialog,
    Leaving,
    TooLong,
    TooLongDialog,
)
from misfin_tui.dialogs.filter import FilterDialog
from misfin_tui.dialogs.forms import ContactDialog, ContactForm, IdentityForm, ImportDialog, NewIdentityDialog
from misfin_tui.dialogs.link import LinkDialog, Opening
from misfin_tui.dialogs.prompt import ChooseDialog, PasswordDialog, PromptDialog
from misfin_tui.dialogs.redirect import Following, RedirectDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.dialogs.theme import ThemeDialog
from misfin_tui.wording.certificate import Answer
from misfin_tui.wording.links import consequence, remarks

EVIL = "[/x] [@click=app.quit]go[/] \x1b]0;owned\x07\x1b[2J \x9b \u202egnp.exe \u200b \ud800 \x00"
NOW = 1_790_000_000.0


class Host(App[None]):
    """Any app: dialogs know nothing of ours."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variable_defaults(self.current_theme)


@asynccontextmanager
async def host(size: tuple[int, int] = (100, 40)):
    app = Host()
    async with app.run_test(size=size) as pilot:
        for theme in theming.load(theming.shipped_dir()).themes.values():
            app.register_theme(theme)
        yield app, pilot


def outbox_row(**changed) -> OutboxRow:
    facts = {
        "id": 1,
        "group": "g",
        "account": "alice@mail.example",
        "to": "bob@hive.test",
        "subject": "S",
        "state": DeliveryState.HELD,
        "why": "why",
        "status": 31,
        "meta": "",
        "fingerprint": "",
        "attempts": 1,
        "next_attempt": 0.0,
        "created": NOW,
        "hold_until": 0.0,
        "size": 10,
        "question": Question.REDIRECT_ALWAYS,
        "pin_name": "",
        "target": "bob@new.test",
        "route": "hive.test:1958",
    }
    return OutboxRow(**(facts | changed))


def question(
    kind: PinKind = PinKind.HOST,
    *,
    pinned: bool = True,
    same_key: bool = False,
    remark: Remark | None = None,
    name: str = "hive.test:1958",
    shown_info=None,
) -> CertificateQuestion:
    info = shown_info or identity("bob@hive.test", "Bob").info
    pin = Pin(
        kind,
        name,
        "ab" * 32,
        info.fingerprints.spki if same_key else "cd" * 32,
        NOW - 10**7,
        NOW + 10**7,
        NOW - 10**6,
        NOW,
        41,
        "first use",
    )
    held = (HeldMessage("alice@mail.example", "key", name, "S", NOW, "spki"),) * 2
    return CertificateQuestion(
        kind,
        name,
        pin if pinned else None,
        info,
        NOW,
        Verdict(Decision.CHANGED, frozenset([remark] if remark else [])),
        waiting=(outbox_row(), outbox_row(id=2)) if kind is PinKind.HOST else (),
        held=held if kind is PinKind.SENDER else (),
    )


DIALOGS = {
    "confirm": lambda text: ConfirmDialog(text, text, yes="Yes", danger=True),
    "draft": lambda text: DraftDialog(text),
    "too long": lambda text: TooLongDialog(text, 3, text),
    "cannot split": lambda text: TooLongDialog(text, 0, text),
    "prompt": lambda text: PromptDialog(text, text, value=text, placeholder=text, yes="Save"),
    "password": lambda text: PasswordDialog(text),
    "choose": lambda text: ChooseDialog(text, [(text, text, text)] * 3, question=text),
    "facts": lambda text: FactsDialog(text, [(text, ""), (text, text), ("", text)]),
    "link": lambda text: LinkDialog(f"https://evil.test/{text}", text),
    "redirect": lambda text: RedirectDialog(outbox_row(to=text, target=text), permanent=True),
    "certificate": lambda text: CertificateDialog(question(name=text)),
    "sender": lambda text: CertificateDialog(question(PinKind.SENDER, name=text)),
    "first use": lambda text: CertificateDialog(question(pinned=False, name=text)),
    "second step": lambda text: TrustStep(question(name=text)),
    "identity": lambda text: NewIdentityDialog(
        IdentityForm(text, text), signers=[("x", text)], complaint=text
    ),
    "import": lambda text: ImportDialog(text, text, complaint=text),
    "contact": lambda text: ContactDialog(ContactForm(text, text, text), complaint=text),
    "theme": lambda text: ThemeDialog(["textual-dark", "misfin-dark"], "misfin-dark"),
}
SAFE = {
    "confirm": "no",
    "draft": "keep",
    "too long": "shorten",
    "cannot split": "shorten",
    "link": "stay",
    "redirect": "wait",
    "certificate": "wait",
    "sender": "wait",
    "first use": "wait",
}


async def put(app, pilot, dialog: Dialog) -> asyncio.Future:
    answer = asyncio.get_running_loop().create_future()
    app.push_screen(dialog, answer.set_result)
    await until(pilot, lambda: app.screen is dialog and dialog.is_attached and app.focused is not None)
    return answer


async def close(app, pilot, answer: asyncio.Future) -> None:
    """Away with it; escape answers nothing."""
    await pilot.press("escape")
    await until(pilot, answer.done)
    assert answer.result() is None


async def test_hostile_words_are_inert_in_every_dialog():
    async with host((90, 40)) as (app, pilot):
        for kind, make in DIALOGS.items():
            answer = await put(app, pilot, make(EVIL))
            acting = [c for c in shown(app) if unicodedata.category(c) in ("Cc", "Cs", "Cf") and c != "\n"]
            assert acting == [], kind
            await close(app, pilot, answer)


async def test_a_second_answer_does_not_close_what_is_below():
    async with host() as (app, pilot):
        below = Screen()
        app.push_screen(below)
        dialog = ChooseDialog("Pick", [("a", "Yes", ""), ("b", "No", "")], keys=("y", "n"))
        answer = await put(app, pilot, dialog)
        for key in "yny":  # all of them are waiting before the first is looked at
            dialog.post_message(events.Key(key, key))
        await until(pilot, answer.done)
        await pilot.pause()
        assert answer.result() == "a"
        assert app.screen is below


@pytest.mark.parametrize("size", [(20, 5), (60, 20), (300, 80)])
async def test_every_dialog_stands_at_every_size_and_closes_by_escape(size):
    async with host(size) as (app, pilot):
        for make in DIALOGS.values():
            answer = await put(app, pilot, make("words " * 20))
            await pilot.resize_terminal(20, 5)
            await pilot.pause()
            await pilot.resize_terminal(*size)
            await close(app, pilot, answer)


async def test_the_safe_answer_has_the_focus():
    async with host() as (app, pilot):
        for kind, safe in SAFE.items():
            answer = await put(app, pilot, DIALOGS[kind]("words"))
            assert app.focused.id == safe, kind
            await close(app, pilot, answer)


@pytest.mark.parametrize(
    "dialog",
    [
        AttachDialog(complete=None, find=None),
        FilterDialog("from:bob", 2, ["Bob: hello"], "bob"),
        LinkDialog("https://hive.test/", "xdg-open"),
        OpenFileDialog(Attachment("plan.pdf", "application/pdf", 100, 0, 100, "7bit"), "xdg-open"),
        TooLongDialog("Too long.", 3),
    ],
    ids=lambda dialog: type(dialog).__name__,
)
def test_what_a_dialog_is_for_has_the_main_colour(dialog):
    assert [choice.tone for choice in dialog.choices()].count("primary") == 1


async def test_the_buttons_are_in_sight_in_a_small_window():
    async with host((60, 20)) as (app, pilot):
        for kind, make in DIALOGS.items():
            answer = await put(app, pilot, make("words " * 30))
            await pilot.pause()
            for button in app.screen.query("#buttons Button"):
                assert button.region.bottom <= 20, kind
                assert button.region.height == 1, kind
            await close(app, pilot, answer)


@pytest.mark.parametrize(
    ("kind", "button", "answer"),
    [
        ("confirm", "yes", True),
        ("confirm", "no", False),
        ("draft", "discard", Leaving.DISCARD),
        ("draft", "keep", Leaving.KEEP),
        ("draft", "write", None),
        ("too long", "split", TooLong.SPLIT),
        ("link", "open", Opening.OPEN),
        ("link", "copy", Opening.COPY),
        ("redirect", "once", Following.ONCE),
        ("redirect", "always", Following.ALWAYS),
        ("redirect", "stop", Following.STOP),
        ("certificate", "refuse", Answer.REFUSE),
        ("certificate", "wait", None),
        ("second step", "back", False),
    ],
)
async def test_each_button_answers_what_it_says(kind, button, answer):
    async with host((100, 40)) as (app, pilot):
        answered = await put(app, pilot, DIALOGS[kind]("words"))
        await pilot.click(f"#{button}")
        await until(pilot, answered.done)
        assert answered.result() == answer


@pytest.mark.parametrize("size", [(20, 5), (30, 6), (40, 8)])
async def test_no_button_has_the_focus_without_being_seen(size):
    async with host(size) as (app, pilot):
        for kind in ("certificate", "redirect", "draft"):
            answer = await put(app, pilot, DIALOGS[kind]("words"))
            for choice in app.screen.choices():
                await until(pilot, lambda label=choice.label: label[:9] in shown(app), choice.label)
                assert app.focused.id == choice.id
                await pilot.press("right")
            await close(app, pilot, answer)


async def test_arrows_go_from_button_to_button():
    async with host((100, 40)) as (app, pilot):
        await put(app, pilot, DIALOGS["redirect"]("words"))
        await pilot.press("right", "down")
        await until(pilot, lambda: app.focused.id == "once")
        await pilot.press("left")
        await until(pilot, lambda: app.focused.id == "stop")


async def test_a_prompt_says_what_is_wrong_and_stays():
    async with host() as (app, pilot):
        check = {"right": ""}.get
        dialog = PromptDialog("T", yes="Save", check=lambda text: check(text, "That is not it."))
        answer = await put(app, pilot, dialog)
        await pilot.press(*"wrong", "enter")
        await until(pilot, lambda: "That is not it." in shown(app))
        assert not answer.done()
        dialog.query_one("#answer").value = "right"
        await pilot.press("enter")
        await until(pilot, answer.done)
        assert answer.result() == "right"


async def test_one_of_several_is_found_with_j_and_k_as_in_every_list():
    async with host() as (app, pilot):
        options = [(each, each, "") for each in ("one", "two", "three")]
        answer = await put(app, pilot, ChooseDialog("T", options))
        await pilot.press("j", "j", "j", "k", "k", "enter")
        await until(pilot, answer.done)
        assert answer.result() == "two"


@pytest.mark.parametrize(("theme", "tone"), [("misfin-dark", "$primary bold"), ("misfin-ansi", "bold")])
async def test_the_keys_of_choices_have_no_colour_of_their_own_among_sixteen(theme, tone):
    async with host() as (app, pilot):
        app.theme = theme
        answer = await put(app, pilot, ChooseDialog("T", [("one", "One", "")], keys=("o",)))
        (option,) = app.screen.query_one(OptionList).options
        assert str(option.prompt.spans[0].style) == tone
        await pilot.press("o")
        await until(pilot, answer.done)
        assert answer.result() == "one"


async def test_a_password_is_not_shown():
    async with host() as (app, pilot):
        answer = await put(app, pilot, PasswordDialog("key.pem"))
        await pilot.press(*"sesame")
        assert "sesame" not in shown(app)
        await pilot.press("enter")
        await until(pilot, answer.done)
        assert answer.result() == "sesame"


async def test_what_does_not_fit_above_the_buttons_is_read_by_pages():
    async with host((60, 20)) as (app, pilot):
        await put(app, pilot, CertificateDialog(question(PinKind.SENDER, name="erin@far.test")))
        assert "before you trust it" not in " ".join(shown(app).split())
        await pilot.press("pagedown", "pagedown")
        await until(pilot, lambda: "trust it." in shown(app))
        await pilot.press("pageup", "pageup", "pageup")
        await until(pilot, lambda: "2 messages" in shown(app))
        assert app.focused.id == "wait"


# ---- certificates


@pytest.mark.parametrize("kind", [PinKind.HOST, PinKind.SENDER])
async def test_a_whole_question_and_its_answers_fit_into_80_by_24(kind):
    asked = question(kind, name="somebody@remote.host.test:1958", remark=Remark.PIN_EXPIRED)
    async with host((80, 24)) as (app, pilot):
        await put(app, pilot, CertificateDialog(asked))
        await pilot.pause()
        assert app.screen.query_one("#body").max_scroll_y == 0
        tops = {button.region.y for button in app.screen.query("#buttons Button")}
        assert len(tops) == 1, "all buttons side by side"


async def dialog_text(asked: CertificateQuestion) -> str:
    async with host((100, 44)) as (app, pilot):
        await put(app, pilot, CertificateDialog(asked))
        return shown(app)


async def test_a_changed_host_is_set_side_by_side():
    text = await dialog_text(question())
    for words in (
        "The certificate of hive.test:1958 has changed",
        "2 messages need your decision",
        "41 deliveries",
        "abab abab abab abab",
        "a different key",
        "P-256",
        "somebody listening in",
    ):
        assert " ".join(words.split()) in " ".join(text.replace("│", " ").split()), words


async def test_the_same_key_is_told_apart():
    text = await dialog_text(question(same_key=True))
    assert "the same key" in text
    assert "a different key" not in text


@pytest.mark.parametrize(
    ("remark", "words"),
    [
        (Remark.EXPIRED, "The certificate presented expired on"),
        (Remark.NOT_YET_VALID, "The certificate presented is not valid before"),
        (Remark.HOST_MISMATCH, "does not name this host"),
        (Remark.PIN_EXPIRED, "A change was due:"),
    ],
)
async def test_remarks_are_sentences(remark, words):
    assert words in await dialog_text(question(remark=remark))


async def test_a_changed_sender_says_that_the_mail_is_kept():
    text = await dialog_text(question(PinKind.SENDER, name="erin@far.test"))
    assert "2 messages from this sender are held for your decision" in text
    assert "Refuse the mail" in text


async def test_hostile_names_in_a_certificate_are_inert():
    evil = build(users=("[/x]\x1b[2J",), names=("[@click=app.quit]x[/]\n\u202e",)).info
    text = await dialog_text(question(shown_info=evil))
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]


async def test_dates_beyond_every_calendar_do_not_crash():
    far = build(
        start=datetime(1950, 1, 1, tzinfo=UTC), end=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    ).info
    assert "Valid" in await dialog_text(question(shown_info=far))


async def test_trust_needs_the_digits_even_by_key():
    asked = question()
    wanted = asked.shown.fingerprints.cert[:4]
    async with host((100, 40)) as (app, pilot):
        answer = await put(app, pilot, TrustStep(asked))
        await pilot.press("enter", "enter")
        assert not answer.done()
        await pilot.press(*wanted.upper()[:2], "space", *wanted[2:], "enter", "enter")
        await until(pilot, answer.done)
        assert answer.result() is True


# ---- links


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("gemini://hive.test/x", []),
        ("https://good.test@evil.test/", ["the host is evil.test"]),
        ("https://аррӏе.com/", ["Look closely"]),
        ("https://xn--80ak6aa92e.com/", ["Look closely"]),
        ("https://hive.test/\u202egpj.exe", ["invisible characters"]),
        ("page.gmi", ["no protocol"]),
        ("file:///etc/passwd", ["a file on this machine"]),
        ("JavaScript:alert(1)", ["something to run"]),
        ("mailto:bob@hive.test", []),
        ("http://[::1", ["not a well-formed address"]),
    ],
)
def test_what_is_odd_about_a_link_is_said(target, said):
    found = remarks(target)
    assert len(found) >= len(said)
    for words in said:
        assert any(words in remark for remark in found), found
    if not said:
        assert found == []


@pytest.mark.parametrize(
    ("target", "gives_away"),
    [
        ("gemini://hive.test/x", True),
        ("https://hive.test/", True),
        ("mailto:bob@hive.test", False),
        ("file:///etc/passwd", False),
        ("file://hive.test/etc/passwd", False),
        ("page.gmi", False),
        ("http://[::1", False),
    ],
)
def test_only_a_link_to_a_server_is_said_to_give_something_away(target, gives_away):
    said = consequence(target, "xdg-open")
    assert "xdg-open" in said
    assert ("network address" in said) is gives_away


async def test_a_link_of_megabytes_is_cut():
    async with host() as (app, pilot):
        await put(app, pilot, LinkDialog("https://hive.test/" + "x" * 3_000_000, "xdg-open"))
        longest = max(len(str(each.content)) for each in app.screen.query(Static))
        assert 1000 < longest < 5000
        assert "hive.test" in shown(app)
