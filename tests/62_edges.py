#!/usr/bin/env python3
"""Several processes of an edge: limits hold over all of them together, one that ends takes its counts along, settings come and go under
load, and a crowd of large transactions holds nobody up but itself."""
import collections
import contextlib
import json
import os
import re
import resource
import signal
import smtplib
import socket
import threading
import time

from harness import DOMAIN, Server, main, marks, until

pytestmark = marks("alone")

ADA = "ada@" + DOMAIN
TWO = "edges = 2"


def edge(server, role="edge-smtp"):
    return json.loads(server.admin("status"))["processes"][role]


def per_process(server, key, role="edge-smtp"):
    return [i[key] for i in edge(server, role)["instances"]]


class Turns:
    """Connections go to the processes of an edge in turn: which of them accepts one is else up to the kernel, and it may be always the same."""

    def __init__(self, server, role="edge-smtp"):
        self.pids = server.pids(role)
        self.turn = 0

    @contextlib.contextmanager
    def next(self):
        """All but one of them are stopped meanwhile."""
        others = [pid for i, pid in enumerate(self.pids) if i != self.turn % len(self.pids)]
        self.turn += 1
        try:
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
                while open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0] != "T":
                    pass
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)


class Client:
    """A connection of SMTP, line by line."""

    def __init__(self, server, ip="127.0.0.1", port=None):
        self.s = socket.socket()
        self.s.settimeout(60)
        self.s.bind((ip, 0))
        self.s.connect(("127.0.0.1", port or server.smtp))
        self.f = self.s.makefile("rb")
        self.banner = self.reply()

    def reply(self):
        text = b""
        while True:
            line = self.f.readline()
            text += line
            if len(line) < 4 or line[3:4] != b"-":
                return text.decode()

    def say(self, line):
        self.s.sendall(line if isinstance(line, bytes) else line.encode() + b"\r\n")
        return self.reply()

    def recipient(self, *to):
        """The code for the last one."""
        assert self.say("EHLO x")[:3] == "250" and self.say("MAIL FROM:<a@example.org>")[:3] == "250"
        return [self.say("RCPT TO:<%s>" % a)[:3] for a in to][-1]

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def minute():
    return time.clock_gettime(time.CLOCK_BOOTTIME) // 60


addresses = ("127.%d.%d.2" % (a, b) for a in range(1, 100) for b in range(1, 200))


def within_a_minute(count):
    """What count(address) returns, where no minute turned meanwhile: then some of the last one would count no more."""
    while True:
        before = minute()
        got = count(next(addresses))
        if minute() == before:
            return got


def test_both_processes_get_connections():
    with Server(settings=[TWO]) as s:
        before = [per_process(s, "accepted"), per_process(s, "accepted", "edge-mail")]
        for _ in range(300):
            with Client(s) as c:
                assert c.banner.startswith("220")
        for _ in range(40):
            s.login().logout()
        after = [per_process(s, "accepted"), per_process(s, "accepted", "edge-mail")]
        got = [[y - x for x, y in zip(b, a)] for b, a in zip(before, after)]
        assert sum(got[0]) == 300 and sum(got[1]) == 40, got
        assert min(got[0]) >= 30 and min(got[1]) >= 1, got


def test_connections_are_limited_over_both():
    with Server(settings=[TWO, "connections = 60", "connections-per-address = 20"]) as s:
        for port, role, hello, sorry in ((s.smtp, "edge-smtp", "220", "421"), (s.imap, "edge-mail", "* OK", "* BYE")):
            held, within = [], collections.Counter()
            turns = Turns(s, role)
            for i in range(120):                    # 30 from each of four addresses
                ip = "127.0.0.%d" % (2 + i % 4)
                with turns.next():
                    c = Client(s, ip, port)
                assert c.banner.startswith((hello, sorry)), c.banner
                within[ip] += c.banner.startswith(hello)
                held.append(c)
            assert sum(within.values()) == 60 and max(within.values()) <= 20, within
            n = edge(s, role)
            assert n["connections"] == 60 and min(per_process(s, "connections", role)) > 0, n
            for c in held:
                c.close()
            until(lambda: edge(s, role)["connections"] == 0)
            held = []
            for _ in range(30):
                with turns.next():
                    held.append(Client(s, "127.0.0.9", port))
            assert [c.banner.startswith(hello) for c in held] == [True] * 20 + [False] * 10
            assert min(per_process(s, "connections", role)) > 0
            for c in held:
                c.close()


