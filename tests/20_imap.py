#!/usr/bin/env python3
"""Mail is read: curl and Python's imaplib over IMAPS and STARTTLS; every test message comes back as it was sent."""
import glob
import imaplib
import os
import re
import socket
import threading
import time

from harness import DOMAIN, PASSWORD, TOP, Server, behind_trace, main, run, tls

MESSAGES = sorted(glob.glob(TOP + "/tests/data/messages/**/*.eml", recursive=True))


def test_every_message_comes_back_as_it_was_sent():
    assert len(MESSAGES) >= 60, MESSAGES
    with Server() as s:
        sent = []
        for path in MESSAGES:
            raw = open(path, "rb").read()
            # SMTP carries CRLF alone: other line ends are made so, a CR in a line cannot travel at all.
            text = re.sub(rb"\r*\n", b"\r\n", raw)
            if b"\r" in text.replace(b"\r\n", b"") or b"\0" in text:
                text = text.replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\0", b"").replace(b"\n", b"\r\n")
            if not text.endswith(b"\r\n"):
                text += b"\r\n"
            s.send("ada@" + DOMAIN, text)
            sent.append(text)
        got = s.messages()
        assert len(got) == len(sent)
        for path, a, b in zip(MESSAGES, sent, got):
            assert behind_trace(b) == a, path


def test_every_message_is_appended_as_it_is(monkeypatch):
    with Server() as s:
        m = s.login()
        m.create("Raw")
        texts = [open(path, "rb").read() for path in MESSAGES]
        texts = [t for t in texts if b"\0" not in t]        # RFC 9051 section 9: a literal of APPEND holds no NUL
        monkeypatch.setattr(imaplib, "MapCRLF", re.compile(b"(?!)"))       # it would make CRLF of all line ends
        for t in texts:
            assert m.append("Raw", "", None, t)[0] == "OK"
        got = s.messages(box="Raw")
        assert got == texts
        m.select("Raw")
        typ, data = m.fetch("1:*", "(ENVELOPE BODYSTRUCTURE RFC822.SIZE)")
        assert typ == "OK"
        sizes = [int(x) for x in re.findall(rb"RFC822.SIZE (\d+)", b" ".join(
            x[0] + x[1] if isinstance(x, tuple) else x for x in data))]
        assert sizes == [len(t) for t in texts], sizes
        m.logout()


def test_curl_reads_over_imaps_and_starttls():
    with Server() as s:
        s.send("ada@" + DOMAIN, "Subject: for curl\r\n\r\nhello\r\n")
        for url in ("imaps://127.0.0.1:%d/INBOX;UID=1" % s.imaps,):
            out = run(["curl", "-sSk", url, "-u", "ada@%s:%s" % (DOMAIN, PASSWORD)])
            assert "Subject: for curl" in out
        out = run(["curl", "-sSk", "--ssl-reqd", "imap://127.0.0.1:%d/INBOX;UID=1" % s.imap, "-u",
                   "ada@%s:%s" % (DOMAIN, PASSWORD)])
        assert "Subject: for curl" in out


def test_imaplib_does_a_days_work():
    with Server() as s:
        m = s.login()
        assert m.create("Work/2026")[0] == "OK"
        assert m.subscribe("Work/2026")[0] == "OK"
        names = b" ".join(m.list()[1])
        for want in (b"INBOX", b"Work/2026", rb"\Sent", rb"\Trash", rb"\Drafts"):
            assert want in names, names
        for i in range(5):
            m.append("Work/2026", r"(\Seen)" if i % 2 else None, None, b"Subject: n%d\r\n\r\nbody %d\r\n" % (i, i))
        assert m.select("Work/2026")[1] == [b"5"]
        status = m.status("Work/2026", "(MESSAGES UNSEEN UIDNEXT)")[1][0]
        for want in (b"MESSAGES 5", b"UNSEEN 3", b"UIDNEXT 6"):
            assert want in status, status
        assert m.store("2", "+FLAGS", r"(\Flagged $Label)")[0] == "OK"
        assert rb"\Flagged" in m.fetch("2", "(FLAGS)")[1][0]
        m.copy("1:2", "INBOX")
        m.store("3:4", "+FLAGS", r"(\Deleted)")
        assert len(m.expunge()[1]) == 2
        m.close()
        assert m.select("INBOX")[1] == [b"2"]
        assert m.search(None, "SUBJECT", "n1")[1] == [b"2"]
        assert m.delete("Work/2026")[0] == "OK"
        m.logout()


