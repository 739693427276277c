"""What the black-box tests share: a server of its own for each, and real clients.

A test file defines functions test_...() and ends with harness.main(). pytest finds and runs them (pytest.ini says which file is one, and
what the marks mean); ./test chooses by these marks. `python3 tests/NN_x.py [part of a name ...]` runs the tests of one file, VERBOSE=1
shows how long each takes. The binary is $POSTHUS (./test sets it), else what ./test or ./run has built. A server whose process died
without being killed by the test fails the test.
"""
import imaplib
import os
import random
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import answers

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))


def built(*folders):
    return next((p for p in ("%s/%s/posthus" % (TOP, f) for f in folders) if os.path.exists(p)), TOP + "/build/posthus")


POSTHUS = os.environ.get("POSTHUS") or built("build-test")
PASSWORD = "correct-horse-7"


def started_roles():
    """{name: names of its peers} of each process that the supervisor starts, as src/proc/roles.h has it: a new one is tested like the rest."""
    table = open(TOP + "/src/proc/roles.h").read()
    table = table[table.index("#define ROLES_STARTED"):table.index("#define ROLES_OTHER")]
    found = {name.replace("_", "-").lower(): peers for name, peers in
             re.findall(r'ROLE\(\d+, (\w+),.*?\.peers = ([A-Z_ |]+),', table, re.S)}
    edges = [name for name in found if name.startswith("edge-")]
    return {name: [p for word in peers.split(" | ") for p in (edges if word == "EDGES" else [word.replace("_", "-").lower()])]
            for name, peers in found.items()}


DOMAIN = "example.test"


ports = {}      # number: the socket whose name, while it is open, keeps all other test processes of this machine from the port


