"""What a notebook shows of a face: pictures and numbers as HTML that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence

from PIL import Image

from ..render.overlay import Picture

_QUALITY = 88
_FACTS = "border-collapse:collapse;font-size:90%"


def picture_tag(picture: Picture, what: str) -> str:
    """An image element that holds its picture.

    Args:
        picture: (H,W,3) uint8.
        what: what it shows, for those who cannot see it.
    """
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_QUALITY)
    source = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    height, width = picture.shape[:2]
    size = f'width="{width}" height="{height}"'
    return f'<img src="{source}" alt="{html.escape(what)}" {size} style="max-width:100%">'


def facts_table(facts: Mapping[str, str]) -> str:
    """A table of two columns.

    Args:
        facts: names and values, as they are to be read.
    """
    pairs = [(html.escape(name), html.escape(value)) for name, value in facts.items()]
    rows = "".join(
        f'<tr><th align="left">{name}</th><td>{value}</td></tr>' for name, value in pairs
    )
    return f'<table style="{_FACTS}">{rows}</table>'


def card(pictures: Sequence[str], facts: Mapping[str, str]) -> str:
    """Pictures above a table.

    Args:
        pictures: elements, as of `picture_tag`.
        facts: as of `facts_table`.
    """
    return f"<div><div>{''.join(pictures)}</div>{facts_table(facts)}</div>"


def face_facts(
    pose: Mapping[str, float], expressions: Mapping[str, float], most: int = 6
) -> dict[str, str]:
    """Pose and the strongest expressions of a face, in words.

    Args:
        pose: degrees by name.
        expressions: weights by name.
        most: expressions that are named.
    """
    strong = sorted(expressions.items(), key=lambda pair: -abs(pair[1]))[:most]
    said = [f"{name} {weight:.2f}" for name, weight in strong if abs(weight) >= 0.05]
    return {
        "pose": ", ".join(f"{name} {angle:.1f}°" for name, angle in pose.items()),
        "expressions": ", ".join(said) or "none",
    }
