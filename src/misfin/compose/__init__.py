"""Rules for writing a message: replies, quoting, recipients, sizes, splitting, look-alikes. Pure.

Each rule has its own module; importing the package imports none of them.
"""
