"""`~/.vpo/config.toml` and the VPO_* variables as one frozen value. The only reader of both.

Standard library only, and no TOML parser unless there is a file: an up-to-date run starts here too.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vpo_tasks.errors import ConfigError, Issue
from vpo_tasks.trusted import Refused, read_file

DEFAULT_WORKERS = 2
DEFAULT_EXTENSIONS = (
    "3gp", "asf", "avi", "divx", "flv", "m2ts", "m4v", "mk3d", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "ogm", "ogv", "ts", "vob", "webm", "wmv",
)  # fmt: skip


class ProcessingConfig(NamedTuple):
    """`[processing]`. `policy` and `output` are absolute paths, `~` expanded."""

    workers: int = DEFAULT_WORKERS
    policy: str | None = None
    output: str | None = None
    stall_timeout_s: float = 600.0
    threads: int | None = None
    """How many an encoder may use; None: a share of the cores."""


class SafetyConfig(NamedTuple):
    """`[safety]`. `min_free` in bytes; the other values are one of the words in `_KEYS`."""

    hardlinks: str = "skip"
    verify: str = "standard"
    min_free: int = 1 << 30
    without_hard_links: str = "refuse"
    keep_originals_s: float = 7 * 86400.0
    trust_ffmpeg_args: bool = False
    """Whether policies may give ffmpeg any argument, also one that names another file to write."""


class DiscoveryConfig(NamedTuple):
    """`[discovery]`. Extensions in lower case, without the dot; `exclude` has patterns as in .gitignore."""

    extensions: tuple[str, ...] = DEFAULT_EXTENSIONS
    exclude: tuple[str, ...] = ()
    skip: tuple[str, ...] = ("hidden",)


class VPOConfig(NamedTuple):
    """Everything a person can configure. `home` is the state folder; `cpu_count` is VPO_CPU_COUNT."""

    home: str
    processing: ProcessingConfig = ProcessingConfig()
    safety: SafetyConfig = SafetyConfig()
    discovery: DiscoveryConfig = DiscoveryConfig()
    cpu_count: int | None = None

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
    """Read the configuration. Raise ConfigError with every issue of the file, each with its line."""
    env = os.environ if environ is None else environ
    home = os.path.expanduser(env.get("VPO_HOME") or os.path.join("~", ".vpo"))
    if home.startswith("~"):  # a user without a home; it would become a folder `~` wherever the program runs
        raise ConfigError("VPO_HOME", [Issue(0, 0, "", f"{home}: no such home; name a folder for the state")])
    config = VPOConfig(os.path.abspath(home), cpu_count=_read_cpu_count(env.get("VPO_CPU_COUNT")))
    path = os.path.join(config.home, "config.toml")
    try:
        # a home that `sudo` kept is another's; who sets VPO_HOME names it
        data = read_file(path, 1 << 20, named=bool(env.get("VPO_HOME")))
    except (FileNotFoundError, NotADirectoryError):
        return config
    except Refused as error:
        hint = "" if env.get("VPO_HOME") else "; set VPO_HOME to name the state folder to use"
        raise ConfigError(path, [Issue(0, 0, "", f"{error.strerror}{hint}")]) from error
    except OSError as error:
        raise ConfigError(path, [Issue(0, 0, "", error.strerror or "cannot be read")]) from error
    return _parse(path, data, config)


def _read_cpu_count(text: str | None) -> int | None:
    if not text:
        return None
    if not text.strip().isdecimal() or int(text) < 1:
        raise ConfigError("VPO_CPU_COUNT", [Issue(0, 0, "", f"{text!r} is not a whole number from 1 on")])
    return int(text)


class _Invalid(ValueError):
    """A value that a key does not take; its text completes `section.key: …`."""


def _whole_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _Invalid(f"{value!r} is not a whole number from 1 on")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Invalid(f"{value!r} is not true or false")
    return value


def _folder_or_file(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Invalid(f"{value!r} is not a path")
    expanded = os.path.expanduser(value)
    if not os.path.isabs(expanded):
        raise _Invalid(f"{value!r} must be absolute (or start with ~): it is used from every folder")
    return expanded


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smh])")
_RETENTION = re.compile(r"(\d+(?:\.\d+)?)\s*([hdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)


def parse_duration_s(value: Any) -> float:
    """Return seconds. Raises ValueError, in words for a person."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        raise _Invalid(f"{value!r} is not a duration such as 90s, 10m or 2h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def _retention_s(value: Any) -> float:
    if value in (0, "0") and not isinstance(value, bool):
        return 0.0
    match = _RETENTION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise _Invalid(f"{value!r} is not a time such as 12h, 7d or 2w (0 keeps none)")
    return float(match[1]) * {"h": 3600, "d": 86400, "w": 7 * 86400}[match[2]]


