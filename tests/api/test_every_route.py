"""No route of the app is without its guards, static ones included."""

from srunx_web import create_app
from srunx_web.settings import load
from tests.guarded import assert_guarded


def test_every_route_is_guarded(tmp_path):
    environ = {"HOME": str(tmp_path), "SRUNX_BACKEND": "embedded", "SRUNX_STATE_DIR": str(tmp_path / "state")}
    assert_guarded(lambda gate: create_app(load(environ), gate))
