"""Reviewers' pages."""

from __future__ import annotations

from flask import Blueprint

pages = Blueprint("reviewing", __name__, url_prefix="/<locale>/reviews")


@pages.get("/")
def queue() -> str:
    return ""
