"""Runs the reference project's own client-side tests against a running Setpoint.

    SETPOINT_URL=http://127.0.0.1:7300 SETPOINT_TOKEN=… pytest -p reference_plugin tests/tracking

Wherever those tests would start a Python server on a database of their own, they get a fresh project of the Setpoint
instead: one project for each database URI they name, so that two servers on one database still see the same data.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.parse
import uuid

import pytest
import requests

BASE = os.environ["SETPOINT_URL"].rstrip("/")
TOKEN = os.environ["SETPOINT_TOKEN"]
TIMEOUT_SECONDS = 60
CHECKOUT = pathlib.Path(__file__).resolve().parents[3]


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


def read_folders_through_client(file_utils):
    """Where the tests look into a folder of the server, they look into what the client downloads of it."""
    local = file_utils.local_file_uri_to_path

    def local_path(uri):
        if not str(uri).startswith("mlflow-artifacts:"):
            return local(uri)
        import mlflow

        return mlflow.artifacts.download_artifacts(artifact_uri=str(uri)).rstrip("/")

    file_utils.local_file_uri_to_path = local_path


@contextlib.contextmanager
def private_webhook_server(_tmp_path):
    """A Setpoint of its own whose webhooks may lead to this machine, for the tests that receive them here."""
    with tempfile.TemporaryDirectory(prefix="setpoint-webhooks-") as folder:
        log = pathlib.Path(folder, "server.log")
        settings = {
            "SETPOINT_DATA": str(pathlib.Path(folder, "data")),
            "SETPOINT_PORT": "0",
            "SETPOINT_OPEN": "true",
            "SETPOINT_PRIVATE_WEBHOOKS": "true",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SETPOINT_")}
        with log.open("w") as output:
            process = subprocess.Popen(
                ["node", "src/serve.ts"], cwd=CHECKOUT, env=inherited | settings, stdout=output, stderr=output
            )
        try:
            local = wait_for_local_file(pathlib.Path(settings["SETPOINT_DATA"], "local.json"), process, log)
            with pytest.MonkeyPatch.context() as patched:
                patched.setenv("MLFLOW_TRACKING_TOKEN", local["token"])
                yield local["url"]
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)


def wait_for_local_file(path, process, log):
    """The address and key that a starting server writes down for its own machine."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return json.loads(path.read_text())
        time.sleep(0.1)
    raise RuntimeError(f"the server of the webhooks did not start; its log ends: {log.read_text()[-2000:]}")


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    """Two of their files start server processes of their own; their tests get a project or a Setpoint instead."""
    if fixturedef.argname == "mlflow_server" and hasattr(request.module, "_run_mlflow_server"):
        request.module._run_mlflow_server = private_webhook_server
        return None
    if fixturedef.argname != "artifacts_server":
        return None
    url = create_project()
    server = request.module.ArtifactsServer(
        backend_store_uri=url,
        default_artifact_root=f"{url}/api/2.0/mlflow-artifacts/artifacts",
        artifacts_destination=str(request.getfixturevalue("tmp_path_factory").mktemp("unread")),
        url=url,
        process=None,
    )
    fixturedef.cached_result = (server, fixturedef.cache_key(request), None)
    return server


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    from mlflow.utils import file_utils

    read_folders_through_client(file_utils)
    import tests.conftest as conftest
    import tests.tracking.integration_test_utils as integration
    from mlflow import server
    from mlflow.server import handlers

    # Importing the handlers makes this process look like a server, which would not read scorers back.
    server.is_running_as_server = False
    authorize_requests()
    integration.ServerThread = SetpointThread
    integration._init_server = init_server
    handlers.initialize_backend_stores = projects.use
    if hasattr(conftest, "_use_tracking_uri"):
        redirect_tracking_uri(conftest)
