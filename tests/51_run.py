#!/usr/bin/env python3
"""./run, as a stranger uses it: the first start and the second, its table and server.json, Ctrl-C, and what it says when it cannot."""
import imaplib
import json
import os
import pty
import random
import re
import signal
import socket
import tempfile
import time

from harness import TOP, main, marks, release_port, run, take_port, tls

pytestmark = marks("alone", "plain")


class Folder:
    """A data folder and free ports; whatever runs on it is stopped at the end."""

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="posthus-test-")
        self.data = self.temporary.name + "/data"
        self.base = self.free_base()
        return self

    def free_base(self):
        for base in random.sample(range(20000, 30000), 100):
            taken = [base + offset for offset in (24, 25, 143, 993) if take_port(base + offset)]
            if len(taken) == 4:
                self.ports = taken
                return base
            for port in taken:
                release_port(port)
        raise AssertionError("no free ports")

    def __exit__(self, *exc):
        self.stop()
        self.temporary.cleanup()
        for port in self.ports:
            release_port(port)

    def up(self, *words, check=True):
        return run([TOP + "/run", "--data", self.data, "--background", *words], check=check, timeout=300)

    def stop(self):
        return run([TOP + "/run", "--stop", "--data", self.data])

    def pid(self):
        return int(open(self.data + "/posthus.pid").read())

    def described(self):
        return json.load(open(self.data + "/server.json"))

    def messages(self, person):
        """Logs in with what server.json says; the number of messages in INBOX."""
        d = self.described()
        m = imaplib.IMAP4_SSL(d["host"], d["services"]["imap"]["port"], ssl_context=tls())
        m.login(person["address"], person["password"])
        n = int(m.select("INBOX")[1][0])
        m.logout()
        return n


def gone(pid):
    try:
        return open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_first_start_says_all_and_a_second_keeps_all():
    with Folder() as f:
        out = f.up("--base-port", str(f.base), "--accounts", "12")
        d = f.described()
        assert [p["address"] for p in d["people"]] == ["ada@example.test", "ben@example.test"]
        assert d["services"]["smtp"] == {"port": f.base + 25, "tls": False}
        assert d["services"]["imap-starttls"] == {"port": f.base + 143, "tls": False}
        assert d["pids"] == [f.pid()] and d["users"]["count"] == 12
        assert os.stat(f.data + "/server.json").st_mode & 0o077 == 0, "others can read the passwords"
        assert os.stat(f.data + "/people").st_mode & 0o077 == 0, "others can read the passwords"
        for word in (str(f.base + 25), str(f.base + 993), "--stop", *(p["password"] for p in d["people"])):
            assert word in out, (word, out)
        print_of_it = re.search("(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", out).group(0)
        with socket.create_connection((d["host"], f.base + 993)) as c, tls().wrap_socket(c) as t:
            import hashlib
            assert hashlib.sha256(t.getpeercert(True)).hexdigest().upper() == print_of_it.replace(":", "")
        for person in d["people"]:
            assert f.messages(person) == 1, "the welcome message is missing"
        assert f.messages({"address": "user0012@example.test", "password": d["users"]["password"]}) == 0
        assert "already runs" in f.up(check=False)
        pid = f.pid()
        assert "stopped" in f.stop() and gone(pid)
        f.up("--accounts", "15")                            # three more, with the password of the others
        again = f.described()
        assert again["people"] == d["people"] and again["services"] == d["services"]
        for person in d["people"]:
            assert f.messages(person) == 1, "the mail is gone, or welcomed twice"
        assert f.messages({"address": "user0015@example.test", "password": d["users"]["password"]}) == 0


def test_a_first_start_that_fails_is_finished_by_the_next():
    with Folder() as f:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", f.base + 25))
            taken.listen()
            out = f.up("--base-port", str(f.base), check=False)
            assert str(f.base + 25) in out and "--base-port" in out, out
        f.up()
        for person in f.described()["people"]:
            assert f.messages(person) == 1


def test_ctrl_c_stops_all_of_it():
    with Folder() as f:
        f.up("--base-port", str(f.base))
        f.stop()
        script, terminal = pty.fork()
        if script == 0:
            os.execv(TOP + "/run", ["run", "--data", f.data])
        out = b""
        while b"Ctrl-C" not in out:
            out += os.read(terminal, 4096)
        pid = f.pid()
        family = [pid] + [int(p) for p in run(["pgrep", "-P", str(pid)]).split()]
        assert len(family) > 5, family
        os.write(terminal, b"\x03")
        stop = time.monotonic() + 15
        while os.waitpid(script, os.WNOHANG)[0] == 0:
            if time.monotonic() > stop:
                os.kill(script, signal.SIGKILL)
                os.waitpid(script, 0)
                raise AssertionError("./run still runs 15 s after Ctrl-C")
            time.sleep(0.05)
        os.close(terminal)
        assert all(gone(p) for p in family), family


main()
