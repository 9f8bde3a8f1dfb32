"""Weights and schedules of a fit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One level of the coarse-to-fine fit.

    Attributes:
        size: side of the crop in pixels.
        steps: optimiser steps.
        photometric_scale: residual (of [0,1]) beyond which a pixel is taken for an occluder.
    """

    size: int
    steps: int
    photometric_scale: float


@dataclass(frozen=True)
class FitConfig:
    """Weights and schedules of a fit; the weights multiply means, so they compare directly.

    Attributes:
        stages: of a fit from five points. refining: of one that goes on from a known face.
    """

    stages: tuple[Stage, ...] = (Stage(56, 50, 0.25), Stage(112, 80, 0.15), Stage(168, 70, 0.1))
    refining: tuple[Stage, ...] = (Stage(112, 40, 0.15), Stage(168, 40, 0.1))
    photometric: float = 0.1
    landmark: float = 5.0
    prior: float = 0.0006
    light_prior: float = 0.02
