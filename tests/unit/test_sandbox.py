"""Templates: what they give, what is wrong with them, and that none of them does harm."""

import shlex
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.core.sandbox import LENGTH, RenderFault, names, render, render_leaves

VALUES = {
    "epoch": 3,
    "lr": 0.1,
    "name": "It's",
    "xs": [3, 1, 2, 1],
    "nothing": None,
    "deps": {"train": {"path": "/a b", "items": "I", "_x": 1}, "job-a": {"path": "/x"}},
    "long": "x" * 1000,
}
GIVEN = [
    ("plain text, 100 % ${HOME} }}", "plain text, 100 % ${HOME} }}"),
    ("--lr={{ lr }} {{ epoch * 2 + 1 }} {{ epoch ** 2 - 1 }} {{ 7 // epoch }} {{ 7 % epoch }}", "--lr=0.1 7 8 2 1"),
    ("{{ deps.train.path|quote }} {{ deps['job-a'].path }}", "'/a b' /x"),
    ("{{ deps.train.items }} {{ deps.train._x }}", "I 1"),
    ("{% for job, its in deps.items() %}{{ job }}:{{ its.path }};{% endfor %}", "train:/a b;job-a:/x;"),
    ("{% for x in xs|sort if x > 1 %}{{ loop.index }}={{ x }}{{ ',' if not loop.last }}{% endfor %}", "1=2,2=3"),
    ("{% for x in [] %}a{% else %}b{% endfor %}", "b"),
    ("{% if epoch > 2 and lr > 1 %}a{% elif lr %}b{% else %}c{% endif %}", "b"),
    ("x{{ ' --debug' if epoch > 5 }}", "x"),
    ("{% set a, b = 1, [2] %}{% set c = a ~ b[0] ~ 'z' %}{{ c }}", "12z"),
    ("{{ missing|default('d') }} {{ deps.train.ckpt|d(5) }} {{ missing is defined }}", "d 5 False"),
    ("{{ nothing }} {{ nothing is none }} {{ true }} {{ xs is sequence }}", "None True True True"),
    ("{{ xs[1:3] }} {{ xs[-1] }} {{ name[0] }} {{ (1, 2)[0] }} {{ {'a': 1}.a }}", "[1, 2] 1 I 1 1"),
    ("{{ range(3)|join('-') }} {{ range(4, 0, -2)|list }} {{ xs|join }}", "0-1-2 [4, 2] 3121"),
    ("{{ xs|sum }} {{ xs|max }} {{ xs|min }} {{ xs|first }} {{ xs|last }} {{ xs|count }}", "7 3 1 3 1 4"),
    ("{{ xs|unique }} {{ xs|reverse }} {{ 'ab'|reverse }}", "[3, 1, 2] [1, 2, 1, 3] ba"),
    ("{{ ['b', 'A']|sort }} {{ deps|dictsort|length }} {{ deps.keys() }}", "['A', 'b'] 2 ['train', 'job-a']"),
    ("{{ name|upper }} {{ name|lower|title }} {{ ' a '|trim }} {{ 'a.b'|replace('.', '-') }}", "IT'S It's a a-b"),
    ("{{ 'a,b'.split(',')|tojson }} {{ 'x.py'.removesuffix('.py') }} {{ 'xax'.strip('x') }}", '["a", "b"] x a'),
    ("{{ '<a>'|tojson ~ '<' }}", '"\\u003ca\\u003e"<'),
    ("{{ '12'|int + 1 }} {{ 'x'|int(5) }} {{ '1.5'|float }} {{ 2.567|round(1) }} {{ -3|abs }}", "13 5 1.5 2.6 3"),
    ("{% for x in 'ab' %}{{ x.upper().lower() }}{% endfor %}", "ab"),
    ("{{ 1 < 2 < 3 }} {{ 3 in xs }} {{ 'a' not in 'cab' }}", "True True False"),
    ("a {% raw %}{{ x }}{% endraw %}\n\n", "a {{ x }}\n\n"),
    ("${#array[@]} {{ 1 }}", "${#array[@]} 1"),  # of a shell, not a comment
]
FAULTS = [
    ("{{ epochs }}", "'epochs' is not defined"),
    ("{{ missing.x }}", "'missing' is not defined"),
    ("{{ deps.train.ckpt }}", "'ckpt' is not defined (there is: path, items, _x)"),
    ("{{ deps.trains.path }}", "'trains' is not defined (there is: train, job-a)"),
    ("{{ deps['train']['no'] }}", "'no' is not defined"),
    ("{{ xs[9] }}", "9 is not defined"),
    ("echo\n{{ }", "line 2: unexpected '}'"),
    ("{% for x in xs %}", "line 1: unexpected end of template"),
    ("{{ xs|nope }}", "line 1: there is no filter 'nope' here"),
    ("{{ xs is nope }}", "line 1: there is no test 'nope' here"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ 'a' + 1 }}", "'+' needs two numbers; ~ joins texts"),
    ("{{ 'x'|int }}", "no number: 'x'"),
    ("{{ [] | first }}", "an empty list has no first or last item"),
    ("{{ name.upper }}", "a method needs its ()"),
    ("{% for x in 5 %}{% endfor %}", "a loop needs a list or a mapping"),
    ("{{ long }}" * 300, f"the result is longer than {LENGTH} characters"),
]


