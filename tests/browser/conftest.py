"""Both editors that Easel supports, each served by a ComfyUI of its own and shown in a Chromium."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from support.comfy import ComfyServer
from support.editor import Editor
from support.tiny_sam import lay_into
from support.tiny_sd35 import lay_into as lay_sd35_into


@pytest.fixture(scope="session", params=["pinned", "newest"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    """ComfyUI with the front end that the oldest supported one pins, and with the newest."""
    if "COMFYUI_PATH" not in os.environ:
        pytest.skip("set COMFYUI_PATH, or run `python3 dev.py test`")
    frontend = request.getfixturevalue("newest_frontend") if request.param == "newest" else None
    base = tmp_path_factory.mktemp("editor")
    lay_into(base)
    lay_sd35_into(base)
    server = ComfyServer(base, frontend=frontend).start()
    yield server
    server.stop()


# One a module: while playwright is open, no test can run an event loop of its own.
@pytest.fixture(scope="module")
def browser(chromium_path: str | None) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=chromium_path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def open_editor(browser: Browser, served: ComfyServer, tmp_path: Path) -> Iterator[Callable[..., Editor]]:
    """Opens the editor; takes what Editor takes. Its end is kept as screenshot and words; no script may have failed."""
    opened: list[Editor] = []

    def make(**options: bool) -> Editor:
        opened.append(Editor(browser, served, **options))
        return opened[-1].open()

    yield make
    for number, editor in enumerate(opened, 1):
        editor.screenshot(tmp_path / f"editor-{number}.png")
        # Read where a test has failed: pytest shows it then.
        print(editor.page.locator("body").inner_text())
        editor.close()
        assert editor.errors == []


@pytest.fixture
def editor(open_editor: Callable[..., Editor]) -> Editor:
    return open_editor()
