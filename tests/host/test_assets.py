"""Assets in a real ComfyUI: saved with their story, found again, made again for nothing, sent nowhere else."""

import io
import json

import c2pa
import jsonschema
import pytest

from easel.nodes.assets import manifest as manifests
from easel.nodes.assets.embedded import texts_in
from support import tiny_sd35
from support.asset_desk import xmp
from support.comfy import failures
from support.throwaway_ca import issue

KEY = "sk-planted-in-a-widget-000111222"


def graph(**nodes):
    return {name: {"class_type": node, "inputs": inputs} for name, (node, inputs) in nodes.items()}


def draw(prompt, take=0):
    inputs = {"prompt": prompt, "size": "1024x1024", "quality": "standard", "style": "vivid", "take": take}
    choices = {"on_refusal": "stop with an error", "second_model": "gpt-image-2.5-flare", "key_profile": "default"}
    return "EaselDallE3", inputs | choices | {"if_retired": "use the model that replaces it"}


def keep(name, **changes):
    inputs = {
        "images": ["draw", 0],
        "filename": f"{name}/{{model}}_{{counter}}",
        "title": "",
        "format": "webp",
        "quality": 80,
        "workflow": "keep in the picture",
        "content_credentials": "where set up",
        "source_type": "automatic",
        "destination": "output",
        "sidecar": False,
        "manifest": f"{name}/manifest.jsonl",
    }
    return "EaselSaveAssets", inputs | changes


def load(find, index=-1, source="save"):
    return "EaselLoadFromManifest", {"manifest": [source, 2], "find": find, "index": index}


def shown(text, source):
    return text, ("PreviewAny", {"source": source})


def ran(comfy, api):
    entry = comfy.run(api)
    assert failures(entry) == [], failures(entry)
    return entry


def lines(comfy, name):
    found = [line for _, line in manifests.lines(comfy.output_dir / name / "manifest.jsonl")]
    for line in found:
        jsonschema.validate(line, manifests.schema())
    return found


def test_a_saved_picture_finds_its_request_and_is_made_again_for_nothing(comfy):
    api = graph(
        draw=draw("an asset: a red circle"),
        save=keep("round-trip", title="Spring", sidecar=True),
        load=load(["save", 1]),
        look=("PreviewImage", {"images": ["load", 0]}),
        **dict([shown("prompt", ["load", 2]), shown("api", ["load", 7]), shown("file", ["load", 8])]),
    )
    entry = ran(comfy, api)
    (picture,) = comfy.saved(entry)
    (line,) = lines(comfy, "round-trip")
    assert picture.name == line["file"] and line["known_from"] == "purchase" and line["sandbox"] is True
    assert picture.with_name(f"{picture.name}.json").is_file()
    told = entry["outputs"]
    assert told["prompt"]["text"][0].startswith("an asset: a red circle")
    assert told["file"]["text"] == [f"round-trip/{picture.name}"]
    assert told["look"]["images"] and told["save"]["cost_usd"][0] > 0
    data = picture.read_bytes()
    assert xmp(data)["DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert xmp(data)["AISystemUsed"].startswith("SANDBOX stand-in for ")
    again = json.loads((comfy.output_dir / "round-trip" / line["graph"]["prompt"]).read_text(encoding="utf-8"))
    assert again == json.loads(told["api"]["text"][0]) == json.loads(texts_in(data)["prompt"])
    again["draw"]["inputs"]["take"], again["save"]["inputs"]["title"] = 0, "Summer"
    ran(comfy, again)
    first, second = lines(comfy, "round-trip")
    assert first["purchase"] == second["purchase"] and first["file"] != second["file"]
    again["draw"]["inputs"]["take"] = 1
    ran(comfy, again)
    assert lines(comfy, "round-trip")[2]["purchase"] != first["purchase"]


def test_each_picture_of_a_list_has_a_line_of_its_own(comfy):
    table = {"file": "the table below", "table": "a blue square\na green star", "start": 1, "limit": 9, "seed": 0}
    columns = {f"{use}_column": "" for use in ("prompt", "negative", "seed", "label")}
    api = graph(
        rows=("EaselPromptsFromFile", {**table, "format": "by its name", **columns}),
        draw=draw(["rows", 0]),
        save=keep("list", filename="list/{prompt:6}", format="avif"),
    )
    assert len(comfy.saved(ran(comfy, api))) == 2
    assert {(line["path"], line["prompt"].partition("\n")[0]) for line in lines(comfy, "list")} == {
        ("list/a blue.avif", "a blue square"),
        ("list/a gree.avif", "a green star"),
    }


@pytest.fixture
def studio(comfy, tmp_path):
    """The operator's certificate and passphrase, while the test lasts."""
    made = issue(tmp_path)
    path = comfy.user_dir / "__easel/settings.json"
    before = path.read_bytes() if path.exists() else None
    told = {
        "credentials": {"certificate": str(made.chain), "private_key": str(made.key)},
        "metadata_passphrase": "secret!",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads(before or b"{}") | told))
    yield made
    path.unlink()
    if before is not None:
        path.write_bytes(before)


