"""A third of the weights never on the device: what the modulation layers answer is worked out once for a whole run.

They see the step and the words' one vector, never the picture, so all they will be asked in a run is known before it begins.
Their weights stay where the file is; each is brought to the device once, asked for every step, and let go.
"""

from __future__ import annotations

import copy
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import comfy.float
import comfy.lora
import comfy.model_management as mm
import comfy.model_patcher
import torch
from torch import Tensor, nn

SHARE = 16
"""The answers that are kept at one time take at most this part of the weights that they stand for."""


class Resting:
    """A modulation layer. While it rests it answers what it was told, and its weights are not moved with the model's."""

    key: str
    resting = False
    answer: Tensor | None = None

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        return self if self.resting else super()._apply(change, recurse)  # type: ignore[misc]

    def forward(self, input: Tensor) -> Tensor:
        if self.answer is not None:
            return self.answer
        answered: Tensor = super().forward(input)  # type: ignore[misc]
        return answered


class RestingTable:
    """The embedding of patches. Of its large table of positions only the part for the picture's size is on the device."""

    resting = False
    crop: tuple[tuple[Any, ...], Tensor] | None = None
    _device: torch.device

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        if not self.resting:
            return super()._apply(change, recurse)  # type: ignore[misc]
        buffers: dict[str, Tensor] = self._buffers  # type: ignore[attr-defined]
        table = buffers.pop("pos_embed")
        try:
            return super()._apply(change, recurse)  # type: ignore[misc]
        finally:
            buffers["pos_embed"] = table

    def forward(self, latent: Tensor) -> Tensor:
        self._device = latent.device
        embedded: Tensor = super().forward(latent)  # type: ignore[misc]
        return embedded

    def cropped_pos_embed(self, height: int, width: int) -> Tensor:
        size = (height, width, self._device)
        if self.crop is None or self.crop[0] != size:
            self.crop = size, super().cropped_pos_embed(height, width).to(self._device)  # type: ignore[misc]
        return self.crop[1]


