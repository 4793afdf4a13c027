"""What may be opened as Segment Anything: weights only, and exactly those; everything else is refused by name."""

import json
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from easel.nodes.local.errors import ModelMissing, ModelRefused
from easel.nodes.local.masks.sam import files
from easel.nodes.local.masks.sam.architectures import ARCHITECTURES, architecture_of
from support.tiny_sam import MODEL

EXPECTED = "vit_b, vit_l, vit_h"


class Hostile:
    """Pickles to a call that leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (open, (str(self.trace), "w"))


@pytest.fixture(scope="module")
def weights():
    return load_file(MODEL)


def refused(path):
    with pytest.raises(ModelRefused) as caught:
        files.open_model(path)
    sentence = str(caught.value)
    assert path.name in sentence and EXPECTED in sentence
    return sentence


def test_every_layout_of_the_same_weights_opens(tmp_path, weights):
    torch.save(weights, tmp_path / "zip.pth")
    torch.save(weights, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": weights}, tmp_path / "nested.pt")
    (tmp_path / "renamed.pth").write_bytes(MODEL.read_bytes())

    for name in ("zip.pth", "old.pth", "nested.pt", "renamed.pth"):
        family = files.open_model(tmp_path / name)
        state = family.module.state_dict()
        assert all(torch.equal(state[key], value.float()) for key, value in weights.items()), name
        assert not any(tensor.is_meta for tensor in [*family.module.parameters(), *family.module.buffers()])


@pytest.mark.parametrize("row", [row for row in ARCHITECTURES if row.side == 1024], ids=lambda row: row.name)
def test_the_published_models_are_the_package_s(row):
    from segment_anything import sam_model_registry

    with torch.device("meta"):
        theirs = sam_model_registry[row.name]().state_dict()
    assert architecture_of(theirs) is row
    family = files.PackageFamily(row, theirs)
    assert {key: value.shape for key, value in family.module.state_dict().items()} == {
        key: value.shape for key, value in theirs.items()
    }
    encoder = family.module.image_encoder
    assert [number for number, block in enumerate(encoder.blocks) if block.window_size == 0] == list(row.global_blocks)
    assert (encoder.blocks[0].attn.num_heads, encoder.blocks[0].window_size) == (row.heads, 14)
    with torch.device("meta"):
        made = sam_model_registry[row.name]()
    heads = [layer.self_attn.num_heads for layer in made.mask_decoder.transformer.layers]
    assert heads == [layer.self_attn.num_heads for layer in family.module.mask_decoder.transformer.layers]
    assert encoder.blocks[0].attn.num_heads == made.image_encoder.blocks[0].attn.num_heads


# Hostile files


@pytest.mark.parametrize("form", ["zip", "old", "bare", "late", "text"])
def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(tmp_path, weights, form):
    trace, path = tmp_path / "trace", tmp_path / "sam_vit_b.pth"
    content = {**weights, "image_encoder.extra": Hostile(trace)}
    if form in ("zip", "old"):
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    else:
        path.write_bytes(pickle.dumps(Hostile(trace), protocol={"bare": 2, "late": 5, "text": 0}[form]))
    if form == "bare":
        pickle.loads(path.read_bytes()).close()
        assert trace.exists(), "the file is not hostile at all"
        trace.unlink()

    sentence = refused(path)

    assert not trace.exists()
    assert "nothing of it ran" in sentence


def test_a_folder_with_a_pickle_is_not_opened(tmp_path, weights):
    trace = tmp_path / "trace"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam"}))
    torch.save({"x": Hostile(trace)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").write_bytes(b"x" * 100)

    refused(tmp_path / "model.safetensors")

    assert not trace.exists()


# Files that are something else

OTHERS = {
    "a Stable Diffusion checkpoint": "model.diffusion_model.input_blocks.0.0.weight",
    "SAM 2 in Meta's own layout": "image_encoder.trunk.pos_embed",
    "MobileSAM": "image_encoder.layers.0.blocks.0.conv.weight",
    "a LoRA": "lora_unet_down.alpha",
    "a VAE": "first_stage_model.decoder.conv_in.weight",
    'first part is "whatever"': "whatever",
}


@pytest.mark.parametrize(("said", "key"), OTHERS.items(), ids=OTHERS)
def test_another_model_is_named(tmp_path, said, key):
    path = tmp_path / "model.safetensors"
    save_file({key: torch.zeros(2)}, path)
    assert said in refused(path)


def test_sam_hq_in_its_own_layout_is_named(tmp_path, weights):
    path = tmp_path / "sam_hq_tiny.pth"
    torch.save({**weights, "mask_decoder.hf_token.weight": torch.zeros(1, 64)}, path)
    assert "SAM-HQ" in refused(path)


def test_an_unknown_size_is_named(tmp_path, weights):
    path = tmp_path / "sam.safetensors"
    save_file({**weights, "image_encoder.pos_embed": torch.zeros(1, 16, 16, 95)}, path)
    assert "of a size that nobody has published" in refused(path)


def test_a_part_too_few_too_many_or_of_another_shape_is_named(tmp_path, weights):
    key = "mask_decoder.iou_token.weight"
    path = tmp_path / "sam.safetensors"
    save_file({name: value for name, value in weights.items() if name != key}, path)
    assert f"lacks {key} (1 of its {len(weights)} parts" in refused(path)
    save_file({**weights, "more": torch.zeros(1)}, path)
    assert "has more besides" in refused(path)
    save_file({**weights, key: torch.zeros(2, 64)}, path)
    assert f"{key} has the shape (2, 64) instead of (1, 64)" in refused(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"  <!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "download the file itself"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no model at all"),
        (pickle.dumps([1, 2, 3], protocol=2), "no model at all"),
    ],
    ids=["empty", "web page", "git's note", "picture", "a list"],
)
def test_what_is_no_model_is_named(tmp_path, content, said):
    path = tmp_path / "sam_vit_b.pth"
    path.write_bytes(content)
    assert said in refused(path)


def test_a_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "sam.pth"
    for content in ({"epoch": 3}, [torch.zeros(1)], {1: torch.zeros(1)}):
        torch.save(content, path)
        assert "holds no weights" in refused(path)


def test_a_file_cut_short_is_refused(tmp_path, weights):
    torch.save(weights, tmp_path / "whole.pth")
    torch.save(weights, tmp_path / "whole_old.pth", _use_new_zipfile_serialization=False)
    for whole in (MODEL, tmp_path / "whole.pth", tmp_path / "whole_old.pth"):
        data = whole.read_bytes()
        path = tmp_path / f"cut{whole.suffix}"
        for share in (0.0001, 0.5, 0.999):
            path.write_bytes(data[: max(9, int(len(data) * share))])
            assert "cut short" in refused(path)


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / "sam.pth"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("readme.txt", "hello")
    assert "no model at all" in refused(path)


# Missing


def test_a_missing_file_says_what_to_put_where(tmp_path):
    told = files.missing("sam_vit_l_0b3195.pth", tmp_path)
    assert isinstance(told, ModelMissing)
    assert "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_l_0b3195.pth (1.2 GB)" in str(told)
    assert str(tmp_path) in str(told)
    assert "sam_vit_b_01ec64.pth" in str(files.missing("mine.pth", tmp_path))
