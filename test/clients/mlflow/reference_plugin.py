"""Runs the reference project's own client-side tests against a running Setpoint.

    SETPOINT_URL=http://127.0.0.1:7300 SETPOINT_TOKEN=… pytest -p reference_plugin tests/tracking

Wherever those tests would start a Python server on a database of their own, they get a fresh project of the Setpoint
instead: one project for each database URI they name, so that two servers on one database still see the same data.
"""

import contextlib
import os
import urllib.parse
import uuid

import pytest
import requests

BASE = os.environ["SETPOINT_URL"].rstrip("/")
TOKEN = os.environ["SETPOINT_TOKEN"]
TIMEOUT_SECONDS = 60


class Projects:
    """Hands out one project URL per backend URI; a URI not seen before gets a new project."""

    def __init__(self):
        self._urls = {}
        self._latest = None

    def url_of(self, backend_uri):
        if backend_uri.startswith(BASE):
            return backend_uri
        if backend_uri not in self._urls:
            self._urls[backend_uri] = create_project()
        return self._urls[backend_uri]

    def use(self, backend_uri, *_args, **_named):
        """Stands in for the reference's initialisation of its stores."""
        self._latest = str(backend_uri)

    def latest_url(self):
        return self.url_of(self._latest or f"unnamed:{uuid.uuid4()}")


def create_project():
    """Creates a project through the public API and returns the URL that enters it."""
    name = f"ref-{uuid.uuid4().hex[:16]}"
    reply = requests.post(f"{BASE}/api/v1/projects", json={"name": name}, timeout=TIMEOUT_SECONDS)
    reply.raise_for_status()
    return f"{BASE}/p/{name}"


projects = Projects()


class SetpointThread:
    """The shape of the reference's server thread; the server runs already."""

    def __init__(self, _app=None, port=0):
        self.url = projects.latest_url()
        where = urllib.parse.urlsplit(self.url)
        self.host = where.hostname
        self.port = where.port or port
        self.health_url = f"{self.url}/health"

    def start(self):
        return None

    def shutdown(self):
        return None

    def join(self, timeout=None):
        return None

    def __enter__(self):
        return self.url

    def __exit__(self, *_error):
        return None


@contextlib.contextmanager
def init_server(backend_uri, root_artifact_uri=None, extra_env=None, app=None, server_type="fastapi"):
    import mlflow

    if app is not None or extra_env:
        pytest.skip("needs a Python server started with settings of its own")
    mlflow.set_tracking_uri(None)
    yield projects.url_of(str(backend_uri))


def authorize_requests():
    """Every request of this process to the Setpoint carries the key, unless it brings its own."""
    send = requests.Session.send

    def send_with_key(session, request, **named):
        if request.url.startswith(BASE) and "Authorization" not in request.headers:
            request.headers["Authorization"] = f"Bearer {TOKEN}"
        return send(session, request, **named)

    requests.Session.send = send_with_key


def redirect_tracking_uri(conftest):
    """The tests that use a database without a server use a project of the Setpoint instead."""
    use = conftest._use_tracking_uri

    def use_project(uri, *rest, **named):
        return use(projects.url_of(uri) if str(uri).startswith("sqlite:") else uri, *rest, **named)

    conftest._use_tracking_uri = use_project


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    """One of their files starts a server process of its own; its tests get a project instead."""
    if fixturedef.argname != "artifacts_server":
        return None
    url = create_project()
    server = request.module.ArtifactsServer(
        backend_store_uri=url,
        default_artifact_root=f"{url}/api/2.0/mlflow-artifacts/artifacts",
        artifacts_destination="/nonexistent",
        url=url,
        process=None,
    )
    fixturedef.cached_result = (server, fixturedef.cache_key(request), None)
    return server


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    import tests.conftest as conftest
    import tests.tracking.integration_test_utils as integration
    from mlflow.server import handlers

    authorize_requests()
    integration.ServerThread = SetpointThread
    integration._init_server = init_server
    handlers.initialize_backend_stores = projects.use
    if hasattr(conftest, "_use_tracking_uri"):
        redirect_tracking_uri(conftest)
