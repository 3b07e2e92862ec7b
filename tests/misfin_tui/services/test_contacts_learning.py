"""The address book fills itself from the mail the app scans."""

from datetime import UTC, datetime

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.message.envelope import wrap, wrap_sent
from misfin_tui.config import load
from misfin_tui.paths import Profile
from misfin_tui.services import Services

ADA = MisfinAddress("ada", "mail.example", "Ada")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)


async def test_who_writes_is_offered_when_an_address_is_typed(tmp_path):
    profile = Profile(tmp_path, tmp_path / "cache", tmp_path / "run")
    services = Services(profile, load(profile.config))
    services.store.create(ADA.address)
    message = wrap(b"bea@hive.test Bea Worker\n\n\n# Hi\n", version=Version.C, account=ADA, now=NOW)
    services.store.folder(ADA.address).deliver(message)
    services.index.scan()
    services.contacts.learn(lambda: False)
    [known] = await services.contacts.complete("wor")
    assert (known.contact.address, known.contact.received) == ("bea@hive.test", 1)
    services.close()


async def test_a_search_offers_whom_one_only_wrote_to_as_addressees_alone(tmp_path):
    profile = Profile(tmp_path, tmp_path / "cache", tmp_path / "run")
    services = Services(profile, load(profile.config))
    services.store.create(ADA.address)
    soren = MisfinAddress("s1", "hive.test", "Søren Ødegård")
    message = wrap_sent(b"\n\n\n# Hi\n", version=Version.C, account=ADA, to=[soren], now=NOW)
    services.store.folder(ADA.address, "Sent").deliver(message, flags="S")
    services.index.scan()
    services.contacts.learn(lambda: False)
    [offer] = await services.mail.complete("to:soren", 8)
    assert (offer.text, offer.hint) == ("s1@hive.test", "Søren Ødegård")
    assert await services.mail.complete("from:soren", 10) == []
    services.close()


async def test_a_search_is_completed_without_an_address_book(tmp_path):
    profile = Profile(tmp_path, tmp_path / "cache", tmp_path / "run")
    profile.contacts_db.write_bytes(b"no database " * 100)
    services = Services(profile, load(profile.config))
    services.store.create(ADA.address)
    message = wrap(b"bea@hive.test Bea Worker\n\n\n# Hi\n", version=Version.C, account=ADA, now=NOW)
    services.store.folder(ADA.address).deliver(message)
    services.index.scan()
    assert [each.text for each in await services.mail.complete("to:wor", 6)] == ["bea@hive.test"]
    services.close()
