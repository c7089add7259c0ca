"""The line that says by which eyes a run plays."""

from __future__ import annotations

from typing import Any

from ouroloop.inspect.shown.eyes import eyes_line
from ouroloop.perception.config import CameraConfig, perfect

EYES: dict[str, Any] = {
    "perception": "vision-latent",
    "encoder": "reader",
    "reader": "a" * 64,
    "eye": "b" * 64,
    "camera": perfect(noise=0.25, look="night").model_dump(mode="json"),
    "boards": 4000,
    "exact": 0.9925,
}


def line(**changes: Any) -> str:
    said = eyes_line({"eyes": {**EYES, **changes}})  # type: ignore[typeddict-item]
    assert said is not None
    return said


def test_it_names_encoder_reader_camera_and_what_was_read():
    assert line() == (
        "eyes: vision-latent, latents by reader bbbbbbbb, boards by reader aaaaaaaa, camera of look night, 8 px a cell "
        "(noise 0.25); 99.25% of 4,000 boards read exactly so far"
    )


def test_it_says_what_is_missing():
    found = line(encoder=None, eye=None, boards=0, exact=None, camera=perfect().model_dump(mode="json"))
    assert found == "eyes: vision-latent, boards by reader aaaaaaaa, camera of 8 px a cell (perfect); no board read yet"
    assert "rotation 1, shift 0.05" in line(camera=CameraConfig().model_dump(mode="json"))
    assert eyes_line({"eyes": None}) is None  # type: ignore[typeddict-item]
