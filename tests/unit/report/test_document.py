from __future__ import annotations

import json
import os

import jsonschema
import pytest
from hypothesis import given

from tests.support.results import CHANGED, FAILED, SKIPPED, UNCHANGED, batches, make_batch
from vpo_tasks.report.document import batch_as_dict, batch_as_json

SCHEMA_PATH = os.path.join(os.path.dirname(__file__), "../../../docs/results.schema.json")


@pytest.fixture(scope="module")
def validator():
    with open(SCHEMA_PATH, encoding="utf-8") as stream:
        schema = json.load(stream)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_document_has_what_a_script_needs(validator):
    batch = make_batch(CHANGED, FAILED, SKIPPED, UNCHANGED, up_to_date=3, notes=("recovered one",))
    document = json.loads(batch_as_json(batch))
    validator.validate(document)
    assert document["policy"] == "movies"
    assert document["summary"]["success_count"] == 5
    assert document["summary"]["skip_reasons"] == {"hard-linked": 1}
    changed, failed, *_ = document["results"]
    assert changed["changes"][0]["phase"] == "tidy"
    assert changed["changes"][0]["rule"] is None
    assert changed["changes"][0]["reason"] == "fre is not one of eng, und"
    assert failed["error"] == "truncated: 7 bytes missing"
    assert document["notes"] == ["recovered one"]


def test_several_policies_are_listed_and_none_is_called_the_policy():
    document = batch_as_dict(make_batch(policies=("a", "b")))
    assert document["policy"] is None
    assert document["policies"] == ["a", "b"]


def test_a_name_that_is_not_utf8_comes_back_byte_for_byte():
    name = b"/media/caf\xe9 \xf0\x9f\x8e\xac.mkv"
    text = batch_as_json(make_batch(SKIPPED._replace(path=os.fsdecode(name))))
    assert text.isascii()
    assert os.fsencode(json.loads(text)["results"][0]["file"]) == name


@given(batches)
def test_any_run_fits_the_schema(validator, batch):
    validator.validate(json.loads(batch_as_json(batch)))


def test_a_failure_without_an_error_does_not_fit_the_schema(validator):
    document = batch_as_dict(make_batch(FAILED._replace(error=None)))
    assert not validator.is_valid(document)
