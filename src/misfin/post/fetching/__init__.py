"""Receives ordinary e-mail: a :class:`misfin.post.source.Source` for each account, always in sync."""
