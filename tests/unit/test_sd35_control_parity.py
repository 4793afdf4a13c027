"""ControlNets: ours, the pipeline's and core's latents are the same, whatever form the file has."""

import gc
import weakref
from contextlib import contextmanager, nullcontext

import pytest
import torch

from support import tiny_sd35 as tiny
from support.sd35_runs import build, one_thread

CLOSE = 2e-5
SCALE, SHIFT = 1.5305, 0.0609
POOLED = 2048
# As the published nets are built, only narrower, and one block to two of the model's.
SIZES = {"num_attention_heads": 3, "caption_projection_dim": 192, "pooled_projection_dim": POOLED, "sample_size": 16}
KINDS = {
    "published": {
        "joint_attention_dim": None,
        "use_pos_embed": False,
        "force_zeros_for_pooled_projection": False,
        "num_layers": 2,
    },
    "with words": {
        "joint_attention_dim": 256,
        "pos_embed_max_size": 32,
        "qk_norm": "rms_norm",
        "dual_attention_layers": (0,),
        "num_layers": 1,
    },
}


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def transformer():
    from diffusers import SD3Transformer2DModel

    torch.manual_seed(0)
    config = SD3Transformer2DModel.load_config(tiny.FOLDER, subfolder="transformer")
    return SD3Transformer2DModel.from_config({**config, "pooled_projection_dim": POOLED}).requires_grad_(False)


def random_net(kind, seed=1):
    from diffusers import SD3ControlNetModel

    torch.manual_seed(seed)
    net = SD3ControlNetModel(attention_head_dim=64, **SIZES, **KINDS[kind]).requires_grad_(False)
    for block in net.controlnet_blocks:
        torch.nn.init.normal_(block.weight, std=0.05)
    # Zero at the beginning of training.
    torch.nn.init.normal_(net.pos_embed_input.proj.weight, std=0.1)
    return net


@pytest.fixture(scope="module")
def autoencoder():
    """diffusers' own takes latents by chance: here without any spread."""
    from diffusers import AutoencoderKL

    settings = AutoencoderKL.load_config(tiny.FOLDER, subfolder="vae")
    made = AutoencoderKL.from_config({**settings, "scaling_factor": SCALE, "shift_factor": SHIFT})
    made.load_state_dict({name: value.float() for name, value in tiny.part("vae").items()})
    made.encoder.conv_out.weight[16:].data.zero_()
    made.encoder.conv_out.bias[16:].data.fill_(-30.0)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def vae(host, autoencoder):
    from easel.nodes.local.sd35.core.vae import as_vae
    from easel.nodes.local.sd35.vae import Autoencoder

    return as_vae(Autoencoder(autoencoder, SCALE, SHIFT))


@pytest.fixture(scope="module")
def file(transformer, tmp_path_factory):
    weights = tiny.original_layout(transformer.state_dict())
    return tiny.save(weights, tmp_path_factory.mktemp("model") / "transformer.safetensors")


@pytest.fixture(scope="module")
def ours(host, file):
    return build(file)


@pytest.fixture(scope="module")
def core(host, file):
    import comfy.sd

    return comfy.sd.load_diffusion_model(str(file))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of diffusers' for each kind."""
    base = tmp_path_factory.mktemp("nets")
    for kind in KINDS:
        random_net(kind).save_pretrained(base / kind)
    return {kind: base / kind for kind in KINDS}


def published(folder, path, number):
    """The same net in the form of the published files."""
    from easel.nodes.local.sd35.control import control_file

    return tiny.save({**control_file(folder).weights(), "control_type": torch.tensor(number)}, path)


def opened(path, kind=None, as_the_host=False):
    from easel.nodes.local.sd35.loading import open_control

    return open_control(path, kind, as_the_host)[0]


def picture(seed=3):
    return torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(seed))


def words(tokens, seed):
    made = torch.Generator().manual_seed(seed)
    return [[torch.randn(1, tokens, 256, generator=made), {"pooled_output": torch.randn(1, POOLED, generator=made)}]]


def control(net, strength=1.0, start=0.0, end=1.0, seed=3):
    from easel.nodes.local.sd35.stacks import Control

    return Control(net, picture(seed), strength, start, end)


def drawn(model, vae, *stack, count=1, size=(16, 16), denoise=1.0, mask=None, apply=None):
    from easel.nodes.local.sd35.core.sampling import Steps, sample
    from easel.nodes.local.sd35.stacks import with_controls

    made = torch.Generator().manual_seed(9)
    latents = torch.zeros(count, 16, *size) if denoise == 1 else torch.randn(count, 16, *size, generator=made)
    positive, negative = words(9, 1), words(9, 2)
    positive, negative = (apply or with_controls)(positive, negative, stack, vae, size[1] * 8, size[0] * 8)
    with torch.inference_mode():
        return sample(model, Steps(5, 4, 4.5, "euler", "normal", denoise), positive, negative, latents)


