from __future__ import annotations

import pytest

from repro.env.pip.lock_file import HEADER, BadLock, LockedPackage, lock_text, parse_lock

A = "a" * 64
B = "b" * 64

PACKAGES = (
    LockedPackage("six", "1.16.0", None, (B, A)),
    LockedPackage("archive", None, "https://example.org/archive-1.0-py3-none-any.whl", (A,)),
)


def test_a_lock_is_hashed_requirements_sorted_by_name() -> None:
    assert lock_text(PACKAGES) == (
        f"{HEADER}\n"
        "archive @ https://example.org/archive-1.0-py3-none-any.whl \\\n"
        f"    --hash=sha256:{A}\n"
        "six==1.16.0 \\\n"
        f"    --hash=sha256:{A} \\\n"
        f"    --hash=sha256:{B}\n"
    )


def test_what_was_written_is_read_back() -> None:
    assert parse_lock(lock_text(PACKAGES).encode()) == (
        LockedPackage("archive", None, "https://example.org/archive-1.0-py3-none-any.whl", (A,)),
        LockedPackage("six", "1.16.0", None, (A, B)),
    )


def test_an_empty_lock_is_a_lock() -> None:
    assert parse_lock(lock_text(()).encode()) == ()


HOSTILE = {
    "an option": "--index-url https://evil.example/simple",
    "an option with a hash": f"--index-url https://evil.example/simple \\\n    --hash=sha256:{A}",
    "an editable": f"-e . \\\n    --hash=sha256:{A}",
    "another file": "-r /etc/passwd",
    "a file URL": f"six @ file:///tmp/six.whl \\\n    --hash=sha256:{A}",
    "plain http": f"six @ http://example.org/six.whl \\\n    --hash=sha256:{A}",
    "a path": f"./six-1.16.0.whl \\\n    --hash=sha256:{A}",
    "no hash": "six==1.16.0",
    "a weak hash": "six==1.16.0 \\\n    --hash=md5:" + "a" * 32,
    "a short hash": f"six==1.16.0 \\\n    --hash=sha256:{A[:-1]}",
    "a range": f"six>=1.16.0 \\\n    --hash=sha256:{A}",
    "a marker": f"six==1.16.0 ; python_version<'3' \\\n    --hash=sha256:{A}",
    "a name not normalised": f"Six==1.16.0 \\\n    --hash=sha256:{A}",
    "a variable": f"six @ https://example.org/${{HOME}}/six.whl \\\n    --hash=sha256:{A}",
    "a credential": f"six @ https://ann:secret@example.org/six.whl \\\n    --hash=sha256:{A}",
    "an option after the hash": f"six==1.16.0 \\\n    --hash=sha256:{A} \\\n    --config-settings=x",
    "a comment": "# hello",
    "hashes out of order": f"six==1.16.0 \\\n    --hash=sha256:{B} \\\n    --hash=sha256:{A}",
    "names out of order": f"six==1 \\\n    --hash=sha256:{A}\nidna==1 \\\n    --hash=sha256:{A}",
    "a package twice": f"six==1 \\\n    --hash=sha256:{A}\nsix==2 \\\n    --hash=sha256:{A}",
    "an empty line": "",
    "a carriage return": f"six==1 \\\r\n    --hash=sha256:{A}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_lock_from_elsewhere_is_refused(body: str) -> None:
    with pytest.raises(BadLock) as caught:
        parse_lock(f"{HEADER}\n{body}\n".encode())
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("data", [b"", b"six==1.0\n", b"# repro pip lock 2\n", b"# repro pip lock 1", b"\xff\xfe"])
def test_a_lock_without_its_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadLock):
        parse_lock(data)
