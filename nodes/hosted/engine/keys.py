"""Where keys live: the environment first, else one file that only its owner can read.

A key leaves this module only as a :class:`Key`, which hides its value from ``repr``, logs and pickles.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, RootModel, SecretStr, ValidationError

from .errors import EaselError, InvalidKey, MissingKey
from .files import write_private

if TYPE_CHECKING:
    from .account import Account

DEFAULT_PROFILE = "default"
_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HIDDEN = "[key]"


@dataclass(frozen=True)
class Key:
    """A key and where it came from; the value is asked for explicitly."""

    secret: SecretStr
    source: str

    def reveal(self) -> str:
        return self.secret.get_secret_value()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled nor copied")


NO_KEY = Key(SecretStr(""), "none")
"""For a server of the operator's own that wants none."""
SANDBOX_KEY = Key(SecretStr("sandbox-needs-no-key"), "sandbox")
"""What stand-in providers are shown, so that a real key never goes to them."""


class _Entry(BaseModel):
    model_config = ConfigDict(defer_build=True)

    key: SecretStr
    host: str


class _File(RootModel[dict[str, dict[str, _Entry]]]):
    model_config = ConfigDict(defer_build=True)

    root: dict[str, dict[str, _Entry]] = {}


class KeyFileBroken(EaselError):
    """The key file is there and cannot be understood."""


@dataclass(frozen=True)
class KeyState:
    """What may be told of a key: that it is there and where from, never the key."""

    provider: str
    profile: str
    source: Literal["environment", "file"]
    detail: str
    """The variable's name, or the host that the key is bound to."""


class Keyring:
    """Finds, keeps and forgets keys; everything is read afresh, so a changed key works at once."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._environment = os.environ if environment is None else environment
        self._lock = threading.Lock()
        self._given: set[str] = set()

    def find(self, account: Account, address: str, profile: str = DEFAULT_PROFILE) -> Key:
        """The key for ``account`` at ``address``.

        Raises :class:`MissingKey` where there is none, :class:`InvalidKey` where the kept key belongs to another
        host than ``address`` names.
        """
        variable = variable_name(account.key_variable, profile)
        value = self._environment.get(variable, "").strip()
        if value:
            return self._give(_usable(value, variable, account), variable)
        entry = self._read().get(account.name, {}).get(profile)
        host = host_of(address)
        if entry is None and not account.needs_key and profile == DEFAULT_PROFILE:
            return NO_KEY
        if entry is None:
            raise MissingKey(
                f"Easel has no {account.label} key{_in_profile(profile)}: set the environment variable {variable}, or "
                f"save one in Easel's key settings. To try this workflow without a key, start ComfyUI with "
                f"EASEL_SANDBOX=1."
            )
        if entry.host != host:
            raise InvalidKey(
                f"The saved {account.label} key{_in_profile(profile)} is for {entry.host}, and requests go to {host}: "
                f"save the key again to use it there."
            )
        return self._give(_usable(entry.key.get_secret_value(), "the saved key", account), "key file")

    def keep(self, account: Account, address: str, value: str, profile: str = DEFAULT_PROFILE) -> None:
        """Save a key for the host of ``address``. Raises :class:`InvalidKey` for what cannot be a key or a profile."""
        if not _PROFILE.fullmatch(profile):
            raise InvalidKey("A profile's name is made of small letters, digits, - and _ (32 at most).")
        secret = _usable(value.strip(), "what was entered", account)
        with self._lock:
            kept = self._read()
            kept.setdefault(account.name, {})[profile] = _Entry(key=secret, host=host_of(address))
            self._write(kept)

    def forget(self, provider: str, profile: str = DEFAULT_PROFILE) -> bool:
        """Remove a saved key; False where there was none."""
        with self._lock:
            kept = self._read()
            found = kept.get(provider, {}).pop(profile, None) is not None
            if found:
                self._write({name: profiles for name, profiles in kept.items() if profiles})
        return found

    def states(self, accounts: Mapping[str, Account]) -> Iterator[KeyState]:
        """Every key that is present, for every provider of ``accounts``."""
        kept = self._read()
        for name, account in accounts.items():
            for profile, variable in self._variables(account):
                yield KeyState(name, profile, "environment", variable)
            for profile, entry in kept.get(name, {}).items():
                yield KeyState(name, profile, "file", entry.host)

    def redact(self, text: str) -> str:
        """``text`` with every key that is or was in use, and every masked echo of one, taken out. Never raises."""
        for secret in self._secrets():
            text = text.replace(secret, _HIDDEN)
            # A provider may echo a key as its first and last letters around a run of asterisks.
            text = re.sub(re.escape(secret[:3]) + r"[\w-]*\*{2,}[\w*-]*", _HIDDEN, text)
        return text

    def _secrets(self) -> list[str]:
        try:
            kept = [entry.key.get_secret_value() for profiles in self._read().values() for entry in profiles.values()]
        except (KeyFileBroken, OSError):
            # What cannot be read now was given out before, or never left its file.
            kept = []
        shared = [value.strip() for name, value in self._environment.items() if _looks_secret(name)]
        return sorted({secret for secret in (*kept, *shared, *self._given) if len(secret) >= 8}, key=len, reverse=True)

    def _give(self, secret: SecretStr, source: str) -> Key:
        # A key that is changed meanwhile may still come back in an answer to its last request.
        self._given.add(secret.get_secret_value())
        return Key(secret, source)

    def _variables(self, account: Account) -> Iterator[tuple[str, str]]:
        prefix = f"{account.key_variable}__"
        for name, value in self._environment.items():
            if not value.strip():
                continue
            if name == account.key_variable:
                yield DEFAULT_PROFILE, name
            elif name.startswith(prefix):
                yield name.removeprefix(prefix).lower(), name

    def _read(self) -> dict[str, dict[str, _Entry]]:
        try:
            return _File.model_validate_json(self._path.read_bytes()).root
        except FileNotFoundError:
            return {}
        except ValidationError:
            raise KeyFileBroken(
                f"Easel cannot read its key file {self._path}: move it away and save the keys again."
            ) from None

    def _write(self, kept: dict[str, dict[str, _Entry]]) -> None:
        plain = {
            name: {
                profile: {"key": entry.key.get_secret_value(), "host": entry.host}
                for profile, entry in profiles.items()
            }
            for name, profiles in kept.items()
        }
        write_private(self._path, json.dumps(plain, indent=1).encode())


def variable_name(variable: str, profile: str) -> str:
    """The environment variable of a profile: ``OPENAI_API_KEY``, ``OPENAI_API_KEY__CLIENT_A``."""
    if profile == DEFAULT_PROFILE:
        return variable
    return f"{variable}__{profile.upper().replace('-', '_')}"


def host_of(address: str) -> str:
    """Host and port of a base URL, in small letters."""
    return urlsplit(address).netloc.rpartition("@")[2].lower()


def _looks_secret(name: str) -> bool:
    return re.search(r"_(API_KEY|API_TOKEN|KEY|TOKEN|SECRET)(__\w+)?$", name) is not None


def _usable(value: str, where: str, account: Account) -> SecretStr:
    # Anything else would break the header, and the transport's error would quote the key.
    if not re.fullmatch(r"[\x21-\x7e]{8,512}", value):
        raise InvalidKey(
            f"The {account.label} key in {where} has spaces, line breaks or letters that no key has, or is too short."
        )
    return SecretStr(value)


def _in_profile(profile: str) -> str:
    return "" if profile == DEFAULT_PROFILE else f' in the profile "{profile}"'
