"""Words before the picture in a real ComfyUI: lists that run on, files that are read again, choices that can be linked."""

import pytest

from support.comfy import PromptRefused, failures

SAVE = {"class_type": "EaselSavePictures", "inputs": {"filename_prefix": "p", "format": "png", "quality": 90}}
COLUMNS = {f"{use}_column": "" for use in ("prompt", "negative", "seed", "label")}


def graph(**nodes):
    return {name: {"class_type": node, "inputs": inputs} for name, (node, inputs) in nodes.items()}


def from_file(file, **changes):
    given = {"file": file, "table": "", "start": 1, "limit": 100, "seed": 0, "format": "by its name", **COLUMNS}
    return graph(file=("EaselPromptsFromFile", {**given, **changes}))


def said(comfy, api, node):
    entry = comfy.run(api)
    assert failures(entry) == [], failures(entry)
    return entry["outputs"][node]["text"] if node in entry["outputs"] else None


@pytest.fixture
def table(comfy):
    path = comfy.base / "input" / "campaign.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("prompt,seed\na red circle,1\na blue star,2\n", encoding="utf-8")
    yield path
    path.unlink(missing_ok=True)


def test_a_file_is_offered_and_read_again_once_it_changes(comfy, table):
    offered = comfy.get("/object_info/EaselPromptsFromFile").body["EaselPromptsFromFile"]["input"]["required"]["file"]
    assert "campaign.csv" in str(offered)
    api = from_file("campaign.csv")
    assert said(comfy, api, "file") == ["Rows 1 to 2 of 2"]
    table.write_text("prompt\na fox\nan owl\na bat\n", encoding="utf-8")
    assert said(comfy, api, "file") == ["Rows 1 to 3 of 3"]


def test_a_file_in_a_folder_below_may_be_named(comfy, table):
    below = table.parent / "deep" / "list.txt"
    below.parent.mkdir(exist_ok=True)
    below.write_text("a fox\nan owl\n", encoding="utf-8")
    assert said(comfy, from_file("deep/list.txt", start=2), "file") == ["Rows 2 to 2 of 2"]


@pytest.mark.parametrize(
    ("file", "sentence"),
    [("../user/secret.txt", "leads out of ComfyUI's input folder"), ("nowhere.csv", "There is no nowhere.csv")],
)
def test_a_file_that_cannot_be_read_is_refused_before_the_run(comfy, file, sentence):
    with pytest.raises(PromptRefused, match=sentence):
        comfy.post_prompt(from_file(file))


def test_every_row_becomes_a_picture_with_its_own_seed(comfy, table):
    flux = comfy.get("/object_info/EaselFluxGenerate").body["EaselFluxGenerate"]["input"]["required"]
    usual = {name: _usual(spec) for name, spec in flux.items()}
    links = {"prompt": ["file", 0], "seed": ["file", 2]}
    api = from_file("campaign.csv") | graph(flux=("EaselFluxGenerate", {**usual, "model": "flux-2-klein-4b", **links}))
    api["save"] = {**SAVE, "inputs": {**SAVE["inputs"], "images": ["flux", 0]}}
    entry = comfy.run(api)
    assert failures(entry) == []
    assert len(comfy.saved(entry)) == 2
    reports = "\n".join(entry["outputs"]["flux"]["text"])
    assert "seed 1" in reports and "seed 2" in reports


def test_a_recommended_family_can_be_linked_to_the_builder(comfy):
    info = comfy.get("/object_info").body
    required = {
        name: {key: _usual(spec) for key, spec in info[name]["input"]["required"].items()}
        for name in ("EaselChooseModel", "EaselPromptBuilder")
    }
    choose = {**required["EaselChooseModel"], "use_case": "art and illustration"}
    build = {**required["EaselPromptBuilder"], "family": ["choose", 1], "subject": "a fox", "avoid": "fog"}
    api = graph(choose=("EaselChooseModel", choose), build=("EaselPromptBuilder", build))
    (shown,) = said(comfy, api, "build")
    assert shown.startswith("a fox --no fog")


def test_too_many_variations_are_refused_in_one_sentence(comfy):
    vary = {
        "base": "__a__ __b__",
        "lists": "a: 1, 2, 3\nb: 1, 2, 3",
        "combine": "every combination",
        "picks": 1,
        "seed": 0,
        "limit": 8,
    }
    entry = comfy.run(graph(vary=("EaselPromptVariations", vary)))
    (failure,) = failures(entry)
    assert failure["exception_message"].startswith("These would be 9 prompts (3 × 3), and the limit is 8.")


def _usual(spec):
    kind, options = spec[0], spec[1] if len(spec) > 1 else {}
    choices = kind if isinstance(kind, list) else options.get("options")
    return options.get("default", choices[0] if choices else "")
