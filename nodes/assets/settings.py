"""What the operator decides about files, in the environment (``EASEL_…``) or ``settings.json``; a graph has no say in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from ..hosted.engine.settings_file import told
from .choices import OUTPUT
from .problems import AssetProblem

_SHORTEST_SECRET = 4
_NO_SECRETS = (
    "region",
    "region_name",
    "project",
    "protocol",
    "mode",
    "version",
    "addressing_style",
    "signature_version",
    "cache_type",
    "default_cache_type",
    "ACL",
)
"""Options whose usual words (auto, path, private) must not be taken out of prompts and workflows."""


class Shelf(BaseModel):
    """A place for files: any fsspec URL or a folder, and what fsspec needs to open it (credentials, endpoint)."""

    url: str = Field(min_length=1)
    options: dict[str, Any] = Field(default={}, repr=False)


class Signing(BaseModel):
    """The certificate that Content Credentials are signed with; the files hold PEM, the signer's own certificate first."""

    certificate: Path
    private_key: Path
    algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = "es256"
    timestamp_url: str | None = None
    """An RFC 3161 server, so that a signature outlives its certificate. It is asked once for each picture."""

    @field_validator("timestamp_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return value or None


class AssetSettings(BaseSettings):
    """The operator's settings for saved files. Read once a run of a node, so that a change works without a restart."""

    model_config = SettingsConfigDict(env_prefix="EASEL_", env_nested_delimiter="__", extra="ignore")
    written: ClassVar[dict[str, Any]] = {}
    """What the file says."""

    destinations: dict[str, Shelf] = {}
    """Places beside the output folder that a graph may name."""
    destination_urls: list[str] = []
    """URLs below which a graph may name any place itself; none unless the operator says so."""
    credentials: Signing | None = None
    metadata_passphrase: SecretStr | None = None
    """What workflows are encrypted with."""

    @field_validator("destinations", mode="before")
    @classmethod
    def _may_be_plain_urls(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name.lower(): {"url": one} if isinstance(one, str) else one for name, one in value.items()}
        return value

    @field_validator("destinations")
    @classmethod
    def _keeps_the_output_folder(cls, value: dict[str, Shelf]) -> dict[str, Shelf]:
        if OUTPUT in value:
            raise ValueError(f'"{OUTPUT}" is ComfyUI\'s own output folder: give the place another name')
        return value

    @classmethod
    def load(cls, folder: Path) -> AssetSettings:
        """The settings in force now; ``settings.json`` in ``folder`` stands behind the environment."""
        try:
            loaded: AssetSettings = type("AssetSettingsHere", (cls,), {"written": told(folder).values})()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = f"{where}: {first['msg'].removeprefix('Value error, ')}"
        except (ValueError, TypeError, OSError) as error:
            reason = str(error)
        else:
            return loaded
        raise AssetProblem(f"Easel's settings for saved files cannot be used: {reason}.")

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

    def secrets(self) -> set[str]:
        """Every text in these settings that must not be written anywhere."""
        found = {text for shelf in self.destinations.values() for text in _texts(shelf.options)}
        found |= {text for shelf in self.destinations.values() if (text := urlsplit(shelf.url).password)}
        if self.metadata_passphrase is not None:
            found.add(self.metadata_passphrase.get_secret_value())
        return {text for text in found if len(text) >= _SHORTEST_SECRET}

    def redact(self, text: str) -> str:
        """``text`` with those taken out."""
        for secret in sorted(self.secrets(), key=len, reverse=True):
            text = text.replace(secret, "[hidden]")
        return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            if name not in _NO_SECRETS:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
