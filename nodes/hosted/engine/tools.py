"""What all purchases share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from .fetch import Downloader
from .journal import Journal
from .keys import Keyring
from .ledger import Ledger
from .outcome import Facts
from .store import Store


@dataclass(frozen=True)
class Tools:
    """Opened once, with the first purchase."""

    journal: Journal
    ledger: Ledger
    store: Store
    keys: Keyring
    http: aiohttp.ClientSession
    downloads: Downloader
    inspect: Callable[[bytes], Facts]
    """Looks at an encoded picture; raises ValueError with a sentence where it is none."""
    in_order: Callable[..., Awaitable[Any]]
    """Runs a blocking call on the journal's own thread."""
    is_stopping: Callable[[], bool]
    """Whether the engine itself cancels what is under way."""
