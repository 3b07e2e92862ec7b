"""Receiving ordinary e-mail: a :class:`misfin.post.source.Source` for each account, kept in step and live."""
