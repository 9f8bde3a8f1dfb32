"""Protocol `complexity`: parameters, multiplications, size and time of networks.

MACs are half the FLOPs that torch.utils.flop_counter finds for one image. Papers use both words for
both things: Mobile-FaceRNet's table 4 gives "GFLOPs" that are MACs of others' tables, and R3FA's
"Params" of 10.9 M are megabytes; such values stand where they belong. Times are wall times on this
machine's CPU and compare with nothing that was measured elsewhere. Of named weights a face, its
self-alignment, and the way from a photograph to a textured face are timed, too (`pipeline_cost`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from ...core.config import load_config, resolved_dict
from ...core.errors import InputError
from ...core.item_failure import Failed, attempt
from ...core.progress import Advance, progress_bar
from ...models.checkpoint import read_state
from ...models.registry import NETWORKS
from ...models.weights import Weights, load_weights
from ...models.weights_found import find_weights
from ..registry import Protocol, Request
from ..report.report import Items, Metric, Published, Report
from .network_cost import (
    count_macs,
    count_parameters,
    count_stored_parameters,
    float_bytes,
    measure_time,
    threads,
    time_calls,
)
from .pipeline_cost import stages

TABLE = "networks"
WHOLE_SIZE = "size in float32"
"""What papers print; weights files hold their matrices in float16."""
R3FA_2 = "R3FA, table 2, where megabytes are called parameters"
FACERNET_4 = "Mobile-FaceRNet, table 4, where MACs are called FLOPs"
SADRNET_5 = "SADRNet, table V"
_V2 = "README of cleardusk/3DDFA_V2"
PUBLISHED = (
    Published(TABLE, "MobileNetV1 of 3DDFA_V2", _V2, {"parameters": 3.27e6, "MACs": 183.5e6}),
    Published(TABLE, "MobileNetV1 x 0.5 of 3DDFA_V2", _V2, {"parameters": 8.5e5, "MACs": 49.5e6}),
    *(
        Published(TABLE, method, R3FA_2, {"size": megabytes})
        for method, megabytes in (
            ("ResNeXt50", 90.585),
            ("MobileNetV2", 9.487),
            ("DenseNet121", 27.9),
            ("MobDenseNet", 10.9),
        )
    ),
    *(
        Published(TABLE, method, FACERNET_4, {"parameters": 1e6 * millions, "MACs": 1e9 * flops})
        for method, millions, flops in (
            ("ResNet50", 23.11, 1.319),
            ("MobileNetV2", 2.38, 0.109),
            ("DenseNet", 7.02, 0.800),
            ("Mobile-FaceRNet without attention", 2.40, 0.110),
            ("Mobile-FaceRNet", 2.56, 0.121),
        )
    ),
    *(
        Published(TABLE, method, SADRNET_5, {"size": megabytes})
        for method, megabytes in (
            ("VRN", 1500.0),
            ("PRNet", 153.0),
            ("Nonlinear 3DMM", 152.0),
            ("CMD", 93.0),
            ("SADRNet", 60.0),
        )
    ),
)


@dataclass(frozen=True)
class ComplexityOptions:
    """What is measured, and how.

    Attributes:
        networks: registered names; none: the weights that are named, else all networks.
        batches: images at once, each timed.
        threads: of torch; 0 leaves them as they are.
        seconds: of each timing, at least five runs.
        whole: of named weights, time a face, self-alignment, and a photograph, too.
        face_model: of the weights, if it is no registered one.
    """

    networks: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1, 32)
    threads: int = 1
    seconds: float = 2.0
    whole: bool = True
    face_model: str = "default"


@dataclass(frozen=True)
class _Subject:
    """A network, or a state without one, under a name; `size_of` says what the megabytes are of.

    `weights` are what it is part of, if that is a file of ours.
    """

    name: str
    network: nn.Module | None
    parameters: int
    megabytes: float
    size_of: str
    weights: Weights | None = None


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `ComplexityOptions`."""
    return partial(_run, load_config(ComplexityOptions, overrides=overrides))


