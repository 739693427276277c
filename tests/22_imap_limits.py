#!/usr/bin/env python3
"""IMAP's limits, before and after login: what is too much gets words, and costs no more than they do."""
import contextlib
import socket
import ssl

from harness import DOMAIN, PASSWORD, Server, main, tls, until


class Line:
    """A connection over TLS, line by line."""

    def __init__(self, server):
        self.s = tls().wrap_socket(socket.create_connection(("127.0.0.1", server.imaps), timeout=20))
        self.f = self.s.makefile("rb")
        self.greeting = self.f.readline()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.f.close()
        self.s.close()

    def send(self, text):
        try:
            self.s.sendall(text)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass        # it closed in the middle; what it said is still read

    def ask(self, tag, text):
        """Sends a command; the lines up to its tagged answer, which is the last."""
        self.send(tag + b" " + text + b"\r\n")
        got = []
        while not got or not got[-1].startswith(tag + b" "):
            got.append(self.f.readline())
            assert got[-1], (text[:100], got)
        return got

    def login(self):
        got = self.ask(b"l", b'LOGIN "ada@%s" "%s"' % (DOMAIN.encode(), PASSWORD.encode()))
        assert got[-1].startswith(b"l OK"), got
        return self


def test_500_commands_before_login_are_not_free():
    with Server() as s:
        for word in (b"NOOP", b"CAPABILITY", b"ID NIL"):
            with Line(s) as c:
                c.send(b"a %s\r\n" % word * 500)
                lines = c.f.read().splitlines()
                assert sum(x.startswith(b"a OK") for x in lines) == 50, len(lines)
                assert lines[-1] == b"* BYE Too many commands before login; connect again", lines[-1]
        with Line(s) as c:      # what a client does before it logs in is far below that
            for word in (b"CAPABILITY", b"ID (\"name\" \"x\")", b"NOOP") * 10:
                assert c.ask(b"a", word)[-1].startswith(b"a OK")
            c.login()
            for _ in range(100):
                assert c.ask(b"a", b"NOOP")[-1].startswith(b"a OK")


def test_an_id_beyond_its_limits_is_refused_and_no_more():
    """RFC 2971 section 3.3: 30 fields, names of 30 octets, values of 1,024."""
    def line(fields, name, value):
        return b"ID (" + b" ".join(b'"%s" "%s"' % (b"n" * name, b"v" * value) for _ in range(fields)) + b")"

    with Server() as s, Line(s) as c:
        for login in (False, True):
            if login:
                c.login()
            for row in ((1, 30, 1024), (30, 30, 50)):
                assert c.ask(b"a", line(*row))[-1].startswith(b"a OK"), row
            for row in ((31, 1, 1), (1, 31, 1), (1, 1, 1025), (1, 1, 9000), (1, 9000, 1), (300, 1, 40), (1, 1, 100000)):
                if row[2] == 100000 and not login:
                    continue    # more than is passed over before login
                got = c.ask(b"a", line(*row))
                assert len(got) == 1 and got[0].startswith(b"a BAD ") and len(got[0]) > 25, (row, got)
                assert c.ask(b"b", b"NOOP")[-1].startswith(b"b OK")


def test_a_name_cannot_turn_the_log_round():
    """What a stranger typed as a user name stands in the log so that two that differ look different."""
    names = ["ada\u202etset.elpmaxe@", "ada\u200b@" + DOMAIN, "ada\u2028root@x", "ada\x9b2J@x", "ada\u3000login=root@x"]
    with Server() as s:
        for name in names:
            with Line(s) as c:
                got = c.ask(b"a", b'LOGIN "%s" wrong' % name.encode())
                assert got[-1].startswith(b"a NO"), got
        shown = s.admin("log")
        for name in names:
            hidden = next(ch for ch in name if ord(ch) > 126)
            assert hidden not in shown, ascii(hidden)
            assert "".join("\\\\x%02x" % b for b in hidden.encode()) in shown, (ascii(hidden), shown[-3000:])


def test_large_messages_side_by_side_have_a_bound():
    with Server() as s, contextlib.ExitStack() as all_of_them:
        lines = [all_of_them.enter_context(Line(s)) for _ in range(12)]
        said = []
        for line in lines:
            line.login()
            line.send(b"a APPEND INBOX {52000000}\r\n")
            said.append(line.f.readline())
        assert [x[:2] for x in said] == [b"+ "] * 5 + [b"a "] * 7, said
        assert all(b"NO [UNAVAILABLE]" in x and b"other sessions" in x for x in said[5:]), said[5:]
        assert lines[6].ask(b"b", b"NOOP")[-1].startswith(b"b OK")       # it is only put off
        lines[0].f.close()
        lines[0].s.close()
        until(lambda: (lines[6].send(b"d APPEND INBOX {52000000}\r\n"), lines[6].f.readline())[1].startswith(b"+ "))


main()
