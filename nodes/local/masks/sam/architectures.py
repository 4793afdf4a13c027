"""The models of the package ``segment_anything``, as rows, and how one is built around the weights of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import ModelRefused
from .family import Frame, Prompts

if TYPE_CHECKING:
    from torch import Tensor

WIDTH_KEY = "image_encoder.pos_embed"
"""Its last dimension tells the models apart."""

_PATCH = 16
_MASK_CHANNELS = 16


@dataclass(frozen=True)
class Architecture:
    """One model: the encoder's width, depth, heads and blocks of global attention, then what all published ones share."""

    name: str
    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    side: int = 1024
    window: int = 14
    features: int = 256
    decoder_heads: int = 8
    decoder_width: int = 2048
    score_width: int = 256


ARCHITECTURES = (
    Architecture("vit_b", 768, 12, 12, (2, 5, 8, 11)),
    Architecture("vit_l", 1024, 24, 16, (5, 11, 17, 23)),
    Architecture("vit_h", 1280, 32, 16, (7, 15, 23, 31)),
    # Too small for real pictures: for trying a graph out, and for tests.
    Architecture("tiny", 96, 4, 3, (1, 3), 256, 8, features=64, decoder_heads=4, decoder_width=256, score_width=64),
)


class PackageFamily:
    """A model of the package; agrees with the package's own ``SamPredictor``."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
        """Raises ``ModelRefused`` where the weights are not exactly those of the architecture."""
        self.name = f"Segment Anything {architecture.name}"
        self.frame = Frame(architecture.side, architecture.side // _PATCH * 4, padded=True)
        tokens = (architecture.side // _PATCH) ** 2
        # Attention over the whole picture, with its scores held about three times, in 4 bytes each.
        self.working_bytes = architecture.heads * tokens * tokens * 4 * 3
        self.module = self._sam = _assembled(architecture, weights)

    def encode(self, picture: Tensor) -> Sequence[Tensor]:
        return (self._sam.image_encoder(picture),)

    def answer(self, features: Sequence[Tensor], prompts: Prompts, several: bool) -> tuple[Tensor, Tensor]:
        asked = self._sam.prompt_encoder
        points = None if prompts.points is None else (prompts.points, prompts.labels)
        sparse, dense = asked(points=points, boxes=prompts.boxes, masks=prompts.masks)
        answer, scores = self._sam.mask_decoder(
            image_embeddings=features[0],
            image_pe=asked.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
        return answer, scores


def architecture_of(weights: Mapping[str, Tensor]) -> Architecture | None:
    """Whose weights they are; None where nobody's here."""
    table = weights.get(WIDTH_KEY)
    return next((row for row in ARCHITECTURES if table is not None and table.shape[-1] == row.width), None)


def _assembled(row: Architecture, weights: Mapping[str, Tensor]) -> Any:
    import torch

    # Built without memory and given the file's own tensors: random weights of this size take seconds to draw.
    with torch.device("meta"):
        sam = _blank(row)
    wanted = sam.state_dict()
    missing = sorted(wanted.keys() - weights.keys())
    extra = sorted(weights.keys() - wanted.keys())
    if missing or extra:
        told = f"lacks {missing[0]}" if missing else f"has {extra[0]} besides"
        raise ModelRefused(
            f"looks like {row.name} of Segment Anything, but {told} ({len(missing)} of its {len(wanted)} parts are missing, "
            f"{len(extra)} are unknown). Download it again, or take another file."
        )
    for key, blank in wanted.items():
        if weights[key].shape != blank.shape:
            raise ModelRefused(
                f"looks like {row.name} of Segment Anything, but {key} has the shape {tuple(weights[key].shape)} instead of "
                f"{tuple(blank.shape)}. Download it again, or take another file."
            )
    sam.load_state_dict({key: weights[key].float() for key in wanted}, assign=True)
    sam.register_buffer("pixel_mean", torch.zeros(3, 1, 1), persistent=False)
    sam.register_buffer("pixel_std", torch.ones(3, 1, 1), persistent=False)
    return sam.eval().requires_grad_(False)


def _blank(row: Architecture) -> Any:
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
    from torch.nn import LayerNorm

    grid = row.side // _PATCH
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=row.side,
            patch_size=_PATCH,
            embed_dim=row.width,
            depth=row.depth,
            num_heads=row.heads,
            mlp_ratio=4,
            out_chans=row.features,
            norm_layer=partial(LayerNorm, eps=1e-6),
            qkv_bias=True,
            use_rel_pos=True,
            window_size=row.window,
            global_attn_indexes=row.global_blocks,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=row.features,
            image_embedding_size=(grid, grid),
            input_image_size=(row.side, row.side),
            mask_in_chans=_MASK_CHANNELS,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=row.features, mlp_dim=row.decoder_width, num_heads=row.decoder_heads
            ),
            transformer_dim=row.features,
            iou_head_depth=3,
            iou_head_hidden_dim=row.score_width,
        ),
    )
