"""What the served OpenAPI document says of each endpoint."""

import pytest

OURS = """
GET /api/workflows
GET /api/workflows/{name}
POST /api/workflows/validate
POST /api/workflows/upload
POST /api/workflows/create
PUT /api/workflows/{name}
DELETE /api/workflows/{name}
POST /api/workflows/{name}/run
GET /api/workflows/runs
GET /api/workflows/runs/{run_id}
POST /api/workflows/runs/{run_id}/cancel
POST /api/workflows/runs/{run_id}/rerun
GET /api/templates
POST /api/templates
GET /api/templates/{name}
PUT /api/templates/{name}
DELETE /api/templates/{name}
POST /api/templates/{name}/apply
""".split("\n")[1:-1]


@pytest.mark.parametrize("endpoint", OURS)
def test_an_endpoint_is_described_with_its_errors(client, endpoint):
    method, path = endpoint.split()
    operation = client.get("/api/openapi.json").json["paths"][path][method.lower()]
    assert operation["summary"]
    assert operation["responses"].keys() >= {"default"} and len(operation["responses"]) >= 2


def test_every_field_is_described(client):
    schemas = client.get("/api/openapi.json").json["components"]["schemas"]
    bare = [
        f"{name}.{key}"
        for name, schema in schemas.items()
        if name not in ("Error", "PaginationMetadata")
        for key, field in schema.get("properties", {}).items()
        if not (field.get("description") or "$ref" in field or "allOf" in field)
    ]
    assert bare == []
