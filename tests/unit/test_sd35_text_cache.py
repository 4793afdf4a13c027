"""The text encoders run once for a prompt, whatever else has changed since."""

import pytest
import torch

from easel.nodes.local.sd35.embeddings import EMBEDDINGS, Embeddings, key_of
from support import tiny_sd35 as tiny
from support.sd35_runs import one_thread


@pytest.fixture(scope="module", autouse=True)
def alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def checkpoint(host, tmp_path_factory):
    return tiny.save(tiny.checkpoint(), tmp_path_factory.mktemp("sd35") / "sd3.5_medium.safetensors")


def opened(checkpoint):
    from easel.nodes.local.sd35.loading import open_model, read_model

    return open_model(checkpoint, read_model(checkpoint), {}, None, 77).clip


@pytest.fixture
def runs(host, monkeypatch):
    """One entry for each run of the encoders."""
    from easel.nodes.local.sd35.core.text import TextEncoders

    EMBEDDINGS.forget()
    real, seen = TextEncoders.encode_token_weights, []

    def counted(self, tokens):
        seen.append(tokens)
        return real(self, tokens)

    monkeypatch.setattr(TextEncoders, "encode_token_weights", counted)
    yield seen
    EMBEDDINGS.forget()


def said(clip, words="a red circle"):
    with torch.inference_mode():
        [[context, more]] = clip.encode_from_tokens_scheduled(clip.tokenize(words))
    return context, more["pooled_output"]


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def clip(checkpoint):
    return opened(checkpoint)


def test_the_same_words_run_no_encoder_even_after_the_loader_ran_again(checkpoint, clip, runs, monkeypatch):
    first = said(clip)
    again = opened(checkpoint)
    with monkeypatch.context() as patch:
        # Not even loaded are they for it.
        patch.setattr(again, "load_model", lambda: pytest.fail("the encoders were loaded"))
        assert equal(said(again), first)
    assert len(runs) == 1
    said(again, "a blue circle")
    assert len(runs) == 2
    assert equal(said(again.clone()), first)
    assert len(runs) == 2


def test_the_same_file_with_and_without_its_projection_is_told_apart(checkpoint):
    """diffusers applies what its folders hold; files of other kinds hold one that the family was trained without."""
    from dataclasses import replace

    from easel.nodes.local.sd35.core.text import as_clip
    from easel.nodes.local.sd35.loading import read_model
    from easel.nodes.local.sd35.text import build_encoder

    part = read_model(checkpoint)["clip_l"]
    encoder = build_encoder("clip_l", part)
    one, other = (as_clip({"clip_l": replace(encoder, projected=way)}, 4096, 2048, 77).source for way in (False, True))
    assert one != other


def test_what_is_done_to_the_answer_afterwards_does_not_come_back(clip, runs):
    first = said(clip)
    kept = first[0].clone()
    with torch.inference_mode():
        first[0].zero_()
    assert torch.equal(said(clip)[0], kept)


@pytest.mark.parametrize("words", ["a (red:1.2) circle", "a red circle ", "a red  circles", ""])
def test_other_words_and_weights_are_read_anew(clip, runs, words):
    said(clip)
    said(clip, words)
    same_tokens = words == "a red circle "
    assert len(runs) == (1 if same_tokens else 2)


def test_a_lora_on_the_encoders_is_heard_and_its_absence_too(clip, runs):
    plain = said(clip)
    name = "clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
    weight = clip.patcher.model.state_dict()[name]
    patched = clip.clone()
    assert patched.add_patches({name: ("diff", (torch.randn(weight.shape) * 0.2,))}) == [name]
    changed = said(patched)
    assert not equal(changed, plain)
    assert len(runs) == 2
    assert equal(said(patched), changed)
    assert equal(said(clip), plain)
    assert len(runs) == 2
    patched.add_patches({name: ("diff", (torch.randn(weight.shape) * 0.2,))})
    assert not equal(said(patched), changed)
    assert len(runs) == 3


def test_another_layer_of_the_encoder_is_another_answer(clip, runs):
    plain, other = said(clip), clip.clone()
    other.clip_layer(-1)
    assert not equal(said(other), plain)
    assert len(runs) == 2


def test_a_file_that_was_replaced_is_read_anew(checkpoint, runs, tmp_path):
    import os
    import shutil

    copied = tmp_path / checkpoint.name
    shutil.copyfile(checkpoint, copied)
    said(opened(copied))
    os.utime(copied, ns=(1, 1))
    said(opened(copied))
    assert len(runs) == 2


def test_hooks_on_the_encoders_are_left_to_the_host(clip, runs):
    import comfy.hooks

    clip = clip.clone()
    lora = {"lora_te1_text_model_encoder_layers_0_mlp_fc1.diff": torch.zeros(1)}
    clip.patcher.forced_hooks = comfy.hooks.create_hook_lora(lora, 0.0, 1.0)
    said(clip)
    said(clip)
    assert len(runs) == 2


def test_the_host_s_three_forms_are_given(clip, runs):
    tokens = clip.tokenize("a red circle")
    with torch.inference_mode():
        words = clip.encode_from_tokens(tokens)
        pair = clip.encode_from_tokens(tokens, return_pooled=True)
        whole = clip.encode_from_tokens(tokens, return_pooled=True, return_dict=True)
    assert torch.equal(words, pair[0])
    assert equal(pair, (whole["cond"], whole["pooled_output"]))
    assert len(runs) == 1


def test_what_was_asked_for_longest_ago_goes_first():
    small = Embeddings(most=3000)
    for name in "abc":
        small.keep(name, {"cond": torch.zeros(250)})
    assert small.held == 3000
    assert small.recall("a") is not None
    small.keep("d", {"cond": torch.zeros(250)})
    assert [name for name in "abcd" if small.recall(name) is not None] == ["a", "c", "d"]
    small.keep("large", {"cond": torch.zeros(1000)})
    assert small.recall("large") is None
    assert small.held == 3000


def test_a_textual_inversion_is_known_by_its_numbers():
    def key(token):
        return key_of({"l": [[(1, 1.0), (token, 1.0)]]}, "here")

    assert key(torch.ones(4)) == key(torch.ones(4)) != key(torch.zeros(4))
    assert key(2) == key_of({"l": [[(1, 1.0), (2, 1.0)]]}, "here") != key_of({"l": [[(1, 1.0), (2, 1.0)]]}, "there")
    assert key({"type": "image"}) is None
