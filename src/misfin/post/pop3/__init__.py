"""A POP3 account as a :class:`misfin.post.sync.remote.Remote`: a maildrop, which only hands out messages."""