def take_port(port):
    """True when the port is free, and nobody else's until release_port() or this process's end."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind("\0posthus-test-port-%d" % port)
        with socket.socket() as s:
            s.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return False
    ports[port] = claim
    return True


def release_port(port):
    ports.pop(port).close()


def free_port():
    """A free port below those that the kernel gives to clients, so that none of them takes it while a server restarts."""
    while True:
        port = random.randrange(20000, 32000)
        if take_port(port):
            return port


def run(argv, check=True, timeout=120, **kw):
    """Runs a client or a command; its output as text."""
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                       errors="replace", **kw)
    if check and p.returncode != 0:
        raise AssertionError("%s: exit status %d\n%s" % (" ".join(argv), p.returncode, p.stdout[-2000:]))
    return p.stdout


def tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def until(what, seconds=20):
    """Waits until what() is true; fails after `seconds`."""
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        value = what()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited %d s in vain" % seconds)


class Server:
    """A running server with the accounts of `people`, stopped and looked over at the end of the with block."""

    def __init__(self, people=("ada", "ben"), settings=(), start=True):
        self.folder = tempfile.TemporaryDirectory(prefix="posthus-test-")
        self.data = self.folder.name + "/data"
        self.smtp, self.lmtp, self.imap, self.imaps = free_port(), free_port(), free_port(), free_port()
        self.may_die = False        # the test kills processes itself
        self.process = None
        self.out = open(self.folder.name + "/out", "ab")
        lines = ["listen-smtp = 127.0.0.1:%d" % self.smtp, "listen-lmtp = 127.0.0.1:%d" % self.lmtp,
                 "listen-imap = 127.0.0.1:%d" % self.imap, "listen-imaps = 127.0.0.1:%d" % self.imaps] + list(settings)
        argv = [POSTHUS, "init", "--data", self.data]
        for line in lines:
            argv += ["--set", line]
        run(argv)
        if start:
            try:
                self.start()
                self.admin("domain", "add", DOMAIN)
                for name in people:
                    self.admin("account", "add", "%s@%s" % (name, DOMAIN), "--password-stdin", input=PASSWORD)
            except BaseException:
                self.__exit__(*sys.exc_info())      # nothing is left running
                raise

    def start(self, before=None):
        """before: is called in the new process first, to set limits, say."""
        ours, theirs = os.pipe()
        os.set_inheritable(theirs, True)
        self.process = subprocess.Popen([POSTHUS, "serve", "--data", self.data, "--ready-fd", str(theirs)],
                                        pass_fds=[theirs], stdout=self.out, stderr=self.out,
                                        stdin=subprocess.DEVNULL, preexec_fn=before)
        os.close(theirs)
        with os.fdopen(ours, "rb") as f:
            if f.read(1) != b"1":
                raise AssertionError("the server did not start: " + self.printed())

    def printed(self):
        self.out.flush()
        return open(self.folder.name + "/out", errors="replace").read()

    def admin(self, *words, check=True, input=None):
        out = run([POSTHUS, *words, "--data", self.data, "--json"], check=check, input=input)
        if check:
            answers.look_at(POSTHUS, words, out)
        return out

    def log(self, event=None):
        if not os.path.exists(self.data + "/log/posthus.log"):
            return []
        with open(self.data + "/log/posthus.log", errors="replace") as f:
            return [line for line in f if event is None or line.split(" ")[3].strip() == event]

    def stop(self):
        """SIGTERM; returns how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.process = None
        assert status == 0, "the server ended with status %d: %s" % (status, self.printed())
        return time.monotonic() - began

    def pids(self, role):
        out = run(["pgrep", "-P", str(self.process.pid), "-f", "role %s " % role], check=False)
        return [int(p) for p in out.split()]

    def account_pids(self):
        """Processes of accounts: the children of `accounts`, and those that the supervisor inherited."""
        parents = self.pids("accounts") + [self.process.pid]
        out = run(["pgrep", "-x", "account", "-P", ",".join(map(str, parents))], check=False)
        return [int(p) for p in out.split()]

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        try:
            if self.process:
                self.stop()
            if kind is None and not self.may_die:
                bad = self.log("role-exit") + self.log("account-crash") + self.log("channel-broken")
                assert not bad, "".join(bad)
            if kind is None:
                assert "Sanitizer" not in self.printed(), self.printed()
            elif os.path.exists(self.data + "/log/posthus.log"):
                sys.stderr.write("".join(self.log()[-25:]) + self.printed()[-3000:])
        finally:
            if self.process:
                self.process.kill()
                self.process.wait()
            self.folder.cleanup()
            for port in (self.smtp, self.lmtp, self.imap, self.imaps):
                release_port(port)

    # Clients.

    def send(self, to, text, sender="sender@example.org"):
        to = [to] if isinstance(to, str) else to
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=60) as s:
            return s.sendmail(sender, to, text)

    def login(self, name="ada", password=PASSWORD):
        m = imaplib.IMAP4_SSL("127.0.0.1", self.imaps, ssl_context=tls())
        m.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)        # it sends a literal and its CRLF apart
        m.login("%s@%s" % (name, DOMAIN), password)
        return m

    def messages(self, name="ada", box="INBOX", password=PASSWORD):
        """All messages of a mailbox, as bytes."""
        m = self.login(name, password)
        m.select(box, readonly=True)
        data = m.fetch("1:*", "(BODY.PEEK[])")[1]
        m.logout()
        return [x[1] for x in data if isinstance(x, tuple)]


TRACE = re.compile(rb"\A(?:(?:Return-Path|Delivered-To|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*){3}")


def behind_trace(message):
    """The bytes behind the three fields that we add in front."""
    found = TRACE.match(message)
    assert found, message[:300]
    return message[found.end():]


marked = []     # of the file that is run as a program


def marks(*names, timeout=None):
    """What a file's `pytestmark`, or a function's, is set to; pytest.ini lists the names. timeout: seconds, where it needs more."""
    if "pytest" not in sys.modules:
        marked.extend(names)
        return []
    import pytest
    return [getattr(pytest.mark, name) for name in names] + ([pytest.mark.timeout(timeout)] if timeout else [])


def main():
    """Stands at the end of each test file. Runs its tests when it is the program, those named on the command line, else all."""
    program = sys._getframe(1).f_globals
    if program["__name__"] != "__main__":
        return
    chosen = ["-k", " or ".join(sys.argv[1:])] if sys.argv[1:] else []
    times = ["-v", "--durations=0"] if os.environ.get("VERBOSE") else ["-q"]
    os.environ.setdefault("POSTHUS", built("build-plain") if "plain" in marked else POSTHUS)
    # Debian's, which has the plugins, whichever Python was called.
    os.execvp("pytest-3", ["pytest-3", program["__file__"], "--rootdir", TOP, *chosen, *times])
