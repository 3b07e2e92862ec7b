"""Reads a Misfin mailbox that is kept on somebody's server (docs/gmap.md)."""
