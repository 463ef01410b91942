"""The certificate of the metrics adapter: a client that trusts its authority alone accepts it under its name, and no other."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest

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
