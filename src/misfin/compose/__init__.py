"""Rules for writing a message: replies, quoting, recipients, sizes, splitting, look-alikes. Pure.

Each rule has a module of its own; nothing is imported before one of them is.
"""
