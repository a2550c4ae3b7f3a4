"""Environments of other kinds than `pip`, with what belongs to them, each with every field."""

from __future__ import annotations

from repro.model.data.content import ObjectRef
from repro.model.environments.archive import Archive, ArchivedFile
from repro.model.environments.conda_lock import CondaLock, LockedFile
from repro.model.environments.environment import BuiltFrom, CondaEnvironment, ImageEnvironment
from repro.model.environments.environment_record import environment_id
from tests.model.some_records import ENVIRONMENT, digest

CONDA = CondaEnvironment(
    platform="linux-64",
    lock=ObjectRef(digest("6"), 900),
    packages=(("numpy", "2.1.0 py311h_0"), ("python", "3.11.7 h1_0"), ("six", "1.16.0 pyhd_0")),
    pip=(("six", "1.17.0"), ("wheeled", "1.0+cpu")),
    virtual=(("__cuda", "12.4"), ("__glibc", "2.36")),
    python=ENVIRONMENT.python,
    project=ENVIRONMENT.project,
    vcs=ENVIRONMENT.vcs,
    wheels=ENVIRONMENT.wheels,
    unlocked=("odd",),
)
IMAGE = ImageEnvironment(
    image="a" * 64,
    platform="linux/arm64/v8",
    references=(f"localhost:5000/team/image@sha256:{'b' * 64}",),
    built_from=BuiltFrom(
        ObjectRef(digest("7"), 80), (("debian:12", f"sha256:{'c' * 64}"),), (("VERSION", "3"),), digest("b")
    ),
    packages=(("bash", "5.2"),),
    unlocked=("local",),
)

SIX = LockedFile(
    name="six",
    version="1.16",
    manager="conda",
    platform="linux-64",
    url="https://example.org/chan/noarch/six-1.16-pyh_0.tar.bz2",
    sha256="a" * 64,
    md5="b" * 32,
    build="pyh_0",
    dependencies=(("python", ">=3.9"),),
)
ALPHA = LockedFile("alpha", "1.0", "pip", "linux-64", "https://example.org/alpha-1.0-py3-none-any.whl", "c" * 64)
CONDA_LOCK = CondaLock(
    platforms=("linux-64",),
    channels=(("https://example.org/t/$TOKEN/chan", ("TOKEN",)),),
    packages=(SIX, ALPHA),
    virtual={"linux-64": ("__glibc=2.28=0", "__unix=0=0")},
    needs={"linux-64": ("__cuda >=12", "__glibc >=2.17,<3.0.a0")},
    content_hash={"linux-64": "d" * 64},
    site_packages={"linux-64": "lib/python3.13t/site-packages"},
    sources=("environment.yml",),
)

ARCHIVE = Archive(
    environment=environment_id(CONDA),
    kind="conda",
    files=(
        ArchivedFile("alpha-1.0-py3-none-any.whl", "c" * 64, ObjectRef(digest("a"), 11)),
        ArchivedFile("noarch/six-1.16-pyh_0.tar.bz2", "a" * 64, ObjectRef(digest("9"), 10)),
    ),
)
