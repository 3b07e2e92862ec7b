"""A mailbox that Titlani itself filled, read and tagged comes in as it is there."""

import subprocess
from datetime import UTC, datetime

import pytest
from tests.helpers.titlani import environment, titlani_python, titlani_server, why_not

from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.net.client import MisfinClient
from misfin.store.mail.maildir import MailStore
from misfin.store.message.mime import read_message
from misfin.store.transfer.importing import SourceKind, import_mail
from misfin.trust.identity import generate

ADA = MisfinAddress("ada", "localhost", "Ada")
BEA = MisfinAddress("bea", "localhost", "Bea Wörker")
TAG = """
import sys
from pathlib import Path
from titlani.gmap.mailbox import GmapMailbox
box = GmapMailbox(Path(sys.argv[1]))
box.sync_filesystem()
for id in box.list_all_msgids():
    if "Second" in next(Path(sys.argv[1]).glob(id + "*")).read_text():
        box.messages[id].tags = {"Archive", "work"}
box.save()
"""


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
async def test_what_titlani_received_read_and_tagged_comes_in(tmp_path):
    identity = generate(BEA, now=datetime.now(UTC))
    with titlani_server(tmp_path, mailboxes=("ada", "bea")) as server:
        async with MisfinClient(identity=identity, port=server.port) as client:
            for subject in ("First", "Second", "Third"):
                answer = await client.send(to="ada@localhost", body=f"Ein Gruß, {subject}\n", subject=subject)
                assert answer.status == 20
        box = server.mail / "ada"
    third = next(path for path in box.iterdir() if b"# Third" in path.read_bytes())
    third.rename(third.with_suffix(""))  # as `titlani mail read` does
    subprocess.run([str(titlani_python()), "-c", TAG, str(box)], env=environment(tmp_path), check=True)

    store = MailStore(tmp_path / "ours")
    report = import_mail(box, store, ADA, now=datetime.now(UTC))
    assert (report.kind, report.added, report.skipped) == (SourceKind.TITLANI, 3, ())
    inbox = {
        read_message(e.path.read_bytes(), AddressKind.MISFIN).subject: e
        for e in store.folder(ADA.address).list()
    }
    assert {subject: entry.flags for subject, entry in inbox.items()} == {"First": "", "Third": "S"}
    message = read_message(inbox["First"].path.read_bytes(), AddressKind.MISFIN)
    assert (message.sender.name, message.sender.address) == ("Bea Wörker", "bea@localhost")
    assert message.text == "# First\n\nEin Gruß, First\n"
    assert len(store.folder(ADA.address, "Archive").list()) == 1
    assert import_mail(box, store, ADA, now=datetime.now(UTC)).added == 0
