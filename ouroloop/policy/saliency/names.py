"""The methods by name. No torch here."""

from __future__ import annotations

from typing import Final

TITLES: Final = {"rollout": "attention rollout", "gradcam": "Grad-CAM", "ig": "integrated gradients"}
"""How each method is called in words."""
