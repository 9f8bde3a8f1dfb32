"""Runs a protocol and writes what it found."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import replace

from ..core.errors import InputError
from ..core.whole_file import prepare_folder
from .registry import PROTOCOLS, Request
from .report.report import Report


def run_protocol(name: str, request: Request) -> Report:
    """Run a protocol; report.json and report.html are written into `request.out`.

    Protocols that predict landmarks write predictions.npz there, too.

    Args:
        name: registered in `PROTOCOLS`.
        request: what to run it on.

    Raises:
        UnknownNameError: no such protocol, or an unknown key of its options.
        MissingFileError, InputError: the data, predictions or weights cannot be used.
    """
    from .report.html import write_html

    protocol = PROTOCOLS.create(name, request.overrides)
    if request.predictions is not None and request.weights is not None:
        raise InputError("--predictions", "it or --weights", "both")
    prepare_folder(request.out)
    start = time.perf_counter()
    report = protocol(request)
    seconds = round(time.perf_counter() - start, 1)
    report = replace(report, run={**report.run, **_surroundings(), "seconds": seconds})
    report.save(request.out)
    write_html(report, request.out / "report.html")
    return report


def summary_lines(report: Report) -> list[str]:
    """The report as lines of text: variant, figures, failures."""
    lines, table = [report.variant], ""
    for figure in report.figures:
        if figure.table != table:
            table = figure.table
            lines.append(f"\n{table}")
        spread = "" if figure.std is None else f" +- {figure.std:.3f}"
        unit = f" {figure.unit}" if figure.unit else ""
        lines.append(f"  {figure.name:<28} {figure.value:.3f}{spread}{unit}  (n = {figure.count})")
    if report.failures:
        shown = [f"  {name}: {reason}" for name, reason in list(report.failures.items())[:10]]
        lines += [f"\n{len(report.failures)} failed:", *shown]
        if len(report.failures) > len(shown):
            lines.append(f"  and {len(report.failures) - len(shown)} more, all in report.json")
    return lines


def _surroundings() -> dict[str, object]:
    """Versions and machine."""
    import numpy as np
    import scipy
    import torch

    from .. import __version__

    return {
        "versions": {
            "selfie3d": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "torch threads": torch.get_num_threads(),
        },
    }
