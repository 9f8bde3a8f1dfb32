"""What every network of the registry says of itself."""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

OutputKind = Literal["points", "parameters", "uv"]
"""What a network predicts: `PointPrediction`, numbers (B,outputs), or `UvPrediction`."""


class Network(nn.Module):
    """A network that pipelines, recipes and protocols can use, whatever is inside.

    Attributes:
        input_shape: (channels, height, width) of one image, RGB in [0,1].
        output_kind: what it predicts.
        options: the frozen dataclass it was built with, less files that were read; `vars` of it
            builds the network again.
        paper: where it comes from.

    Example:
        >>> from selfie3d.models import NETWORKS
        >>> network = NETWORKS.create("mobilenet_v1", width=0.25)
        >>> network.input_shape, network.output_kind, network.options.outputs
        ((3, 120, 120), 'parameters', 62)
    """

    input_shape: tuple[int, int, int]
    output_kind: OutputKind
    options: Any
    paper: str
