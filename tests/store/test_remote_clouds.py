"""What is particular to Google's and Azure's stores, beyond what every kind of remote must do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from repro.store.open_remote import open_remote
from repro.store.remote_errors import RemoteRefused


def test_a_bucket_that_does_not_exist_is_refused(gs_url: str) -> None:
    with pytest.raises(RemoteRefused, match="no-such-bucket") as caught:
        open_remote("gs://no-such-bucket/p").prepare()
    assert caught.value.exit_code == 5


def test_a_container_that_does_not_exist_is_refused(az_url: str) -> None:
    with pytest.raises(RemoteRefused, match="ContainerNotFound") as caught:
        open_remote("az://no-such-container/p").prepare()
    assert "container's name" in (caught.value.hint or "")


@pytest.mark.parametrize(("url", "module", "extra"), [("gs://b/p", "gcsfs", "gs"), ("az://c/p", "adlfs", "azure")])
def test_without_the_package_one_is_told_what_to_install(url: str, module: str, extra: str) -> None:
    script = (
        f"import sys\nsys.modules[{module!r}] = None\nfrom repro.store.open_remote import open_remote\n"
        "from repro.store.remote_errors import UnsupportedRemote\n"
        f"try:\n    open_remote({url!r})\nexcept UnsupportedRemote as error:\n    print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"pip install 'repro-run[{extra}]'\n"
