"""LoRAs of every format change the same weights by the same amount, are counted, and refused where they do not belong."""

import pytest
import torch

from easel.nodes.local.sd35.embeddings import EMBEDDINGS
from support import tiny_sd35 as tiny
from support.sd35_loras import FORMATS, LAST, LAYERS, RANK, diffusers, kohya
from support.sd35_runs import build, drawn, one_thread


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def shapes():
    return {name: tuple(value.shape) for name, value in tiny.part("transformer").items()}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tiny.save(
        tiny.original_layout(tiny.part("transformer")), tmp_path_factory.mktemp("lora") / "model.safetensors"
    )


@pytest.fixture
def model(host, file):
    return build(file)


@pytest.fixture(scope="module")
def updates(shapes):
    """(up, down) of each layer; q, k and v share their down, as those of a fused layer must."""
    made = torch.Generator().manual_seed(0)
    shared = torch.randn(RANK, 192, generator=made)
    layers = [f"transformer_blocks.1.{layer}" for layer in LAYERS] + [LAST]
    return {layer: (torch.randn(shapes[f"{layer}.weight"][0], RANK, generator=made), shared) for layer in layers}


def changed(model, updates):
    """The patched weights of the layers, less what they were."""
    before = {
        layer: model.model.get_submodule(f"diffusion_model.transformer.{layer}").weight.float().clone()
        for layer in updates
    }
    # As for a file that is to be saved: every layer is patched.
    model.partially_load(model.load_device, 1e32, force_patch_weights=True)
    after = {
        layer: model.model.get_submodule(f"diffusion_model.transformer.{layer}").weight.float().clone()
        for layer in updates
    }
    model.unpatch_model()
    return {layer: after[layer] - before[layer] for layer in updates}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_changes_the_weights_by_the_same(model, updates, tmp_path, form):
    from easel.nodes.local.sd35.loading import add_lora

    path = tiny.save(FORMATS[form](updates), tmp_path / "style.safetensors")
    patched, clip, report = add_lora(model, None, path, 0.5, 1.0)
    count = 5 if form in ("kohya", "original names", "LyCORIS of kohya") else len(updates)
    assert (clip, report) == (None, f"style.safetensors: {count} of its {count} layers are the model's.")
    for layer, difference in changed(patched, updates).items():
        up, down = updates[layer]
        # The model's weights are kept in fp16.
        assert (difference - 0.5 * up @ down).abs().max() < 0.01, layer


def test_weights_that_have_been_divided_by_a_scale_are_changed_by_the_same(host, updates, tmp_path):
    from easel.nodes.local.sd35.loading import add_lora

    layer = "transformer_blocks.1.attn.to_out.0"
    weights = {name: tensor.float() for name, tensor in tiny.original_layout(tiny.part("transformer")).items()}
    name = "joint_blocks.1.x_block.attn.proj"
    scale = weights[f"{name}.weight"].abs().max() / 400
    weights[f"{name}.weight"] = (weights[f"{name}.weight"] / scale).to(torch.float8_e4m3fn)
    scaled = weights | {f"{name}.scale_weight": scale, "scaled_fp8": torch.empty(2, dtype=torch.float8_e4m3fn)}
    model = build(tiny.save(scaled, tmp_path / "fp8.safetensors"))
    # So small that the result still fits into what 8 bits can hold at this scale.
    few = {layer: (updates[layer][0] * 0.01, updates[layer][1])}
    path = tiny.save(diffusers(few), tmp_path / "style.safetensors")
    up, down = few[layer]
    difference = changed(add_lora(model, None, path, 1.0, 1.0)[0], few)[layer] * scale
    assert torch.corrcoef(torch.stack([difference.flatten(), (up @ down).flatten()]))[0, 1] > 0.95
    assert 0.9 < difference.std() / (up @ down).std() < 1.1


def test_two_add_up_and_none_leaves_a_trace(model, updates, tmp_path):
    from easel.nodes.local.sd35.loading import add_lora

    path = tiny.save(diffusers(updates), tmp_path / "style.safetensors")
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    one, _, _ = add_lora(model, None, path, 0.7, 1.0)
    two, _, _ = add_lora(one, None, path, -0.5, 1.0)
    for layer, difference in changed(two, updates).items():
        up, down = updates[layer]
        assert (difference - 0.2 * up @ down).abs().max() < 0.01
    assert all(torch.equal(value, before[name]) for name, value in model.model.state_dict().items())


