"""Load from Manifest: the right line, the picture as it was saved, the request that made it, and nothing from elsewhere."""

import json

import fsspec
import pytest

from easel.nodes.assets import graphs, manifest
from easel.nodes.assets.choices import ENCRYPT, KEEP, LEAVE_OUT
from easel.nodes.assets.finding import find
from easel.nodes.assets.known import Known
from easel.nodes.assets.problems import AssetProblem
from easel.nodes.assets.sealing import MARK, seal, unseal
from easel.nodes.assets.settings import AssetSettings
from easel.nodes.pictures import decode
from support.asset_desk import BOUGHT, GRAPH, RECORD, TEXTS, picture, save

MANIFEST = "easel/manifest.jsonl"
PLAIN = AssetSettings()


def secret(passphrase="a long passphrase"):
    return AssetSettings(metadata_passphrase=passphrase)


@pytest.fixture
def shelf(tmp_path):
    """Three saved pictures."""
    for name, prompt, seed in (("cat", "a red cat", 1), ("owl", "an owl at night", 42), ("cat-2", "a blue cat", 42)):
        facts = {**BOUGHT.facts, "prompt": prompt, "seed": seed}
        save(tmp_path, known=Known(facts, RECORD), name=f"shots/{name}")
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "index", "expected"),
    [
        ("", -1, "cat-2.png"),
        ("", 0, "cat.png"),
        ("", 1, "owl.png"),
        ("owl.png", -1, "owl.png"),
        ("cat.png", -1, "cat.png"),
        ("shots/cat-2.png", 0, "cat-2.png"),
        ("CAT red", -1, "cat.png"),
        ("cat", 0, "cat.png"),
        ("cat", 1, "cat-2.png"),
        ("seed:42", 0, "owl.png"),
        ("seed:1", -1, "cat.png"),
        ("prompt:cat seed:42", -1, "cat-2.png"),
        ("model:flux", -3, "cat.png"),
    ],
)
def test_a_picture_is_found_by_its_name_by_words_and_by_its_place(shelf, wanted, index, expected):
    found = find(shelf, MANIFEST, wanted, index, PLAIN)
    assert found.line["file"] == expected
    assert found.data == (shelf / "shots" / expected).read_bytes() and not found.is_changed


