"""Easel's panel in the sidebar: keys, jobs, what was bought and for how much."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DALLE3 = json.loads((ROOT / "workflows/dalle3-text-to-image.json").read_text(encoding="utf-8"))
FLUX = json.loads((ROOT / "workflows/flux-text-to-image.json").read_text(encoding="utf-8"))
KEY = "sk-typed-into-the-panel-0123456789"
EVERYWHERE = """() => [document.documentElement.outerHTML, ...[...document.querySelectorAll('input')].map((one) => one.value),
  JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(app.graph.serialize())].join()"""


@pytest.fixture
def slow_sandbox(served, sandbox):
    """Stand-ins whose jobs never end by themselves, in place of ComfyUI's own."""
    sandbox.call("POST", "/sandbox/settings", {"job_seconds": 3600})
    settings = served.user_dir / "__easel/settings.json"
    before = settings.read_text(encoding="utf-8") if settings.exists() else "{}"
    settings.write_text(json.dumps(json.loads(before) | {"sandbox_url": sandbox.url}), encoding="utf-8")
    yield sandbox
    settings.write_text(before, encoding="utf-8")


def test_a_key_is_set_tested_and_removed_and_stays_nowhere(editor):
    page = editor.page
    editor.load(DALLE3)
    # By keyboard alone: from tab to tab, into the form, and out with Enter.
    editor.panel("Spending")
    page.keyboard.press("ArrowRight")
    row = page.get_by_role("tabpanel", name="Keys", exact=True).get_by_role("listitem").filter(has_text="Ideogram")
    row.get_by_text("No key.").wait_for()
    page.get_by_role("button", name="Set a key for Ideogram").press("Enter")
    page.keyboard.type("too short")
    page.keyboard.press("Enter")
    page.get_by_text("has spaces, line breaks or letters that no key has").wait_for()
    assert page.get_by_label("Ideogram key", exact=True).input_value() == ""
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    row.get_by_text("saved for api.ideogram.ai").wait_for()

    page.get_by_role("button", name="Test the Ideogram key").click()
    page.get_by_text("Sandbox mode is on: keys are not used").wait_for()
    assert KEY not in page.evaluate(EVERYWHERE)
    assert KEY not in editor.server.log_text()
    assert KEY in (editor.server.user_dir / "__easel/keys.json").read_text(encoding="utf-8")

    page.get_by_role("button", name="Remove the Ideogram key").click()
    row.get_by_text("No key.").wait_for()
    assert KEY not in (editor.server.user_dir / "__easel/keys.json").read_text(encoding="utf-8")


def test_what_was_bought_is_shown_and_its_workflow_opened(editor):
    page = editor.page
    editor.load(DALLE3)
    editor.operate("EaselDallE3", "take", 4300)
    assert editor.run()["name"] == "execution_success"

    pictures = editor.panel("Pictures").get_by_role("listitem")
    newest = pictures.first
    newest.get_by_text("gpt-image-2.5-flare").wait_for()
    # The next one joins them without another word.
    editor.operate("EaselDallE3", "prompt", "a picture that joins the others")
    assert editor.run()["name"] == "execution_success"
    newest.get_by_text("a picture that joins the others").wait_for()
    assert pictures.filter(has_text="a picture that joins the others").count() == 1
    page.wait_for_function("() => document.querySelector('.easel-panel figure img')?.naturalWidth > 64")
    editor.clear()
    newest.get_by_role("button", name="Load this workflow").click()
    page.wait_for_function("() => app.graph.nodes.some((n) => n.type === 'EaselDallE3')")
    assert editor.widget_values()["1"][4] == 4300

    spending = editor.panel("Spending")
    spending.get_by_role("img", name="Spent each day").wait_for()
    assert "$" in spending.get_by_role("img", name="By model").get_attribute("aria-label")
    assert spending.get_by_role("combobox").input_value() == "30"


def test_a_job_is_cancelled_in_the_panel(editor, slow_sandbox):
    page = editor.page
    editor.load(FLUX)
    # Black Forest Labs has no way to cancel, Replicate has.
    editor.operate("EaselFluxGenerate", "route", "Replicate")
    jobs = editor.panel("Jobs")
    editor.press_run()
    job = jobs.get_by_role("listitem").filter(has_text="flux-2-pro")
    job.get_by_text("a red circle on a blue background").wait_for()

    job.get_by_role("button", name="Cancel").click()

    page.wait_for_function("() => window.runs.length === 1")
    jobs.get_by_text("Nothing is under way.").wait_for()


def test_the_mark_of_the_sandbox_goes_with_the_sandbox(editor):
    page = editor.page
    editor.load(DALLE3)
    editor.panel("Workflow")
    mark = page.get_by_text("Sandbox: nothing is charged", exact=True)
    mark.first.wait_for()
    # As after its switch was used on another page, or the server was started anew without it.
    real = {"usd": 1, "at_least": False, "kept_usd": 0, "sandbox": False, "nodes": {}}
    page.route("**/easel/estimate", lambda route: route.fulfill(json=real))
    page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    mark.first.wait_for(state="detached")
    assert not page.get_by_role("switch", name="Sandbox").is_checked()


def test_a_limit_that_was_not_touched_stays_as_another_page_set_it(editor):
    limits = editor.panel("Spending").get_by_role("form", name="Limits")
    field = limits.get_by_label("A run, in US dollars")
    field.fill("7")
    editor.server.post("/easel/budget", {"day": 9})
    try:
        limits.get_by_role("button", name="Save limits").click()
        editor.page.get_by_text("The limits are saved.").wait_for()
        kept = editor.server.get("/easel/budget").body["limits"]
        assert (kept["run"]["usd"], kept["day"]["usd"]) == (7, 9)
    finally:
        editor.server.post("/easel/budget", {"run": None, "day": None})


@pytest.fixture
def chinese(editor):
    """The editor in Chinese, until the end of the test."""
    editor.server.post("/api/settings/Comfy.Locale", "zh")
    yield editor.open()
    editor.server.post("/api/settings/Comfy.Locale", "en")


def test_the_panel_speaks_chinese_where_the_editor_does(chinese):
    keys = chinese.panel("密钥")
    keys.get_by_role("button", name="为 Ideogram 设置密钥").wait_for()
    chinese.load(DALLE3)
    chinese.operate("EaselDallE3", "take", 4301)
    chinese.page.get_by_role("button", name="一次运行的价格：约 $").wait_for()


def test_a_server_that_stops_answering_leaves_the_jobs_where_they_are(editor, slow_sandbox):
    page = editor.page
    editor.load(FLUX)
    editor.operate("EaselFluxGenerate", "route", "Replicate")
    jobs = editor.panel("Jobs")
    editor.press_run()
    job = jobs.get_by_role("listitem").filter(has_text="flux-2-pro")
    job.get_by_role("button", name="Cancel").wait_for()

    page.route("**/easel/jobs", lambda route: route.abort())
    jobs.get_by_text("ComfyUI does not answer.").wait_for()
    assert job.is_visible()

    page.unroute("**/easel/jobs")
    jobs.get_by_text("ComfyUI does not answer.").wait_for(state="hidden")
    job.get_by_role("button", name="Cancel").click()
    page.wait_for_function("() => window.runs.length === 1")
