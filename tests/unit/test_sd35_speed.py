"""What is traded for speed is nothing unless it is asked for, and is bounded when it is."""

import gc
import weakref

import numpy as np
import pytest
import torch

from support import tiny_sd35 as tiny
from support.sd35_runs import build, drawn, one_thread, random_file, words

STEPS = {"steps": 12, "cfg": 3.0, "sampler": "euler", "scheduler": "normal"}
PROMPT = "a red circle on a blue background"


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def random(host, tmp_path_factory):
    """Random weights: nothing of a picture, but quick."""
    return build(random_file(tmp_path_factory.mktemp("sd35")))


@pytest.fixture(scope="module")
def trained(host, tmp_path_factory):
    """The small trained model, whose pictures can be judged."""
    from easel.nodes.local.sd35.loading import open_model, read_model

    path = tiny.save(tiny.checkpoint(), tmp_path_factory.mktemp("sd35") / "sd3.5_medium.safetensors")
    return open_model(path, read_model(path), {}, None, 77)


def faster(model, guidance=(0.0, 1.0), threshold=0.0, compiled=False):
    from easel.nodes.local.sd35.core.speed import hurried
    from easel.nodes.local.sd35.speed import Speed

    return hurried(model, Speed(*guidance, threshold, compiled))[0]


def picture(trained, model, prompt=PROMPT, vae=None, **wish):
    """(128, 128, 3), 0 to 255."""
    from easel.nodes.local.sd35 import drawing

    asked = drawing.Wish(prompt, "", wish.pop("seed", 0), *STEPS.values(), **wish)
    with torch.inference_mode():
        done = drawing.draw(model, trained.clip, vae or trained.vae, asked, 128, 128, 1)
    return np.rint(done.images[0].numpy() * 255)


@pytest.fixture(scope="module")
def exact(trained):
    return picture(trained, trained.model)


@pytest.fixture
def rows(random, monkeypatch):
    """How many rows, the positive and the negative words counted apart, were asked of the model, and of each block."""
    net = random.model.diffusion_model.transformer
    seen = {"model": 0, "blocks": 0}

    def counting(what):
        def count(_module, _inputs, more):
            value = more["hidden_states"] if what == "blocks" else _inputs[0]
            seen[what] += len(value)

        return count

    handles = [
        block.register_forward_pre_hook(counting("blocks"), with_kwargs=True) for block in net.transformer_blocks
    ]
    handles.append(net.pos_embed.register_forward_pre_hook(counting("model"), with_kwargs=True))
    yield seen
    for handle in handles:
        handle.remove()


def test_with_everything_off_it_is_the_same_to_the_last_bit(random):
    from easel.nodes.local.sd35.core.speed import hurried
    from easel.nodes.local.sd35.speed import Speed

    model, report = hurried(random, Speed())
    assert torch.equal(drawn(model), drawn(random))
    assert report == "Everything is off: pictures are exact."


def test_outside_of_its_window_guidance_costs_nothing(random, rows):
    drawn(faster(random, (0.0, 0.5)), steps=8, scheduler="simple")
    assert 8 < rows["model"] < 16
    rows["model"] = 0
    without = drawn(faster(random, (0.0, 0.0)), steps=8)
    assert rows["model"] == 9
    # All but the very first step, which is the beginning itself.
    assert (without - drawn(random, steps=8, cfg=1.0)).abs().max() < drawn(random, steps=8).abs().max()


def test_without_any_guidance_it_is_cfg_1(random):
    assert torch.equal(drawn(faster(random, (1.0, 1.0)), cfg=7.0), drawn(random, cfg=1.0))


def test_a_guided_picture_is_still_right_without_guidance_at_the_end(trained, exact):
    drawn_faster = picture(trained, faster(trained.model, (0.0, 0.7)))
    assert tiny.colours(drawn_faster) == ("red", "blue")
    assert 0 < np.abs(drawn_faster - exact).mean() < 12


@pytest.mark.parametrize("threshold", [0.2, 0.3])
def test_with_resting_blocks_the_picture_is_still_right(trained, exact, threshold):
    found = picture(trained, faster(trained.model, threshold=threshold))
    assert tiny.colours(found) == ("red", "blue")
    assert tiny.roundness(found) > 0.8
    assert 0 < np.abs(found - exact).mean() < 12


def test_blocks_rest_at_most_three_steps_in_a_row(random, rows):
    """With a threshold that everything is below."""
    drawn(faster(random, threshold=1e9), steps=8)
    count = len(random.model.diffusion_model.transformer.transformer_blocks)
    assert rows["model"] == 16
    # All blocks at the first and the fifth step, the first one at all.
    assert rows["blocks"] == 2 * (2 * count + 6)