class Modulations:
    """All modulation layers of a transformer, and what they answer."""

    def __init__(self, transformer: Any, below: str) -> None:
        """Make the layers of ``transformer`` ready to rest; ``below`` stands before their names in the host's model."""
        self._embed, self._below = transformer.time_text_embed, below
        self.layers: list[Any] = []
        for name, layer in transformer.named_modules():
            if name.endswith(("norm1.linear", "norm1_context.linear", "norm_out.linear")):
                layer.__class__ = _resting(layer.__class__, Resting)
                layer.key = f"{below}{name}"
                self.layers.append(layer)
        self.tables: list[Any] = []
        if getattr(transformer.pos_embed, "pos_embed", None) is not None:
            transformer.pos_embed.__class__ = _resting(transformer.pos_embed.__class__, RestingTable)
            self.tables.append(transformer.pos_embed)
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()
        """What all layers answer at one step, end to end."""
        self._patches: Mapping[str, Any] = {}
        self._loaded: Any = None

    @property
    def weights(self) -> int:
        """Bytes of the layers' weights, wherever they are."""
        return sum(weight.nbytes for layer in self.layers for weight in layer.parameters(recurse=False))

    @property
    def spared(self) -> int:
        """Bytes that are not on the device while the layers rest."""
        return self.weights + sum(table.pos_embed.nbytes for table in self.tables)

    @property
    def room(self) -> int:
        """Bytes that the answers kept at one time take at most."""
        return self.weights // SHARE

    @property
    def held(self) -> int:
        """Bytes of the answers kept now."""
        return sum(answers.nbytes for answers in self._kept.values())

    def names(self) -> set[str]:
        """The host's names of the weights."""
        return {f"{layer.key}.{name}" for layer in self.layers for name, _ in layer.named_parameters(recurse=False)}

    def asked_with(self) -> set[str]:
        """The host's names of the weights that step and words pass before they reach the layers."""
        return {f"{self._below}time_text_embed.{name}" for name, _ in self._embed.named_parameters()}

    @property
    def resting(self) -> bool:
        return any(layer.resting for layer in self.layers)

    def rest(self) -> None:
        """From now on the weights stay where they are."""
        for layer in (*self.layers, *self.tables):
            layer.resting = True

    def wake(self) -> None:
        """From now on they are layers like all others, which the host moves and patches."""
        self.forget()
        for layer in (*self.layers, *self.tables):
            layer.resting = False
            for told in ("comfy_cast_weights", "weight_function", "bias_function"):
                layer.__dict__.pop(told, None)

    def loaded(self, patches: Mapping[str, Any], version: Any) -> None:
        """The host has loaded the model, with these patches; ``version`` is another whenever they are."""
        if version != self._loaded:
            self.forget()
        self._patches, self._loaded = {key: patches[key][:] for key in self.names() & patches.keys()}, version
        for layer in self.layers:
            # What is asked without having been foreseen is answered by the host's own streaming.
            layer.comfy_cast_weights = True
            layer.weight_function = _functions(layer, "weight", self._patches)
            layer.bias_function = _functions(layer, "bias", self._patches)

    def forget(self) -> None:
        """No answer is kept, and no patch."""
        self._kept.clear()
        self._patches, self._loaded = {}, None
        self._off_the_device()

    def off_the_device(self, device: torch.device) -> None:
        """A run has ended: what is kept waits on ``device`` for another of the same words and steps."""
        self._off_the_device()
        for key, answers in self._kept.items():
            self._kept[key] = answers.to(device)

    def _off_the_device(self) -> None:
        self.tell(None)
        for table in self.tables:
            table.crop = None

    def tell(self, answers: Sequence[Tensor | None] | None) -> list[Tensor | None]:
        """Have the layers answer this, or for themselves; returns what they answered before."""
        before = [layer.answer for layer in self.layers]
        for number, layer in enumerate(self.layers):
            layer.answer = None if answers is None else answers[number]
        return before

    def answers(self, steps: Tensor, words: Tensor, foreseen: Iterable[Tensor]) -> list[Tensor]:
        """What every layer answers at ``steps`` (B,) and ``words`` (B, W).

        Where that is not known yet it is worked out, and with it as many of the ``foreseen`` steps as there is room for.
        """
        key = _key(steps, words)
        if key not in self._kept:
            asked = {key: steps}
            one = sum(layer.out_features for layer in self.layers) * len(steps) * words.element_size()
            most = max(1, self.room // one)
            for step in foreseen:
                if len(asked) == most:
                    break
                if (found := _key(step, words)) not in self._kept:
                    asked.setdefault(found, step)
            while self._kept and self.held + one * len(asked) > self.room:
                self._kept.popitem(last=False)
            self._kept.update(self._work_out(asked, words))
        self._kept.move_to_end(key)
        self._kept[key] = self._kept[key].to(words.device)
        sizes = [layer.out_features * len(steps) for layer in self.layers]
        return [answer.view(len(steps), -1) for answer in self._kept[key].split(sizes)]

    def _work_out(self, asked: Mapping[bytes, Tensor], words: Tensor) -> dict[bytes, Tensor]:
        # One step at a time, in the rows of the real call: other rows would be summed in another order.
        inputs = {key: nn.functional.silu(self._embed(steps, words)) for key, steps in asked.items()}
        found: dict[bytes, list[Tensor]] = {key: [] for key in asked}
        for layer in self.layers:
            mm.throw_exception_if_processing_interrupted()
            twin = self._awake(layer, words.device)
            for key, value in inputs.items():
                found[key].append(twin(value).flatten())
        return {key: torch.cat(found.pop(key)) for key in asked}

    def _awake(self, layer: Any, device: torch.device) -> Any:
        """The same layer on ``device``, patched, as it would be there had the host loaded it."""
        twin = copy.copy(layer)
        for told in ("comfy_cast_weights", "weight_function", "bias_function", "answer"):
            twin.__dict__.pop(told, None)
        twin._parameters = {
            name: weight if weight is None else nn.Parameter(self._patched(layer, name, device), requires_grad=False)
            for name, weight in layer._parameters.items()
        }
        twin._buffers = {name: value.to(device) for name, value in layer._buffers.items()}
        return twin

    def _patched(self, layer: Any, name: str, device: torch.device) -> Tensor:
        weight: Tensor = getattr(layer, name)
        if f"{layer.key}.{name}" not in self._patches:
            return weight.to(device)
        return patched(layer, name, mm.cast_to_device(weight, device, torch.float32, copy=True), self._patches)


def patched(layer: Any, name: str, working: Tensor, patches: Mapping[str, Any]) -> Tensor:
    """``layer``'s weight, given in float32, with its patches, rounded as the host rounds what it loads."""
    key = f"{layer.key}.{name}"
    convert, put_back = getattr(layer, f"convert_{name}", None), getattr(layer, f"set_{name}", None)
    if convert is not None:
        working = convert(working, inplace=True)
    made = comfy.lora.calculate_weight(patches[key], working, key)
    seed = comfy.model_patcher.string_to_seed(key)
    if put_back is not None:
        rounded: Tensor = put_back(made, seed=seed, return_weight=True)
        return rounded
    kept: Tensor = comfy.float.stochastic_rounding(made, getattr(layer, name).dtype, seed=seed)
    return kept


def _functions(layer: Any, name: str, patches: Mapping[str, Any]) -> list[Callable[[Tensor], Tensor]]:
    """What the host's streaming does to a weight on its way."""
    if f"{layer.key}.{name}" not in patches:
        return []
    return [lambda weight: patched(layer, name, weight.float(), patches).to(weight.dtype)]


def _key(steps: Tensor, words: Tensor) -> bytes:
    told = torch.cat([steps.reshape(-1).float(), words.reshape(-1).float()]).cpu().numpy().tobytes()
    return hashlib.blake2b(told + str((words.shape, words.dtype)).encode(), digest_size=16).digest()


@functools.cache
def _resting(kind: type, way: type) -> type:
    return type(f"{way.__name__}{kind.__name__}", (way, kind), {})
