"""Forms and query strings as values, and lists that are asked for again and again."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.datastructures import MultiDict


class ListQuery(Schema):
    """What the URL of a list may say; what makes no sense is as if it were not there."""

    class Meta:
        unknown = EXCLUDE

    q = fields.String(load_default="", validate=validate.Length(max=200))
    workflow = fields.String(load_default="", validate=validate.Length(max=300))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 10**6))


def rows_again(template: str, listing: dict) -> ResponseReturnValue:
    """The rows of a list alone; 204 when they are what the reader has (`v`)."""
    if listing["version"] == request.args.get("v"):
        return "", 204
    # asked by a person, not by the clock: the address bar shows what is seen
    headers = {} if "v" in request.args else {"HX-Replace-Url": listing["url"]()}
    return render_template(template, **listing), headers


def read(schema: type[Schema], given: MultiDict) -> dict:
    """The values of a form or query; a field that is not valid counts as missing, for a link must not break."""
    values = {name: value.strip() for name, value in given.items()}
    try:
        return schema().load(values)
    except ValidationError as fault:
        return schema().load({name: value for name, value in values.items() if name not in fault.messages})