def test_limits_by_the_minute_hold_over_both():
    """Each from many connections, so that both processes have to do with it."""
    line = b"x" * 998 + b"\r\n"
    with Server(settings=[TWO, "limit-exceptions = 127.0.0.1", "smtp-rate-connections = 40", "smtp-rate-messages = 12",
                          "smtp-rate-recipients = 30", "smtp-rate-errors = 9", "smtp-rate-bytes = 10000"]) as s:
        turns = Turns(s)

        def connections(ip):
            n = 0
            for _ in range(60):
                with turns.next(), Client(s, ip) as c:
                    n += c.banner.startswith("220")
            return n

        def messages(ip):
            n = 0
            for _ in range(20):
                with turns.next(), Client(s, ip) as c:
                    n += c.recipient(ADA) == "250"
            return n

        def recipients(ip):
            n = 0
            for _ in range(8):
                with turns.next(), Client(s, ip) as c:
                    assert c.say("EHLO x")[:3] == "250" and c.say("MAIL FROM:<a@example.org>")[:3] == "250"
                    n += sum(c.say("RCPT TO:<%s>" % ADA)[:3] == "250" for _ in range(6))
            return n

        def errors(ip):
            n = 0
            for _ in range(20):
                with turns.next(), Client(s, ip) as c:
                    n += c.banner.startswith("220") and c.say("EXPN x").startswith("502")
            return n

        def data(ip):
            n = 0
            for _ in range(11):
                with turns.next(), Client(s, ip) as c:
                    if c.recipient(ADA) == "250":
                        assert c.say("DATA").startswith("354")
                        n += c.say(line + b".\r\n").startswith("250")
            return n
        for count, want in ((connections, 40), (messages, 12), (recipients, 30), (errors, 9), (data, 10)):
            before = per_process(s, "accepted")
            got = within_a_minute(count)
            took = [y - x for x, y in zip(before, per_process(s, "accepted"))]
            assert got == want, (count.__name__, got, took)
            assert min(took) > 0, (count.__name__, took)
        assert len(s.messages()) >= 10


def test_the_memory_of_messages_is_one_budget():
    with Server(settings=[TWO, "message-memory = 1000000"]) as s:
        turns = Turns(s)

        def begin():
            with turns.next():
                c = Client(s)
                assert c.recipient(ADA) == "250"
                return c
        held = []
        for i in range(10):
            c = begin()
            assert c.say("DATA").startswith("354")
            c.s.sendall((b"y" * 998 + b"\r\n") * 100)
            held.append(c)
            until(lambda: edge(s)["message-memory"] == 100000 * (i + 1))
        assert min(per_process(s, "message-memory")) > 0
        for _ in range(8):                      # to either process
            with begin() as c:
                assert c.say("DATA").startswith("452"), "there was room"
        assert held[3].say(b".\r\n").startswith("250")
        until(lambda: edge(s)["message-memory"] == 900000)
        with begin() as c:
            assert c.say("DATA").startswith("354")
            assert c.say(b"z\r\n.\r\n").startswith("250")
        for c in held:
            c.close()
        until(lambda: edge(s)["message-memory"] == 0)
        assert len(s.messages()) == 2


