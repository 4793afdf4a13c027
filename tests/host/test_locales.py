"""Chinese: every node, input and output has its name and its words, and every help page its own."""

import json
import re

import pytest

from easel.nodes import node_classes
from support.naming import models_of, named
from support.pack import ROOT

DOCS = ROOT / "js/docs"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACES = re.compile(r"^\| `(\w+)` \| \S", re.MULTILINE)


@pytest.fixture(scope="module")
def schemas(host):
    return {schema.node_id: schema for schema in (node.GET_SCHEMA() for node in node_classes())}


@pytest.fixture(scope="module")
def told():
    return json.loads((ROOT / "locales/zh/nodeDefs.json").read_text(encoding="utf-8"))


def test_every_node_is_translated_and_no_other(schemas, told):
    assert told.keys() == schemas.keys()
    for name, entry in told.items():
        assert entry.keys() == {"display_name", "description", "inputs", "outputs"}, name
        assert CHINESE.search(entry["description"]), name


def test_every_input_and_output_is_translated_and_no_other(schemas, told):
    for name, schema in schemas.items():
        inputs, outputs = told[name]["inputs"], told[name]["outputs"]
        assert inputs.keys() == {entry.id for entry in schema.inputs}, name
        assert outputs.keys() == {str(place) for place in range(len(schema.outputs or []))}, name
        for entry in [*inputs.values(), *outputs.values()]:
            assert entry.keys() == {"name", "tooltip"} and CHINESE.search(entry["tooltip"]), (name, entry)


def test_a_tooltip_names_the_same_models_in_chinese(schemas, told):
    models = set().union(*map(models_of, schemas.values()))
    for name, schema in schemas.items():
        for entry in schema.inputs:
            chinese = told[name]["inputs"][entry.id]["tooltip"]
            assert named(chinese, models) == named(entry.tooltip, models), (name, entry.id)


def test_nothing_is_read_as_the_editor_s_message_syntax(told):
    texts = json.dumps(
        [[e["display_name"], e["description"], *_words(e["inputs"]), *_words(e["outputs"])] for e in told.values()]
    )
    assert not set("{}@|") & set(texts)


def _words(entries):
    return [text for entry in entries.values() for text in entry.values()]


def test_every_help_page_explains_the_same_in_chinese(schemas):
    assert {page.parent.name for page in DOCS.glob("*/zh.md")} == schemas.keys()
    for name in schemas:
        english, chinese = ((DOCS / page).read_text(encoding="utf-8") for page in (f"{name}.md", f"{name}/zh.md"))
        assert sorted(PLACES.findall(chinese)) == sorted(PLACES.findall(english)), name
        (workflow,) = re.findall(r"\*\*打开工作流\*\* `([\w-]+)`", chinese)
        assert f"**Open the workflow** `{workflow}`" in english, name
        assert len(CHINESE.findall(chinese)) > 100, name


def test_the_host_serves_the_translation(comfy, told):
    served = comfy.get("/i18n").body["zh"]["nodeDefs"]
    assert served["EaselFluxGenerate"] == told["EaselFluxGenerate"]
