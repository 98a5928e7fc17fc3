import inspect

from firth.base import errors, flags
from firth.cli import pages
from firth.ir.op import TABLE


def test_every_op_has_its_section():
    page = pages.ops_page()
    missing = [name for name in TABLE if f"\n### {name}\n" not in page]
    assert not missing


def test_every_op_has_words():
    pages.load_table()
    assert [op.name for op in TABLE.values() if not op.doc.strip()] == []


def test_every_flag_is_on_its_page():
    page = pages.flags_page()
    assert all(f"`{flag.name}`" in page and flag.help in page for flag in flags.TABLE)


def test_every_error_is_on_its_page():
    page = pages.errors_page()
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.FirthError):
            assert f"## {name}\n" in page
            assert inspect.getdoc(cls).splitlines()[0] in page
