"""Data sets of photographs by name."""

from __future__ import annotations

from typing import Any

from ...core.registry import Registry
from ..batches.sample import FaceDataset

DATASETS: Registry[FaceDataset] = Registry("data set")
"""Entries take the data set's root folder and keyword options of their own."""


@DATASETS.register("aflw2000")
def _aflw2000(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .aflw2000_photos import Aflw2000Photographs

    return Aflw2000Photographs(root, **options)


@DATASETS.register("celeba")
def _celeba(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .celeba import CelebA

    return CelebA(root, **options)


@DATASETS.register("300w-lp")
def _w300lp(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .w300lp import W300LP, W300LPOptions

    return W300LP(root, W300LPOptions(**options))


@DATASETS.register("aflw")
def _aflw(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .aflw_photos import AflwPhotographs

    return AflwPhotographs(root, **options)


@DATASETS.register("aflw-lfpa")
def _aflw_lfpa(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .aflw_lfpa import AflwLfpaPhotographs

    return AflwLfpaPhotographs(root, **options)


@DATASETS.register("ffhq")
def _ffhq(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .ffhq import Ffhq

    return Ffhq(root, **options)


@DATASETS.register("lfw")
def _lfw(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .lfw import Lfw

    return Lfw(root, **options)


@DATASETS.register("micc")
def _micc(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .micc import MiccVideos

    return MiccVideos(root, **options)


@DATASETS.register("now")
def _now(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .now import NowPhotographs

    return NowPhotographs(root, **options)


@DATASETS.register("drawn")
def _drawn(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .rendered import DrawnPhotographs

    return DrawnPhotographs(root, **options)


@DATASETS.register("folder")
def _folder(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .folder import PhotoFolder

    return PhotoFolder(root, **options)


@DATASETS.register("shards")
def _shards(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from ..shards.tar import TarShards

    return TarShards(root, **options)


@DATASETS.register("rendered")
def _rendered(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from .rendered import RenderedPhotographs

    return RenderedPhotographs(root, **options)


@DATASETS.register("labelled")
def _labelled(root: str, **options: Any) -> FaceDataset:  # noqa: ANN401
    from ..labelled.faces import LabelledFaces

    return LabelledFaces(root, **options)
