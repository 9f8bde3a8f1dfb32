"""Ray, started on this machine or found on a cluster, for as long as it is needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from .errors import InputError
from .extra import import_extra

LOCAL = "local"
"""The address of no cluster: Ray is started on this machine, for this run."""
_STARTS = 3  # Ray gives up after 30 seconds, which a busy machine needs
_STORE = 1 << 30  # bytes of shared memory on this machine; Ray's own default is 30 % of it
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody unless the user wants it
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # else all other work of this machine goes before
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # on this terminal; its log files have the rest
}


@contextmanager
def ray_session(address: str = LOCAL, workers: int = 0) -> Iterator[Any]:
    """The module `ray`, connected; a Ray that was there before is used and left running.

    Args:
        address: `LOCAL`, "auto" for the cluster that this machine belongs to, "HOST:6379", or
            "ray://HOST:10001".
        workers: processor cores that a local Ray counts on; 0: all.

    Raises:
        MissingFileError: the package ray is not installed.
        InputError: workers below 0, or no cluster at this address.
    """
    if workers < 0:
        raise InputError("workers", "0 or more", str(workers))
    ray = import_extra("ray", "scale")
    if ray.is_initialized():
        yield ray
        return
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    _start(ray, address, workers)
    try:
        yield ray
    finally:
        ray.shutdown()


def _start(ray: Any, address: str, workers: int) -> None:  # noqa: ANN401  (a module)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"num_cpus": workers or os.cpu_count(), "object_store_memory": _STORE}
        options["include_dashboard"] = find_spec("aiohttp_cors") is not None
    for left in reversed(range(_STARTS if address == LOCAL else 1)):
        try:
            ray.init(address=address, **options)
            return
        except Exception as error:  # Ray's own, of many kinds
            ray.shutdown()
            if not left:
                raise _no_ray(address, error) from error


def _no_ray(address: str, error: Exception) -> InputError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    if address == LOCAL:
        remedy = "Where the machine is very busy, try again; the same command continues."
        return InputError("ray address", "a Ray that starts", first, remedy)
    remedy = "See `ray status` on the machine that ran `ray start --head`."
    return InputError("ray address", "a cluster that answers", first, remedy)
