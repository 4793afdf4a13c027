"""The help pages: every input and output of every node is explained there."""

import re
from pathlib import Path

import pytest
from PIL import Image

from easel.nodes import node_classes
from support.naming import models_of, named

DOCS = Path(__file__).resolve().parents[2] / "js/docs"
WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


@pytest.fixture
def schemas(host):
    return [node.GET_SCHEMA() for node in node_classes()]


def test_every_input_and_output_is_explained_and_nothing_else(schemas):
    for schema in schemas:
        page = (DOCS / f"{schema.node_id}.md").read_text(encoding="utf-8")
        explained = re.findall(r"^\| `(\w+)` \| \S", page, re.MULTILINE)
        sockets = {socket.id for socket in [*schema.inputs, *(schema.outputs or [])]}
        assert set(explained) == sockets, schema.node_id


def test_every_page_names_a_workflow_that_uses_the_node(schemas):
    for schema in schemas:
        page = (DOCS / f"{schema.node_id}.md").read_text(encoding="utf-8")
        line = next(line for line in page.splitlines() if "**Open the workflow**" in line)
        name = re.search(r"`([\w-]+)`", line).group(1)
        assert schema.node_id in (WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"), schema.node_id


def test_no_tooltip_or_page_names_a_model_that_the_node_lacks(schemas):
    hosted = [schema for schema in schemas if "second_model" in {entry.id for entry in schema.inputs}]
    known = set().union(*map(models_of, hosted))
    for schema in hosted:
        words = " ".join([schema.description, *(entry.tooltip for entry in schema.inputs)])
        page = (DOCS / f"{schema.node_id}.md").read_text(encoding="utf-8")
        assert named(words + page, known) <= models_of(schema), schema.node_id


def test_no_page_is_left_over(schemas):
    assert {page.stem for page in DOCS.glob("Easel*.md")} == {schema.node_id for schema in schemas}


def test_every_page_shows_its_node_and_no_picture_is_left_over(schemas):
    for schema in schemas:
        for page in (DOCS / f"{schema.node_id}.md", DOCS / schema.node_id / "zh.md"):
            # The editor looks for pictures below docs/, whichever page they stand on.
            shown = re.findall(r"^!\[[^\]]+\]\((\S+)\)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            assert shown == [f"nodes/{schema.node_id}.webp"], page
    assert {shot.stem for shot in (DOCS / "nodes").iterdir()} == {schema.node_id for schema in schemas}
    for shot in (DOCS / "nodes").iterdir():
        with Image.open(shot) as picture:
            assert picture.format == "WEBP" and min(picture.size) > 80, shot
