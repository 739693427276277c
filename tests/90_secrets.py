#!/usr/bin/env python3
"""Who holds the server key, and the accounts' keys: read from the memory of the running processes. Needs root."""
import ctypes
import os
import signal
import sqlite3
import time

from harness import DOMAIN, Server, main, marks

pytestmark = marks("plain", "root")


def memory(pid):
    """The readable private memory of a process, in pieces."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as mem:
        for line in maps:
            place, rights = line.split()[:2]
            if not rights.startswith("r") or "[v" in line:
                continue
            a, b = (int(x, 16) for x in place.split("-"))
            try:
                mem.seek(a)
                yield mem.read(b - a)
            except (OSError, ValueError, OverflowError):
                pass


def holds(pid, secret):
    return any(secret in piece for piece in memory(pid))


def test_only_keys_holds_the_server_key():
    with Server() as s:
        key = open(s.data + "/keys/server.key", "rb").read()
        assert len(key) == 32
        m = s.login()
        s.send("ada@" + DOMAIN, "Subject: x\r\n\r\nhello\r\n")
        assert holds(s.pids("keys")[0], key), "the search finds nothing even where the key is"
        for role in ("accounts", "directory", "intake", "relay", "edge-smtp", "edge-mail", "hasher"):
            assert not holds(s.pids(role)[0], key), role
        for pid in s.account_pids() + [s.process.pid]:
            assert not holds(pid, key), pid
        m.logout()


def hkdf(key, label):
    import hashlib
    import hmac
    prk = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(prk, label + b"\1", hashlib.sha256).digest()


def test_the_parent_holds_no_derived_key_either():
    with Server() as s:
        m = s.login()
        key = open(s.data + "/keys/server.key", "rb").read()
        wrap = hkdf(key, b"wrap accounts")
        assert holds(s.pids("keys")[0], wrap), "the derivation here is not that of db/db.h"
        parent = s.pids("accounts")[0]
        for label in (b"wrap accounts", b"service keys", b"service directory", b"service relay"):
            assert not holds(parent, hkdf(key, label)), label
        m.logout()


def random_blocks(pid):
    """32-byte blocks, aligned to 8, of the heap that look like keys: no zero byte, hardly a byte twice."""
    found = set()
    for piece in memory(pid):
        for at in range(0, len(piece) - 31, 8):
            block = piece[at:at + 32]
            if 0 not in block and len(set(block)) >= 26:
                found.add(block)
    return found


def test_the_parent_shares_no_key_like_block_with_an_account():
    """What an account's process has and looks like a key (its key, and those derived from it) its parent has not, but for
    constants that both have from their libraries: those that a second account's process has as well."""
    with Server() as s:
        one = s.login("ada")
        first = s.account_pids()
        two = s.login("ben")
        second = [p for p in s.account_pids() if p not in first]
        a, b = random_blocks(first[0]), random_blocks(second[0])
        own = a - b
        assert own, "no account key was found where it must be"
        assert not own & random_blocks(s.pids("accounts")[0])
        one.logout()
        two.logout()


main()
