"""Pictures for ControlNets are as the nets were trained on, in batches, of every size and number of channels."""

import pytest
import torch

from easel.nodes.local.errors import ModelMissing, ModelRefused, WishRefused
from easel.nodes.local.sd35.preparation import blurred, depths, edges, fitted


def disc(side=64, radius=20.0, ink=(0.9, 0.9, 0.1), ground=(0.1, 0.1, 0.8)):
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    inside = ((y - side / 2 + 0.5) ** 2 + (x - side / 2 + 0.5) ** 2 < radius**2)[..., None]
    return torch.where(inside, torch.tensor(ink), torch.tensor(ground))[None]


def test_edges_are_white_lines_on_black_where_the_colours_change(host):
    found = edges(disc(), 0.3, 0.6)
    assert found.shape == (1, 64, 64, 3)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    y, x = torch.nonzero(found[0, ..., 0], as_tuple=True)
    away = (((y - 31.5) ** 2 + (x - 31.5) ** 2) ** 0.5 - 20).abs()
    assert len(away) > 80
    assert away.max() < 2.5


def test_edges_are_those_of_core_s_own_node(host):
    from comfy_extras.nodes_canny import Canny

    picture = torch.rand(2, 40, 56, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(edges(picture, 0.3, 0.6), Canny.execute(picture, 0.3, 0.6).args[0])


def test_faint_edges_are_drawn_with_low_thresholds_only(host):
    faint = disc(ink=(0.5, 0.5, 0.5), ground=(0.44, 0.44, 0.44))
    assert edges(faint, 0.3, 0.6).sum() == 0
    assert edges(faint, 0.02, 0.05).sum() > 100


def test_thresholds_the_wrong_way_round_are_refused(host):
    with pytest.raises(WishRefused, match=r"low threshold of edges \(0.6\) must not be above the high one \(0.3\)"):
        edges(disc(), 0.6, 0.3)


def test_a_blur_keeps_the_colours_and_takes_the_details(host):
    fine = torch.rand(1, 100, 400, 3, generator=torch.Generator().manual_seed(0))
    found = blurred(fine, 5.0)
    assert found.shape == fine.shape
    assert (found.mean((1, 2)) - fine.mean((1, 2))).abs().max() < 0.02
    assert found.std() < 0.15 * fine.std()
    assert blurred(fine, 20.0).std() < 0.5 * found.std()


def test_a_blur_reaches_over_a_twentieth_of_the_width(host):
    """51 pixels of 1024: further away nothing is seen."""
    point = torch.zeros(1, 101, 1024, 1)
    point[:, 50, 512] = 1
    (columns,) = torch.nonzero(blurred(point, 5.0)[0, 50, :, 0], as_tuple=True)
    assert (columns.min().item(), columns.max().item()) == (512 - 26, 512 + 26)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 900)])
def test_a_blur_of_narrow_pictures_is_a_picture(host, size):
    found = blurred(torch.rand(1, *size, 3), 25.0)
    assert found.shape == (1, *size, 3)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "prepare", [lambda p: edges(p, 0.3, 0.6), lambda p: blurred(p, 5.0), lambda p: depths(p, True)]
)
def test_a_batch_is_its_pictures_one_by_one(host, prepare, channels):
    batch = torch.rand(3, 32, 48, channels, generator=torch.Generator().manual_seed(1))
    found = prepare(batch)
    assert found.shape == (3, 32, 48, 3)
    assert torch.allclose(found, torch.cat([prepare(picture[None]) for picture in batch]), atol=1e-6)
    assert found.min() >= 0 and found.max() <= 1


def test_a_picture_of_depth_is_grey_from_black_to_white_and_near_is_white(host):
    far_right = torch.linspace(0.6, 0.2, 11).expand(1, 5, 11)[..., None].expand(-1, -1, -1, 3)
    found = depths(far_right, True)
    assert torch.allclose(found[0, 0, :, 1], torch.linspace(1, 0, 11), atol=1e-6)
    assert torch.allclose(depths(1 - far_right, False), found, atol=1e-6)
    assert torch.equal(
        depths(torch.full((1, 4, 4, 3), 0.4), True), torch.full((1, 4, 4, 3), 0.4).mean(-1, True).expand(-1, -1, -1, 3)
    )


def test_another_size_cuts_off_what_does_not_fit_evenly():
    picture = torch.zeros(1, 40, 80, 3)
    picture[:, :, 20:60] = 1
    found = fitted(picture, 20, 20)
    assert found.shape == (1, 20, 20, 3)
    assert found.min() > 0.9
    assert torch.equal(fitted(picture, 80, 40), picture)
    assert fitted(torch.rand(2, 33, 57, 4), 64, 48).shape == (2, 48, 64, 3)


