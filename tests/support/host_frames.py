"""What tests of host adapters share: a sink that makes stills at once, and the picture in a still."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from stillcast.capture import Frame, encode_still
from stillcast.stills import EncodedStill


@dataclass
class StillSink:
    """Takes what an adapter pushes, as a feed would whose every frame is due."""

    wanted: bool = True
    due_in: float = 0.04
    stills: list[EncodedStill] = field(default_factory=list)
    closed: bool = False

    def push(self, frame: Frame) -> bool:
        self.stills.append(encode_still(frame, max_size=(4096, 4096), quality=95))
        return True

    def close(self) -> None:
        self.closed = True


def picture(still: EncodedStill) -> np.ndarray:
    """RGB levels of a still, decoded by Pillow."""
    return np.asarray(Image.open(io.BytesIO(still.jpeg)).convert("RGB")).astype(int)


def quarters(still: EncodedStill) -> list[tuple[int, int, int]]:
    """Mean colours of the four quarters, clockwise from the upper left; their borders left out."""
    image = picture(still)
    height, width, _ = image.shape
    rows = (slice(height // 8, 3 * height // 8), slice(5 * height // 8, 7 * height // 8))
    columns = (slice(width // 8, 3 * width // 8), slice(5 * width // 8, 7 * width // 8))
    parts = [(rows[0], columns[0]), (rows[0], columns[1]), (rows[1], columns[1]), (rows[1], columns[0])]
    return [tuple(round(level) for level in image[part].mean(axis=(0, 1))) for part in parts]