def test_what_a_process_that_was_killed_had_counted_is_forgotten():
    with Server(settings=[TWO, "connections-per-address = 20"]) as s:
        s.may_die = True
        held = [Client(s) for _ in range(20)]
        assert Client(s).banner.startswith("421")
        counted = {i["pid"]: i["connections"] for i in edge(s)["instances"]}
        pid, n = next((p, n) for p, n in counted.items() if n)
        os.kill(pid, signal.SIGKILL)
        began, fresh = time.monotonic(), []
        while len(fresh) < n:                   # as many as it had, and no more
            assert time.monotonic() - began < 2, "%d of %d after two seconds" % (len(fresh), n)
            with contextlib.suppress(OSError):
                c = Client(s)
                if c.banner.startswith("220"):
                    fresh.append(c)
        assert Client(s).banner.startswith("421")
        ended = 0
        for c in held:
            with contextlib.suppress(OSError):
                c.s.settimeout(0.2)
                ended += c.f.readline() == b""
        assert ended == n, (ended, n)
        until(lambda: all(i["ready"] for i in edge(s)["instances"]))
        for c in held + fresh:
            c.close()
        until(lambda: edge(s)["connections"] == 0)      # and nobody has counted anything twice
        held = [Client(s) for _ in range(25)]
        assert [c.banner[:3] for c in held] == ["220"] * 20 + ["421"] * 5


def test_who_does_not_log_in_is_ended_however_he_dawdles():
    with Server(settings=["login-timeout = 5"]) as s:
        with socket.create_connection(("127.0.0.1", s.imap)) as c:
            c.settimeout(1)
            began, got = time.monotonic(), b""
            while time.monotonic() - began < 30:
                try:
                    c.sendall(b"x")             # a byte now and then
                    part = c.recv(1000)
                    if not part:
                        break
                    got += part
                except socket.timeout:
                    pass
                except OSError:
                    break
            took = time.monotonic() - began
            assert 4 < took < 10 and b"* BYE you took too long to log in" in got, (took, got)
        m = s.login()                           # after login silence counts, and another time
        time.sleep(6)
        assert m.noop()[0] == "OK"


def settings_of(server, changes):
    """Writes the settings anew, with these changed."""
    with open(server.data + "/posthus.conf") as f:
        lines = [line for line in f if line.split("=")[0].strip() not in changes]
    with open(server.data + "/posthus.conf.new", "w") as f:
        f.writelines(lines + ["%s = %s\n" % item for item in changes.items()])
    os.rename(server.data + "/posthus.conf.new", server.data + "/posthus.conf")


class Visitor(threading.Thread):
    """Comes again and again; keeps what it was told, with what changes from time to time made equal."""

    def __init__(self, server, visit):
        super().__init__()
        self.server, self.visit = server, visit
        self.heard, self.visits, self.failed, self.stopped = collections.Counter(), 0, None, False

    def run(self):
        try:
            while not self.stopped:
                for words in self.visit(self.server):
                    self.heard[words] += 1
                self.visits += 1
        except Exception as e:
            self.failed = e


def visit_smtp(server):
    with Client(server) as c:
        yield c.banner
        yield re.sub(r"SIZE (\d+)", "SIZE n", c.say("EHLO x"))
        yield c.say("MAIL FROM:<a@example.org>")
        yield c.say("RCPT TO:<%s>" % ADA)
        yield c.say("RCPT TO:<nobody@%s>" % DOMAIN)
        yield c.say("DATA")
        yield re.sub(r" as \w+", " as id", c.say(b"Subject: x\r\n\r\nx\r\n.\r\n"))
        yield c.say("QUIT")


def visit_imap(server):
    m = server.login()
    yield m.welcome.decode()
    yield str(m.capability())
    yield m.select("INBOX", readonly=True)[0]
    yield str(m.noop()[0])
    yield str(m.logout()[0])


