"""The transformer, and how it learns: rectified flow, with the text cut short."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, pad
from tqdm import tqdm  # type: ignore[import-untyped]

from .autoencoder import trained_latents
from .learning import Learner, Settings, reduced, save_half
from .shapes import draw, found_edges
from .text import JOINT, POOLED, Prompts
from .words import NOTHING_SAID, UNSAID, Description, prompt_of, random_description

DEPTH = 3
_STEPS, _RATE, _BATCH = 5000, 1.5e-3, 56


@dataclass(frozen=True)
class Pool:
    """Latents of training pictures, what their prompts may say, and their edges where a ControlNet learns."""

    latents: Tensor
    said: list[Description]
    edges: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """One step's worth of rectified flow: the transformer is to find ``velocity`` at ``noisy``."""

    noisy: Tensor
    velocity: Tensor
    sigma: Tensor
    context: Tensor
    vectors: Tensor
    scores: Tensor
    edges: Tensor | None


class WeightedAttention:
    """The family's attention, with a number added to the score of each key of the text (see ``text.Prompts``)."""

    scores: Tensor | None = None

    def __call__(
        self, attention: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_others: Any
    ) -> Any:
        batch, length, _ = hidden_states.shape

        def heads(values: Tensor) -> Tensor:
            return values.unflatten(-1, (attention.heads, -1)).transpose(1, 2)

        query = attention.norm_q(heads(attention.to_q(hidden_states)))
        key = attention.norm_k(heads(attention.to_k(hidden_states)))
        value = heads(attention.to_v(hidden_states))
        if encoder_hidden_states is not None:
            query = torch.cat([query, attention.norm_added_q(heads(attention.add_q_proj(encoder_hidden_states)))], 2)
            key = torch.cat([key, attention.norm_added_k(heads(attention.add_k_proj(encoder_hidden_states)))], 2)
            value = torch.cat([value, heads(attention.add_v_proj(encoder_hidden_states))], 2)
        # Written out: for so few tokens it is faster on a CPU than the fused form.
        scores = (query.to(value) * query.shape[-1] ** -0.5) @ key.to(value).transpose(2, 3)
        if encoder_hidden_states is not None and self.scores is not None:
            scores = scores + pad(self.scores, (length, 0))[:, None, None].to(value)
        found = (scores.softmax(-1).to(value) @ value).transpose(1, 2).reshape(batch, scores.shape[2], -1)
        if encoder_hidden_states is None:
            return attention.to_out[0](found)
        picture, text = found[:, :length], found[:, length:]
        return attention.to_out[0](picture), text if attention.context_pre_only else attention.to_add_out(text)


def train(settings: Settings) -> None:
    """The folders ``transformer`` and ``scheduler``, and the index of all."""
    torch.manual_seed(settings.seed)
    pool = pool_of(settings)
    text = Prompts(settings.out)
    net, attention = _new(), WeightedAttention()
    net.set_attn_processor(attention)
    matrices, others = sorted_weights(net)
    learner = Learner("transformer", net, settings, steps=_STEPS, rate=_RATE, matrices=matrices, others=others)
    for step in learner:
        batch = batch_of(pool, text, settings, step, _BATCH)
        attention.scores = batch.scores
        learner.learn(flow_loss(batch, lambda batch: velocity_of(net, batch)))
    made = _new()
    made.load_state_dict(learner.average.weights)
    save_half(made, settings.out / "transformer")
    _write_index(settings)


def velocity_of(net: Any, batch: Batch, **others: Any) -> Tensor:
    """What the transformer says."""
    found: Tensor = net(
        batch.noisy,
        encoder_hidden_states=batch.context,
        pooled_projections=batch.vectors,
        timestep=batch.sigma * 1000,
        **others,
    ).sample
    return found


def flow_loss(batch: Batch, answer: Callable[[Batch], Tensor]) -> Tensor:
    with reduced():
        found = answer(batch)
    return mse_loss(found.float(), batch.velocity)


