"""selfie3d: textured 3D faces from single photographs.

import selfie3d
face = selfie3d.reconstruct("photo.jpg")[0]
face.mesh().export("face.glb")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .geometry.face_model import FaceModel
    from .pipeline.faces import Faces
    from .pipeline.options import ReconstructOptions
    from .pipeline.person import ReconstructedPerson
    from .pipeline.photo import Photo
    from .pipeline.reconstructor import Reconstructor
    from .pipeline.transfer.take_over import Expression, Light, Transferred

__version__ = "0.2.0"
__all__ = [
    "FaceModel",
    "ReconstructOptions",
    "Reconstructor",
    "__version__",
    "reconstruct",
    "reconstruct_person",
    "transfer",
]

_HOME = {
    "FaceModel": "geometry.face_model",
    "Reconstructor": "pipeline.reconstructor",
    "ReconstructOptions": "pipeline.options",
}


def reconstruct(photo: Photo, options: ReconstructOptions | None = None) -> Faces:
    """Every face of one photograph, largest first: a list that notebooks show.

    For many photographs make one `Reconstructor` and call it.

    Args:
        photo: a path or an address (http, https, file), RGB (H,W,3) uint8, a picture of Pillow's, a
            file's content, or a file that is open in binary mode.
        options: face model, number of faces, texture size and the like.

    Raises:
        NoFaceError: no face was found.
        InputError: the photograph cannot be read, or is none of these.
    """
    from .pipeline.photo import as_picture
    from .pipeline.reconstructor import Reconstructor

    picture = as_picture(photo)  # before anything is loaded for it
    return Reconstructor(options)(picture)


def reconstruct_person(
    photos: Sequence[Photo], options: ReconstructOptions | None = None
) -> ReconstructedPerson:
    """One person from several photographs: one identity and texture, each with its expression.

    Args:
        photos: two or more, each as `reconstruct` takes one; the largest face of each is taken.
        options: as there, with a network's weights and without `refine`.

    Raises:
        NoFaceError: fewer than two photographs show a face.
        InputError: fewer than two photographs, or the optimiser was asked for.
    """
    from .pipeline.person import reconstruct_person
    from .pipeline.reconstructor import Reconstructor

    return reconstruct_person(Reconstructor(options), photos)


def transfer(
    photo: Photo,
    *,
    expression: Expression | None = None,
    light: Light | None = None,
    texture: Photo | None = None,
    options: ReconstructOptions | None = None,
) -> Transferred:
    """The largest face of a photograph with another's expression, light or texture.

    For many photographs make one `Reconstructor` and call `pipeline.transfer_face`.

    Args:
        photo: as `reconstruct` takes one.
        expression: a photograph, NAME.json of `selfie3d reconstruct`, or weights by name.
        light: a photograph, a .json or .txt of spherical harmonics, or a tensor (9,3).
        texture: a photograph of the one whose skin is put on.
        options: as there, with the light left in the texture.

    Returns:
        the photograph with the changed face in it (`picture`), and that face (`face`).

    Raises:
        NoFaceError: a photograph without a face.
        InputError: nothing is to be taken over, or something cannot be read.
    """
    from .pipeline.reconstructor import Reconstructor
    from .pipeline.transfer.take_over import Sources, transfer_face

    return transfer_face(Reconstructor(options), photo, Sources(expression, light, texture))


def __getattr__(name: str) -> object:
    """Import the public classes on first use, so that `import selfie3d` is quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'selfie3d' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
