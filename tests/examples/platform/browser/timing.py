"""How long it takes from Confirm to the result on the page, as the browser itself sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.examples.platform.browser.walking import Walk

WATCH = """
addEventListener('click', () => sessionStorage.setItem('confirmed', Date.now()), true)
new MutationObserver(() => {
  if (!window.wordAt && document.querySelector('#said .word.accepted')) {
    window.wordAt = -1
    requestAnimationFrame(() => setTimeout(() => { window.wordAt = Date.now() }))  // it was painted
  }
}).observe(document, { subtree: true, childList: true })
"""
TOOK = "() => window.wordAt > 0 && window.wordAt - Number(sessionStorage.getItem('confirmed'))"


def confirmations(page: Any, base: str, count: int) -> Iterator[float]:
    """Seconds from the click on Confirm to the painted word, of so many people, each with an account of their own.

    The source answers at once. A word that comes after the page "on its way" counts as well.
    """
    page.add_init_script(WATCH)
    walk = Walk(page, base)
    for _ in range(count):
        walk.page.context.clear_cookies()
        walk.sign_up()
        walk.type_answer("trial", "word", {"answer": "accept"})
        walk.press()
        yield page.wait_for_function(TOOK).json_value() / 1000
