from __future__ import annotations

import json

import pytest

from vpo_tasks.cli.doctor import as_document, describe_examination, examine
from vpo_tasks.config import ProcessingConfig, VPOConfig
from vpo_tasks.tools.base import ToolInfo
from vpo_tasks.tools.toolbox import TABLE, Toolbox

HOME = "/user/home"


def toolbox(*names):
    return Toolbox(
        {name: ToolInfo(name=name, path=f"/usr/bin/{name}", version="9.1", origin="PATH") for name in names}
    )


@pytest.fixture(autouse=True)
def home(fs):
    fs.create_dir(HOME)


ALL = [usage.name for usage in TABLE]


@pytest.mark.parametrize(
    ("names", "code"),
    [(ALL, 0), (["ffmpeg"], 0), (["mkvmerge"], 0), ([], 3)],
)
def test_only_a_machine_on_which_nothing_can_be_processed_is_an_error(names, code):
    assert examine(VPOConfig(HOME), toolbox(*names)).exit_code == code


def test_a_missing_tool_is_named_with_what_that_costs():
    lines = describe_examination(examine(VPOConfig(HOME), toolbox("ffmpeg")))
    for usage in TABLE:
        if usage.name != "ffmpeg":
            assert any(usage.name in line and usage.without_it in line for line in lines)


def test_a_found_tool_is_shown_with_version_place_and_purpose():
    text = "\n".join(describe_examination(examine(VPOConfig(HOME), toolbox("ffmpeg"))))
    assert "9.1  /usr/bin/ffmpeg (from PATH)" in text
    assert TABLE[0].used_for in text


def test_workers_show_the_cap_and_what_was_asked_for():
    config = VPOConfig(HOME, ProcessingConfig(workers=16), cpu_count=8)
    assert "  8 cores: at most 4 workers, 4 by default (16 configured)" in describe_examination(
        examine(config, toolbox())
    )


def test_a_home_that_is_a_file_is_a_state_problem(fs):
    fs.create_file("/file")
    found = examine(VPOConfig("/file"), toolbox("ffmpeg"))
    assert found.exit_code == 4
    assert "/file is not a folder" in "\n".join(describe_examination(found))


def test_a_database_that_does_not_exist_yet_is_no_problem():
    assert "not made yet" in "\n".join(describe_examination(examine(VPOConfig(HOME), toolbox("ffmpeg"))))


def test_the_document_is_json_with_everything():
    document = json.loads(json.dumps(as_document(examine(VPOConfig(HOME), toolbox("ffmpeg")))))
    assert document["can_process"] is True
    assert [tool["name"] for tool in document["tools"]] == ALL
    assert document["tools"][0]["path"] == "/usr/bin/ffmpeg"
    assert document["state"]["home"] == HOME
    assert document["libraries"]["libavcodec"]
