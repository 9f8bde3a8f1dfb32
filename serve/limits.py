"""What one upload may take of a server."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..core.errors import InputError


@dataclass(frozen=True)
class ServeLimits:
    """The most that a server takes and gives; everything above 0.

    Attributes:
        megabytes: of an upload.
        megapixels: of a photograph, as its header says, before a pixel is decoded.
        faces: of a photograph, the largest ones.
        seconds: of work on an upload; a process that takes longer is ended and replaced.
        upload_seconds: until an upload has arrived.
        workers: processes that work, one photograph each at a time; about 1 GB each.
        waiting: uploads that wait for one of them; further ones are told to come again.
        uploads: that arrive at a time; slow ones hold none of the above.
    """

    megabytes: float = 20.0
    megapixels: float = 40.0
    faces: int = 4
    seconds: float = 60.0
    upload_seconds: float = 30.0
    workers: int = 1
    waiting: int = 8
    uploads: int = 32

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise InputError(field.name, "a number above 0", str(value))

    @property
    def bytes(self) -> int:
        """The most bytes of an upload."""
        return int(self.megabytes * 1_000_000)
