"""Many zones as one area: its border is that of all together, and each zone can still be found in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from weakref import WeakValueDictionary

from adapters.address.address_lists import is_list
from adapters.address.zones import KEPT_ZONES, ZoneCache, ZoneGeometry, digest_of
from adapters.base import Box


class ZoneUnion(ZoneGeometry):
    """Zones as one: borders between two of them do not matter. It has no name, and its digest is that of all of them.

    `shapes` is the WKB of each part. Thread-safe. Raises ValueError where they cannot be joined.
    """

    def __init__(self, parts: Sequence[ZoneGeometry], shapes: Sequence[bytes]) -> None:
        from adapters.address.joined_border import Boxes, join  # noqa: PLC0415 - as in `ZoneGeometry`

        digest = digest_of("".join(sorted(part.digest for part in parts)).encode())
        try:
            border = join(shapes)
        except ValueError:
            names = f"{parts[0].name!r} to {parts[-1].name!r}"
            raise ValueError(f"the zones {names} cannot be joined; import them again") from None
        super().__init__("", 0, b"", digest, border)
        self.parts = tuple(parts)
        self._boxes = Boxes([part.border.bounds for part in parts])

    def near(self, box: Box, metres: float) -> list[ZoneGeometry]:
        """The parts that may lie within `metres` of a box of degrees."""
        return [self.parts[each] for each in self._boxes.near(box, metres)]


class AreaCache(ZoneCache):
    """A cache of zones, and of unions as long as a plan has them."""

    def __init__(self, kept: int = KEPT_ZONES) -> None:
        super().__init__(kept)
        self._unions: WeakValueDictionary[tuple[tuple[str, int, str], ...], ZoneUnion] = WeakValueDictionary()

    def union(self, load: Mapping[tuple[str, int, str], Callable[[], bytes]]) -> ZoneUnion:
        """The zones as one; `load` gives their WKB by name, version and digest. Raises what they and `load` raise."""
        key = tuple(sorted(load))
        with self._lock:
            if (known := self._unions.get(key)) is not None:
                return known
        shapes = [load[each]() for each in key]
        if lists := [name for (name, _, _), content in zip(key, shapes, strict=True) if is_list(content)]:
            raise ValueError(f"the zone {lists[0]!r} is a list of addresses, which no other zone joins; name it alone")
        with self._lock:
            borders = [self._borders.get(digest) for _, _, digest in key]
        parts = [
            ZoneGeometry(name, version, wkb, digest, border)
            for (name, version, digest), wkb, border in zip(key, shapes, borders, strict=True)
        ]
        union = ZoneUnion(parts, shapes)
        with self._lock:
            self._borders.update((part.digest, part.border) for part in parts)
            self._unions[key] = union
        return union
