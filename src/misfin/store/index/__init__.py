"""The mail index: a throw-away SQLite cache over the Maildirs, keyed by their unique names."""

from misfin.store.index.mailindex import MailIndex as MailIndex
