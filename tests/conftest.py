"""Loads the pack as `easel` and lends the tests a real ComfyUI and the stand-in providers.

In-process tests say `from easel.nodes.pictures import ...`; helpers come from `support`.
"""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# A shell makes what it runs in the background deaf to Ctrl-C, and what that runs in turn.
signal.signal(signal.SIGINT, signal.default_int_handler)

# At the end of the path, so that nothing here hides a module of ComfyUI's.
sys.path.append(str(Path(__file__).parent))

from support.comfy import PRIVATE, ComfyServer
from support.pack import load_pack
from support.sandbox import SandboxProcess
from support.tiny_sam import lay_into
from support.tiny_sd35 import lay_into as lay_sd35_into

# What dev.py tells the tests: folders and programs, no setting of the pack.
TOLD = {name: value for name, value in os.environ.items() if name.startswith("EASEL_TEST_")}
# No test can spend anybody's money or follow anybody's settings.
for _name in [name for name in os.environ if PRIVATE.search(name) and name not in TOLD]:
    del os.environ[_name]

HOST = os.environ.get("COMFYUI_PATH")
if HOST:
    sys.path.insert(0, HOST)
    import comfy.cli_args

    # Before anything imports comfy.model_management, which looks for a GPU.
    comfy.cli_args.args.cpu = True

load_pack()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"host", "browser"} & set(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker("served")


class OneProcessEach(LoadScopeScheduling):
    """Deals out whole files of tests, and those that drive an editor by editor: each starts its ComfyUI once."""

    def _split_scope(self, nodeid: str) -> str:
        editor = re.search(r"\[(pinned|newest)\b", nodeid)
        file = nodeid.partition("::")[0]
        if not editor:
            return file
        # This one takes as long as all the others together.
        return f"{editor[1]} workflows" if file.endswith("test_workflows.py") else editor[1]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneProcessEach:
    return OneProcessEach(config, log)


@pytest.fixture(scope="session")
def host() -> ModuleType:
    """ComfyUI's own `nodes` module, in this process."""
    need_host()
    import nodes

    assert Path(nodes.__file__).parent == Path(str(HOST)), "the pack's nodes/ hides ComfyUI's nodes.py"
    return nodes


@pytest.fixture(scope="session")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    """One ComfyUI in sandbox mode for all tests that leave it alive."""
    need_host()
    base = tmp_path_factory.mktemp("comfy")
    lay_into(base)
    lay_sd35_into(base)
    server = ComfyServer(base).start()
    yield server
    server.stop()


@pytest.fixture
def comfy_factory(tmp_path: Path) -> Iterator[Callable[..., ComfyServer]]:
    """Makes started ComfyUIs for one test that sets, stops or kills them; takes what ComfyServer takes.

    `base` is a folder of the test's own unless given, so that two of them share nothing.
    """
    need_host()
    made: list[ComfyServer] = []

    def make(base: Path | None = None, **options: object) -> ComfyServer:
        server = ComfyServer(base or tmp_path / f"comfy-{len(made) + 1}", **options)  # type: ignore[arg-type]
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    """The process behind the `sandbox` fixture."""
    process = SandboxProcess().start()
    yield process
    process.stop()


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """The stand-in providers, with an empty log and no faults."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of programs that holds `comfy` and `cm-cli`."""
    if "EASEL_TEST_TOOLS" not in TOLD:
        pytest.skip("run by `python3 dev.py test`, which installs the tools")
    return Path(TOLD["EASEL_TEST_TOOLS"])


@pytest.fixture(scope="session")
def newest_frontend() -> Path:
    """The folder of the newest editor that the pack is tested with: ComfyServer(frontend=...)."""
    if "EASEL_TEST_FRONTEND" not in TOLD:
        pytest.skip("run by `python3 dev.py test`, which installs another front end")
    return Path(TOLD["EASEL_TEST_FRONTEND"])


@pytest.fixture(scope="session")
def chromium_path() -> str | None:
    """For playwright's executable_path; None is the browser that playwright installed itself."""
    return TOLD.get("EASEL_TEST_CHROMIUM") or None


def need_host() -> None:
    if not HOST:
        pytest.skip("set COMFYUI_PATH, or run `python3 dev.py test`")