def again(first: str, then: str, times: int, last: str = "") -> str:
    """A template that makes `a` anew from itself."""
    return f"{{% set a = {first} %}}" + f"{{% set a = {then} %}}" * times + last


def often(body: str, rounds: int = 9000) -> str:
    """A template that does it often to a long list."""
    return f"{{% set t = range(9999) %}}{{% for i in range({rounds}) %}}{body}{{% endfor %}}"


HOSTILE = {
    "numbers": ["10**10**10", "2**9999999", "(9**60)**60", "9.0**999", "(-8)**0.5", "9**60 * 9**60", "1e999", "9" * 70,
                "9" * 5000, f'"{"9" * 5000}"|int', f'"{"9" * 90}"|int', "1_" * 80_000, "1.5|round(10**9, 'ceil')",
                "range(10**9)", "range(10**30)", "range(10**9)|sum", "xs[10**40]",
                "none[1:]", "1[1:]", "1()", "none.x"],
    "texts": ['"a" * 10**9', "[1] * 10**9", '"%1000000000d" % 1', '"%1000000000d"|format(1)', '"%1000000000d" is odd',
              '"%1000000000d" is divisibleby(2)', '"{:1000000000}".format(1)', '"a"|center(10**9)', "lipsum(n=10**9)",
              '"a".center(10**9)', '"a".zfill(10**9)', '"\\t".expandtabs(10**9)', '"a"|indent(10**9)',
              "xs|batch(10**9, 1)|list", "xs|tojson(indent=10**9)", "xs|sum(start=[])", "xs|map('upper')",
              f'xs|join("{"b" * 100_000}")', f'"{"ab" * 100_000}".split("b")',
              f'"{"b" * 200_000}".strip("{"a" * 50_000}b")'],
    "Python": ["''.__class__", "''.__class__.__mro__[1].__subclasses__()", "''['__class__']", "name.upper.__self__",
               "name.upper['__self__']", "range.func", "range.__globals__", "self._TemplateReference__context", "self",
               "self.__init__.__globals__", "xs|attr('__class__')", "__import__('os')", "config", "cycler(1)",
               "joiner()", "namespace(x=1)", "dict(a=1)", "request.application", "xs.append(1)", "deps.update({})",
               "deps.pop(1)", "name.encode()", "name.translate({})", "name()", "range", "range(1)()", "context",
               "missing()", "[missing]", "missing ~ 'x'", "-missing", "missing[1:]", "name[missing]", "missing|upper",
               "name.split(a=1, a=1)", "{[1]: 2}", "xs < name", "xs[::0]", "super()", "caller()", "varargs"],
    "depth": ["(" * 10_000 + "1" + ")" * 10_000, "[" * 10_000, "-" * 10_000 + "1", "not " * 10_000 + "1",
              "1" + "+1" * 200, "1" + "+1" * 9000, "name" + ".x" * 9000, "name" + "|upper" * 200, "[" * 90 + "]" * 90,
              "1 if 1 else " * 500 + "1", "xs," * 80_000, "xs" + "<xs" * 40_000],
}  # fmt: skip
MAKERS = [
    again('"aaaaaaaa"', "a ~ a", 40),
    again('"aaaaaaaa"', "a + a", 40),
    again('"a"', 'a.replace("a", "aaaaaaaa")', 20),
    again('"aaaaaaaa"', 'a|replace("", a)', 20),
    again('"aaaaaaaa"', "a|join(a)", 20),
    again('"ΐ"', "(a ~ a).upper()", 30),
    again("long", "a|tojson", 99),
    again("[1]", "a + a", 40),
    again("[1]", "[a, a]", 40, "{{ a }}"),
    again("1", '{"a": a, "b": a}', 40, "{{ a|tojson }}"),
    again("1", "(a, a)", 40, "{{ a == a }}"),
    again("range(9999)", "a|sort", 20),
    again("range(9999)", "a|unique", 20),
    again("range(9999)", "a[::-1]", 20),
]
BLOCKS = [
    again("1", "[a]", 1500, "{{ a }}"),
    "{% for i in range(10001) %}{% endfor %}",
    "{% for i in range(200) %}{% for j in range(200) %}{% endfor %}{% endfor %}",
    "{% for i in range(99) %}" * 3 + "{{ i }}" + "{% endfor %}" * 3,
    "{% for i in xs recursive %}{{ loop(xs) }}{% endfor %}",
    "{% for i in xs %}{{ loop }}{% endfor %}",
    "{% for i in xs %}{{ loop._iterable }}{% endfor %}",
    "{% for i in xs %}{{ loop.cycle.__func__ }}{% endfor %}",
    "{% for i in xs %}" * 21 + "{% endfor %}" * 21,
    "{% if 1 %}" * 1000 + "{% endif %}" * 1000,
    "{% set ns = namespace() %}{% set ns.a = 1 %}",
    often("x" * 1000),
    often("{{ long }}"),
    often("{{ 1+1 }}" * 500),
    often("{% if t == t[:] %}{% endif %}"),
    often("{% if -1 in t %}{% endif %}"),
    often("{{ {}.get(t) }}"),
    often("{{ {}[(t, t)]|d }}"),
    often("{{ t|sort|length }}"),
    often("{{ t[::2]|d|length }}"),
    often("{% set u, v = t %}"),
    "{{ 1 }}" * 30_000,
    "{% if 1 %}{% elif 1 %}" * 9000 + "{% endif %}",
    "{{ 1 }}" + "x" * LENGTH,
    "{%" * 100_000,
    "{{" + "'\\" * 100_000,
    "{{" + " " * 200_000,
]
TAGS = {
    "include": "{% include 'a' %}",
    "import": "{% import 'os' as os %}",
    "from": "{% from 'a' import b %}",
    "extends": "{% extends 'a' %}",
    "block": "{% block b %}{% endblock %}",
    "call": "{% call f() %}{% endcall %}",
    "filter": "{% filter upper %}a{% endfilter %}",
    "set x": "{% set x %}a{% endset %}",
    "set x.y": "{% set x.y = 1 %}",
    "with": "{% with a = 1 %}{% endwith %}",
    "autoescape": "{% autoescape true %}{% endautoescape %}",
    "macro": "{% macro m() %}{% endmacro %}",
}
ALL = [f"{{{{ {text} }}}}" for group in HOSTILE.values() for text in group] + MAKERS + BLOCKS


