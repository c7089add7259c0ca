"""Whose endpoint an address is."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_own(base_url: str) -> bool:
    """Return whether an endpoint is one's own, so that its tokens cost nothing.

    That is a loopback, private or link-local address, a host name without a dot, and one that ends in `.local` or
    `.localhost`. Any other host may charge.
    """
    try:
        host = (urlsplit(base_url if "//" in base_url else f"//{base_url}").hostname or "").rstrip(".")
    except ValueError:  # brackets that hold no address
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return bool(host) and ("." not in host or host.endswith((".local", ".localhost")))
    return address.is_loopback or address.is_private or address.is_link_local or address.is_unspecified
