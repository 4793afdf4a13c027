"""ComfyUI's editor in a browser, handled as its users do: by clicks, keys and what can be read on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, TimeoutError

from support.comfy import ComfyServer

READY = "window.app?.extensionManager && window.app?.graph && window.app?.canvas"
_MOST_SCROLLS = 20
_MOST_TRIES = 15
HEAR_RUNS = """() => {
  window.runs = [];
  for (const name of ["execution_success", "execution_error", "execution_interrupted"])
    app.api.addEventListener(name, (event) => window.runs.push({ name, ...event.detail }));
}"""


def widget_values(workflow: dict[str, Any]) -> dict[str, Any]:
    """The values of each node's widgets, by node id. For a node without any, one editor writes [] and the other null."""
    return {str(node["id"]): node.get("widgets_values") or None for node in workflow["nodes"]}


class Editor:
    """One page of the editor; `vue` shows nodes as Nodes 2.0. `errors` are those that no script caught."""

    def __init__(self, browser: Browser, server: ComfyServer, *, vue: bool = False) -> None:
        self.server = server
        settings = {"TutorialCompleted": True, "PromptFilename": False, "VueNodes.Enabled": vue}
        for name, value in settings.items():
            server.post(f"/api/settings/Comfy.{name}", value)
        context = browser.new_context(viewport={"width": 1500, "height": 900}, accept_downloads=True)
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self) -> Editor:
        """Load the page, with an empty graph."""
        self.page.goto(self.server.url, wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=90_000)
        # The first graph is put there some time after the page is ready.
        self.page.wait_for_timeout(2000)
        self.page.keyboard.press("Escape")
        self.page.evaluate(HEAR_RUNS)
        self.clear()
        return self

    def clear(self) -> None:
        """Empty the graph."""
        self.page.evaluate("() => app.graph.clear()")

    def close(self) -> None:
        self.page.context.close()

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=path)

    # Graphs

    def load(self, workflow: dict[str, Any]) -> None:
        """Open a workflow as from a file."""
        self.page.evaluate("async (graph) => { await app.loadGraphData(graph) }", workflow)
        self.page.wait_for_timeout(600)

    def step_back(self, scale: float = 0.35) -> None:
        """See the whole graph: the classic canvas loads a node's pictures only once the node is in view."""
        self.page.evaluate(
            "(scale) => { app.canvas.ds.scale = scale; app.canvas.ds.offset = [100, 200];"
            " app.canvas.setDirty(true, true) }",
            scale,
        )

    def export(self) -> dict[str, Any]:
        """What the menu's Export (API) downloads."""
        with self.page.expect_download(timeout=15_000) as download:
            self.page.evaluate("async () => { await app.extensionManager.command.execute('Comfy.ExportWorkflowAPI') }")
        exported: dict[str, Any] = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
        return exported

    def widget_values(self) -> dict[str, Any]:
        """What a saved workflow holds of each node's widgets, by node id."""
        return widget_values(json.loads(self.page.evaluate("() => JSON.stringify(app.graph.serialize())")))

    def set_widget(self, node_class: str, widget: str, value: Any) -> None:
        self.page.evaluate(
            "([type, name, value]) => { app.graph.nodes.find((n) => n.type === type)"
            ".widgets.find((w) => w.name === name).value = value }",
            [node_class, widget, value],
        )

    # What a user does

    def templates(self) -> Locator:
        """Open the template browser at this pack's templates."""
        self.page.get_by_role("button", name="Templates", exact=True).first.click()
        dialog = self.page.get_by_role("dialog").first
        dialog.get_by_text("easel", exact=True).first.click()
        dialog.get_by_test_id("template-workflows-content").wait_for()
        return dialog

    def template_card(self, dialog: Locator, name: str) -> Locator:
        """A template in the open browser, which shows more of them the further it is scrolled."""
        card = dialog.get_by_test_id(f"template-workflow-{name}")
        cards = dialog.locator("[data-testid^=template-workflow-]")
        for _ in range(_MOST_SCROLLS):
            if card.count():
                break
            cards.last.scroll_into_view_if_needed()
            self.page.wait_for_timeout(200)
        card.scroll_into_view_if_needed()
        return card

    def open_template(self, name: str) -> None:
        self.template_card(self.templates(), name).click()
        self.page.wait_for_function("() => app.graph.nodes.length > 0")
        self.page.wait_for_timeout(1000)

    def drop(self, node_class: str) -> None:
        """Find a node by the search and put it on the canvas; on a page loaded anew where a slow one lost the keys."""
        for _ in range(2):
            try:
                return self._drop(node_class)
            except TimeoutError:
                self.open()
        self._drop(node_class)

    def _drop(self, node_class: str) -> None:
        self.page.mouse.dblclick(800, 480)
        self.page.wait_for_timeout(800)
        self.page.keyboard.type(node_class)
        self.page.wait_for_timeout(1200)
        self.page.keyboard.press("Enter")
        self.page.wait_for_timeout(600)
        # The newest editor lets the node hang on the pointer until the next click.
        self.page.mouse.click(830, 500)
        self.page.wait_for_function("() => app.graph.nodes.length === 1", timeout=5000)

    def open_help(self) -> None:
        """Select the only node and press its info button, from far enough away to have all of it in view."""
        self.page.evaluate(
            "() => { const [node] = app.graph.nodes; app.canvas.ds.scale = 0.5;"
            " app.canvas.selectNode(node); app.canvas.centerOnNode(node) }"
        )
        self.page.get_by_test_id("info-button").click()

    def operate(self, node_class: str, widget: str, value: Any) -> None:
        """Set a widget as its own control does: what listens to it hears of it."""
        self.page.evaluate(
            "([type, name, value]) => { const node = app.graph.nodes.find((n) => n.type === type);"
            " const widget = node.widgets.find((w) => w.name === name);"
            " widget.value = value; widget.callback?.(value, app.canvas, node) }",
            [node_class, widget, value],
        )

    def panel(self, tab: str) -> Locator:
        """Open Easel's panel at one of its tabs; what the tab shows."""
        choice = self.page.get_by_role("tab", name=tab, exact=True)
        if not choice.count():
            self.page.get_by_role("button", name="Easel", exact=True).first.click()
        choice.click()
        return self.page.get_by_role("tabpanel", name=tab, exact=True)

    def unfold(self, button: Locator, shown: Locator) -> None:
        """Have what ``button`` folds away ``shown``, although an editor that draws its list anew folds it again."""
        for _ in range(_MOST_TRIES):
            if button.get_attribute("aria-expanded") != "true":
                button.click()
            try:
                return shown.wait_for(timeout=2000)
            except TimeoutError:
                continue
        shown.wait_for()

    def close_error_dialog(self) -> None:
        """Close what the oldest editor lays over everything after an error; the newest does not."""
        if self.server.has_own_frontend:
            return
        dialog = self.page.get_by_role("dialog").first
        dialog.wait_for()
        self.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")

    def press_run(self) -> None:
        """Press Run and wait for nothing."""
        self.page.get_by_role("button", name="Run", exact=True).first.click()

    def run(self, timeout: float = 60) -> dict[str, Any]:
        """Press Run and wait; how the run ended, as the server told the page."""
        before = self.page.evaluate("() => window.runs.length")
        self.press_run()
        self.page.wait_for_function(f"() => window.runs.length > {before}", timeout=timeout * 1000)
        self.page.wait_for_timeout(800)
        ended: dict[str, Any] = self.page.evaluate("() => window.runs.at(-1)")
        return ended
