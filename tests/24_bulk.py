#!/usr/bin/env python3
"""Commands over a whole mailbox: while one runs, deliveries to the same account and its other sessions are answered nearly as soon as
when nothing runs (docs/failures.md, "bulk work in one transaction")."""
import os
import re
import smtplib
import socket
import statistics
import threading
import time

from harness import DOMAIN, PASSWORD, Server, main, marks

pytestmark = marks("alone")

MESSAGES = int(os.environ.get("MESSAGES", "16384"))
SLICE = 0.02        # docs/design.md: nothing holds the loop of an account's process longer
TEXT = "Subject: bulk\r\n\r\n" + "Some words of a message that is not the shortest there is.\r\n" * 20


class Sender:
    """Sends to ada over one connection, and notes how long each message took."""

    def __init__(self, server):
        self.smtp = smtplib.SMTP("127.0.0.1", server.smtp, timeout=60)

    def send(self):
        began = time.monotonic()
        self.smtp.sendmail("sender@example.org", "ada@" + DOMAIN, TEXT)
        return time.monotonic() - began


def fill(box):
    """COPY of all there is, again and again."""
    box.append("INBOX", None, None, TEXT.encode())
    box.select("INBOX")
    n = 1
    while n < MESSAGES:
        assert box.copy("1:%d" % n, "INBOX")[0] == "OK"
        n = int(box.noop()[0] == "OK" and box.select("INBOX")[1][0])


def while_it_runs(work, other):
    """How long work() took, its result, and how long each other() took that began while it ran."""
    result, took = [], []
    thread = threading.Thread(target=lambda: result.append(work()))
    began = time.monotonic()
    thread.start()
    while thread.is_alive():
        took.append(other())
    thread.join()
    return time.monotonic() - began, result[0] if result else None, took


def test_deliveries_and_other_sessions_are_not_held_up_by_bulk_commands():
    with Server(["ada"]) as s:
        box, second, sender = s.login("ada"), s.login("ada"), Sender(s)
        fill(box)
        second.select("Drafts")
        box.create("Copies")

        def other():
            began = time.monotonic()
            assert second.status("Sent", "(MESSAGES)")[0] == "OK"
            return max(time.monotonic() - began, sender.send())

        idle = statistics.median(other() for _ in range(20))
        all_of_them = "1:%d" % MESSAGES
        wrong = []
        for name, work in (
                ("STORE", lambda: box.store(all_of_them, "+FLAGS", "(\\Seen)")),
                ("STORE .SILENT", lambda: box.store(all_of_them, "+FLAGS.SILENT", "(\\Flagged)")),
                ("SEARCH TEXT", lambda: box.search(None, "TEXT", "nowhere-in-it")),
                ("COPY", lambda: box.copy(all_of_them, "Copies")),
                ("FETCH", lambda: box.fetch(all_of_them, "(UID ENVELOPE BODYSTRUCTURE)")),
                ("MOVE", lambda: box._simple_command("MOVE", "1:%d" % (MESSAGES // 2), "Archive")),
                ("STORE \\Deleted", lambda: box.store("1:%d" % (MESSAGES // 2), "+FLAGS.SILENT", "(\\Deleted)")),
                ("EXPUNGE", lambda: box.expunge())):
            box.untagged_responses.clear()
            whole, answer, took = while_it_runs(work, other)
            print("%-14s %6.2f s, %4d others, at most %.3f s (idle %.3f s)" % (name, whole, len(took), max(took), idle))
            assert answer[0] == "OK", (name, answer)
            if name == "STORE .SILENT":
                # What somebody else changes is told, and nothing of our own.
                assert len(answer[1]) < 10, len(answer[1])
            # Who waits for the end of a command waits for all of it; and five slices are no long time: a delivery waits for one at each of its
            # steps.
            if max(took) > max(whole / 2, 20 * idle, 5 * SLICE):
                wrong.append((name, whole, max(took), idle))
        assert not wrong, wrong
        sender.smtp.quit()
        assert "0" == re.search(r"MESSAGES (\d+)", box.status("Drafts", "(MESSAGES)")[1][0].decode()).group(1)
        assert int(re.search(r"MESSAGES (\d+)", box.status("Copies", "(MESSAGES)")[1][0].decode()).group(1)) == MESSAGES
        assert '"ok": true' in s.admin("account", "check", "ada@" + DOMAIN)


def test_a_large_append_that_comes_faster_than_it_is_taken_holds_nobody_up():
    with Server(["ada"], settings=["plain-login-on-loopback = yes"]) as s:
        sender = Sender(s)
        with socket.create_connection(("127.0.0.1", s.imap), timeout=60) as c:
            answers = c.makefile("rb")

            def answer(tag):
                return next(line for line in answers if line.startswith((tag, b"+")))

            c.sendall(b"a LOGIN ada@%s %s\r\n" % (DOMAIN.encode(), PASSWORD.encode()))
            assert answer(b"a").startswith(b"a OK")
            message = b"Subject: large\r\n\r\n" + (b"x" * 98 + b"\r\n") * 400000
            took = []
            for i in range(2):
                append = threading.Thread(target=c.sendall, args=(b"b APPEND INBOX {%d+}\r\n%s\r\n" % (len(message), message),))
                append.start()
                while append.is_alive():
                    took.append(sender.send())
                append.join()
                assert answer(b"b").startswith(b"b OK")
            assert max(took) < 5, took
        box = s.login("ada")
        assert box.select("INBOX", readonly=True)[1] == [b"%d" % (len(took) + 2)]
        sizes = re.findall(rb"RFC822.SIZE (\d+)", b" ".join(box.fetch("1:*", "(RFC822.SIZE)")[1]))
        assert sizes.count(b"%d" % len(message)) == 2, sizes
        box.logout()
        sender.smtp.quit()


main()
