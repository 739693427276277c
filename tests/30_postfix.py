#!/usr/bin/env python3
"""Debian's Postfix, with a configuration of its own on loopback, relays mail here, in the clear and over STARTTLS."""
import os
import pwd
import shutil
import smtplib
import tempfile

from harness import DOMAIN, Server, free_port, main, run, until


class Postfix:
    """Needs root: Postfix's processes change their users."""

    def __init__(self, relay_port, tls):
        self.dir = tempfile.mkdtemp(prefix="posthus-postfix-")
        os.chmod(self.dir, 0o755)
        self.port = free_port()
        for name in ("etc", "queue", "lib"):
            os.makedirs(self.dir + "/" + name)
        shutil.chown(self.dir + "/lib", pwd.getpwnam("postfix").pw_name)
        self.conf = self.dir + "/etc"
        with open(self.conf + "/main.cf", "w") as f:
            f.write("""compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/lib
maillog_file = {d}/lib/log
maillog_file_prefixes = {d}
myhostname = relay.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relay_domains = {domain}
transport_maps = inline:{{ {{ {domain} = smtp:[127.0.0.1]:{port} }} }}
smtp_tls_security_level = {tls}
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_recipient_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
local_recipient_maps =
""".format(d=self.dir, domain=DOMAIN, port=relay_port, tls="encrypt" if tls else "none"))
        with open(self.conf + "/master.cf", "w") as f:
            f.write("127.0.0.1:%d inet n - n - - smtpd\n" % self.port)
            for line in ("pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
                         "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                         "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                         "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
                         "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
                         "smtp unix - - n - - smtp", "relay unix - - n - - smtp",
                         "showq unix n - n - - showq", "error unix - - n - - error", "retry unix - - n - - error",
                         "discard unix - - n - - discard", "anvil unix - - n - 1 anvil",
                         "scache unix - - n - 1 scache", "postlog unix-dgram n - n - 1 postlogd"):
                f.write(line + "\n")

    def __enter__(self):
        run(["postfix", "-c", self.conf, "start"])
        return self

    def __exit__(self, *exc):
        if exc[0] and os.path.exists(self.dir + "/lib/log"):
            print(open(self.dir + "/lib/log").read()[-3000:])
        run(["postfix", "-c", self.conf, "stop"], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def relay_some(tls):
    with Server() as s, Postfix(s.smtp, tls) as p:
        for i in range(10):
            with smtplib.SMTP("127.0.0.1", p.port) as c:
                c.sendmail("sender@example.org", ["ada@" + DOMAIN, "ben@" + DOMAIN],
                           "From: sender@example.org\r\nTo: ada@%s\r\nSubject: relayed %d\r\n\r\n.leading dot\r\n%s\r\n" %
                           (DOMAIN, i, "text " * 1000 if i % 2 else ""))
        for name in ("ada", "ben"):
            got = until(lambda: (lambda m: m if len(m) == 10 else None)(s.messages(name)), 30)
            assert all(b"\r\n.leading dot\r\n" in m for m in got)
            assert all((b"with ESMTPS id" if tls else b"with ESMTP id") in m for m in got), got[0]
        # A recipient that is not here comes back as a bounce with our words.
        with smtplib.SMTP("127.0.0.1", p.port) as c:
            c.sendmail("ada@" + DOMAIN, ["nobody@" + DOMAIN], "Subject: to nobody\r\n\r\nhello\r\n")
        bounce = until(lambda: [m for m in s.messages("ada") if b"nobody here has this address" in m], 30)
        assert b"550 5.1.1" in bounce[0] or b"550-5.1.1" in bounce[0], bounce[0]


def test_postfix_relays_in_the_clear():
    relay_some(False)


def test_postfix_relays_over_starttls():
    relay_some(True)


main()