def named(text: str) -> str:
    return ascii(text[:40])


@pytest.mark.parametrize(("text", "result"), GIVEN, ids=named)
def test_templates_are_rendered(text, result):
    assert render(text, VALUES) == result


@pytest.mark.parametrize(("text", "words"), FAULTS, ids=named)
def test_faults_have_words(text, words):
    with pytest.raises(RenderFault) as caught:
        render(text, VALUES)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ALL, ids=named)
def test_hostile_templates_end_soon(text):
    began = time.process_time()
    with pytest.raises(RenderFault) as caught:
        render(text, VALUES)
    assert time.process_time() - began < 1
    assert len(str(caught.value)) < 300


def test_hostile_templates_take_little_memory():
    tracemalloc.start()
    for text in MAKERS[:8] + [f"{{{{ {text} }}}}" for text in HOSTILE["texts"]]:
        with pytest.raises(RenderFault):
            render(text, VALUES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize(("tag", "text"), TAGS.items())
def test_tags_beyond_if_for_and_set_are_refused(tag, text):
    with pytest.raises(RenderFault) as caught:
        render("\n" + text, VALUES)
    assert str(caught.value) == f"line 2: {{% {tag} %}} is not possible here"


@given(st.text(max_size=60).map("{{{{ {} }}}}".format) | st.text(max_size=100))
def test_any_text_is_rendered_or_refused(text):
    for attempt in (text, "{% if 1 %}" + text, "{{" + text, "{% " + text):
        try:
            render(attempt, VALUES)
            names(attempt)
        except RenderFault as fault:
            assert str(fault)


PIECES = """{{ }} {% %} for in if else endfor endif set = x xs deps name loop self range(3) . .items() .__class__ [
            ] ( ) { } : , | |join |default |tojson |sort |int |replace("a",xs) ~ + - * ** % / // == < in not and or is
            defined none true 1 2.5 "a" 'b' .upper() .split() [0] [1:] *xs **deps if(1) {# #} {%- -%} raw""".split()


@given(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join))
def test_any_jinja_is_rendered_or_refused(text):
    for attempt in (text, f"{{{{ {text} }}}}", f"{{% for x in xs %}}{{{{ {text} }}}}{{% endfor %}}"):
        try:
            assert isinstance(render(attempt, VALUES), str)
        except RenderFault as fault:
            assert str(fault)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50))
