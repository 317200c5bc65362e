"""Forms and query strings as values."""

from marshmallow import Schema, ValidationError
from werkzeug.datastructures import MultiDict


def read(schema: type[Schema], given: MultiDict) -> dict:
    """The values of a form or query; a field that is not valid counts as missing, for a link must not break."""
    values = {name: value.strip() for name, value in given.items()}
    try:
        return schema().load(values)
    except ValidationError as fault:
        return schema().load({name: value for name, value in values.items() if name not in fault.messages})
