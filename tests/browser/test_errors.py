"""An error in the editor: a card on its node that says what to do, until the next run."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DALLE3 = json.loads((ROOT / "workflows/dalle3-text-to-image.json").read_text(encoding="utf-8"))
SENTENCE = "The prompt is empty: say what the picture should show."
# As the server tells it where no key is set, which no run in sandbox mode can come to.
NO_KEY = {
    "node_id": "1",
    "node_type": "EaselDallE3",
    "exception_type": "easel.MissingKey",
    "prompt_id": "gone",
    "timestamp": 0,
    "executed": [],
    "traceback": [],
    "current_inputs": {},
    "current_outputs": [],
    "exception_message": "Easel has no OpenAI key: save one in Easel's key settings. The provider's words: who are you?\n",
}


@pytest.fixture
def no_limits(served):
    """Takes away every limit that the test sets."""
    yield
    served.post("/easel/budget", {"run": None, "day": None, "month": None})


def test_a_card_leads_to_the_input_survives_a_reload_and_ends_with_the_next_run(open_editor):
    editor = open_editor(vue=True)
    page = editor.page
    editor.load(DALLE3)
    editor.operate("EaselDallE3", "prompt", " ")
    # Asked for by its text as well: the editor itself shows alerts.
    card = page.get_by_role("alert").filter(has=page.get_by_role("button", name="Change prompt"))

    assert editor.run()["name"] == "execution_error"
    editor.close_error_dialog()
    assert SENTENCE in card.inner_text()
    card.get_by_role("button", name="Change prompt").click()
    page.wait_for_function("() => document.activeElement.matches('textarea')")

    # The editor saves the open workflow a moment after a change.
    page.wait_for_function(
        "(id) => Object.values(localStorage).concat(Object.values(sessionStorage)).some((v) => v.includes(id))",
        arg=DALLE3["id"],
    )
    page.reload()
    card.wait_for()
    page.evaluate(
        "() => { window.runs = []; app.api.addEventListener('execution_success', (e) => window.runs.push(e)) }"
    )
    editor.operate("EaselDallE3", "prompt", "a red circle on a blue background")
    editor.press_run()
    card.wait_for(state="detached")


def test_an_error_waits_for_the_workflow_that_it_is_of(editor):
    page = editor.page
    other = DALLE3 | {"id": "0a3c2f0e-6c3b-4b7e-9a55-3f3f0d4f1c11"}
    editor.load(DALLE3)
    assert editor.run()["name"] == "execution_success"
    run = page.evaluate("() => window.runs[0].prompt_id")

    editor.load(other)
    page.evaluate("(told) => app.api.dispatchCustomEvent('execution_error', told)", NO_KEY | {"prompt_id": run})
    editor.close_error_dialog()
    card = page.get_by_role("button", name="Set the key")
    page.get_by_text("A run of another workflow has failed").first.wait_for()
    # What runs here has nothing to do with it.
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => window.runs.filter((one) => one.name === 'execution_success').length === 2")
    assert card.count() == 0

    editor.load(DALLE3)
    card.wait_for()


def test_a_budget_and_a_key_are_one_click_away(editor, no_limits):
    page = editor.page
    editor.load(DALLE3)
    editor.operate("EaselDallE3", "take", 4200)
    limits = editor.panel("Spending").get_by_role("form", name="Limits")
    limits.get_by_label("A run, in US dollars").fill("0.001")
    limits.get_by_role("button", name="Save limits").click()
    page.get_by_text("The limits are saved.").wait_for()
    editor.panel("Workflow")

    assert editor.run()["name"] == "execution_error"
    editor.close_error_dialog()
    page.get_by_role("button", name="Change the limit").click()
    field = limits.get_by_label("A run, in US dollars")
    field.wait_for()
    page.wait_for_function("() => document.activeElement.matches('input[type=number]')")
    assert field.input_value() == "0.001"
    field.fill("")
    page.keyboard.press("Enter")
    page.get_by_text("The limits are saved.").wait_for()
    assert editor.run()["name"] == "execution_success"

    page.evaluate("(told) => app.api.dispatchCustomEvent('execution_error', told)", NO_KEY)
    editor.close_error_dialog()
    page.get_by_role("button", name="Set the key").click()
    page.get_by_label("OpenAI key", exact=True).wait_for()
    page.wait_for_function("() => document.activeElement.matches('input[type=password]')")
    words = page.get_by_text("who are you?")
    assert not words.is_visible()
    page.get_by_text("The provider's words").click()
    words.wait_for()
