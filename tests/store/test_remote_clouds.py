"""What is particular to Google's and Azure's stores, beyond what every kind of remote must do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from repro.store.open_remote import open_remote
from repro.store.storages.errors import RemoteRefused, UnsupportedRemote
from repro.store.storages.google import GoogleStorage
from tests.remote_servers import serving


def test_a_bucket_that_does_not_exist_is_refused(gs_url: str) -> None:
    with pytest.raises(RemoteRefused, match="no-such-bucket") as caught:
        open_remote("gs://no-such-bucket/p", os.environ).prepare()
    assert caught.value.exit_code == 5


def test_a_container_that_does_not_exist_is_refused(az_url: str) -> None:
    with pytest.raises(RemoteRefused, match="ContainerNotFound") as caught:
        open_remote("az://no-such-container/p", os.environ).prepare()
    assert "container's name" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("url", "module", "extra"), [("gs://bucket/p", "google.auth", "gs"), ("az://c/p", "azure.identity", "azure")]
)
def test_without_the_package_one_is_told_what_to_install(url: str, module: str, extra: str) -> None:
    script = (
        f"import sys\nsys.modules[{module!r}] = None\nfrom repro.store.open_remote import open_remote\n"
        "from repro.errors import RemoteError\n"
        f"try:\n    open_remote({url!r}, {{'AZURE_STORAGE_ACCOUNT_NAME': 'ann'}}).size('runs/a')\n"
        "except RemoteError as error:\n    print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith(f"pip install 'repro-run[{extra}]'\n")


@pytest.mark.parametrize("url", ["gs:///p", "gs://A_/p", "az:///p", "az://Upper/p", "az://c/p"])
def test_a_url_that_means_nothing_or_an_account_that_nobody_names_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedRemote):
        open_remote(url, {})


def test_a_wrong_key_is_refused_and_one_is_told_where_it_is_looked_for(az_url: str) -> None:
    wrong = re.sub("AccountKey=[^;]*", "AccountKey=d3Jvbmc=", os.environ["AZURE_STORAGE_CONNECTION_STRING"])
    with pytest.raises(RemoteRefused, match="HTTP 403") as caught:
        open_remote(az_url, {"AZURE_STORAGE_CONNECTION_STRING": wrong}).prepare()
    assert "AZURE_STORAGE_CONNECTION_STRING" in (caught.value.hint or "")


def test_the_account_may_be_in_the_url_and_the_key_in_a_variable(az_url: str) -> None:
    said = dict(part.split("=", 1) for part in os.environ["AZURE_STORAGE_CONNECTION_STRING"].split(";") if part)
    open_remote(az_url, os.environ).put_bytes("runs/a.yaml", b"x")
    container, _, prefix = az_url.partition("://")[2].partition("/")
    given = {
        "AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint={said['BlobEndpoint']};AccountName=devstoreaccount1",
        "AZURE_STORAGE_ACCOUNT_KEY": said["AccountKey"],
    }
    url = f"abfss://{container}@devstoreaccount1.dfs.core.windows.net/{prefix}"
    assert open_remote(url, given).read("runs/a.yaml", 1) == b"x"


def test_a_shared_access_signature_will_do(az_url: str) -> None:
    """It is made here as in "Create an account SAS", for the version of 2021-08-06."""
    said = dict(part.split("=", 1) for part in os.environ["AZURE_STORAGE_CONNECTION_STRING"].split(";") if part)
    asked = {"sp": "rwdlac", "ss": "b", "srt": "sco", "st": "", "se": "2100-01-01T00:00:00Z", "sip": "", "spr": ""}
    asked |= {"sv": "2021-08-06", "ses": ""}
    text = "".join(f"{part}\n" for part in (said["AccountName"], *asked.values()))
    made = hmac.new(base64.b64decode(said["AccountKey"]), text.encode(), hashlib.sha256).digest()
    signature = urlencode({**{name: value for name, value in asked.items() if value}, "sig": base64.b64encode(made)})
    given = f"BlobEndpoint={said['BlobEndpoint']};SharedAccessSignature={signature}"
    remote = open_remote(az_url, {"AZURE_STORAGE_CONNECTION_STRING": given})
    remote.put_bytes("runs/a.yaml", b"x")
    assert remote.list("runs") == ["runs/a.yaml"]
    assert remote.read("runs/a.yaml", 1) == b"x"


class _Tokens(BaseHTTPRequestHandler):
    """What gives a token to who signs with the key of an account."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"access_token": "told", "expires_in": 3600, "token_type": "Bearer"}')

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


def test_googles_credentials_are_used_as_google_auth_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)) as server:
        account = {"type": "service_account", "client_email": "ann@example.org", "private_key": pem}
        account["token_uri"] = f"http://127.0.0.1:{server.server_address[1]}/"
        (tmp_path / "account.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        headers: dict[str, str] = {}
        storage = GoogleStorage("gs://bucket/p", {})
        storage._sign("GET", "/storage/v1/b/bucket/o", {}, headers)
    assert headers["authorization"] == "Bearer told"
