"""Ordinary e-mail for programs without a screen: the protocols as engines without I/O, and drivers for them.

Nothing here is imported by the rest of the library until e-mail is used.
"""
