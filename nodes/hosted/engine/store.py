"""Delivered pictures, as files named by the SHA-256 of their bytes; one fsspec folder, local by default."""

from __future__ import annotations

import hashlib
import os
import secrets

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from .errors import ResultLost


class Store:
    """A content-addressed folder. A file is whole or absent: written aside, synced, then renamed."""

    def __init__(self, url: str, *, may_go: bool = False) -> None:
        """``may_go``: the folder may be out of reach for a while, as one on a network drive is."""
        self._may_go = may_go
        self._files, root = url_to_fs(url)
        self._root = root.rstrip("/")
        self._is_local = isinstance(self._files, LocalFileSystem)

    def put(self, realm: str, data: bytes) -> str:
        """Keep ``data`` and give its digest; what is there whole already is not written again."""
        digest = hashlib.sha256(data).hexdigest()
        if self.get(realm, digest) is not None:
            return digest
        path = self._path(realm, digest)
        folder = path.rpartition("/")[0]
        temporary = f"{folder}/.{digest[:16]}.{secrets.token_hex(4)}"
        self._files.makedirs(folder, exist_ok=True)
        try:
            with self._files.open(temporary, "wb") as file:
                file.write(data)
                if self._is_local:
                    # Object stores keep what they were given when the file is closed.
                    file.flush()
                    os.fsync(file.fileno())
            self._files.mv(temporary, path)
        except BaseException:
            if self._files.exists(temporary):
                self._files.rm(temporary)
            raise
        return digest

    def has(self, realm: str, digest: str) -> bool:
        """Whether there is a file of that digest; whether it is still whole, only :meth:`get` tells."""
        return bool(self._files.isfile(self._path(realm, digest)))

    def get(self, realm: str, digest: str) -> bytes | None:
        """The bytes of that digest; None where they are missing or no longer what was written."""
        try:
            data = bytes(self._files.cat_file(self._path(realm, digest)))
        except FileNotFoundError:
            return None
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def insist(self) -> None:
        """Raises :class:`ResultLost` (resumable) where the whole folder is out of reach: its pictures are not lost."""
        if self._may_go and not self._files.isdir(self._root):
            raise ResultLost(
                f"The folder of kept pictures, {self._root}, is not there: connect the drive that it is on, or correct "
                "EASEL_STORE_URL. Then run again.",
                resumable=True,
                charge="none",
            )

    def _path(self, realm: str, digest: str) -> str:
        return f"{self._root}/{realm}/{digest[:2]}/{digest}"
