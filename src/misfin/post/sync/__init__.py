"""Keeps the mail of an account in step with a mailbox elsewhere: a three-way merge by state (docs/sync.md).

``remote`` is the contract of a mailbox elsewhere, ``values`` what it is described by. ``passes`` runs a pass:
``here`` and ``there`` compare both sides with the base (``base``, ``state``, ``journal``), ``planner`` says
what to do, and ``doer`` does it. The planner and its rules do no I/O and know no clock.
"""
