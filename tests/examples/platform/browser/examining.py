"""What is asked of every page in every state: axe-core, names, the order of the Tab key, narrow screens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

LANGUAGES = ["en", pytest.param("fr", marks=pytest.mark.slow)]
"""For walks through every page. `make test-browser-all` walks them in French: the pages are the same, the words longer.
"""

WIDTHS = (360, 1280)
LOOKS = ((360, "light"), (1280, "dark"), (360, "dark"), (1280, "light"))
"""A phone and a desk, by day and by night: the first two have every width and every scheme, and so the last two."""
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}, "preload": False}
"""All rules that axe has on by itself, best practices among them, and the size of targets. It need not fetch the
stylesheet for them: the only rule for which it does is about sound that plays by itself."""
BY_LOOK = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")
"""The rules that look at colours and places. All others look at the document, and no width hides a part of it."""
VIOLATIONS = "options => axe.run(document, options).then(found => found.violations)"

NAMED = frozenset({
    "button", "checkbox", "combobox", "dialog", "group", "heading", "image", "img", "link", "listbox", "option",
    "navigation", "progressbar", "radio", "radiogroup", "region", "searchbox", "slider", "spinbutton", "switch",
    "textbox",
})  # fmt: skip
"""Roles that need a name, or a screen reader tells nothing of them."""

STOPS = "a[href], area[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]"
MOST_STOPS = 200

EXPECTED = """stops => {
  const seen = new Set()
  return [...document.querySelectorAll(stops)].filter(each => {
    if (each.tabIndex < 0 || each.disabled || !each.checkVisibility({ visibilityProperty: true })) return false
    if (each.type !== 'radio') return true
    const group = [...document.getElementsByName(each.name)]
    if (seen.has(each.name)) return false // a group of radio buttons is one stop: the chosen one, or the first
    return (group.find(other => other.checked) ?? group[0]) === each && seen.add(each.name)
  }).map(each => each.outerHTML.slice(0, 120))
}"""
BEGIN = """() => {
  const focused = () => {
    const each = document.activeElement
    if (!each || each === document.body || each === document.documentElement) return null
    const box = each.getBoundingClientRect(), style = getComputedStyle(each)
    const shows = part => { // a tall field is scrolled to its first line
      const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height * part)
      return there !== null && (each.contains(there) || there.contains(each))
    }
    return {
      is: each.outerHTML.slice(0, 120), left: box.left, top: box.top + scrollY, bottom: box.bottom + scrollY,
      seen: [0.1, 0.5, 0.9].some(shows),
      ring: style.outlineStyle !== 'none' ? parseFloat(style.outlineWidth) : 0,
      skips: each.classList.contains('skip'),
    }
  }
  const stops = [], look = () => stops.push(focused())
  document.addEventListener('keyup', look, true) // by then the page has scrolled to what has the focus
  globalThis.tabStops = () => { look(); return stops }
  globalThis.endTabStops = () => document.removeEventListener('keyup', look, true)
  document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex'); scrollTo(0, 0)
}"""
TOO_WIDE = """() => {
  const page = document.documentElement
  if (page.scrollWidth <= page.clientWidth) return []
  return [...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > page.clientWidth)
    .map(each => each.outerHTML.slice(0, 120)).slice(0, 5).concat(page.scrollWidth + ' of ' + page.clientWidth)
}"""


def examine(page: Any) -> None:
    """All of it, on a page shown now. In French, what longer words may change, in two of the looks."""
    english = page.get_attribute("html", "lang") == "en"
    assert violations(page, LOOKS if english else LOOKS[:2]) == []
    assert nameless(page) == []
    assert not english or misplaced(page) == []
    assert too_wide(page) == []


def violations(page: Any, looks: Sequence[tuple[int, str]] = LOOKS) -> list[str]:
    """What axe-core says against the page in these looks: in the first by all of its rules, then by those of looks."""
    found = []
    page.evaluate(Axe().axe_script)
    options: dict[str, Any] = OPTIONS
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        for each in page.evaluate(VIOLATIONS, options):
            nodes = [node["html"][:200] for node in each["nodes"]]
            found.append(f"{width} {scheme} {each['id']}: {each['help']}: {json.dumps(nodes, ensure_ascii=False)}")
        options = OPTIONS | {"runOnly": BY_LOOK}
    page.emulate_media(color_scheme="light")
    return found


def nameless(page: Any) -> list[str]:
    """Controls without a name in the browser's accessibility tree, and what else a screen reader's user misses."""
    session = page.context.new_cdp_session(page)
    nodes = [node for node in session.send("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    session.detach()
    named = [(_value(node, "role"), _value(node, "name").strip(), node) for node in nodes]
    found = [f"a {role} has no name" for role, name, _ in named if role in NAMED and not name]
    roles = [role for role, _, _ in named]
    found += [f"{roles.count(role)} of {role}" for role in ("main", "banner", "contentinfo") if roles.count(role) != 1]
    top = [name for role, name, node in named if role == "heading" and {"name": "level", "value": 1} in _levels(node)]
    found += [f"headings of the first level: {top}"] if len(top) != 1 else []
    title = page.title()
    found += [f"the title {title!r} does not begin with what the page is"] if title.startswith(("–", " ")) else []
    links: dict[str, set[str]] = {}
    for text, target in page.eval_on_selector_all("main a", "links => links.map(a => [a.textContent.trim(), a.href])"):
        links.setdefault(text, set()).add(target)
    return found + [f"{text!r} leads to {targets}" for text, targets in links.items() if len(targets) > 1]


def misplaced(page: Any) -> list[str]:
    """Where the Tab key goes otherwise than one reads, or where it is not visible."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        expected = page.evaluate(EXPECTED, STOPS)
        stops = tab_stops(page, len(expected))
        if [stop["is"] for stop in stops] != expected:
            found.append(f"{width}: Tab goes to {[stop['is'] for stop in stops]} and not to {expected}")
        found += [f"{width}: no one sees the focus on {stop['is']}" for stop in stops if stop["ring"] < 2]
        found += [f"{width}: the focus is out of sight on {stop['is']}" for stop in stops if not stop["seen"]]
        read = [stop for stop in stops if not stop["skips"]]
        for one, other in pairwise(read):
            above = other["bottom"] <= one["top"]
            left_of = abs(other["top"] - one["top"]) < 4 and other["left"] < one["left"]
            if above or left_of:
                found.append(f"{width}: {other['is']} is before {one['is']}, and Tab reaches it after")
    return found


