"""Scripts in colour."""

from markupsafe import Markup
from pygments import highlight as pygmentize
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.shell import BashLexer

LIMIT = 200_000  # characters above which colour is not worth the time


def highlight(text: str) -> Markup | str:
    """The text as HTML, every word of it escaped; classes only, for inline styles are not allowed here."""
    if len(text) > LIMIT:
        return text
    return Markup(pygmentize(text, BashLexer(stripnl=False), HtmlFormatter(nowrap=True)))  # noqa: S704
