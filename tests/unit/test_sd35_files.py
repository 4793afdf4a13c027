"""What files of Stable Diffusion 3.5 hold is read rightly, and what is something else is refused with what it is."""

import json
import pickle
from pathlib import Path

import pytest
import torch

from easel.nodes.local.errors import ModelRefused
from easel.nodes.local.sd35 import loading, parts, transformer, variants
from easel.nodes.local.sd35.headers import read_header
from support import tiny_sd35 as tiny

COMMON = {"joint_attention_dim": 4096, "pooled_projection_dim": 2048, "attention_head_dim": 64}
PUBLISHED = {
    variants.MEDIUM: {
        "num_layers": 24,
        "pos_embed_max_size": 384,
        "dual_attention_layers": tuple(range(13)),
        "qk_norm": "rms_norm",
    },
    variants.LARGE: {"num_layers": 38, "pos_embed_max_size": 192, "dual_attention_layers": (), "qk_norm": "rms_norm"},
    variants.SD3_MEDIUM: {"num_layers": 24, "pos_embed_max_size": 192, "dual_attention_layers": (), "qk_norm": None},
}


def meta_weights(published):
    from diffusers import SD3Transformer2DModel

    heads = published["num_layers"]
    with torch.device("meta"):
        net = SD3Transformer2DModel(num_attention_heads=heads, caption_projection_dim=heads * 64, **COMMON, **published)
    return net.state_dict()


@pytest.fixture(scope="module")
def net():
    return tiny.part("transformer")


@pytest.fixture(scope="module")
def original(net):
    return tiny.original_layout(net)


@pytest.mark.parametrize("variant", PUBLISHED, ids=lambda variant: variant.name)
@pytest.mark.parametrize("layout", ["original", "diffusers"])
def test_a_published_model_is_known_by_its_header_alone(tmp_path, variant, layout):
    weights = meta_weights(PUBLISHED[variant])
    if layout == "original":
        weights = {f"model.diffusion_model.{name}": value for name, value in tiny.original_layout(weights).items()}
    path = tiny.header_only(tmp_path / "a.safetensors", weights)
    config = variants.config_of(parts.parts_of(path)["transformer"].header)
    assert variants.variant_of(config) is variant
    wanted = (
        PUBLISHED[variant]
        | COMMON
        | {"num_attention_heads": PUBLISHED[variant]["num_layers"], "in_channels": 16, "patch_size": 2}
    )
    assert {name: config[name] for name in wanted} == wanted


@pytest.mark.parametrize("hints", [("sd3.5_large_turbo.safetensors",), ("x", "Stable Diffusion 3.5 Large Turbo")])
def test_turbo_is_told_from_large_by_the_file_s_name_or_its_own_words(hints):
    config = {"num_layers": 38, "dual_attention_layers": ()}
    assert variants.variant_of(config, *hints) is variants.LARGE_TURBO
    assert variants.variant_of(config, "sd3.5_large.safetensors") is variants.LARGE


def test_the_original_layout_gives_the_same_weights_bit_by_bit(tmp_path, net, original):
    prefixed = {f"model.diffusion_model.{name}": value for name, value in original.items()}
    for file in (original, prefixed, net):
        path = tiny.save(file, tmp_path / "x.safetensors")
        found = transformer.build_transformer(parts.parts_of(path)["transformer"]).module.state_dict()
        assert found.keys() == net.keys()
        assert all(torch.equal(found[name], net[name]) for name in net)


def test_the_original_layout_is_what_diffusers_itself_makes_of_it(net, original):
    from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

    theirs = convert_sd3_transformer_checkpoint_to_diffusers(dict(original))
    ours = transformer.in_diffusers_layout(original)
    assert all(torch.equal(theirs[name], ours[name]) for name in net)


