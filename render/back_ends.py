"""The back ends by name, and `auto`: chosen by device and by what is installed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor

from ..core.errors import MissingFileError
from ..core.registry import Registry
from .rasterizer import Fragments, Rasterizer, buffer_of

RASTERIZERS: Registry[Rasterizer] = Registry("rasterizer")


@RASTERIZERS.register("cpu")
def _cpu() -> Rasterizer:
    """Ours, on the CPU; tensors of other devices are copied to and fro."""
    from .cpu import CpuRasterizer
    from .transfer import HostRasterizer

    return HostRasterizer(CpuRasterizer(), "cpu")


@RASTERIZERS.register("pytorch3d")
def _pytorch3d(bin_size: int | None = None) -> Rasterizer:
    """PyTorch3D, on the CPU and on CUDA."""
    from .pytorch3d_back_end import PyTorch3dRasterizer

    return PyTorch3dRasterizer(bin_size)


@RASTERIZERS.register("nvdiffrast")
def _nvdiffrast() -> Rasterizer:
    """nvdiffrast, on CUDA; its licence allows non-commercial use only."""
    from .nvdiffrast_back_end import NvdiffrastRasterizer

    return NvdiffrastRasterizer()


@RASTERIZERS.register("triton")
def _triton() -> Rasterizer:
    """Ours, on CUDA, compiled by Triton."""
    if find_spec("triton") is None:
        remedy = "CUDA builds of torch bring it along; otherwise: pip install triton (Linux)."
        raise MissingFileError("any folder of sys.path", "The package triton", remedy)
    from .triton.back_end import TritonRasterizer

    return TritonRasterizer()


@RASTERIZERS.register("auto")
def _auto(device: str | None = None) -> Rasterizer:
    """The fastest of these for the tensors' device, of those installed."""
    return AutoRasterizer(device)


def get_rasterizer(name: str = "cpu", **options: object) -> Rasterizer:
    """The back end registered as `name`.

    >>> corners = torch.tensor([[[-1.0, -1, 0, 1], [3, -1, 0, 1], [-1, 3, 0, 1]]])
    >>> triangle = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    >>> fragments = get_rasterizer("cpu").rasterize(corners, triangle, (2, 2))
    >>> fragments.triangle
    tensor([[[0, 0],
             [0, 0]]])

    Args:
        name: "cpu" (any machine), "nvdiffrast" (CUDA, non-commercial licence), "pytorch3d" (CPU
            and CUDA), "triton" (CUDA, ours) or "auto", which chooses by the tensors' device and
            what is installed.
        options: the back end's own, such as `bin_size` of "pytorch3d" and `device` of "auto".

    Raises:
        UnknownNameError: there is none of this name.
        MissingFileError: its package is not installed.
        InputError: it needs CUDA and there is none.
    """
    return RASTERIZERS.create(name, **options)


@dataclass(frozen=True)
class Choice:
    """A back end and why it was chosen.

    Attributes:
        name: as registered.
        reason: in words, for the user.
    """

    name: str
    reason: str


def choose(device: torch.device) -> Choice:
    """What `auto` draws with on a device.

    CUDA: nvdiffrast if it is installed and loads, else pytorch3d if it is installed and built for
    CUDA, else cpu, which copies tensors to and fro. Every other device: cpu.

    >>> choose(torch.device("cpu")).name
    'cpu'
    """
    if device.type == "cpu":
        return Choice("cpu", "the tensors are on the CPU")
    if device.type != "cuda":
        return Choice("cpu", f"nothing draws on {device.type}; tensors are copied to the CPU")
    to_nvdiffrast = _obstacle_to_nvdiffrast()
    if not to_nvdiffrast:
        return Choice("nvdiffrast", "it is installed (licence: non-commercial use only)")
    to_pytorch3d = _obstacle_to_pytorch3d(device)
    if not to_pytorch3d:
        return Choice("pytorch3d", to_nvdiffrast)
    return Choice("cpu", f"{to_nvdiffrast}, {to_pytorch3d}; tensors are copied to the CPU")


def _obstacle_to_nvdiffrast() -> str:
    if find_spec("nvdiffrast") is None:
        return "nvdiffrast is not installed"
    from .nvdiffrast_back_end import import_nvdiffrast

    try:
        import_nvdiffrast()
    except MissingFileError as error:
        return f"nvdiffrast does not load ({error.__cause__})"
    return ""


def _obstacle_to_pytorch3d(device: torch.device) -> str:
    if find_spec("pytorch3d") is None:
        return "pytorch3d is not installed"
    from .pytorch3d_back_end import draws_on

    return draws_on(device)


class AutoRasterizer:
    """Draws every call with the back end `choose` names for the tensors' device.

    On CUDA it says once on stderr which one that is and why.

    Args:
        device: which back end `name` and `reason` speak of; None: CUDA if there is any, else
            the CPU.
    """

    def __init__(self, device: str | torch.device | None = None) -> None:
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = torch.device(device)
        self._chosen: dict[torch.device, tuple[Choice, Rasterizer]] = {}

    @property
    def name(self) -> str:
        """The back end's registered name."""
        return self._choice(self._device)[0].name

    @property
    def reason(self) -> str:
        """Why it was chosen."""
        return self._choice(self._device)[0].reason

    def back_end(self, device: torch.device) -> Rasterizer:
        """The back end that draws tensors of this device."""
        return self._choice(device)[1]

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Fragments:
        """See `Rasterizer.rasterize`."""
        return self.back_end(pos.device).rasterize(pos, tri, resolution)

    def interpolate(self, attr: Tensor, fragments: Fragments, tri: Tensor) -> Tensor:
        """See `Rasterizer.interpolate`."""
        return self.back_end(buffer_of(fragments).device).interpolate(attr, fragments, tri)

    def texture(self, tex: Tensor, uv: Tensor) -> Tensor:
        """See `Rasterizer.texture`."""
        return self.back_end(uv.device).texture(tex, uv)

    def antialias(self, color: Tensor, fragments: Fragments, pos: Tensor, tri: Tensor) -> Tensor:
        """See `Rasterizer.antialias`."""
        return self.back_end(buffer_of(fragments).device).antialias(color, fragments, pos, tri)

    def _choice(self, device: torch.device) -> tuple[Choice, Rasterizer]:
        if device not in self._chosen:
            choice = choose(device)
            if device.type != "cpu":
                text = f"selfie3d: rendering on {device} with {choice.name}: {choice.reason}"
                print(text, file=sys.stderr)
            self._chosen[device] = choice, RASTERIZERS.create(choice.name)
        return self._chosen[device]
