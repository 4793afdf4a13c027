"""What can be chosen about canvases and masks, as the nodes offer it."""

from __future__ import annotations

# A canvas.
MAX_SIDE = 16384
"""The longest canvas in pixels, which is also the host's own limit."""

PIXELS, PERCENT, RATIO, SIZE = "pixels", "percent", "aspect ratio", "size"
EXTEND_BY = [PIXELS, PERCENT, RATIO, SIZE]
CUSTOM = "custom"
RATIOS = ["1:1", "5:4", "4:3", "3:2", "16:9", "2:1", "21:9", "4:5", "3:4", "2:3", "9:16", "1:2", "9:21", CUSTOM]
ANCHORS = {
    "centre": (0.5, 0.5),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "top left": (0.0, 0.0),
    "top right": (1.0, 0.0),
    "bottom left": (0.0, 1.0),
    "bottom right": (1.0, 1.0),
}
"""Where the picture sits: which share of the new columns lies left of it, and of the new rows above it."""
MULTIPLES = ["1", "8", "16", "32", "64"]

EDGE, BLUR, NOISE, TRANSPARENT, COLOUR = "edge", "blur", "noise", "transparent", "colour"
FILLS = [EDGE, BLUR, NOISE, TRANSPARENT, COLOUR]

# A mask.
KEEP_HOLES, FILL_ALL, FILL_SMALL = "keep", "fill all", "fill small ones"
HOLES = [KEEP_HOLES, FILL_ALL, FILL_SMALL]
KEEP_ALL, LARGEST, DROP_SMALL = "keep all", "keep the largest", "drop small ones"
PIECES = [KEEP_ALL, LARGEST, DROP_SMALL]
BOTH, INSIDE, OUTSIDE = "both sides", "inside", "outside"
FEATHER_SIDES = [BOTH, INSIDE, OUTSIDE]
