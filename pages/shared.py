"""Gives an application the shared templates, the style, and what its forms and pages need."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

_FILES = Blueprint("shared", __name__, static_folder="static", static_url_path="/shared", template_folder="templates")


def install(app: Flask) -> None:
    """Serve the stylesheet and scripts at `/shared/`, and let the templates use `_form.html` and `_map.html`."""
    app.register_blueprint(_FILES)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["csrf"] = _csrf


def _csrf() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())
