"""Scripts, their templates and YAML in colour."""

from markupsafe import Markup, escape
from pygments import highlight as pygmentize
from pygments.formatters.html import HtmlFormatter
from pygments.lexer import DelegatingLexer
from pygments.lexers.data import YamlLexer
from pygments.lexers.shell import BashLexer
from pygments.lexers.templates import DjangoLexer

# Characters above which colour is not worth the time; for some templates that grows with the square
LIMITS = {"bash": 200_000, "yaml": 200_000, "template": 20_000}
LINES = 20_000
LONGEST = 2000  # characters of a line: the time for some grows with its square, to minutes


class TemplateLexer(DelegatingLexer):
    """A script with Jinja in it."""

    def __init__(self, **options):
        super().__init__(BashLexer, DjangoLexer, **options)


_LEXERS = {"bash": BashLexer, "template": TemplateLexer, "yaml": YamlLexer}


def highlight(text: str, language: str = "bash") -> Markup | str:
    """The text as HTML, every word of it escaped; classes only, for inline styles are not allowed here."""
    if len(text) > LIMITS[language] or max(map(len, text.split("\n"))) > LONGEST:
        return text
    return Markup(pygmentize(text, _LEXERS[language](stripnl=False), HtmlFormatter(nowrap=True)))  # noqa: S704


def numbered(text: str, language: str = "bash") -> Markup:
    """The same, each line in an element of its own, which the stylesheet numbers; #L4 leads to the fourth. Beyond
    LINES they are not: a file of a million line breaks would be a page of forty megabytes."""
    if text.count("\n") > LINES:
        return escape(text)
    lines = escape(highlight(text, language)).removesuffix("\n").split("\n")
    line = Markup('<span class="line" id="L{}">{}\n</span>')
    return Markup("").join(line.format(number, Markup(html)) for number, html in enumerate(lines, 1))  # noqa: S704
