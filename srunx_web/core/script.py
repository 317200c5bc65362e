"""sbatch scripts as text: the options they carry, read as sbatch reads them, and its words when it refuses."""

import re

# sbatch(1), 20.11 to 26.05: what takes no value, what may have one after "=" only, and what needs one
_FLAGS = frozenset(
    """contiguous help hold ignore-pbs no-requeue overcommit oversubscribe parsable quiet reboot requeue spread-job
    stepmgr test-only usage use-min-nodes verbose version wait""".split()
)
_OPTIONAL = frozenset("exclusive get-user-env nice no-kill oom-kill-step propagate resv-ports".split())
_VALUED = frozenset(
    """account acctg-freq array batch bb bbf begin chdir cluster cluster-constraint clusters comment constraint
    container container-id core-spec cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot
    dependency distribution error exclude export export-file extra extra-node-info gid gpu-bind gpu-freq gpus
    gpus-per-node gpus-per-socket gpus-per-task gres gres-flags hint input job-name kill-on-invalid-dep licenses
    mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus network nodefile nodelist nodes ntasks
    ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket ntasks-per-tres open-mode output partition power
    prefer priority profile qos reservation segment signal sockets-per-node switches tasks-per-node thread-spec
    threads-per-core time time-min tmp tres-bind tres-per-task uid wait-all-nodes wckey wrap""".split()
)
_LONG = _FLAGS | _OPTIONAL | _VALUED
_SHORT = {
    "A": "account", "a": "array", "B": "extra-node-info", "b": "begin", "C": "constraint", "c": "cpus-per-task",
    "D": "chdir", "d": "dependency", "e": "error", "F": "nodefile", "G": "gpus", "H": "hold", "h": "help",
    "i": "input", "J": "job-name", "k": "no-kill", "L": "licenses", "M": "clusters", "m": "distribution",
    "N": "nodes", "n": "ntasks", "O": "overcommit", "o": "output", "p": "partition", "Q": "quiet", "q": "qos",
    "S": "core-spec", "s": "oversubscribe", "t": "time", "V": "version", "v": "verbose", "W": "wait",
    "w": "nodelist", "x": "exclude",
}  # fmt: skip

_PIECE = r"""\\\S|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s#"'\\]"""
_WORD = re.compile(rf"\s*((?:{_PIECE})+)\\?", re.ASCII)
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\])*)\1|\\(.)""")
_NO_SCRIPT = """This does not look like a batch script.  The first
line must start with #! followed by the path to an interpreter.
For instance: #!/bin/sh"""
_DOS = "Batch script contains DOS line breaks (\\r\\n)\ninstead of expected UNIX line breaks (\\n)."


def directives(text: str) -> dict[str, str]:
    """The options of the #SBATCH lines by their long names, flags as ""; the last one wins, as in sbatch.

    What sbatch would refuse is left out, but for options it does not know: a site may have added them.
    """
    return _read(text)[0]


def complaint(text: str) -> str | None:
    """What sbatch says when it refuses this text before it asks the controller, or None."""
    if fault := _misshapen(text):
        return "\n".join(f"sbatch: error: {line}" for line in fault.split("\n"))
    return next(iter(_read(text)[1]), None)


def _misshapen(text: str) -> str | None:
    if not text.strip():
        return "Batch script contains only whitespace!" if text else "Batch script is empty!"
    if not text.startswith("#!"):
        return _NO_SCRIPT
    return _DOS if "\r\n" in text else None


def _read(text: str) -> tuple[dict[str, str], list[str]]:
    """The options, and the complaints. Reading stops at the first line that is neither blank nor a comment."""
    words: list[str] = []
    complaints: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#SBATCH"):
            found, fault = _words(line[7:])
            words += found
            complaints += [f"sbatch: fatal: stdin: line {number}: {fault}"] if fault else []
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    options, others = _options(words)
    return options, complaints + others


def _words(line: str) -> tuple[list[str], str]:
    """The words of a directive, and what is wrong with the rest: quotes group, a backslash takes the next character
    as it is (within both quotes, too), # begins a comment, and an empty word ends the line."""
    words: list[str] = []
    at = 0
    while match := _WORD.match(line, at):
        word = _QUOTED.sub(lambda piece: piece[3] or re.sub(r"\\(.)", r"\1", piece[2] or ""), match[1])
        if match[1].startswith(":"):
            return words, f"Unexpected `:` in [{line[at:]}]"
        if not word:
            return words, ""
        words.append(word)
        at = match.end()
    rest = line[at:].lstrip()
    return words, f"Unmatched `{rest[0]}` in [{line[at:]}]" if rest.startswith(("'", '"')) else ""


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """What getopt_long makes of the words of all directives together."""
    found: dict[str, str] = {}
    complaints: list[str] = []
    queue = list(reversed(words))
    while queue:
        word = queue.pop()
        if word.startswith("--") and len(word) > 2:
            fault = _long(word[2:], queue, found)
        elif word.startswith("-") and len(word) > 1:
            fault = _short(word[1:], queue, found)
        else:
            fault = f"error: Invalid directive found in batch script: {word}"
        complaints += [f"sbatch: {fault}"] if fault else []
    return found, complaints


def _long(word: str, queue: list[str], found: dict[str, str]) -> str | None:
    """Take --word into `found`, with its value from the queue; a unique beginning of a name will do."""
    start, equals, value = word.partition("=")
    names = [start] if start in _LONG else [name for name in _LONG if name.startswith(start)]
    name = names[0] if len(names) == 1 else start
    if not equals and queue and (name in _VALUED or (name not in _LONG and not queue[-1].startswith("-"))):
        equals, value = "=", queue.pop()
    if name in _FLAGS and equals:
        return f"option '--{name}' doesn't allow an argument"
    if name in _VALUED and not equals:
        return f"option '--{name}' requires an argument"
    found[name] = value
    if name in _LONG:
        return None
    return f"option '--{word}' is ambiguous" if names else f"unrecognized option '--{word}'"


def _short(letters: str, queue: list[str], found: dict[str, str]) -> str | None:
    """Take -letters into `found`: flags, until one has a value, glued to it or from the queue."""
    for position, letter in enumerate(letters):
        name, rest = _SHORT.get(letter), letters[position + 1 :]
        if name is None:
            return f"invalid option -- '{letter}'"
        if name in _VALUED and not rest and not queue:
            return f"option requires an argument -- '{letter}'"
        if name in _FLAGS:
            found[name] = ""
        else:
            found[name] = rest or (queue.pop() if name in _VALUED else "")
            return None
    return None
