"""The network of our own detector: where faces are, how large, and their five points.

Fully convolutional and free of anchors (Tian et al., "FCOS", ICCV 2019): every cell of a grid with
a step of 8 pixels says how sure it is to lie in the middle of a face, the face's box, and the five
points of `POINT_NAMES`. It knows faces of `SMALLEST` to `LARGEST` pixels alone, so that all it
learns is of one size; whoever uses it shows pictures in several sizes.

Its weights are a safetensors file, matrices in half precision, with options and facts in the
header (`pack_finder`, `load_finder`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.errors import InputError, MissingFileError
from ..core.seal import CHECKSUM, UNSEALED, check_seal, sealed, without_folders
from ..core.sketch import sketching

STRIDE = 8
"""Step of the grid, pixels."""
SMALLEST, LARGEST = 14.0, 40.0
"""Sizes of faces that are found for certain, longer sides of the box, pixels."""

_OUTPUTS = 1 + 4 + 10
_RARE = -4.0  # logit of a face at the start
_LIMIT = 3.0  # logarithm of a box's side over the step
FORMAT = "selfie3d-detector-1"
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "detector.safetensors"
_COUNTER = "num_batches_tracked"
_DAMAGED = (OSError, ValueError, TypeError, KeyError, RuntimeError, MemoryError, OverflowError)


@dataclass(frozen=True)
class FinderOptions:
    """How a `FaceFinder` is built.

    Attributes:
        stem: channels at half the picture's size.
        widths: channels at steps of 4, 8 and 16 pixels.
        blocks: residual convolutions at steps of 8 and 16.
        neck: channels of the head.
    """

    stem: int = 16
    widths: tuple[int, int, int] = (32, 48, 64)
    blocks: tuple[int, int] = (2, 3)
    neck: int = 48

    def __post_init__(self) -> None:
        numbers = (self.stem, self.neck, *self.widths, *self.blocks)
        counts = len(self.widths) == 3 and len(self.blocks) == 2
        if not counts or min(numbers) < 1 or max(numbers) > 4096:
            raise InputError("network", "three widths, two blocks, 1 to 4096 each", str(self))


class FinderOutput(NamedTuple):
    """What every one of N cells says, row by row of the grid.

    Attributes:
        score: (B,N) logits of lying in the middle of a face.
        box: (B,N,4) x0, y0, x1, y1 of that face in pixels of the input.
        points: (B,N,5,2) its five points in pixels of the input, in the order of `POINT_NAMES`.
    """

    score: Tensor
    box: Tensor
    points: Tensor


class FaceFinder(nn.Module):
    """Our own face detector: pictures to scores, boxes and five points in every cell.

    Args:
        options: see `FinderOptions`; None for the defaults.

    Example:
        >>> network = FaceFinder(FinderOptions(stem=4, widths=(4, 4, 4), neck=4)).eval()
        >>> found = network(torch.zeros(1, 3, 32, 48))
        >>> tuple(found.score.shape), tuple(found.points.shape)
        ((1, 24), (1, 24, 5, 2))
    """

    def __init__(self, options: FinderOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or FinderOptions()
        w, count = options.widths, options.blocks
        self.stem = nn.Sequential(_conv(3, options.stem, 2), _conv(options.stem, w[0], 2))
        self.fine = _stage(w[0], w[1], count[0])
        self.coarse = _stage(w[1], w[2], count[1])
        self.from_fine = nn.Conv2d(w[1], options.neck, 1)
        self.from_coarse = nn.Conv2d(w[2], options.neck, 1)
        last = nn.Conv2d(options.neck, _OUTPUTS, 1)
        self.head = nn.Sequential(_conv(options.neck, options.neck), last)
        nn.init.normal_(last.weight, std=0.01)
        last.bias = nn.Parameter(torch.tensor([_RARE] + [0.0] * (_OUTPUTS - 1)))

    def forward(self, pictures: Tensor) -> FinderOutput:
        """Pictures (B,3,H,W), RGB in [0,1] with sides that are multiples of 16."""
        fine = self.fine(self.stem((pictures - 0.5) * 4))
        coarse = self.from_coarse(self.coarse(fine))
        both = self.from_fine(fine) + functional.interpolate(coarse, scale_factor=2.0)
        return _decoded(self.head(both).float())


def _stage(inside: int, outside: int, blocks: int) -> nn.Sequential:
    """Half the size, then residual convolutions."""
    return nn.Sequential(_conv(inside, outside, 2), *(_Residual(outside) for _ in range(blocks)))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


def _conv(inside: int, outside: int, step: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, step, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


def cell_centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Middles of the cells of the network's grid.

    Args:
        height: of the input in pixels, a multiple of `STRIDE`.
        width: of the input in pixels, a multiple of `STRIDE`.
        device: where the result lies; None: on the CPU.

    Returns:
        (N,2) x and y in pixels of the input, row by row.

    Example:
        >>> cell_centres(8, 16).tolist()
        [[4.0, 4.0], [12.0, 4.0]]
    """
    y, x = torch.meshgrid(
        torch.arange(height // STRIDE, device=device),
        torch.arange(width // STRIDE, device=device),
        indexing="ij",
    )
    return (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE


def _decoded(raw: Tensor) -> FinderOutput:
    """Logits, boxes and points of raw values (B,15,h,w)."""
    height, width = raw.shape[-2:]
    flat = raw.flatten(2).transpose(1, 2)
    cells = cell_centres(height * STRIDE, width * STRIDE, raw.device)
    middle = cells + STRIDE * flat[..., 1:3]
    half = STRIDE / 2 * flat[..., 3:5].clamp(max=_LIMIT).exp()
    points = cells[:, None] + STRIDE * flat[..., 5:].unflatten(2, (5, 2))
    return FinderOutput(flat[..., 0], torch.cat([middle - half, middle + half], -1), points)


def pack_finder(network: nn.Module, options: FinderOptions, facts: Mapping[str, Any]) -> bytes:
    """A detector's weights file: matrices in half precision, options and facts in the header.

    Args:
        network: a `FaceFinder`, perhaps wrapped.
        options: what it was built with.
        facts: plain values that JSON can hold; of paths in them only the last names are written.

    Returns:
        The content of a .safetensors file, which `load_finder` reads.
    """
    from safetensors.torch import save

    state = {
        name: value.half() if value.ndim > 1 else value.float()
        for name, value in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    header = {
        "format": FORMAT,
        "options": json.dumps(asdict(options)),
        "facts": json.dumps(without_folders(facts)),
        CHECKSUM: UNSEALED,
    }
    return sealed(save({k: v.contiguous().cpu() for k, v in state.items()}, header))


def load_finder(path: Path = SHIPPED) -> tuple[FaceFinder, dict[str, Any]]:
    """The network of a detector's weights file.

    Args:
        path: of the file; the shipped one by default.

    Returns:
        The network in evaluation mode, float32, and the facts of the file's header.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is damaged, or written by something else.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise MissingFileError(str(path), "The detector's weights", "Train them, or use 'mtcnn'.")
    check_seal(path, "weights of a detector")
    try:
        with safe_open(str(path), "pt") as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT:
            raise InputError(str(path), f"weights of a detector ({FORMAT})",
                             str(header.get("format")))  # fmt: skip
        told = json.loads(header["options"])
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
        with sketching():  # options of a stranger take no memory
            sketch = FaceFinder(FinderOptions(**sizes)).state_dict()
        _check_shapes(path, {k: v for k, v in sketch.items() if not k.endswith(_COUNTER)}, state)
        network = FaceFinder(FinderOptions(**sizes))
        network.load_state_dict(state, strict=False)
        missing = {name for name, _ in network.named_parameters()} - set(state)
        facts = json.loads(header.get("facts", "{}"))
    except InputError:
        raise
    except Exception as error:
        if not isinstance(error, _DAMAGED) and type(error).__name__ != "SafetensorError":
            raise
        raise InputError(str(path), "weights of a detector", f"a damaged file ({error})") from error
    finite = all(bool(torch.isfinite(value).all()) for value in state.values())
    if missing or not finite:
        raise InputError(str(path), "weights of a detector", "tensors that are missing or odd")
    return network.eval(), facts


def _check_shapes(
    path: Path, wanted: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> None:
    """Compare the tensors of a file with those of the network that its options describe."""
    other = [k for k in {*wanted, *state} if k not in wanted or k not in state]
    other += [k for k in set(wanted) & set(state) if wanted[k].shape != state[k].shape]
    if other:
        names = ", ".join(sorted(other)[:3])
        raise InputError(str(path), "the tensors that its options describe", f"others ({names})")
