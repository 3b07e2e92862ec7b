"""The mail index: a disposable SQLite cache of the Maildirs, keyed by their unique file names."""

from misfin.store.index.mailindex import MailIndex as MailIndex