def parse_size_bytes(value: Any) -> int:
    """Return bytes. Raises ValueError, in words for a person."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise _Invalid(f"{value!r} is not a size such as 500MB or 2GB")
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))


def _extensions(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise _Invalid('not a list of extensions such as ["mkv", "mp4"]')
    cleaned = tuple(sorted({item.lower().lstrip(".") for item in value}))
    if not all(cleaned) or any("/" in item for item in cleaned):
        raise _Invalid('not a list of extensions such as ["mkv", "mp4"]')
    return cleaned


def _patterns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Invalid('not a list of patterns such as ["*.part.mkv", "Downloads/"]')
    return tuple(value)


def _some_of(*words: str) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or any(item not in words for item in value):
            raise _Invalid(f"{value!r} is not a list of some of {', '.join(words)}")
        return tuple(value)

    return read


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise _Invalid(f"{value!r} is not one of {', '.join(words)}")
        return str(value)

    return read


# section -> key -> (field of the section's type, reader)
_KEYS: dict[str, dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "processing": {
        "workers": ("workers", _whole_number),
        "policy": ("policy", _folder_or_file),
        "output": ("output", _folder_or_file),
        "stall_timeout": ("stall_timeout_s", parse_duration_s),
        "threads": ("threads", _whole_number),
    },
    "safety": {
        "hardlinks": ("hardlinks", _one_of("skip", "break")),
        "verify": ("verify", _one_of("standard", "full")),
        "min_free": ("min_free", parse_size_bytes),
        "without_hard_links": ("without_hard_links", _one_of("refuse", "rename")),
        "keep_originals": ("keep_originals_s", _retention_s),
        "trust_ffmpeg_args": ("trust_ffmpeg_args", _switch),
    },
    "discovery": {
        "extensions": ("extensions", _extensions),
        "exclude": ("exclude", _patterns),
        "skip": ("skip", _some_of("hidden", "samples", "trailers", "extras")),
    },
}


def _parse(path: str, data: bytes, config: VPOConfig) -> VPOConfig:
    # function-local: only a run that has a config file pays for the parser
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        text = data.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(path, [Issue(line, 1, "", "is not UTF-8 text")]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [_syntax_issue(str(error))]) from error
    except RecursionError as error:
        raise ConfigError(path, [Issue(0, 0, "", "is nested too deeply")]) from error
    issues: list[Issue] = []
    for section, body in document.items():
        values = _read_section(text, section, body, issues)
        if values:
            config = config._replace(**{section: getattr(config, section)._replace(**values)})
    if issues:
        raise ConfigError(path, sorted(issues))
    return config


def _read_section(text: str, section: str, body: Any, issues: list[Issue]) -> dict[str, Any]:
    known = _KEYS.get(section)
    if known is None or not isinstance(body, dict):
        line = _line_of(text, section, None) or _line_of(text, None, section)
        issues.append(Issue(line, 1, section, f"unknown section{_nearest(section, _KEYS)}"))
        return {}
    values: dict[str, Any] = {}
    for key, value in body.items():
        line = _line_of(text, section, key)
        if key not in known:
            issues.append(Issue(line, 1, f"{section}.{key}", f"unknown key{_nearest(key, known)}"))
            continue
        field, read = known[key]
        try:
            values[field] = read(value)
        except _Invalid as error:
            issues.append(Issue(line, 1, f"{section}.{key}", str(error)))
    return values


def _syntax_issue(message: str) -> Issue:
    match = re.search(r"\s*\(at line (\d+), column (\d+)\)$", message)
    if match is None:  # `(at end of document)`
        return Issue(0, 0, "", message)
    return Issue(int(match[1]), int(match[2]), "", message[: match.start()])


def _nearest(word: str, valid: Mapping[str, object]) -> str:
    import difflib  # only a mistake pays for it

    close = difflib.get_close_matches(word, valid, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (there are {', '.join(valid)})"


def _line_of(text: str, section: str | None, key: str | None) -> int:
    """Return the line of a key in a section (or of the section, or of a top-level key), 0 when not found.

    The parser keeps no positions; this reads the layout that people write: a header, then `key = value`.
    """
    current: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*[\"']?([^\]\"'.]+?)[\"']?\s*[\].]", line)
        if header:
            current = header[1]
            if key is None and current == section:
                return number
            continue
        name = re.match(r"\s*[\"']?([\w-]+)[\"']?\s*(?:\.\s*[\"']?([\w-]+)[\"']?)?\s*=", line)
        if not name:
            continue
        if current == section and name[1] == key and not name[2]:
            return number
        if current is None and section is not None and name[1] == section and name[2] in (key, None):
            return number
    return 0
