"""Draws a scene as SVG 1.1 (https://www.w3.org/TR/SVG11/): an overview, a close-up, a legend and a caption.

Nothing is fetched: no tiles, no fonts, no scripts. Lines and patterns tell things apart, not only colours.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import shapely

from cli.pictures.scene import Area, CandidateMark, DistanceLine, Scene
from cli.pictures.window import Path, Window, rings_of, visible_area, visible_lines

SIDE, GAP, TOP = 440.0, 20.0, 104.0
"""Pixels: the side of a view, the gap around it, and where the views begin, below title and headline."""

WIDTH = 2 * SIDE + 3 * GAP
ROW = 19.0
CAPTION_LETTERS = 132
HEADLINE_LETTERS = 112
LONGEST_LABEL = 40

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot contain, escaped or not (https://www.w3.org/TR/xml/#charsets)."""

FONTS = "'DejaVu Sans', 'Liberation Sans', Arial, Helvetica, sans-serif"

_TEXT = f"text {{ font-family: {FONTS}; font-size: 12px; fill: #111 }}"

STYLE = """
.title { font-size: 17px; font-weight: bold }
.headline, .failed { font-weight: bold }
.headline { font-size: 13px }
.small { font-size: 10px }
.number { font-size: 8.5px; fill: #222 }
.halo { paint-order: stroke; stroke: #fff; stroke-width: 3.5px; stroke-linejoin: round }
.area { font-size: 11px; font-style: italic; fill: #333 }
.border { fill: none; stroke: #000; stroke-width: 2.6px; stroke-linejoin: round }
.neighbour { fill: none; stroke: #444; stroke-width: 1.3px; stroke-dasharray: 7 4 }
.edge { fill: none; stroke: #8a5a00; stroke-width: 1px; stroke-dasharray: 2 3 }
.circle { fill: none; stroke: #111; stroke-width: 1.1px; stroke-dasharray: 2 3 }
.circle.deciding { stroke-width: 1.8px; stroke-dasharray: 9 3 2 3 }
.span { stroke: #fff; stroke-width: 6px }
.span.on { stroke: #b00000; stroke-width: 2.6px }
.reach { font-size: 15px; font-weight: bold; fill: #b00000 }
.mark { fill: #fff; stroke: #555; stroke-width: 1.2px }
.mark.counts { stroke: #000; stroke-width: 2.2px }
.mark.deciding { fill: #000; stroke: #fff; stroke-width: 1.5px }
.label { font-size: 10px; font-weight: bold; text-anchor: middle }
.label.deciding { fill: #fff }
.frame { fill: none; stroke: #777; stroke-width: 1px }
.seen { fill: none; stroke: #000; stroke-width: 1.2px; stroke-dasharray: 4 2 }
"""

PATTERNS = (
    '<pattern id="inside" width="9" height="9" patternUnits="userSpaceOnUse">'
    '<rect width="9" height="9" fill="#eef3f8"/>'
    '<path d="M-1,1 L1,-1 M0,9 L9,0 M8,10 L10,8" stroke="#9fb6cc" stroke-width="1"/></pattern>'
    '<pattern id="margin" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#fbdf9c" fill-opacity="0.55"/>'
    '<circle cx="2" cy="2" r="0.9" fill="#a87400"/></pattern>'
)


