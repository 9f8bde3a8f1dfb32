"""What the synthetic set is made of, as far as a user may want to change it."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import InputError

_LARGEST = 4096  # pixels


@dataclass(frozen=True)
class SyntheticConfig:
    """Settings of `SyntheticFaces`; a set is fixed by them, with the seed.

    >>> SyntheticConfig(size=256, turns=0.4).views
    1
    >>> SyntheticConfig(hair=1.5)
    Traceback (most recent call last):
    selfie3d.core.errors.InputError: hair: expected a probability in [0, 1], got 1.5.

    Attributes:
        size: side of the square images, pixels.
        seed: item i of one seed is always the same face.
        margin: side of an image over the side of the face's crop in it (the square of the
            landmarks' box, sqrt(2) times its longer side), so that re-framing finds content.
        turns: how far heads turn, 0 to 1: 1 is any yaw up to 95 degrees, 0.4 a selfie's turns.
        hair, beard, glasses, occluder, shadow, border: how often each appears, 0 to 1.
        background: how often there is one instead of a flat colour.
        degradation: how often the image goes through a poor camera and a JPEG file.
        backgrounds: a folder of photographs without faces to stand behind half of the faces;
            empty for painted backgrounds alone.
        assets: a folder of MakeHuman's assets (hair, brows, lashes, hats, clothes); empty for hair
            and clothes that are painted by rule alone.
        assets_share: how many people wear assets, where there are some; the others are drawn by
            rule.
        hdri: a folder of panoramas that light faces and stand behind them; empty for painted
            light and places alone.
        hdri_share: how many faces stand in a panorama, where there are some.
        views: pictures of one person, one after the other: the same head, skin and hair under
            other light, in other places, from other sides.

    Raises:
        InputError: a probability outside [0, 1], or a size or margin that is too small.
    """

    size: int = 128
    seed: int = 0
    margin: float = 1.25
    turns: float = 1.0
    hair: float = 0.94
    beard: float = 0.22
    glasses: float = 0.15
    occluder: float = 0.25
    shadow: float = 0.6
    border: float = 0.16
    background: float = 1.0
    degradation: float = 1.0
    backgrounds: str = ""
    assets: str = ""
    assets_share: float = 1.0
    hdri: str = ""
    hdri_share: float = 0.7
    views: int = 1

    def __post_init__(self) -> None:
        if not 32 <= self.size <= _LARGEST or self.size % 8:
            expected = f"32 to {_LARGEST:,} pixels, a multiple of 8"
            raise InputError("size", expected, str(self.size))
        if not 1 <= self.margin <= 3:
            raise InputError("margin", "1 to 3", str(self.margin))
        if self.seed < 0:
            raise InputError("seed", "0 or more", str(self.seed))
        if not 0 <= self.turns <= 1:
            raise InputError("turns", "0 (none) to 1 (any)", str(self.turns))
        if self.views < 1:
            raise InputError("views", "1 or more pictures of a person", str(self.views))
        for name in ("hair", "beard", "glasses", "occluder", "shadow", "border", "background",
                     "degradation", "assets_share", "hdri_share"):  # fmt: skip
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, "a probability in [0, 1]", str(getattr(self, name)))
