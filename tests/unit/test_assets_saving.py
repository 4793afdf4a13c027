"""Saving assets: what the files say, where they may go, and that nothing is overwritten or told to strangers."""

import io
import json
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
from PIL import Image, features

from easel.nodes.assets import manifest
from easel.nodes.assets.assets import Saver, Wish
from easel.nodes.assets.choices import ALWAYS, ASSET_TYPES, CHANGED, ENCRYPT, KEEP, LEAVE_OUT, MADE, UNSAID
from easel.nodes.assets.credentials import Ingredient
from easel.nodes.assets.embedded import texts_in
from easel.nodes.assets.files import write_new, write_numbered
from easel.nodes.assets.known import Known, cleaned, inputs_of
from easel.nodes.assets.problems import AssetProblem
from easel.nodes.assets.settings import AssetSettings
from easel.nodes.hosted.engine.keys import Keyring
from easel.nodes.pictures import decode
from support.asset_desk import BOUGHT, GRAPH, RECORD, TEXTS, UNKNOWN, lines, picture, save, xmp
from support.pack import ROOT

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
FORMATS = list(ASSET_TYPES)


@pytest.fixture
def settings(tmp_path):
    """Writes the operator's settings and reads them as a node does."""

    def write(**told):
        (tmp_path / "settings.json").write_text(json.dumps(told))
        return AssetSettings.load(tmp_path)

    return write


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


# What stands in the file


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_that_ai_made_it_and_keeps_the_workflow(out, kind):
    data = save(out, format=kind, quality=95, title="Spring").read_bytes()
    assert xmp(data) == {
        "DigitalSourceType": TRAINED,
        "CreatorTool": "Easel for ComfyUI",
        "AISystemUsed": "flux-2-pro (bfl)",
        "AIPromptInformation": "a red cat",
        "title": "Spring",
    }
    texts = texts_in(data)
    assert json.loads(texts["prompt"]) == GRAPH
    assert json.loads(texts["workflow"]) == TEXTS["workflow"]
    assert json.loads(texts["easel"])["purchase"] == RECORD["purchase"]
    away = np.abs(decode(data).array.astype(int) - picture().array)
    assert away.max() == 0 if kind == "png" else away.mean() < 3


@pytest.mark.parametrize("kind", FORMATS)
def test_a_workflow_left_out_leaves_the_origin_and_nothing_else(out, kind):
    data = save(out, format=kind, workflow=LEAVE_OUT).read_bytes()
    assert xmp(data).keys() == {"DigitalSourceType", "CreatorTool", "AISystemUsed"}
    assert b"red cat" not in data and b"class_type" not in data and b"red cat" not in _inflated(data)
    (line,) = lines(out)
    assert (out / "easel" / line["graph"]["prompt"]).read_text() == json.dumps(
        GRAPH, sort_keys=True, separators=(",", ":")
    )


def _inflated(data):
    return "".join(texts_in(data).values()).encode()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_jpeg_has_no_transparency_and_the_others_keep_it(out, kind):
    saver = Saver(Wish(name="a", format=kind, quality=100), AssetSettings(), out, {})
    shown = picture(alpha=True)
    saved = decode((out / saver.save(shown, UNKNOWN, saver.name(shown, UNKNOWN, 1)).path).read_bytes())
    assert saved.has_alpha is (kind != "jpeg")


def test_a_pillow_without_avif_says_so(out, monkeypatch):
    monkeypatch.delitem(features.modules, "avif")
    with pytest.raises(AssetProblem, match=r"cannot write AVIF: update Pillow to 11\.3"):
        save(out, format="avif")
    assert list(out.rglob("*.avif")) == []


def test_letters_that_xml_cannot_hold_are_left_out_of_the_packet(out):
    known = Known(cleaned({**BOUGHT.facts, "prompt": "<&> \x01\ud800 Ж 🎨"}, str), RECORD)
    assert xmp(save(out, known=known).read_bytes())["AIPromptInformation"] == "<&> ? Ж 🎨"
    assert lines(out)[0]["prompt"] == "<&> \x01? Ж 🎨"


