"""The preview shows the message under the cursor, or says why it does not."""

from __future__ import annotations

from desk import ALICE, at_desk, make_profile, notices, on_screen, shown
from mailboxes import NOW, Mailbox, mail

from misfin.errors import StoreError


async def test_a_message_that_cannot_be_read_is_not_mistaken_for_the_one_before(profile_root, monkeypatch):
    profile = make_profile(profile_root)
    mailbox = Mailbox(profile.mail, ALICE)
    for number, word in enumerate(("kelp", "lamp")):
        mailbox.put(mail(word, f"A message about {word}.", date=NOW + number))
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await on_screen(pilot, "A message about lamp.")
        read = app.services.mail.read

        async def refusing(row):
            if row.subject == "kelp":
                raise StoreError("The message cannot be read: Permission denied.", remedy="Check its owner.")
            return await read(row)

        monkeypatch.setattr(app.services.mail, "read", refusing)
        await pilot.press("j")
        await on_screen(pilot, "The message cannot be read: Permission denied. Check its owner.")
        assert app.screen.preview.border_title == "kelp"
        assert not notices(app)
        await pilot.press("k")
        await on_screen(pilot, "to me@mail.example")
        assert "Permission denied" not in shown(app)
