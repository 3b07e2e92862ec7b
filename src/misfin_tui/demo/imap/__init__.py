"""The server's half of IMAP, as much as the demo's provider needs; no sockets, see :mod:`..imap_office`."""
