"""Beside the trained transformer: a ControlNet that follows edges, and a LoRA that draws outlines."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from .learning import Learner, Settings, save_half
from .text import Prompts
from .transformer import Batch, WeightedAttention, batch_of, flow_loss, pool_of, velocity_of

_BATCH = 32
_CONTROL_STEPS, _CONTROL_RATE, _CONTROL_PICTURES = 2800, 1.2e-3, 6000
_LORA_STEPS, _LORA_RATE, _LORA_PICTURES, _LORA_RANK = 400, 2e-3, 4000, 16
_LORA_LAYERS = [
    "attn.to_q",
    "attn.to_k",
    "attn.to_v",
    "attn.to_out.0",
    "attn.add_k_proj",
    "attn.add_v_proj",
    "ff.net.0.proj",
    "ff.net.2",
]


def train_control(settings: Settings) -> None:
    """The folder ``controlnet-canny``: one block, whose answer is added behind the first two of the transformer."""
    from diffusers import SD3ControlNetModel
    from diffusers.models.attention_processor import JointAttnProcessor2_0

    torch.manual_seed(settings.seed + 1)
    net, attention = _frozen(settings)
    control = SD3ControlNetModel.from_transformer(net, num_layers=1, num_extra_conditioning_channels=0)
    control.requires_grad_(True)
    control.set_attn_processor(attention)

    def answer(batch: Batch) -> Tensor:
        # Such nets are used without the vector of the whole prompt.
        (residuals,) = control(
            batch.noisy,
            controlnet_cond=batch.edges,
            encoder_hidden_states=batch.context,
            timestep=batch.sigma * 1000,
            pooled_projections=torch.zeros_like(batch.vectors),
            return_dict=False,
        )
        return velocity_of(net, batch, block_controlnet_hidden_states=residuals)

    weights = list(control.parameters())
    learner = Learner(
        "controlnet",
        control,
        settings,
        steps=_CONTROL_STEPS,
        rate=_CONTROL_RATE,
        matrices=[weight for weight in weights if weight.ndim == 2],
        others=[weight for weight in weights if weight.ndim != 2],
        warmup=20,
    )
    pool, text = pool_of(settings, "edges", _CONTROL_PICTURES), Prompts(settings.out)
    for step in learner:
        batch = batch_of(pool, text, settings, step, _BATCH, salt=1)
        attention.scores = batch.scores
        learner.learn(flow_loss(batch, answer))
    control.set_attn_processor(JointAttnProcessor2_0())
    save_half(control.eval(), settings.out / "controlnet-canny")


def train_lora(settings: Settings) -> None:
    """The folder ``lora-outline``."""
    from diffusers import StableDiffusion3Pipeline

    peft = import_module("peft")
    torch.manual_seed(settings.seed + 2)
    net, attention = _frozen(settings)
    net.add_adapter(
        peft.LoraConfig(r=_LORA_RANK, lora_alpha=_LORA_RANK, init_lora_weights="gaussian", target_modules=_LORA_LAYERS)
    )
    added = nn.ParameterList([weight for weight in net.parameters() if weight.requires_grad])
    learner = Learner(
        "lora", added, settings, steps=_LORA_STEPS, rate=_LORA_RATE, matrices=[], others=list(added), warmup=20
    )
    pool, text = pool_of(settings, "outline", _LORA_PICTURES), Prompts(settings.out)
    for step in learner:
        batch = batch_of(pool, text, settings, step, _BATCH, salt=2)
        attention.scores = batch.scores
        learner.learn(flow_loss(batch, lambda batch: velocity_of(net, batch)))
    layers = {name: value.detach().half().contiguous() for name, value in peft.get_peft_model_state_dict(net).items()}
    StableDiffusion3Pipeline.save_lora_weights(settings.out / "lora-outline", transformer_lora_layers=layers)


def _frozen(settings: Settings) -> tuple[Any, WeightedAttention]:
    from diffusers import SD3Transformer2DModel

    net = SD3Transformer2DModel.from_pretrained(settings.out / "transformer", torch_dtype=torch.float32)
    net.requires_grad_(False)
    attention = WeightedAttention()
    net.set_attn_processor(attention)
    return net, attention
