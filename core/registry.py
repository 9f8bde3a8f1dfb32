"""One small registry for every kind of replaceable part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import DuplicateNameError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to factories of one kind of part.

    Heavy optional packages are imported inside the factories, never when they are registered.

    >>> SHAPES: Registry[str] = Registry("shape")
    >>> @SHAPES.register("line")
    ... def line(length: int) -> str:
    ...     return "-" * length
    >>> SHAPES.create("line", 3), SHAPES.names()
    ('---', ['line'])

    Args:
        kind: the singular noun used in messages, such as "rasterizer".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Decorate a factory (a class or a function) to be known as `name`.

        Raises:
            DuplicateNameError: `name` is taken.
        """

        def add(factory: Callable[..., T]) -> Callable[..., T]:
            if name in self._factories:
                raise DuplicateNameError(f"{self.kind} {name!r} is registered twice")
            self._factories[name] = factory
            return factory

        return add

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        return sorted(self._factories)

    def get(self, name: str) -> Callable[..., T]:
        """The factory registered as `name`.

        Raises:
            UnknownNameError: there is none; the message lists the known and the nearest.
        """
        if name not in self._factories:
            raise UnknownNameError(self.kind, name, self.names())
        return self._factories[name]

    def create(self, name: str, *args: object, **options: object) -> T:
        """Call the factory registered as `name` with the other arguments.

        Raises:
            UnknownNameError: there is none.
        """
        return self.get(name)(*args, **options)

    def __contains__(self, name: object) -> bool:
        return name in self._factories