@pytest.mark.parametrize(
    ("choice", "known", "expected"),
    [
        ("automatic", BOUGHT, TRAINED),
        ("automatic", Known(BOUGHT.facts, RECORD, (Ingredient("ee" * 32),)), COMPOSITE),
        ("automatic", Known({"made_by": "KSampler", "from_pictures": True}), COMPOSITE),
        ("automatic", Known({"made_by": "KSampler", "from_pictures": False}), TRAINED),
        ("automatic", UNKNOWN, None),
        (MADE, UNKNOWN, TRAINED),
        (CHANGED, BOUGHT, COMPOSITE),
        (UNSAID, BOUGHT, None),
    ],
)
def test_the_origin_follows_what_is_known_or_what_the_artist_says(out, choice, known, expected):
    data = save(out, known=known, source=choice).read_bytes()
    assert xmp(data).get("DigitalSourceType") == expected
    assert lines(out)[0]["source_type"] == expected


def test_a_stand_in_is_called_one(out):
    data = save(out, known=Known({**BOUGHT.facts, "sandbox": True}, RECORD)).read_bytes()
    assert xmp(data)["AISystemUsed"] == "SANDBOX stand-in for flux-2-pro (bfl)"


def test_inputs_of_a_purchase_are_its_ingredients_and_masks_are_not():
    parameters = {"images": ["pixels:" + "aa" * 32, "pixels:" + "bb" * 32], "image": "pixels:" + "aa" * 32}
    record = {"parameters": {**parameters, "mask": "pixels:" + "cc" * 32, "prompt": "a"}}
    assert inputs_of(record) == ["aa" * 32, "bb" * 32]


# The manifest and what lies beside it


@pytest.mark.parametrize("workflow", [KEEP, LEAVE_OUT, ENCRYPT])
@pytest.mark.parametrize("known", [BOUGHT, UNKNOWN, Known({"known_from": "graph", "made_by": "KSampler", "seed": 7})])
def test_every_line_keeps_to_the_schema_and_names_its_file(out, settings, workflow, known):
    given = settings(metadata_passphrase="a long passphrase")
    path = save(out, given, known, workflow=workflow, sidecar=True)
    (line,) = lines(out)
    jsonschema.validate(line, manifest.schema())
    assert (line["file"], line["bytes"]) == (path.name, path.stat().st_size)
    assert json.loads(path.with_name(f"{path.name}.json").read_text()) == line
    assert ("sealed" in line) is (workflow == ENCRYPT)


def test_one_graph_is_kept_once_for_many_pictures(out):
    for _ in range(3):
        save(out)
    assert len({json.dumps(line["graph"], sort_keys=True) for line in lines(out)}) == 1
    assert len(list((out / "easel/graphs").iterdir())) == 2


def test_without_the_host_s_metadata_no_graph_is_written(out):
    saver = Saver(Wish(name="a"), AssetSettings(), out, {})
    saver.save(picture(), BOUGHT, saver.name(picture(), BOUGHT, 1))
    assert texts_in((out / "a.png").read_bytes()).keys() <= {"XML:com.adobe.xmp", "xmp"}
    assert "graph" not in lines(out)[0] and not (out / "easel/graphs").exists()


def test_what_is_encrypted_cannot_be_read_anywhere(out, settings):
    with pytest.raises(AssetProblem, match="EASEL_METADATA_PASSPHRASE"):
        save(out, workflow=ENCRYPT)
    assert list(out.iterdir()) == []
    given = settings(metadata_passphrase="a long passphrase")
    for kind in FORMATS:
        save(out, given, workflow=ENCRYPT, format=kind, sidecar=True)
    for path in out.rglob("*"):
        if path.is_file():
            written = path.read_bytes() + (_inflated(path.read_bytes()) if path.suffix != ".json" else b"")
            assert b"red cat" not in written and b"class_type" not in written, path
            assert b"a long passphrase" not in written


# Never over another file


def test_a_name_that_is_taken_gets_a_number(out):
    assert [save(out, name="{model}").name for _ in range(3)] == [
        "flux-2-pro.png",
        "flux-2-pro_2.png",
        "flux-2-pro_3.png",
    ]
    assert [save(out, name="{counter:2}").name for _ in range(2)] == ["01.png", "02.png"]


def test_a_companion_that_cannot_be_written_costs_no_line(out):
    (out / "shots").mkdir()
    (out / "shots/a.png.json").write_text("mine")
    with pytest.raises(AssetProblem, match="is there already"):
        save(out, name="shots/a", sidecar=True)
    assert [line["file"] for line in lines(out)] == ["a.png"]
    assert (out / "shots/a.png.json").read_text() == "mine"


