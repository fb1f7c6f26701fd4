"""The configuration file as people write it, right and wrong."""

from __future__ import annotations

import os

import pytest

from vpo_tasks.config import DEFAULT_WORKERS, load_config
from vpo_tasks.errors import ConfigError


def write_config(fs, text: str | bytes) -> dict[str, str]:
    data = text.encode() if isinstance(text, str) else text
    fs.create_file("/state/config.toml", contents=data)
    return {"VPO_HOME": "/state"}


def test_no_file_gives_the_defaults(fs):
    config = load_config({"VPO_HOME": "/nowhere"})
    assert config.processing.workers == DEFAULT_WORKERS
    assert config.database_path == "/nowhere/state.db"


def test_home_defaults_to_dot_vpo_in_the_users_home(fs):
    assert load_config({}).home == os.path.expanduser("~/.vpo")


def test_a_user_without_a_home_gets_no_folder_of_that_name_wherever_he_is(fs):
    with pytest.raises(ConfigError, match="VPO_HOME: ~nobody-of-that-name/state: no such home"):
        load_config({"VPO_HOME": "~nobody-of-that-name/state"})


def test_every_key_is_read(fs):
    env = write_config(
        fs,
        """
[processing]
workers = 3
policy = "/media/policy.yaml"
output = "/out"
stall_timeout = "2m"
threads = 4
[safety]
hardlinks = "break"
verify = "full"
min_free = "2GB"
without_hard_links = "rename"
keep_originals = "2d"
trust_ffmpeg_args = true
[discovery]
extensions = [".MKV", "mp4"]
""",
    )
    config = load_config(env)
    assert config.processing == (3, "/media/policy.yaml", "/out", 120.0, 4)
    assert config.safety == ("break", "full", 2 << 30, "rename", 2 * 86400.0, True)
    assert config.discovery.extensions == ("mkv", "mp4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[processing]\nworkers = 0\n",
            "/state/config.toml:2:1: processing.workers: 0 is not a whole number",
        ),
        ("\n[processing]\n\nworkers = 'two'\n", "/state/config.toml:4:1: processing.workers: 'two' is not"),
        ("[processing]\nworkers = true\n", ":2:1: processing.workers: True is not"),
        ("[processing]\nworkers = 2.5\n", ":2:1: processing.workers: 2.5 is not"),
        ("processing.workers = -1\n", ":1:1: processing.workers: -1 is not"),
        ("[processing]\nworker = 2\n", ":2:1: processing.worker: unknown key (did you mean workers?)"),
        ("[procesing]\nworkers = 2\n", ":1:1: procesing: unknown section (did you mean processing?)"),
        ("workers = 2\n", ":1:1: workers: unknown section"),
        ("[safety]\nhardlinks = 'delete'\n", ":2:1: safety.hardlinks: 'delete' is not one of skip, break"),
        ("[safety]\nmin_free = 'lots'\n", ":2:1: safety.min_free: 'lots' is not a size"),
        ("[processing]\nstall_timeout = 5\n", ":2:1: processing.stall_timeout: 5 is not a duration"),
        ("[processing]\npolicy = 'p.yaml'\n", ":2:1: processing.policy: 'p.yaml' must be absolute"),
        ("[discovery]\nextensions = []\n", ":2:1: discovery.extensions: not a list"),
        ("[processing]\nworkers = \n", "/state/config.toml:2:11: "),
        (b"a = '\xff'\n", "/state/config.toml:1:1: is not UTF-8 text"),
        ("a = " + "[" * 5000, "/state/config.toml"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(fs, text, expected):
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(fs, text))
    assert expected in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_mistakes_are_reported_at_once(fs):
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(fs, "[processing]\nworkers = 0\n[safety]\nverify = 'x'\nfoo = 1\n"))
    assert [issue.where for issue in caught.value.issues] == [
        "processing.workers",
        "safety.verify",
        "safety.foo",
    ]


def test_cpu_count_comes_from_the_environment(fs):
    assert load_config({"VPO_HOME": "/n", "VPO_CPU_COUNT": "32"}).cpu_count == 32


@pytest.mark.parametrize("text", ["0", "-2", "many", "1.5"])
def test_a_wrong_cpu_count_is_a_usage_error(fs, text):
    with pytest.raises(ConfigError, match="VPO_CPU_COUNT"):
        load_config({"VPO_HOME": "/n", "VPO_CPU_COUNT": text})
