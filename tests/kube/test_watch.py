"""Waiting by a watch: each change is told once, whatever becomes of the connection."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes.client import ApiClient, Configuration

from dclab.engines.kube.api import Api
from dclab.engines.kube.objects import Object
from dclab.errors import NotAnswering

PODS = "/api/v1/namespaces/a/pods"


@pytest.fixture
def api(server):
    configuration = Configuration()
    configuration.host = server.url
    configuration.retries = False
    made = Api(ApiClient(configuration), "mine")
    made.patience = 0.5
    return made


def listed(version, *names):
    items = [{"metadata": {"name": name, "resourceVersion": str(version)}} for name in names]
    return 200, json.dumps({"metadata": {"resourceVersion": str(version)}, "items": items})


def event(kind, name, version):
    return json.dumps({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": str(version)}}}) + "\n"


def gone(api, server, seconds=5):
    """Wait for the end of all pods; what was seen, and where each watch began (None: a list)."""
    seen = []

    def done(pods):
        seen.append([one.metadata.name for one in pods])
        return not pods

    assert api.wait(PODS, Object, done, seconds)
    queries = [parse_qs(urlsplit(path).query) for path, _ in server.asked if path.startswith(PODS)]
    return seen, [one.get("resourceVersion", [None])[0] for one in queries]


def test_a_watch_that_drops_goes_on_where_it_was(api, server):
    """In the middle of a line, too: what was cut off comes again, and once."""
    server.answers[PODS] = [
        listed(5, "x", "y"),
        (200, event("DELETED", "x", 6) + event("DELETED", "y", 7)[:30]),
        (200, event("DELETED", "y", 7)),
    ]
    assert gone(api, server) == ([["x", "y"], ["y"], []], [None, "5", "6"])


@pytest.mark.parametrize(
    "refusal",
    [
        (410, json.dumps({"reason": "Expired", "message": "too old resource version"})),
        (200, json.dumps({"type": "ERROR", "object": {"message": "too old resource version"}}) + "\n"),
        (504, json.dumps({"reason": "Timeout", "message": "Too large resource version: 5, current: 3"})),
    ],
)
def test_a_version_that_the_server_does_not_know_begins_with_a_list(api, server, refusal):
    server.answers[PODS] = [listed(5, "x"), refusal, listed(9)]
    assert gone(api, server) == ([["x"], []], [None, "5", None])


def test_an_outage_longer_than_a_request_waits_is_bridged(api, server):
    away = [(503, "{}")] * 12
    server.answers[PODS] = [listed(5, "x"), *away, listed(9)]
    api.patience = 0.1
    seen, _ = gone(api, server, 20)
    assert seen == [["x"], []]


def test_an_outage_that_outlasts_the_wait_is_told(api, server):
    server.answers[PODS] = (503, "{}")
    api.patience = 0.1
    with pytest.raises(NotAnswering):
        api.wait(PODS, Object, lambda pods: not pods, 0.3)
