"""Where a connector may call: hosts named in the configuration, over https, at public addresses.

`Reach.check` judges a URL, also one that a source sent (a redirect, a next link). `Reach.watch` judges the address of
each new connection before anything is written to it, so a name that resolves to another address meanwhile gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, NoReturn
from urllib.parse import urlsplit

from okr_pipeline.errors import SourceRejected


def is_loopback(host: str) -> bool:
    """Whether a host as it is written (not as it resolves) means this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's, and not this machine's, a local network's or a reserved one."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and (inner := ip.ipv4_mapped or ip.sixtofour):
        ip = inner
    return ip.is_global and not ip.is_multicast


def endpoint_problem(url: str) -> str | None:
    """What is wrong with the address of an API as a person wrote it, and what would be right; None when nothing is."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"is not an address ({error}); write for example https://api.example.com"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "is not an address; write for example https://api.example.com"
    if parts.username or parts.password:
        return "has a user or a password in it; write those under `auth`, as ${NAME}"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return f"would send the credentials in the clear; write https://{parts.netloc}{parts.path}"
    return None


@dataclass(frozen=True)
class Reach:
    """The hosts that may be called, in small letters; `private` allows addresses that are not public."""

    name: str
    hosts: frozenset[str]
    private: bool = False

    def check(self, url: str) -> None:
        """SourceRejected unless `url` is of a host that the configuration names, over https (loopback: http too)."""
        try:
            parts = urlsplit(url)
            scheme, host = parts.scheme, (parts.hostname or "").lower()
        except ValueError:
            scheme, host = "", ""
        if host not in self.hosts:
            named = ", ".join(sorted(self.hosts))
            self._refuse(f"was sent on to {host or 'an address that cannot be read'}, and only {named} may be called")
        if scheme != "https" and not (scheme == "http" and is_loopback(host)):
            self._refuse(f"was sent on to {scheme}://{host}, which is not https")

    def watch(self, host: str) -> Callable[[str, dict[str, Any]], None]:
        """A `trace` extension for httpx: closes a new connection to `host` at an address that may not be called.

        A connection to another host is one to the proxy that the environment names, whose rules then hold.
        """
        asked: list[str] = []

        def watched(event: str, info: dict[str, Any]) -> None:
            if event.endswith("connect_tcp.started"):
                asked[:] = [str(info["host"]).strip("[]").lower()]
            if event.endswith("connect_tcp.complete") and asked == [host.strip("[]").lower()]:
                stream = info["return_value"]
                address = stream.get_extra_info("server_addr")[0]
                if not self._may_connect(host, address):
                    stream.close()
                    self._refuse(
                        f"would have connected to {host} at {address}, which is not a public address",
                        "set `allow_private: true` if that is meant",
                    )

        return watched

    def _may_connect(self, host: str, address: str) -> bool:
        here = is_loopback(host) and ip_address(address.partition("%")[0]).is_loopback
        return self.private or here or is_public(address)

    def _refuse(self, what: str, remedy: str = "look at `endpoint` and `hosts`") -> NoReturn:
        raise SourceRejected(f"{self.name}: {what}. For safety nothing was sent; {remedy}.")