def test_quoted_values_are_one_word_to_the_shell(value):
    assert shlex.split(render("a {{ v|quote }} b", {"v": value})) == ["a", value, "b"]


@given(st.text(max_size=50))
def test_values_are_data_not_templates(value):
    assert render("{{ v }}", {"v": value}) == value
    assert render("{{ '{{' }}{{ v }}", {"v": "{{ lr }}"}) == "{{{{ lr }}"


def test_leaves_are_rendered_and_nothing_else():
    data = {"{{ key }}": ["{{ epoch }}", 3, None, {"a": "x {{ lr }}"}], "b": True}
    assert render_leaves(data, VALUES) == {"{{ key }}": ["3", 3, None, {"a": "x 0.1"}], "b": True}
    assert data["{{ key }}"][0] == "{{ epoch }}"


def test_a_fault_in_a_tree_has_its_path():
    for use in (lambda data: render_leaves(data, VALUES), names):
        with pytest.raises(RenderFault, match="unexpected") as caught:
            use({"jobs": ["{{ lr }}", {"command": ["a", "{{ }"]}]})
        assert caught.value.path == ("jobs", 1, "command", 1)


def test_all_leaves_share_what_one_may_spend():
    with pytest.raises(RenderFault, match="too much"):
        render_leaves(["{% for i in range(1000) %}{{ i }}{% endfor %}"] * 20, VALUES)
    with pytest.raises(RenderFault, match="too much"):
        render_leaves([f"{{{{ {number} }}}}" for number in range(20_000)], VALUES)


def test_a_tree_that_is_too_deep_is_refused():
    data: list = ["{{ lr }}"]
    for _ in range(5000):
        data = [data]
    for use in (lambda: render_leaves(data, VALUES), lambda: names(data)):
        with pytest.raises(RenderFault, match="nested too deeply"):
            use()


def test_a_thousand_rounds_and_a_long_script_are_fine():
    assert render("{% for i in range(1000) %}{{ i }},{% endfor %}", {}).count(",") == 1000
    script = "#!/bin/sh\n" + "echo line\n" * 10_000 + "{{ x }}\n" * 500
    assert render(script, {"x": "y"}).count("y\n") == 500


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("{{ x }} {{ deps.a.b }} {{ y|d(z) }}", {"x", "deps", "y", "z"}),
        (["{% for i in xs %}{{ i }}{{ loop.index }}{% endfor %}", {"k": "{{ range(w) }}"}], {"xs", "w"}),
        ({"{{ key }}": 1, "a": "no {names} here"}, set()),
        ("{% set q = 1 %}{{ q }}{% if r is defined %}{% endif %}", {"r"}),
        ("{{ a ~ b }} {{ c[d:] }} {{ e < f }} {{ [g, {'h': h}] }}", set("abcdefgh")),
    ],
)
def test_names_are_those_from_outside(data, found):
    assert names(data) == found
