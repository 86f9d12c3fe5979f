"""Forms that are sent by POST."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("pages", ["console", "examples/platform/web"])
def test_each_says_where_it_is_sent(pages: str) -> None:
    """Else it goes to the page's own address with `#main` in it, if someone has skipped the header; and a browser that
    has such a place to go to does not put the focus on what is wrong.
    """
    texts = [file.read_text("utf-8") for file in (ROOT / pages / "templates").rglob("*.html")]
    forms = [form for text in texts for form in re.findall(r"<form\b[^>]*post[^>]*>", text)]
    assert forms
    assert [form for form in forms if "action=" not in form] == []
