"""Values as JSON can say them."""

import math


def finite(value):
    """Data for JSON, which has no words for YAML's .nan and .inf."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
