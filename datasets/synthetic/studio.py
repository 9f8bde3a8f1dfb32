"""What all pictures of a set have in common, made once: the head, assets, panoramas."""

from __future__ import annotations

from dataclasses import dataclass

from ...geometry.face_model import FaceModel
from .assets.library import AssetLibrary
from .config import SyntheticConfig
from .head import Head, load_head
from .panorama import Panoramas, read_panoramas
from .places import read_backgrounds
from .skin.details import SkinDetails
from .style import Wardrobe
from .surface import TextureTable


@dataclass(frozen=True)
class Studio:
    """See the modules of its parts.

    Attributes:
        head: the default head; details: what skin is painted with.
        wardrobe: what can be worn; None without a folder of assets.
        panoramas: places; None without a folder of panoramas.
        textures: pictures of what is worn.
        problems: files of both folders that could not be used, and why.
    """

    head: Head
    details: SkinDetails
    wardrobe: Wardrobe | None
    panoramas: Panoramas | None
    textures: TextureTable
    problems: tuple[str, ...]

    @classmethod
    def of(cls, config: SyntheticConfig, model: FaceModel | None = None) -> Studio:
        """What a configuration asks for.

        Args:
            config: its folders.
            model: the face model `default`, if it is loaded already.

        Raises:
            InputError: another model, or a folder in which nothing can be used.
            MissingFileError: there is no such folder.
        """
        head = load_head(model)
        library, panoramas = _folders(config)
        wardrobe = None if library is None else Wardrobe(library, head)
        textures = TextureTable() if wardrobe is None else wardrobe.textures
        return cls(head, SkinDetails.make(head), wardrobe, panoramas, textures,
                   _problems(library, panoramas))  # fmt: skip


def folder_problems(config: SyntheticConfig) -> tuple[str, ...]:
    """Files of the folders of assets, panoramas and backgrounds that cannot be used, and why.

    Raises:
        InputError, MissingFileError: as `Studio.of`.
    """
    return (*_problems(*_folders(config)), *read_backgrounds(config.backgrounds)[1])


def _folders(config: SyntheticConfig) -> tuple[AssetLibrary | None, Panoramas | None]:
    library = AssetLibrary.read(config.assets) if config.assets else None
    return library, read_panoramas(config.hdri) if config.hdri else None


def _problems(library: AssetLibrary | None, panoramas: Panoramas | None) -> tuple[str, ...]:
    return tuple(p for part in (library, panoramas) if part is not None for p in part.problems)