def test_a_file_that_is_there_stays_as_it_is(out):
    (out / "a.png").write_bytes(b"somebody's")
    assert write_new(out / "a.png", b"ours") is False
    assert write_new(out / "b.png", b"ours") is True
    assert write_numbered(out, "c", 1, ".png", b"1") != write_numbered(out, "c", 1, ".png", b"2")
    assert (out / "a.png").read_bytes() == b"somebody's" and (out / "b.png").read_bytes() == b"ours"
    assert (out / "c_00001_.png").read_bytes() == b"1" and len(list(out.iterdir())) == 4


SAVER = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from support.pack import load_pack
load_pack()
from support import asset_desk
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    asset_desk.save(Path(sys.argv[2]), name="{counter}")
"""


def test_processes_that_save_at_once_never_take_each_other_s_name(out):
    command = [sys.executable, "-c", SAVER, str(ROOT / "tests"), str(out), "10"]
    savers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for saver in savers:
        assert saver.stdout.readline() == "ready\n"
    for saver in savers:
        saver.stdin.write("go\n")
        saver.stdin.flush()
    assert [saver.wait(60) for saver in savers] == [0, 0]
    assert sorted(path.name for path in out.glob("*.png")) == [f"{number:05}.png" for number in range(1, 21)]
    assert sorted(line["file"] for line in lines(out)) == [f"{number:05}.png" for number in range(1, 21)]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"format": "gif"}, "The format is one of png"),
        ({"manifest": "../m.jsonl"}, "no name of a file"),
        ({"manifest": "easel/m.txt"}, r"must end in \.jsonl"),
        ({"credentials": ALWAYS}, "no certificate"),
        ({"name": "{secret}"}, "none of its fields"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_anything_is_written(out, wish, sentence):
    with pytest.raises(AssetProblem, match=sentence):
        save(out, **wish)
    assert list(out.iterdir()) == []


# Never a key


@pytest.mark.parametrize("workflow", [KEEP, LEAVE_OUT, ENCRYPT])
def test_no_key_is_ever_written_wherever_it_was_put(out, settings, tmp_path, workflow):
    """Keys in the environment, the key file, widgets, prompts, titles, records and options; every written byte is looked at."""
    planted = {
        "environment": "sk-environment-000111",
        "kept": "hk-kept-in-the-file-222",
        "option": "bucket-secret-333444",
        "phrase": "the passphrase itself",
    }
    (tmp_path / "keys.json").write_text(
        json.dumps({"bfl": {"default": {"key": planted["kept"], "host": "api.bfl.ai"}}})
    )
    given = settings(
        metadata_passphrase=planted["phrase"],
        destinations={"client": {"url": "memory://c", "options": {"secret": planted["option"]}}},
    )
    keys = Keyring(tmp_path / "keys.json", {"BFL_API_KEY": planted["environment"]})

    def redact(text):
        return given.redact(keys.redact(text))

    every = " ".join(planted.values())
    graph = cleaned({"1": {"inputs": {"prompt": f"cat {every}", every: [every, 1, None, True]}}}, redact)
    record = cleaned({**RECORD, "parameters": {"prompt": every}, "request_id": every}, redact)
    known = Known(cleaned({**BOUGHT.facts, "prompt": every, "model": every}, redact), record)
    for kind in FORMATS:
        wish = Wish(
            name="{title}/{prompt}-{model}-{counter}",
            format=kind,
            title=redact(every),
            workflow=workflow,
            sidecar=True,
        )
        saver = Saver(wish, given, out, {"prompt": graph, "workflow": graph})
        saver.save(picture(), known, saver.name(picture(), known, 1))
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) >= 9
    for path in files:
        data = path.read_bytes()
        written = (
            data + str(path).encode() + (_inflated(data) if path.suffix in (".png", ".jpg", ".webp", ".avif") else b"")
        )
        for where, secret in planted.items():
            assert secret.encode() not in written, (where, path)
    assert b"[key]" in (out / "easel/manifest.jsonl").read_bytes()


def test_a_text_is_readable_for_other_programs(out):
    """ComfyUI's own names for the texts of a PNG, by which its editor loads the workflow."""
    with Image.open(io.BytesIO(save(out).read_bytes())) as opened:
        assert {"prompt", "workflow"} <= opened.text.keys()