@pytest.mark.parametrize(
    ("wanted", "index", "sentence"),
    [
        ("dog", -1, 'has no picture with "dog"'),
        ("cat seed:7", -1, "has no picture"),
        ("seed:4", -1, "has no picture"),
        ("cat", 2, "2 fit, so index goes from -2 to 1"),
        ("", -4, "3 fit"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(shelf, wanted, index, sentence):
    with pytest.raises(AssetProblem, match=sentence):
        find(shelf, MANIFEST, wanted, index, PLAIN)


@pytest.mark.parametrize("workflow", [KEEP, LEAVE_OUT, ENCRYPT])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_the_request_is_found_again_whatever_became_of_the_workflow(tmp_path, workflow, kind):
    save(tmp_path, secret(), workflow=workflow, format=kind)
    found = find(tmp_path, MANIFEST, "", -1, secret())
    assert found.line["prompt"] == "a red cat" and found.line["parameters"] == RECORD["parameters"]
    assert json.loads(found.graphs.api) == GRAPH
    assert json.loads(found.graphs.editor) == TEXTS["workflow"]


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
@pytest.mark.parametrize("workflow", [KEEP, ENCRYPT])
def test_a_picture_without_its_folder_of_graphs_still_carries_its_own(tmp_path, kind, workflow):
    save(tmp_path, secret(), workflow=workflow, format=kind)
    for path in (tmp_path / "easel" / graphs.FOLDER).iterdir():
        path.unlink()
    found = find(tmp_path, MANIFEST, "", -1, secret())
    assert json.loads(found.graphs.api) == GRAPH and found.graphs.place == "the picture itself"


def test_another_passphrase_opens_nothing(tmp_path):
    save(tmp_path, secret(), workflow=ENCRYPT)
    for settings, sentence in ((secret("another"), "another passphrase"), (PLAIN, "EASEL_METADATA_PASSPHRASE")):
        with pytest.raises(AssetProblem, match=sentence):
            find(tmp_path, MANIFEST, "", -1, settings)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed | {"data": sealed["data"][:-8] + "AAAAAAA="},
        lambda sealed: sealed | {"nonce": "no base64!"},
        lambda sealed: {name: value for name, value in sealed.items() if name != "salt"},
        lambda sealed: sealed | {MARK: 99},
    ],
)
def test_what_was_encrypted_and_changed_is_never_taken_for_true(spoil):
    sealed = seal({"prompt": "a red cat"}, secret())
    assert unseal(sealed, secret()) == {"prompt": "a red cat"}
    assert seal({"prompt": "a red cat"}, secret())["data"] != sealed["data"]
    with pytest.raises(AssetProblem):
        unseal(spoil(sealed), secret())


def test_a_picture_that_is_gone_or_changed_still_tells_its_request(shelf):
    (shelf / "shots/owl.png").unlink()
    (shelf / "shots/cat.png").write_bytes(picture(3).encoded())
    gone, changed = (find(shelf, MANIFEST, name, -1, PLAIN) for name in ("owl.png", "cat.png"))
    assert gone.data is None and "no longer in the destination output" in gone.missing
    assert gone.line["prompt"] == "an owl at night" and json.loads(gone.graphs.api) == GRAPH
    assert changed.is_changed and decode(changed.data) == picture(3)


def test_a_picture_in_a_place_of_the_operator_s_is_read_from_there(tmp_path):
    settings = AssetSettings(destinations={"client": "memory://finding"})
    save(tmp_path, settings, destination="client", name="a")
    assert decode(find(tmp_path, MANIFEST, "a.png", -1, settings).data) == picture()
    with pytest.raises(AssetProblem, match="no destination"):
        find(tmp_path, MANIFEST, "a.png", -1, PLAIN)
    fsspec.filesystem("memory").rm("/finding", recursive=True)
    assert "no longer" in find(tmp_path, MANIFEST, "a.png", -1, settings).missing


def test_lines_of_save_pictures_are_read_too(tmp_path):
    (tmp_path / "easel").mkdir()
    (tmp_path / "easel/picture_00001_.png").write_bytes(picture().encoded())
    line = {"file": "picture_00001_.png", "width": 48, "height": 32, "pixels": picture().rgb_digest, **BOUGHT.facts}
    manifest.append(tmp_path / "easel", line)
    found = find(tmp_path, MANIFEST, "picture_00001_.png", -1, PLAIN)
    assert decode(found.data) == picture() and found.line["seed"] == 42


@pytest.mark.parametrize(
    "line",
    [
        {"file": "secret.png", "path": "../secret.png", "destination": "output"},
        {"file": "../../secret.png"},
        {"file": "a", "path": "linked/secret.png", "destination": "output"},
    ],
)
def test_a_line_somebody_wrote_by_hand_leads_to_no_file_outside(tmp_path, line):
    out = tmp_path / "output"
    (out / "easel").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(picture().encoded())
    (out / "linked").symlink_to(tmp_path, target_is_directory=True)
    manifest.append(out / "easel", line)
    with pytest.raises(AssetProblem, match="leads out"):
        find(out, MANIFEST, "", -1, PLAIN)


@pytest.mark.parametrize("path", ["/elsewhere/secret.png", "../elsewhere/secret.png", "..\\\\elsewhere/secret.png"])
def test_a_line_somebody_wrote_by_hand_leads_to_no_other_bucket(tmp_path, path):
    settings = AssetSettings(destinations={"client": "memory://client/shots"})
    fsspec.filesystem("memory").pipe("/elsewhere/secret.png", picture().encoded())
    (tmp_path / "easel").mkdir()
    manifest.append(tmp_path / "easel", {"file": "a.png", "path": path, "destination": "client"})
    with pytest.raises(AssetProblem, match="leads out"):
        find(tmp_path, MANIFEST, "", -1, settings)


def test_after_a_change_of_passphrase_new_pictures_open_with_the_new_one(tmp_path):
    save(tmp_path, secret("the first passphrase"), workflow=ENCRYPT, name="a")
    for _ in range(2):
        save(tmp_path, secret(), workflow=ENCRYPT, name="b")
    assert len(list((tmp_path / "easel" / graphs.FOLDER).iterdir())) == 2
    for name, settings in (("a.png", secret("the first passphrase")), ("b.png", secret()), ("b_2.png", secret())):
        assert json.loads(find(tmp_path, MANIFEST, name, -1, settings).graphs.api) == GRAPH


@pytest.mark.parametrize(
    "graph", [{"prompt": "../../../etc/passwd"}, {"prompt": "../settings.json"}, {"sealed": 3}, "x"]
)
def test_a_graph_is_read_from_the_folder_of_graphs_only(tmp_path, graph):
    out = tmp_path / "output"
    (out / "easel").mkdir(parents=True)
    (out / "settings.json").write_text("{}")
    manifest.append(out / "easel", {"file": "a.png", "path": "a.png", "destination": "output", "graph": graph})
    assert find(out, MANIFEST, "", -1, PLAIN).graphs == graphs.Graphs()


@pytest.mark.parametrize("name", ["../m.jsonl", "/etc/passwd", "easel/notes.txt", "easel/none.jsonl", ""])
def test_only_a_manifest_below_the_output_folder_is_read(shelf, name):
    (shelf / "easel/notes.txt").write_text("{}")
    with pytest.raises(AssetProblem):
        find(shelf, name, "", -1, PLAIN)
