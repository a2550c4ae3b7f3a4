"""What the package managers of distributions say is installed."""

from __future__ import annotations

from repro.env.image.packages import parse_apk, parse_dpkg


def test_dpkg_tells_what_is_installed_and_not_what_was() -> None:
    text = """\
Package: libc6
Status: install ok installed
Version: 2.36-9
Description: C library
 Version: not this one

Package: gone
Status: deinstall ok config-files
Version: 1
"""
    assert parse_dpkg(text) == (("libc6", "2.36-9"),)


def test_apk_tells_name_and_version() -> None:
    assert parse_apk("C:Q1\nP:musl\nV:1.2.5-r0\n\nP:busybox\nV:1.36\nT:shell\n") == (
        ("busybox", "1.36"),
        ("musl", "1.2.5-r0"),
    )
