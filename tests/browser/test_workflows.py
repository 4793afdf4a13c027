"""The shipped workflows in the editor: found, opened and run as a user does, and exported to what is shipped."""

import json
from pathlib import Path

from PIL import Image

from support.editor import widget_values

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
ALL_SHOWN = "app.graph.nodes.filter((n) => n.type === 'EaselSavePictures').every((n) => n.imgs?.[0]?.naturalWidth > 0)"


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def told(prompt):
    """The prompt without what PreviewAny shows, which the two editors keep each in its own way."""
    for node in prompt.values():
        if node["class_type"] == "PreviewAny":
            node["inputs"].pop("preview", None)
    return prompt


def test_the_template_browser_shows_them_with_their_pictures(editor, tmp_path):
    dialog = editor.templates()
    for name in NAMES:
        assert name in editor.template_card(dialog, name).inner_text()
        editor.page.wait_for_function(
            "(name) => document.querySelector(`[data-testid=template-workflow-${name}] img`)?.naturalWidth > 100",
            arg=name,
        )
    editor.screenshot(tmp_path / "templates.png")


def test_each_template_is_what_is_shipped_and_runs(editor):
    # One page for all: loading it takes longer than a run. Each is opened in one of the two editors; the template browser
    # shows all of them in both.
    for name in NAMES[editor.server.has_own_frontend :: 2]:
        editor.clear()
        editor.open_template(name)
        shipped = told(read(WORKFLOWS / "api" / f"{name}.json"))
        assert told(editor.export()) == shipped, name
        assert editor.widget_values() == widget_values(read(WORKFLOWS / f"{name}.json")), name

        ended = editor.run()
        assert ended["name"] == "execution_success", (name, ended)
        entry = editor.server.wait(ended["prompt_id"])
        saved = editor.server.saved(entry)
        assert saved and all(Image.open(path).width >= 512 for path in saved), name
        editor.step_back(0.22)
        editor.page.wait_for_function(f"() => {ALL_SHOWN}")
        # What a run shows on its nodes belongs to that run.
        assert told(editor.export()) == shipped, name


def test_every_workflow_has_its_api_form_and_its_picture():
    assert sorted(path.stem for path in (WORKFLOWS / "api").glob("*.json")) == NAMES
    assert sorted(path.stem for path in WORKFLOWS.glob("*.jpg")) == NAMES
