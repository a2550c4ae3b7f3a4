"""The table of what a file outside the project is, and the judgement of a whole trace."""

from __future__ import annotations

import pytest

from repro.model.secret_names import looks_secret
from repro.model.watching.judged_trace import Known, gather, judge
from repro.model.watching.trace import Access, Trace
from repro.model.watching.watch_rules import Role, Surroundings, environment_prefix, role_of

AROUND = Surroundings(b"/home/ann", (b"/home/ann/venv", b"/opt/python"), (b"/home/ann/.local/share/repro",))

ROWS = {
    b"/proc/cpuinfo": Role.KERNEL,
    b"/dev/shm/x": Role.KERNEL,
    b"/home/ann/.local/share/repro/objects/ab/c": Role.OWN,
    b"/home/ann/venv/lib/python3.12/site-packages/numpy/x.so": Role.ENVIRONMENT,
    b"/opt/python/lib/python3.12/os.py": Role.ENVIRONMENT,
    b"/home/bob/other/lib/python3.11/os.py": Role.OTHER_ENVIRONMENT,
    b"/srv/env/pyvenv.cfg": Role.OTHER_ENVIRONMENT,
    b"/usr/share/fonts/truetype/dejavu.ttf": Role.FONTS,
    b"/home/ann/.fonts/x.ttf": Role.FONTS,
    b"/usr/lib/x86_64-linux-gnu/libc.so.6": Role.SYSTEM,
    b"/usr/lib/python3/dist-packages/apt.py": Role.SYSTEM,
    b"/etc/ld.so.cache": Role.SYSTEM,
    b"/etc/ssl/certs/ca-certificates.crt": Role.SYSTEM,
    b"/usr/share/zoneinfo/UTC": Role.SYSTEM,
    b"/usr/local/cuda-12.4/lib64/libcudart.so": Role.SYSTEM,
    b"/opt/intel/mkl/lib/libmkl.so": Role.SYSTEM,
    b"/home/ann/.cache/pip/x": Role.CACHE,
    b"/home/ann/.bashrc": Role.START_UP,
    b"/home/ann/.gitconfig": Role.START_UP,
    b"/srv/.pyenv/libexec/pyenv-exec": Role.START_UP,
    b"/srv/pyenv/version": Role.START_UP,
    b"/srv/pyenv/versions.csv": Role.INPUT,
    b"/home/ann/.ssh/id_ed25519": Role.SECRET,
    b"/home/ann/.aws/config": Role.SECRET,
    b"/etc/tool/server.key": Role.SECRET,
    b"/home/ann/.config/matplotlib/matplotlibrc": Role.INPUT,
    b"/home/ann/.cache/huggingface/hub/model.safetensors": Role.INPUT,
    b"/home/bob/.bashrc": Role.INPUT,
    b"/etc/odbc.ini": Role.INPUT,
    b"/usr/share/dict/words": Role.INPUT,
    b"/opt/datasets/x.csv": Role.INPUT,
    b"/data/x": Role.INPUT,
    b"/librarian/x": Role.INPUT,
    b"/tmp/x": Role.INPUT,
}


@pytest.mark.parametrize("path", ROWS)
def test_each_kind_of_file(path: bytes) -> None:
    assert role_of(path, AROUND) is ROWS[path]


def test_without_a_home_no_path_is_in_it() -> None:
    assert role_of(b"/home/ann/.bashrc", Surroundings(None)) is Role.INPUT


SECRETS = [".env", ".env.local", "prod.env", "server.pem", "id_rsa", "a/.ssh/config", "Credentials.json", "kaggle.json"]
SECRETS += ["hf_token", ".netrc", "secrets.yaml", "api_key.txt", ".aws/anything"]
OPEN = ["tokenizer.json", "environment.yaml", "id_rsa.pub", ".env.example", "monkey.csv", "secretary.txt", "cacert.pem"]


@pytest.mark.parametrize("name", SECRETS)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name.encode())


@pytest.mark.parametrize("name", OPEN)
def test_names_that_are_no_secrets(name: str) -> None:
    assert not looks_secret(name.encode())


def test_the_prefix_of_an_environment() -> None:
    assert environment_prefix(b"/srv/e/lib/python3.11/site-packages/a.py") == b"/srv/e"
    assert environment_prefix(b"/srv/e/pyvenv.cfg") == b"/srv/e"


def known(*code: bytes, items: tuple[bytes, ...] = (), exclude: tuple[str, ...] = ()) -> Known:
    return Known(b"/p", AROUND, frozenset(code).__contains__, frozenset(items), exclude)


def trace_of(*reads: bytes) -> Trace:
    trace = Trace()
    for path in reads:
        trace.read(path)
    return trace


def test_inside_the_project_a_file_is_code_data_noise_a_secret_or_an_input() -> None:
    trace = trace_of(b"/p/train.py", b"/p/data/a/b", b"/p/x.cfg", b"/p/.env", b"/p/.git/HEAD", b"/p/__pycache__/a.pyc")
    trace.read(b"/p/v/lib/python3.11/os.py")
    trace.read(b"/p/a.log")
    judged = judge(trace, known(b"train.py", items=(b"data",), exclude=("*.log",)))
    assert judged.inputs == [b"x.cfg"]
    assert judged.secrets == [b".env"]
    assert judged.code == {b"train.py"}
    assert judged.used == {b"data": {b"a/b"}}
    assert judged.environments == {b"/p/v"}
    assert dict(judged.read) | {"made": 0} == judged.read


def test_a_link_from_the_project_into_the_store_is_a_use_of_the_data() -> None:
    trace = trace_of(b"/home/ann/.local/share/repro/objects/ab/c")
    trace.aliases.add(b"/p/data/large.bin")
    judged = judge(trace, known(items=(b"data",)))
    assert (judged.used, judged.links) == ({b"data": {b"large.bin"}}, [])


def test_a_listed_directory_of_data_is_used() -> None:
    trace = Trace()
    trace.listed |= {b"/p/data", b"/p/data/sub", b"/p", b"/p/ignored", b"/usr/lib", b"/"}
    judged = judge(trace, known(items=(b"data",)))
    assert judged.used == {b"data": {b"./", b"sub/"}}
    assert judged.listed == [b"data", b"data/sub", b"ignored"]


def test_temporary_files_are_nobodys_outputs_and_others_outside_are_named() -> None:
    trace = Trace()
    for path in (b"/tmp/x", b"/home/ann/result", b"/home/ann/.cache/pip/x", b"/p/out", b"/dev/null"):
        trace.opened(path, Access.WRITE | Access.EMPTY)
    judged = judge(trace, known())
    assert (judged.written, judged.made_outside) == ([b"out"], [b"/home/ann/result"])


def test_many_files_of_one_directory_are_one_item_unless_something_else_is_in_it() -> None:
    files = [b"d/sub/%02d" % number for number in range(20)]
    assert gather([*files, b"one"], lambda folder: False) == {b"d": files, b"one": [b"one"]}
    assert gather(files, lambda folder: folder == b"d") == {b"d/sub": files}
    assert gather(files[:19], lambda folder: False) == {path: [path] for path in files[:19]}
    absolute = [b"/" + path for path in files]
    assert gather(absolute, lambda folder: False) == {b"/d": absolute}