def test_one_behind_another_does_what_both_were_asked_for(random, monkeypatch):
    from easel.nodes.local.sd35.core import speed

    monkeypatch.setattr(speed, "compiler_missing", lambda device: None)
    monkeypatch.setattr(speed, "_compiled_block", lambda: lambda block, **state: block(**state))
    wanted = drawn(faster(random, threshold=1e9))
    assert torch.equal(drawn(faster(faster(random, threshold=1e9), compiled=True)), wanted)
    assert torch.equal(drawn(faster(faster(random, compiled=True), threshold=1e9)), wanted)
    assert not torch.equal(wanted, drawn(random))


def test_nothing_is_remembered_from_one_run_to_the_next(random):
    model = faster(random, threshold=1e9)
    first = drawn(model)
    other = drawn(model, seed=6, size=(8, 24))
    assert torch.equal(drawn(model), first)
    assert torch.equal(other, drawn(faster(random, threshold=1e9), seed=6, size=(8, 24)))


def test_after_a_run_that_failed_nothing_is_remembered_and_nothing_is_left(random, monkeypatch):
    import comfy.model_management as mm

    from easel.nodes.local.sd35.core import speed

    model = faster(random, threshold=1e9)
    first, seen = drawn(model), []
    real = speed.Hurry.keep

    def failing(self, rest):
        real(self, rest)
        seen.append(weakref.ref(self))
        raise mm.InterruptProcessingException

    with monkeypatch.context() as patch:
        patch.setattr(speed.Hurry, "keep", failing)
        with pytest.raises(mm.InterruptProcessingException):
            drawn(model)
    gc.collect()
    assert seen[0]() is None
    assert torch.equal(drawn(model), first)


def test_the_negative_words_have_a_memory_of_their_own(random):
    """Prompts of unequal length are asked for one after another."""
    from easel.nodes.local.sd35.core.speed import Hurry

    hurry, change = Hurry(0.5, False), torch.ones(1, 4, 8)
    for half in (0, 1):
        options = {"cond_or_uncond": [half], "uuids": ["one", "other"][half : half + 1]}
        assert hurry.rest_of(change, {}, 0, options) is None
        hurry.keep(change * half)
    for half in (0, 1):
        options = {"cond_or_uncond": [half], "uuids": ["one", "other"][half : half + 1]}
        assert torch.equal(hurry.rest_of(change * 1.1, {}, 0, options), change * half)
    options = {"cond_or_uncond": [0], "uuids": ["one"]}
    assert hurry.rest_of(change * 2, {}, 0, options) is None
    assert hurry.rest_of(change, {("double_block", 2): None}, 0, options) is None
    assert hurry.rest_of(change, {}, 19, options) is None
    assert hurry.rest_of(torch.ones(2, 4, 8), {}, 0, options) is None


def test_one_row_that_moves_wakes_the_blocks_for_all(random):
    from easel.nodes.local.sd35.core.speed import Hurry

    hurry, change = Hurry(0.5, False), torch.ones(2, 4, 8)
    hurry.rest_of(change, {}, 0, {})
    hurry.keep(change)
    moved = change.clone()
    moved[1] *= 2
    assert hurry.rest_of(moved, {}, 0, {}) is None


def test_what_is_not_a_number_has_not_stayed_as_it_was(random):
    from easel.nodes.local.sd35.core.speed import Hurry

    hurry, change = Hurry(0.5, False), torch.ones(2, 4, 8)
    change[1] = 0
    hurry.rest_of(change, {}, 0, {})
    hurry.keep(change)
    assert hurry.rest_of(change * 9, {}, 0, {}) is None


def test_it_goes_with_a_lora_and_with_a_mask(random):
    import comfy.sample
    import comfy.sd
    from comfy.samplers import KSampler

    place = "transformer.transformer_blocks.1.attn.to_q"
    lora = {f"{place}.lora_A.weight": torch.randn(4, 192) * 0.3, f"{place}.lora_B.weight": torch.randn(192, 4) * 0.3}

    def run(model):
        latents = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(4))
        mask = torch.zeros(1, 1, 16, 16)
        mask[..., :8] = 1
        sampler = KSampler(model, 4, torch.device("cpu"), "euler", "normal", 1.0, model.model_options)
        noise = comfy.sample.prepare_noise(latents, 1)
        with torch.inference_mode():
            done = sampler.sample(noise, words(1), words(2), 4.5, latents, denoise_mask=mask)
        # Where nothing is to be drawn, nothing is.
        assert (done - latents)[..., 8:].abs().max() < 1e-5
        return done

    def with_lora(model):
        return comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0)[0]

    quick = faster(random, (0.0, 0.8), 0.3)
    plain, patched = run(quick), run(with_lora(quick))
    assert (plain - patched).abs().max() > 1e-3
    assert torch.equal(run(faster(with_lora(random), (0.0, 0.8), 0.3)), patched)


