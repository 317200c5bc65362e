"""The REST API under /api: what the contract says, in the contract's error shape."""

import logging

from flask import Flask, Response, jsonify, render_template, request
from flask_smorest import Api as SmorestApi
from peewee import DatabaseError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..core.errors import Problem
from .schemas import ErrorSchema

_WHERE = {"json": "body", "query": "query", "path": "path", "form": "body"}
log = logging.getLogger("srunx_web")


class Api(SmorestApi):
    """flask-smorest, with errors as {"detail": ...} under /api and as a page elsewhere."""

    ERROR_SCHEMA = ErrorSchema

    def init_app(self, app: Flask, **kwargs) -> None:
        """Answer Problems and full disks in the same shape."""
        super().init_app(app, **kwargs)
        app.register_error_handler(Problem, problem)
        app.register_error_handler(DatabaseError, disk_problem)
        app.register_error_handler(RecursionError, unreadable)
        app.register_error_handler(ValueError, unreadable)
        app.register_error_handler(Exception, unexpected)

    def handle_http_exception(self, error: HTTPException):
        """A werkzeug error in our shape; faults of single fields by their place."""
        messages = (getattr(error, "data", None) or {}).get("messages")
        if messages:
            return answer(422, *_validation(messages))
        if isinstance(error, MethodNotAllowed):
            return answer(405, "Method Not Allowed", headers={"Allow": ", ".join(error.valid_methods or ())})
        status = 422 if getattr(error, "data", None) else error.code or 500
        return answer(status, error.description or error.name)


def _validation(messages: dict) -> tuple[str, list[dict]]:
    """(sentence, faults) of webargs' messages {"json": {"name": ["..."]}}."""
    faults = [fault for place, found in messages.items() for fault in _faults([_WHERE.get(place, place)], found)]
    return "; ".join(f"{_name(fault['loc'])}: {fault['msg']}" for fault in faults), faults


def _name(loc: list) -> str:
    """Where a fault is, as a person would say it."""
    return ".".join(str(part) for part in loc[1:] if part != "_schema") or loc[0]


def _faults(loc: list, found) -> list[dict]:
    if isinstance(found, dict):
        return [fault for key, inner in found.items() for fault in _faults([*loc, key], inner)]
    return [{"loc": loc, "msg": str(message), "type": "value_error"} for message in found]


def problem(fault: Problem):
    """The answer for a Problem."""
    return answer(fault.status, fault.detail, fault.errors)


def disk_problem(fault: DatabaseError):
    """The database can't be written: say so, for nothing was done."""
    log.error("database: %s", fault)
    return answer(
        500, f"The state can't be written ({fault}). Nothing was changed; look at the disk of the state folder."
    )


def unreadable(fault: Exception):
    """JSON that Python's parser gives up on: nested too deep, or numbers of thousands of digits."""
    if isinstance(fault, RecursionError) or "integer string conversion" in str(fault):
        return answer(422, "The body can't be read: it is nested too deep, or a number is too long")
    return unexpected(fault)


def unexpected(fault: Exception):
    """A fault of ours: logged with its traceback, told without."""
    log.exception("%s %s", request.method, request.path, exc_info=fault)
    return answer(500, "Something went wrong on our side; the server's log has the details.")


def answer(status: int, detail: str, errors: list[dict] | None = None, headers: dict | None = None) -> tuple:
    """JSON for programs; a page, or a fragment for htmx, for people."""
    if request.path.startswith("/api/"):
        body = {"detail": detail, **({"errors": errors} if errors else {})}
        return jsonify(body), status, headers or {}
    return Response(render_template("error.html", status=status, detail=detail), status, headers or {})
