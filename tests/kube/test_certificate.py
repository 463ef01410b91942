"""The certificate of the metrics adapter: a client that trusts its authority alone accepts it under its name, and no other."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from kubernetes.client import ApiClient, Configuration

from dclab.engines.kube.api import Api
from dclab.engines.kube.faults import Unauthorized
from dclab.engines.kube.lab.certificate import LIFE, make_certificate

HOST = "metrics-adapter.dockercoins.svc"


def handshake(made, host, folder):
    """Shake hands with a server that has a certificate; the client trusts its authority."""
    for name, content in (("ca.crt", made.authority), ("tls.crt", made.certificate), ("tls.key", made.key)):
        (folder / name).write_bytes(content)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    client = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    ours, theirs = socket.socketpair()

    def serve():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=host) as secured:
            return secured.getpeercert()
    finally:
        ours.close()
        thread.join()


@contextmanager
def api_server(made, folder):
    """A server with a certificate at a port, and a client that trusts its authority."""
    (folder / "server.pem").write_bytes(made.certificate + made.key)
    (folder / "ca.crt").write_bytes(made.authority)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listening.accept()
                    with taken, contextlib.suppress(OSError), context.wrap_socket(taken, server_side=True):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        configuration = Configuration(host=f"https://127.0.0.1:{listening.getsockname()[1]}")
        configuration.ssl_ca_cert = str(folder / "ca.crt")
        configuration.tls_server_name = HOST
        configuration.retries = False
        api = Api(ApiClient(configuration), "mine")
        api.patience = 0.0
        yield api
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("days", "others", "says"),
    [
        (-LIFE.days - 1, False, "is not valid now"),
        (1, False, "is not valid now"),
        (0, True, "is not the one that the context 'mine' expects"),
    ],
)
def test_an_api_server_whose_certificate_is_not_accepted_is_told_apart(tmp_path, days, others, says):
    made = make_certificate(HOST, datetime.now(UTC) + timedelta(days=days))
    if others:
        made = made._replace(authority=make_certificate(HOST).authority)
    with api_server(made, tmp_path) as api, pytest.raises(Unauthorized) as told:
        api.get("/version", dict)
    assert says in told.value.what
    assert ("clock" in told.value.hint) is not others


def test_it_is_accepted_under_its_name(tmp_path):
    assert handshake(make_certificate(HOST), HOST, tmp_path)["subjectAltName"] == (("DNS", HOST),)


@pytest.mark.parametrize("days", [-LIFE.days - 1, 1])
def test_not_before_or_after_its_time(tmp_path, days):
    made = make_certificate(HOST, datetime.now(UTC) + timedelta(days=days))
    with pytest.raises(ssl.SSLCertVerificationError, match=r"expired|not yet valid"):
        handshake(made, HOST, tmp_path)


def test_not_under_another_name(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(make_certificate(HOST), "metrics-adapter.other.svc", tmp_path)


def test_not_by_who_trusts_another_authority(tmp_path):
    mixed = make_certificate(HOST)._replace(authority=make_certificate(HOST).authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(mixed, HOST, tmp_path)
