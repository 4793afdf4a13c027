"""``doctor``: what is missing, and how to put it right. Starts nothing, and needs no ComfyUI that runs."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from .place import usual_folder

Verdict = Literal["ok", "note", "bad"]

_MARKS: Mapping[Verdict, str] = {"ok": "ok   ", "note": "note ", "bad": "BAD  "}
_OLDEST_PYTHON = (3, 10)
_LEAST_FREE = 2 * 2**30
_CONNECT = 5.0
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9_.-]+)(?:>=(?P<least>[\d.]+))?(?:;\s*python_version\s*<\s*\"(?P<before>[\d.]+)\")?"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; what is not ok says what to do."""

    verdict: Verdict
    text: str


def doctor(pack: Path, state: Path | None, server: str, *, is_offline: bool) -> int:
    """Print the findings; 1 where something is wrong."""
    is_bad = False
    for finding in findings(pack, state, server, is_offline=is_offline):
        print(f"{_MARKS[finding.verdict]}{finding.text}")
        is_bad |= finding.verdict == "bad"
    return int(is_bad)


def findings(pack: Path, state: Path | None, server: str, *, is_offline: bool) -> Iterator[Finding]:
    """Everything, in the order in which it should be put right."""
    yield from _python()
    missing = list(_requirements(pack))
    yield from missing
    yield from _folder(pack, state)
    if any(finding.verdict == "bad" for finding in missing):
        yield Finding("note", "Keys, settings and hosts are looked at once nothing is missing.")
        return
    yield from _settings_and_keys(state or usual_folder(pack), is_offline=is_offline)
    if not is_offline:
        yield from _server(server)


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding("bad", f"Python {version}: Easel needs {'.'.join(map(str, _OLDEST_PYTHON))} or later.")
    else:
        yield Finding("ok", f"Python {version} ({sys.executable}); it should be the one that runs ComfyUI")


def _requirements(pack: Path) -> Iterator[Finding]:
    """What requirements.txt asks for."""
    present = asked = 0
    for line in (pack / "requirements.txt").read_text(encoding="utf-8").splitlines():
        found = _REQUIREMENT.match(line)
        if found is None or (found["before"] and sys.version_info >= _numbers(found["before"])):
            continue
        asked += 1
        try:
            version = importlib.metadata.version(found["name"])
        except importlib.metadata.PackageNotFoundError:
            yield Finding("bad", f"{found['name']} is missing: pip install -r {pack / 'requirements.txt'}")
            continue
        if found["least"] and _numbers(version) < _numbers(found["least"]):
            yield Finding(
                "bad", f"{found['name']} {version} is older than {found['least']}: pip install -U {found['name']}"
            )
            continue
        present += 1
    yield Finding("ok", f"{present} of the {asked} Python packages that Easel needs")


def _folder(pack: Path, state: Path | None) -> Iterator[Finding]:
    folder = state or usual_folder(pack)
    if folder is None:
        yield Finding("bad", f"{pack} lies in no ComfyUI: move it (or link it) into ComfyUI's custom_nodes.")
        return
    if not folder.is_dir():
        yield Finding("note", f"{folder} is not there yet: ComfyUI makes it when Easel buys first.")
        return
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Finding("bad", f"{folder} can be read by others: chmod 700 {folder}")
    elif not os.access(folder, os.W_OK):
        yield Finding("bad", f"{folder} cannot be written: make it yours, it holds what was bought.")
    else:
        yield Finding("ok", f"{folder}")
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        yield Finding("bad", f"Only {free / 2**30:.1f} GB are free there: pictures that were paid for need room.")


