"""Finding the servers of an e-mail account from its address, without asking anybody but its own domain.

:func:`find_servers` asks in every way at once (RFC 6186, RFC 8314, published configuration files, a table of
big providers, usual names) and returns all it finds, the best first. Nothing it returns has seen a password;
show it before anything is saved, and ask where :attr:`Found.question` has something to ask.
"""

from misfin.email.discovery.autoconfig import read_autoconfig
from misfin.email.discovery.finding import PATIENCE, Asking, find_servers, over_network
from misfin.email.discovery.found import Discovery, DiscoveryError, Failure, Found, FoundBy
from misfin.email.dnsrecords import SrvRecord

__all__ = [
    "PATIENCE",
    "Asking",
    "Discovery",
    "DiscoveryError",
    "Failure",
    "Found",
    "FoundBy",
    "SrvRecord",
    "find_servers",
    "over_network",
    "read_autoconfig",
]
