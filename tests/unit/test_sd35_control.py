"""What ControlNet files hold is read rightly, and what is something else is refused with what it is."""

import json

import pytest
import torch

from easel.nodes.local.errors import ModelRefused
from easel.nodes.local.sd35.control import ControlFile, control_file
from easel.nodes.local.sd35.loading import open_control
from support import tiny_sd35 as tiny

PUBLISHED = {
    "num_layers": 19,
    "num_attention_heads": 38,
    "caption_projection_dim": 2432,
    "joint_attention_dim": None,
    "pooled_projection_dim": 2048,
    "use_pos_embed": False,
    "force_zeros_for_pooled_projection": False,
}
SMALL = PUBLISHED | {"num_layers": 2, "num_attention_heads": 2, "caption_projection_dim": 128, "sample_size": 16}


def new_net(config, meta=False):
    from diffusers import SD3ControlNetModel

    torch.manual_seed(0)
    with torch.device("meta" if meta else "cpu"):
        return SD3ControlNetModel(attention_head_dim=64, **config)


def as_published(weights, number):
    """q, k and v in one, and the original's names: written down here a second time, by hand."""
    found = {"control_type": torch.tensor(number)}
    names = {"norm1.linear": "adaLN_modulation.1", "attn.to_out.0": "attn.proj"}
    names |= {"ff.net.0.proj": "mlp.fc1", "ff.net.2": "mlp.fc2"}
    for name, value in weights.items():
        if ".to_q." in name:
            found[name.replace("to_q", "qkv")] = torch.cat(
                [value, *(weights[name.replace("to_q", c)] for c in ("to_k", "to_v"))]
            )
        elif ".to_k." not in name and ".to_v." not in name:
            ours = next((ours for ours in names if f".{ours}." in name), None)
            found[name.replace(ours, names[ours]) if ours else name] = value
    return found


@pytest.fixture(scope="module")
def net():
    return new_net(SMALL)


@pytest.fixture
def folder(net, tmp_path):
    net.save_pretrained(tmp_path / "a-depth-net")
    return tmp_path / "a-depth-net"


@pytest.mark.parametrize("layout", ["published", "diffusers"])
def test_a_published_net_is_known_by_its_header_alone(tmp_path, layout):
    weights = new_net(PUBLISHED, meta=True).state_dict()
    if layout == "published":
        weights = as_published(weights, 0)
    found = control_file(tiny.header_only(tmp_path / "x.safetensors", weights))
    assert (found.width, found.reads_words) == (2432, False)
    assert {name: found.config[name] for name in PUBLISHED} == PUBLISHED


def test_both_layouts_hold_the_same_weights(net, folder, tmp_path):
    theirs = as_published(net.state_dict(), 2)
    for path in (folder, tiny.save(theirs, tmp_path / "x.safetensors")):
        found = control_file(path).weights()
        assert found.keys() == theirs.keys() - {"control_type"}
        assert all(torch.equal(found[name], theirs[name]) for name in found)


@pytest.mark.parametrize("number, kind", [(0, "blur"), (1, "canny"), (2, "depth")])
def test_what_a_net_was_trained_on_is_read_from_its_file(net, tmp_path, number, kind):
    path = tiny.save(as_published(net.state_dict(), number), tmp_path / "called-depth-or-canny.safetensors")
    assert control_file(path).trained_on == kind


def test_else_from_its_name(net, folder, tmp_path):
    assert control_file(folder).trained_on == "depth"
    assert control_file(folder / "diffusion_pytorch_model.safetensors").trained_on == "depth"
    path = tiny.save(net.state_dict(), tmp_path / "sd35_Canny.safetensors")
    assert control_file(path).trained_on == "canny"
    assert control_file(path.rename(tmp_path / "net.safetensors")).trained_on == ""


def test_what_is_said_of_a_net(host, folder):
    assert open_control(folder, None, False)[1] == (
        "A ControlNet for a model of width 128, 2 blocks; takes depths, white where it is near."
    )
    assert open_control(folder, "", False)[1].endswith("takes pictures as they are.")
    unnamed = folder.rename(folder.with_name("net"))
    assert open_control(unnamed, None, False)[1].endswith(
        "takes pictures as they are: its file does not say what it was trained on."
    )
    assert open_control(tiny.CONTROL, None, False)[1] == (
        "A ControlNet for a model of width 192, 1 block; takes pictures as they are."
    )


def test_a_folder_of_several_files_is_opened(net, tmp_path):
    net.save_pretrained(tmp_path / "net", max_shard_size="500KB")
    assert len(list((tmp_path / "net").glob("*.safetensors"))) > 1
    found, whole = control_file(tmp_path / "net").weights(), as_published(net.state_dict(), 0)
    assert all(torch.equal(found[name], whole[name]) for name in found)


