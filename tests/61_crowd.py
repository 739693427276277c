#!/usr/bin/env python3
"""Ten thousand hostile and idle connections at once: nobody else notices, and their memory is given back when they have gone
(docs/failures.md, "memory before login"). Run it with a build without sanitizers, whose memory is not the server's."""
import contextlib
import json
import re
import resource
import smtplib
import socket
import time

from harness import DOMAIN, Server, main, marks, tls, until

pytestmark = marks("alone", "plain")

CROWD = 10000
SHAPES = [
    b"",                                                                       # never says a word
    b"EHLO x\r\nMAIL FR",                                                      # half a command
    b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<ada@%s>\r\nDATA\r\nhalf" % DOMAIN.encode(),
    b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<ada@%s>\r\nBDAT 1000000\r\nhalf" % DOMAIN.encode(),
    b"EHLO x\r\nSTARTTLS\r\n",                                                 # no handshake follows
    b"EHLO x\r\nSTARTTLS\r\n\x16\x03\x01\x02\x00\x01\x00",                     # and an injected one
    b"NOOP\r\n" * 150,                                                         # replies that nobody reads
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01" + b"x" * 200,                                              # TLS where there is none
    b"A" * 5000,                                                               # a line without an end
]


def pss(pids):
    """Of all of them together, in KiB."""
    total = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total


def crowd(server, n):
    """From many addresses, as one may have two thousand."""
    held = []
    for i in range(n):
        c = socket.socket()
        c.bind(("127.0.%d.%d" % (1 + i // 200, 1 + i % 200), 0))
        c.connect(("127.0.0.1", server.smtp))
        if SHAPES[i % len(SHAPES)]:
            c.sendall(SHAPES[i % len(SHAPES)])
        held.append(c)
    return held


def all_have_spoken_tls(server):
    """Each process of the edge has what a first handshake takes."""
    return all(i["tls-handshakes"] for i in json.loads(server.admin("status"))["processes"]["edge-smtp"]["instances"])


@contextlib.contextmanager
def many_descriptors():
    """As many as may be, ours and those of the processes that are started here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_crowd_leaves_no_memory_behind():
    with many_descriptors() as most, Server(settings=["connections = 12000"]) as s:
        n = min(CROWD, most - 300)
        assert n > 500, "too few descriptors for a crowd: %d" % most
        pids = s.pids("edge-smtp")
        while not all_have_spoken_tls(s):
            with smtplib.SMTP("127.0.0.1", s.smtp) as c:
                c.starttls(context=tls())
                c.sendmail("a@example.org", ["ada@" + DOMAIN], "Subject: before\r\n\r\nx\r\n")
        received = len(s.messages())
        other = s.login("ben")
        before = pss(pids)
        held = crowd(s, n)
        time.sleep(1)
        within = pss(pids)
        began = time.monotonic()
        s.send("ada@" + DOMAIN, "Subject: within\r\n\r\nx\r\n")
        assert len(s.messages()) == received + 1
        assert other.noop()[0] == "OK"
        took = time.monotonic() - began
        for c in held:
            c.close()
        # What is left is looked at until it has settled: memory goes back some seconds after the last has gone.
        until(lambda: pss(pids) <= 1.2 * before, 30)
        after = pss(pids)
        print("%d connections to %d processes: PSS %d KiB before, %d KiB with them, %d KiB after (%.2f); mail and login meanwhile %.2f s"
              % (n, len(pids), before, within, after, after / before, took))
        assert took < 5, took
        s.send("ada@" + DOMAIN, "Subject: after\r\n\r\nx\r\n")


main()
