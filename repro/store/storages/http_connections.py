"""Connections over HTTP for remotes: limits of time, proxies, and which failure of urllib3 is which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from repro.store.storages import storage
from repro.store.storages.storage import PlaceRefuses

if TYPE_CHECKING:
    from urllib3 import PoolManager

PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Of the statuses that are failures, those that may pass by themselves."""

_MOST_REDIRECTS = 5


def make_pool(url: str, environ: Mapping[str, str], headers: Mapping[str, str]) -> PoolManager:
    """Return a pool of connections for one place, which threads may share. Nothing in it is tried twice.

    Args:
        url: of the place, without credentials: it says which proxy there is.
        environ: where `http_proxy`, `https_proxy` and `no_proxy` are looked for, in lower and upper case.
        headers: which go along with every request.
    """
    from urllib.parse import urlsplit

    from urllib3 import PoolManager, ProxyManager, Retry, Timeout

    parts = urlsplit(url)
    proxy = _proxy_for(parts.scheme, parts.netloc, environ)
    headers = {**headers, "Accept-Encoding": "identity"}
    retries = Retry(_MOST_REDIRECTS, connect=0, read=0, status=0, other=0)  # `Remote` repeats
    timeout = Timeout(connect=storage.CONNECT_TIMEOUT, read=storage.READ_TIMEOUT)
    most = storage.CONNECTIONS
    if proxy:
        return ProxyManager(proxy, headers=headers, retries=retries, timeout=timeout, maxsize=most)
    return PoolManager(headers=headers, retries=retries, timeout=timeout, maxsize=most)


@contextmanager
def http_errors() -> Iterator[None]:
    """Turn urllib3's failures into OSErrors as `storages.storage.Storage` has them.

    Raises:
        ConnectionError: it may succeed later.
        PlaceRefuses: it will not.
    """
    from urllib3 import exceptions

    try:
        yield
    except exceptions.HTTPError as error:
        cause = error.reason if isinstance(error, exceptions.MaxRetryError) else error
        if isinstance(cause, exceptions.SSLError):
            hint = "check the server's certificate; SSL_CERT_FILE names further authorities"
            raise PlaceRefuses(str(cause), hint) from error
        if isinstance(cause, (exceptions.ResponseError, exceptions.LocationValueError)):
            raise PlaceRefuses(str(cause)) from error  # redirects without end, or no URL
        raise ConnectionError(str(cause)) from error


def _proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy's URL, by the variables that curl and Python's own library look at."""
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

    known = {
        name: environ.get(f"{name}_proxy") or environ.get(f"{name.upper()}_PROXY", "") for name in (scheme, "all", "no")
    }
    if proxy_bypass_environment(host, {"no": known["no"]}):
        return None
    proxy = known[scheme] or known["all"]
    return (proxy if "://" in proxy else f"http://{proxy}") if proxy else None
