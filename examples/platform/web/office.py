"""Administrators' pages."""

from __future__ import annotations

from flask import Blueprint

pages = Blueprint("office", __name__, url_prefix="/<locale>/office")


@pages.get("/")
def dashboard() -> str:
    return ""
