"""Where the jobs of a graph are drawn; worked out once for each shape of graph."""

from functools import lru_cache

from ..core.layout import Layout, layout

MOST_EDGES = 5000  # of a drawing: more are a black square, and take seconds and tens of megabytes


@lru_cache(128)
def placed(names: tuple[str, ...], edges: tuple[tuple[str, str, str], ...]) -> Layout:
    """The layout of these jobs and their (parent, child, kind) dependencies."""
    return layout(names, edges)
