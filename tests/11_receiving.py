#!/usr/bin/env python3
"""The rest of receiving: LMTP by port and by socket, chunks, load balancers, limits by the minute, mail that goes in circles, address
literals, and a message whose answer nobody heard."""
import json
import smtplib
import socket
import struct
import time

from harness import DOMAIN, Server, behind_trace, main, tls, until

ADA, BEN = "ada@" + DOMAIN, "ben@" + DOMAIN


class Raw:
    """A connection, line by line."""

    def __init__(self, address, timeout=20, source=None, first=b""):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.s = socket.socket(family, socket.SOCK_STREAM)
        self.s.settimeout(timeout)
        if source:
            self.s.bind((source, 0))
        self.s.connect(address)
        self.s.sendall(first)
        self.f = self.s.makefile("rb")

    def reply(self):
        """(code, text of all its lines)"""
        text = b""
        while True:
            line = self.f.readline()
            text += line
            if len(line) < 4 or line[3:4] != b"-":
                return line[:3].decode(), text.decode(errors="replace")

    def say(self, line):
        self.s.sendall(line if isinstance(line, bytes) else line.encode() + b"\r\n")
        return self.reply()

    def transaction(self, *to, hello="EHLO x", mail="MAIL FROM:<a@example.org>"):
        """Up to the recipients; their codes."""
        if hello:
            assert self.reply()[0] == "220"
            assert self.say(hello)[0] == "250"
        assert self.say(mail)[0] == "250"
        return [self.say("RCPT TO:<%s>" % x)[0] for x in to]

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def counters(server, role="edge-smtp"):
    return json.loads(server.admin("status"))["processes"][role]


def test_lmtp_answers_for_each_recipient():
    with Server() as s:
        for address in (("127.0.0.1", s.lmtp), s.data + "/lmtp.sock"):
            with Raw(address) as c:
                assert c.transaction(ADA, "nobody@" + DOMAIN, BEN, hello="LHLO front") == ["250", "550", "250"]
                assert c.say("DATA")[0] == "354"
                assert c.say(b"Subject: l\r\n\r\nhello\r\n.\r\n")[0] == "250"
                assert c.reply()[0] == "250"
                assert c.say("NOOP")[0] == "250"
                assert c.say("MAIL FROM:<>")[0] == "250"
                assert c.say("DATA")[0] == "503"
                assert c.say("QUIT")[0] == "221"
        for name in ("ada", "ben"):
            got = s.messages(name)
            assert len(got) == 2 and behind_trace(got[0]) == b"Subject: l\r\n\r\nhello\r\n"
            assert b" with LMTP id " in got[0] and b"(local)" in got[1], got
        with smtplib.LMTP("127.0.0.1", s.lmtp) as c:
            c.starttls(context=tls())
            c.sendmail("a@example.org", [ADA], "Subject: tls\r\n\r\nx\r\n")
        assert b" with LMTPS id " in s.messages("ada")[2]


def test_lmtp_refuses_one_recipient_and_takes_the_other():
    """Somebody is removed between RCPT and the end of the data."""
    with Server() as s:
        with Raw(("127.0.0.1", s.lmtp)) as c:
            assert c.transaction(ADA, BEN, hello="LHLO front") == ["250", "250"]
            assert c.say("DATA")[0] == "354"
            s.admin("account", "remove", ADA)
            code, words = c.say(b"Subject: l\r\n\r\nhello\r\n.\r\n")
            assert code == "550" and "5.1.1" in words, words
            assert c.reply()[0] == "250"
        assert len(s.messages("ben")) == 1


def test_chunks_arrive_as_they_were_sent():
    binary = b"Subject: b\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\n\r\x01\r\n.\r\n\xff" + bytes(range(256)) * 1000
    with Server() as s:
        with Raw(("127.0.0.1", s.smtp)) as c:
            assert c.transaction(ADA, mail="MAIL FROM:<a@example.org> BODY=BINARYMIME") == ["250"]
            for at in range(0, len(binary), 100001):
                piece = binary[at:at + 100001]
                assert c.say(b"BDAT %d\r\n" % len(piece) + piece)[0] == "250"
            assert c.say("BDAT 0 LAST")[0] == "250"
            assert c.transaction(ADA, hello=None) == ["250"]
            assert c.say(b"BDAT 12 LAST\r\nA: b\n\nhello\n")[0] == "554"
            assert c.transaction(ADA, hello=None) == ["250"]
            assert c.say(b"BDAT 14 LAST\r\nA: b\r\n\r\n.\r\nx\r\n")[0] == "250"
        got = s.messages()
        assert len(got) == 2, len(got)
        assert behind_trace(got[0]) == binary and behind_trace(got[1]) == b"A: b\r\n\r\n.\r\nx\r\n"


