"""Templates and scripts speak htmx 4, and need nothing that a policy of default-src 'self' refuses."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
LOADED = {"src", "srcset", "href", "xlink:href", "poster"}


def load_checker():
    """The upgrade checker of htmx, as a module; `hx-disable` is let through, for htmx 4 has one of its own."""
    spec = importlib.util.spec_from_file_location("checker", ROOT / "tests/vendor/htmx-upgrade-check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    del module.RENAMED_ATTRS["hx-disable"]
    return module


checker = load_checker()


def parse(html):
    """The root of a template's elements, without what Jinja puts between them."""
    builder = checker.TreeBuilder()
    builder.feed(checker.strip_template_syntax(html))
    return builder.root


def old_idioms(path):
    """What the checker finds, less its word on inheritance: it refuses a live table even when its buttons say all."""
    return [str(issue) for issue in checker.check_file(str(path)) if issue.category != "inheritance"]


def inherited(html):
    """Attributes that htmx 2 would hand down: on an element without a request, or missing below one with a request."""
    root = parse(html)
    boosted = checker.collect_boosted(root)
    for node in root.descendants():
        names = checker.INHERITABLE_ATTRS & node.attrs.keys()
        if not checker.request_source(node, boosted):
            yield from (f"line {node.line}: {name} does nothing here" for name in names)
            continue
        for below in filter(checker.Node.has_request_attr, node.descendants()):
            missing = {"hx-target", "hx-swap"} & names - below.attrs.keys()
            yield from (f"line {below.line}: {name} is not inherited" for name in missing)


def refused(html):
    """What the browser would refuse under the policy, or fetch from another host."""
    for node in parse(html).descendants():
        if node.tag == "style" or (node.tag == "script" and "src" not in node.attrs):
            yield f"line {node.line}: inline {node.tag}"
        yield from (f"line {node.line}: {name}" for name, value in node.attrs.items() if barred(node.tag, name, value))


def barred(tag, name, value):
    """Whether an attribute is inline code or style, code to be evaluated, or loads from another host."""
    if re.match(r"style$|on|hx-on", name) or re.match(r"\s*(js|javascript):", value or "", re.I):
        return True
    if name == "hx-trigger":
        return "[" in (value or "")
    return tag != "a" and name in LOADED and bool(re.search(r"(^|[\s,])(https?:)?//", value or "", re.I))


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES + SCRIPTS, ids=relative)
def test_no_idiom_of_htmx_2_is_left(path):
    assert old_idioms(path) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_elements_rely_on_no_inherited_attribute(path):
    assert list(inherited(path.read_text())) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_templates_hold_nothing_that_the_policy_refuses(path):
    assert list(refused(path.read_text())) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<p hx-ext="sse">'),
        ("a.html", '<p hx-get="/x" hx-disabled-elt="this">'),
        ("a.js", "document.addEventListener('htmx:afterSwap', tick)"),
        ("a.js", "htmx.defineExtension('x', {})"),
    ],
)
def test_idioms_of_htmx_2_are_noticed(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert len(old_idioms(tmp_path / name)) == 1


@pytest.mark.parametrize(
    "html",
    [
        '<body hx-headers="{}"></body>',
        '<table hx-target="#x"><tr hx-get="/a" hx-target="this">',
        '<form hx-post="/a" hx-swap="none"><button hx-get="/b">',
    ],
)
def test_inheritance_is_noticed(html):
    assert len(list(inherited(html))) == 1


def test_a_live_table_with_buttons_that_say_everything_themselves_is_fine():
    row = '<tr><td><button hx-post="/c" hx-target="#m" hx-swap="none" hx-disable="this">'
    assert not list(inherited(f'<tbody hx-get="/q" hx-target="this" hx-swap="innerMorph" hx-include="#f">{row}'))


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="stylesheet" href="https://host/a.css">',
        '<script src="//host/a.js"></script>',
        '<img srcset="/a.png 1x, http://host/b.png 2x">',
        "<script>start()</script>",
        "<style>p { color: red }</style>",
        '<p style="color: red">',
        "<button {% if x %}onclick=\"go('{{ id }}')\"{% endif %}>",
        '<p hx-on:click="go()">',
        '<a href="javascript:go()">',
        """<p hx-get="/x" hx-vals='js:{"a": 1}'>""",
        '<p hx-get="/x" hx-trigger="click[ctrlKey]">',
    ],
)
def test_what_the_policy_refuses_is_noticed(html):
    assert len(list(refused(html))) == 1


def test_links_and_own_files_are_fine():
    assert not list(refused('<a href="https://slurm.schedmd.com">x</a><script src="/static/app.js" defer></script>'))
