"""Any model by name in a real ComfyUI: what is checked before it is bought, and what it costs."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from support.comfy import failures
from support.pack import ROOT

WORKFLOW = json.loads((ROOT / "workflows/api/any-model-by-name.json").read_text(encoding="utf-8"))
AT_REPLICATE, AT_FAL = "1", "2"


def changed(node: str, **inputs: Any) -> dict[str, Any]:
    """The shipped workflow with other inputs of one node."""
    graph = copy.deepcopy(WORKFLOW)
    graph[node]["inputs"].update(inputs)
    return graph


@pytest.mark.parametrize(
    ("node", "inputs", "said"),
    [
        (AT_REPLICATE, {"inputs": '{"promt": "a cat"}'}, "has no input promt. Did you mean prompt?"),
        (AT_REPLICATE, {"inputs": '{"prompt": "a cat", "num_outputs": 9}'}, "num_outputs: 9 is greater than"),
        (AT_REPLICATE, {"model": "flux"}, "owner/name"),
        (AT_FAL, {"inputs": '{"scale": 2}'}, "What is connected at image is not used"),
        (AT_FAL, {"endpoint": "nobody/nothing"}, "fal has no endpoint nobody/nothing"),
    ],
)
def test_what_does_not_fit_is_said_before_it_is_bought(comfy, node, inputs, said):
    entry = comfy.run(changed(node, **inputs))
    (failure,) = failures(entry)
    assert said in failure["exception_message"]
    assert failure["node_id"] == node


def test_a_published_price_and_an_expected_one_are_what_it_costs(comfy):
    entry = comfy.run(changed(AT_REPLICATE, take=7, expected_price=0.02))
    assert failures(entry) == []
    (expected,), (published,) = (entry["outputs"][node]["text"] for node in (AT_REPLICATE, AT_FAL))
    assert "black-forest-labs/flux-schnell · about $0.02" in expected
    assert "fal-ai/esrgan · about $0.00" in published
    entry = comfy.run(changed(AT_REPLICATE, take=8))
    assert "the price is not known" in entry["outputs"][AT_REPLICATE]["text"][0]
