"""Names of saved files: whatever a template and its values hold, the file lies in its folder and has a name every system takes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from easel.nodes.assets.choices import NAME_FIELDS
from easel.nodes.assets.naming import place, safe_folder
from easel.nodes.assets.problems import AssetProblem

WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
VALUES = {"date": "2026-11-21", "model": "gpt-image-2", "seed": 42, "prompt": "a red cat, on a mat", "width": 640}


def path(template, values=VALUES, number=1):
    name = place(template, values)
    return "/".join([*name.folders, name.numbered(number)])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("easel/{date}/{model}_{counter}", "easel/2026-11-21/gpt-image-2_00001"),
        ("{prompt:9}-{seed}", "a red cat-42"),
        ("{seed:6}", "000042"),
        ("{counter:3}", "001"),
        ("{counter}_{width}", "00001_640"),
        ("shot {counter:2}", "shot 01"),
        ("{title}_{model}__{provider}", "gpt-image-2"),
        ("{title}_{counter}", "00001"),
        ("{title}", "picture"),
        ("{title}/{model}", "gpt-image-2"),
        ("folder\\{model}", "folder/gpt-image-2"),
        ("a//b", "a/b"),
        ("con", "_con"),
        ("nul.{model}", "_nul.gpt-image-2"),
        ("com{counter:1}", "_com1"),
        ("graphs/{model}", "_graphs/gpt-image-2"),
        ("manifest.jsonl/x", "_manifest.jsonl/x"),
        (".hidden", "hidden"),
    ],
)
def test_fields_are_filled_in_and_what_is_unknown_leaves_no_trace(template, expected):
    assert path(template) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("/etc/passwd", "etc-passwd"),
        ("C:\\Windows\\x", "C-Windows-x"),
        ("{seed}", "(seed)"),
        ("a\x00b\u202egnp", "abgnp"),
        ("LPT1", "_LPT1"),
        ("line\nbreak\ttab", "line break tab"),
        ("e\u0301", "é"),
        ("...", "picture"),
        ("x" * 500, "x" * 80),
    ],
)
def test_a_value_never_makes_a_folder_nor_a_name_that_is_refused(value, expected):
    assert path("{prompt}", {"prompt": value}) == expected


@pytest.mark.parametrize(
    "template",
    [
        "/etc/{model}",
        "../{model}",
        "a/../../b",
        "C:/x",
        "C:x",
        "\\\\server\\share\\x",
        "",
        "  ",
        "a/. ./..",
        "/".join("a" * 20),
    ],
)
def test_a_template_that_leaves_its_folder_is_refused(template):
    with pytest.raises(AssetProblem):
        place(template, VALUES)


@pytest.mark.parametrize("template", ["{nothing}", "{model", "model}", "{prompt:x}", "{counter}/{model}"])
def test_a_template_that_cannot_be_filled_in_is_refused_in_a_sentence(template):
    with pytest.raises(AssetProblem, match=r"fields|brace|counter"):
        place(template, VALUES)


TEXTS = some.text(max_size=300)
TEMPLATES = some.lists(
    some.one_of(some.sampled_from([f"{{{field}}}" for field in NAME_FIELDS]), some.text("ab./_- :%\\", max_size=4)),
    max_size=8,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(template=TEMPLATES, text=TEXTS, seed=some.integers(0, 2**64), number=some.integers(1, 10**6))
def test_every_name_is_one_that_every_system_takes(template, text, seed, number):
    values = dict.fromkeys(NAME_FIELDS, text) | {"seed": seed}
    try:
        name = place(template, values)
    except AssetProblem:
        return
    for part in (*name.folders, name.numbered(number) + ".png"):
        assert part and part not in (".", "..")
        assert not re.search(r'[\x00-\x1f<>:"/\\|?*]', part), part
        assert not WINDOWS_DEVICES.fullmatch(part), part
        assert part == part.rstrip(" .") and not part.startswith(".")
        assert len(part.encode()) <= 240


def test_the_next_number_follows_the_highest_that_is_taken():
    counted, plain = place("cat_{counter}", {}), place("cat", {})
    taken = ["cat_00001.png", "cat_00009.png", "cat_00012.jpg", "cat.png", "cat_x.png", "dog_00040.png"]
    assert counted.next_number(taken, ".png") == 10
    assert counted.next_number(taken, ".jpg") == 13
    assert counted.next_number([], ".png") == 1
    assert plain.numbered(plain.next_number(taken, ".png")) == "cat_10"
    assert plain.numbered(plain.next_number([], ".png")) == "cat"
    assert plain.numbered(plain.next_number(["cat.png"], ".png")) == "cat_2"


@pytest.mark.parametrize(
    "name",
    [
        "../m.jsonl",
        "/m.jsonl",
        "a/../m.jsonl",
        "C:m.jsonl",
        "",
        "a//m.jsonl",
        "m\x00.jsonl",
        "CON.jsonl",
        "nul/m.jsonl",
    ],
)
def test_a_manifest_cannot_be_named_outside_the_output_folder(name):
    with pytest.raises(AssetProblem):
        safe_folder(name)