def test_a_part_that_does_not_belong_is_counted(model, updates, tmp_path):
    from easel.nodes.local.sd35.loading import add_lora

    strange = {
        "lora_unet_somewhere_else.lora_up.weight": torch.zeros(2, 2),
        "lora_unet_somewhere_else.lora_down.weight": torch.zeros(2, 2),
    }
    path = tiny.save(diffusers(updates) | strange, tmp_path / "style.safetensors")
    assert f"{len(updates)} of its {len(updates) + 1} layers" in add_lora(model, None, path, 1.0, 1.0)[2]


def test_a_norm_is_changed_by_what_a_file_has_for_it(model, tmp_path):
    from easel.nodes.local.sd35.loading import add_lora

    layer = "transformer_blocks.1.attn.norm_q"
    width = model.model.get_submodule(f"diffusion_model.transformer.{layer}").weight.shape
    change = torch.randn(width, generator=torch.Generator().manual_seed(2))
    path = tiny.save({f"lycoris_{layer.replace('.', '_')}.w_norm": change}, tmp_path / "norm.safetensors")
    patched, _, report = add_lora(model, None, path, 0.5, 1.0)
    assert "1 of its 1 layers" in report
    assert (changed(patched, [layer])[layer] - 0.5 * change).abs().max() < 0.01


@pytest.mark.parametrize(("end", "kind"), [("oft_blocks", "an OFT"), ("oft_diag", "an OFT"), ("a1.weight", "a GLoRA")])
def test_a_kind_that_is_not_applied_is_counted_and_named(model, updates, tmp_path, end, kind):
    from easel.nodes.local.errors import ModelRefused
    from easel.nodes.local.sd35.loading import add_lora

    strange = {f"lycoris_transformer_blocks_0_attn_to_q.{end}": torch.zeros(2, 96, 96)}
    path = tiny.save(diffusers(updates) | strange, tmp_path / "some.safetensors")
    assert f"{len(updates)} of its {len(updates) + 1} layers" in add_lora(model, None, path, 1.0, 1.0)[2]
    with pytest.raises(ModelRefused, match=f"is {kind} file, a kind that is not applied"):
        add_lora(model, None, tiny.save(strange, tmp_path / "all.safetensors"), 1.0, 1.0)


def test_of_another_family_it_is_called_so_whatever_its_kind(model, tmp_path):
    from easel.nodes.local.errors import ModelRefused
    from easel.nodes.local.sd35.loading import add_lora

    path = tiny.save(
        {"lycoris_double_blocks_0_img_mlp_0.oft_blocks": torch.zeros(2, 96, 96)}, tmp_path / "x.safetensors"
    )
    with pytest.raises(ModelRefused, match="made for FLUX"):
        add_lora(model, None, path, 1.0, 1.0)


@pytest.mark.parametrize(
    "layer, said",
    [
        ("lora_unet_double_blocks_0_img_attn_qkv", "FLUX"),
        ("lora_unet_input_blocks_4_1_proj_in", "SDXL"),
        ("lora_of_something", "its first layer is called"),
    ],
)
def test_a_lora_of_another_model_is_refused(model, tmp_path, layer, said):
    from easel.nodes.local.errors import ModelRefused
    from easel.nodes.local.sd35.loading import add_lora

    tensors = {f"{layer}.lora_down.weight": torch.zeros(2, 8), f"{layer}.lora_up.weight": torch.zeros(8, 2)}
    path = tiny.save(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ModelRefused, match=said) as caught:
        add_lora(model, None, path, 1.0, 1.0)
    assert str(caught.value).startswith('"x.safetensors" changes nothing')


TO_Q = "transformer.transformer_blocks.1.attn.to_q"


@pytest.mark.parametrize(
    "tensors",
    [
        {"lora_A.weight": (2, 1536), "lora_B.weight": (1536, 2)},
        {"lokr_w1": (8, 8), "lokr_w2_a": (192, 2), "lokr_w2_b": (2, 192), "alpha": ()},
        {"hada_w1_a": (1536, 2), "hada_w1_b": (2, 1536), "hada_w2_a": (1536, 2), "hada_w2_b": (2, 1536)},
        {"diff": (1536, 1536)},
    ],
    ids=["LoRA", "LoKr", "LoHa", "whole"],
)
def test_a_lora_of_another_size_is_refused(model, tmp_path, tensors):
    from easel.nodes.local.errors import ModelRefused
    from easel.nodes.local.sd35.loading import add_lora

    path = tiny.save(
        {f"{TO_Q}.{end}": torch.zeros(shape) for end, shape in tensors.items()}, tmp_path / "x.safetensors"
    )
    with pytest.raises(ModelRefused, match="expects 1536 channels, and this model has 192"):
        add_lora(model, None, path, 1.0, 1.0)


