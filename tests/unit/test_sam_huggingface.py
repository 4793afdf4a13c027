"""SAM, SAM-HQ and SAM 2 in Hugging Face folders answer as transformers' own code does."""

import json

import numpy as np
import pytest
import torch
import transformers

from easel.nodes.local.errors import ModelRefused
from easel.nodes.local.handle import Handle
from easel.nodes.local.masks.sam import files
from easel.nodes.local.masks.sam.choices import ALL
from easel.nodes.local.masks.sam.family import Asked
from easel.nodes.local.masks.sam.model import SegmentAnything
from easel.nodes.local.masks.sam.segmenting import segment
from easel.nodes.pictures import Pixels
from support.tiny_sam import on_cpu, scene

CPU = torch.device("cpu")
PROMPTS = {"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4}
DECODER = {
    "hidden_size": 32,
    "mlp_dim": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "iou_head_hidden_dim": 32,
}
ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 64,
    "patch_size": 16,
    "window_size": 2,
    "global_attn_indexes": [1],
    "output_channels": 32,
    "num_pos_feats": 16,
    "mlp_dim": 64,
}
HIERA = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 16,
    "num_attention_heads": 1,
    "image_size": [64, 64],
    "blocks_per_stage": [1, 1, 2, 1],
    "embed_dim_per_stage": [16, 32, 64, 128],
    "num_attention_heads_per_stage": [1, 1, 2, 2],
    "window_size_per_stage": [8, 4, 4, 4],
    "global_attention_blocks": [3],
    "window_positional_embedding_background_size": [2, 2],
}
ENCODER_2 = {
    "backbone_config": HIERA,
    "backbone_channel_list": [128, 64, 32, 16],
    "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    "fpn_hidden_size": 32,
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two threads that share their cores with others take longer over small models than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def new_model(kind):
    """A model of the real classes with random weights, small enough for a test."""
    torch.manual_seed(7)
    names = {"sam": "Sam", "sam_hq": "SamHQ", "sam2": "Sam2", "sam2_video": "Sam2"}
    decoder = DECODER | ({"vit_dim": 32} if kind == "sam_hq" else {})
    encoder = ENCODER if names[kind] != "Sam2" else ENCODER_2
    config = getattr(transformers, f"{names[kind]}Config")(
        vision_config=encoder, prompt_encoder_config=PROMPTS, mask_decoder_config=decoder
    )
    return getattr(transformers, f"{names[kind]}Model")(config).eval()


@pytest.fixture(params=["sam", "sam_hq", "sam2", "sam2_video"])
def kind(request):
    return request.param


@pytest.fixture
def folder(kind, tmp_path):
    new_model(kind).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": kind}))
    return tmp_path


def test_it_answers_as_transformers_does(kind, folder):
    picture, theirs = scene(128, 96), new_model(kind)
    family = files.open_model(folder / "model.safetensors")
    sam = SegmentAnything(family, Handle(family.module, CPU, CPU), on_cpu)
    points, labels = np.array([[[40.0, 48.0], [100.0, 20.0]]]), np.array([[1, 0]])
    padded = kind in ("sam", "sam_hq")
    scale = np.array([64 / 128, 48 / 96 if padded else 64 / 96])

    with sam.on_device():
        ours = segment(sam, Pixels(picture), Asked(points, labels), ALL)
        framed = family.frame.picture(picture, CPU)
        told = theirs(
            pixel_values=framed,
            input_points=torch.from_numpy(points * scale).float()[None],
            input_labels=torch.from_numpy(labels)[None],
        )

    order = torch.argsort(told.iou_scores[0, 0], descending=True)
    assert [one.score for one in ours] == pytest.approx(told.iou_scores[0, 0][order].tolist(), abs=1e-5)
    processor = getattr(transformers, "SamImageProcessor" if padded else "Sam2ImageProcessor")(
        pad_size={"height": 64, "width": 64}
    )
    sizes = ([[96, 128]], [[48, 64]]) if padded else ([[96, 128]],)
    masks = processor.post_process_masks(told.pred_masks, *sizes)[0][0][order]
    assert torch.equal(torch.stack([one.mask for one in ours]), masks)


def test_pictures_are_prepared_as_its_processor_does(kind, folder):
    picture = scene(128, 96)
    frame = files.open_model(folder / "model.safetensors").frame
    ours = frame.picture(picture, CPU)
    if frame.padded:
        sizes = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
        theirs = transformers.SamImageProcessor(**sizes)(picture, return_tensors="pt").pixel_values
    else:
        theirs = transformers.Sam2ImageProcessor(size={"height": 64, "width": 64})(
            picture, return_tensors="pt"
        ).pixel_values
    # Rounded to 8 bits in between or not: a step of 1/255, over a deviation of about 0.22.
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 0.04


def test_several_questions_at_once_and_an_earlier_mask(folder):
    family = files.open_model(folder / "model.safetensors")
    sam = SegmentAnything(family, Handle(family.module, CPU, CPU), on_cpu)
    points = np.random.default_rng(3).uniform(0, 96, (5, 1, 2))
    mask = np.zeros((96, 128), np.float32)
    mask[20:60, 20:60] = 1
    with sam.on_device():
        seen = sam.see(Pixels(scene()))
        answers, scores = sam.answer(seen, Asked(points, np.ones((5, 1), np.int64)), True)
        alone, _ = sam.answer(seen, Asked(points[2:3], np.ones((1, 1), np.int64)), True)
        first, _ = sam.answer(seen, Asked(boxes=np.array([[20.0, 20, 60, 60]]), mask=mask), False)
    assert answers.shape == (5, 3, 16, 16) and scores.shape == (5, 3) and first.shape == (1, 1, 16, 16)
    assert torch.allclose(answers[2], alone[0], atol=1e-5)


def refused(folder):
    with pytest.raises(ModelRefused) as caught:
        files.open_model(folder / "model.safetensors")
    return str(caught.value)


@pytest.mark.parametrize("kind", ["sam"], indirect=True)
def test_a_folder_that_cannot_be_used_says_why(folder):
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"sam"', '"clip"'))
    assert 'of the kind "clip"' in refused(folder)
    (folder / "config.json").write_text(config[:40])
    assert "damaged config.json" in refused(folder)
    (folder / "config.json").unlink()
    assert "without its folder" in refused(folder)
    (folder / "config.json").write_text(config)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["mask_decoder.iou_token.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert "lacks 1 parts, such as mask_decoder.iou_token.weight" in refused(folder)
