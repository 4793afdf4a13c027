"""From text encoders to the host's CLIP, of any of the three and of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import comfy.model_management as mm
import comfy.sd1_clip
import comfy.supported_models_base
import comfy.text_encoders.t5
import folder_paths
import torch
from comfy.sdxl_clip import SDXLClipGTokenizer
from comfy.text_encoders.sd3_clip import SD3ClipModel, SD3Tokenizer
from torch import Tensor, nn

from ...errors import ModelRefused
from ..text import PUBLISHED_WORDS, Encoder
from .clip import Clip
from .ops import scaled

_START, _END = PUBLISHED_WORDS - 2, PUBLISHED_WORDS - 1


class TextEncoders(SD3ClipModel):
    """The host's encoders, put together as the transformer expects it: ``joint`` and ``pooled`` are its widths.

    CLIP-L and CLIP-G side by side, filled up to ``joint`` with zeros, then T5 behind them.
    """

    def __init__(self, encoders: Mapping[str, Encoder], tokenizer: Tokenizer, joint: int, pooled: int) -> None:
        nn.Module.__init__(self)
        self.joint, self.pooled = joint, pooled
        self.t5_attention_mask = False
        self.clip_l = _clip(encoders.get("clip_l"), tokenizer.clip_l)
        self.clip_g = _clip(encoders.get("clip_g"), tokenizer.clip_g)
        self.t5xxl = _t5(encoders.get("t5xxl"))
        self.dtypes = {weight.dtype for weight in self.parameters() if weight.is_floating_point()}

    def encode_token_weights(self, token_weight_pairs: Mapping[str, Any]) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """(1, tokens, joint) and (1, pooled)."""
        nowhere = mm.intermediate_device()
        sides, vectors = [], []
        for encoder, pairs in ((self.clip_l, token_weight_pairs["l"]), (self.clip_g, token_weight_pairs["g"])):
            if encoder is not None:
                words, vector = encoder.encode_token_weights(pairs)[:2]
                sides.append(words)
                vectors.append(vector)
        missing = self.pooled - sum(vector.shape[-1] for vector in vectors)
        # An encoder that is left out says zeros in its place: L stands first, G second.
        front = missing if self.clip_l is None and self.clip_g is not None else 0
        pooled = (
            nn.functional.pad(torch.cat(vectors, -1), (front, missing - front)) if vectors else torch.zeros(1, missing)
        )
        context = []
        if sides:
            length = min(words.shape[1] for words in sides)
            side_by_side = torch.cat([words[:, :length] for words in sides], -1)
            context.append(nn.functional.pad(side_by_side, (front, self.joint - front - side_by_side.shape[-1])))
        if self.t5xxl is not None:
            context.append(self.t5xxl.encode_token_weights(token_weight_pairs["t5xxl"])[0])
        return torch.cat(context, -2).to(nowhere), pooled.to(nowhere), {}


class Tokenizer(SD3Tokenizer):
    """The host's tokenizers, or those of a diffusers folder with a vocabulary of its own."""

    t5xxl: Any

    def __init__(self, encoders: Mapping[str, Encoder], t5_tokens: int) -> None:
        embeddings = folder_paths.get_folder_paths("embeddings")
        own = {name: str(encoder.tokenizer) for name, encoder in encoders.items() if encoder.tokenizer}
        super().__init__(embeddings, {"t5xxl_min_length": t5_tokens})
        if "clip_l" in own:
            self.clip_l = comfy.sd1_clip.SDTokenizer(own["clip_l"], embedding_directory=embeddings)
        if "clip_g" in own:
            self.clip_g = SDXLClipGTokenizer(own["clip_g"], embedding_directory=embeddings)
        if "t5xxl" in own:
            self.t5xxl = comfy.sd1_clip.SDTokenizer(
                own["t5xxl"],
                embedding_directory=embeddings,
                pad_with_end=False,
                embedding_size=4096,
                embedding_key="t5xxl",
                tokenizer_class=type(self.t5xxl.tokenizer),
                has_start_token=False,
                pad_to_max_length=False,
                max_length=99999999,
                min_length=t5_tokens,
            )