def test_a_lora_of_flux_is_called_that_although_some_of_its_layers_are_called_like_ours(model, tmp_path):
    from easel.nodes.local.errors import ModelRefused
    from easel.nodes.local.sd35.loading import add_lora

    tensors = {}
    for layer in (TO_Q, "transformer.single_transformer_blocks.1.attn.to_q"):
        tensors |= {f"{layer}.lora_A.weight": torch.zeros(2, 3072), f"{layer}.lora_B.weight": torch.zeros(3072, 2)}
    with pytest.raises(ModelRefused, match="made for FLUX"):
        add_lora(model, None, tiny.save(tensors, tmp_path / "x.safetensors"), 1.0, 1.0)


@pytest.mark.parametrize("left_out", ["lora_B.weight", "lora_A.weight"])
def test_half_a_layer_is_not_counted(model, updates, tmp_path, left_out):
    from easel.nodes.local.sd35.loading import add_lora

    tensors = diffusers(updates)
    del tensors[f"{TO_Q}.{left_out}"]
    count = len(updates)
    report = add_lora(model, None, tiny.save(tensors, tmp_path / "x.safetensors"), 1.0, 1.0)[2]
    assert f"{count - 1} of its {count} layers" in report


def test_a_scale_of_rows_is_taken_apart_with_them_and_one_of_columns_is_left_out_with_its_layer(
    model, updates, tmp_path
):
    """DoRA: the layer as it would come out is brought to the scale's length."""
    from easel.nodes.local.sd35.loading import add_lora

    name = "lora_unet_joint_blocks_1_x_block_attn_qkv"
    rows = torch.rand(576, 1, generator=torch.Generator().manual_seed(1)) + 1
    path = tiny.save(kohya(updates) | {f"{name}.dora_scale": rows}, tmp_path / "rows.safetensors")
    fused, _, report = add_lora(model, None, path, 1.0, 1.0)
    assert "5 of its 5 layers" in report
    apart = diffusers(updates)
    for third, scale in zip("qkv", rows.chunk(3), strict=True):
        apart[f"transformer.transformer_blocks.1.attn.to_{third}.dora_scale"] = scale
    wanted = changed(add_lora(model, None, tiny.save(apart, tmp_path / "apart.safetensors"), 1.0, 1.0)[0], updates)
    assert all(torch.equal(difference, wanted[layer]) for layer, difference in changed(fused, updates).items())
    path = tiny.save(kohya(updates) | {f"{name}.dora_scale": torch.ones(1, 192)}, tmp_path / "columns.safetensors")
    assert "4 of its 5 layers" in add_lora(model, None, path, 1.0, 1.0)[2]


def test_a_file_that_is_no_lora_is_refused(model, file):
    from easel.nodes.local.errors import ModelRefused
    from easel.nodes.local.sd35.loading import add_lora

    with pytest.raises(ModelRefused, match="is no LoRA"):
        add_lora(model, None, file, 1.0, 1.0)


# Text encoders


def of_text_encoders(seed=0):
    """For CLIP-L as kohya names its layers, and for CLIP-G as diffusers does."""
    made = torch.Generator().manual_seed(seed)
    found = {}
    for name, width, up, down in (
        ("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", 64, "lora_up", "lora_down"),
        ("text_encoder_2.text_model.encoder.layers.1.mlp.fc1", 96, "lora_B", "lora_A"),
    ):
        rows = 4 * width if name.endswith("fc1") else width
        found[f"{name}.{up}.weight"] = torch.randn(rows, RANK, generator=made)
        found[f"{name}.{down}.weight"] = torch.randn(RANK, width, generator=made)
    return found


@pytest.fixture(scope="module")
def opened(host):
    from easel.nodes.local.sd35 import loading

    return loading.open_model(tiny.FOLDER, loading.read_model(tiny.FOLDER), {}, None, 77)


def said(clip):
    from easel.nodes.local.sd35.core.sampling import conditioning

    EMBEDDINGS.forget()
    with torch.inference_mode():
        ((words, rest),) = conditioning(clip, "a red circle on a blue background")
    return torch.cat([words.flatten(), rest["pooled_output"].flatten()])


def test_the_text_encoders_are_changed_and_counted(opened, tmp_path):
    from easel.nodes.local.sd35.loading import add_lora

    path = tiny.save(of_text_encoders(), tmp_path / "words.safetensors")
    before = said(opened.clip)
    _, clip, report = add_lora(opened.model, opened.clip, path, 1.0, 0.5)
    assert report == "words.safetensors: 0 of its 2 layers are the model's, 2 the text encoders'."
    after = said(clip)
    assert (after - before).abs().max() > 0.05
    assert torch.equal(said(opened.clip), before)
    tensors = of_text_encoders()
    up, down = (
        tensors[f"lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_{end}.weight"] for end in ("up", "down")
    )
    attention = clip.cond_stage_model.clip_l.transformer.text_model.encoder.layers[0].self_attn
    clip.patcher.unpatch_model()
    own = attention.q_proj.weight.float().clone()
    clip.patcher.load(clip.patcher.load_device, full_load=True)
    # The encoders are kept in fp16.
    assert (attention.q_proj.weight.float() - own - 0.5 * up @ down).abs().max() < 0.01
    clip.patcher.unpatch_model()
    assert torch.equal(said(add_lora(opened.model, opened.clip, path, 1.0, 0.0)[1]), before)