def test_a_controlnet_s_residuals_are_heard(random, monkeypatch):
    """Added after each block; a ControlNet that ends wakes the blocks."""
    residual = torch.randn(1, 64, 192, generator=torch.Generator().manual_seed(2)) * 0.5

    class Net:
        def __init__(self, until):
            self.until, self.steps = until, 0

        def __call__(self, play, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **more):
            self.steps += 1
            control = {"output": [residual] * 4} if self.steps <= self.until else None
            return play(x, t, c_concat, c_crossattn, control, transformer_options, **more)

    def run(until, threshold=1e9):
        from comfy.patcher_extension import WrappersMP

        model = faster(random, threshold=threshold)
        model.add_wrapper(WrappersMP.APPLY_MODEL, Net(until))
        return drawn(model, cfg=1.0)

    assert not torch.equal(run(4), run(0))
    assert not torch.equal(run(1), run(4))
    # The one step with it is not what the others are taken from.
    assert (run(1) - run(1, 1e-9)).abs().max() < (run(4) - run(1, 1e-9)).abs().max()


def test_compiled_blocks_give_the_same_and_alike_ones_are_compiled_once(random, monkeypatch):
    """Through all of torch.compile but the compiler itself, which takes minutes."""
    from easel.nodes.local.sd35.core import speed

    torch._dynamo.reset()
    monkeypatch.setattr(speed, "compiler_missing", lambda device: None)
    count, real = [], speed._compiled_block.__wrapped__

    def backend(graph, _inputs):
        count.append(graph)
        return graph.forward

    monkeypatch.setattr(speed, "_compiled_block", lambda: real(backend))
    compiled = real(backend)
    monkeypatch.setattr(speed, "_compiled_block", lambda: compiled)
    exact = drawn(random)
    model = faster(random, compiled=True)
    assert (drawn(model) - exact).abs().max() < 2e-5
    graphs = len(count)
    assert 1 <= graphs < 3 * len(random.model.diffusion_model.transformer.transformer_blocks)
    drawn(model, seed=6)
    assert len(count) == graphs
    torch._dynamo.reset()


def test_where_there_is_no_compiler_it_says_so_and_goes_on(random, monkeypatch):
    from easel.nodes.local.sd35.core.speed import hurried
    from easel.nodes.local.sd35.speed import Speed

    def missing():
        raise RuntimeError("no compiler")

    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", missing)
    model, report = hurried(random, Speed(compiled=True))
    assert "needs a C++ compiler" in report
    assert torch.equal(drawn(model), drawn(random))


def test_a_compiler_that_fails_is_left_alone_and_said_once(random, caplog):
    from easel.nodes.local.sd35.core.speed import Hurry

    calls = []

    def failing(_block, **_state):
        calls.append(1)
        raise torch._dynamo.exc.BackendCompilerFailed(failing, ValueError("no triton"), None)

    hurry, block = Hurry(0.0, True, failing), torch.nn.Identity()
    block.forward = lambda **state: state
    assert hurry.block(block)(temb=1) == {"temb": 1}
    assert hurry.block(block)(temb=2) == {"temb": 2}
    assert len(calls) == 1
    assert len([record for record in caplog.records if "Blocks run as they are" in record.message]) == 1


def test_another_loader_s_model_is_refused(host):
    from easel.nodes.local.errors import WishRefused
    from easel.nodes.local.sd35.core.speed import hurried
    from easel.nodes.local.sd35.speed import Speed

    with pytest.raises(WishRefused, match="model of Load SD"):
        hurried(object(), Speed())


@pytest.mark.parametrize("half, last, most", [(True, False, 8), (False, True, 1), (True, True, 8)])
def test_a_hurried_vae_draws_nearly_the_same(trained, exact, half, last, most):
    from easel.nodes.local.sd35.core.vae import hurried_vae

    vae = hurried_vae(trained.vae, half, last)
    kept = {weight.dtype for weight in vae.patcher.model.parameters()}
    assert kept == {torch.bfloat16 if half else torch.float32}
    assert vae.patcher.model is not trained.vae.patcher.model
    found = picture(trained, trained.model, vae=vae)
    assert np.abs(found - exact).max() <= most
    with torch.inference_mode():
        pixels = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(1))
        assert (vae.encode(pixels) - trained.vae.encode(pixels)).abs().mean() < 0.05
    assert np.array_equal(picture(trained, trained.model), exact)


def test_a_vae_with_nothing_asked_of_it_is_itself(trained):
    from easel.nodes.local.sd35.core.vae import hurried_vae

    assert hurried_vae(trained.vae, False, False) is trained.vae
