"""The pictures of the README and the help pages, taken anew: every node as it looks after its example has run.

Run by ``python3 dev.py shots``, which has set ComfyUI and Chromium up.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from support.comfy import ComfyServer
from support.editor import Editor
from support.pack import ROOT, load_pack
from support.tiny_sam import lay_into as lay_sam_into
from support.tiny_sd35 import lay_into as lay_sd35_into

DOCS = ROOT / "js/docs"
NODES = DOCS / "nodes"
README = DOCS / "easel.png"
SHOWN = "hero-images-in-three-styles"
"""The workflow on the README's picture."""
_MARGIN = 14
_BADGES = 20
"""Pixels that a node's badges stand above it."""
_QUALITY = 82
_HIGHEST = 1500
"""Pixels of the highest node that fits on the page."""
# Puts the node, at its own size and under its own name, clear of the editor's bars; gives its rectangle on the page.
_BRING = """([id, margin, badges]) => {
  const node = app.graph.getNodeById(id);
  node.title = node.constructor.title;
  const [x, y, width, height] = node.getBounding();
  const { ds, canvas } = app.canvas;
  ds.scale = 1;
  ds.offset = [420 - x, 170 - y];
  app.canvas.deselectAll?.();
  app.canvas.setDirty(true, true);
  const box = canvas.getBoundingClientRect();
  return [box.left + 420 - margin, box.top + 170 - margin - badges, width + 2 * margin, height + 2 * margin + badges];
}"""


def main() -> None:
    """Take every picture; says which node no workflow shows."""
    # The tiny models are laid out by the pack and by ComfyUI, which looks for a GPU unless told not to.
    sys.path.insert(0, os.environ["COMFYUI_PATH"])
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    load_pack()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        base = Path(folder)
        lay_sam_into(base)
        lay_sd35_into(base)
        server = ComfyServer(base).start()
        browser = playwright.chromium.launch(
            executable_path=os.environ["EASEL_TEST_CHROMIUM"], args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            server.post("/api/settings/Comfy.Minimap.Visible", False)
            editor = Editor(browser, server).open()
            _close_news(editor)
            _shoot(editor, [path.stem for path in sorted((ROOT / "workflows").glob("*.json"))])
        finally:
            browser.close()
            server.stop()
    left = {page.stem for page in DOCS.glob("Easel*.md")} - {shot.stem for shot in NODES.glob("*.webp")}
    print(f"no workflow shows {', '.join(sorted(left))}" if left else "every help page has its picture")


def _shoot(editor: Editor, workflows: list[str]) -> None:
    NODES.mkdir(exist_ok=True)
    for old in NODES.glob("*.webp"):
        old.unlink()
    taken: set[str] = set()
    # The one of the README first, while the page has one tab only.
    for name in [SHOWN, *(name for name in workflows if name != SHOWN)]:
        graph = json.loads((ROOT / f"workflows/{name}.json").read_text(encoding="utf-8"))
        wanted = {node["type"]: node["id"] for node in graph["nodes"] if node["type"].startswith("Easel")}
        if wanted.keys() <= taken and name != SHOWN:
            continue
        editor.page.set_viewport_size({"width": 1500, "height": 900})
        editor.load(graph)
        ended = editor.run()
        print(name, ended["name"], flush=True)
        editor.step_back()
        editor.page.wait_for_timeout(1500)
        if name == SHOWN:
            _readme(editor)
        editor.page.set_viewport_size({"width": 1500, "height": _HIGHEST + 300})
        editor.page.wait_for_timeout(500)
        for kind in wanted.keys() - taken:
            _node(editor, wanted[kind]).save(NODES / f"{kind}.webp", quality=_QUALITY, method=6)
            taken.add(kind)


def _close_news(editor: Editor) -> None:
    """Away with what the editor has to say about itself."""
    banner = editor.page.get_by_text("Introducing Nodes 2.0").locator(
        "xpath=ancestor::*[count(.//button) > 1][1]//button"
    )
    if banner.count():
        banner.last.click()


def _readme(editor: Editor) -> None:
    # Any smaller, and the classic canvas leaves out the text of widgets.
    editor.page.evaluate(
        "() => { app.canvas.ds.scale = 0.6; app.canvas.ds.offset = [110, 190]; app.canvas.setDirty(true, true) }"
    )
    editor.page.wait_for_timeout(1000)
    shot = Image.open(io.BytesIO(editor.page.screenshot())).convert("P", palette=Image.Palette.ADAPTIVE, colors=255)
    shot.save(README, optimize=True)


def _node(editor: Editor, node: int) -> Image.Image:
    left, top, width, height = editor.page.evaluate(_BRING, [node, _MARGIN, _BADGES])
    editor.page.wait_for_timeout(700)
    clip = {"x": left, "y": top, "width": width, "height": min(height, _HIGHEST)}
    return Image.open(io.BytesIO(editor.page.screenshot(clip=clip))).convert("RGB")
