"""A third of the weights is never on the device, and every picture is the same to the last bit."""

import pytest
import torch

from support import tiny_sd35 as tiny
from support.sd35_runs import build, drawn, one_thread, random_file, words

TAKES_ITS_OWN_STEPS = {"dpm_adaptive"}


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def file(host, tmp_path_factory):
    return random_file(tmp_path_factory.mktemp("sd35"))


@pytest.fixture(scope="module")
def resting(file):
    return build(file)


@pytest.fixture(scope="module")
def usual(file):
    """The same with every weight loaded as the host does."""
    return build(file, rests=False)


@pytest.fixture
def worked_out(resting, monkeypatch):
    """How many steps were worked out, each time that any were."""
    modulations = resting.model.modulations
    modulations.forget()
    real, seen = modulations._work_out, []

    def counted(asked, words):
        seen.append(len(asked))
        return real(asked, words)

    monkeypatch.setattr(modulations, "_work_out", counted)
    return seen


def samplers():
    import os

    if not os.environ.get("COMFYUI_PATH"):
        return ["euler"]
    import comfy.samplers

    return comfy.samplers.SAMPLER_NAMES


@pytest.mark.parametrize("sampler", samplers())
def test_every_sampler_draws_the_same_bits_and_is_foreseen(resting, usual, worked_out, sampler):
    wish = {"sampler": sampler, "scheduler": "simple", "size": (4, 4), "steps": 2}
    assert torch.equal(drawn(resting, **wish), drawn(usual, **wish))
    if sampler not in TAKES_ITS_OWN_STEPS:
        assert len(worked_out) == 1


def test_what_other_nodes_look_at_is_not_the_rehearsal(resting, usual, worked_out):
    """Such as the host's SkipLayerGuidanceDiT, which then asks the model once more."""
    from comfy.samplers import calc_cond_batch

    seen = []

    def look(args):
        seen.append(args["cond"])
        again = calc_cond_batch(args["model"], [args["cond"]], args["input"], args["sigma"], args["model_options"])
        return args["denoised"] + 0.1 * again[0]

    def looked_at(model):
        model = model.clone()
        model.set_model_sampler_post_cfg_function(look)
        return drawn(model)

    ours = looked_at(resting)
    assert len(seen) == 4
    assert None not in seen
    # Both halves of the guidance together, then the words alone.
    assert worked_out == [4, 4]
    assert torch.equal(ours, looked_at(usual))


CASES = {
    "a batch": {"count": 3},
    "prompts of unequal length": {"tokens": 14},
    "no guidance": {"cfg": 1.0},
    "another schedule": {"scheduler": "beta", "steps": 6},
    "odd sizes": {"size": (13, 17)},
}


@pytest.mark.parametrize("case", CASES)
def test_every_run_draws_the_same_bits(resting, usual, case):
    assert torch.equal(drawn(resting, **CASES[case]), drawn(usual, **CASES[case]))


def test_another_seed_or_size_works_nothing_out_anew_and_other_words_do(resting, usual, worked_out):
    first = drawn(resting, steps=3)
    assert worked_out == [3]
    drawn(resting, steps=3, seed=6)
    drawn(resting, steps=3, size=(8, 24))
    assert worked_out == [3]
    assert torch.equal(drawn(resting, 3, steps=3), drawn(usual, 3, steps=3))
    assert worked_out == [3, 3]
    assert torch.equal(drawn(resting, steps=3), first)
    assert worked_out == [3, 3]


def test_what_is_kept_has_its_bounds(resting, usual, worked_out):
    """A long run is foreseen a part at a time; what is kept never outgrows its room."""
    modulations = resting.model.modulations
    assert torch.equal(drawn(resting, steps=60, size=(4, 4)), drawn(usual, steps=60, size=(4, 4)))
    assert len(worked_out) > 1
    assert sum(worked_out) == 60
    assert 0 < modulations.held <= modulations.room


def test_every_words_own_answer_is_given(resting, usual):
    """Regions of a picture with words of their own."""
    import comfy.sample
    from comfy.samplers import KSampler

    def regional(model):
        left = [[words(1)[0][0], words(1)[0][1] | {"area": (16, 8, 0, 0), "strength": 1.0}]]
        right = [[words(3)[0][0], words(3)[0][1] | {"area": (16, 8, 0, 8), "strength": 1.0}]]
        latents = torch.zeros(1, 16, 16, 16)
        sampler = KSampler(model, 3, torch.device("cpu"), "euler", "normal", 1.0, model.model_options)
        with torch.inference_mode():
            return sampler.sample(comfy.sample.prepare_noise(latents, 1), left + right, words(2), 4.5, latents)

    assert torch.equal(regional(resting), regional(usual))


@pytest.fixture(scope="module")
def lora(resting):
    net, made = resting.model.diffusion_model.transformer, torch.Generator().manual_seed(3)
    found = {}
    for name in ("transformer_blocks.0.norm1.linear", "transformer_blocks.1.norm1_context.linear", "norm_out.linear"):
        found[f"transformer.{name}.lora_A.weight"] = torch.randn(4, 192, generator=made) * 0.1
        found[f"transformer.{name}.lora_B.weight"] = (
            torch.randn(net.get_submodule(name).out_features, 4, generator=made) * 0.1
        )
    return found


