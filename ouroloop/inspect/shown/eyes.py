"""The line that says by which eyes a run plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ouroloop.inspect.document import Eyes, RunDocument


def eyes_line(document: RunDocument) -> str | None:
    """Return how the build that plays now perceives: encoder, camera, and the share of boards read exactly; None if blind."""
    eyes = document["eyes"]
    if eyes is None:
        return None
    latents = "" if eyes["encoder"] is None else f", latents by {_named(eyes['encoder'], eyes['eye'])}"
    read = "no board read yet"
    if eyes["exact"] is not None:
        read = f"{eyes['exact']:.2%} of {eyes['boards']:,} boards read exactly so far"
    return f"eyes: {eyes['perception']}{latents}, boards by {_named('reader', eyes['reader'])}, {_camera(eyes)}; {read}"


def _named(kind: str, digest: str | None) -> str:
    return kind if digest is None else f"{kind} {digest[:8]}"


def _camera(eyes: Eyes) -> str:
    """Return the camera's settings that do anything to a picture."""
    camera = eyes["camera"]
    plain = ("look", "cell_px", "scatter")
    amounts = {key: value for key, value in camera.items() if key not in plain and isinstance(value, int | float)}
    strengths = [f"{key} {value:g}" for key, value in amounts.items() if value]
    look = f"look {camera['look']}, " if camera.get("look") else ""
    return f"camera of {look}{camera['cell_px']} px a cell ({', '.join(strengths) or 'perfect'})"
