"""Four measurements, all of which papers call point-to-plane RMSE on MICC Florence."""

from __future__ import annotations

from dataclasses import replace

from ...core.errors import UnknownNameError
from ..scans.recipe import Alignment, Crop, Measure, Recipe

_CROP = Crop("before", radius_mm=95)
_ICP = Alignment("icp", scale="mesh", matches="gt", distance="plane", drop_boundary=False)

MLANET = Recipe(
    "mlanet",
    _CROP,
    _ICP,
    Measure("plane", "rmse", "rec2gt", drop_boundary=True),
    source="MLANet, sections 4.2 and 4.3: the perpendicular distance of every predicted point to "
    "the ground truth cropped to 95 mm, after ICP with isotropic scale; frames, then scenarios, "
    "are averaged. The paper does not say whose points look for matches in ICP: the ground truth's "
    "do here, since with scale the prediction's would shrink it into a hollow of the scan. That "
    "predicted points matched to the crop's border are dropped is ours, too: they lie beyond it",
)
TRAN2018 = Recipe(
    "tran2018",
    _CROP,
    _ICP,
    Measure("plane", "rmse", "gt2rec", drop_boundary=False),
    source="Tran et al., CVPR 2018, and Deng et al., CVPRW 2019: every ground-truth vertex within "
    "95 mm of the nose tip to the plane of the reconstruction, after ICP with isotropic scale for "
    "each mesh. The cut of the forehead (Deep3DFaceReconstruction issue 23) is not published and "
    "not made",
)
GENOVA = Recipe(
    "genova",
    _CROP,
    replace(_ICP, scale="global"),
    Measure("plane", "mean", "sym", drop_boundary=True),
    source="our reading of Genova et al., CVPR 2018: one global scale between the models, ICP, "
    "mean of both directions over where the surfaces overlap. Their tool was not published",
)
GANFIT = Recipe(
    "ganfit",
    _CROP,
    replace(_ICP, matches="each", distance="surface"),
    Measure("surface", "mean", "sym", drop_boundary=False),
    source="micc_evaluation.py of GANFit: the scan is first replaced by a template bent onto it; "
    "each direction aligns anew from its own points within 95 mm of landmark 30 (60 mm for "
    "subject 28); the distance is that to the nearest point of the surface, averaged, though "
    "called point-to-plane. Their first ICP step pairs equal vertices of their one template; "
    "ours starts from the landmarks, so that any topology can be scored",
    registered=True,
)

PRESETS = {recipe.name: recipe for recipe in (MLANET, TRAN2018, GENOVA, GANFIT)}


def micc_preset(name: str) -> Recipe:
    """A preset by its name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in PRESETS:
        raise UnknownNameError("MICC preset", name, list(PRESETS))
    return PRESETS[name]
