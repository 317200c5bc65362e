"""sbatch scripts as text: the directives they carry, and the file names they lead to."""

import re
import shlex

_DIRECTIVE = re.compile(r"#SBATCH\s+(.*)")
# sbatch(1): short options that take a value, and the long names they stand for
SHORT = {
    "A": "account", "a": "array", "b": "begin", "C": "constraint", "c": "cpus-per-task", "D": "chdir",
    "d": "dependency", "e": "error", "F": "nodefile", "G": "gpus", "i": "input", "J": "job-name",
    "L": "licenses", "M": "clusters", "m": "distribution", "N": "nodes", "n": "ntasks", "o": "output",
    "p": "partition", "q": "qos", "S": "core-spec", "t": "time", "w": "nodelist", "x": "exclude",
}  # fmt: skip
SHORT_FLAGS = {"H": "hold", "h": "help", "I": "immediate", "k": "no-kill", "O": "overcommit", "Q": "quiet",
               "s": "oversubscribe", "v": "verbose", "V": "version", "W": "wait"}  # fmt: skip


def directives(text: str) -> dict[str, str]:
    """The options of the #SBATCH lines by their long names, flags as ""; the last one wins, as in sbatch.

    Reading stops at the first line that is neither blank nor a comment (sbatch(1), DESCRIPTION).
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _DIRECTIVE.match(line):
            found.update(_options(_words(match[1])))
        elif line.strip() and not line.startswith("#"):
            break
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # an unclosed quote: sbatch takes the rest of the line
        return text.split()


def _options(words: list[str]) -> dict[str, str]:
    found, queue = {}, list(words)
    while queue:
        word = queue.pop(0)
        if word.startswith("--"):
            name, sep, value = word[2:].partition("=")
            if not sep and queue and not queue[0].startswith("-"):
                value = queue.pop(0)
            found[name] = value
        elif len(word) > 1 and word[0] == "-" and word[1] in SHORT:
            value = word[2:] or (queue.pop(0) if queue else "")
            found[SHORT[word[1]]] = value.removeprefix("=")
        elif len(word) > 1 and word[0] == "-":
            found.update({SHORT_FLAGS[letter]: "" for letter in word[1:] if letter in SHORT_FLAGS})
    return found