def patched(model, lora):
    import comfy.sd

    return comfy.sd.load_lora_for_models(model, None, lora, 0.8, 0)[0]


def test_a_lora_on_modulation_layers_is_heard_and_goes_without_a_trace(resting, usual, lora):
    plain = drawn(resting)
    ours, theirs = patched(resting, lora), patched(usual, lora)
    changed = drawn(ours)
    assert torch.equal(changed, drawn(theirs))
    assert (changed - plain).abs().max() > 0.01
    assert torch.equal(drawn(patched(ours, lora)), drawn(patched(theirs, lora)))
    assert torch.equal(drawn(resting), plain)
    assert torch.equal(drawn(ours), changed)


@pytest.mark.parametrize("kept", ["bf16", "scaled fp8"])
def test_smaller_weights_and_a_lora_on_them_are_rounded_as_the_host_rounds_them(file, lora, tmp_path, kept):
    from safetensors.torch import load_file

    found = {}
    for name, value in load_file(file).items():
        found[name] = value.bfloat16()
        if kept == "scaled fp8" and ".adaLN_modulation.1.weight" in name:
            scale = value.abs().max() / 448
            found[name] = (value / scale).to(torch.float8_e4m3fn)
            found[name.removesuffix("weight") + "scale_weight"] = scale
    path = tiny.save(found, tmp_path / "small.safetensors")
    ours, theirs = build(path), build(path, rests=False)
    assert torch.equal(drawn(ours), drawn(theirs))
    assert torch.equal(drawn(patched(ours, lora)), drawn(patched(theirs, lora)))


def on(device, model):
    """Bytes of the model's weights and tables on a device."""
    module = model.model
    return sum(t.nbytes for t in [*module.parameters(), *module.buffers()] if t.device.type == device)


def test_a_third_of_the_weights_never_goes_to_the_device(file):
    """On a device that only counts."""
    model, all_of_it = build(file), build(file, rests=False)
    for each in (model, all_of_it):
        each.partially_load(torch.device("meta"), 1e32)
    resident = on("meta", model) + model.model.modulations.room
    assert resident <= 0.70 * on("meta", all_of_it)
    assert model.loaded_size() == model.model_size() == pytest.approx(on("meta", model), rel=0.01)
    assert on("cpu", model) == model.model.modulations.spared
    assert model.get_ram_usage() == all_of_it.model_size()


def test_the_host_asks_for_the_room_that_the_answers_take(resting, usual):
    shape = [2, 16, 16, 16]
    assert resting.memory_required(shape) - usual.memory_required(shape) == resting.model.modulations.room


def test_a_model_of_which_only_a_part_fits_draws_the_same_bits(resting, file, lora):
    whole = drawn(patched(resting, lora))
    partly = patched(build(file), lora)
    partly.partially_load(partly.load_device, partly.model_size() * 0.3)
    streamed = [name for name, layer in partly.model.named_modules() if hasattr(layer, "prev_comfy_cast_weights")]
    assert len(streamed) > 20
    assert not [name for name in streamed if "norm1" in name]
    assert torch.equal(drawn(partly), whole)
    freed = partly.partially_unload(torch.device("cpu"), partly.model_size() * 0.1)
    assert freed > 0
    assert torch.equal(drawn(partly), whole)


def test_the_host_s_unloading_lets_go_of_it_and_the_next_run_is_the_same(resting):
    import comfy.model_management as mm

    first = drawn(resting)
    mm.unload_all_models()
    assert resting.loaded_size() == 0
    assert torch.equal(drawn(resting), first)


def test_a_patch_of_a_layer_that_cannot_be_streamed_is_heard_where_only_a_part_fits(file):
    name = "diffusion_model.transformer.transformer_blocks.1.attn.norm_q.weight"

    def model(room):
        made = build(file).clone()
        assert made.add_patches({name: ("diff", (torch.full((64,), 0.5),))}) == [name]
        made.partially_load(made.load_device, room)
        return made

    whole, partly = model(1e32), model(1)
    weights = partly.model.state_dict()
    assert torch.equal(weights[name], whole.model.state_dict()[name])
    partly.partially_unload(torch.device("cpu"), 1e9)
    assert torch.equal(drawn(partly), drawn(whole))
    partly.unpatch_model(partly.offload_device)
    assert (weights[name] - partly.model.state_dict()[name]).mean() == 0.5


def test_layers_that_cannot_be_streamed_stay_when_a_part_makes_room(file):
    """The host may ask for another run without loading them again."""
    model = build(file)
    model.partially_load(model.load_device, 1e32)
    assert model.partially_unload(torch.device("meta"), 1000) > 0
    layers = [layer for layer in model.model.modules() if not hasattr(layer, "comfy_cast_weights")]
    assert {weight.device.type for layer in layers for weight in layer.parameters(recurse=False)} == {"cpu"}


