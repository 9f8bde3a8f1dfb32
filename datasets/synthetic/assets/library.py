"""A folder of assets as MakeHuman's users have it on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ....core.errors import InputError, MissingFileError, UnknownNameError
from .asset import Asset
from .build import AssetReader
from .kinds import KINDS
from .mean_head import MeanHead, load_mean_head, mean_base

__all__ = ["AssetLibrary", "mean_base"]

_EXPECTED = "a folder of MakeHuman's assets (hair/, eyebrows/, clothes/ ... with .mhclo files)"
_REMEDY = (
    "Unpack makehuman_system_assets_cc0.zip from MakeHuman's page of asset packs "
    "(static.makehumancommunity.org), and name the folder that it makes."
)


@dataclass(frozen=True)
class AssetLibrary:
    """Everything that was read from a folder.

    Attributes:
        assets: in the order of their paths.
        problems: what could not be read, or only in part: the file and the reason.
    """

    assets: tuple[Asset, ...]
    problems: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: str | Path, head: MeanHead | None = None) -> AssetLibrary:
        """Read all assets in a folder and the folders in it.

        Kinds go by the name of the folder that holds them, as MakeHuman has them; among clothes,
        hats, glasses and beards go by names and tags. What is not drawn with a head (eyes, poses,
        body meshes) is passed over. A file that is damaged, or an asset for parts of the body that
        the face model does not have, is named in `problems`, and the rest goes on.

        Args:
            folder: the folder, or one above it.
            head: the mean head that assets are tried on; None takes the shipped face model's.

        Raises:
            MissingFileError: there is no such folder.
            InputError: it has no asset that can be used.
        """
        root = Path(folder)
        if not root.is_dir():
            raise MissingFileError(str(root), "The folder of assets (assets)", _REMEDY)
        reader = AssetReader(root, load_mean_head() if head is None else head)
        assets, problems = _read_all(reader)
        if not assets:
            raise InputError("assets", _EXPECTED, _found(root, problems), _REMEDY)
        return cls(tuple(assets), problems)

    def of(self, kind: str) -> tuple[Asset, ...]:
        """All assets of a kind.

        Raises:
            UnknownNameError: there is no such kind; it names those there are.
        """
        if kind not in KINDS:
            raise UnknownNameError("kind of asset", kind, list(KINDS))
        return tuple(asset for asset in self.assets if asset.kind == kind)


def _read_all(reader: AssetReader) -> tuple[list[Asset], list[str]]:
    assets: dict[tuple[str, str], Asset] = {}
    problems: list[str] = []
    for path in _files(reader.root):
        try:
            asset = reader.read(path)
        except InputError as error:
            problems.append(str(error))
            continue
        if asset is not None and (asset.kind, asset.name) in assets:
            problems.append(f"{path}: the folder has a {asset.name} already; this one is left out")
        elif asset is not None:
            assets[asset.kind, asset.name] = asset
    return list(assets.values()), problems + reader.problems


def _files(root: Path) -> Iterable[Path]:
    """Every .mhclo, in an order that is the same everywhere."""
    files = [p for p in root.rglob("*") if p.suffix.lower() == ".mhclo" and p.is_file()]
    return sorted(files, key=lambda path: path.relative_to(root).as_posix())


def _found(root: Path, problems: list[str]) -> str:
    if not problems:
        return f"{root} without any"
    return f"{root} with {len(problems)} that cannot be used, first: {problems[0]}"
