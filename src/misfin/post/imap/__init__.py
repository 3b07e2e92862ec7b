"""An IMAP account as a mailbox to sync with (:class:`misfin.post.sync.remote.Remote`)."""
