"""Where Google Cloud Storage is, and who asks: endpoint and credentials from the environment.

Knows the environment variables of google-cloud-storage and of TensorStore, and google-auth, which is imported
only where there may be credentials.  Must not know requests or objects.

Endpoint: ``TENSORSTORE_GCS_HTTP_URL``, else ``STORAGE_EMULATOR_HOST``, else the service.  Credentials:
``GOOGLE_AUTH_TOKEN_FOR_TESTING`` (a token), else google-auth's default ones (a key file named by
``GOOGLE_APPLICATION_CREDENTIALS``, gcloud's, the machine's own), else none: anonymous.  An endpoint without
TLS gets no credentials but those that the environment names: a token is not for whoever listens.  The proxy
is that of the environment, as curl reads it.

Law: a token is in no repr, no error and no pickle.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from tegula.errors import InvalidArgument, PermissionDenied, TegulaError, Unavailable
from tegula.leaves.exchange import Origin, Proxy

__all__ = ["Access", "origin_of"]

SERVICE = "https://storage.googleapis.com"
PATIENCE = 5.0  # seconds from a token that did not come to the next try, while the old one lasts
SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)


def endpoint() -> str:
    """Return the base URL that the environment names."""
    named = os.environ.get("TENSORSTORE_GCS_HTTP_URL") or os.environ.get("STORAGE_EMULATOR_HOST") or SERVICE
    return (named if "://" in named else "http://" + named).rstrip("/")


def _seconds(name: str, default: float) -> float:
    try:
        found = float(os.environ.get(name, ""))
    except ValueError:
        return default
    return found if found > 0 else default


def _context() -> Any:
    import ssl

    bundle, folder = os.environ.get("TENSORSTORE_CA_BUNDLE"), os.environ.get("TENSORSTORE_CA_PATH")
    made = ssl.create_default_context(cafile=bundle or None, capath=folder or None)
    if (
        not (bundle or folder)
        and not made.get_ca_certs()
        and not os.path.isdir(ssl.get_default_verify_paths().capath or "")
    ):
        import certifi

        made.load_verify_locations(certifi.where())
    return made


def _proxy(scheme: str, host: str) -> str:
    """Return the URL of the proxy that the environment names for a host; "" where there is none.

    As curl: ``https_proxy`` and ``all_proxy`` in small or capital letters, ``http_proxy`` in small ones alone
    (a server of CGI is told the other by whoever asks), and ``no_proxy``.  This machine itself is never asked
    that way.
    """
    names = ["http_proxy"] if scheme == "http" else ["https_proxy", "HTTPS_PROXY"]
    found = next(
        (os.environ[name] for name in [*names, "all_proxy", "ALL_PROXY"] if os.environ.get(name)), ""
    )
    if not found or host == "localhost" or host.startswith("127.") or host == "::1":
        return ""
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    but = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return "" if proxy_bypass_environment(host, {"no": but}) else found


def _proxy_at(url: str) -> Proxy:
    """Return the proxy of a URL.

    Raises:
        InvalidArgument: it is none that speaks HTTP without TLS.
    """
    parts = urlsplit(url if "://" in url else "http://" + url)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        shown = url.rpartition("@")[2]
        raise InvalidArgument(f'Invalid proxy: "{shown}": expected "http://host:port"')
    headers = {}
    if parts.username is not None:
        from base64 import b64encode

        who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + b64encode(who.encode()).decode()
    return Proxy(parts.hostname, port, headers)


_origins: dict[tuple[str, float, float, str], Origin] = {}


def origin_of(url: str) -> Origin:
    """Return the server of a base URL; one for all stores that use it.

    Raises:
        InvalidArgument: it is no URL of a server.
    """
    connect = _seconds("TENSORSTORE_CURL_CONNECT_TIMEOUT_SECONDS", 20.0)
    silence = _seconds("TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS", 60.0)
    parts = urlsplit(url)
    through = _proxy(parts.scheme, parts.hostname or "")
    name = (url, connect, silence, through)
    found = _origins.get(name)
    if found is None:
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or not port or parts.path.strip("/"):
            raise InvalidArgument(f'Invalid GCS endpoint: "{url}"')
        made = Origin(
            parts.scheme,
            parts.hostname,
            port,
            connect_seconds=connect,
            silence_seconds=silence,
            tls=_context,
            proxy=_proxy_at(through) if through else None,
        )
        found = _origins.setdefault(name, made)
    return found


class Access:
    """The credentials for one endpoint, looked up on first use and refreshed when they expire."""

    def __init__(self, url: str) -> None:
        self._secure = url.startswith("https:")
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._ready = False
        self._credentials: Any = None
        self._headers: dict[str, str] = {}
        self._token: str | None = None
        self._renewed: dict[str, str] | None = None

    def __repr__(self) -> str:
        return "Access()"

    @property
    def is_at_hand(self) -> bool:
        """Whether `headers` comes back without asking anybody."""
        credentials = self._credentials
        return self._ready and (
            credentials is None or bool(credentials.token == self._token and credentials.valid)
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that say who asks; none for anonymous access.

        Raises:
            PermissionDenied: there are credentials, and they do not work.
            Unavailable: whoever grants tokens cannot be reached.
        """
        if self.is_at_hand:
            return self._headers
        if self._lasts():
            return self._renewed_early()
        with self._lock:
            if not self._ready:
                self._find()
            if self._credentials is not None and not self._credentials.valid:
                self._refresh()
            return self._headers

    def _lasts(self) -> bool:
        """Whether the token still works: google-auth wants another one some minutes before it ends."""
        credentials = self._credentials
        if not self._ready or credentials is None or not self._token or credentials.token != self._token:
            return False
        expiry: datetime | None = credentials.expiry  # in UTC, which it does not say
        return expiry is None or datetime.now(UTC).replace(tzinfo=None) < expiry

    def _renewed_early(self) -> dict[str, str]:
        """Return the headers of a new token if one comes, else those of the token that lasts a while.

        One thread asks, and after a failure nobody does for some seconds.
        """
        if time.monotonic() < self._not_before or not self._lock.acquire(blocking=False):
            return self._headers
        try:
            if not self._credentials.valid:
                self._refresh()
        except TegulaError:
            self._not_before = time.monotonic() + PATIENCE
        finally:
            self._lock.release()
        return self._headers

    def refused(self, used: dict[str, str]) -> bool:
        """Say that a request with these headers was refused; return whether others are worth a try."""
        if self._credentials is None or "authorization" not in {name.lower() for name in used}:
            return False
        with self._lock:
            if used == self._headers and used != self._renewed:
                self._refresh()
                self._renewed = self._headers  # one that is refused as well was not too old
            return used != self._headers

    def _find(self) -> None:
        token = os.environ.get("GOOGLE_AUTH_TOKEN_FOR_TESTING")
        if token:
            self._headers = {"authorization": f"Bearer {token}"}
        elif self._secure or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            import google.auth
            import google.auth.exceptions

            try:
                self._credentials, _ = google.auth.default(scopes=SCOPES)
            except google.auth.exceptions.DefaultCredentialsError as error:
                if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
                    raise _unusable(error) from None
            except Exception as error:  # of a directory, a list, members that are not there
                raise _unusable(error) from None
        self._ready = True

    def _refresh(self) -> None:
        import google.auth.exceptions
        import google.auth.transport.requests

        try:
            self._credentials.refresh(google.auth.transport.requests.Request())
        except google.auth.exceptions.TransportError as error:
            raise Unavailable(f"Failed to get a token: {type(error).__name__}") from None
        except google.auth.exceptions.GoogleAuthError as error:
            kind = Unavailable if error.retryable else PermissionDenied
            raise kind(f"Failed to get a token: {_reason(error)}") from None
        headers: dict[str, str] = {}
        self._credentials.apply(headers)
        self._headers, self._token = headers, self._credentials.token


def _unusable(error: Exception) -> PermissionDenied:
    """Return the error of credentials that cannot be loaded; what is in their file is not in it."""
    said = [str(one) for one in error.args if isinstance(one, (str, Exception))]
    return PermissionDenied(f"Failed to load credentials: {': '.join(said) or type(error).__name__}")


def _reason(error: BaseException) -> str:
    """Return what an error says, without the answer of the server that it may quote."""
    return str(error.args[0]) if error.args and isinstance(error.args[0], str) else type(error).__name__