@contextmanager
def after_the_last_block_too(pipeline):
    """The reference adds the last residual, which diffusers leaves out."""
    last = []
    seen = pipeline.controlnet.register_forward_hook(lambda net, given, out: last.append(out[0][-1]))
    block = pipeline.transformer.transformer_blocks[-1]
    added = block.register_forward_hook(lambda block, given, out: (out[0], out[1] + last.pop()))
    yield
    seen.remove()
    added.remove()


def by_diffusers(transformer, autoencoder, nets, pictures, strengths, starts, ends, count=1):
    import comfy.sample
    from diffusers import FlowMatchEulerDiscreteScheduler, StableDiffusion3ControlNetPipeline

    rest = dict.fromkeys(
        ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3")
    )
    pipeline = StableDiffusion3ControlNetPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder,
        controlnet=nets if len(nets) > 1 else nets[0],
        **rest,
    )
    pipeline.set_progress_bar_config(disable=True)
    positive, negative = words(9, 1)[0], words(9, 2)[0]
    one = len(nets) == 1
    # Tensors are taken as they are.
    call = {
        "prompt_embeds": positive[0].expand(count, -1, -1),
        "negative_prompt_embeds": negative[0].expand(count, -1, -1),
        "pooled_prompt_embeds": positive[1]["pooled_output"].expand(count, -1),
        "negative_pooled_prompt_embeds": negative[1]["pooled_output"].expand(count, -1),
        "latents": comfy.sample.prepare_noise(torch.zeros(count, 16, 16, 16), 5),
        "control_image": pictures[0] if one else pictures,
        "controlnet_conditioning_scale": strengths[0] if one else strengths,
        "control_guidance_start": starts,
        "control_guidance_end": ends,
    }
    options = {
        "height": 128,
        "width": 128,
        "num_inference_steps": 4,
        "guidance_scale": 4.5,
        "output_type": "latent",
    }
    # Of nets that read words, the last residual is left out everywhere.
    published = nets[0].config.joint_attention_dim is None
    whole = after_the_last_block_too(pipeline) if published else nullcontext()
    with torch.inference_mode(), whole:
        return pipeline(**call, **options).images / SCALE + SHIFT


def pixels(kind, seed=3):
    """(B, 3, H, W): what the net of that kind was trained on."""
    shown = picture(seed).movedim(-1, 1)
    return {"canny": 127.5 * shown + 0.5, "depth": 2 * (1 - shown) - 1, "blur": 2 * shown - 1}[kind]


@pytest.mark.parametrize("kind", ["canny", "blur", "depth"])
def test_a_published_net_is_the_pipeline_s(ours, vae, transformer, autoencoder, folders, kind):
    stack = control(opened(folders["published"], kind), 0.7)
    theirs = by_diffusers(transformer, autoencoder, [random_net("published")], [pixels(kind)], [0.7], [0.0], [1.0])
    plain = drawn(ours, vae)
    found = drawn(ours, vae, stack)
    assert (found - theirs).abs().max() < CLOSE
    assert (found - plain).abs().max() > 1000 * CLOSE


def test_a_net_with_words_is_the_pipeline_s(ours, vae, transformer, autoencoder, folders):
    stack = control(opened(folders["with words"]), 0.7)
    nets = [random_net("with words")]
    theirs = by_diffusers(transformer, autoencoder, nets, [pixels("blur")], [0.7], [0.0], [1.0])
    found = drawn(ours, vae, stack)
    assert (found - theirs).abs().max() < CLOSE
    assert (found - drawn(ours, vae)).abs().max() > 1000 * CLOSE


def test_two_nets_with_their_own_strengths_and_ranges_are_the_pipeline_s(
    ours, vae, transformer, autoencoder, folders, tmp_path
):
    random_net("published", seed=8).save_pretrained(tmp_path / "other")
    first = control(opened(folders["published"], "canny"), 0.6, 0.0, 0.5)
    second = control(opened(tmp_path / "other", "depth"), 0.9, 0.5, 1.0, seed=4)
    nets = [random_net("published"), random_net("published", seed=8)]
    shown = [pixels("canny"), pixels("depth", seed=4)]
    theirs = by_diffusers(transformer, autoencoder, nets, shown, [0.6, 0.9], [0.0, 0.5], [0.5, 1.0], count=2)
    assert (drawn(ours, vae, first, second, count=2) - theirs).abs().max() < CLOSE
    assert (drawn(ours, vae, second, first, count=2) - theirs).abs().max() < CLOSE
    assert (drawn(ours, vae, first, count=2) - theirs).abs().max() > 1000 * CLOSE