def _settings_and_keys(folder: Path | None, *, is_offline: bool) -> Iterator[Finding]:
    from .. import new_providers
    from ..hosted.engine.destination import live
    from ..hosted.engine.errors import EaselError
    from ..hosted.engine.keys import Keyring
    from ..hosted.engine.settings import Settings

    folder = folder or Path()
    try:
        settings = Settings.load(folder)
    except EaselError as error:
        yield Finding("bad", str(error))
        return
    yield Finding("note" if settings.sandbox else "ok", _mode(settings))
    accounts = {name: provider.account for name, provider in new_providers().items()}
    try:
        states = list(Keyring(folder / "keys.json").states(accounts))
        addresses = {name: live(account, settings, os.environ).address for name, account in accounts.items()}
    except EaselError as error:
        yield Finding("bad", str(error))
        return
    file = folder / "keys.json"
    if os.name == "posix" and file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding("bad", f"{file} can be read by others: chmod 600 {file}, and think of its keys as known.")
    have = {state.provider for state in states}
    for name, account in accounts.items():
        mine = [state for state in states if state.provider == name]
        told = ", ".join(f"{state.profile} ({state.detail})" for state in mine)
        if told:
            yield Finding("ok", f"{account.label} key: {told}")
        else:
            yield Finding("note", f"{account.label}: no key. Set {account.key_variable}, or save one in Easel's panel.")
    if not have and not settings.sandbox:
        yield Finding("bad", "There is no key at all: set one, or start ComfyUI with EASEL_SANDBOX=1 to try without.")
    yield from _books(folder, settings)
    if not is_offline and not settings.sandbox:
        yield from _hosts({accounts[name].label: addresses[name] for name in have})


def _mode(settings: Any) -> str:
    if settings.sandbox:
        return "Sandbox mode is on: nothing is bought. EASEL_SANDBOX or settings.json sets it."
    limits = {name: value for name, value in settings.budget.model_dump().items() if value is not None}
    told = ", ".join(f"${value} a {name}" for name, value in limits.items())
    return f"Limits: {told}" if told else "No limit is set (EASEL_BUDGET__DAY=5 would set one of 5 dollars a day)"


def _books(folder: Path, settings: Any) -> Iterator[Finding]:
    from sqlalchemy import create_engine, text

    from ..hosted.engine.database import sqlite_url

    path = folder / "easel.db"
    if settings.database_url is None and not path.exists():
        return
    try:
        # Looked at only: bringing it up to date is for the ComfyUI that uses it.
        with create_engine(settings.database_url or sqlite_url(path)).connect() as connection:
            lines = connection.execute(text("SELECT count(*) FROM ledger")).scalar()
    except Exception as error:
        yield Finding(
            "bad", f"The books cannot be opened ({type(error).__name__}): look at EASEL_DATABASE_URL or {path}."
        )
        return
    yield Finding("ok", f"The books have {lines} lines")


def _hosts(addresses: Mapping[str, str]) -> Iterator[Finding]:
    """Whether each provider that there is a key for can be reached; no key goes there."""
    from yarl import URL

    from ..hosted.engine.proxies import proxy_for, unspoken

    if any(proxy_for(URL(address)) for address in addresses.values()):
        yield Finding("note", "A proxy is set, so that hosts are not looked at.")
        return
    if unspoken():
        yield Finding("bad", "The proxy that is set is not spoken here, so it is passed by: set HTTPS_PROXY=http://….")
    with ThreadPoolExecutor() as pool:
        for label, problem in zip(addresses, pool.map(_reach, addresses.values()), strict=True):
            host = urlsplit(addresses[label]).netloc
            if problem:
                yield Finding("bad", f"{label} cannot be reached at {host} ({problem}): check the network or firewall.")
            else:
                yield Finding("ok", f"{label} can be reached at {host}")


def _reach(address: str) -> str:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT).close()
    except OSError as error:
        return type(error).__name__
    return ""


def _server(url: str) -> Iterator[Finding]:
    from .problem import Problem
    from .server import Server

    server = Server(url)
    try:
        server.check()
    except Problem as problem:
        yield Finding("note", str(problem))
        return
    mode = "in sandbox mode" if server.is_sandbox() else "buying for real"
    yield Finding("ok", f"ComfyUI {server.version()} answers at {server.url}, with Easel {mode}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
