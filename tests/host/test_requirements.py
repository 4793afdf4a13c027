"""requirements.txt: every line satisfied beside ComfyUI, and none that could move what the user has."""

import re
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from support.pack import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LINES = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n")[:-1]
WANTED = [Requirement(line) for line in LINES]
HERE = [wanted for wanted in WANTED if wanted.marker is None or wanted.marker.evaluate()]
NEVER_OURS = {"torch", "torchvision", "torchaudio", "torchsde", "transformers", "tokenizers", "safetensors", "xformers"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("wanted", HERE, ids=str)
def test_each_line_is_satisfied(host, wanted):
    assert wanted.specifier.contains(version(wanted.name), prereleases=True)


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_a_line_only_says_what_is_too_old(wanted):
    assert [limit.operator for limit in wanted.specifier] == [">="]
    assert wanted.url is None


def test_no_line_is_about_what_belongs_to_the_host():
    assert not {normal(wanted.name) for wanted in WANTED} & NEVER_OURS


def test_nothing_asked_for_asks_for_torch_in_turn(host):
    """A package of ours that needs torch or transformers could make pip replace the user's."""
    seen: set[str] = set()
    to_see = [wanted.name for wanted in HERE]
    while to_see:
        name = normal(to_see.pop())
        if name in seen:
            continue
        seen.add(name)
        needs = [Requirement(line) for line in requires(name) or []]
        to_see += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert not seen & NEVER_OURS


def test_the_host_s_own_bounds_hold(host):
    """What ComfyUI asks for is still satisfied after our lines were installed beside it."""
    import folder_paths

    lines = Path(folder_paths.base_path, "requirements.txt").read_text(encoding="utf-8").splitlines()
    asked = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    assert [need for need in asked if not need.specifier.contains(version(need.name), prereleases=True)] == []


def test_pyproject_lists_the_same_lines():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == LINES
