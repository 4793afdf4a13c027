"""Segment in the editor: clicks and drags become points, and what was clicked runs headless to the same mask."""

import json

import numpy as np
import pytest
from PIL import Image

from support.tiny_sam import STANDS_FOR, scene

WIDGET = "app.graph.nodes.find((n) => n.type === 'EaselSegment')"
GRAPH = {
    "1": {"class_type": "EaselLoadSegmentAnything", "inputs": {"model_name": STANDS_FOR}, "_meta": {"title": "1"}},
    "2": {"class_type": "LoadImage", "inputs": {"image": "scene.png"}, "_meta": {"title": "2"}},
    "3": {
        "class_type": "EaselSegment",
        "inputs": {"sam": ["1", 0], "image": ["2", 0], "points": "", "keep": "best"},
        "_meta": {"title": "3"},
    },
    "4": {"class_type": "MaskToImage", "inputs": {"mask": ["3", 0]}, "_meta": {"title": "4"}},
    "5": {
        "class_type": "SaveImage",
        "inputs": {"images": ["4", 0], "filename_prefix": "mask"},
        "_meta": {"title": "5"},
    },
}


class Clicker:
    """The picture on a Segment node; places are shares of the picture, from its top left corner."""

    def __init__(self, editor):
        self.editor, self.page = editor, editor.page
        self.sheet = self.page.get_by_label("Picture to click on")

    def lay_out(self):
        """Open the graph."""
        self.page.evaluate("async (graph) => { await app.loadApiJson(graph, 'segment') }", GRAPH)
        self.open_again()

    def open_again(self, **values):
        """Save the workflow, write these into its nodes as their first values, and open it, with Segment in view."""
        workflow = json.loads(self.page.evaluate("() => JSON.stringify(app.graph.serialize())"))
        for place, node in enumerate(workflow["nodes"]):
            # The oldest editor's Nodes 2.0 lays what comes as an API file on one heap.
            node["pos"] = [700 * place, 0]
            if node["type"] in values:
                node["widgets_values"][0] = values[node["type"]]
        self.editor.load(workflow)
        self.page.evaluate(f"() => {{ app.canvas.ds.scale = 1; app.canvas.centerOnNode({WIDGET}) }}")
        self.page.wait_for_timeout(200)

    def spot(self, x, y):
        """Where on the screen that place of the square picture is."""
        area = self.sheet.bounding_box()
        side = min(area["width"], area["height"])
        return area["x"] + area["width"] / 2 + (x - 0.5) * side, area["y"] + area["height"] / 2 + (y - 0.5) * side

    def click(self, x, y, button="left"):
        self.page.mouse.click(*self.spot(x, y), button=button)

    def drag(self, start, end):
        self.page.mouse.move(*self.spot(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.spot(0.5, 0.5))
        self.page.mouse.move(*self.spot(*end))
        self.page.mouse.up()

    def text(self):
        return self.page.evaluate(f"() => {WIDGET}.widgets.find((w) => w.name === 'points').value")

    def clicks(self):
        """What the widget holds, as shares of the picture."""
        value = json.loads(self.text())
        assert value["size"] == [512, 512]
        points = [(round(one["x"] / 512, 2), round(one["y"] / 512, 2), one["label"]) for one in value.get("points", [])]
        return points, [round(side / 512, 2) for side in value.get("box", [])]

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def segment(self):
        """Press the node's own button; the server's record of the run."""
        before = self.page.evaluate("() => window.runs.length")
        self.press("Segment")
        self.page.wait_for_function(f"() => window.runs.length > {before}")
        ended = self.page.evaluate("() => window.runs.at(-1)")
        assert ended["name"] == "execution_success", ended
        return self.editor.server.wait(ended["prompt_id"])


@pytest.fixture
def clicker(open_editor, served):
    """Opens the editor in classic nodes or Nodes 2.0."""
    (served.base / "input").mkdir(exist_ok=True)
    Image.fromarray(scene(512, 512)).save(served.base / "input/scene.png")
    return lambda vue: Clicker(open_editor(vue=vue))


# One page for both halves: loading it takes longer than everything else here.
@pytest.mark.parametrize("vue", [False, True], ids=["classic nodes", "nodes 2.0"])
def test_clicks_become_points_and_the_same_mask_headless(clicker, vue):
    clicker = clicker(vue)
    server = clicker.editor.server
    clicker.lay_out()

    # The picture of Load Image is there before anything has run.
    clicker.sheet.wait_for()
    clicker.click(0.3, 0.5)
    clicker.click(0.05, 0.1, button="right")
    clicker.click(0.75, 0.5)
    assert clicker.clicks() == ([(0.3, 0.5, 1), (0.05, 0.1, 0), (0.75, 0.5, 1)], [])
    clicker.click(0.75, 0.5)
    clicker.drag((0.02, 0.2), (0.56, 0.8))
    assert clicker.clicks() == ([(0.3, 0.5, 1), (0.05, 0.1, 0)], [0.02, 0.2, 0.56, 0.8])

    record = clicker.segment()
    assert set(record["outputs"]) <= {"2", "3"}, "what hangs on the node ran too"
    clicker.page.get_by_alt_text("The mask").wait_for()
    clicker.page.get_by_text("score 0.").first.wait_for()

    ended = clicker.editor.run()
    (clicked,) = server.saved(server.wait(ended["prompt_id"]))
    exported = clicker.editor.export()
    assert exported["3"]["inputs"] == {**GRAPH["3"]["inputs"], "points": clicker.text()}
    # Another batch name, so that nothing is served from before.
    exported["5"]["inputs"]["filename_prefix"] = f"headless-{vue}"
    (headless,) = server.saved(server.run(exported))
    assert np.array_equal(np.array(Image.open(clicked)), np.array(Image.open(headless)))
    mask = np.array(Image.open(headless).convert("L")) > 127
    disc = np.all(scene(512, 512) == (240, 140, 20), axis=2)
    assert (mask & disc).sum() / (mask | disc).sum() > 0.8

    clicker.press("Clear")
    assert clicker.text() == ""

    # Written by hand, for a picture of another size, and with a model that is not there: the workflow opens all the same.
    written = '{"points": [{"x": 25, "y": 50}], "size": [100, 100]}'
    clicker.open_again(EaselLoadSegmentAnything="sam_vit_h_4b8939.pth", EaselSegment=written)
    clicker.sheet.locator("circle").wait_for()
    assert clicker.sheet.locator("circle").get_attribute("cx") == "128"
    clicker.click(0.25, 0.5)
    assert clicker.text() == ""
    clicker.click(0.5, 0.5)
    assert clicker.clicks() == ([(0.5, 0.5, 1)], [])
    assert clicker.editor.export()["1"]["inputs"]["model_name"] == "sam_vit_h_4b8939.pth"
    clicker.page.get_by_role("button", name="Run", exact=True).first.click()
    told = clicker.page.get_by_text("dl.fbaipublicfiles.com")
    details = clicker.page.get_by_role("button", name="View details")
    told.or_(details).first.wait_for()
    if details.count():
        # The newest editor says only which input it is until it is asked twice.
        details.first.click()
        clicker.editor.unfold(clicker.page.get_by_label("Info for 1 - model_name"), told.first)
    told.first.wait_for()


def test_inside_a_subgraph_the_button_runs_the_node_too(clicker):
    clicker = clicker(False)
    clicker.lay_out()
    clicker.page.evaluate("""() => {
      const wanted = ["EaselSegment", "EaselLoadSegmentAnything", "LoadImage"];
      const nodes = app.graph.nodes.filter((n) => wanted.includes(n.type));
      const { node } = app.graph.convertToSubgraph(new Set(nodes));
      app.canvas.setGraph(node.subgraph);
      app.canvas.ds.scale = 1;
      app.canvas.centerOnNode([...node.subgraph.nodes].find((n) => n.type === "EaselSegment"));
      app.canvas.setDirty(true, true);
    }""")
    clicker.sheet.wait_for()
    clicker.click(0.3, 0.5)
    record = clicker.segment()
    assert all(":" in node for node in record["outputs"]), "what hangs on the node ran too"
    clicker.page.get_by_text("score 0.").first.wait_for()
