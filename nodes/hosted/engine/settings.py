"""What the operator decides, in the environment (``EASEL_…``) or ``settings.json``; a graph has no say in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from .errors import EaselError
from .files import write_private
from .settings_file import FILE, told

PREFIX = "EASEL_"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SettingsBroken(EaselError):
    """A setting cannot be understood: says which and what is allowed."""


class Budget(BaseModel):
    """Limits in US dollars; None sets none."""

    run: Decimal | None = Field(default=None, ge=0)
    day: Decimal | None = Field(default=None, ge=0)
    month: Decimal | None = Field(default=None, ge=0)


class Place(BaseModel):
    """Where an operator sends one provider's requests instead of its own address."""

    base_url: str | None = None
    options: dict[str, str] = {}

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value and not (value.startswith("https://") or _is_loopback(value)):
            raise ValueError("must begin with https:// (plain http only for this machine)")
        return value.rstrip("/") if value else None


class Settings(BaseSettings):
    """The operator's settings. Read once per purchase, so that a change works without a restart."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True)
    written: ClassVar[dict[str, Any]] = {}
    """What the file says."""

    sandbox: bool = False
    """Talk to stand-in providers on this machine; nothing is ever charged."""
    sandbox_url: str | None = None
    """A sandbox that already runs as a process of its own."""
    budget: Budget = Budget()
    database_url: str | None = None
    """Any SQLAlchemy URL; SQLite in the state folder where unset."""
    store_url: str | None = None
    """Any fsspec URL; a folder in the state folder where unset."""
    providers: dict[str, Place] = {}

    @field_validator("sandbox_url")
    @classmethod
    def _is_on_this_machine(cls, value: str | None) -> str | None:
        if value and not _is_loopback(value):
            raise ValueError("must be an address of this machine, such as http://127.0.0.1:8900")
        return value.rstrip("/") if value else None

    @classmethod
    def load(cls, folder: Path) -> Settings:
        """The settings in force now; ``settings.json`` in ``folder`` stands behind the environment."""
        try:
            written, values = told(folder)
            depends_on = written, _variables()
            if (known := _last.get(folder)) is not None and known[0] == depends_on:
                return known[1]
            loaded: Settings = type("SettingsHere", (cls,), {"written": values})()
        except (ValueError, TypeError, OSError) as error:
            raise SettingsBroken(f"Easel's settings cannot be used: {_reason(error)}") from None
        if _variables() == depends_on[1]:
            _last[folder] = depends_on, loaded
        return loaded

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, InitSettingsSource(settings_cls, cls.written)

    def place_of(self, provider: str, address_variable: str, environment: Mapping[str, str]) -> Place:
        """Where the operator sends this provider: settings first, then the provider's usual variable."""
        place = self.providers.get(provider, Place())
        if place.base_url is None and (usual := environment.get(address_variable, "").strip()):
            try:
                return Place(base_url=usual, options=place.options)
            except ValidationError as error:
                raise SettingsBroken(f"{address_variable} cannot be used: {_reason(error)}") from None
        return place


_last: dict[Path, tuple[object, Settings]] = {}
"""What was read last in each folder, and of what: to understand it takes longer than to see that nothing changed."""


def _variables() -> tuple[tuple[str, str], ...]:
    """The settings of the environment."""
    return tuple((name, value) for name, value in os.environ.items() if name.upper().startswith(PREFIX))


def source_of(folder: Path, *names: str) -> Literal["environment", "settings", ""]:
    """Where a setting comes from; its names lead into a group, such as budget, day."""
    variable = PREFIX + "__".join(names).upper()
    if variable in {name.upper() for name in os.environ} or PREFIX + names[0].upper() in os.environ:
        return "environment"
    found: Any = _written(folder)
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None else "settings"


def change(folder: Path, values: Mapping[str, Any]) -> None:
    """Write ``values`` into settings.json, groups one level deep, and leave all else there as it is.

    Raises :class:`SettingsBroken` where what is there, or what would be, cannot be understood; then nothing changes.
    """
    settings = _written(folder)
    for name, value in values.items():
        settings[name] = {**(settings.get(name) or {}), **value} if isinstance(value, Mapping) else value
    path = folder / FILE
    before = path.read_bytes() if path.exists() else None
    write_private(path, json.dumps(settings, indent=1).encode())
    try:
        Settings.load(folder)
    except SettingsBroken:
        path.unlink() if before is None else write_private(path, before)
        raise


def _written(folder: Path) -> dict[str, Any]:
    try:
        return told(folder).values
    except (ValueError, OSError) as error:
        raise SettingsBroken(f"Easel's settings cannot be used: {_reason(error)}") from None


def _is_loopback(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg'].removeprefix('Value error, ')}."
    return f"{error}."
