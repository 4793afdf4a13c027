"""Who may import whom: the arrows of the house, read from the imports themselves."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pack import ROOT

NODES = ROOT / "nodes"
HOSTED = NODES / "hosted"
ENGINE = "nodes.hosted.engine"
PLATFORMS = "nodes.hosted.platforms"
PICTURES = ("nodes.pictures", "nodes.picture_")
HOST_MODULES = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "server", "execution", "nodes"}
MAY_SPEAK_COMFY_API = [NODES / "__init__.py", NODES / "extension.py", NODES / "widgets.py", HOSTED / "schema.py"]

SD35_DOOR = NODES / "local/sd35/core"
"""Where the model of SD 3.5 is put behind the host's sockets: it speaks to many of the host's modules."""

FILES = sorted(path for path in NODES.rglob("*.py") if "__pycache__" not in path.parts)
SHARED_ROOMS = ("engine", "platforms", "__pycache__")
FAMILIES = sorted(path for path in HOSTED.iterdir() if path.is_dir() and path.name not in SHARED_ROOMS)
FAMILY_FILES = [path for family in FAMILIES for path in sorted(family.rglob("*.py"))]

LOCAL_ROOMS = [NODES / "prompts", NODES / "assets", *(path for path in (NODES / "local").iterdir() if path.is_dir())]
LOCAL_FILES = [path for path in FILES if any(room in path.parents for room in LOCAL_ROOMS)]
SHARED_HERE = [f"nodes.local.{path.stem}" for path in (NODES / "local").glob("*.py")]
ERRORS, DATA, MONEY, SETTINGS = (f"nodes.hosted.engine.{name}" for name in ("errors", "toml", "money", "settings_file"))
ALSO_KNOWS = {"nodes.local.sd35": ["nodes.local.masks"]}
"""Rooms that stand on another one: inpainting grows and fills masks as the mask nodes do."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Everything that ``path`` imports, anywhere in it: ours as ``nodes.…``, others by their full name."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (f"other:{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield f"other:{node.module}"
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inside = f"{base}.{alias.name}"
                yield inside if is_module(inside) else base


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if not name.startswith("other:")}


def others(path: Path) -> set[str]:
    return {name.removeprefix("other:").partition(".")[0] for name in imports(path) if name.startswith("other:")}


def within(name: str, *rooms: str) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def room_of(path: Path) -> str:
    return name_of(next(room for room in LOCAL_ROOMS if room in path.parents) / "__init__.py")


def is_for_the_editor(path: Path) -> bool:
    """Whether it is a room's ``nodes.py``, or of its folder ``nodes``."""
    return "nodes" in path.relative_to(NODES).with_suffix("").parts


def shown(paths):
    return pytest.mark.parametrize("path", paths, ids=[name_of(path) for path in paths])


def test_the_arrows_are_read_rightly():
    assert within("nodes.hosted.engine.keys", ENGINE)
    assert not within("nodes.hosted.engineer", ENGINE)
    found = ours(HOSTED / "engine" / "purchase.py")
    assert "nodes.hosted.engine.errors" in found
    assert "sqlalchemy" in others(HOSTED / "engine" / "journal.py")
    assert FAMILIES
    assert FAMILY_FILES


@shown([path for path in FILES if HOSTED / "engine" in path.parents])
def test_the_engine_imports_nothing_else_of_ours(path):
    assert [name for name in ours(path) if not within(name, ENGINE)] == []


@shown([path for path in FILES if HOSTED / "platforms" in path.parents])
def test_the_platforms_know_the_engine_and_no_family(path):
    assert [name for name in ours(path) if not within(name, ENGINE, PLATFORMS)] == []


@shown(FAMILY_FILES)
def test_no_family_imports_another(path):
    own = next(family for family in FAMILIES if family in path.parents)
    strangers = [name_of(family / "__init__.py") for family in FAMILIES if family != own]
    assert [name for name in ours(path) if within(name, *strangers)] == []


@shown([path for path in FAMILY_FILES if not is_for_the_editor(path)])
def test_a_family_s_wire_knows_its_own_room_the_platforms_and_the_engine(path):
    own = next(name_of(family / "__init__.py") for family in FAMILIES if family in path.parents)
    assert [name for name in ours(path) if not within(name, own, ENGINE, PLATFORMS)] == []
    assert [name for name in ours(path) if within(name, f"{own}.nodes")] == []


@shown([path for path in FAMILY_FILES if is_for_the_editor(path)])
def test_a_family_s_nodes_know_their_own_room_and_what_all_share(path):
    own = next(name_of(family / "__init__.py") for family in FAMILIES if family in path.parents)
    shared = [name_of(other) for other in HOSTED.glob("*.py") if other.name != "__init__.py"]
    allowed = (own, ENGINE, PLATFORMS, "nodes.host", "nodes.widgets", *shared)
    assert [name for name in ours(path) if not within(name, *allowed) and not name.startswith(PICTURES)] == []


@shown([path for path in LOCAL_FILES if not is_for_the_editor(path)])
def test_what_works_here_knows_its_own_room_and_how_errors_look(path):
    shared = (ERRORS, DATA, MONEY, SETTINGS, "nodes.host", *SHARED_HERE)
    allowed = (room_of(path), *shared, *ALSO_KNOWS.get(room_of(path), []))
    assert [name for name in ours(path) if not within(name, *allowed) and not name.startswith(PICTURES)] == []


@shown([path for path in LOCAL_FILES if is_for_the_editor(path)])
def test_the_nodes_of_what_works_here_know_their_own_room_and_what_all_share(path):
    shared = ("nodes.hosted.sockets", "nodes.hosted.buying", "nodes.host", "nodes.widgets", *SHARED_HERE)
    allowed = (room_of(path), ERRORS, *shared, *ALSO_KNOWS.get(room_of(path), []))
    assert [name for name in ours(path) if not within(name, *allowed) and not name.startswith(PICTURES)] == []


@shown([path for path in FILES if NODES / "headless" in path.parents])
def test_what_runs_without_the_editor_knows_the_engine_and_the_catalogue(path):
    allowed = ("nodes.headless", ENGINE)
    assert [name for name in ours(path) if not within(name, *allowed) and name != "nodes"] == []


@shown([path for path in FILES if NODES / "sandbox" in path.parents])
def test_the_sandbox_imports_nothing_of_the_rest(path):
    assert [name for name in ours(path) if not within(name, "nodes.sandbox")] == []


@shown([path for path in FILES if path.parent == NODES and path.name.startswith("picture")])
def test_pictures_know_only_pictures(path):
    assert [name for name in ours(path) if not name.startswith(PICTURES)] == []


@shown(FILES)
def test_only_one_door_leads_to_the_host(path):
    if path == NODES / "host.py" or SD35_DOOR in path.parents:
        return
    speaks = others(path) & HOST_MODULES
    allowed = {"comfy_api"} if is_for_the_editor(path) or path in MAY_SPEAK_COMFY_API else set()
    assert speaks <= allowed


@shown([path for path in FILES if is_for_the_editor(path) and path.name != "schema.py"])
def test_a_node_s_several_purchases_are_waited_for_in_one_place(path):
    """HostedNode.each_bought: by hand, one that fails would hide what became of the others."""
    assert "gather(" not in path.read_text(encoding="utf-8")