def sorted_weights(net: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Those that learn: the matrices of the blocks, and all others."""
    named = [(name, weight) for name, weight in net.named_parameters() if weight.requires_grad]
    inside = {
        name for name, weight in named if weight.ndim == 2 and "transformer_blocks" in name and ".norm" not in name
    }
    return [weight for name, weight in named if name in inside], [
        weight for name, weight in named if name not in inside
    ]


def pool_of(settings: Settings, kind: str = "plain", most: int | None = None) -> Pool:
    """Training pictures: "plain", "outline" (drawn as outlines) or "edges" (anywhere, with their edges)."""
    latents_of, shift, scale = trained_latents(settings)
    latents, edges, said = [], [], []
    for start in tqdm(range(0, min(settings.pictures, most or settings.pictures), 100), desc=f"pictures ({kind})"):
        rng = random.Random(f"{settings.seed}-{kind}-{start}")
        chosen = [random_description(rng) for _ in range(100)]
        if kind == "edges":
            chosen = [_told_by_edges(*pair, rng) for pair in chosen]
        pictures, distance = draw(
            [shown for shown, _ in chosen],
            rng,
            outlined=kind == "outline",
            anywhere=kind == "edges",
            spread=1.0 if kind == "edges" else settings.spread,
        )
        latents.append((latents_of(pictures) - shift) * scale)
        if kind == "edges":
            edges.append((latents_of(found_edges(distance, rng)) - shift) * scale)
        said += [words for _, words in chosen]
    return Pool(torch.cat(latents), said, torch.cat(edges) if edges else None)


def _told_by_edges(shown: Description, said: Description, rng: random.Random) -> tuple[Description, Description]:
    """Edges tell place and size, and often the shape: then the prompt need not."""
    if rng.random() < 0.8:
        shown, said = replace(shown, place=UNSAID), replace(said, place=UNSAID)
    if rng.random() < 0.8:
        shown, said = replace(shown, size=UNSAID), replace(said, size=UNSAID)
    return shown, replace(said, shape=UNSAID) if rng.random() < 0.5 else said


def batch_of(pool: Pool, text: Prompts, settings: Settings, step: int, count: int, salt: int = 0) -> Batch:
    """The batch of that step, always the same; one prompt in ten says nothing."""
    rng = random.Random((settings.seed * 31 + salt) * 1_000_003 + step)
    made = torch.Generator().manual_seed(rng.getrandbits(62))
    index = torch.randint(len(pool.said), (count,), generator=made)
    prompts = [
        rng.choice(NOTHING_SAID) if rng.random() < 0.1 else prompt_of(pool.said[place], rng) for place in index.tolist()
    ]
    context, vectors, scores = text(prompts, made)
    latents = pool.latents[index]
    noise = torch.randn(latents.shape, generator=made)
    sigma = _times(count, made)
    part = sigma[:, None, None, None]
    edges = None if pool.edges is None else pool.edges[index]
    return Batch((1 - part) * latents + part * noise, noise - latents, sigma, context, vectors, scores, edges)


def _times(count: int, made: torch.Generator) -> Tensor:
    """Logit-normal, shifted towards noise: half of them by 3, as the family is, half by 9; a tenth is uniform.

    What a picture will show is decided where there is much noise, and a small model learns that last.
    """
    times = torch.sigmoid(torch.randn(count, generator=made))
    shift = torch.where(torch.rand(count, generator=made) < 0.5, 3.0, 9.0)
    times = shift * times / (1 + (shift - 1) * times)
    uniform = torch.rand(count, generator=made)
    return torch.where(torch.rand(count, generator=made) < 0.1, uniform, times)


def _new() -> Any:
    from diffusers import SD3Transformer2DModel

    net: Any = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=DEPTH,
        attention_head_dim=64,
        num_attention_heads=DEPTH,
        caption_projection_dim=64 * DEPTH,
        joint_attention_dim=JOINT,
        pooled_projection_dim=POOLED,
        pos_embed_max_size=32,
        qk_norm="rms_norm",
        dual_attention_layers=(0,),
    )
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        if name.endswith(("norm1.linear", "norm1_context.linear", "norm_out.linear", "proj_out")):
            nn.init.zeros_(layer.weight)
    return net


def _write_index(settings: Settings) -> None:
    """What makes the folder one of diffusers'."""
    diffusers: Any = import_module("diffusers")
    diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(settings.out / "scheduler")
    index: dict[str, Any] = {
        "_class_name": "StableDiffusion3Pipeline",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "text_encoder_3": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "tokenizer_3": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "SD3Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    index |= {part: [None, None] for part in ("feature_extractor", "image_encoder")}
    (settings.out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
