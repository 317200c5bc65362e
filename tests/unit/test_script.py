"""#SBATCH lines, read as sbatch 22.05 and 24.11 read them: every case here was tried on both."""

import pytest

from srunx_web.core.script import complaint, directives

READ = [
    (r"#SBATCH -J 'a b' --comment='x|y'", {"job-name": "a b", "comment": "x|y"}),
    (r"#SBATCH -J 'it\'s'", {"job-name": "it's"}),
    (r"#SBATCH -J 'a\"b' --comment=" + '"q\\"q"', {"job-name": 'a"b', "comment": 'q"q'}),
    ("#SBATCH --job-name=a#b --comment=c", {"job-name": "a"}),
    ('#SBATCH --job-name="a#b" --comment=c', {"job-name": "a#b", "comment": "c"}),
    ("#SBATCH-J glued", {"job-name": "glued"}),
    ("#SBATCH --job-name=tab\t--comment=c", {"job-name": "tab", "comment": "c"}),
    (" #SBATCH -J indented", {}),
    ("#sbatch -J lower", {}),
    ("##SBATCH -J double", {}),
    ("# SBATCH -J apart", {}),
    ("#\n# comment\n\n   \n#SBATCH -J after", {"job-name": "after"}),
    ("echo hi\n#SBATCH -J late", {}),
    ("#SBATCH -J one\n#SBATCH -J two", {"job-name": "two"}),
    ('#SBATCH -J "" --comment=c\n#SBATCH --time=7', {"job-name": "--time=7"}),
    ("#SBATCH -Jglued -t5", {"job-name": "glued", "time": "5"}),
    ("#SBATCH -J=eq", {"job-name": "=eq"}),
    ("#SBATCH -J -x", {"job-name": "-x"}),
    ("#SBATCH --jo=start", {"job-name": "start"}),
    ("#SBATCH --time 5 --comm c", {"time": "5", "comment": "c"}),
    ("#SBATCH --mem 5", {"mem": "5"}),
    ("#SBATCH -HOt3", {"hold": "", "overcommit": "", "time": "3"}),
    ("#SBATCH --exclusive --requeue", {"exclusive": "", "requeue": ""}),
    ("#SBATCH --comment=a=b", {"comment": "a=b"}),
    ("#SBATCH -J päron --comment='日本\u2028'", {"job-name": "päron", "comment": "日本\u2028"}),
    ("#SBATCH", {}),
]
REFUSED = [
    (r"#SBATCH -J a\ b", "sbatch: error: Invalid directive found in batch script: b"),
    ("#SBATCHfoo", "sbatch: error: Invalid directive found in batch script: foo"),
    ("#SBATCH --exclusive user", "sbatch: error: Invalid directive found in batch script: user"),
    ("#SBATCH -k off", "sbatch: error: Invalid directive found in batch script: off"),
    ('#SBATCH -t5 -J "open', 'sbatch: fatal: stdin: line 2: Unmatched `"` in [ "open]'),
    ("#SBATCH:foo", "sbatch: fatal: stdin: line 2: Unexpected `:` in [:foo]"),
    ("#SBATCH --parsable=3", "sbatch: option '--parsable' doesn't allow an argument"),
    ("#SBATCH --job-name", "sbatch: option '--job-name' requires an argument"),
    ('#SBATCH -a ""', "sbatch: option requires an argument -- 'a'"),
    ("#SBATCH -Z", "sbatch: invalid option -- 'Z'"),
    ("#SBATCH --nosuch=3", "sbatch: unrecognized option '--nosuch=3'"),
]


@pytest.mark.parametrize(("lines", "options"), READ)
def test_options_are_read_as_sbatch_reads_them(lines, options):
    text = f"#!/bin/sh\n{lines}\ntrue\n"
    assert (directives(text), complaint(text)) == (options, None)


@pytest.mark.parametrize(("lines", "words"), REFUSED)
def test_complaints_are_those_of_sbatch(lines, words):
    assert complaint(f"#!/bin/sh\n{lines}\n") == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "sbatch: error: Batch script is empty!"),
        (" \n", "sbatch: error: Batch script contains only whitespace!"),
        (
            "\n#!/bin/sh\n",
            "sbatch: error: This does not look like a batch script.  The first\nsbatch: error: line must",
        ),
        (
            "#!/bin/sh\ntrue\r\n",
            "sbatch: error: Batch script contains DOS line breaks (\\r\\n)\nsbatch: error: instead of",
        ),
    ],
)
def test_what_is_no_script_is_told(text, words):
    assert complaint(text).startswith(words)


def test_a_bare_interpreter_is_a_script():
    assert complaint("#!/bin/sh") is None


def test_options_that_a_site_added_are_kept():
    assert directives("#SBATCH --container-image=x --pyxis y -t5 --bare -J z") == {
        "container-image": "x",
        "pyxis": "y",
        "time": "5",
        "bare": "",
        "job-name": "z",
    }


def test_what_stands_before_a_fault_is_kept():
    assert directives("#SBATCH -t5 stray -J x -Z -c2 'open") == {"time": "5", "job-name": "x", "cpus-per-task": "2"}