def tab_stops(page: Any, expected: int) -> list[dict[str, Any]]:
    """Where Tab goes, from the top of the page until it comes back to it, probably after so many stops."""
    page.evaluate(BEGIN)
    for pressed in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if pressed >= expected and (stops := _once_around(page.evaluate("tabStops()"))) is not None:
            page.evaluate("endTabStops()")
            return stops
    raise AssertionError(f"Tab does not come back: {page.evaluate('tabStops()')[-1]}")


def _once_around(seen: Sequence[dict[str, Any] | None]) -> list[dict[str, Any]] | None:
    """Where Tab went before it left the page or was at its first stop again; None if it never was."""
    stops: list[dict[str, Any]] = []
    for stop in seen:
        if stop is None or (len(stops) > 1 and stop["is"] == stops[0]["is"]):
            return stops
        if not stops or stop["is"] != stops[-1]["is"]:  # a date is several stops in one field
            stops.append(stop)
    return None


def too_wide(page: Any) -> list[str]:
    """What sticks out at 320 pixels, at 200 % zoom of a desk's window, and with text twice as large."""
    found = []
    for width, size in ((320, ""), (640, ""), (640, "200%")):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
        found += [f"{width} {size}: {each}" for each in page.evaluate(TOO_WIDE)]
    page.evaluate("document.documentElement.style.fontSize = ''")
    return found


def _value(node: dict[str, Any], name: str) -> str:
    return str(node.get(name, {}).get("value", ""))


def _levels(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": each["name"], "value": each["value"].get("value")} for each in node.get("properties", ())]
