"""The pack in a real ComfyUI, and what the Registry and Manager make of it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from support.comfy import ComfyServer
from support.hosts import Host
from support.pack import ROOT
from support.pythons import programs_of, python_of

NEEDED = {"__init__.py", "pyproject.toml", "requirements.txt", "LICENSE", "nodes/extension.py", "js/easel.js"}
# What a run may need and a start must not wait for.
LATER = {
    *("openai", "replicate", "fal_client", "c2pa", "imagehash", "requests", "tqdm"),
    *("diffusers", "transformers", "peft", "accelerate", "segment_anything"),
    *("sqlalchemy", "alembic"),
}
# Rooms of our own of which the same is true.
LATER_ROOMS = {
    *("requests", "provider", "buying", "prices", "routing", "gateways", "platforms"),
    *("assets", "saving", "credentials", "sheets", "finding", "quality"),
    *("drawing", "inpainting", "loading", "segmenting", "everything", "canvas", "refine", "recommending", "variations"),
}
LOADING = """
import asyncio, json, sys
import utils.install_util, comfy.cli_args
comfy.cli_args.args.cpu = True
import nodes, server
from comfy_api.latest import io
from support.pack import load_pack
before = set(sys.modules)
extension = asyncio.run(load_pack().comfy_entrypoint())
found = asyncio.run(extension.get_node_list())
for node in found:
    node.GET_SCHEMA()
print(json.dumps([len(found), sorted(set(sys.modules) - before)]))
"""
NOT_FOR_USERS = ("tests/", ".ci/", "dev.py", ".git")


def easel_nodes(comfy):
    return {name: info for name, info in comfy.get("/object_info").body.items() if name.startswith("Easel")}


def test_it_loads(comfy):
    assert "IMPORT FAILED" not in comfy.log_text()
    assert "Easel failed to load" not in comfy.log_text()


def test_its_nodes_are_there_and_in_one_menu(comfy):
    nodes = easel_nodes(comfy)
    assert {"EaselSavePictures", "EaselDallE3"} <= nodes.keys()
    assert {info["category"].split("/")[0] for info in nodes.values()} == {"Easel"}


class Loaded(NamedTuple):
    nodes: int
    modules: list[str]


@pytest.fixture(scope="module")
def loaded(comfy):
    """How many nodes a start finds, and what it imports for them."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(comfy.comfyui), str(ROOT / "tests")])}
    run = subprocess.run(
        [sys.executable, "-c", LOADING],
        env=environment,
        cwd=comfy.base,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Loaded(*json.loads(run.stdout.splitlines()[-1]))


def test_a_start_waits_for_no_library_that_only_a_run_needs(comfy, loaded):
    assert loaded.nodes == len(easel_nodes(comfy))
    assert "easel.nodes.extension" in loaded.modules
    assert LATER & set(loaded.modules) == set()


def test_a_start_loads_no_room_of_ours_that_only_a_run_needs(loaded):
    ours = {module.removeprefix("easel.nodes.") for module in loaded.modules if module.startswith("easel.nodes.")}
    assert "hosted.flux.models" in ours
    assert not [module for module in ours if ".nodes" not in module and LATER_ROOMS & set(module.split(".")[1:])]


def test_no_node_asks_for_an_account_of_the_host(comfy):
    assert not [name for name, info in easel_nodes(comfy).items() if info.get("api_node")]


def test_each_script_is_served_once(comfy):
    served = [path for path in comfy.get("/extensions").body if "/easel/" in path.lower()]
    scripts = sorted(str(path.relative_to(ROOT / "js").as_posix()) for path in (ROOT / "js").rglob("*.js"))
    assert sorted(path.split("/easel/")[1] for path in served) == scripts
    for path in served:
        assert comfy.get(path).status == 200


def test_it_loads_on_the_newest_front_end(comfy_factory, newest_frontend):
    comfy = comfy_factory(frontend=newest_frontend)
    assert easel_nodes(comfy)
    assert comfy.get("/").status == 200


# Registry


@pytest.fixture
def clone(tmp_path) -> Path:
    """A committed copy of what this tree holds, whatever of it is committed here."""
    folder = tmp_path / "easel"
    files = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=Easel", "-c", "user.email=easel@localhost", "commit", "--quiet", "--message=All of it")
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def comfy_cli(tools: Path, folder: Path, *arguments: str) -> str:
    command = [tools / "comfy", "--skip-prompt", "--no-enable-telemetry", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120)
    return result.stdout + result.stderr


def test_the_registry_finds_nothing_wrong(tools, clone):
    # It exits with 0 whatever it finds.
    said = comfy_cli(tools, clone, "node", "validate")
    assert "Warning" not in said and "Security warnings" not in said and "Error" not in said, said


def test_the_registry_s_zip_holds_what_users_need_and_nothing_else(tools, clone):
    comfy_cli(tools, clone, "node", "pack")
    with zipfile.ZipFile(clone / "node.zip") as packed:
        names = set(packed.namelist())
    assert names >= NEEDED
    assert not [name for name in names if name.startswith(NOT_FOR_USERS)]


# Manager


@pytest.fixture
def manager_host(host, tools, tmp_path):
    """A ComfyUI that Manager may change: a copy of the checkout, and an environment on top of the host's and the tools'."""
    comfyui, venv = tmp_path / "ComfyUI", tmp_path / "venv"
    # Manager follows symlinks back to the checkout they point at, so this has to be a copy.
    shutil.copytree(Path(host.__file__).parent, comfyui)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    below = [*site_packages(Path(sys.executable).parent), *site_packages(tools)]
    (site_packages(programs_of(venv))[0] / "below.pth").write_text("\n".join(map(str, below)))
    return Host(comfyui, python_of(venv))


def site_packages(programs: Path) -> list[Path]:
    return sorted(programs.parent.glob("[lL]ib/**/site-packages"))[:1]


def test_manager_installs_it_from_a_repository(manager_host, clone, tmp_path):
    git(tmp_path, "clone", "--quiet", "--bare", str(clone), "easel.git")
    # Manager takes no path: the address must have a host part.
    address = f"file://localhost{(tmp_path / 'easel.git').as_posix()}"
    install = [manager_host.python, "-m", "cm_cli", "install", address, "--mode", "local", "--channel", "default"]
    environment = os.environ | {"COMFYUI_PATH": str(manager_host.comfyui), "HOME": str(tmp_path)}
    result = subprocess.run(install, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert "[INSTALLED]" in result.stdout, result.stdout + result.stderr
    assert (manager_host.comfyui / "custom_nodes/easel/__init__.py").is_file()

    comfy = ComfyServer(manager_host.comfyui, packs={}, comfyui=manager_host.comfyui, python=manager_host.python)
    try:
        comfy.start()
        assert "IMPORT FAILED" not in comfy.log_text()
        assert easel_nodes(comfy)
    finally:
        comfy.stop()
