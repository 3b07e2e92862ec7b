"""``--account`` and ``misfin-tui account``: accounts by name or by address."""

from __future__ import annotations

import subprocess
import sys

from tests.misfin_tui.cli.conftest import Shell

WELL_KNOWN = ("ada@mail.example", "grace@office.example")


def two_accounts(shell: Shell) -> None:
    for address in WELL_KNOWN:
        shell.run("identity", "new", address, "--blurb", address[:5])
    folder = shell.root / "identities"
    (folder / "grace@office.example.pem").rename(folder / "work.pem")


def test_the_accounts_are_listed_and_shown(shell: Shell) -> None:
    two_accounts(shell)
    listed = shell.json("account", "list")
    assert [(each["name"], each["address"], each["kind"]) for each in listed] == [
        ("ada@mail.example", "ada@mail.example", "misfin"),
        ("work", "grace@office.example", "misfin"),
    ]
    assert [each["default"] for each in listed] == [True, False]
    (shown,) = shell.json("account", "show", "grace@office.example")
    assert shown == listed[1]
    assert shown["path"] == str(shell.root / "mail" / "grace@office.example")
    assert "work" in shell.run("account", "show", "work").stdout


def test_an_account_that_is_not_there_is_a_wrong_usage(shell: Shell) -> None:
    two_accounts(shell)
    done = shell.run("account", "show", "nobody", check=2)
    assert "There is no account nobody." in done.stderr


def test_account_and_from_mean_the_same_and_take_a_name_or_an_address(shell: Shell) -> None:
    two_accounts(shell)
    for option in ("--account", "--from"):
        for spelled in ("work", "grace@office.example", "grace@OFFICE.example"):
            (row,) = shell.json("send", "bea@hive.test", option, spelled, "--queue", "--body", "x")
            assert (row["account"], row["account_name"]) == ("grace@office.example", "work")
    assert {row["account_name"] for row in shell.json("outbox")} == {"work"}
    assert {row["from"] for row in shell.json("outbox")} == {"grace@office.example"}


def test_several_accounts_and_no_choice_is_a_question(shell: Shell) -> None:
    two_accounts(shell)
    shell.settings("")
    done = shell.run("send", "bea@hive.test", "--queue", "--body", "x", check=2)
    assert "several accounts (ada@mail.example, work)" in done.stderr
    assert "--account" in done.stderr


def test_the_default_account_may_be_named_by_its_name(shell: Shell) -> None:
    two_accounts(shell)
    shell.settings('[identity]\ndefault = "work"\n')
    (row,) = shell.json("send", "bea@hive.test", "--queue", "--body", "x")
    assert row["account_name"] == "work"
    assert shell.json("account")[0]["name"] == "work"


def test_messages_are_listed_by_an_accounts_name_and_say_it(shell: Shell, tmp_path) -> None:
    two_accounts(shell)
    mbox = tmp_path / "in.mbox"
    mbox.write_text("From x\nFrom: Bob <bob@hive.test>\nSubject: Hi\n\nText\n")
    (done,) = shell.json("import", str(mbox), "--account", "work")
    assert (done["account"], done["account_name"], done["added"]) == ("grace@office.example", "work", 1)
    for spelled in ("work", "grace@office.example", "Grace@Office.Example"):
        (row,) = shell.json("list", "--account", spelled)
        assert (row["account"], row["account_name"]) == ("grace@office.example", "work")
    (found,) = shell.json("search", "Hi", "--account", "work")
    (shown,) = shell.json("show", found["id"])
    assert (shown["account"], shown["account_name"]) == ("grace@office.example", "work")
    assert shell.json("list", "--account", "ada@mail.example") == []


def test_mail_without_an_account_is_named_after_its_folder(shell: Shell, tmp_path) -> None:
    two_accounts(shell)
    mbox = tmp_path / "in.mbox"
    mbox.write_text("From x\nFrom: Bob <bob@hive.test>\nSubject: Hi\n\nText\n")
    shell.run("import", str(mbox), "--account", "old@mail.example")
    (row,) = shell.json("list", "--account", "old@mail.example")
    assert (row["account"], row["account_name"]) == ("old@mail.example", "old@mail.example")
    assert "no account nobody" in shell.run("import", str(mbox), "--account", "nobody", check=2).stderr


def test_a_host_identity_made_beside_others_is_no_account_until_it_is_used(shell: Shell) -> None:
    two_accounts(shell)
    shell.run("identity", "new", "host@mail.example", "--ca")
    assert [each["name"] for each in shell.json("account")] == ["ada@mail.example", "work"]
    assert not (shell.root / "mail" / "host@mail.example").exists()
    (row,) = shell.json("send", "bea@hive.test", "--from", "host@mail.example", "--queue", "--body", "x")
    assert row["account"] == "host@mail.example"


def test_listing_mail_opens_no_certificate(shell: Shell, tmp_path) -> None:
    shell.run("identity", "new", "ada@mail.example")
    mbox = tmp_path / "in.mbox"
    mbox.write_text("From x\nFrom: Bob <bob@hive.test>\nSubject: Hi\n\nText\n")
    shell.run("import", str(mbox))
    words = ["--profile", str(shell.root), "list", "--json", "--account", "ada@mail.example"]
    program = (
        f"import sys\nfrom misfin_tui.cli import main\nmain({words!r})\nprint('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    row, loaded = done.stdout.splitlines()
    assert '"account_name": "ada@mail.example"' in row
    assert loaded == "False"


def test_doctor_says_that_receiving_is_switched_off_and_which_accounts_there_are(shell: Shell) -> None:
    two_accounts(shell)
    shell.settings("[receive]\nenabled = false\nlisten = ['127.0.0.1:0']\n")
    found = shell.json("doctor", check=None)
    texts = {record["topic"]: record["text"] for record in found if record["verdict"] == "note"}
    assert "receive.enabled is false" in texts["receiving"]
    (accounts,) = (record["text"] for record in found if record["topic"] == "accounts")
    assert accounts == "ada@mail.example, work"


def test_an_account_of_a_later_version_is_one_clear_sentence(shell: Shell) -> None:
    two_accounts(shell)
    shell.settings('[accounts.mail]\nkind = "jmap"\nidentity = "work"\n')
    done = shell.run("account", check=2)
    assert "config.toml, line 1: the kind `jmap` is not supported by this version" in done.stderr
    found = shell.json("doctor", check=1)
    assert any(
        record["topic"] == "settings" and "not supported by this version" in record["text"]
        for record in found
    )


def test_a_prefix_says_the_kind_and_an_account_refuses_the_other(shell: Shell) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    (row,) = shell.json("send", "misfin:bea@hive.test", "--body", "x", "--queue")
    assert (row["to"], row["account"]) == ("bea@hive.test", "ada@harbour.test")
    for named in ((), ("--account", "ada@harbour.test")):
        done = shell.run("send", "mailto:bea@example.org", *named, "--body", "x", check=2)
        assert "is an e-mail address" in done.stderr
    both = shell.run("send", "mailto:bea@example.org", "misfin:cal@x.test", "--body", "x", check=2)
    assert "cal@x.test is a Misfin address" in both.stderr
