"""What is released stays loadable for ever: node ids, input names and the order of outputs."""

import json
from pathlib import Path

import pytest

from easel.nodes import node_classes
from support.comfy import ROOT, failures

RELEASED = json.loads(Path(__file__).with_name("released.json").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / "workflows/api").glob("*.json"))


@pytest.fixture(scope="module")
def nodes(host):
    return {node.GET_SCHEMA().node_id: node.GET_SCHEMA() for node in node_classes()}


def required_of(schema):
    return [entry.id for entry in schema.inputs if not entry.optional]


@pytest.mark.parametrize("node_id", RELEASED)
def test_a_released_node_keeps_its_inputs_and_outputs(nodes, node_id):
    """A node that fails here would break saved workflows. A new node or input is added to released.json.

    A new input of a released node is optional (``widgets.late``).
    """
    schema, released = nodes[node_id], RELEASED[node_id]
    inputs = [entry.id for entry in schema.inputs]
    assert set(released["inputs"]) <= set(inputs)
    # A saved workflow has no value for what came later.
    assert set(required_of(schema)) <= set(released["required"])
    assert [entry.id for entry in schema.outputs or []][: len(released["outputs"])] == released["outputs"]


def test_every_node_is_in_the_list(nodes):
    shown = {
        node_id: {
            "inputs": [entry.id for entry in schema.inputs],
            "required": required_of(schema),
            "outputs": [entry.id for entry in schema.outputs or []],
        }
        for node_id, schema in nodes.items()
    }
    assert shown == RELEASED


def test_every_node_is_in_a_workflow():
    used = {node["class_type"] for path in WORKFLOWS for node in json.loads(path.read_text(encoding="utf-8")).values()}
    assert set(RELEASED) <= used


@pytest.mark.parametrize("path", WORKFLOWS, ids=[path.stem for path in WORKFLOWS])
def test_every_exported_workflow_runs_and_saves_pictures(comfy, path):
    entry = comfy.run(json.loads(path.read_text(encoding="utf-8")))
    assert failures(entry) == []
    saved = comfy.saved(entry)
    assert saved and all(picture.stat().st_size > 1000 for picture in saved)