def test_a_folder_in_several_files_gives_the_same_weights(tmp_path, net):
    folder = tmp_path / "model"
    (folder / "transformer").mkdir(parents=True)
    (folder / "model_index.json").write_text((tiny.FOLDER / "model_index.json").read_text())
    names = sorted(net)
    halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, some in halves.items():
        tiny.save({name: net[name] for name in some}, folder / "transformer" / file)
    index = {"weight_map": {name: file for file, some in halves.items() for name in some}}
    (folder / "transformer/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    found = transformer.build_transformer(parts.parts_of(folder)["transformer"]).module.state_dict()
    assert all(torch.equal(found[name], net[name]) for name in net)


def test_weights_stay_in_the_file_until_they_are_used(tmp_path, original):
    """q, k and v of one fused tensor lie in one another's memory: nothing was copied."""
    path = tiny.save(original, tmp_path / "x.safetensors")
    found = transformer.build_transformer(parts.parts_of(path)["transformer"]).module.transformer_blocks[0].attn
    q, k = found.to_q.weight, found.to_k.weight
    assert q.untyped_storage().data_ptr() == k.untyped_storage().data_ptr()
    assert k.data_ptr() - q.data_ptr() == q.nbytes


def scaled_fp8(weights):
    found = {"scaled_fp8": torch.empty(2, dtype=torch.float8_e4m3fn)}
    for name, value in weights.items():
        if "blocks." in name and name.endswith(".weight") and value.ndim == 2:
            scale = value.float().abs().max() / 448
            found[name] = (value.float() / scale).to(torch.float8_e4m3fn)
            found[name.removesuffix("weight") + "scale_weight"] = scale.reshape(())
        else:
            found[name] = value
    return found


def test_scaled_fp8_weights_keep_their_scales(tmp_path, original, net):
    path = tiny.save(scaled_fp8(original), tmp_path / "x.safetensors")
    made = transformer.build_transformer(parts.parts_of(path)["transformer"])
    layer = "transformer_blocks.1.attn.to_k"
    kept = made.module.get_submodule(layer).weight
    assert kept.dtype == torch.float8_e4m3fn
    restored = kept.float() * made.scales[layer]
    assert (restored - net[f"{layer}.weight"].float()).norm() / net[f"{layer}.weight"].float().norm() < 0.04
    assert (kept.float() - net[f"{layer}.weight"].float()).norm() / net[f"{layer}.weight"].float().norm() > 1


# What is something else


def refusal(path: Path) -> str:
    with pytest.raises(ModelRefused) as caught:
        loading.read_model(path)
    assert path.name in str(caught.value)
    return str(caught.value)


STRANGERS = {
    "model.diffusion_model.input_blocks.0.0.weight": "Stable Diffusion 1 or 2 model; open it with Load Checkpoint",
    "model.diffusion_model.label_emb.0.0.weight": "SDXL model; open it with Load Checkpoint",
    "model.diffusion_model.double_blocks.0.img_attn.qkv.weight": "FLUX model; open it with Load Diffusion Model",
    "single_transformer_blocks.0.attn.to_q.weight": "FLUX model",
    "lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight": "LoRA; put it into models/loras",
    "transformer.transformer_blocks.0.attn.to_q.lora_A.weight": "LoRA; put it into models/loras",
    "controlnet_blocks.0.weight": "ControlNet; put it into models/controlnet",
    "text_model.encoder.layers.0.mlp.fc1.weight": "text encoder; put it into models/text_encoders",
    "encoder.block.0.layer.0.SelfAttention.k.weight": "T5 text encoder; put it into models/text_encoders",
    "decoder.conv_in.weight": "VAE; put it into models/vae",
    "something.else": "another model",
}


@pytest.mark.parametrize("name", STRANGERS)
def test_another_model_is_refused_with_what_it_is_and_who_takes_it(tmp_path, name):
    path = tiny.save({name: torch.zeros(2, 2)}, tmp_path / "x.safetensors")
    assert STRANGERS[name] in refusal(path)


def test_a_file_cut_short_is_refused(tmp_path, original):
    path = tiny.save(original, tmp_path / "x.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refusal(path) and "49 %" in refusal(path)
    path.write_bytes(whole[:100])
    assert "cut short" in refusal(path)


def test_a_file_with_a_part_missing_names_it(tmp_path, original):
    without = {name: value for name, value in original.items() if "joint_blocks.1.x_block.mlp.fc1" not in name}
    path = tiny.save(without, tmp_path / "x.safetensors")
    with pytest.raises(ModelRefused, match=r"transformer_blocks\.1\.ff\.net\.0\.proj"):
        transformer.build_transformer(loading.read_model(path)["transformer"])


@pytest.mark.parametrize(
    "held, said",
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><title>Log in</title>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git"),
        (b"GGUF\x03\x00\x00\x00", "GGUF"),
        (b"not a model at all, of any kind", "cannot be read"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path, held, said):
    path = tmp_path / "x.safetensors"
    path.write_bytes(held)
    assert said in refusal(path)


class Hostile:
    def __reduce__(self):
        return print, ("this ran",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path, capsys, protocol):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": Hostile()}, path)
    assert "run a program" in refusal(path)
    path.write_bytes(pickle.dumps(Hostile(), protocol=protocol))
    assert "run a program" in refusal(path)
    assert "this ran" not in capsys.readouterr().out


def test_a_pickle_of_weights_only_is_opened(tmp_path, original, net):
    torch.save({"state_dict": original}, tmp_path / "x.ckpt")
    found = transformer.build_transformer(loading.read_model(tmp_path / "x.ckpt")["transformer"]).module.state_dict()
    assert all(torch.equal(found[name], net[name]) for name in net)


def test_a_folder_of_another_model_is_refused(tmp_path):
    assert "model_index.json" in refusal(tmp_path)
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    assert "FluxPipeline" in refusal(tmp_path)


def test_a_folder_of_which_a_file_or_a_sentence_is_missing_is_refused(tmp_path):
    index = tmp_path / "model_index.json"
    index.write_text('{"_class_name": "StableDiffusion3Pipeline"}')
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer/diffusion_pytorch_model.safetensors.index.json").write_text(
        '{"weight_map": {"proj_out.weight": "diffusion_pytorch_model-00002-of-00002.safetensors"}}'
    )
    assert '"diffusion_pytorch_model-00002-of-00002.safetensors" is missing in' in refusal(tmp_path)
    index.write_text("[]")
    assert "damaged model_index.json" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("slot", "part", "kept"),
    [
        ("t5xxl", "text_encoder_3", "final_layer_norm"),
        ("clip_l", "text_encoder", "final_layer_norm"),
        ("clip_l", "text_encoder", "text_model.e"),
    ],
)
def test_a_part_of_a_text_encoder_is_refused(tmp_path, slot, part, kept):
    weights = {name: tensor for name, tensor in tiny.part(part).items() if kept in name or "final_layer_norm" in name}
    weights = {name: tensor for name, tensor in weights.items() if "embed" not in name}
    path = tiny.save(weights, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(ModelRefused, match=r"text encoder with parts missing.*take the one file that holds all of it"):
        loading._encoder(slot, path, {}, {slot: path})


def test_the_parts_of_a_checkpoint_are_found_without_reading_them(tmp_path):
    names = ["model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "first_stage_model.decoder.conv_in.weight"]
    names += [f"text_encoders.{name}.transformer.text_model.final_layer_norm.weight" for name in ("clip_l", "clip_g")]
    path = tiny.save({name: torch.zeros(3, 1) for name in names}, tmp_path / "x.safetensors")
    assert parts.parts_of(path).keys() == {"transformer", "clip_l", "clip_g", "vae"}
    assert read_header(path).shapes[names[0]] == (3, 1)


def test_a_file_beside_the_model_that_was_replaced_is_opened_again(host, tmp_path, monkeypatch):
    import os

    from easel.nodes.local.sd35 import files

    folder = tmp_path / "folder"
    (folder / "vae").mkdir(parents=True)
    names = (
        "model.safetensors",
        "my_clip_l.safetensors",
        "own.safetensors",
        "vae.safetensors",
        "folder/vae/a.safetensors",
    )
    for name in names:
        (tmp_path / name).write_bytes(b"weights")
    monkeypatch.setattr(files.host, "model_path", lambda kind, name: tmp_path / name)
    monkeypatch.setattr(files.host, "model_files", lambda kind: [names[1]] if kind == "text_encoders" else [])

    def changes(model, name, **choices):
        before = files.stamps(model, choices)
        now = (tmp_path / name).stat().st_mtime_ns
        os.utime(tmp_path / name, ns=(now, now + 1))
        return files.stamps(model, choices) != before

    assert changes(names[0], names[0])
    assert changes(names[0], names[1])
    assert not changes(names[0], names[1], clip_l=files.NONE)
    assert not changes(names[0], names[2])
    assert changes(names[0], names[2], t5xxl=names[2])
    assert changes(names[0], names[3], vae_name=names[3])
    assert changes("folder", names[4])
