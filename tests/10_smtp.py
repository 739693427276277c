#!/usr/bin/env python3
"""Mail comes in: swaks and smtplib over SMTP and STARTTLS, what is refused and with which words."""
import smtplib
import socket

from harness import DOMAIN, Server, behind_trace, main, run, tls, until


def swaks(server, *words, check=True):
    return run(["swaks", "--server", "127.0.0.1:%d" % server.smtp, "--from", "sender@example.org", "--to",
                "ada@" + DOMAIN, *words], check=check)


def test_swaks_delivers_in_the_clear_and_over_starttls():
    with Server() as s:
        assert "250 2.0.0" in swaks(s, "--header", "Subject: one")
        assert "~> QUIT" in swaks(s, "--header", "Subject: two", "--tls")
        text = b"".join(s.messages())
        assert b"Subject: one" in text and b"Subject: two" in text
        assert b"with ESMTP id" in text and b"with ESMTPS id" in text
        assert s.log("tls"), "no TLS in the log"


def test_unknown_recipients_and_relaying_are_refused_with_words():
    with Server() as s, smtplib.SMTP("127.0.0.1", s.smtp) as c:
        c.ehlo()
        c.mail("a@example.org")
        code, words = c.rcpt("eva@" + DOMAIN)
        assert code == 550 and words.startswith(b"5.1.1"), words
        code, words = c.rcpt("eva@elsewhere.test")
        assert code == 550 and b"5.7.1" in words and b"relay" in words, words
        for trick in ("ada%elsewhere.test@" + DOMAIN, "\"eva@elsewhere.test\"@" + DOMAIN, "@x.test:eva@elsewhere.test"):
            code, words = c.rcpt(trick)
            assert code in (550, 553, 501), (trick, words)


def test_several_recipients_of_one_account_are_one_delivery():
    with Server() as s:
        s.admin("alias", "add", "info@" + DOMAIN, "ada@" + DOMAIN)
        s.send(["ada@" + DOMAIN, "info@" + DOMAIN, "ada+news@" + DOMAIN, "ADA@" + DOMAIN.upper(), "ben@" + DOMAIN],
               "Subject: many\r\n\r\nhello\r\n")
        assert len(s.messages("ada")) == 1 and len(s.messages("ben")) == 1


def test_a_second_message_of_a_connection_goes_to_its_own_recipients_only():
    with Server() as s, smtplib.SMTP("127.0.0.1", s.smtp) as c:
        c.sendmail("a@example.org", ["ada@" + DOMAIN], "Subject: 1\r\n\r\n.\r\n")
        c.sendmail("a@example.org", ["ben@" + DOMAIN], "Subject: 2\r\n\r\n.\r\n")
        assert len(s.messages("ada")) == 1 and len(s.messages("ben")) == 1


def test_a_large_message_arrives_whole_and_a_larger_one_is_refused():
    body = ("x" * 70 + "\r\n") * 100000
    with Server(settings=["message-size = 8M"]) as s:
        s.send("ada@" + DOMAIN, "Subject: big\r\n\r\n" + body)
        assert behind_trace(s.messages()[0]) == ("Subject: big\r\n\r\n" + body).encode()
        with smtplib.SMTP("127.0.0.1", s.smtp) as c:
            c.ehlo()
            assert c.esmtp_features["size"] == str(8 << 20)
            assert c.docmd("MAIL", "FROM:<a@example.org> SIZE=9000000")[0] == 552
        try:
            with smtplib.SMTP("127.0.0.1", s.smtp) as c:
                c.helo("x.test")
                c.sendmail("a@example.org", ["ada@" + DOMAIN], body + body)
            raise AssertionError("a message over the limit was taken")
        except smtplib.SMTPDataError as e:
            assert e.smtp_code == 552, e
        assert len(s.messages()) == 1


def talk(server, data):
    """Sends bytes at once, returns all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.smtp)) as c:
        c.settimeout(20)
        c.sendall(data)
        got = b""
        while True:
            part = c.recv(65536)
            if not part:
                return got
            got += part


def test_another_protocol_or_host_is_refused_by_tls():
    import ssl
    for alpn, name in ((["http/1.1"], "localhost"), (["imap"], "elsewhere.test")):
        with Server() as s, socket.create_connection(("127.0.0.1", s.imaps)) as c:
            context = tls()
            context.set_alpn_protocols(alpn)
            try:
                context.wrap_socket(c, server_hostname=name)
                raise AssertionError("the handshake went through: %s %s" % (alpn, name))
            except ssl.SSLError:
                pass


def test_msmtp_that_sends_an_address_as_the_server_name_is_served():
    with Server() as s:
        run(["msmtp", "--host=127.0.0.1", "--port=%d" % s.smtp, "--tls=on", "--tls-starttls=on", "--tls-certcheck=off",
             "--from=a@example.org", "ada@" + DOMAIN], input="Subject: by msmtp\n\nhello\n")
        assert b"Subject: by msmtp" in s.messages()[0]


def test_http_is_turned_away():
    with Server() as s:
        got = talk(s, b"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b.test>\r\n")
        assert b"421" in got and b"250 2.1.0" not in got, got


def test_trace_shows_the_way_of_a_message_and_of_a_login():
    with Server(settings=["log-debug = yes"]) as s:
        out = swaks(s)
        id = out.split("Message taken as ")[1].split()[0]
        until(lambda: s.log("mail-accepted"))
        lines = s.admin("trace", id)
        for role in ("edge-smtp", "intake", "account"):
            assert '"role": "%s"' % role in lines, lines
        s.login().logout()
        id = until(lambda: s.log("session"))[0].split()[2]
        lines = s.admin("trace", id)
        for role in ("edge-mail", "directory", "account"):
            assert '"role": "%s"' % role in lines, lines


main()
