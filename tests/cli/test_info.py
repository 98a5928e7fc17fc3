from firth.base import flags
from firth.cli import info


def test_report_holds_every_fact_on_its_own_line():
    names = [line.split()[0] for line in info.report().splitlines()]
    assert names[0] == "python"
    assert set(info.PACKAGES) <= set(names)
    assert {flag.name for flag in flags.TABLE} <= set(names)


def test_version_of_something_not_installed():
    assert info._version("no-such-package-at-all") == "not installed"
