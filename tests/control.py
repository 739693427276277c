"""Speaks to the control socket as the command line does, page by page (src/admin/call.h, src/proc/msg.h)."""
import json
import re
import socket
import struct

from harness import TOP

NAMES = []
for kind, name in re.findall(r"^    (MSG|CALL)\((\w+),", open(TOP + "/src/proc/messages.h").read(), re.M):
    NAMES += [name] if kind == "MSG" else [name + "_ASK", name + "_TELL"]
CALL, REPLY = NAMES.index("CONTROL_ASK") + 1, NAMES.index("CONTROL_TELL") + 1


class Control:
    def __init__(self, server):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(server.data + "/control.sock")

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.socket.close()

    def send(self, command, page=b"", **values):
        items = [command.encode(), page] + [("%s=%s" % v).encode() for v in values.items()]
        self.send_items(items)

    def send_items(self, items):
        body = struct.pack("<HHQI", CALL, 0, 1, len(items))
        for item in items + [b""]:      # the last is the input, a password
            body += struct.pack("<I", len(item)) + item
        self.socket.sendall(body)

    def receive(self):
        """(error kind, next page, JSON); None when the server has closed."""
        reply = self.socket.recv(65536)
        if not reply:
            return None
        kind, = struct.unpack_from("<H", reply)
        assert kind == REPLY, kind
        failed, n = struct.unpack_from("<QI", reply, 12)      # after type, descriptors and id: the error's kind and words
        at = 24 + n
        n, = struct.unpack_from("<I", reply, at)
        following = reply[at + 4:at + 4 + n]
        return failed, following, reply[at + 4 + n + 4:].decode()

    def pages(self, command, **values):
        """All pages of an answer, as (bytes, value)."""
        following, pages = b"", []
        while True:
            self.send(command, following, **values)
            failed, following, text = self.receive()
            assert not failed, text
            pages.append((len(text), json.loads(text)))
            if not following:
                return pages