def test_the_same_lora_again_is_the_same_to_the_host_and_at_strength_0_it_is_none(opened, updates, tmp_path):
    """What has another name is loaded anew, and with another CLIP every prompt is read anew."""
    from easel.nodes.local.sd35.loading import add_lora

    both = tiny.save(diffusers(updates) | of_text_encoders(), tmp_path / "both.safetensors")
    alone = tiny.save(diffusers(updates), tmp_path / "alone.safetensors")

    def names(path, *strengths):
        model, clip, _ = add_lora(opened.model, opened.clip, path, *strengths)
        return model.patches_uuid, clip.patcher.patches_uuid

    plain, first = (opened.model.patches_uuid, opened.clip.patcher.patches_uuid), names(both, 1.0, 0.5)
    assert names(both, 1.0, 0.5) == first
    assert names(both, 0.9, 0.5) == (names(both, 0.9, 0.4)[0], first[1])
    assert len({plain, first, names(both, 0.9, 0.4), names(alone, 1.0, 1.0)}) == 4
    assert names(alone, 1.0, 1.0)[1] == plain[1]
    assert names(both, 0.0, 0.0) == plain
    tiny.save(diffusers(updates) | of_text_encoders(1), both)
    assert names(both, 1.0, 0.5) != first


def test_the_same_lora_again_is_not_loaded_again_and_goes_without_a_trace(model, updates, tmp_path, monkeypatch):
    from easel.nodes.local.sd35.core.model import Patcher
    from easel.nodes.local.sd35.loading import add_lora

    path = tiny.save(diffusers(updates), tmp_path / "style.safetensors")
    loads, real = [], Patcher.load

    def counted(self, *options, **more):
        loads.append(self.patches_uuid)
        return real(self, *options, **more)

    monkeypatch.setattr(Patcher, "load", counted)

    def style(strength):
        return drawn(add_lora(model, None, path, strength, 1.0)[0], steps=2)

    plain, first = drawn(model, steps=2), style(0.7)
    assert torch.equal(style(0.7), first)
    assert len(loads) == 2
    assert not torch.equal(style(0.6), first)
    assert torch.equal(drawn(model, steps=2), plain)


def test_without_clip_it_is_said_what_is_left_out(opened, updates, tmp_path):
    from easel.nodes.local.errors import ModelRefused
    from easel.nodes.local.sd35.loading import add_lora

    count = len(updates)
    path = tiny.save(diffusers(updates) | of_text_encoders(), tmp_path / "both.safetensors")
    assert add_lora(opened.model, None, path, 1.0, 1.0)[2] == (
        f"both.safetensors: {count} of its {count + 2} layers are the model's; 2 for the text encoders are left out, as clip is "
        "not connected."
    )
    assert add_lora(opened.model, opened.clip, path, 1.0, 1.0)[2].endswith("the model's, 2 the text encoders'.")
    path = tiny.save(of_text_encoders(), tmp_path / "words.safetensors")
    with pytest.raises(ModelRefused, match="changes the text encoders only: connect clip"):
        add_lora(opened.model, None, path, 1.0, 1.0)


def test_a_stack_is_its_loras_one_by_one(opened, updates, tmp_path):
    from easel.nodes.local.sd35.loading import add_lora
    from easel.nodes.local.sd35.stacks import Lora, with_loras

    style = tiny.save(diffusers(updates), tmp_path / "style.safetensors")
    text = tiny.save(of_text_encoders(), tmp_path / "words.safetensors")
    model, clip, reports = with_loras(opened.model, opened.clip, (Lora(style, 0.7, 1.0), Lora(text, 1.0, 0.5)))
    one, spoken, first = add_lora(opened.model, opened.clip, style, 0.7, 1.0)
    two, spoken, second = add_lora(one, spoken, text, 1.0, 0.5)
    assert reports == [first, second]
    assert torch.equal(said(clip), said(spoken))
    changes = changed(model, updates)
    assert all(torch.equal(changes[layer], difference) for layer, difference in changed(two, updates).items())
    assert with_loras(opened.model, None, ()) == (opened.model, None, [])
