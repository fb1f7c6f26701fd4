"""`~/.vpo/config.toml` and the VPO_* variables as one frozen value. The only reader of both.

Standard library only, and no TOML parser unless there is a file: an up-to-date run starts here too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from vpo_tasks.errors import ConfigError, Issue

DEFAULT_WORKERS = 2
DEFAULT_EXTENSIONS = (
    "mkv", "mp4", "m4v", "avi", "mov", "webm", "ts", "m2ts", "mts", "mpg", "mpeg", "wmv", "flv", "vob", "ogm",
    "ogv", "3gp", "mk3d", "divx", "asf",
)  # fmt: skip


class ProcessingConfig(NamedTuple):
    """`[processing]`. `policy` and `output` are paths as written, `~` expanded."""

    workers: int = DEFAULT_WORKERS
    policy: str | None = None
    output: str | None = None
    stall_timeout_s: float = 600.0


class SafetyConfig(NamedTuple):
    """`[safety]`. `min_free` in bytes."""

    hardlinks: str = "skip"  # skip | break
    verify: str = "standard"  # standard | full
    min_free: int = 1 << 30
    without_hard_links: str = "refuse"  # refuse | rename: what to do on a filesystem that has no link()


class DiscoveryConfig(NamedTuple):
    """`[discovery]`. Extensions in lower case, without the dot."""

    extensions: tuple[str, ...] = DEFAULT_EXTENSIONS


class VPOConfig(NamedTuple):
    """Everything a person can configure. `home` is the state folder."""

    home: str
    processing: ProcessingConfig = ProcessingConfig()
    safety: SafetyConfig = SafetyConfig()
    discovery: DiscoveryConfig = DiscoveryConfig()

    @property
    def database_path(self) -> str:
        return os.path.join(self.home, "state.db")

    @property
    def locks_path(self) -> str:
        return os.path.join(self.home, "locks")

    @property
    def log_path(self) -> str:
        return os.path.join(self.home, "vpo.log")


def load_config(environ: Mapping[str, str] | None = None) -> VPOConfig:
    """Read the configuration. Raise ConfigError with every issue, each with line and column."""
    env = os.environ if environ is None else environ
    home = os.path.abspath(os.path.expanduser(env.get("VPO_HOME") or os.path.join("~", ".vpo")))
    path = os.path.join(home, "config.toml")
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except FileNotFoundError:
        return VPOConfig(home)
    except OSError as error:
        raise ConfigError(path, [Issue(0, 0, "", error.strerror or "cannot be read")]) from error
    return _parse(path, data, home)


def _parse(path: str, data: bytes, home: str) -> VPOConfig:
    raise NotImplementedError((path, data, home))


__all__ = ["Any", "load_config"]