def test_with_a_certificate_each_picture_is_signed_and_with_a_passphrase_encrypted(comfy, studio):
    api = graph(
        draw=draw("an asset: a red circle"),
        save=keep("signed", workflow="encrypt", content_credentials="always", format="png"),
        load=load(["save", 1]),
        **dict([shown("prompt", ["load", 2])]),
    )
    entry = ran(comfy, api)
    (picture,) = comfy.saved(entry)
    trust = {"trust": {"trust_anchors": studio.anchor}, "verify": {"verify_trust": True}}
    with c2pa.Reader("image/png", io.BytesIO(picture.read_bytes()), context=c2pa.Context.from_dict(trust)) as reader:
        assert reader.get_validation_state() == "Trusted"
    (line,) = lines(comfy, "signed")
    assert line["credentials"] is True and "prompt" not in line and "prompt" not in texts_in(picture.read_bytes())
    assert entry["outputs"]["prompt"]["text"][0].startswith("an asset: a red circle")


def test_a_picture_that_was_changed_after_buying_tells_what_the_graph_does(comfy):
    api = graph(
        draw=draw("an asset: a red circle"),
        small=(
            "ImageScale",
            {"image": ["draw", 0], "upscale_method": "area", "width": 64, "height": 64, "crop": "disabled"},
        ),
        save=keep("changed", images=["small", 0], made_from=["draw", 0], format="jpeg"),
        load=load("prompt:circle"),
        seed=("PreviewAny", {"source": ["load", 3]}),
    )
    entry = comfy.run(api)
    assert "No seed is known of this picture." in str(entry["status"]["messages"]) or "seed" not in entry["outputs"]
    (line,) = lines(comfy, "changed")
    assert (line["known_from"], line["made_by"], line["width"]) == ("graph", "EaselDallE3", 64)
    assert line["source_type"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert [one["title"].split()[:2] for one in line["ingredients"]] == [["made", "by"]]


def test_a_picture_made_here_tells_seed_model_and_prompt(comfy):
    loader = {"model_name": tiny_sd35.STANDS_FOR, "t5_tokens": "77, as ComfyUI"}
    loader |= dict.fromkeys(("clip_l", "clip_g", "t5xxl", "vae_name"), "automatic")
    wish = {"prompt": "a green circle", "negative": "", "seed": 11, "width": 64, "height": 64, "batch": 2}
    sampling = {"steps": 1, "cfg": 1.0, "sampler": "euler", "scheduler": "normal"}
    sockets = {"model": ["load", 0], "clip": ["load", 1], "vae": ["load", 2]}
    api = graph(
        load=("EaselLoadSd35", loader),
        draw=("EaselSd35TextToImage", wish | sampling | sockets),
        save=keep("local", filename="local/{seed}-{counter:2}"),
    )
    assert [path.name for path in comfy.saved(ran(comfy, api))] == ["11-01.webp", "11-02.webp"]
    for line in lines(comfy, "local"):
        assert (line["known_from"], line["prompt"], line["seed"]) == ("graph", "a green circle", 11)
        assert line["model"] == tiny_sd35.STANDS_FOR and line["parameters"]["steps"] == 1
        assert line["source_type"].endswith("/trainedAlgorithmicMedia")


@pytest.mark.parametrize("destination", ["s3://strangers/bucket", "/elsewhere", "memory://elsewhere"])
def test_a_workflow_from_elsewhere_sends_no_picture_away(comfy, destination):
    entry = comfy.run(graph(draw=draw("an asset: a red circle"), save=keep("away", destination=destination)))
    assert "has not allowed that" in failures(entry)[0]["exception_message"]
    assert not (comfy.output_dir / "away").exists()


def test_a_key_that_somebody_typed_into_a_widget_is_written_nowhere(comfy):
    body = {"provider": "openai", "key": KEY, "profile": "planted"}
    assert comfy.post("/easel/keys", body, headers={"Sec-Fetch-Site": "same-origin"}).status == 200
    try:
        old = {"images": ["draw", 0], "filename_prefix": f"planted/{KEY}", "format": "png", "quality": 90}
        api = graph(
            draw=draw(f"an asset: a red circle {KEY}"),
            save=keep("planted", title=KEY, filename="planted/{title}-{prompt}", format="png", sidecar=True),
            plain=("EaselSavePictures", old | {"filename_prefix": "planted/plain"}),
        )
        assert len(comfy.saved(ran(comfy, api))) == 2
    finally:
        comfy.delete("/easel/keys/openai/planted", headers={"Sec-Fetch-Site": "same-origin"})
    files = [path for path in (comfy.output_dir / "planted").rglob("*") if path.is_file()]
    assert len(files) >= 5
    for path in files:
        inside = "".join(texts_in(path.read_bytes()).values()) if path.suffix == ".png" else ""
        assert KEY.encode() not in path.read_bytes() + str(path).encode() + inside.encode(), path
    assert "[key]" in lines(comfy, "planted")[0]["prompt"]