def test_a_pickle_of_weights_only_is_opened(net, tmp_path):
    weights = as_published(net.state_dict(), 1)
    torch.save(weights, tmp_path / "x.pth")
    assert isinstance(control_file(tmp_path / "x.pth"), ControlFile)


def test_no_network_is_asked_for_anything(host, folder, monkeypatch):
    import socket

    def refuse(*_where):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert open_control(folder, None, False)


# What is something else


def refusal(path):
    with pytest.raises(ModelRefused) as caught:
        open_control(path, None, False)
    assert str(caught.value).startswith(f'"{path.name}" ')
    return str(caught.value)


STRANGERS = {
    ("controlnet_cond_embedding.conv_in.weight", "add_embedding.linear_1.weight"): "a ControlNet for SDXL, not",
    ("control_model.zero_convs.0.0.weight", "control_model.label_emb.0.0.weight"): "a ControlNet for SDXL, not",
    ("lora_controlnet", "label_emb.0.0.down"): "a ControlNet for SDXL (a Control-LoRA), not",
    ("controlnet_cond_embedding.conv_in.weight",): "a ControlNet for Stable Diffusion 1 or 2, not",
    ("control_model.input_hint_block.0.weight", "control_model.zero_convs.0.0.weight"): "Stable Diffusion 1 or 2, not",
    ("controlnet_blocks.0.weight", "controlnet_x_embedder.weight"): "a ControlNet for FLUX, not",
    ("controlnet_blocks.0.weight", "double_blocks.0.img_attn.qkv.weight"): "a ControlNet for FLUX, not",
    (
        "controlnet_blocks.0.weight",
        "transformer_blocks.0.img_mlp.net.0.proj.weight",
    ): "a ControlNet for Qwen-Image, not",
    ("transformer.transformer_blocks.0.attn.to_q.lora_A.weight",): "is a LoRA; put it into models/loras",
    ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight",): "is a Stable Diffusion 3.5 model; put it into",
    ("model.diffusion_model.label_emb.0.0.weight",): "an SDXL model; open it with Load Checkpoint, not a ControlNet",
    ("decoder.conv_in.weight",): "a VAE; put it into models/vae",
    ("something.else",): "is another model",
}


@pytest.mark.parametrize("names", STRANGERS, ids=lambda names: names[0])
def test_another_file_is_refused_with_what_it_is_and_who_takes_it(tmp_path, names):
    path = tiny.save({name: torch.zeros(2, 2) for name in names}, tmp_path / "x.safetensors")
    assert STRANGERS[names] in refusal(path)


def test_the_transformer_of_a_folder_is_not_taken_for_its_controlnet(tmp_path):
    path = tiny.save(tiny.part("transformer"), tmp_path / "x.safetensors")
    assert "is a Stable Diffusion 3.5 model" in refusal(path)


def test_a_file_cut_short_is_refused(net, tmp_path):
    path = tiny.save(as_published(net.state_dict(), 1), tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes()[:-1000])
    assert "was cut short" in refusal(path)


class Hostile:
    def __reduce__(self):
        return print, ("this ran",)


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path, capsys):
    torch.save({"state_dict": Hostile()}, tmp_path / "x.pth")
    assert "run a program" in refusal(tmp_path / "x.pth")
    assert "this ran" not in capsys.readouterr().out


def test_what_is_missing_too_much_or_of_a_wrong_shape_is_named(net, tmp_path):
    path, whole = tmp_path / "x.safetensors", as_published(net.state_dict(), 1)
    lost = "transformer_blocks.1.mlp.fc1.weight"
    tiny.save({name: value for name, value in whole.items() if name != lost}, path)
    assert "parts missing (transformer_blocks.1.ff.net.0.proj.weight)" in refusal(path)
    tiny.save({name: value for name, value in whole.items() if "pos_embed_input.proj.bias" not in name}, path)
    assert "parts missing (pos_embed_input.proj.bias)" in refusal(path)
    tiny.save(whole | {lost: torch.zeros(3, 3)}, path)
    assert "do not fit together (transformer_blocks.1.ff.net.0.proj.weight is (3, 3))" in refusal(path)
    tiny.save(whole | {"transformer_blocks.0.mlp.fc1.scale_weight": torch.zeros(1)}, path)
    assert "has a part that no ControlNet of Stable Diffusion 3.5 has" in refusal(path)


def test_a_net_of_another_text_size_is_refused(tmp_path):
    new_net(SMALL | {"pooled_projection_dim": 128}).save_pretrained(tmp_path / "net")
    assert "it takes 128 numbers for the whole prompt, not 2048" in refusal(tmp_path / "net")


def test_a_folder_of_something_else_is_refused(folder, tmp_path):
    assert "no config.json in it" in refusal(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "FluxControlNetModel"}))
    assert "the folder of another model (FluxControlNetModel)" in refusal(tmp_path)
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    assert "holds no .safetensors file" in refusal(folder)
