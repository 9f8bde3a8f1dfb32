"""Other people's public weights in our networks; nothing but tensors is read from the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from ...core.errors import InputError, MissingFileError, UnknownNameError
from ..checkpoint import load_state
from ..network import Network
from ..registry import NETWORKS
from ..torch_file import load_torch
from .maps import (
    Mapped,
    State,
    map_damdnet,
    map_deep3d,
    map_mobdensenet,
    map_mobilenet_v1,
    map_sadrnet,
)

PUBLIC: dict[str, Callable[[Mapping[str, Tensor]], Mapped]] = {
    "3ddfa_v2": map_mobilenet_v1,
    "deep3d": map_deep3d,
    "damdnet": map_damdnet,
    "mobdensenet": map_mobdensenet,
    "sadrnet": map_sadrnet,
}
"""Maps of public weights by the name of who published them."""

_NESTED = ("state_dict", "net_recon")  # under which checkpoints keep the network's tensors


def load_public(source: str, path: str | Path) -> Network:
    """Public weights in our network, ready to use.

    Args:
        source: a key of `PUBLIC`.
        path: the file as it was published.

    Raises:
        UnknownNameError: no such source.
        MissingFileError: no such file.
        InputError: a damaged file, or other tensors than the source has.
    """
    if source not in PUBLIC:
        raise UnknownNameError("public weights", source, list(PUBLIC))
    mapped = PUBLIC[source](read_public(path))
    network = NETWORKS.create(mapped.network, **mapped.options)
    return load_state(network, mapped.state, path)


def read_public(path: str | Path) -> State:
    """Tensors by name out of a file with a network's, alone or among an optimiser's.

    Raises:
        MissingFileError: no such file.
        InputError: it is damaged, holds other Python objects, or no tensors by name.
    """
    file = Path(path)
    if not file.exists():
        raise MissingFileError(str(file), "The file of public weights", "Check the path.")
    content = load_torch(file, "a PyTorch file of tensors")
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    named = isinstance(content, Mapping) and all(isinstance(v, Tensor) for v in content.values())
    if not named or not content:
        raise InputError(str(file), "tensors by name", type(content).__name__)
    return {str(key): value for key, value in content.items()}
