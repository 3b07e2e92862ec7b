"""The settings of a host for others: where its mail goes, what stands before it, how it is watched."""

from __future__ import annotations

from misfin.valueclass import dataclass
from misfin_tui.config.reading import setting
from misfin_tui.config.values import network, split_lmtp, split_local


@dataclass(frozen=True, slots=True)
class DeliverConfig:
    """``[deliver]``: a mail server that keeps what is received (docs/hosting.md §14)."""

    lmtp: str = setting(
        "",
        "Hand received mail to this LMTP server, a socket or HOST:PORT; empty: keep it in the profile.",
        check=split_lmtp,
    )
    timeout: float = setting(30.0, "Seconds to wait for that server, for each message.", low=1, high=120)


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """``[proxy_protocol]``: balancers that say whose connection it is (docs/hosting.md §15)."""

    enable: bool = setting(False, "Expect the PROXY protocol (version 2) from the balancers below.")
    trusted_sources: tuple[str, ...] = setting(
        (), "Their addresses or networks; all other connections are served as they come.", check=network
    )
    header_timeout: float = setting(
        5.0, "Seconds to wait for what they say of a connection.", low=0.1, high=60
    )


@dataclass(frozen=True, slots=True)
class OperationConfig:
    """``[operation]``: how a receiver can be watched (docs/server.md §10)."""

    metrics: str = setting(
        "",
        "HOST:PORT on this machine where Prometheus finds figures, as 127.0.0.1:9158; empty: none.",
        check=split_local,
    )
    log: str = setting("text", "How the log is written: as text, or as JSON.", choices=("text", "json"))