def _run(options: ComplexityOptions, request: Request) -> Report:
    subjects = _subjects(options, request.weights)
    rows: dict[str, list[Metric]] = {}
    failures: dict[str, str] = {}
    steps = len(subjects) * (1 + len(options.batches))
    with threads(options.threads) as used, progress_bar("Measuring networks", steps) as advance:
        for subject in subjects:
            rows[subject.name] = _metrics(subject, options, used, advance)
            if options.whole and subject.weights is not None:
                times = _whole(subject.weights, options, str(request.weights), used)
                rows[subject.name] += times[0]
                failures |= times[1]
    words = ", ".join(f"batch {batch}" for batch in options.batches)
    return Report(
        "complexity",
        f"{len(subjects)} networks on the CPU, {used} thread(s); parameters, MACs = FLOPs / 2 by "
        f"torch.utils.flop_counter for one image, size, ms per image at {words}",
        [figure for figures in rows.values() for figure in figures],
        Items(list(rows), {}),
        failures,
        {"options": resolved_dict(options), "weights": request.weights, "threads": used},
        PUBLISHED,
    )


def _subjects(options: ComplexityOptions, weights: str | None) -> list[_Subject]:
    names = options.networks or (NETWORKS.names() if weights is None else ())
    subjects = [_built(name) for name in names]
    return subjects if weights is None else [_from_file(weights), *subjects]


def _built(name: str) -> _Subject:
    network = NETWORKS.create(name).eval()
    size = float_bytes(network) / 1e6
    return _Subject(name, network, count_parameters(network), size, "float32")


def _from_file(name_or_path: str) -> _Subject:
    """Shipped weights or a .safetensors of ours with their network; any other file as a state."""
    path = Path(name_or_path)
    if path.suffix in ("", ".safetensors"):
        path = find_weights(name_or_path)
        weights = load_weights(path)
        cost = count_parameters(weights.network), _megabytes(path)
        return _Subject(path.stem, weights.network, *cost, "file", weights)
    parameters = count_stored_parameters(read_state(path))
    return _Subject(path.stem, None, parameters, _megabytes(path), "file")


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def _metrics(
    subject: _Subject, options: ComplexityOptions, used: int, advance: Advance
) -> list[Metric]:
    network = subject.network
    shape = None if network is None else _input_shape(subject.name, network)
    words = "the file alone" if shape is None else "input " + " x ".join(map(str, shape))

    def figure(name: str, value: float, unit: str, **more: Any) -> Metric:  # noqa: ANN401
        return Metric(
            TABLE, name, value, unit, **{"count": 1} | more, split=f"{subject.name}, {words}"
        )

    figures = [figure("parameters", subject.parameters, "")]
    if network is not None and shape is not None:
        figures.append(figure("MACs", count_macs(network, shape), ""))
    figures.append(figure("size", subject.megabytes, "MB", mean=f"{subject.size_of}, 10^6 bytes"))
    if network is not None:
        figures.append(figure(WHOLE_SIZE, float_bytes(network) / 1e6, "MB", mean="10^6 bytes"))
    advance()
    if network is not None and shape is not None:
        for batch in options.batches:
            spent = measure_time(network, shape, batch, options.seconds)
            mean = f"median of {spent.runs} runs, {used} thread(s)"
            name = f"time per image, batch {batch}"
            figures.append(
                figure(name, spent.median_ms, "ms", std=spent.std_ms, count=spent.runs, mean=mean)
            )
            advance()
    return figures


def _whole(
    weights: Weights, options: ComplexityOptions, word: str, used: int
) -> tuple[list[Metric], dict[str, str]]:
    """Times of what stands round a network, and why there is none of what fails."""
    figures, failures, name = [], {}, Path(word).stem
    for stage, work in stages(weights, word, options.face_model):
        spent = attempt(stage, partial(time_calls, work, 1, options.seconds))
        if isinstance(spent, Failed):
            failures[f"{name}: {stage}"] = spent.message
            continue
        figures.append(
            Metric(
                TABLE, stage, spent.median_ms, "ms", spent.runs, spent.std_ms,
                f"{name}, the shipped portrait",
                mean=f"median of {spent.runs} runs, {used} thread(s)",
            )
        )  # fmt: skip
    return figures, failures


def _input_shape(name: str, network: nn.Module) -> tuple[int, ...]:
    shape = getattr(network, "input_shape", None)
    if not (isinstance(shape, tuple) and len(shape) == 3):
        expected = "a network with input_shape = (channels, height, width)"
        raise InputError(name, expected, repr(shape))
    return shape
