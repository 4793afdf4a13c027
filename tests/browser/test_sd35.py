"""Workflows for Stable Diffusion 3.5 where its file is not there yet."""

import json

import pytest

from support.comfy import ROOT, PromptRefused

MISSING = "sd3.5_large_turbo.safetensors"


def test_a_workflow_whose_model_is_missing_opens_whole_and_says_where_to_put_which_file(editor):
    workflow = json.loads((ROOT / "workflows/sd35-inpaint.json").read_text(encoding="utf-8"))
    shipped = json.loads((ROOT / "workflows/api/sd35-inpaint.json").read_text(encoding="utf-8"))
    loader = next(node for node in workflow["nodes"] if node["type"] == "EaselLoadSd35")
    loader["widgets_values"][0] = MISSING

    editor.load(workflow)
    # The editor's own notice that a model is missing.
    editor.page.keyboard.press("Escape")
    exported = editor.export()

    shipped["1"]["inputs"]["model_name"] = MISSING
    assert exported == shipped
    with pytest.raises(PromptRefused, match=rf'There is no \\?"{MISSING}.*Download it from https.*models/checkpoints'):
        editor.server.post_prompt(exported)
