"""Prices in the editor: on each node, beside Run, and asked about above the user's limit."""

import itertools
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DALLE3 = json.loads((ROOT / "workflows/dalle3-text-to-image.json").read_text(encoding="utf-8"))
NODE = "app.graph.nodes.find((n) => n.type === 'EaselDallE3')"
BADGE = f"{NODE}.widgets.find((w) => w.name === 'easel_price').value"
LIMIT = "Easel.Money.AskAbove"


@pytest.fixture
def limit(editor):
    """Sets the limit, until the end of the test."""

    def put(usd):
        editor.page.evaluate("([id, usd]) => app.extensionManager.setting.set(id, usd)", [LIMIT, usd])

    yield put
    editor.server.post(f"/api/settings/{LIMIT}", 0)


def wait_for_badge(editor, condition):
    editor.page.wait_for_function(f"() => ((text) => {condition})({BADGE})")
    return editor.page.evaluate(f"() => {BADGE}")


def queued(editor):
    """How many runs the server has been given so far."""
    return len(editor.server.get("/history").body) + sum(map(len, editor.server.get("/queue").body.values()))


def test_a_price_follows_a_widget_and_a_run_over_the_limit_is_asked_about(editor, limit):
    editor.load(DALLE3)
    # A purchase of this test's own.
    editor.operate("EaselDallE3", "take", 4100)
    usual = wait_for_badge(editor, "text.startsWith('$')")
    total = editor.page.get_by_label("Price of a run")
    assert total.inner_text() == f"about {usual}"

    editor.operate("EaselDallE3", "quality", "hd")
    dearer = wait_for_badge(editor, f"text !== '{usual}'")
    assert float(dearer[1:]) > float(usual[1:])
    editor.page.get_by_text(f"about {dearer}").first.wait_for()

    limit(0.001)
    before = queued(editor)
    dialog = editor.page.get_by_role("dialog")
    for ask in (editor.press_run, lambda: editor.page.keyboard.press("Control+Enter")):
        ask()
        dialog.get_by_text(f"This run costs about {dearer}.").wait_for()
        dialog.get_by_role("button", name="Cancel").click()
        dialog.wait_for(state="detached")
    assert queued(editor) == before

    editor.press_run()
    dialog.get_by_role("button", name="Confirm").click()
    editor.page.wait_for_function("() => window.runs.length === 1")
    assert editor.page.evaluate("() => window.runs[0].name") == "execution_success"
    # What was bought is kept: it costs nothing again, and nobody is asked.
    wait_for_badge(editor, "text === 'free: kept'")
    assert total.inner_text() == "free: all kept"
    assert editor.run()["name"] == "execution_success"


def test_without_easels_routes_only_the_prices_are_missing(editor, limit):
    # No such route, and something else in its place.
    answers = itertools.cycle([{"status": 404}, {"status": 200, "body": "not JSON"}])
    editor.page.route("**/api/easel/**", lambda route: route.fulfill(**next(answers)))
    editor.open()
    editor.load(DALLE3)
    limit(0.001)
    with editor.page.expect_response("**/easel/estimate"):
        editor.operate("EaselDallE3", "take", 4101)

    assert editor.run()["name"] == "execution_success"
    assert editor.page.evaluate(f"() => {BADGE}") == ""
    assert editor.page.get_by_label("Price of a run").count() == 0
    editor.panel("Keys").get_by_text("ComfyUI does not answer.").wait_for()


def test_under_a_limit_a_run_that_the_server_cannot_price_is_asked_about(editor, limit):
    editor.page.route("**/easel/estimate", lambda route: route.fulfill(status=500))
    editor.load(DALLE3)
    editor.operate("EaselDallE3", "take", 4102)
    limit(0.001)
    before = queued(editor)

    editor.press_run()
    dialog = editor.page.get_by_role("dialog")
    dialog.get_by_text("This run costs an unknown sum.").wait_for()
    dialog.get_by_role("button", name="Cancel").click()
    dialog.wait_for(state="detached")

    assert queued(editor) == before


def test_without_a_limit_nothing_stands_between_run_and_the_editor(editor):
    editor.load(DALLE3)
    editor.operate("EaselDallE3", "take", 4103)
    # As other packs do: the second does not wait for the first.
    editor.page.evaluate("() => { app.queuePrompt(0, 1); app.queuePrompt(0, 1) }")
    editor.page.wait_for_function("() => window.runs.length === 2")
