"""A module in the form in which ComfyUI's model management moves models to the device and off it again."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Handle:
    """One module, moved as a whole. Lives as long as its module: the host keeps weak references only.

    The methods are those that the host asks of a model; its own ``ModelPatcher`` sets an attribute ``device``, which is
    read-only in the models that are kept here.
    """

    parent = None

    def __init__(self, module: torch.nn.Module, load_device: torch.device, offload_device: torch.device) -> None:
        self.model = module
        self.load_device = load_device
        self.offload_device = offload_device
        self._on = False

    def model_size(self) -> int:
        """In bytes."""
        return sum(tensor.nbytes for tensor in chain(self.model.parameters(), self.model.buffers()))

    def loaded_size(self) -> int:
        """In bytes: all of it or nothing."""
        return self.model_size() if self._on else 0

    def current_loaded_device(self) -> torch.device:
        return self.load_device if self._on else self.offload_device

    def model_dtype(self) -> torch.dtype:
        return next(self.model.parameters()).dtype

    def model_patches_to(self, device_or_dtype: object) -> None:
        """There are no patches."""

    def model_patches_models(self) -> list[Handle]:
        return []

    def lowvram_patch_counter(self) -> int:
        return 0

    def is_dynamic(self) -> bool:
        """Asked by hosts from 0.12 on."""
        return False

    def is_clone(self, other: object) -> bool:
        return getattr(other, "model", None) is self.model

    def partially_load(self, device: torch.device, extra_memory: float = 0, force_patch_weights: bool = False) -> int:
        """Put the module on ``device``. Where that fails half-way, nothing stays there."""
        if not self._on:
            try:
                self.model.to(device)
            except BaseException:
                self.model.to(self.offload_device)
                raise
            self._on = True
        return self.model_size()

    def partially_unload(self, device: torch.device, memory_to_free: float = 0, *_others: object) -> int:
        """Nothing: the host then asks for all of it with :meth:`detach`."""
        return 0

    def detach(self, unpatch_all: bool = True) -> torch.nn.Module:
        """Take the module off the device; the host passes False when it is about to load it again."""
        if unpatch_all and self._on:
            self.model.to(self.offload_device)
            self._on = False
        return self.model
