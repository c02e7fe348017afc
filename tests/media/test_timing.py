"""Who stores a picture is told where the time went."""

import base64

import pytest
import pyvips
from django.core.files.uploadedfile import SimpleUploadedFile

from media import timing
from tests.conftest import Api


def picture():
    return pyvips.Image.black(60, 40, bands=3).copy(interpretation="srgb").write_to_buffer(".png")


def told(answer):
    assert answer.status_code == 201, answer.content
    parts = [part.split(";dur=") for part in answer.headers["Server-Timing"].split(", ")]
    return {name: float(milliseconds) for name, milliseconds in parts}


@pytest.mark.django_db
def test_an_upload_says_how_long_each_step_took(owner, media_root):
    by_form = Api(owner).client.post("/api/upload/file", {"file": SimpleUploadedFile("a.png", picture())})
    steps = told(by_form)
    assert list(steps) == ["receive", "scan", "wait", "decode", "encode", "store"]
    assert steps["store"] > 0
    again = Api(owner).post("/api/upload/base64", {"base64_data": base64.b64encode(picture()).decode()})
    assert list(told(again)) == ["receive"]  # it is there: nothing was drawn


def test_steps_are_added_up_and_nothing_is_kept_where_nobody_listens():
    timing.took("store", 1.0)
    with timing.told() as steps:
        timing.took("store", 0.001)
        timing.took("store", 0.0025)
        timing.took("draw", 0.5)
    timing.took("store", 1.0)
    assert timing.header(steps) == "store;dur=3.5, draw;dur=500.0"
