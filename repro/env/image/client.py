"""The process that stands for a container: what it gets, the command gets, and it ends as the command does.

It has the streams, the terminal and the signals, as `docker run` has; repro starts it in the command's place. It is
given two descriptors: one to read a `ContainerSpec` from, one to write a `ContainerEnd` to.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import signal
import sys
import tarfile
import threading
from collections.abc import Mapping
from typing import Any

from repro.env.image.engine import Engine, EngineRefused, EngineStopped, engine_at, engine_errors
from repro.env.image.graphics import device_request
from repro.env.image.identity import find_image
from repro.env.image.reaper import Reaper, owner_labels, remove, remove_left_over
from repro.env.image.streams import INIT_FAILURES, Streams, has_terminal, raw_terminal, terminal_size
from repro.errors import ReproError
from repro.model.environments.container import ContainerEnd, ContainerSpec, end_to_json, spec_from_json

_PR_SET_PDEATHSIG = 1  # prctl(2)
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_NOT_EXECUTABLE, _NOT_FOUND, _FAILED = 126, 127, 125
_DEFAULT_UMASK = 0o022
_UNINTERESTING = ("/tmp", "/var/tmp", "/run", "/proc", "/sys", "/dev", "/etc")


def main(spec_fd: int, end_fd: int) -> int:
    """Run a container to its end and return the exit code, which is the command's if it started."""
    _end_with_parent()
    signals = _listen()
    with open(spec_fd, "rb") as file:
        spec = spec_from_json(file.read())
    os.set_inheritable(end_fd, False)
    started: list[str] = []
    try:
        end = _run(spec, signals, started)
    except ReproError as error:
        end = ContainerEnd(error=(error.id, error.message, error.hint), started=bool(started))
    with open(end_fd, "wb") as file:
        file.write(end_to_json(end))
    if end.exit_code is not None:
        return end.exit_code
    return {"not-found": _NOT_FOUND, "not-executable": _NOT_EXECUTABLE}.get(end.missing or "", _FAILED)


def _end_with_parent() -> None:
    """Be killed when repro is: then the reaper removes the container."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(_FAILED)


def _listen() -> int:
    """Return a descriptor that the numbers of signals come from; what was ignored stays ignored (nohup)."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for one in (*_FORWARDED, signal.SIGWINCH):
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, lambda number, frame: None)
    return read


def _run(spec: ContainerSpec, signals: int, started: list[str]) -> ContainerEnd:
    reaper = Reaper(spec.engine, spec.name, os.environ)
    with engine_at(spec.engine, os.environ) as engine:
        api: Any = engine.client.api
        try:
            return _run_with(engine, spec, signals, started)
        finally:
            with contextlib.suppress(EngineStopped), engine_errors("remove the container"):
                remove(api, spec.name)
                reaper.dismiss()
                remove_left_over(api)


def _run_with(engine: Engine, spec: ContainerSpec, signals: int, started: list[str]) -> ContainerEnd:
    api: Any = engine.client.api
    terminal = has_terminal()
    with engine_errors("create the container"):
        container = _create(engine, spec, terminal)
        _name_user(api, container, spec)
        connection = _attach(api, container)
        api.start(container)
    started.append(container)

    def on_signal(number: int) -> None:
        with contextlib.suppress(ReproError), engine_errors("hand a signal on"):  # it may just have ended
            api.kill(container, signal=number)

    def on_resize(lines: int, columns: int) -> None:
        with contextlib.suppress(ReproError), engine_errors("resize the terminal"):
            api.resize(container, height=lines, width=columns)

    streams = Streams(connection, terminal, on_signal, on_resize)
    if terminal:
        on_resize(*terminal_size())
    ended, result = _wait(api, container)
    with raw_terminal() if terminal else contextlib.nullcontext():
        streams.run(signals, ended)
    if "StatusCode" not in result:
        raise EngineStopped(
            f"the container engine went away while the command ran in it: {result.get('error', 'it said nothing')}",
            "start the engine again; it ends what it had been running, and repro removes that container then",
        )
    return _ended(api, container, spec, int(result["StatusCode"]), streams.held)


def _create(engine: Engine, spec: ContainerSpec, terminal: bool) -> str:
    from docker.types import DeviceRequest, Mount

    api: Any = engine.client.api
    podman = engine.name.startswith("Podman")
    options: dict[str, Any] = {}
    if spec.gpus:
        options["device_requests"] = [DeviceRequest(**device_request(engine.name, spec.gpus))]
    if spec.cpus is not None:
        options["cpuset_cpus"] = ",".join(map(str, spec.cpus))
    attributes = find_image(engine, spec.image)
    if attributes is None:
        raise EngineRefused(f"the container engine no longer has the image sha256:{spec.image[:12]}", "try again")
    of_image = _variables(attributes)
    environ, tmpfs = _home(spec, of_image, podman=podman)
    if spec.python_path:
        python_path = [*spec.python_path, *filter(None, [environ.get("PYTHONPATH", of_image.get("PYTHONPATH"))])]
        environ["PYTHONPATH"] = ":".join(python_path)
    host = api.create_host_config(
        mounts=[Mount(m.target, m.source, type="bind", read_only=not m.writable) for m in spec.mounts],
        tmpfs=tmpfs,
        network_mode=spec.network,
        init=True,
        security_opt=["no-new-privileges", "label=disable"],
        group_add=[str(group) for group in spec.user.groups],
        **options,
    )
    if podman and spec.user.uid:
        # Else a container of a user's has other owners than the user. The SDK knows Docker's words only.
        host["UsernsMode"] = "keep-id"
    created = api.create_container(
        attributes["Id"],
        entrypoint=_command(spec),
        command=[],
        hostname=None if spec.network == "host" else spec.host,
        user=f"{spec.user.uid}:{spec.user.gid}",
        environment=environ,
        working_dir=spec.directory,
        stdin_open=True,
        tty=terminal,
        name=spec.name,
        labels={**spec.labels, **owner_labels(spec.name)},
        host_config=host,
        healthcheck={"test": ["NONE"]},
    )
    return str(created["Id"])


