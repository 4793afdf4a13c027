"""A ComfyUI process with packs mounted, in a base directory of its own, and its HTTP API."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# A proxy of the machine is not for what runs on it.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Nothing started here may find a key to spend with, or the settings of whoever starts it.
PRIVATE = re.compile(r"^EASEL_|^OPENAI_|_(KEY|TOKEN|SECRET|BASE_URL)$")


class Reply(NamedTuple):
    """An HTTP answer: its body parsed where it is JSON, else its text."""

    status: int
    body: Any


class StartFailed(Exception):
    """The process ended, or did not answer in time."""


class PromptRefused(Exception):
    """ComfyUI did not take a prompt, or only a part of it; says which input of which node."""

    def __init__(self, reply: Reply) -> None:
        self.status, self.body = reply
        super().__init__(" ".join(refusals(self.body)) or str(self.body))


def refusals(body: Any) -> list[str]:
    """The sentences in an answer to POST /prompt that say what is wrong with the graph."""
    if not isinstance(body, dict):
        return [str(body)]
    said = []
    for node, told in (body.get("node_errors") or {}).items():
        for error in told["errors"]:
            name = (error.get("extra_info") or {}).get("input_name")
            where = f"node {node} ({told['class_type']})" + (f", input {name}" if name else "")
            said.append(f"{where}: {error['message']}: {error['details']}.")
    if not said and (error := body.get("error")):
        said.append(f"{error['message']}. {error['details']}" if isinstance(error, dict) else str(error))
    return said


def failures(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What went wrong in a finished run: the data of its execution_error and interruption messages."""
    bad = ("execution_error", "execution_interrupted")
    return [data for name, data in entry["status"]["messages"] if name in bad]


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mount(pack: Path, link: Path) -> None:
    """Show a folder at another place. Windows refuses symlinks to most users, but never a junction."""
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(pack), str(link))
    else:
        link.symlink_to(pack, target_is_directory=True)


class ComfyServer:
    """ComfyUI as its users run it: a process, a port, a base directory.

    `env` is added to an environment without EASEL_ variables and keys. `sandbox` sets EASEL_SANDBOX=1, and
    `sandbox_url` EASEL_SANDBOX_URL, for a sandbox that is a process of its own. `packs` are the folders to mount under
    their names. `frontend` is the folder of another front end to serve. `args` go to ComfyUI's main.py.
    """

    def __init__(
        self,
        base: Path,
        *,
        env: Mapping[str, str] | None = None,
        sandbox: bool = True,
        sandbox_url: str | None = None,
        packs: Mapping[str, Path] | None = None,
        frontend: Path | None = None,
        args: Sequence[str] = ("--cpu",),
        comfyui: Path | None = None,
        python: Path | None = None,
        port: int | None = None,
    ) -> None:
        self.base = base
        self.output_dir, self.user_dir = base / "output", base / "user"
        self.log = base / "comfyui.log"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {name: value for name, value in os.environ.items() if not PRIVATE.search(name)}
        self.env |= {"PYTHONUNBUFFERED": "1"} | ({"EASEL_SANDBOX": "1"} if sandbox else {})
        self.env |= ({"EASEL_SANDBOX_URL": sandbox_url} if sandbox_url else {}) | dict(env or {})
        self.packs = {"easel": ROOT} if packs is None else packs
        self.comfyui = comfyui or Path(os.environ["COMFYUI_PATH"])
        self.command = [str(python or sys.executable), "main.py", "--port", str(self.port)]
        self.command += ["--base-directory", str(base), "--disable-api-nodes", "--disable-auto-launch", *args]
        self.has_own_frontend = frontend is not None
        if frontend:
            self.command += ["--front-end-root", str(frontend)]
        self.process: subprocess.Popen[bytes] | None = None

    # The process

    def start(self, timeout: float = 180) -> ComfyServer:
        """Start it and wait until it answers."""
        for name in ("custom_nodes", "user"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        for name, pack in self.packs.items():
            link = self.base / "custom_nodes" / name
            if not link.exists():
                mount(pack, link)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.comfyui, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._await_answer(time.monotonic() + timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def _await_answer(self, deadline: float) -> None:
        while not self._answers():
            if not self.is_running():
                raise StartFailed(f"ComfyUI ended while starting. The end of {self.log}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"ComfyUI does not answer. The end of {self.log}:\n{self.log_tail()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self.get("/system_stats").status == 200
        except OSError:
            return False

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End it as a user does; by force if that takes longer than ten seconds."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash or a power cut would: it gets no chance to write anything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def is_taken(self) -> bool:
        """Whether another program listens on its port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def join(self) -> None:
        """Wait until it ends."""
        if self.process is not None:
            self.process.wait()

    def restart(self) -> ComfyServer:
        """Stop, then start again at the same address with the same files."""
        self.stop()
        return self.start()

    def log_text(self) -> str:
        """Everything it has printed, over all its starts."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def log_tail(self, lines: int = 25) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:])

    # HTTP

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout: float = 30
    ) -> Reply:
        """Any request; the body goes as JSON, or as it is when it is bytes."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with OPENER.open(request, timeout=timeout) as answer:
                status, raw = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, raw = refusal.code, refusal.read()
        text = raw.decode("utf-8", errors="replace")
        try:
            return Reply(status, json.loads(text))
        except ValueError:
            return Reply(status, text)

    def get(self, path: str, **options: Any) -> Reply:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return self.request("POST", path, {} if body is None else body, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> Reply:
        return self.request("DELETE", path, body, **options)

    # Runs

    def post_prompt(self, api: Mapping[str, Any], client_id: str | None = None) -> str:
        """Queue a graph in API format; PromptRefused unless all of it is valid."""
        reply = self.post("/prompt", {"prompt": api, "client_id": client_id or uuid.uuid4().hex})
        if reply.status != 200 or reply.body.get("node_errors"):
            raise PromptRefused(reply)
        return str(reply.body["prompt_id"])

    def wait(self, prompt_id: str, timeout: float = 60) -> dict[str, Any]:
        """The history entry of a run, once it has ended, well or badly."""
        deadline = time.monotonic() + timeout
        while True:
            history = self.get(f"/history/{prompt_id}").body
            if prompt_id in history:
                entry: dict[str, Any] = history[prompt_id]
                return entry
            if time.monotonic() > deadline:
                raise TimeoutError(f"The run has not ended. The end of {self.log}:\n{self.log_tail()}")
            time.sleep(0.05)

    def run(self, api: Mapping[str, Any], client_id: str | None = None, timeout: float = 60) -> dict[str, Any]:
        """Queue a graph and wait for its history entry."""
        return self.wait(self.post_prompt(api, client_id), timeout)

    def interrupt(self, prompt_id: str | None = None) -> None:
        """What the editor's Cancel button does."""
        self.post("/interrupt", {"prompt_id": prompt_id} if prompt_id else {})

    def saved(self, entry: Mapping[str, Any]) -> list[Path]:
        """The picture files in the output folder that a run reports."""
        images = [image for shown in entry["outputs"].values() for image in shown.get("images", [])]
        return [self.output_dir / i["subfolder"] / i["filename"] for i in images if i["type"] == "output"]
