"""Workflows by the number: every key of the format, and values that a careless editor would change."""

import random

import yaml

from srunx_web.core import yamltext

NAMES = ["prepare", "train-a", "train_b", "Eval", "report", "x1", "on", "null", "007"]
TRICKY = [
    "yes", "no", "on", "null", "~", "007", "1e3", "0x1F", "1_000", "4:00:00", "12:30:00", "2026-01-01", "=",
    "- a", "a: b", "a # b", "#", "[a", "{a", "'it'", '"q"', "ünïcödé 日本語 😀", "tab\there", "trailing ", " leading",
    "", "back\\slash", "two\nlines", "three\n\n  indented\nlines\n", "a\n\n", "% !x & *y", "\u2028", "\xa0", "x" * 150,
    "{{ lr }}", "http://x:80/#a",
]  # fmt: skip
NUMBERS = [0, 1, -1, 10**30, 2**63, 0.1, 1e-7, 1.5e300, -0.0, 1e22, float("inf"), True, False]
KINDS = ["", "afterok:", "after:", "afterany:", "afternotok:"]


class Maker:
    """Makes one workflow of one number."""

    def __init__(self, number: int):
        self.random = random.Random(number)

    def some(self, chance: float, **made) -> dict:
        """Each of these with that chance; its value is made only then."""
        return {key: make() for key, make in made.items() if self.random.random() < chance}

    def one(self, *choices):
        return self.random.choice(choices)

    def text(self) -> str:
        return self.random.choice(TRICKY)

    def word(self) -> str:
        return self.one("a", "b-1", "/data/x y", "{{ lr }}", "{{ wd }}", "ünï", "s3://x/y#z")

    def value(self, depth: int = 0):
        """Anything that an arg can be."""
        kind = self.random.random()
        if depth < 3 and kind < 0.15:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        if depth < 3 and kind < 0.3:
            return {self.one(*TRICKY[:12], 3, "k"): self.value(depth + 1) for _ in range(self.random.randrange(4))}
        return self.random.choice(NUMBERS) if kind < 0.6 else self.text() if kind < 0.95 else None

    def variables(self, prefix: str) -> dict:
        return {
            f"{prefix}_{number}": self.one(self.text(), 5, 0.10, True) for number in range(self.random.randrange(1, 4))
        }

    def resources(self) -> dict:
        return self.some(
            0.5, time_limit=lambda: self.one("4:00:00", "2-00:00:00", 90, "{{ limit }}"),
            nodes=lambda: self.one(1, 2, "3", "{{ nodes }}"), gpus_per_node=lambda: self.one(0, 4),
            ntasks_per_node=lambda: 8, cpus_per_task=lambda: "16", nodelist=lambda: "g[1-4],c3",
            memory_per_node=lambda: self.one("32G", "512M", 4000),
            partition=lambda: self.one("gpu", "a,b", "{{ partition }}"),
        )  # fmt: skip

    def container(self):
        kind, mounts = self.random.random(), ["/data:/data", "/a b:/c"]
        if kind < 0.2:
            return "docker://python:3.12"
        shared = self.some(0.5, mounts=lambda: mounts, workdir=lambda: "/work")
        if kind < 0.5:
            return {"image": "x.sqsh", **shared, **self.some(0.5, runtime=lambda: "pyxis")}
        flags = {key: lambda: self.one(True, False) for key in ("nv", "rocm", "cleanenv", "fakeroot", "writable_tmpfs")}
        more = self.some(0.5, overlay=lambda: "o.img", env=lambda: self.variables("IN"), **flags)
        return {**more, "image": "x.sif", "runtime": self.one("apptainer", "singularity"), **shared}

    def environment(self) -> dict:
        made = self.some(0.5, container=self.container, env_vars=lambda: self.variables("V"))
        return {**made, **self.one({}, {"conda": "torch"}, {"venv": "~/venv"})}

    def job(self, name: str, parents: list[str]) -> dict:
        command = self.one(
            [self.word(), 3, 0.5, "two\nlines", "", '"q"'], "python x.py  --a\n# no comment\nnext {{ lr }}", "true"
        )
        what = self.one({"command": command}, {"command": command}, {self.one("script_path", "path"): "run.sh"})
        made = {"name": name, **what}
        if parents:
            made["depends_on"] = [self.one(*KINDS) + one for one in parents]
        if "command" not in what:
            return {**made, **self.some(0.6, script_vars=lambda: {"x": self.value(), "y": self.text()})}
        made |= self.some(
            0.4, exports=lambda: self.variables("e"), resources=self.resources, environment=self.environment,
            work_dir=lambda: "/w ork/ü", log_dir=lambda: "logs/{{ lr }}", retry=lambda: self.one(0, 2, "1"),
            retry_delay=lambda: 5, template=lambda: "base", srun_args=lambda: self.one("--mpi=pmix", ["-n", 2], ""),
            launch_prefix=lambda: self.one("torchrun", ["nice", "-n", 5]),
        )  # fmt: skip
        items = list(made.items())
        self.random.shuffle(items)
        return dict(items)

    def workflow(self) -> dict:
        names = self.random.sample(NAMES, self.random.randrange(1, 6))
        jobs = []
        for number, name in enumerate(names):
            jobs.append(self.job(name, self.random.sample(names[:number], self.random.randrange(min(3, number + 1)))))
        args = {"lr": 0.1, "wd": "1e-4", "nodes": 2, "limit": "12:30:00", "partition": "gpu", "any": self.value()}
        made = {
            **self.some(0.5, name=lambda: self.one("mine", 7, "yes"), description=lambda: "It " + self.text()),
            "args": args, "jobs": jobs, **self.some(0.5, owner=self.value),
            **self.some(0.3, sweep=lambda: {"matrix": {"lr": [0.1, 1e-7, "x"]}, "max_parallel": 3}),
            **self.some(0.3, version=self.value, x_more=lambda: {"deep": [self.value(), {"k": self.value()}]}),
        }  # fmt: skip
        items = list(made.items())
        self.random.shuffle(items)
        return dict(items)


def text(number: int) -> str:
    """The workflow of that number as YAML, written in one of several ways."""
    maker = Maker(number)
    made = maker.workflow()
    if number % 2:
        return yamltext.dump(made)
    style = {
        "default_flow_style": maker.one(None, False, True),
        "width": maker.one(40, 1000),
        "allow_unicode": maker.one(True, False),
    }
    return yaml.safe_dump(made, sort_keys=False, **style)