# A depth model


@pytest.fixture
def folder(host, tmp_path, monkeypatch):
    """A small depth model with random weights, where ComfyUI looks for such folders."""
    import folder_paths
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, DPTImageProcessor

    torch.manual_seed(0)
    backbone = {"model_type": "dinov2", "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    backbone |= {"image_size": 56, "patch_size": 14, "out_indices": [1, 2, 3, 4], "reshape_hidden_states": False}
    sizes = {
        "reassemble_hidden_size": 32,
        "neck_hidden_sizes": [8, 8, 8, 8],
        "fusion_hidden_size": 8,
        "head_hidden_size": 8,
    }
    config = DepthAnythingConfig(backbone_config={**backbone, "apply_layernorm": True}, patch_size=14, **sizes)
    base = tmp_path / "depth"
    folder = base / "tiny"
    model = DepthAnythingForDepthEstimation(config)
    for name, weight in model.named_parameters():
        if name.startswith(("neck", "head")):
            # Else it sees next to nothing; near one, so that distances are none of zero.
            torch.nn.init.normal_(weight, mean=1.0 if name == "head.conv3.bias" else 0.0, std=0.1)
    model.save_pretrained(folder)
    processor = DPTImageProcessor(size={"height": 56, "width": 56}, ensure_multiple_of=14, keep_aspect_ratio=True)
    processor.save_pretrained(folder)
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return folder


def test_a_depth_model_reads_what_transformers_own_pipeline_reads(folder):
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation, pipeline

    from easel.nodes.local.sd35 import depth

    assert depth.models() == ["tiny"]
    pictures = torch.randint(0, 256, (2, 48, 64, 3), generator=torch.Generator().manual_seed(0)) / 255
    found = depth.read("tiny", pictures)
    assert found.shape == (2, 48, 64, 3)
    assert found.amin((1, 2, 3)).tolist() == [0, 0] and found.amax((1, 2, 3)).tolist() == [1, 1]
    parts = {
        "model": AutoModelForDepthEstimation.from_pretrained(folder),
        "image_processor": AutoImageProcessor.from_pretrained(folder),
    }
    shown = Image.fromarray((pictures[1] * 255).round().byte().numpy())
    theirs = pipeline("depth-estimation", **parts)(shown)["predicted_depth"].squeeze()
    theirs = (theirs - theirs.min()) / (theirs.max() - theirs.min())
    assert (found[1, ..., 0] - theirs).abs().max() < 1e-3


def test_a_model_of_distances_is_turned_round(folder):
    import json

    from easel.nodes.local.sd35 import depth

    picture = disc()
    near = depth.read("tiny", picture)[0, ..., 0].flatten()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"depth_estimation_type": "metric", "max_depth": 10}))
    far = depth.read("tiny", picture)[0, ..., 0].flatten()
    assert torch.corrcoef(torch.stack([near, far]))[0, 1] < -0.3


def test_a_depth_model_that_cannot_be_used_says_why(folder):
    from easel.nodes.local.sd35 import depth

    with pytest.raises(ModelMissing, match="Copy the whole folder of a depth model there"):
        depth.read("another", torch.zeros(1, 8, 8, 3))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-500])
    with pytest.raises(ModelRefused, match='"tiny" cannot be opened as a depth model'):
        depth.read("tiny", torch.zeros(1, 8, 8, 3))
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelRefused, match=r'^"tiny" has a damaged config.json'):
        depth.read("tiny", torch.zeros(1, 8, 8, 3))
    (folder / "config.json").write_text('{"model_type": "sam"}')
    with pytest.raises(ModelRefused, match='"tiny" is no depth model that is known here'):
        depth.read("tiny", torch.zeros(1, 8, 8, 3))


def test_a_stack_for_a_part_of_the_picture_follows_that_part():
    from pathlib import Path

    from easel.nodes.local.sd35.stacks import Control, Lora, cut_out

    shown = torch.rand(1, 100, 200, 3)
    (part,) = cut_out((Control("net", shown, 0.7, 0.1, 0.9),), (20, 30, 60, 90), 200, 100)
    assert torch.equal(part.picture, shown[:, 30:90, 20:60])
    assert (part.net, part.strength, part.start, part.end) == ("net", 0.7, 0.1, 0.9)
    (smaller,) = cut_out((Control("net", shown, 0.7, 0.0, 1.0),), (0, 0, 50, 50), 100, 50)
    assert smaller.picture.shape == (1, 50, 50, 3)
    assert Lora(Path("a"), 1.0, 0.5) == Lora(Path("a"), 1.0, 0.5)