def draw(scene: Scene) -> str:
    """The picture as the text of an SVG file. Its title and description say the same for people who cannot see it."""
    views = [_View("Overview", scene.overview, GAP)]
    if scene.close_up is not None:
        name = f"Close-up: {scene.close_up.side:.0f} m across"
        views.append(_View(name, scene.close_up, 2 * GAP + SIDE, close=True))
    legend = list(_legend(scene))
    headline, lines = next(iter(scene.caption), ""), list(_wrapped(scene.caption[1:]))
    # Below two views the legend has two columns; next to a single one there is room for it.
    columns, legend_top = (2, TOP + SIDE + 26) if scene.close_up else (1, TOP + 14)
    caption_top = TOP + SIDE + 26 + (ROW * math.ceil(len(legend) / 2) if scene.close_up else 0)
    height = caption_top + 16 * len(lines) + 4
    size = f'width="{WIDTH:.0f}" height="{height:.0f}" viewBox="0 0 {WIDTH:.0f} {height:.0f}"'
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<title id="title">{_clean(scene.title)}</title>',
        f'<desc id="description">{_clean(" ".join(filter(None, scene.caption)))}</desc>',
        f"<style>{escape(_TEXT + STYLE)}</style>",
        f"<defs>{PATTERNS}{''.join(view.clip() for view in views)}</defs>",
        f'<rect width="{WIDTH:.0f}" height="{height:.0f}" fill="#fff"/>',
        _text(scene.title, GAP, 28, "title", longest=100),
        *(
            _text(line, GAP, 51 + 17 * row, "headline")
            for row, line in enumerate(textwrap.wrap(headline, HEADLINE_LETTERS, max_lines=2, placeholder=" …"))
        ),
        *(part for view in views for part in _view(scene, view)),
        *_placed_legend(legend, legend_top, columns),
        *(_text(line, GAP, caption_top + 16 * row, kind) for row, (line, kind) in enumerate(lines) if line),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _wrapped(caption: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The lines of a caption as they fit on the sheet, each with its style: bold if a rule does not hold."""
    for line in caption:
        for part in textwrap.wrap(line, CAPTION_LETTERS) or [""]:
            yield part, "failed" if line.startswith("NO ") else ""


@dataclass(frozen=True, slots=True)
class _View:
    """A window of the scene, and its place on the sheet, in pixels."""

    name: str
    window: Window
    left: float
    close: bool = False

    @property
    def scale(self) -> float:
        """Pixels in a metre."""
        return SIDE / self.window.side

    def at(self, x: float, y: float) -> tuple[float, float]:
        half = self.window.side / 2
        return self.left + (x - self.window.x + half) * self.scale, TOP + (self.window.y + half - y) * self.scale

    def box(self, left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
        """A rectangle of the sheet, in pixels, as an area of the scene, in metres."""
        west = self.window.x - self.window.side / 2 - self.left / self.scale
        north = self.window.y + self.window.side / 2 + TOP / self.scale
        size = self.scale
        return shapely.box(west + left / size, north - bottom / size, west + right / size, north - top / size)

    def path(self, lines: Iterable[Path], *, closed: bool = False) -> str:
        parts = []
        for line in lines:
            points = " L".join("{:.1f},{:.1f}".format(*self.at(x, y)) for x, y in line.tolist())
            parts.append(f"M{points}{' Z' if closed else ''}")
        return " ".join(parts)

    @property
    def clipped(self) -> str:
        return "close-up" if self.close else "overview"

    def clip(self) -> str:
        return (
            f'<clipPath id="{self.clipped}"><rect x="{self.left}" y="{TOP}" width="{SIDE}" height="{SIDE}"/></clipPath>'
        )


def _view(scene: Scene, view: _View) -> Iterator[str]:
    yield _text(view.name, view.left, TOP - 8)
    yield f'<g clip-path="url(#{view.clipped})">'
    shape = scene.zone.shape
    if not view.close:
        shape = shapely.simplify(shape, 0.3 / view.scale)
    yield _filled(view, visible_area(shape, view.window), "inside")
    yield from _margin(scene, view, shape)
    for neighbour in scene.neighbours:
        yield _lined(view, visible_lines(neighbour.shape.boundary, view.window, 8 / view.scale), "neighbour")
    yield _lined(view, visible_lines(shape.boundary, view.window, 8 / view.scale), "border")
    for mark in sorted(scene.marks, key=lambda mark: (mark.deciding, mark.counts)):
        yield from _circle(view, mark)
    names, taken = [], _taken(scene, view)
    for area in (scene.zone, *scene.neighbours):
        if placed := _area_label(view, area, taken):
            names.append(placed[0])
            taken.append(placed[1])
    if view.close:
        yield from _houses(scene, view, taken)
    elif scene.close_up is not None:
        yield _seen(view, scene.close_up)
    yield from names
    yield from _span(scene, view)
    for mark in sorted(scene.marks, key=lambda mark: (mark.deciding, mark.counts)):
        yield from _mark(view, mark)
    yield "</g>"
    yield f'<rect class="frame" x="{view.left}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
    yield from _scale_bar(view)
    yield from _north(view)


def _margin(scene: Scene, view: _View, shape: shapely.Geometry) -> Iterator[str]:
    """The band on both sides of the border in which nothing is decided; omitted if it would be a line."""
    if scene.margin * view.scale < 1:
        return
    near = shapely.intersection(shapely.boundary(shape), view.window.frame(3 * scene.margin))
    band = shapely.buffer(near, scene.margin)
    yield _filled(view, visible_area(band, view.window), "margin")
    yield _lined(view, visible_lines(shapely.boundary(band), view.window), "edge")


def _houses(scene: Scene, view: _View, names: Sequence[shapely.Geometry]) -> Iterator[str]:
    """The local base: a dot in the zone, a ring outside. Numbers that would overlap others or `names` are omitted."""
    taken: list[tuple[float, float]] = [view.at(mark.x, mark.y) for mark in scene.marks]
    written = shapely.union_all(names)
    for house in scene.houses:
        x, y = view.at(house.x, house.y)
        fill = "#222" if house.inside else "#fff"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{fill}" stroke="#222" stroke-width="1"/>'
        apart = all(abs(x - other_x) > 20 or abs(y - other_y) > 10 for other_x, other_y in taken)
        if apart and not view.box(x + 4, y - 5, x + 4 + 5.5 * len(house.number), y + 4).intersects(written):
            taken.append((x, y))
            yield _text(house.number, x + 4, y + 3, "number halo", longest=8)


def _circle(view: _View, mark: CandidateMark) -> Iterator[str]:
    kind = "circle deciding" if mark.deciding else "circle"
    if mark.extent:
        yield _lined(view, visible_lines(shapely.box(*mark.extent).boundary, view.window, 9.0), kind)
    elif mark.radius and mark.radius * view.scale > 8:
        x, y = view.at(mark.x, mark.y)
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{mark.radius * view.scale:.1f}"/>'


def _mark(view: _View, mark: CandidateMark) -> Iterator[str]:
    x, y = view.at(mark.x, mark.y)
    kind = "deciding" if mark.deciding else "counts" if mark.counts else ""
    yield f'<circle class="{f"mark {kind}".strip()}" cx="{x:.1f}" cy="{y:.1f}" r="8"/>'
    yield _text(mark.label, x, y + 3.6, f"label {kind}".strip())


def _span(scene: Scene, view: _View) -> Iterator[str]:
    if scene.span is None or not view.close:
        return
    (start_x, start_y), (end_x, end_y) = view.at(*scene.span.start), view.at(*scene.span.end)
    ends = f'x1="{start_x:.1f}" y1="{start_y:.1f}" x2="{end_x:.1f}" y2="{end_y:.1f}"'
    yield f'<line class="span" {ends}/><line class="span on" {ends}/>'
    if label := _span_label(view, scene.span):
        yield _text(scene.span.text, *label, "reach halo")


def _span_label(view: _View, span: DistanceLine) -> tuple[float, float] | None:
    """Where the length of the span is written: next to it, so that neither hides the other."""
    seen = visible_lines(shapely.LineString([span.start, span.end]), view.window)
    if not seen:
        return None
    (first_x, first_y), (last_x, last_y) = view.at(*seen[0][0]), view.at(*seen[0][-1])
    x, y = (first_x + last_x) / 2, (first_y + last_y) / 2
    return (x + 12, y + 5) if abs(last_y - first_y) > abs(last_x - first_x) else (x - 14, y - 14)


def _seen(view: _View, window: Window) -> str:
    x, y = view.at(window.x, window.y)
    side = max(window.side * view.scale, 24)
    return f'<rect class="seen" x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}"/>'


def _taken(scene: Scene, view: _View) -> list[shapely.Geometry]:
    """Where no name of a zone may stand: the candidates, the distance and its length, the scale bar, the arrow."""
    taken: list[shapely.Geometry] = [
        shapely.buffer(shapely.Point(mark.x, mark.y), 14 / view.scale) for mark in scene.marks
    ]
    if view.close and scene.span:
        taken.append(shapely.buffer(shapely.LineString([scene.span.start, scene.span.end]), 4 / view.scale))
        if label := _span_label(view, scene.span):
            x, y = label
            taken.append(view.box(x - 2, y - 14, x + 9.5 * len(scene.span.text), y + 4))
    right, bottom = view.left + SIDE, TOP + SIDE
    taken.append(view.box(view.left, bottom - 34, view.left + SIDE / 4 + 24, bottom))
    taken.append(view.box(right - 38, TOP, right, TOP + 44))
    return taken


def _area_label(view: _View, area: Area, taken: Sequence[shapely.Geometry]) -> tuple[str, shapely.Polygon] | None:
    """The name of a zone where it fits into the visible part beside what is `taken`, and its place; else None."""
    name = area.name if len(area.name) <= LONGEST_LABEL else f"{area.name[: LONGEST_LABEL - 1]}…"
    if not name:
        return None
    seen = shapely.difference(visible_area(area.shape, view.window, -14 / view.scale), shapely.union_all(taken))
    half, high = 3.2 * len(name) / view.scale, 8 / view.scale
    squeezed = shapely.transform(seen, lambda points: points * (high / half, 1.0))  # so that the name is a square
    room = shapely.buffer(squeezed, -1.42 * high)  # half the diagonal of that square: its corners fit too
    if room.is_empty:
        return None
    x, y = shapely.get_coordinates(shapely.point_on_surface(room))[0]
    left, middle = view.at(x * half / high - half, y)
    return _text(name, left, middle + 4, "area halo"), view.box(left, middle - 8, left + 6.4 * len(name), middle + 8)


def _scale_bar(view: _View) -> Iterator[str]:
    metres = _round_length(view.window.side / 4)
    x, y, length = view.left + 10, TOP + SIDE - 10, metres * view.scale
    box = f'x="{x - 5:.1f}" y="{y - 20:.1f}" width="{length + 10:.1f}" height="25"'
    yield f'<rect {box} fill="#fff" fill-opacity="0.85"/>'
    yield f'<path d="M{x:.1f},{y - 5:.1f} v5 h{length:.1f} v-5" fill="none" stroke="#000" stroke-width="1.6"/>'
    label = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    yield _text(label, x + 3, y - 8, "small")


def _round_length(metres: float) -> float:
    """The longest of 1, 2 or 5 with zeros that is not longer."""
    power = 10.0 ** math.floor(math.log10(metres))
    return next(step * power for step in (5, 2, 1) if step * power <= metres)


def _north(view: _View) -> Iterator[str]:
    x, y = view.left + SIDE - 18, TOP + 12
    yield f'<circle cx="{x}" cy="{y + 12}" r="16" fill="#fff" fill-opacity="0.85"/>'
    yield f'<path d="M{x},{y - 1} l5,14 l-5,-4 l-5,4 z" fill="#000"/>'
    yield _text("N", x - 4, y + 25, "small")


def _legend(scene: Scene) -> Iterator[tuple[str, str]]:
    """Samples of what is drawn, each 34 pixels wide at (0, 0), and what they mean."""
    yield '<rect x="0" y="-7" width="34" height="13" fill="url(#inside)"/>', f"the zone {scene.zone.name}"
    yield '<path class="border" d="M0,0 h34"/>', "its border"
    if scene.margin:
        band = '<rect x="0" y="-7" width="34" height="13" fill="url(#margin)"/>'
        edges = '<path class="edge" d="M0,-7 h34 M0,6 h34"/>'
        yield band + edges, f"within the margin of {scene.margin:g} m: a position here decides nothing"
    if scene.neighbours:
        names = ", ".join(area.name for area in scene.neighbours)
        yield '<path class="neighbour" d="M0,0 h34"/>', f"other zones: {names}"
    deciding = next((mark for mark in scene.marks if mark.deciding), None)
    if deciding:
        yield '<circle class="mark deciding" cx="17" cy="0" r="7"/>', "the candidate that decides"
        words = "the box around its whole street" if deciding.extent else "as far as its position may be wrong"
        yield '<path class="circle deciding" d="M0,0 h34"/>', words
    if any(not mark.deciding for mark in scene.marks):
        marks = '<circle class="mark counts" cx="9" cy="0" r="7"/><circle class="mark" cx="27" cy="0" r="7"/>'
        yield marks, "other candidates: bold if they may also be meant"
        yield '<path class="circle" d="M0,0 h34"/>', "as far as their positions may be wrong"
    if scene.beyond:
        labels = ", ".join(scene.beyond)
        yield '<text class="label" x="17" y="4">→</text>', f"too far away to be shown: candidate {labels}"
    if scene.span:
        yield '<path class="span on" d="M0,0 h34"/>', f"the distance that decides: {scene.span.text}"
    if scene.close_up:
        yield '<rect class="seen" x="10" y="-7" width="14" height="14"/>', "the place of the close-up"
    if scene.houses:
        sample = '<circle cx="9" cy="0" r="2.4" fill="#222"/><circle cx="27" cy="0" r="2.4" fill="#fff" stroke="#222"/>'
        yield sample, "local addresses: a dot in the zone, a ring outside"


def _placed_legend(legend: Sequence[tuple[str, str]], top: float, columns: int) -> Iterator[str]:
    rows = math.ceil(len(legend) / columns)
    for index, (sample, words) in enumerate(legend):
        column = index // rows + (2 - columns)
        x, y = GAP + column * (SIDE + GAP), top + ROW * (index % rows)
        yield f'<g transform="translate({x:.0f} {y:.0f})">{sample}{_text(words, 44, 4, longest=64)}</g>'


def _filled(view: _View, area: shapely.Geometry, pattern: str) -> str:
    d = view.path(rings_of(area), closed=True)
    return f'<path d="{d}" fill="url(#{pattern})" fill-rule="evenodd"/>' if d else ""


def _lined(view: _View, lines: Sequence[Path], kind: str) -> str:
    return f'<path class="{kind}" d="{view.path(lines)}"/>' if lines else ""


def _text(words: str, x: float, y: float, kind: str = "", *, longest: int = 200) -> str:
    shown = words if len(words) <= longest else f"{words[: longest - 1]}…"
    attribute = f" class={quoteattr(kind)}" if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attribute}>{_clean(shown)}</text>'


def _clean(words: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", words))
