"""A `requests` session whose connections the capture knows to be its own."""

from __future__ import annotations

import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from appliance.sinks.own import DELIVERY_HEADER, Exclude, excluded_socket


def open_session(*, exclude: Exclude, instance: str) -> requests.Session:
    """`exclude` is called on the thread that uses the session."""
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc: as the POST sink's
    session.headers[DELIVERY_HEADER] = instance
    # A connection that is kept would not be known to a capture that is opened later.
    session.headers["Connection"] = "close"
    adapter = _Adapter(exclude)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _Adapter(HTTPAdapter):
    def __init__(self, exclude: Exclude) -> None:
        self._exclude = exclude
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._exclude)


def _pools(exclude: Exclude) -> dict[str, Any]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:  # as urllib3's own contrib.socks changes it
            return _connect(self, exclude)

    class TlsConnection(Connection, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    return {"http": Pool, "https": TlsPool}


def _connect(connection: HTTPConnection, exclude: Exclude) -> socket.socket:
    """To the first of the host's addresses that answers."""
    try:
        targets = socket.getaddrinfo(connection.host.strip("[]"), connection.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NameResolutionError(connection.host, connection, error) from error  # type: ignore[arg-type]
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in targets:
        try:
            return _connected(connection, excluded_socket(family, kind, protocol, address, exclude), address)
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, f"Connecting to {connection.host} timed out") from error
        except OSError as error:
            failure = error
    raise NewConnectionError(connection, f"Cannot connect to {connection.host}: {failure}") from failure


def _connected(connection: HTTPConnection, tcp: socket.socket, address: Any) -> socket.socket:
    try:
        for option in connection.socket_options or ():
            tcp.setsockopt(*option)
        tcp.settimeout(connection.timeout if isinstance(connection.timeout, int | float) else None)
        tcp.connect(address)
    except BaseException:
        tcp.close()
        raise
    return tcp
