#!/usr/bin/env python3
"""Debian's Postfix, with a configuration of its own on loopback, relays mail here by SMTP and LMTP, in the clear and over TLS."""
import os
import pwd
import shutil
import tempfile

from harness import DOMAIN, Server, free_port, main, marks, run
from mta import relay, socket_folder

pytestmark = marks("root")


class Postfix:
    """Needs root: Postfix's processes change their users. `transport` is the way to us."""

    def __init__(self, transport, tls):
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
transport_maps = inline:{{ {{ {domain} = {transport} }} }}
smtp_tls_security_level = {tls}
lmtp_tls_security_level = {tls}
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_recipient_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
local_recipient_maps =
""".format(d=self.dir, domain=DOMAIN, transport=transport, tls="encrypt" if tls else "none"))
        with open(self.conf + "/master.cf", "w") as f:
            f.write("127.0.0.1:%d inet n - n - - smtpd\n" % self.port)
            for line in ("pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
                         "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
                         "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                         "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
                         "flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
                         "smtp unix - - n - - smtp", "lmtp unix - - n - - lmtp", "relay unix - - n - - smtp",
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


def postfix(server, transport, protocol, tls=False):
    with Postfix(transport, tls) as p:
        relay(server, p.port, protocol)
        log = open(p.dir + "/lib/log").read()
        assert "status=bounced" in log and "550 5.1.1 nobody here has this address" in log, log
        assert "250 2.0.0 Message taken as" in log, log
        assert "warning" not in log, log


def test_postfix_relays_in_the_clear():
    with Server() as s:
        postfix(s, "smtp:[127.0.0.1]:%d" % s.smtp, b"ESMTP")


def test_postfix_relays_over_starttls():
    with Server() as s:
        postfix(s, "smtp:[127.0.0.1]:%d" % s.smtp, b"ESMTPS", tls=True)


def test_postfix_relays_by_lmtp_and_port():
    with Server() as s:
        postfix(s, "lmtp:inet:127.0.0.1:%d" % s.lmtp, b"LMTP")


def test_postfix_relays_by_lmtp_and_starttls():
    with Server() as s:
        postfix(s, "lmtp:inet:127.0.0.1:%d" % s.lmtp, b"LMTPS", tls=True)


def test_postfix_relays_by_lmtp_and_socket():
    with socket_folder() as folder, Server(settings=["lmtp-socket = %s/lmtp" % folder]) as s:
        postfix(s, "lmtp:unix:%s/lmtp" % folder, b"LMTP")


main()
