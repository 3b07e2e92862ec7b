"""Who wrote an e-mail, as far as its domain vouches for it: DKIM, DMARC and Authentication-Results.

Sans-IO but for :mod:`~misfin.email.authorship.checking`, which asks DNS through a function it is given. The
rules are in docs/trust.md §7.
"""
