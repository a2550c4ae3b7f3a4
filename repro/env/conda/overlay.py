"""The project's own packages on top of a conda environment: in a virtual environment, since the other is shared."""

from __future__ import annotations

import os

from repro.env.kinds import RealiseRequest
from repro.env.pip.archive_folder import lay_out
from repro.env.pip.install_failures import failure_of
from repro.env.pip.project_installs import install_project
from repro.env.pip.uv_process import index_arguments, run_uv
from repro.env.realised import PrefixEnvironment
from repro.model.dataclass import replace
from repro.model.environments.environment import ProjectInstall


def with_project(
    made: PrefixEnvironment, installs: tuple[ProjectInstall, ...], request: RealiseRequest
) -> PrefixEnvironment:
    """Return an environment that has the project's packages as well; it lies in the request's folder.

    Raises:
        UnsafeInstall: a path leaves the checkout.
        EnvironmentNotMade, IndexUnreachable and their siblings: uv failed.
    """
    assert request.checkout_root is not None
    prefix = os.path.join(request.folder, "environment")
    command = ["venv", "--quiet", "--relocatable", "--system-site-packages", "--no-project"]
    python = os.path.join(made.bin_dir, "python")
    result = run_uv([*command, "--python", python, prefix], request.environ, request.folder)
    if result.returncode:
        raise failure_of(result, "make a virtual environment for the project's own packages")
    _install(installs, prefix, request)
    variables = {**made.variables, "VIRTUAL_ENV": prefix}
    bin_dir = os.path.join(prefix, "bin")
    return replace(made, prefix=prefix, bin_dir=bin_dir, further_bin_dirs=(made.bin_dir,), variables=variables)


def _install(installs: tuple[ProjectInstall, ...], prefix: str, request: RealiseRequest) -> None:
    assert request.checkout_root is not None
    wheels = [file for file in request.archive if file.name.endswith(".whl")]
    install_project(
        installs,
        prefix,
        request.checkout_root,
        request.environ,
        archive=["--offline", "--no-index", "--find-links", lay_out(request, wheels)] if wheels else (),
        index=index_arguments(request.environ, request.offline),
    )
