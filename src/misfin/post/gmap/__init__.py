"""Misfin mailboxes kept on somebody's server, kept in sync (docs/gmap.md §3)."""
