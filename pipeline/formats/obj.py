"""A reconstructed face for trimesh, and as OBJ with MTL and PNG, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from ...core.image_file import write_image
from ...core.obj_file import ObjTexture, write_obj
from ...core.whole_file import write_text, write_whole
from ...geometry.mesh import vertex_normals

if TYPE_CHECKING:
    import trimesh


def textured_mesh(
    vertices: Tensor, faces: Tensor, uv: Tensor, uv_faces: Tensor, texture: NDArray[np.uint8]
) -> trimesh.Trimesh:
    """A trimesh with one vertex per pair of position and texture coordinate.

    Its normals are those of the whole surface, so that no seam of the texture is seen in them.

    Args:
        vertices: (V,3). faces: (F,3). uv: (T,2), v up. uv_faces: (F,3).
        texture: (H,W,3) uint8, row 0 at v = 1.
    """
    import trimesh
    from PIL import Image

    pairs = np.stack([faces.numpy().ravel(), uv_faces.numpy().ravel()], 1)
    unique, index = np.unique(pairs, axis=0, return_inverse=True)
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.fromarray(texture), metallicFactor=0.0, roughnessFactor=1.0
    )
    visual = trimesh.visual.TextureVisuals(uv=uv.numpy()[unique[:, 1]], material=material)
    normals = vertex_normals(vertices[None], faces)[0].numpy().copy()
    normals[np.linalg.norm(normals, axis=1) < 0.5] = (0, 0, 1)  # of faces without an area
    return trimesh.Trimesh(
        vertices.numpy()[unique[:, 0]],
        index.reshape(-1, 3),
        vertex_normals=normals[unique[:, 0]],
        visual=visual,
        process=False,
    )


def write_textured_obj(
    path: Path,
    vertices: Tensor,
    faces: Tensor,
    uv: Tensor,
    uv_faces: Tensor,
    texture: NDArray[np.uint8],
) -> list[Path]:
    """Write NAME.obj (mm), NAME.mtl and NAME.png beside each other; gives the three paths.

    Raises:
        InputError: they cannot be written, or a name that would break their lines.
    """
    if any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in path.name):
        raise InputError("path", "a name without line breaks or controls", repr(path.name))
    image, material = path.with_suffix(".png"), path.with_suffix(".mtl")
    write_whole(image, lambda target: write_image(target, texture))
    lines = ["newmtl face", "Ka 0 0 0", "Kd 1 1 1", "Ks 0 0 0", "illum 1", f"map_Kd {image.name}"]
    write_text(material, "\n".join(lines) + "\n")
    chart = ObjTexture(uv.numpy(), uv_faces.numpy(), material.name)
    write_obj(path, vertices.numpy(), faces.numpy(), texture=chart, decimals=4)
    return [path, material, image]
