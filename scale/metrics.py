"""What Ray's dashboard and Prometheus show of a run, beside Ray's own figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.extra import import_extra


class RunMetrics:
    """Counters of one worker; Ray adds up those of all."""

    def __init__(self) -> None:
        metrics = import_extra("ray.util.metrics", "scale")
        self._photographs = metrics.Counter(
            "selfie3d_photographs", description="Photographs that are done."
        )
        self._faces = metrics.Counter("selfie3d_faces", description="Faces that were found.")
        self._failures = metrics.Counter(
            "selfie3d_failures", description="Failures by kind.", tag_keys=("kind",)
        )

    def count(self, done: Mapping[str, Any]) -> None:
        """Count what became of a group.

        Args:
            done: "photographs", "faces", and "kinds", how many failures there are of each kind.
        """
        _add(self._photographs, done["photographs"])
        _add(self._faces, done["faces"])
        for kind, count in done["kinds"].items():
            self._failures.inc(count, tags={"kind": kind})


def _add(counter: Any, count: int) -> None:  # noqa: ANN401
    if count:  # a counter refuses to be raised by nothing
        counter.inc(count)