def test_settings_that_come_and_go_under_load_leave_each_answer_as_it_is():
    live = [{"message-size": "%dM" % (2 + n % 5), "tls-names": "a%d.test " % n * (n % 7 + 1), "proxy-from": "10.%d.0.0/16" % n,
             "limit-exceptions": "127.0.0.0/8 192.0.%d.0/24" % n, "connections-per-address": str(500 + n), "recipients": "1000",
             "smtp-timeout": str(200 + n), "login-timeout": str(50 + n),
             # These need a new start.
             "hostname": "changed%d.test" % n, "plain-login-on-loopback": "yes" if n % 2 else "no"} for n in range(20)]
    with Server(settings=[TWO]) as s:
        banners = {c.banner for c in [Client(s) for _ in range(10)]}
        visitors = [Visitor(s, visit_smtp if i % 2 else visit_imap) for i in range(10)]
        for v in visitors:
            v.start()
        for changes in live:
            settings_of(s, changes)
            seen = len(s.log("server-reload"))
            s.process.send_signal(signal.SIGHUP)
            until(lambda: len(s.log("server-reload")) > seen)
            visits = [v.visits for v in visitors]
            until(lambda: all(v.visits > n or v.failed for v, n in zip(visitors, visits)), 60)
        for v in visitors:
            v.stopped = True
        for v in visitors:
            v.join()
        assert not [v.failed for v in visitors if v.failed], [v.failed for v in visitors]
        for v in visitors[:2]:
            alike = sum((other.heard for other in visitors if other.visit is v.visit), collections.Counter())
            assert len(alike) == len(v.heard), alike          # each has heard the same
            answers = 8 if v.visit is visit_smtp else 5
            assert len(v.heard) <= answers, v.heard
        assert len(banners) == 1 and next(iter(banners)) in visitors[1].heard, (banners, visitors[1].heard)
        for _ in range(20):                     # of both processes
            with Client(s) as c:
                assert "SIZE %d" % ((2 + 19 % 5) << 20) in c.say("EHLO x")
        with Client(s, port=s.imap) as c:
            assert "LOGINDISABLED" in c.banner          # as at the start
        assert any("hostname" in line and "plain-login" in line for line in s.log("config-problem")), s.log("config-problem")


@contextlib.contextmanager
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


CROWD, RECIPIENTS = 130, 1000


def test_final_dots_that_come_together_hold_nobody_else_up():
    """A hundred and thirty transactions of a thousand recipients each, more than a channel between processes takes at once."""
    to = "".join("RCPT TO:<ada+a-rather-long-detail-%d@%s>\r\n" % (i, DOMAIN) for i in range(RECIPIENTS))
    text = ("EHLO x\r\nMAIL FROM:<a@example.org>\r\n" + to + "DATA\r\n").encode()
    with many_descriptors(), Server(settings=[TWO]) as s:
        s.send(ADA, "Subject: before\r\n\r\nx\r\n")
        crowd = []
        for _ in range(CROWD):
            c = Client(s)
            threading.Thread(target=c.s.sendall, args=(text,)).start()
            crowd.append(c)
        for c in crowd:
            replies = [c.reply()[:3] for _ in range(RECIPIENTS + 3)]
            assert replies == ["250"] * (RECIPIENTS + 2) + ["354"], collections.Counter(replies)
        intake = s.pids("intake")[0]
        os.kill(intake, signal.SIGSTOP)
        try:
            for i, c in enumerate(crowd):
                c.s.sendall(b"Subject: crowd %d\r\n\r\nx\r\n.\r\n" % i)
            until(lambda: edge(s)["requests-waiting"] == CROWD)
            assert s.login("ben").select("INBOX")[0] == "OK"        # what does not need intake goes on
            other = Client(s)
            assert other.recipient("ben@" + DOMAIN) == "250" and other.say("DATA").startswith("354")
        finally:
            os.kill(intake, signal.SIGCONT)
        assert other.say(b"Subject: other\r\n\r\nx\r\n.\r\n").startswith("250")
        answers = [c.reply() for c in crowd]
        assert all(a.startswith("250") for a in answers), collections.Counter(a[:60] for a in answers)
        for _ in range(4):                      # and every later message
            s.send(ADA, "Subject: after\r\n\r\nx\r\n")
        until(lambda: len(s.messages()) == CROWD + 5, 60)
        assert len(s.messages("ben")) == 1
        assert not s.log("channel-rejoined")
        for c in crowd:
            c.close()


main()