def proxy(ip="192.0.2.7", command=0x21, port=1234):
    data = socket.inet_aton(ip) + socket.inet_aton("198.51.100.1") + struct.pack("!HH", port, 25)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, 0x11]) + struct.pack("!H", len(data)) + data


def test_a_load_balancer_tells_whose_connection_it_is():
    from harness import free_port
    port = free_port()
    with Server(settings=["listen-smtp-proxy = 127.0.0.1:%d" % port, "smtp-rate-connections = 3"]) as s:
        with Raw(("127.0.0.1", port), first=proxy()[:9]) as c:
            time.sleep(0.2)
            c.s.sendall(proxy()[9:] + b"EHLO x\r\n")
            assert c.reply()[0] == "220" and c.reply()[0] == "250"
            assert c.transaction(ADA, hello=None) == ["250"]
            assert c.say("DATA")[0] == "354"
            assert c.say(b"Subject: p\r\n\r\n.\r\n")[0] == "250"
        assert b"[192.0.2.7]" in s.messages()[0]
        assert any("192.0.2.7" in line for line in s.log("connect"))
        # A health check of the balancer itself.
        with Raw(("127.0.0.1", port), first=proxy(command=0x20)) as c:
            assert c.reply()[0] == "220"
        # Nothing is believed without a header, and nobody else is.
        with Raw(("127.0.0.1", port), first=b"EHLO x\r\n") as c:
            assert c.f.read(10) == b""
        # Nor is a header that comes byte by byte waited for.
        with Raw(("127.0.0.1", port), first=b"\r\n\r\n") as c:
            began = time.monotonic()
            try:
                for byte in proxy()[4:] * 2:
                    c.s.sendall(bytes([byte]))
                    time.sleep(0.8)
            except OSError:
                pass
            assert time.monotonic() - began < 15
        # The limits are the client's.
        codes = []
        for _ in range(5):
            with Raw(("127.0.0.1", port), first=proxy("192.0.2.8")) as c:
                codes.append(c.reply()[0])
        assert codes == ["220"] * 3 + ["421"] * 2, codes
        with Raw(("127.0.0.1", port), first=proxy("203.0.113.9")) as c:
            assert c.reply()[0] == "220"
    with Server(settings=["listen-smtp-proxy = 127.0.0.1:%d" % port, "proxy-from = 192.0.2.0/24"]) as s:
        with Raw(("127.0.0.1", port)) as c:
            assert c.f.read(10) == b""
        assert counters(s)["refused-without-proxy"] == 1


def test_limits_by_the_minute():
    with Server(settings=["limit-exceptions = 127.0.0.1", "smtp-rate-connections = 4", "smtp-rate-messages = 5",
                          "smtp-rate-recipients = 8", "smtp-rate-errors = 6", "smtp-rate-bytes = 200000"]) as s:
        def client(ip):
            return Raw(("127.0.0.1", s.smtp), source=ip)
        codes = []
        for _ in range(6):
            with client("127.0.1.2") as c:
                codes.append(c.reply()[0])
        assert codes == ["220"] * 4 + ["421"] * 2, codes
        with client("127.0.2.2") as c:      # messages: the sixth of this minute
            codes = [c.transaction(ADA)]
            for _ in range(5):
                c.say("RSET")
                codes.append(c.transaction(ADA, hello=None))
            assert codes == [["250"]] * 5 + [["450"]], codes
        with client("127.0.3.2") as c:      # recipients
            codes = c.transaction(*[ADA] * 10)
            assert codes == ["250"] * 8 + ["450"] * 2, codes
        with client("127.0.4.2") as c:      # errors: unknown recipients among them
            assert c.transaction("x@" + DOMAIN, "y@" + DOMAIN, "z@" + DOMAIN) == ["550"] * 3
            assert [c.say("EXPN x")[0] for _ in range(4)] == ["502"] * 4
            assert c.reply()[0] == "421"
        with client("127.0.4.2") as c:
            code, words = c.reply()
            assert code == "421" and "too many errors" in words, words
        with client("127.0.5.2") as c:      # bytes
            assert c.transaction(ADA) == ["250"] and c.say("DATA")[0] == "354"
            for _ in range(40):
                c.s.sendall(b"x" * 9998 + b"\r\n")
            assert c.say(b".\r\n")[0] == "450"
        n = counters(s)
        for kind in ("connections", "messages", "recipients", "errors", "bytes"):
            assert n["over-rate-" + kind] > 0, n
        for _ in range(10):                 # the exception is not counted
            s.send(ADA, "Subject: x\r\n\r\nx\r\n")
        assert len(s.messages()) == 10


