"""The search for external programs: PATH, and for ffmpeg also the imageio-ffmpeg wheel. Starts no process."""

from __future__ import annotations

import os
from collections.abc import Iterator

WHEEL = "imageio-ffmpeg"


def on_path(name: str, path_env: str | None = None) -> str | None:
    """Return the absolute path of a program on PATH, None when there is none."""
    import shutil  # an up-to-date run looks for no program: 2 ms, mostly for its compressors

    path = shutil.which(name, path=path_env)
    return None if path is None else os.path.abspath(path)


def wheel_ffmpeg() -> str | None:
    """Return the absolute path of the ffmpeg in the wheel, None on a platform whose wheel has none."""
    import imageio_ffmpeg  # only a machine without a sufficient ffmpeg on PATH pays for it

    try:
        path = os.path.abspath(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except RuntimeError:
        return None
    return path if os.access(path, os.X_OK) else None


def find_ffmpegs(path_env: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield each ffmpeg as (path, origin), the preferred one first."""
    path = on_path("ffmpeg", path_env)
    if path is not None:
        yield path, "PATH"
    path = wheel_ffmpeg()
    if path is not None:
        yield path, WHEEL
