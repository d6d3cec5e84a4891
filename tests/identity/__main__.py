"""The bytes of our JPEG encoder and of libjpeg-turbo, compared at length: ``make identity``, some minutes.

Every frame of both clips at three sizes and qualities, then random pictures of all even sizes and qualities.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from support.clips import clip

PROGRAM = Path(__file__).parents[2] / "build" / "release" / "tests" / "identity" / "stillcast_identity"
CLIPS = ("bigbuckbunny", "bikes")
SIZES = ((640, 360), (854, 480), (1280, 720))
QUALITIES = ("50", "80", "92")
RANDOM_PICTURES = 10_000
SEED = 1


def main() -> None:
    failed = False
    for name in CLIPS:
        for width, height in SIZES:
            print(f"{name} at {width}x{height}, qualities {', '.join(QUALITIES)}", flush=True)
            failed |= compare(["frames", f"{width}x{height}", *QUALITIES], frames(name, width, height))
    print(f"{RANDOM_PICTURES} random pictures, seed {SEED}", flush=True)
    failed |= compare(["random", str(RANDOM_PICTURES), str(SEED)], iter(()))
    sys.exit(failed)


def compare(arguments: list[str], pictures: Iterator[bytes]) -> bool:
    """Run the program; whether it found a difference, or nothing to compare."""
    with subprocess.Popen([str(PROGRAM), *arguments], stdin=subprocess.PIPE) as program:
        assert program.stdin is not None
        for picture in pictures:
            program.stdin.write(picture)
        program.stdin.close()
        return program.wait() != 0


def frames(name: str, width: int, height: int) -> Iterator[bytes]:
    """Each frame as raw I420."""
    with av.open(str(clip(name))) as container:
        for frame in container.decode(video=0):
            scaled = frame.reformat(width=width, height=height, format="yuv420p")
            yield np.ascontiguousarray(scaled.to_ndarray()).tobytes()


if __name__ == "__main__":
    main()
