"""The sampler as the agent uses it: which encoder it takes, and that the bytes do not depend on it."""

from __future__ import annotations

import numpy as np
import pytest

from stillcast import capture
from stillcast.capture import Capture, Encoder, Frame, encode_still, encoder_in_use
from stillcast.config import CaptureConfig

ENCODERS: tuple[Encoder, ...] = ("turbo", "native")
LIMIT_S = 30.0


def noise(height: int, width: int) -> Frame:
    """No block of it is like another, so that every path of an encoder is taken."""
    return Frame.from_array(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8), "BGR24")


def ramp(height: int, width: int) -> Frame:
    return Frame.from_array(np.tile(np.linspace(0, 255, width, dtype=np.uint8), (height, 1)), "GRAY8")


def still_of(frame: Frame, settings: CaptureConfig) -> bytes:
    """The JPEG of the first tick, by the encoder that the settings say."""
    taken = Capture(encoder=settings.encoder)
    feed = taken.open_feed(settings)
    taken.start()
    try:
        while not feed.push(frame):
            pass
        captured = taken.take(LIMIT_S)
        assert captured is not None
        return captured.picture.jpeg
    finally:
        taken.stop()


@pytest.mark.parametrize("quality", [1, 50, 80, 100])
@pytest.mark.parametrize("frame", [noise(360, 640), noise(54, 98), ramp(90, 160)], ids=["large", "odd", "ramp"])
def test_the_bytes_of_a_still_do_not_depend_on_the_encoder(frame: Frame, quality: int) -> None:
    turbo, native = (still_of(frame, CaptureConfig(quality=quality, encoder=encoder)) for encoder in ENCODERS)
    assert native == turbo == encode_still(frame, quality=quality).jpeg


@pytest.mark.parametrize("encoder", ["auto", *ENCODERS])
def test_the_sampler_is_told_the_encoder_and_the_capture_says_what_it_came_to(
    monkeypatch: pytest.MonkeyPatch, encoder: Encoder
) -> None:
    # Bytes that are the same would hide a setting that gets lost on the way.
    told: list[dict[str, object]] = []
    monkeypatch.setattr(capture, "Sampler", lambda **given: told.append(given))
    assert Capture(encoder=encoder).encoder == encoder_in_use(encoder)
    assert [given["encoder"] for given in told] == [encoder]


def test_an_encoder_in_use_is_named_with_its_instruction_set() -> None:
    turbo, native = map(encoder_in_use, ENCODERS)
    assert turbo == "turbo"
    assert native in {"native (AVX-512)", "native (AVX2)", "native (reference)"}


def test_by_itself_our_own_encoder_is_taken_where_it_has_vectors() -> None:
    native = encoder_in_use("native")
    assert encoder_in_use("auto") == ("turbo" if native == "native (reference)" else native)
