#!/usr/bin/env python3
"""The commands of README.md and CONTRIBUTING.md, as they are written there, in an empty clone: within a network of their own, in which
the ports that the documents name are free. A command that is new in a document needs a row here."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

from harness import TOP, main, marks, run

pytestmark = marks("alone", "plain", "root", "long", timeout=1500)

# What looks like a command in a document and is none by itself: names, and what the rows below run with something to do.
NAMES = {"./run", "./test", "./test --all", "./test WORD...", "tools/rules.py", "tools/fuzz-coverage", "tools/mutants", "--help", "build/posthus"}
COMMAND = re.compile(r"^(?:\./|tools/|build[-/]|python3 |mkdir |CC=|curl |swaks |man |posthus |source |meson |ninja )")


def commands(path):
    """What stands in backticks and is a command."""
    return {c for c in re.findall(r"`([^`\n]+)`", open(path).read()) if COMMAND.match(c)}


class Clone:
    """What a clone would hold, and a network with nothing but loopback."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="posthus-clone-")
        os.chmod(self.folder, 0o755)        # man(1) reads as another user
        run(["git", "init", "-q", self.folder])
        for path in run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP).split("\n"):
            if path and os.path.isfile(TOP + "/" + path):
                os.makedirs(os.path.dirname(self.folder + "/" + path), exist_ok=True)
                shutil.copy(TOP + "/" + path, self.folder + "/" + path)
        self.network = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 10000"],
                                        stdout=subprocess.PIPE, text=True)
        assert self.network.stdout.readline() == "up\n"
        return self

    def argv(self, command):
        return ["nsenter", "--net=/proc/%d/ns/net" % self.network.pid, "bash", "-c", command]

    def run(self, command, **kw):
        environment = {k: v for k, v in os.environ.items() if k not in ("POSTHUS", "SEALED_TEST")}
        return run(self.argv(command), cwd=self.folder, timeout=900, env=environment, **kw)

    def __exit__(self, *exc):
        self.network.kill()
        self.network.wait()
        shutil.rmtree(self.folder)


class Running:
    """./run, as far as its last line."""

    def __init__(self, clone):
        self.process = subprocess.Popen(clone.argv("exec ./run"), cwd=clone.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = ""

    def __enter__(self):
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C stops it" in line:
                return self
        raise AssertionError("./run ended: " + self.said)

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


def test_the_commands_of_the_readme():
    found = commands(TOP + "/README.md") - NAMES
    assert all(word in open(TOP + "/README.md").read() for word in ("    ./run  ", "    ./test  "))
    with Clone() as c:
        with Running(c) as r:
            password = re.search(r"ada@example\.test +(\S+)", r.said).group(1)
            said = {}
            for command in sorted(found - {"./run --help"}, key=lambda x: (not x.startswith("swaks"), x)):      # mail before it is read
                said[command] = c.run(command.replace("PASSWORD", password) + ("; complete -p posthus" if command.startswith("source ") else ""))
        said["./run --help"] = c.run("./run --help")
    for begin, want in (("swaks ", "250 2.0.0"), ("curl ", "ENVELOPE"), ("man man/posthus.8", "POSTHUS(8)"),
                        ("man man/posthus.conf.5", "listen-smtp"), ("build/posthus help", "account"),
                        ("build/posthus status", "edge-smtp"), ("source ", "complete "), ("./run --help", "--base-port")):
        rows = [command for command in said if command.startswith(begin)]
        assert len(rows) == 1 and want in said[rows[0]], (begin, said)
        del said[rows[0]]
    assert not said, "without a row here: %s" % said


def test_the_commands_of_contributing():
    found = commands(TOP + "/CONTRIBUTING.md") - NAMES
    rows = [("CC=clang meson setup", "Linking target imap_imap_fuzz"), ("mkdir -p fuzz-work", "Done "), ("python3 tests/20_imap.py", "2 passed, 0 failed")]
    with Clone() as c:
        c.run("./test rules format")
        assert "--write-known" in c.run("tools/rules.py --help") and "--least" in c.run("tools/fuzz-coverage --help")
        c.run("meson setup build -Dbuildtype=release && ninja -C build")       # as ./run does
        for begin, want in rows:
            command = [x for x in found if x.startswith(begin)]
            assert len(command) == 1, (begin, found)
            out = c.run(command[0].replace("-max_total_time=600", "-max_total_time=5"))
            assert want in out, (command[0], out[-2000:])
            found.remove(command[0])
    assert not found, "without a row here: %s" % found


main()
