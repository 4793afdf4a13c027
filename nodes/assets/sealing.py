"""Texts locked with the operator's passphrase: AES-256 in GCM under a key that scrypt makes of it.

A locked text is itself JSON, so that it fits wherever the open one did: ``{"easel_sealed": 1, "salt", "nonce", "data"}``, the
three in base64. ``cryptography`` is imported on first use.
"""

from __future__ import annotations

import base64
import functools
import json
import os
from typing import TYPE_CHECKING, Any

from .problems import AssetProblem
from .settings import AssetSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = "easel_sealed"
_VERSION = 1
_SALT = os.urandom(16)
"""One for each process: making a key takes a while on purpose, and its nonces are never used twice."""


def seal(content: Any, settings: AssetSettings) -> dict[str, Any]:
    """``content`` (plain JSON) locked. Raises :class:`AssetProblem` where the operator has set no passphrase."""
    nonce = os.urandom(12)
    locked = _cipher(settings, _SALT).encrypt(nonce, json.dumps(content, ensure_ascii=False).encode(), MARK.encode())
    return {MARK: _VERSION, "salt": _text(_SALT), "nonce": _text(nonce), "data": _text(locked)}


def unseal(sealed: dict[str, Any], settings: AssetSettings) -> Any:
    """What :func:`seal` was given. Raises :class:`AssetProblem` for another passphrase and for what was changed since."""
    if sealed.get(MARK) != _VERSION:
        raise AssetProblem("This was encrypted by another version of Easel: update Easel to open it.")
    try:
        salt, nonce, locked = (base64.b64decode(sealed[name], validate=True) for name in ("salt", "nonce", "data"))
    except (KeyError, TypeError, ValueError) as error:
        raise AssetProblem("What was encrypted here is damaged: it cannot be opened.") from error
    cipher = _cipher(settings, salt)
    from cryptography.exceptions import InvalidTag

    try:
        return json.loads(cipher.decrypt(nonce, locked, MARK.encode()))
    except (InvalidTag, ValueError) as error:
        raise AssetProblem(
            "The workflow was encrypted with another passphrase than EASEL_METADATA_PASSPHRASE holds now, or it is damaged."
        ) from error


def is_sealed(value: Any) -> bool:
    """Whether this is what :func:`seal` gives."""
    return isinstance(value, dict) and MARK in value


def _cipher(settings: AssetSettings, salt: bytes) -> AESGCM:
    passphrase = settings.metadata_passphrase
    if passphrase is None or not passphrase.get_secret_value():
        raise AssetProblem(
            "Encrypting workflows, and opening encrypted ones, needs a passphrase: whoever runs this ComfyUI sets "
            "EASEL_METADATA_PASSPHRASE. Or choose another way to treat the workflow."
        )
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise AssetProblem(
            "Encrypting workflows needs the package cryptography: install it into ComfyUI's Python "
            "(pip install cryptography), or choose another way to treat the workflow."
        ) from error
    return AESGCM(_key(passphrase.get_secret_value(), salt))


@functools.lru_cache(maxsize=8)
def _key(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
