"""Where pictures go: ComfyUI's output folder, or a place that the operator has named; a graph never brings its own."""

from __future__ import annotations

import contextlib
import posixpath
import secrets
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from .choices import OUTPUT
from .files import write_new
from .naming import Name
from .problems import AssetProblem
from .settings import AssetSettings, Shelf


class Destination(Protocol):
    """A root below which files are written, never over another one, and read."""

    name: str
    """As the graph names it; written into the manifest."""

    def write(self, name: Name, suffix: str, data: bytes) -> str:
        """Keep ``data`` under that name and the next free number; the path below the root."""
        ...

    def write_beside(self, path: str, ending: str, data: bytes) -> None:
        """A companion of the file at ``path``: its name with ``ending`` added."""
        ...

    def read(self, path: str) -> bytes:
        """The file at that path below the root. Raises :class:`FileNotFoundError`."""
        ...


class Folder:
    """A folder of this machine, or one that is mounted like one."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root

    def write(self, name: Name, suffix: str, data: bytes) -> str:
        folder = self.root.joinpath(*name.folders)
        folder.mkdir(parents=True, exist_ok=True)
        number = name.next_number([path.name for path in folder.iterdir()], suffix)
        while not write_new(path := folder / (name.numbered(number) + suffix), data):
            number += 1
        return path.relative_to(self.root).as_posix()

    def write_beside(self, path: str, ending: str, data: bytes) -> None:
        if not write_new(self.root / f"{path}{ending}", data):
            raise AssetProblem(f"{path}{ending} is there already, and nothing is overwritten: move it away.")

    def read(self, path: str) -> bytes:
        found = (self.root / path).resolve()
        if not found.is_relative_to(self.root.resolve()):
            raise AssetProblem(f'"{path}" leads out of the destination {self.name}.')
        return found.read_bytes()


class RemoteFolder:
    """Any other file system that fsspec speaks to: object stores, servers, memory."""

    def __init__(self, name: str, files: Any, root: str) -> None:
        self.name, self._files, self._root = name, files, root.rstrip("/")

    def write(self, name: Name, suffix: str, data: bytes) -> str:
        folder = posixpath.join(*name.folders) if name.folders else ""
        number = name.next_number(self._names(folder), suffix)
        while True:
            path = posixpath.join(folder, name.numbered(number) + suffix)
            try:
                self._write(path, data, "xb")
            except FileExistsError:
                number += 1
            except (NotImplementedError, ValueError):
                # This store cannot promise to create a file only where there is none: a name nobody else can have does.
                path = posixpath.join(folder, f"{name.numbered(number)}-{secrets.token_hex(4)}{suffix}")
                self._write(path, data, "wb")
                return path
            else:
                return path

    def write_beside(self, path: str, ending: str, data: bytes) -> None:
        # Its name holds the picture's own, which nobody else has.
        self._write(path + ending, data, "wb")

    def read(self, path: str) -> bytes:
        # Joined to the root, a path that begins with / would take its place.
        if path.startswith("/") or "\\" in path or ".." in path.split("/"):
            raise AssetProblem(f'"{path}" leads out of the destination {self.name}.')
        return bytes(self._files.cat_file(self._path(path)))

    def _write(self, path: str, data: bytes, mode: str) -> None:
        full = self._path(path)
        try:
            self._put(full, data, mode)
        except FileNotFoundError:
            self._make_folders(posixpath.dirname(path))
            self._put(full, data, mode)

    def _make_folders(self, below: str) -> None:
        """The folders below the root, never the root itself: a mistyped one must not become a new bucket."""
        made = ""
        for part in below.split("/") if below else ():
            made = posixpath.join(made, part)
            with contextlib.suppress(FileExistsError):
                self._files.mkdir(self._path(made), create_parents=False)

    def _put(self, full: str, data: bytes, mode: str) -> None:
        with self._files.open(full, mode) as file:
            file.write(data)

    def _names(self, folder: str) -> list[str]:
        try:
            self._files.invalidate_cache(self._path(folder))
            return [posixpath.basename(path) for path in self._files.ls(self._path(folder), detail=False)]
        except FileNotFoundError:
            return []

    def _path(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else self._root


def find(wanted: str, output: Path, settings: AssetSettings) -> Destination:
    """The destination that a graph names, or whose URL it gives where the operator allows that.

    Raises :class:`AssetProblem` for any other: a workflow from somewhere else cannot send files where it likes.
    """
    wanted = wanted.strip()
    if not wanted or wanted.lower() == OUTPUT:
        return Folder(OUTPUT, output)
    if (shelf := settings.destinations.get(wanted.lower())) is not None:
        return _opened(wanted.lower(), shelf, settings)
    if not _is_url(wanted):
        known = ", ".join([OUTPUT, *settings.destinations])
        raise AssetProblem(
            f'There is no destination "{wanted}": there are {known}. Whoever runs this ComfyUI adds others under '
            '"destinations" in Easel\'s settings.json.'
        )
    _check_url(wanted, settings)
    return _opened(wanted, Shelf(url=wanted), settings)


def _is_url(wanted: str) -> bool:
    return "://" in wanted or wanted.startswith(("/", "\\")) or wanted[1:2] == ":"


def _check_url(wanted: str, settings: AssetSettings) -> None:
    parts = urlsplit(wanted)
    plain = "::" not in wanted and "%" not in wanted and "\\" not in wanted and not parts.query and not parts.fragment
    if parts.username or parts.password or "@" in parts.netloc:
        raise AssetProblem(
            "A destination in a workflow must not hold a user name or a key: workflows are passed on. Name a destination "
            "of Easel's settings.json instead."
        )
    allowed = [prefix.rstrip("/") for prefix in settings.destination_urls]
    if plain and ".." not in parts.path.split("/"):
        address = wanted.rstrip("/")
        if any(prefix and (address == prefix or address.startswith(f"{prefix}/")) for prefix in allowed):
            return
    raise AssetProblem(
        f"This workflow asks to save to {wanted}, and whoever runs this ComfyUI has not allowed that: choose {OUTPUT}, or "
        'have the address added to "destination_urls" in Easel\'s settings.json.'
    )


def _opened(name: str, shelf: Shelf, settings: AssetSettings) -> Destination:
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    try:
        files, root = url_to_fs(shelf.url, **shelf.options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise AssetProblem(
            f'The destination "{name}" cannot be opened: {settings.redact(str(error))}. Its URL and options are in Easel\'s '
            "settings.json."
        ) from None
    if isinstance(files, LocalFileSystem):
        return Folder(name, Path(root))
    return RemoteFolder(name, files, root)