def test_a_message_that_goes_in_circles_is_refused():
    hop = "Received: from a.test by b.test;\r\n\tTue, 24 Nov 2026 12:00:00 +0000\r\n"
    with Server() as s:
        s.send(ADA, hop * 100 + "Subject: far\r\n\r\nReceived: not a field\r\n")
        try:
            s.send(ADA, hop * 101 + "Subject: round\r\n\r\nx\r\n")
            assert False, "taken"
        except smtplib.SMTPDataError as e:
            assert e.smtp_code == 554 and b"5.4.6" in e.smtp_error and b"circles" in e.smtp_error, e
        assert len(s.messages()) == 1


def test_our_own_address_as_a_literal():
    with Server() as s:
        with Raw(("127.0.0.1", s.smtp)) as c:
            assert c.transaction("postmaster@[127.0.0.1]", "postmaster", "ada@[192.0.2.1]", "postmaster@[192.0.2.1]") == \
                ["250", "250", "550", "550"]
            assert c.say("DATA")[0] == "354" and c.say(b"Subject: x\r\n\r\n.\r\n")[0] == "250"
        assert len(s.messages()) == 1


def test_a_message_whose_answer_nobody_heard_comes_once():
    """The client is gone before 250 is said, and sends again; but the same bytes after a heard 250 are another message."""
    import os
    import signal
    text = b"Subject: twice\r\nMessage-ID: <1@x>\r\n\r\nx\r\n.\r\n"

    def begin(s):
        c = Raw(("127.0.0.1", s.smtp))
        assert c.transaction(ADA, BEN) == ["250", "250"] and c.say("DATA")[0] == "354"
        return c
    with Server() as s:
        s.send([ADA], "Subject: first\r\n\r\nx\r\n")
        pid = s.pids("intake")[0]
        os.kill(pid, signal.SIGSTOP)
        c = begin(s)
        c.s.sendall(text)
        time.sleep(0.3)
        c.close()
        time.sleep(0.3)
        os.kill(pid, signal.SIGCONT)
        until(lambda: len(s.messages()) == 2 and len(s.messages("ben")) == 1)      # ben's process starts for it
        with begin(s) as c:
            assert c.say(text)[0] == "250"
        assert counters(s)["repeated"] == 1
        assert len(s.messages("ada")) == 2 and len(s.messages("ben")) == 1
        with begin(s) as c:
            assert c.say(text)[0] == "250"
        assert len(s.messages("ada")) == 3 and len(s.messages("ben")) == 2


def test_a_silent_connection_ends_with_words():
    with Server(settings=["smtp-timeout = 5"]) as s:
        with Raw(("127.0.0.1", s.smtp)) as c:
            assert c.reply()[0] == "220"
            code, words = c.reply()         # silent for five seconds
            assert code == "421" and "silent" in words, words


def test_a_busy_connection_does_not_last_for_ever():
    with Server(settings=["smtp-session-time = 5"]) as s:
        with Raw(("127.0.0.1", s.smtp)) as c:
            assert c.transaction(ADA) == ["250"] and c.say("DATA")[0] == "354"
            began = time.monotonic()
            try:
                while time.monotonic() - began < 20:        # a byte now and then
                    c.s.sendall(b"x")
                    time.sleep(0.3)
            except OSError:
                pass
            took = time.monotonic() - began
            assert 4 < took < 12, took
        assert s.messages() == []


main()
