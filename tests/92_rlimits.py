#!/usr/bin/env python3
"""The limits that safety rests on are those that src/proc/roles.h says, in each running process: nobody relies on the machine's."""
import re
import resource

from harness import TOP, Server, main, marks

pytestmark = marks("plain")      # under the sanitizers there is no limit of address space

SETTINGS = {"ROLE_CONNECTIONS": ("connections", 700), "ROLE_ACCOUNT_PROCESSES": ("account-processes", 10)}
ROWS = ["Max open files", "Max address space", "Max core file size", "Max file size"]


def rows():
    """{role: {limit: what it must be}}, from the table. The columns are numbers, sums and shifts: 4ULL << 30."""
    table = open(TOP + "/src/proc/roles.h").read()
    table = table[table.index("#define ROLES_STARTED"):table.index("#define ROLE_COUNT")]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    found = {}
    for text, columns in re.findall(r'ROLE\(\d+, \w+, \w+, "([\w-]+)",(.*?)(?=ROLE\(|\Z)', table, re.S):
        descriptors = re.search(r"\.descriptors = \{(\d+)(?:, (\w+), (\d+))?\}", columns)
        memory = re.search(r"\.memory = (\d+)ULL << (\d+)", columns)
        if not descriptors:
            continue
        fixed, grows, times = descriptors.groups()
        n = int(fixed) + (SETTINGS[grows][1] * int(times) if grows else 0)
        found[text] = {"Max open files": n if most == resource.RLIM_INFINITY else min(n, most),
                       "Max address space": int(memory.group(1)) << int(memory.group(2)),
                       "Max core file size": 0, "Max file size": 1 << 40}
    return found


def limits(pid):
    """{limit: (soft, hard)}"""
    found = {}
    for line in open("/proc/%d/limits" % pid):
        words = re.split(r"\s{2,}", line.strip())
        if words[0] in ROWS:
            found[words[0]] = tuple(-1 if word == "unlimited" else int(word) for word in words[1:3])
    return found


def test_each_process_has_the_limits_of_its_row():
    with Server(settings=["%s = %d" % s for s in SETTINGS.values()]) as s:
        m = s.login()
        looked_at = set()
        for role, want in rows().items():
            for pid in s.account_pids() if role == "account" else s.pids(role):
                looked_at.add(role)
                got = limits(pid)
                for name in ROWS:
                    assert got[name] == (want[name], want[name]), "%s: %s is %s and not %d" % (role, name, got[name], want[name])
        assert looked_at == set(rows()) and "account" in looked_at and len(looked_at) >= 9, looked_at
        m.logout()


main()
