"""The two stages on Ray Data: photographs are read in tasks, faces found in actors.

A row of the data set is a group. Its pixels travel from the first stage to the second through Ray's
object store; Ray Data starts no more readings than fit there. Only counts come back.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ..core.errors import Selfie3dError
from ..core.extra import import_extra
from .decode import places_of_group, read_rows, unpacked
from .metrics import RunMetrics
from .options import BatchOptions
from .plan import Group, Plan
from .work import FaceWork

_READING = 0.2
"""Of a processor core: what reading is counted at; finding faces is counted at the rest."""


@dataclass(frozen=True)
class Done:
    """What became of a group.

    Attributes:
        group: its name.
        photographs, faces: how many.
        failed: how many failures there are of each kind.
    """

    group: str
    photographs: int
    faces: int
    failed: Counter[str]


def work_on(
    ray: Any,  # noqa: ANN401  (a module)
    out: Path,
    plan: Plan,
    *,
    groups: Sequence[Group],
    options: BatchOptions,
    workers: int,
) -> Iterator[Done]:
    """Groups as they are finished, in any order.

    Args:
        ray: connected.
        out: folder of the results, which all machines see.
        plan: of the run.
        groups: to be done.
        options: of the run.
        workers: actors, a processor core each.

    Raises:
        Selfie3dError: what ends the whole run, such as a full disk.
    """
    data = import_extra("ray.data", "scale")
    _settle(data.DataContext.get_current())
    inputs = ray.put(plan.inputs)
    rows = [{"name": g.name, "first": g.first, "count": g.count} for g in groups]
    found = (
        data.from_items(rows, override_num_blocks=len(rows))
        .map_batches(
            read_rows,
            batch_size=1,
            fn_kwargs={"inputs": [inputs], "out": str(out)},
            num_cpus=_READING,
            batch_format="pyarrow",
        )
        .map_batches(
            FaceActor,
            batch_size=1,
            fn_constructor_args=(str(out), options, [inputs]),
            num_cpus=1 - _READING,
            compute=data.ActorPoolStrategy(size=min(workers, len(rows))),
            batch_format="pyarrow",
        )
    )
    for row in found.iter_rows():
        content = json.loads(row["done"])
        if "error" in content:
            raise Selfie3dError(content["error"])
        failed = Counter(content["kinds"])
        yield Done(row["name"], content["photographs"], content["faces"], failed)


def _settle(context: Any) -> None:  # noqa: ANN401
    """Quiet, and no block put together from several groups."""
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context.target_min_block_size = 1


class FaceActor:
    """The second stage, on a pyarrow table of one group.

    Args:
        out: folder of the results.
        options: of the run.
        inputs: as `decode.read_rows`.
    """

    def __init__(self, out: str, options: BatchOptions, inputs: Sequence[Any]) -> None:
        self._make = partial(FaceWork, Path(out), options)
        self._inputs, self._metrics = inputs, RunMetrics()

    @cached_property
    def _work(self) -> FaceWork:
        """Made with the first group: what goes wrong with it is told like all else."""
        return self._make()

    def __call__(self, batch: Any) -> Any:  # noqa: ANN401
        """The name of the group, and what became of it."""
        arrow = import_extra("pyarrow", "scale")
        (row,) = batch.drop_columns(["pixels"]).to_pylist()
        pixels = memoryview(batch.column("pixels")[0].as_buffer())
        places = places_of_group(self._inputs, row)
        try:  # an error does not come through Ray as it was
            done = self._work(row["name"], row["first"], places, unpacked(row, pixels))
            self._metrics.count(json.loads(done))
        except Selfie3dError as error:
            done = json.dumps({"error": str(error)})
        return arrow.table({"name": [row["name"]], "done": [done]})
