"""What stands on nodes beside their widgets: each sets an ordinary widget, and nothing else leaves the editor."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read(name):
    return json.loads((ROOT / f"workflows/{name}.json").read_text(encoding="utf-8"))


BLUEPRINTS = sorted(path.stem for path in (ROOT / "subgraphs").glob("*.json"))


def inputs_of(editor, node_class):
    """The values that an exported prompt holds for the first node of that class."""
    return next(node["inputs"] for node in editor.export().values() if node["class_type"] == node_class)


def test_shapes_chips_and_quadrants_set_the_nodes_own_widgets(editor):
    page = editor.page
    editor.load(read("flux-text-to-image"))
    editor.step_back()
    before = inputs_of(editor, "EaselFluxGenerate")
    wide = page.get_by_role("radio", name="16:9", exact=True)
    wide.click()
    assert wide.get_attribute("aria-checked") == "true"
    assert inputs_of(editor, "EaselFluxGenerate") == {**before, "aspect_ratio": "16:9"}
    wide.press("ArrowLeft")
    assert inputs_of(editor, "EaselFluxGenerate")["aspect_ratio"] != "16:9"
    editor.operate("EaselFluxGenerate", "aspect_ratio", "1:1")
    page.wait_for_function("() => document.querySelector('[role=radio][value=\"1:1\"]').ariaChecked === 'true'")

    editor.load(read("prompt-builder"))
    editor.step_back()
    before = inputs_of(editor, "EaselPromptBuilder")
    chips = page.get_by_role("group", name="Chosen words")
    chips.get_by_role("button", name=f"Remove lighting: {before['lighting']}").click()
    chips.get_by_label("Add words").select_option(label="golden hour")
    assert inputs_of(editor, "EaselPromptBuilder") == {**before, "lighting": "golden hour"}

    editor.load(read("midjourney-grid-and-beyond"))
    editor.step_back()
    page.get_by_role("radio", name="3, bottom left").first.click()
    assert inputs_of(editor, "EaselMidjourneyUpscale")["which"] == "3"


def test_blueprints_are_found_by_their_names_and_hold_nodes_that_run(editor):
    page = editor.page
    for name in BLUEPRINTS:
        editor.clear()
        editor.drop(name)
        inner = page.evaluate("() => [...app.graph.nodes[0].subgraph.nodes].map((n) => [n.type, !!n.has_errors])")
        assert len(inner) > 1 and all(kind.startswith("Easel") and not failed for kind, failed in inner), name
    page.evaluate("""() => {
      const [made] = app.graph.nodes;
      const save = LiteGraph.createNode("EaselSavePictures");
      app.graph.add(save);
      made.connect(0, save, 0);
      made.widgets[0].value = "a red circle on a blue background";
    }""")
    assert editor.run()["name"] == "execution_success"
    # The subgraph has the price of what is in it.
    page.wait_for_function("() => app.graph.nodes[0].widgets.some((w) => w.value === 'free: kept')")