def as_clip(encoders: Mapping[str, Encoder], joint: int, pooled: int, t5_tokens: int) -> Clip:
    """A CLIP of these encoders (clip_l, clip_g, t5xxl; any of them) for a transformer of these widths.

    T5's tokens are filled up to ``t5_tokens``. Raises ``ModelRefused`` where an encoder does not belong to the transformer.
    """
    _fit(encoders, joint, pooled)
    tokenizer = Tokenizer(encoders, t5_tokens)
    module = TextEncoders(encoders, tokenizer, joint, pooled)
    target = comfy.supported_models_base.ClipTarget(lambda **_others: tokenizer, lambda **_others: module)
    count = sum(weight.numel() for weight in module.parameters())
    clip = Clip(target, parameters=count, model_options={"initial_device": mm.text_encoder_offload_device()})
    sources = tuple((name, encoder.source, encoder.projected) for name, encoder in sorted(encoders.items()))
    clip.source = (joint, pooled, *sources) if all(source for _, source, _ in sources) else None
    return clip


def _fit(encoders: Mapping[str, Encoder], joint: int, pooled: int) -> None:
    widths = {name: encoder.width for name, encoder in encoders.items()}
    clips = widths.get("clip_l", 0) + widths.get("clip_g", 0)
    if not widths:
        raise ModelRefused("has no text encoder: choose at least one.")
    if clips > pooled or ({"clip_l", "clip_g"} <= widths.keys() and clips != pooled):
        raise ModelRefused(
            f"does not go with these text encoders: together they are {clips} wide, and it wants {pooled}."
        )
    if widths.get("t5xxl", joint) != joint:
        raise ModelRefused(f"does not go with this T5: it is {widths['t5xxl']} wide, and {joint} is wanted.")


def _clip(encoder: Encoder | None, tokenizer: Any) -> comfy.sd1_clip.SDClipModel | None:
    if encoder is None:
        return None
    model = comfy.sd1_clip.SDClipModel(
        device="meta",
        textmodel_json_config=dict(encoder.config),
        special_tokens={"start": tokenizer.start_token, "end": tokenizer.end_token, "pad": tokenizer.pad_token},
        layer_norm_hidden_state=False,
        return_projected_pooled=encoder.projected,
    )
    words = model.transformer.text_model.embeddings.token_embedding
    words.weight = nn.Parameter(
        torch.empty_like(encoder.weights["text_model.embeddings.token_embedding.weight"], device="meta")
    )
    # The last layer but one, said here because the constructor takes it only of deeper encoders.
    model.set_clip_options({"layer": -2})
    model.options_default = (model.layer, model.layer_idx, model.return_projected_pooled)
    return _filled(model, encoder)


def _t5(encoder: Encoder | None) -> comfy.sd1_clip.SDClipModel | None:
    if encoder is None:
        return None
    model = comfy.sd1_clip.SDClipModel(
        device="meta",
        textmodel_json_config=dict(encoder.config),
        dtype=encoder.weights["shared.weight"].dtype,
        special_tokens={"end": 1, "pad": 0},
        model_class=comfy.text_encoders.t5.T5,
    )
    return _filled(model, encoder)


def _filled(model: comfy.sd1_clip.SDClipModel, encoder: Encoder) -> comfy.sd1_clip.SDClipModel:
    try:
        missing, _ = model.transformer.load_state_dict(encoder.weights, strict=False, assign=True)
    except RuntimeError as error:
        raise ModelRefused(f"has parts that do not fit together ({str(error)[:200]}). Download it again.") from error
    if missing:
        raise ModelRefused(f'is not whole: "{missing[0]}" is missing. Download it again.')
    for name, scale in encoder.scales.items():
        scaled(model.transformer.get_submodule(name), scale)
    return model.eval().requires_grad_(False)