def test_fetchmail_and_offlineimap_fetch_everything():
    with Server() as s:
        for i in range(5):
            s.send("ada@" + DOMAIN, "Message-ID: <m%d@x.test>\r\nSubject: n%d\r\n\r\nhello\r\n" % (i, i))
        folder = s.folder.name
        with open(folder + "/fetchmailrc", "w") as f:
            f.write('poll localhost service %d protocol IMAP user "ada@%s" password "%s" ssl sslproto TLS1.2+ no sslcertck '
                    'mda "cat >> %s/fetched" keep fetchall\n' % (s.imaps, DOMAIN, PASSWORD, folder))
        os.chmod(folder + "/fetchmailrc", 0o600)
        run(["fetchmail", "-f", folder + "/fetchmailrc", "--nosyslog"], env=dict(os.environ, FETCHMAILHOME=folder))
        assert open(folder + "/fetched").read().count("Subject: n") == 5
        with open(folder + "/offlineimaprc", "w") as f:
            f.write("[general]\naccounts = a\nmetadata = %s/meta\n[Account a]\nlocalrepository = l\nremoterepository = r\n"
                    "[Repository l]\ntype = Maildir\nlocalfolders = %s/md\n[Repository r]\ntype = IMAP\n"
                    "remotehost = localhost\nremoteport = %d\nremoteuser = ada@%s\nremotepass = %s\nssl = yes\n"
                    "sslcacertfile = %s/tls/cert.pem\n" % (folder, folder, s.imaps, DOMAIN, PASSWORD, s.data))
        run(["offlineimap", "-c", folder + "/offlineimaprc", "-o", "-u", "basic"])
        assert run(["find", folder + "/md/INBOX", "-type", "f"]).count("\n") == 5


def test_a_delivery_wakes_an_idle_session():
    with Server() as s:
        m = s.login()
        m.select("INBOX")
        m.send(b"x1 IDLE\r\n")
        assert m.readline().startswith(b"+ ")
        began = time.monotonic()
        s.send("ada@" + DOMAIN, "Subject: wake\r\n\r\nhello\r\n")
        line = m.readline()
        assert b"1 EXISTS" in line, line
        assert time.monotonic() - began < 5
        m.send(b"DONE\r\nx2 NOOP\r\n")      # Apple Mail: both in one packet
        answers = [m.readline(), m.readline()]
        while not answers[-1].startswith(b"x2"):
            answers.append(m.readline())
        assert any(a.startswith(b"x1 OK") for a in answers), answers
        m.shutdown()


def test_wrong_passwords_get_one_answer_and_no_login_without_tls():
    with Server() as s:
        answers = []
        for user, password in (("ada", "wrong-password"), ("nobody", PASSWORD)):
            try:
                s.login(user, password)
                raise AssertionError("logged in")
            except imaplib.IMAP4.error as e:
                answers.append(str(e))
        assert answers[0] == answers[1] and "AUTHENTICATIONFAILED" in answers[0], answers
        m = imaplib.IMAP4("127.0.0.1", s.imap)
        assert "LOGINDISABLED" in m.capabilities
        try:
            m.login("ada@" + DOMAIN, PASSWORD)
            raise AssertionError("logged in without TLS")
        except imaplib.IMAP4.error as e:
            assert "PRIVACYREQUIRED" in str(e), e
        m.starttls(tls())
        m.login("ada@" + DOMAIN, PASSWORD)
        m.logout()


def test_app_passwords_have_a_scope_and_can_be_read_only():
    with Server() as s:
        import json
        made = json.loads(s.admin("account", "app-password", "ada@" + DOMAIN, "--name", "reader", "--read-only"))
        m = s.login(password=made["app_password"])
        assert m.append("INBOX", None, None, b"x\r\n\r\ny\r\n")[0] == "NO"
        try:
            m.select("INBOX")
            raise AssertionError("a read-only password selected for writing")
        except imaplib.IMAP4.readonly:
            pass
        assert m.select("INBOX", readonly=True)[0] == "OK"
        m.logout()
        made = json.loads(s.admin("account", "app-password", "ada@" + DOMAIN, "--name", "other", "--scope", "pop3"))
        try:
            s.login(password=made["app_password"])
            raise AssertionError("an app password for POP3 opened IMAP")
        except imaplib.IMAP4.error:
            pass


def test_a_client_that_does_not_read_and_one_that_is_slow_disturb_nobody():
    with Server() as s:
        big = b"Subject: big\r\n\r\n" + b"y" * 200000 + b"\r\n"
        m = s.login()
        for _ in range(20):
            m.append("INBOX", None, None, big)
        lazy = s.login()
        lazy.select("INBOX")
        for _ in range(50):
            lazy.send(b"z FETCH 1:* BODY.PEEK[]\r\n")       # 200 MB of answers, of which not one byte is read
        slow = socket.create_connection(("127.0.0.1", s.smtp))

        def drip():
            for byte in b"EHLO slow.test\r\nMAIL FROM:<a@b.test>\r\n":
                slow.send(bytes([byte]))
                time.sleep(0.05)
        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        for _ in range(10):
            s.send("ada@" + DOMAIN, "Subject: quick\r\n\r\nhello\r\n")
            s.send("ben@" + DOMAIN, "Subject: quick\r\n\r\nhello\r\n")
        other = s.login()
        assert other.select("INBOX")[1] == [b"30"]
        assert time.monotonic() - began < 20
        thread.join()
        slow.close()
        lazy.shutdown()
        other.logout()


main()
