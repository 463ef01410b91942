"""An API server that keeps objects: enough of one for what dclab does with namespaces, deployments and leases.

Over real HTTP: get, list by labels and by name, create, merge and apply, delete of an object or a collection, with resource
versions as preconditions. It has no controllers, and watches expire at once.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.kube.server import VERSION

_PATH = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?"
    r"(?P<part>/scale|/log)?"
)


class Cluster:
    """Objects by (kind in plural, namespace, name)."""

    def __init__(self):
        self.objects = {}
        self.logs = {}
        """By pod."""
        self.made = lambda key: None
        """Called with the key of what was created, as a controller would see it."""
        self.asked = []
        self.applied = {}
        """What each manager has applied, by the object and the manager's name."""
        self.answers = {}
        """What other servers answer through it, by path."""
        self.fail = lambda method, path: None
        """Return a status to fail with."""
        self._versions = itertools.count(1)
        self._lock = threading.Lock()
        self._start(0)

    def _start(self, port):
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or "null")
                cluster.asked.append((self.command, self.path))
                with cluster._lock:
                    code, said = cluster._answer(self.command, self.path, body)
                data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 (http.server's names)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Go away, as in an outage; the objects stay."""
        self.http.shutdown()
        self.http.server_close()

    def again(self):
        """Come back at the same port."""
        self._start(self.http.server_port)

    def put(self, kind, namespace, name, **fields):
        """Have an object, as it is; it gets a uid and a version."""
        if kind == "namespaces":
            self.put("serviceaccounts", name, "default")
        metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
        found = {"kind": kind, "metadata": metadata, **fields}
        return self._keep((kind, namespace, name), copy.deepcopy(found))

    def get(self, kind, namespace, name):
        return self.objects.get((kind, namespace, name))

    def _keep(self, key, found):
        version = str(next(self._versions))
        found["metadata"]["resourceVersion"] = version
        found["metadata"].setdefault("uid", f"uid-{version}")
        self.objects[key] = found
        return found

    def _answer(self, method, path, body):
        parts = urlsplit(path)
        if status := self.fail(method, parts.path):
            return status, {"kind": "Status", "message": "made to fail"}
        if parts.path in self.answers:
            return 200, self.answers[parts.path]
        if parts.path == "/version":
            return 200, VERSION
        found = _PATH.fullmatch(parts.path)
        if found is None:
            return 404, {"kind": "Status", "reason": "NotFound"}
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if found["part"] == "/log":
            return 200, self.logs.get(found["name"], "")
        kind, namespace, name = found["kind"], found["namespace"] or "", found["name"]
        if name is None:
            return self._of_all(method, kind, namespace, query, body)
        return self._of_one(method, (kind, namespace, name), body, query)

    def _of_all(self, method, kind, namespace, query, body):
        if method == "POST":
            key = (kind, namespace, body["metadata"]["name"])
            if key in self.objects:
                return 409, {"kind": "Status", "reason": "AlreadyExists"}
            if kind == "namespaces":
                self.put("serviceaccounts", key[2], "default")
            found = self._keep(key, body)
            self.made(key)
            return 201, found
        chosen = {
            key: one
            for key, one in self.objects.items()
            if key[0] == kind
            and namespace in ("", key[1])
            and _selected(one, query.get("labelSelector"), query.get("fieldSelector"))
        }
        if method == "DELETE":
            for key in chosen:
                del self.objects[key]
            return 200, {"kind": "Status"}
        if query.get("watch"):
            return 410, {"kind": "Status", "reason": "Expired"}  # so that it is listed again
        return 200, {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": list(chosen.values())}

    def _apply(self, key, there, body, query):
        """Server-side apply: what a manager wants no more goes, unless another manager wants it."""
        manager, dry_run = query["fieldManager"], "dryRun" in query
        wanted = _paths({part: one for part, one in body.items() if part not in ("apiVersion", "kind")})
        others = {
            path: leaf
            for (of, who), paths in self.applied.items()
            if of == key and who != manager
            for path, leaf in paths.items()
        }
        if there is not None and query["force"] == "false":
            others |= {} if any(of == key for of, _ in self.applied) else _paths(there)
            if any(others.get(path, leaf) != leaf for path, leaf in wanted.items()):
                return 409, {"kind": "Status", "reason": "Conflict", "message": "another manager has it"}
        if dry_run:
            return 200, body
        if there is None:  # what managers had of an object that is gone is forgotten
            self.applied = {one: paths for one, paths in self.applied.items() if one[0] != key}
        before = self.applied.get((key, manager), {})
        self.applied[key, manager] = wanted
        if there is None:
            return 201, self._keep(key, copy.deepcopy(body))
        changed = _take(there, (), set(before) - set(wanted) - set(others))
        _add(changed, body)
        return 200, self._keep(key, changed)

    def _of_one(self, method, key, body, query):
        there = self.objects.get(key)
        if method == "PATCH" and "force" in query:
            return self._apply(key, there, body, query)
        if there is None:
            return 404, {"kind": "Status", "reason": "NotFound"}
        wanted = ((body or {}).get("preconditions") or (body or {}).get("metadata") or {}).get("resourceVersion")
        if wanted and wanted != there["metadata"]["resourceVersion"]:
            return 409, {"kind": "Status", "reason": "Conflict"}
        if method == "DELETE":
            del self.objects[key]
            if key[0] == "namespaces":
                self.objects = {one: found for one, found in self.objects.items() if one[1] != key[2]}
            return 200, {"kind": "Status"}
        if method == "PATCH":
            _merge(there, body)
            self._keep(key, there)
        return 200, there


def _named(value):
    """Whether it is a list whose members go by their names."""
    return isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value)


def _paths(value, at=()):
    """Every leaf of an object, by its path; members of lists by their names."""
    if isinstance(value, dict):
        return {path: leaf for key, one in value.items() for path, leaf in _paths(one, (*at, key)).items()}
    if _named(value):
        return {path: leaf for one in value for path, leaf in _paths(one, (*at, one["name"])).items()}
    return {at: value}


def _add(into, patch):
    for key, value in patch.items():
        there = into.get(key)
        if isinstance(value, dict):
            _add(into.setdefault(key, {}), value)
        elif _named(value) and _named(there):
            for one in value:
                same = next((each for each in there if each["name"] == one["name"]), None)
                there.append(copy.deepcopy(one)) if same is None else _add(same, one)
        else:
            into[key] = copy.deepcopy(value)


def _take(value, at, paths):
    """A copy without leaves at these paths, and without what has become empty by that."""
    if at in paths:
        return None
    if isinstance(value, dict):
        kept = {key: _take(one, (*at, key), paths) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one is not None} or (None if value else {})
    if _named(value):
        kept = [_take(one, (*at, one["name"]), paths) for one in value]
        return [one for one in kept if one is not None] or (None if value else [])
    return value


def _merge(into, patch):
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _selected(one, labels, fields):
    own = one["metadata"].get("labels") or {}
    for term in (labels or "").split(","):
        key, _, value = term.partition("=")
        if term and own.get(key) != value:
            return False
    key, _, value = (fields or "").partition("=")
    return key != "metadata.name" or one["metadata"]["name"] == value
