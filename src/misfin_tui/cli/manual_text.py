"""What the manual page says that no table of the program holds: files, searching, examples."""

from __future__ import annotations

FILES = (
    ("config.toml", "Settings; optional. `misfin-tui config path` prints where it is."),
    ("identities/NAME.pem", "Certificate and private key of one Misfin identity."),
    ("mailbox-certificates/NAME.pem", "Certificate of a mailbox kept here whose key only its owner has."),
    ("smime/NAME.pem", "An S/MIME certificate with its private key."),
    ("mail/ADDRESS/, mail/NAME/", "The mail of one account: a Maildir++ that other programs can read too."),
    ("outbox.db", "Deliveries that are not finished, and their history."),
    ("attachments/", "Files that go with drafts and queued messages."),
    ("trust.db", "The pinned certificates of hosts and senders."),
    ("seal.key", "The key that seals received Misfin messages; back it up with the mail."),
    ("authors.db", "What is known about who signed e-mails. May be deleted."),
    ("contacts.db", "People, notes and blocked addresses."),
    ("conversations.json", "Conversations that were split or joined."),
    ("sync/, attic/", "The state of sync with each server; messages deleted there, kept for 30 days."),
    ("themes/", "Your own colour themes."),
    ("cache/", "Index, undo, first screen. May be deleted at any time."),
)
"""What is in a profile, in the words of docs/mail-on-disk.md §1."""

SEARCHING = (
    (
        'word, "two words", pat*',
        "Messages with this word, with these words in sequence, with a word that begins like this.",
    ),
    ("-word, A OR B, (A OR B) C", "Without the word; with either; brackets group."),
)
"""Searches that need no field; the fields follow from the program's own table."""

EXAMPLES = (
    ("Try the program on a throw-away mailbox.", "misfin-tui demo"),
    (
        "Add an e-mail account.",
        "misfin-tui account add work --address ada@work.example --keyring",
    ),
    ("Create a Misfin identity.", "misfin-tui identity new ada@mail.example --blurb 'Ada Example'"),
    ("Send a message from a script.", "echo Hello | misfin-tui send bob@remote.host --subject Hi"),
    ("List what is unread, as JSON.", "misfin-tui search is:unread --json"),
    ("Receive on a server, without a screen.", "misfin-tui receive --listen 0.0.0.0:1958"),
    ("Fetch the mail of all e-mail accounts until stopped.", "misfin-tui fetch --follow"),
    ("Send what is due, from a timer.", "misfin-tui outbox run"),
)
"""What it does, and the command; a test parses every one."""
