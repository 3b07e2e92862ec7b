"""Keeps the mail of an account in step with a mailbox elsewhere: a three-way merge by state (docs/sync.md).

``remote`` is the contract of a mailbox elsewhere, ``values`` what both sides are described by. ``state`` is
what both sides had at the last agreement. ``planner`` compares the three and says what to do; it does no I/O
and knows no clock. ``doer`` does it, and ``sync`` runs a whole pass.
"""
