"""What tests of the server share."""

import pytest
from starlette.testclient import TestClient

from pylos.web.app import make_app


@pytest.fixture(scope="module")
def client():
    """A client of an application that has not started: without searches."""
    return TestClient(make_app(), base_url="http://127.0.0.1")
