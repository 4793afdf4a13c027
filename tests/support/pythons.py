"""Other Pythons: their virtual environments, and pip in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.cache import quietly


def pip(python: Path, *arguments: str | Path, verb: str = "install") -> None:
    """Run pip in an environment; a failure names the package."""
    quietly([python, "-m", "pip", "--disable-pip-version-check", "--no-input", verb, *arguments], pip_blame)


def pip_blame(output: str) -> str:
    """What pip could not get, by its own words: the package it gave up on, else the last it was busy with."""
    gave_up = re.findall(r"No matching distribution found for (\S+)|Failed to build '?([\w.-]+)", output)
    busy = re.findall(r"(?:Collecting|Downloading|Building wheel for) (\S+)", output)
    names = ["".join(pair) for pair in gave_up] + busy[-1:]
    errors = re.findall(r"^ERROR: (.+)$", output, re.MULTILINE)
    if "connection broken by" in output:
        # What pip itself concludes from that is that there is no such version.
        errors = ["the package index cannot be reached; look at the network, or at the proxy"]
    reason = errors[0] if errors else (output.strip().splitlines() or ["pip said nothing"])[-1]
    return f"Could not install {names[0] if names else 'a package'}: {reason.rstrip('.')}"


def environment(folder: Path) -> Callable[[], None]:
    """The step that makes a virtual environment there."""
    advice = "Could not make a virtual environment (on Debian and Ubuntu: apt install python3-venv)"
    return lambda: quietly([sys.executable, "-m", "venv", folder], lambda _: advice)


def programs_of(venv: Path) -> Path:
    """The folder of an environment's programs."""
    return venv / ("Scripts" if os.name == "nt" else "bin")


def python_of(venv: Path) -> Path:
    """The Python of an environment."""
    return programs_of(venv) / ("python.exe" if os.name == "nt" else "python")


def output_of(python: Path, code: str, *arguments: str) -> str:
    """What a snippet prints in another Python; nothing when it fails."""
    result = subprocess.run(
        [python, "-c", code, *arguments], capture_output=True, text=True, cwd=python.parent, check=False
    )
    return result.stdout.strip() if result.returncode == 0 else ""
