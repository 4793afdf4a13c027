"""Where a provider's requests go: to itself, to what an operator has put in its place, or to its stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .account import Account
from .keys import host_of
from .settings import Settings

Realm = Literal["live", "sandbox"]


@dataclass(frozen=True)
class Destination:
    """Where a provider's requests go just now."""

    realm: Realm
    address: str
    options: dict[str, str]
    scope: tuple[str, ...]
    """What a fingerprint must not be shared across: the realm, and an operator's own host."""

    @property
    def is_own_server(self) -> bool:
        """Whether an operator has put another server in the provider's place."""
        return len(self.scope) > 1


def stand_in(account: Account, sandbox: str) -> Destination:
    """The account's stand-in at the ``sandbox`` address: every one lies under the host name of what it stands for."""
    return Destination("sandbox", f"{sandbox}/{account.address.removeprefix('https://')}", {}, ("sandbox",))


def live(account: Account, settings: Settings, environment: Mapping[str, str]) -> Destination:
    """The account itself, or an operator's own server in its place."""
    place = settings.place_of(account.name, account.address_variable, environment)
    address = place.base_url or account.address
    own_host = () if address == account.address else (host_of(address),)
    return Destination("live", address, place.options, ("live", *own_host))
