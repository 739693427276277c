"""What pytest does beyond its own: refuses what would be a test that did not run, and says the sums as every test program here does."""
import os

import pytest

pytest.register_assert_rewrite("harness", "mta")


def pytest_runtest_setup(item):
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.fail("needs root", pytrace=False)
    if item.get_closest_marker("alone") and "PYTEST_XDIST_WORKER" in os.environ:
        pytest.fail("not beside other tests: without -n, or with -m 'not alone'", pytrace=False)


def sums(reporter):
    """(passed, failed). What was skipped or expected to fail is a test that did not run: failed."""
    counts = {kind: len(reporter.getreports(kind)) for kind in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")}
    passed = counts.pop("passed")
    return passed, sum(counts.values())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and sums(reporter)[1] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(config, "workerinput"):
        print("%d passed, %d failed" % sums(reporter))
