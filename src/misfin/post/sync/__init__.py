"""Keeps an account's mail in sync with a mailbox on a server: a three-way merge of states (docs/sync.md).

``remote`` is the contract of a mailbox on a server, ``values`` what describes it. ``passes`` runs a pass:
``here`` and ``there`` compare both sides with the base (``base``, ``state``, ``journal``), ``planner`` says
what to do, and ``doer`` does it. The planner and its rules do no I/O and know no clock.
"""
