"""The stand-in providers as a process of their own, and their control routes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from support.comfy import OPENER, PRIVATE

ROOT = Path(__file__).resolve().parents[2]
GREETING = "sandbox listening at "


class SandboxProcess:
    """`python -m nodes.sandbox` on a free port; `args` go to it. It outlives a ComfyUI that is killed."""

    def __init__(self, *args: str) -> None:
        self.command = [sys.executable, "-m", "nodes.sandbox", "--port", "0", "--quiet", *args]
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> SandboxProcess:
        """Start it; its first line says where it listens."""
        env = {name: value for name, value in os.environ.items() if not PRIVATE.search(name)}
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith(GREETING):
            self.stop()
            raise RuntimeError(f"The sandbox did not start; it said {line!r} and the rest on standard error")
        self.url = line.removeprefix(GREETING).strip()
        return self

    def stop(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A control route, such as ("GET", "/sandbox/settings"); its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with OPENER.open(request, timeout=30) as answer:
            return json.load(answer)

    def reset(self) -> None:
        """Forget requests and charges, faults and timing."""
        self.call("DELETE", "/sandbox/faults")
        self.call("DELETE", "/sandbox/log")
        self.call("POST", "/sandbox/settings", {"latency": 0, "job_seconds": 1})

    def latency(self, seconds: float) -> None:
        """How long every call takes at least."""
        self.call("POST", "/sandbox/settings", {"latency": seconds})

    def fault(self, kind: str, **knobs: Any) -> None:
        """Let a rule strike from now on, e.g. `fault("rate_limit", times=1, retry_after=0.2)`."""
        self.call("POST", "/sandbox/faults", {"kind": kind, **knobs})

    def report(self) -> dict[str, Any]:
        """The whole log: requests, submissions, charged_submissions, charged_usd, in_flight, max_in_flight."""
        report: dict[str, Any] = self.call("GET", "/sandbox/log")
        return report

    def log(self) -> list[dict[str, Any]]:
        """Every request since the last reset, in order."""
        requests: list[dict[str, Any]] = self.report()["requests"]
        return requests

    def submissions(self) -> int:
        """How many buying calls were read to their end."""
        return int(self.report()["submissions"])

    def charges(self) -> list[float]:
        """What each charged request cost, in US dollars, in order."""
        return [request["charged_usd"] for request in self.log() if request["charged_usd"]]
