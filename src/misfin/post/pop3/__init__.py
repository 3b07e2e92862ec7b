"""A POP3 account as a :class:`misfin.post.sync.remote.Remote`: a drop, which only hands messages out."""
