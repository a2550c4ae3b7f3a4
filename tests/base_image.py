"""A small base image with a shell and Python in it, made of Debian's packages without an engine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

EPOCH = 1700000000
_PACKAGES = (
    *("libc6", "zlib1g", "libexpat1", "libssl3", "busybox-static", "base-files"),
    *("python3.11-minimal", "libpython3.11-minimal"),
)
_SHELL = (
    *("sh", "ls", "cat", "cp", "mv", "rm", "mkdir", "env", "id", "sleep", "touch", "date", "chmod", "head", "yes"),
    *("tail", "grep", "sed", "true", "false", "echo", "kill", "test", "printf", "tty", "stty", "wc", "sha256sum"),
)
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/locale")


def write_base_image(folder: Path, name: str) -> tuple[Path, str]:
    """Write `docker load`'s archive of the base image, and return its path and the image's id."""
    return write_image(folder, name, _layer(folder))


def write_image(folder: Path, name: str, layer: bytes, architecture: str = "amd64") -> tuple[Path, str]:
    """Write `docker load`'s archive of an image with one layer, a tar; return its path and the image's id."""
    diff_id = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "base"}],
    }
    data = json.dumps(config, separators=(",", ":")).encode()
    image = hashlib.sha256(data).hexdigest()
    path = folder / f"{image}.tar"
    manifest = [{"Config": f"{image}.json", "RepoTags": [name], "Layers": [f"{diff_id}.tar"]}]
    with tarfile.open(path, "w") as archive:
        members = ((f"{image}.json", data), (f"{diff_id}.tar", layer), ("manifest.json", json.dumps(manifest).encode()))
        for member, content in members:
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path, image


def _layer(folder: Path) -> bytes:
    root = folder / "root"
    if not root.exists():
        debs = folder / "debs"
        debs.mkdir()
        _download(debs, _PACKAGES)
        _unpack(sorted(debs.glob("*.deb")), root)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            info = archive.gettarinfo(str(path), arcname=path.relative_to(root).as_posix())
            info.mtime, info.uid, info.gid, info.uname, info.gname = EPOCH, 0, 0, "", ""
            archive.addfile(info, io.BytesIO(path.read_bytes()) if info.isreg() else None)
    return out.getvalue()


def _download(folder: Path, packages: Sequence[str]) -> None:
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages]
    if subprocess.run(command, cwd=folder, capture_output=True).returncode:
        subprocess.run(["apt-get", "-q", "update"], check=True, capture_output=True)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _unpack(debs: Sequence[Path], root: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):  # merged /usr: else a package would make /lib a directory
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    status = []
    for deb in debs:
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", str(root)], input=tar, check=True)
        said = subprocess.run(
            ["dpkg-deb", "-f", str(deb), "Package", "Version"], check=True, capture_output=True, text=True
        )
        status.append(f"{said.stdout.strip()}\nStatus: install ok installed\n")
    for name in _LEFT_OUT:
        subprocess.run(["rm", "-rf", str(root / name)], check=True)
    for name in ("tmp", "proc", "sys", "dev", "root"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for name in _SHELL:
        if not (root / "bin" / name).exists():
            os.symlink("busybox", root / "bin" / name)
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").write_text("\n".join(status))
