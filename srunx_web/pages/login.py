"""Logging in with the token, and out again."""

import re

from flask import Blueprint, current_app, redirect, render_template, request

from ..core.errors import Problem
from ..sessions import LIFETIME, Sessions

blp = Blueprint("login", __name__)

# "//host" and "/\host" are other servers to a browser, which also leaves out tabs and newlines
LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def local_path(text: str) -> str:
    """The path when it is one of this server's, else "/"."""
    return text if LOCAL_PATH.fullmatch(text) else "/"


@blp.get("/login")
def form():
    """The form; who is in already goes on to where they wanted to be."""
    target = local_path(request.args.get("next", ""))
    sessions = _sessions()
    if not sessions.needs_token or sessions.holds(request.cookies.get(sessions.cookie), request.remote_addr):
        return redirect(target)
    return render_template("login.html", target=target)


@blp.post("/login")
def log_in():
    """Open a session and go to where the user wanted to be."""
    sessions, target = _sessions(), local_path(request.form.get("next", ""))
    try:
        session = sessions.open(request.form.get("token", ""), request.remote_addr)
    except Problem as problem:
        return render_template("login.html", target=target, problem=problem), problem.status
    answer = redirect(target, 303)
    answer.set_cookie(
        sessions.cookie, session, max_age=LIFETIME, httponly=True, samesite="Strict", secure=request.is_secure
    )
    return answer


@blp.post("/logout")
def log_out():
    """Close the session."""
    sessions = _sessions()
    sessions.close(request.cookies.get(sessions.cookie))
    answer = redirect("/login", 303)
    answer.delete_cookie(sessions.cookie, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer


def _sessions() -> Sessions:
    return current_app.extensions["sessions"]
