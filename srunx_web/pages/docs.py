"""The API's documentation, drawn by Swagger UI from the OpenAPI description."""

from flask import Blueprint, make_response, render_template

blp = Blueprint("docs", __name__)

# Swagger UI's stylesheet draws its arrows and copy buttons from data: images.
CSP = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"


@blp.get("/api/docs")
def show():
    """The page; it needs its own policy, which the guard on responses must leave in place."""
    return make_response(render_template("docs.html"), {"Content-Security-Policy": CSP})
