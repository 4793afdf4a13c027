"""Segment Anything in a real ComfyUI: its memory management, its validation, and runs without an editor."""

import json
import time
import urllib.parse

import numpy as np
import pytest
import torch
from PIL import Image

from support.comfy import OPENER, PromptRefused, failures
from support.tiny_sam import MODEL, STANDS_FOR, scene

DISC = [{"x": 154, "y": 256, "label": 1}]
SQUARE = {"box": [280, 150, 490, 360]}


@pytest.fixture
def place(comfy):
    """A picture in ComfyUI's input folder."""
    (comfy.base / "input").mkdir(exist_ok=True)
    Image.fromarray(scene(512, 512)).save(comfy.base / "input/scene.png")
    return comfy


def graph(points, model=STANDS_FOR, batch=1, **inputs):
    """Segments a picture, or a batch of the same one, and saves the masks."""
    text = points if isinstance(points, str) else json.dumps(points)
    given = {"sam": ["1", 0], "image": ["3", 0], "points": text, "keep": "best"}
    return {
        "1": {"class_type": "EaselLoadSegmentAnything", "inputs": {"model_name": model}},
        "2": {"class_type": "LoadImage", "inputs": {"image": "scene.png"}},
        "3": {"class_type": "RepeatImageBatch", "inputs": {"image": ["2", 0], "amount": batch}},
        "4": {"class_type": "EaselSegment", "inputs": given | inputs},
        "5": {"class_type": "MaskToImage", "inputs": {"mask": ["4", 0]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "mask"}},
    }


def masks(comfy, entry):
    assert failures(entry) == []
    return [np.array(Image.open(path).convert("L")) for path in comfy.saved(entry)]


def sentence(entry):
    (failure,) = failures(entry)
    return failure["exception_message"]


def covers(mask, colour):
    wanted = np.all(scene(512, 512) == colour, axis=2)
    return np.logical_and(mask > 127, wanted).sum() / np.logical_or(mask > 127, wanted).sum()


def test_points_make_the_mask_and_say_so(place):
    entry = place.run(graph(DISC))

    (mask,) = masks(place, entry)
    assert set(np.unique(mask)) == {0, 255} and covers(mask, (240, 140, 20)) > 0.9
    (shown,) = entry["outputs"]["4"]["easel_segment"]
    assert shown["size"] == [512, 512] and shown["report"].startswith("score 0.")
    for file in (shown["picture"], shown["mask"]):
        with OPENER.open(f"{place.url}/view?{urllib.parse.urlencode(file)}") as answer:
            assert Image.open(answer).size == (512, 512)


def test_each_picture_of_a_batch_has_its_own_points(place):
    one, other = masks(place, place.run(graph([{"points": DISC}, SQUARE], batch=2)))
    assert covers(one, (240, 140, 20)) > 0.9 and covers(other, (40, 180, 60)) > 0.6
    same = masks(place, place.run(graph(DISC, batch=3)))
    assert len(same) == 3 and np.array_equal(same[0], one) and np.array_equal(same[2], one)


def test_all_three_answers_and_the_largest(place):
    told = {"7": {"class_type": "PreviewAny", "inputs": {"source": ["4", 1]}}}
    entry = place.run(graph(DISC, keep="all three") | told)
    three = masks(place, entry)
    scores = [float(text) for text in entry["outputs"]["7"]["text"]]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True) and scores[2] > 0
    (largest,) = masks(place, place.run(graph(DISC, keep="largest")))
    assert len(three) == 3 and (largest > 0).sum() == max((mask > 0).sum() for mask in three)


def test_a_mask_gives_the_box_or_the_start(place):
    marked = {
        "7": {"class_type": "SolidMask", "inputs": {"value": 0.0, "width": 512, "height": 512}},
        "8": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 210, "height": 210}},
        "9": {
            "class_type": "MaskComposite",
            "inputs": {"destination": ["7", 0], "source": ["8", 0], "x": 280, "y": 150, "operation": "add"},
        },
    }
    (drawn,) = masks(place, place.run(graph(SQUARE)))
    (boxed,) = masks(place, place.run(graph("", box=["9", 0]) | marked))
    (started,) = masks(place, place.run(graph("", mask=["9", 0]) | marked))

    assert np.array_equal(boxed, drawn)
    assert covers(started, (40, 180, 60)) > 0.3 and not np.array_equal(started, drawn)
    wrong = marked | {"9": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 99, "height": 98}}}
    assert "99x98" in sentence(place.run(graph("", mask=["9", 0]) | wrong))


@pytest.mark.parametrize(
    ("graph_of", "said"),
    [
        (lambda: graph(""), "nothing to go by"),
        (lambda: graph([{"x": 600, "y": 2}]), "lies outside the picture, which is 512x512"),
        (lambda: graph("here"), "are not JSON"),
        (lambda: graph([SQUARE, SQUARE], batch=3), "given 2 times for 3 pictures"),
        (lambda: graph([SQUARE, {}, SQUARE], batch=3), "Picture 2 of 3 has no point"),
    ],
    ids=["nothing", "outside", "no JSON", "too few", "one without"],
)
def test_what_cannot_be_asked_is_said(place, graph_of, said):
    assert said in sentence(place.run(graph_of()))


