"""A ComfyUI with Easel in it, over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import requests

from .problem import Problem

_CONNECT, _READ = 10.0, 60.0
_PRICING = 300.0


class Unreachable(Exception):
    """The server does not answer; whether it has the run is not known."""


class Refused(Exception):
    """The server does not run this graph: says which input of which node."""


@dataclass(frozen=True)
class Ended:
    """A run that is over."""

    files: list[str]
    error: str = ""


@dataclass
class Server:
    """One server; used by one thread at a time."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        address = self.url.strip().rstrip("/")
        scheme, _, rest = address.rpartition("://")
        user, _, place = rest.rpartition("@")
        if user:
            # Sent, and never shown or written down.
            name, _, password = user.partition(":")
            self.session.auth = (unquote(name), unquote(password))
        self.url = f"{scheme or 'http'}://{place}"
        self._client = uuid.uuid4().hex

    def check(self) -> None:
        """Raises :class:`Problem` where there is no ComfyUI, or none with Easel."""
        try:
            self._ask("GET", "/system_stats")
        except (Unreachable, Refused) as error:
            raise Problem(
                f"No ComfyUI answers at {self.url} ({error}). Start it, or name another with --server."
            ) from None
        try:
            self._ask("GET", "/easel/sandbox")
        except (Unreachable, Refused):
            raise Problem(f"The ComfyUI at {self.url} has no Easel that works, or an older one.") from None

    def version(self) -> str:
        """ComfyUI's own."""
        return str(self._ask("GET", "/system_stats")["system"].get("comfyui_version", "of an unknown version"))

    def is_sandbox(self) -> bool:
        return bool(self._ask("GET", "/easel/sandbox")["sandbox"])

    def takes_fractions(self, class_type: str, name: str) -> bool:
        """Whether an input of a node is for numbers with a fraction."""
        told = self._ask("GET", f"/object_info/{quote(class_type, safe='')}").get(class_type) or {}
        groups = [group for group in told.get("input", {}).values() if name in group]
        return bool(groups) and groups[0][name][0] == "FLOAT"

    def price(self, graph: Mapping[str, Any]) -> dict[str, Any]:
        """What the graph will cost, as the server's own estimate."""
        told: dict[str, Any] = self._ask("POST", "/easel/estimate", {"prompt": graph}, read=_PRICING)
        return told

    def spent(self, runs: Sequence[str]) -> float:
        """US dollars that were charged in these runs."""
        return float(self._ask("POST", "/easel/spending/runs", {"runs": list(runs)})["usd"])

    def post(self, graph: Mapping[str, Any], run: str) -> None:
        """Queue a graph under the id ``run``. Raises :class:`Refused` unless all of it is valid."""
        told = self._ask("POST", "/prompt", {"prompt": graph, "prompt_id": run, "client_id": self._client})
        if told.get("node_errors"):
            self.withdraw([run])
            raise Refused(_refusals(told))

    def ended(self, run: str) -> Ended | None:
        """How a run ended; None while it has not."""
        told = self._ask("GET", f"/history/{run}").get(run)
        return None if told is None else Ended(_files(told), _error(told))

    def waiting(self) -> tuple[set[str], set[str]]:
        """The ids of the runs that are under way, and of those that wait for it."""
        told = self._ask("GET", "/queue")
        return {entry[1] for entry in told["queue_running"]}, {entry[1] for entry in told["queue_pending"]}

    def withdraw(self, runs: Sequence[str]) -> None:
        """Take runs that wait out of the queue."""
        self._ask("POST", "/queue", {"delete": list(runs)})

    def _ask(self, method: str, path: str, body: Any = None, *, read: float = _READ) -> Any:
        try:
            answer = self.session.request(method, self.url + path, json=body, timeout=(_CONNECT, read))
        except requests.RequestException as error:
            raise Unreachable(type(error).__name__) from None
        if answer.status_code >= 500:
            raise Unreachable(f"HTTP {answer.status_code}")
        try:
            told = answer.json() if answer.content else {}
        except ValueError:
            if answer.ok:
                # A proxy's page, say.
                raise Unreachable("it answers with something else than ComfyUI's JSON") from None
            told = {}
        if answer.status_code >= 400:
            raise Refused(_refusals(told) or f"HTTP {answer.status_code}")
        return told


def _refusals(told: Any) -> str:
    """What is wrong with a graph, in one line."""
    if not isinstance(told, dict):
        return ""
    said = [
        f"node {node} ({of['class_type']}): {error['message']}: {error['details']}"
        for node, of in (told.get("node_errors") or {}).items()
        for error in of["errors"]
    ]
    error = told.get("error")
    if not said and error:
        said = [
            f"{error.get('message', '')} {error.get('details', '')}".strip() if isinstance(error, dict) else str(error)
        ]
    return "; ".join(said)


def _files(told: Mapping[str, Any]) -> list[str]:
    """What was saved below the output folder; previews are gone when the server ends."""
    shown = [one for output in (told.get("outputs") or {}).values() for one in output.get("images") or ()]
    kept = [one for one in shown if "filename" in one and one.get("type") != "temp"]
    return ["/".join(part for part in (one.get("subfolder"), one["filename"]) if part) for one in kept]


def _error(told: Mapping[str, Any]) -> str:
    for name, data in (told.get("status") or {}).get("messages") or ():
        if name == "execution_error":
            return str(data.get("exception_message", "")).strip() or str(data.get("exception_type", "an error"))
        if name == "execution_interrupted":
            return "It was stopped at the server."
    return ""
