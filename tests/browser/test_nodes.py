"""The nodes in the editor: they can be dropped, explain themselves, and say what happened."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted((ROOT / "js/docs").glob("Easel*.md"))}
DALLE3 = json.loads((ROOT / "workflows/dalle3-text-to-image.json").read_text(encoding="utf-8"))
MARK = "Sandbox: nothing is charged"


def test_every_node_has_a_page(served):
    offered = {name for name in served.get("/object_info").body if name.startswith("Easel")}

    assert offered == set(PAGES)


def test_each_node_found_by_the_search_is_whole_and_explains_itself(editor):
    # One page for all: loading it takes longer than everything else here. Each node is dropped in one of the two
    # editors; the templates show all of them in both.
    for node, page in list(PAGES.items())[editor.server.has_own_frontend :: 2]:
        editor.clear()
        editor.drop(node)

        dropped = editor.page.evaluate("() => { const [n] = app.graph.nodes; return [n.type, !!n.has_errors] }")
        assert dropped == [node, False]
        editor.open_help()
        first_words = re.sub("[*`]", "", page.split("\n\n")[1].split("\n")[0])[:40]
        editor.page.get_by_text(first_words).first.wait_for()


@pytest.mark.parametrize("vue", [False, True], ids=["classic nodes", "nodes 2.0"])
def test_a_node_says_what_was_used_and_what_it_cost(open_editor, vue):
    editor = open_editor(vue=vue)
    editor.load(DALLE3)
    # A purchase of this test's own: of a node that the host has cached, it tells the page nothing.
    editor.set_widget("EaselDallE3", "take", 100 + vue)
    size = editor.page.evaluate("() => [...app.graph.nodes.find((n) => n.type === 'EaselDallE3').size]")

    ended = editor.run()

    assert ended["name"] == "execution_success", ended
    report = editor.page.get_by_label("What was used and what it cost")
    report.wait_for()
    assert "SANDBOX (nothing was charged) · gpt-image-2.5-flare" in report.inner_text()
    assert "OpenAI retired dall-e-3" in report.inner_text()
    fits = "(box) => box.scrollHeight <= box.clientHeight + 1 && box.clientWidth > 200"
    assert report.evaluate(fits), "a part of the report cannot be seen"
    assert editor.page.evaluate("() => app.graph.nodes.find((n) => n.type === 'EaselDallE3').size[0]") == size[0]


def test_an_error_shows_its_sentence(editor, tmp_path):
    editor.load(DALLE3)
    editor.set_widget("EaselDallE3", "prompt", " ")

    ended = editor.run()

    assert ended["name"] == "execution_error"
    sentence = editor.page.get_by_text("The prompt is empty: say what the picture should show.")
    details = editor.page.get_by_role("button", name="View details")
    sentence.or_(details).first.wait_for()
    if details.count():
        # The newest editor says only which node failed until it is asked.
        details.first.click()
    sentence.first.wait_for()


def test_the_editor_says_that_nothing_is_charged(editor):
    editor.page.get_by_text(MARK).first.wait_for()


@pytest.mark.parametrize("answer", [{"status": 404}, {"status": 200, "body": "not JSON"}], ids=["none", "broken"])
def test_without_an_answer_about_the_sandbox_nothing_is_said(editor, answer):
    editor.page.route("**/easel/sandbox", lambda route: route.fulfill(**answer))
    editor.open()

    assert editor.page.get_by_text(MARK).count() == 0