@pytest.mark.parametrize("when", ["between the blocks", "while the answers are worked out"])
@pytest.mark.parametrize("what", ["an interrupt", "an error"])
def test_after_a_run_that_failed_nothing_is_left_and_the_next_is_the_same(resting, usual, monkeypatch, when, what):
    import comfy.model_management as mm

    modulations = resting.model.modulations
    modulations.forget()
    layer = resting.model.diffusion_model.transformer.context_embedder
    if when == "while the answers are worked out":
        layer = modulations.layers[2]
    expected = mm.InterruptProcessingException if what == "an interrupt" else RuntimeError

    def fail(self, input):
        if what == "an error":
            raise RuntimeError("no memory left")
        mm.interrupt_current_processing()
        mm.throw_exception_if_processing_interrupted()

    with monkeypatch.context() as patch:
        patch.setattr(type(layer), "forward", fail)
        with pytest.raises(expected):
            drawn(resting)
    assert all(layer.answer is None for layer in modulations.layers)
    assert all(table.crop is None for table in modulations.tables)
    assert resting.model.current_patcher is None
    assert torch.equal(drawn(resting), drawn(usual))


def test_what_is_kept_waits_off_the_device_between_runs(resting, worked_out, monkeypatch):
    drawn(resting)
    monkeypatch.setattr(resting, "offload_device", torch.device("meta"))
    drawn(resting, seed=6)
    kept = resting.model.modulations._kept
    assert {answers.device.type for answers in kept.values()} == {"meta"}
    resting.model.modulations.forget()


BEFORE_THE_LAYERS = "transformer.time_text_embed.timestep_embedder.linear_1"


@pytest.mark.parametrize("where", ["on them", "before them"])
def test_lora_hooks_of_the_host_wake_the_layers_and_they_rest_again(resting, usual, lora, where):
    """They change weights during a run, by steps or by words: nothing can be foreseen then."""
    import comfy.hooks
    import comfy.sample
    from comfy.samplers import KSampler

    plain = drawn(resting)
    if where == "before them":
        made = torch.Generator().manual_seed(4)
        sides = {"lora_A": (4, 256), "lora_B": (192, 4)}
        lora = {f"{BEFORE_THE_LAYERS}.{end}.weight": torch.randn(shape, generator=made) for end, shape in sides.items()}

    def hooked(model, strength=0.8):
        hooks = comfy.hooks.create_hook_lora(lora, strength, 0.0)
        # The same words with the hook and without.
        positive = comfy.hooks.set_hooks_for_conditioning(words(1), hooks) + words(1)
        latents = torch.zeros(1, 16, 16, 16)
        sampler = KSampler(model, 3, torch.device("cpu"), "euler", "normal", 1.0, model.model_options)
        with torch.inference_mode():
            return sampler.sample(comfy.sample.prepare_noise(latents, 1), positive, words(2), 4.5, latents)

    theirs = hooked(usual)
    assert torch.equal(hooked(resting), theirs)
    assert (theirs - hooked(usual, 0.0)).abs().max() > 0.01
    assert not resting.model.modulations.resting
    assert torch.equal(drawn(resting), plain)
    assert resting.model.modulations.resting


def test_a_model_that_is_saved_has_its_loras_in_every_layer(resting, lora):
    import comfy.model_management as mm

    model = patched(resting, lora)
    key = "diffusion_model.transformer.transformer_blocks.0.norm1.linear.weight"
    plain = resting.model.state_dict()[key].clone()
    mm.load_models_gpu([model], force_patch_weights=True)
    assert (model.model.state_dict()[key] - plain).abs().max() > 0.01
    drawn(resting)
    assert torch.equal(resting.model.state_dict()[key], plain)


def test_a_patch_that_gives_another_vector_is_answered_for_that_one(resting, usual):
    def halved(state, more):
        return more["original_block"](state | {"vec": state["vec"] * 0.5})

    def turned(model):
        model = model.clone()
        model.set_model_patch_replace(halved, "dit", "double_block", 1)
        return model

    changed = drawn(turned(resting))
    assert torch.equal(changed, drawn(turned(usual)))
    assert not torch.equal(changed, drawn(resting))


def test_a_model_that_the_host_compiles_as_a_whole_is_loaded_as_a_whole(resting):
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    model = resting.clone()
    set_torch_compile_wrapper(model, backend="inductor")
    model.partially_load(model.load_device, 1e32)
    assert not resting.model.modulations.resting
    assert model.loaded_size() == model.get_ram_usage()
    resting.partially_load(resting.load_device, 1e32)
    assert resting.model.modulations.resting
    assert resting.loaded_size() < resting.get_ram_usage()


def test_a_stop_is_felt_while_the_answers_are_worked_out(resting):
    """For the published models these are gigabytes, brought to the device one layer at a time."""
    import comfy.model_management as mm

    modulations = resting.model.modulations
    modulations.forget()
    mm.interrupt_current_processing()
    with pytest.raises(mm.InterruptProcessingException), torch.inference_mode():
        modulations.answers(torch.full((1,), 500.0), torch.zeros(1, 160), [])
    assert not mm.processing_interrupted()
    assert modulations.held == 0
