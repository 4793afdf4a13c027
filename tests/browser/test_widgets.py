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


def test_a_grid_shows_where_one_of_it_is_chosen_though_no_node_displays_it(editor):
    page = editor.page
    editor.load(read("midjourney-grid-and-beyond"))
    page.evaluate("""() => {
      const grid = app.graph.nodes.find((n) => n.type === "EaselMidjourneyImagine");
      const one = app.graph.nodes.find((n) => n.type === "EaselMidjourneyUpscale");
      for (const node of [...app.graph.nodes]) if (node !== grid && node !== one) app.graph.remove(node);
      const save = LiteGraph.createNode("EaselSavePictures");
      app.graph.add(save);
      one.connect(0, save, 0);
    }""")
    assert editor.run()["name"] == "execution_success"
    board = ".easel-quadrants .board"
    page.wait_for_function(f"() => document.querySelector('{board}').style.backgroundImage.includes('easel_grid')")
    # It is drawn again with the same picture after the task was away for a moment.
    page.evaluate("""() => {
      const one = app.graph.nodes.find((n) => n.type === "EaselMidjourneyUpscale");
      one.disconnectInput(0);
    }""")
    page.wait_for_function(f"() => document.querySelector('{board}').style.backgroundImage === ''")
    page.evaluate("""() => {
      const grid = app.graph.nodes.find((n) => n.type === "EaselMidjourneyImagine");
      grid.connect(2, app.graph.nodes.find((n) => n.type === "EaselMidjourneyUpscale"), 0);
    }""")
    page.wait_for_function(f"() => document.querySelector('{board}').style.backgroundImage.includes('easel_grid')")


def offered(editor, widget):
    """What the first FLUX node's list offers."""
    return editor.page.evaluate(
        "(name) => app.graph.nodes.find((n) => n.type === 'EaselFluxGenerate')"
        ".widgets.find((w) => w.name === name).options.values",
        widget,
    )


def test_sizes_offer_what_the_model_takes_and_a_saved_one_stays(editor):
    page = editor.page
    editor.load(read("flux-text-to-image"))
    editor.step_back()
    before = offered(editor, "aspect_ratio")
    editor.operate("EaselFluxGenerate", "aspect_ratio", "7:5")
    editor.operate("EaselFluxGenerate", "model", "flux-1.1-pro-ultra")
    editor.operate("EaselFluxGenerate", "route", "fal")
    page.get_by_role("radio", name="2:1", exact=True).wait_for(state="hidden")

    assert set(before) - set(offered(editor, "aspect_ratio")) == {"5:4", "2:1", "4:5", "5:7", "1:2"}
    assert offered(editor, "resolution") == ["default"]
    assert inputs_of(editor, "EaselFluxGenerate")["aspect_ratio"] == "7:5"
    page.get_by_role("radio", name="1:1", exact=True).press("ArrowRight")
    assert inputs_of(editor, "EaselFluxGenerate")["aspect_ratio"] == "4:3"
    page.get_by_role("radio", name="7:5", exact=True).wait_for(state="hidden")

    editor.operate("EaselFluxGenerate", "route", "BFL")
    page.get_by_role("radio", name="2:1", exact=True).wait_for()
    assert offered(editor, "aspect_ratio") == before


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
    assert "easel_price" not in page.evaluate("() => JSON.stringify(app.graph.serialize())")
    # What fails out of sight is told in sight.
    page.evaluate("""() => {
      const [made] = app.graph.nodes;
      const inner = [...made.subgraph.nodes].find((n) => n.comfyClass !== "EaselPromptBuilder");
      const told = { node_id: `${made.id}:${inner.id}`, node_type: inner.type, prompt_id: "gone", traceback: [],
        exception_type: "easel.MissingKey", exception_message: "There is no key for this.", executed: [] };
      app.api.dispatchCustomEvent("execution_error", told);
    }""")
    page.get_by_text("A node inside a subgraph has failed").first.wait_for()
    editor.close_error_dialog()
    # Where its prompt is opened again, the node lies outside of any subgraph, and has its price there.
    editor.panel("Pictures").get_by_role("button", name="Load this workflow").first.click()
    page.wait_for_function(
        "() => app.graph.nodes.some((n) => !n.subgraph && n.widgets?.some((w) => w.value === 'free: kept'))"
    )


def test_a_subgraph_shows_its_price_in_nodes_2_too(open_editor):
    editor = open_editor(vue=True)
    editor.drop(BLUEPRINTS[0])
    editor.page.evaluate("""() => {
      const [made] = app.graph.nodes;
      const save = LiteGraph.createNode("EaselSavePictures");
      app.graph.add(save);
      made.connect(0, save, 0);
    }""")
    price = "(n) => document.querySelector(`[data-node-id='${n.id}']`)?.innerText"
    editor.page.wait_for_function(f"() => /\\$|free/.test(({price})(app.graph.nodes.find((n) => n.subgraph)))")