CASES = {
    "a batch of two": {"count": 2},
    "odd sizes": {"size": (13, 17)},
    "image to image": {"denoise": 0.7},
}


@pytest.mark.parametrize("case", CASES)
def test_a_published_net_as_the_host_has_it_is_core_s(ours, core, vae, folders, tmp_path, case):
    import comfy.controlnet

    path = published(folders["published"], tmp_path / "net.safetensors", 1)
    theirs = drawn(core, vae, control(comfy.controlnet.load_controlnet(str(path)), 0.7), **CASES[case])
    found = drawn(ours, vae, control(opened(path, as_the_host=True), 0.7), **CASES[case])
    assert (found - theirs).abs().max() < CLOSE
    assert (found - drawn(ours, vae, control(opened(path), 0.7), **CASES[case])).abs().max() > 100 * CLOSE


@pytest.mark.parametrize("kind", KINDS)
def test_our_nets_work_on_core_s_model_and_core_s_on_ours(ours, core, vae, folders, tmp_path, kind):
    import comfy.controlnet

    net = opened(folders[kind], "depth")
    assert (drawn(ours, vae, control(net)) - drawn(core, vae, control(net))).abs().max() < CLOSE
    path = folders[kind] / "diffusion_pytorch_model.safetensors"
    path = published(folders[kind], tmp_path / "net.safetensors", 2) if kind == "published" else path
    theirs = comfy.controlnet.load_controlnet(str(path))
    assert (drawn(ours, vae, control(theirs)) - drawn(core, vae, control(theirs))).abs().max() < CLOSE


def test_a_folder_and_a_published_file_give_the_same_bits(ours, vae, folders, tmp_path):
    path = published(folders["published"], tmp_path / "net.safetensors", 1)
    in_file = drawn(ours, vae, control(opened(path)))
    assert torch.equal(drawn(ours, vae, control(opened(folders["published"], "canny"))), in_file)
    assert not torch.equal(drawn(ours, vae, control(opened(folders["published"], "blur"))), in_file)


def test_core_s_own_apply_nodes_take_it(ours, vae, folders):
    from comfy_extras.nodes_sd3 import ControlNetApplySD3

    net = opened(folders["published"], "canny")

    def by_core(positive, negative, stack, vae, width, height):
        return ControlNetApplySD3.execute(positive, negative, net, picture(), 0.7, 0.0, 1.0, vae=vae).args

    assert torch.equal(drawn(ours, vae, apply=by_core), drawn(ours, vae, control(net, 0.7)))


def test_a_net_that_is_streamed_gives_the_same_bits_and_is_unloaded_with_the_rest(ours, vae, folders):
    import comfy.model_management as mm

    net = opened(folders["published"], "canny")
    whole = drawn(ours, vae, control(net))
    (patcher,) = net.get_models()
    assert patcher.loaded_size() > 0
    mm.unload_all_models()
    assert patcher.loaded_size() == 0
    patcher.load(patcher.load_device, lowvram_model_memory=int(patcher.model_size() * 0.3))
    streamed = [
        layer for layer in patcher.model.modules() if getattr(layer, "prev_comfy_cast_weights", None) is not None
    ]
    assert len(streamed) > 10
    assert torch.equal(drawn(ours, vae, control(net)), whole)


def test_a_net_does_not_hold_the_model_not_even_after_a_run_that_was_stopped(host, vae, folders, file):
    import comfy.model_management as mm

    def stop(*_run):
        raise mm.InterruptProcessingException

    net = opened(folders["published"], "canny")
    model = build(file)
    stopped = model.clone()
    stopped.set_model_sampler_cfg_function(stop)
    with pytest.raises(mm.InterruptProcessingException):
        drawn(stopped, vae, control(net))
    assert net.control_model.drawing() is model.model.diffusion_model
    gone = weakref.ref(model.model.diffusion_model)
    mm.unload_all_models()
    del model, stopped
    gc.collect()
    assert gone() is None


def test_a_net_of_another_size_says_so(ours, vae, tmp_path):
    from diffusers import SD3ControlNetModel

    from easel.nodes.local.errors import WishRefused

    sizes = SIZES | {"num_attention_heads": 2, "caption_projection_dim": 128}
    SD3ControlNetModel(attention_head_dim=64, **sizes, **KINDS["published"]).save_pretrained(tmp_path / "net")
    with pytest.raises(WishRefused, match="made for a model of width 128, and the model is a model of width 192"):
        drawn(ours, vae, control(opened(tmp_path / "net", "blur")))
