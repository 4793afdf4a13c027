"""The host's CLIP, which runs its encoders once for a prompt."""

from __future__ import annotations

from typing import Any

import comfy.model_management as mm
import comfy.sd

from ..embeddings import EMBEDDINGS, key_of


class Clip(comfy.sd.CLIP):
    """As the host's; what its encoders said of a prompt before, they need not be loaded for again."""

    source: tuple[object, ...] | None = None
    """The files of the encoders and how they are put together; None where the same could be said of others."""

    def clone(self, *options: Any, **more: Any) -> Clip:
        cloned: Clip = super().clone(*options, **more)
        cloned.__class__ = Clip
        cloned.source = self.source
        return cloned

    def encode_from_tokens(self, tokens: Any, return_pooled: Any = False, return_dict: bool = False) -> Any:
        """The words' embeddings, in the host's three forms."""
        key = self._key(tokens, return_pooled == "unprojected")
        if key is None:
            return super().encode_from_tokens(tokens, return_pooled=return_pooled, return_dict=return_dict)
        said = EMBEDDINGS.recall(key)
        if said is None:
            said = super().encode_from_tokens(tokens, return_pooled=return_pooled or True, return_dict=True)
            EMBEDDINGS.keep(key, said)
        nearby = mm.intermediate_device()
        said = {name: value.to(nearby) if hasattr(value, "nbytes") else value for name, value in said.items()}
        if return_dict:
            return said
        return (said["cond"], said["pooled_output"]) if return_pooled else said["cond"]

    def _key(self, tokens: Any, unprojected: bool) -> str | None:
        patcher = self.patcher
        # These change what the encoders say in ways that have no name.
        changing = (
            patcher.forced_hooks,
            patcher.hook_patches,
            patcher.object_patches,
            patcher.weight_wrapper_patches,
            self.apply_hooks_to_conds,
        )
        if self.source is None or any(changing):
            return None
        patches = patcher.patches_uuid if patcher.patches else None
        return key_of(tokens, self.source, patches, self.layer_idx, unprojected)
