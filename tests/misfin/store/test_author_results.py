"""What was found out about a sender belongs to the bytes of the message, and to nothing else."""

from __future__ import annotations

import json
import sqlite3
import stat
from dataclasses import asdict, replace
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import StoreError
from misfin.model.authorship import MailFindings
from misfin.store.author_results import FILE, MAX_MESSAGE, AuthorResults
from misfin.store.evidence import Evidence
from misfin.store.mail_evidence import evidence_of, explained
from misfin.store.proofs import Proofs

DATA = b"From: ada@example.org\nSubject: x\n\ntext\n"
FOUND = MailFindings(
    "example.org", "example.org", "", ("list.example",), (("x.example", "broken"),), "", "none"
)


@pytest.fixture
def results(tmp_path):
    made = AuthorResults(tmp_path / FILE)
    yield made
    made.close()


def test_a_result_is_kept_for_the_next_run(results, tmp_path):
    assert results.get(DATA) is None
    assert not (tmp_path / FILE).exists()
    results.put(DATA, FOUND, 1.0)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    again = AuthorResults(tmp_path / FILE)
    assert results.get(DATA) == again.get(DATA) == FOUND
    again.close()


def test_it_is_not_that_of_a_message_with_another_body_or_header(results):
    results.put(DATA, FOUND, 1.0)
    for other in (
        DATA + b"more\n",
        DATA.replace(b"text", b"test"),
        DATA.replace(b"ada@", b"eve@"),
        b"",
        b"\n\n",
    ):
        assert results.get(other) is None


def test_messages_with_the_same_header_have_a_result_each(results):
    results.put(DATA, FOUND, 1.0)
    results.put(DATA + b"more\n", MailFindings(), 2.0)
    assert results.get(DATA) == FOUND
    assert results.get(DATA + b"more\n") == MailFindings()
    results.put(DATA, MailFindings(), 3.0)
    assert results.get(DATA) == MailFindings()


def test_results_of_before_one_header_could_have_several_are_kept(tmp_path):
    db = sqlite3.connect(tmp_path / FILE)
    db.execute(
        "CREATE TABLE results (head BLOB PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL,"
        " found TEXT NOT NULL) WITHOUT ROWID"
    )
    head, body = (blake2b(part, digest_size=16).digest() for part in (DATA.partition(b"\n\n")[0], DATA))
    db.execute("INSERT INTO results VALUES (?, ?, 1.0, ?)", (head, body, json.dumps(asdict(FOUND))))
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    results = AuthorResults(tmp_path / FILE)
    assert results.get(DATA) == FOUND
    results.put(DATA + b"more\n", MailFindings(), 2.0)
    assert results.get(DATA) == FOUND
    results.close()


def test_a_large_message_is_not_kept(results):
    results.put(DATA + b"x" * MAX_MESSAGE, FOUND, 1.0)
    assert results.get(DATA + b"x" * MAX_MESSAGE) is None


def test_a_damaged_file_is_said_and_an_index_goes_on(tmp_path):
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    results = AuthorResults(tmp_path / FILE)
    with pytest.raises(StoreError):
        results.get(DATA)
    assert Proofs(tmp_path / "mail").of_mail(DATA) is None


DOMAINS = st.sampled_from(["", "example.org", "list.example"])
FINDINGS = st.builds(
    MailFindings,
    author=DOMAINS,
    aligned=DOMAINS,
    by=DOMAINS,
    others=st.lists(DOMAINS, max_size=2).map(tuple),
    bad=st.lists(
        st.tuples(DOMAINS, st.sampled_from(["broken", "weak", "no key", "unusable", "unchecked"])), max_size=2
    ).map(tuple),
    spf=DOMAINS,
    policy=st.sampled_from(["", "none", "quarantine", "reject"]),
    unchecked=st.booleans(),
    list_id=st.sampled_from(["", "crew.lists.example"]),
    listed=st.sampled_from([(), ("list.example",)]),
)


def test_a_result_of_before_lists_could_be_accepted_is_asked_again_only_where_that_matters(results):
    for found, kept in ((replace(FOUND, aligned=""), None), (FOUND, FOUND)):
        results.put(DATA, found, 1.0)
        with results._opened(create=False) as db:
            ((text,),) = db.execute("SELECT found FROM results").fetchall()
            said = {name: value for name, value in json.loads(text).items() if not name.startswith("list")}
            db.execute("UPDATE results SET found = ?", (json.dumps(said),))
        assert results.get(DATA) == kept


@given(FINDINGS, st.sampled_from(["", "list.example"]))
def test_nothing_is_better_than_what_was_proven_and_everything_is_explained(found, signer):
    proven = evidence_of(found, signer)
    assert (proven is Evidence.VERIFIED) == bool(found.aligned)
    if proven is Evidence.UNCONFIRMED:
        assert found.spf or found.others or signer
    sentences = list(explained(found, signer))
    assert sentences
    assert all(each.endswith((".", "forgery.")) for each in sentences)
