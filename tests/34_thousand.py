#!/usr/bin/env python3
"""One message to as many recipients as a transaction may have, each an account of its own, unknown ones and repetitions among them."""
import imaplib
import json
import smtplib

from harness import DOMAIN, Server, behind_trace, main, marks, until

pytestmark = marks("alone", "plain")


def queue(server):
    return json.loads(server.admin("status"))["processes"]["relay"]["queue"]


def test_a_thousand_recipients_each_get_one():
    text = "Subject: to all\r\n\r\nhello\r\n"
    with Server(settings=["plain-login-on-loopback = yes", "queue-retry = 1", "account-idle = 3"]) as s:
        made = json.loads(s.admin("account", "add", "user%04d@" + DOMAIN, "--many", "1000", "--app-password"))
        users = ["user%04d@%s" % (i, DOMAIN) for i in range(1, 991)]
        again = ["USER%04d@%s" % (i, DOMAIN) for i in range(1, 6)] + ["user%04d+x@%s" % (i, DOMAIN) for i in range(1, 6)]
        unknown = ["unknown%02d@%s" % (i, DOMAIN) for i in range(30)]
        to = users + again
        for i, address in enumerate(unknown):
            to.insert(i * 33, address)
        late = ["user%04d@%s" % (i, DOMAIN) for i in range(991, 1001)]      # beyond the thousand of one transaction
        with smtplib.SMTP("127.0.0.1", s.smtp, timeout=60) as c:
            refused = c.sendmail("a@example.org", to + late, text)
        assert sorted(refused) == sorted(unknown + late), refused
        assert all(refused[a][0] == 550 for a in unknown) and all(refused[a][0] == 452 for a in late), refused
        until(lambda: queue(s) == 0, 60)
        for i in range(1, 1001):
            m = imaplib.IMAP4("127.0.0.1", s.imap)
            m.login("user%04d@%s" % (i, DOMAIN), made["app_password"])
            assert m.select("INBOX", readonly=True)[1] == [b"1" if i <= 990 else b"0"], i
            if i % 50 == 1 and i <= 990:
                assert behind_trace(m.fetch("1", "(BODY.PEEK[])")[1][0][1]).decode() == text
            m.logout()


main()
