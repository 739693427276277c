"""Compiles small programs over src/mime, for comparisons and benchmarks."""
import glob
import os
import subprocess

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
# In these two folders, but no part of the library.
NOT = ("_test.c", "_fuzz.c", "_check.c", "/test.c", "/replay.c", "/samples.c", "/count.c")


def compile_with_mime(program, *sources, flags=("-O1",), packages=()):
    """Writes `program` from sources (paths from the top of the project) and all of src/mime and src/base; returns its path."""
    library = [f for f in sum((glob.glob(TOP + "/src/%s/*.c" % folder) for folder in ("base", "mime", "compose")), []) if not f.endswith(NOT)]
    found = ""
    if packages:
        found = subprocess.run(["pkg-config", "--cflags", "--libs", *packages], check=True, stdout=subprocess.PIPE, text=True).stdout
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", *flags, "-I", TOP + "/src", "-o", program] +
                   [TOP + "/" + s for s in sources] + library + found.split() + ["-lunistring"], check=True)
    return program
