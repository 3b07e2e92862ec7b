"""Ordinary e-mail: protocol engines without I/O, and what drives them."""