def _command(spec: ContainerSpec) -> list[str]:
    """An engine takes no umask: where it is another than containers have, a shell of the image sets it."""
    if spec.umask == _DEFAULT_UMASK:
        return list(spec.command)
    return ["/bin/sh", "-c", f'umask {spec.umask:04o} && exec "$@"', "sh", *spec.command]


def _variables(image: Mapping[str, Any]) -> dict[str, str]:
    pairs = (image.get("Config") or {}).get("Env") or ()
    return {name: value for name, _, value in (str(pair).partition("=") for pair in pairs)}


def _home(spec: ContainerSpec, of_image: Mapping[str, str], *, podman: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables, and what is mounted for HOME.

    The image's HOME wins, and root's is the image's; anybody else gets an empty one where the run's user has it.
    """
    user = spec.user
    if "HOME" in of_image:
        return {**spec.environ, "HOME": of_image["HOME"]}, {}
    if user.uid == 0:
        return {**spec.environ, "HOME": "/root"}, {}
    covered = any(user.home == m.target or user.home.startswith(m.target.rstrip("/") + "/") for m in spec.mounts)
    owner = "mode=1777" if podman else f"uid={user.uid},gid={user.gid},mode=0700"  # Podman knows no owner here
    tmpfs = {} if covered or user.home == "/" else {user.home: f"rw,exec,{owner}"}
    return {**spec.environ, "HOME": user.home}, tmpfs


def _name_user(api: Any, container: str, spec: ContainerSpec) -> None:
    """Give the user a line in the image's list of users, where it has none: programs ask for the name."""
    user = spec.user
    users = _read(api, container, "/etc/passwd")
    if any(line.split(":")[2:3] == [str(user.uid)] for line in users):
        return
    name = f"{user.name}{user.uid}" if any(line.split(":")[0] == user.name for line in users) else user.name
    home = user.home if ":" not in user.home and user.home.isprintable() else "/"
    lines = [*users, f"{name}:x:{user.uid}:{user.gid}:{name}:{home}:/bin/sh"]
    data = "".join(line + "\n" for line in lines).encode()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("passwd")
        info.size, info.mode = len(data), 0o644
        archive.addfile(info, io.BytesIO(data))
    import docker.errors

    with contextlib.suppress(docker.errors.NotFound):  # an image without /etc
        api.put_archive(container, "/etc", tar.getvalue())


def _read(api: Any, container: str, path: str) -> list[str]:
    import docker.errors

    try:
        blocks, _ = api.get_archive(container, path)
    except docker.errors.NotFound:
        return []
    with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        return file.read().decode("utf-8", "replace").splitlines() if file else []


def _attach(api: Any, container: str) -> Any:
    found = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    return getattr(found, "_sock", found)


def _wait(api: Any, container: str) -> tuple[int, dict[str, Any]]:
    """Return a descriptor that can be read from once the container has ended, and where the engine's answer is then."""
    read, write = os.pipe()
    result: dict[str, Any] = {}

    def wait() -> None:
        try:
            with engine_errors("wait for the container"):
                result.update(api.wait(container))
        except ReproError as error:
            result["error"] = error.message
        finally:
            os.close(write)

    threading.Thread(target=wait, daemon=True).start()
    return read, result


def _ended(api: Any, container: str, spec: ContainerSpec, code: int, held: bytes) -> ContainerEnd:
    missing = _missing(code, held)
    if missing is not None:
        return ContainerEnd(missing=missing)
    if held:
        os.write(2, held)
    with engine_errors("see what the command left in the container"):
        changes = [str(change["Path"]) for change in api.diff(container) or ()]
    return ContainerEnd(code, changed=tuple(_told(changes, spec)))


def _missing(code: int, held: bytes) -> str | None:
    """Return why the engine's init did not start the command, by what it said; None where it did, or said nothing."""
    if not held.startswith(INIT_FAILURES):
        return None
    if code == _NOT_FOUND or b"No such file or directory" in held:
        return "not-found"
    return "not-executable" if code == _NOT_EXECUTABLE or b"Permission denied" in held else None


def _told(changes: list[str], spec: ContainerSpec) -> list[str]:
    """Return what the command left in the container, without folders of what else is named, and what nobody keeps."""
    targets = [spec.user.home, *(mount.target for mount in spec.mounts)]
    targets += [path for path in changes if path.endswith("/docker-init")]  # where the engine mounts its init
    kept = [
        path
        for path in changes
        if not any(path == place or path.startswith(place + "/") for place in (*_UNINTERESTING, *targets))
        and not any(target.startswith(path + "/") for target in targets)
    ]
    return [path for path in kept if not any(other.startswith(path + "/") for other in kept)][:100]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