def test_before_the_first_click_the_editor_gets_the_picture_and_nothing_goes_on(place):
    extra = {"extra_pnginfo": {"workflow": {}}}
    told = place.post("/prompt", {"prompt": graph(""), "client_id": "editor", "extra_data": extra}).body
    entry = place.wait(told["prompt_id"])

    assert failures(entry) == [] and place.saved(entry) == []
    (shown,) = entry["outputs"]["4"]["easel_segment"]
    assert "Click on what you want" in shown["report"] and "mask" not in shown


def test_a_missing_model_is_told_before_anything_runs(place):
    with pytest.raises(PromptRefused, match=r"sam_vit_h_4b8939.pth.*dl.fbaipublicfiles.com") as refused:
        place.run(graph(DISC, model="sam_vit_h_4b8939.pth"))
    assert str(place.base / "models/sams") in str(refused.value)


def test_a_hostile_model_is_refused_and_nothing_runs(place, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "trace"), "w"))

    torch.save({"image_encoder.pos_embed": Hostile()}, place.base / "models/sams/hostile.pth")

    assert "nothing of it ran" in sentence(place.run(graph(DISC, model="hostile.pth")))
    assert not (tmp_path / "trace").exists()


def test_folders_of_other_packs_are_found(place):
    (place.base / "models/sam2").mkdir(exist_ok=True)
    (place.base / "models/sam2/other.safetensors").write_bytes(MODEL.read_bytes())
    (options,) = [
        info["input"]["required"]["model_name"][1]["options"]
        for info in place.get("/object_info/EaselLoadSegmentAnything").body.values()
    ]
    assert {"other.safetensors", STANDS_FOR} <= set(options)
    assert masks(place, place.run(graph(DISC, model="other.safetensors")))


def test_a_changed_file_is_opened_again(place):
    path = place.base / "models/sams/mine.safetensors"
    path.write_bytes(MODEL.read_bytes())
    assert masks(place, place.run(graph(DISC, model=path.name)))
    path.write_bytes(MODEL.read_bytes()[:5000])
    assert "cut short" in sentence(place.run(graph(DISC, model=path.name)))


def test_everything_can_be_stopped_and_run_again(place):
    def everything(points):
        given = {"sam": ["1", 0], "image": ["2", 0], "points_per_side": points, "pred_iou_thresh": 0.2}
        rest = {"stability_score_thresh": 0.3, "min_area": 0.5, "max_masks": 4, "order": "largest first"}
        node = {
            "class_type": "EaselSegmentEverything",
            "inputs": given | rest | {"box_nms_thresh": 0.7, "crop_n_layers": 0},
        }
        end = {"class_type": "SaveImage", "inputs": {"images": ["4", 1], "filename_prefix": "overview"}}
        return {name: graph(DISC)[name] for name in ("1", "2")} | {"4": node, "6": end}

    long = place.post_prompt(everything(100))
    deadline = time.monotonic() + 20
    while not place.get("/queue").body["queue_running"] and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    place.interrupt()
    assert [message for message in failures(place.wait(long)) if message.get("node_id") == "4"]

    entry = place.run(everything(4))
    assert failures(entry) == [] and len(place.saved(entry)) == 1


# The host's memory management, in this process


@pytest.fixture
def managed(host):
    from comfy import model_management

    from easel.nodes import host as door
    from easel.nodes.local.handle import Handle

    handle = Handle(torch.nn.Linear(4, 4), *door.devices())
    yield door, model_management, handle
    model_management.unload_all_models()


def loaded(model_management):
    return [entry.model for entry in model_management.current_loaded_models]


def test_the_host_knows_the_model_and_can_send_it_away(managed):
    door, model_management, handle = managed
    with door.on_device(handle, 1000) as device:
        assert device == handle.load_device and handle in loaded(model_management)
        assert handle.loaded_size() == handle.model_size()
    assert handle in loaded(model_management), "it stays for the next click"

    model_management.unload_all_models()

    assert handle not in loaded(model_management) and handle.loaded_size() == 0
    with door.on_device(handle, 1000):
        assert handle.loaded_size() == handle.model_size()


def test_after_an_error_nothing_is_left_on_the_device(managed):
    door, model_management, handle = managed
    with pytest.raises(RuntimeError, match="broken"), door.on_device(handle, 1000):
        raise RuntimeError("broken")
    assert handle not in loaded(model_management) and handle.loaded_size() == 0


def test_the_host_forgets_a_model_that_nobody_holds(managed):
    door, model_management, handle = managed
    with door.on_device(handle, 1000):
        before = len(model_management.current_loaded_models)
    handle.model = torch.nn.Linear(1, 1)
    model_management.cleanup_models()
    assert len(model_management.current_loaded_models) == before - 1
