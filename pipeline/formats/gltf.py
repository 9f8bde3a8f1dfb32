"""Binary glTF 2.0, put together piece by piece: accessors, sparse morph targets, images, nodes."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_FLOAT, _USHORT, _UINT = 5126, 5123, 5125  # component types
_VERTICES, _INDICES = 34962, 34963  # ARRAY_BUFFER and ELEMENT_ARRAY_BUFFER
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_LARGEST_USHORT = 65535  # is kept free: it restarts primitives
_HEADER, _JSON, _BIN = struct.Struct("<4sII"), b"JSON", b"BIN\0"
_CHUNK = struct.Struct("<I4s")


class GltfBuilder:
    """Collects what a file holds; `content` gives its bytes.

    Attributes:
        tree: the JSON; lists of `nodes`, `meshes`, `materials` and so on may be added to.
    """

    def __init__(self, generator: str) -> None:
        self.tree: dict[str, Any] = {"asset": {"version": "2.0", "generator": generator}}
        self._bytes = bytearray()

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        """Append an entry to one of the tree's lists; gives its index."""
        entries = self.tree.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def vertices(self, values: Floats, bounds: bool = False) -> int:
        """An accessor of vertex attributes (V,2) or (V,3); positions need their bounds."""
        entry = self._accessor(_FLOAT, values.shape)
        entry["bufferView"] = self._view(values.astype("<f4").tobytes(), _VERTICES)
        return self.add("accessors", entry | (_bounds(values) if bounds else {}))

    def triangles(self, faces: NDArray[np.int64]) -> int:
        """An accessor of the corners (F,3) of triangles."""
        kind, dtype = _index_type(int(faces.max(initial=0)))
        entry = self._accessor(kind, (faces.size, 1))
        entry["bufferView"] = self._view(faces.astype(dtype).tobytes(), _INDICES)
        return self.add("accessors", entry)

    def changes(
        self, count: int, index: NDArray[np.int64], values: Floats, bounds: bool = False
    ) -> int:
        """A sparse accessor of a morph target of `count` vertices: only those that change.

        Args:
            count: of the vertices.
            index: (n,) which of them change, ascending.
            values: (n,3) by how much.
            bounds: add the bounds, which positions need.
        """
        entry = self._accessor(_FLOAT, (count, 3))
        if bounds:
            whole = values if len(index) == count else np.vstack([values, np.zeros((1, 3), "f4")])
            entry |= _bounds(whole)
        if len(index):
            kind, dtype = _index_type(int(index[-1]))
            places = {"bufferView": self._view(index.astype(dtype).tobytes())}
            content = {"bufferView": self._view(values.astype("<f4").tobytes())}
            places["componentType"] = kind
            entry["sparse"] = {"count": len(index), "indices": places, "values": content}
        return self.add("accessors", entry)

    def keyframes(self, values: Floats, bounds: bool = False) -> int:
        """An accessor of an animation's numbers (T,1), (T,3) or (T,4); times need their bounds."""
        entry = self._accessor(_FLOAT, values.shape)
        entry["bufferView"] = self._view(values.astype("<f4").tobytes())
        return self.add("accessors", entry | (_bounds(values) if bounds else {}))

    def image(self, content: bytes, mime_type: str) -> int:
        """A picture's file."""
        return self.add("images", {"bufferView": self._view(content), "mimeType": mime_type})

    def content(self) -> bytes:
        """The file."""
        whole = self.tree | {"buffers": [{"byteLength": len(self._bytes)}]}
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
        chunks = [(_JSON, text + b" " * (-len(text) % 4)), (_BIN, bytes(self._padded()))]
        body = b"".join(_CHUNK.pack(len(data), kind) + data for kind, data in chunks)
        return _HEADER.pack(b"glTF", 2, _HEADER.size + len(body)) + body

    def _accessor(self, kind: int, shape: tuple[int, ...]) -> dict[str, Any]:
        return {"componentType": kind, "count": shape[0], "type": _TYPES[shape[1]]}

    def _view(self, content: bytes, target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": len(self._padded()), "byteLength": len(content)}
        self._bytes += content
        return self.add("bufferViews", view | ({} if target is None else {"target": target}))

    def _padded(self) -> bytearray:
        self._bytes += bytes(-len(self._bytes) % 4)
        return self._bytes


def _bounds(values: Floats) -> dict[str, list[float]]:
    return {"min": values.min(0).tolist(), "max": values.max(0).tolist()}


def _index_type(largest: int) -> tuple[int, str]:
    return (_USHORT, "<u2") if largest < _LARGEST_USHORT else (_UINT, "<u4")
