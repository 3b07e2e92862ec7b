"""An IMAP account as a mailbox elsewhere (:class:`misfin.post.sync.remote.Remote`)."""
