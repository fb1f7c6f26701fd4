"""What versions of the tools do differently from what their manuals promise, and what is done about it.

A quirk that is `asked` decides by the version that was found. The others are handled whatever the version:
the remedy does no harm where the quirk is absent. Code names the quirk where it is handled; a test checks it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_Number = tuple[int, ...]
_VERSION = re.compile(r"[nv]?(\d+(?:\.\d+)*)")


class Quirk(NamedTuple):
    """Versions `first` up to, but not including, `fixed`; None is open. `seen` lists what was tried."""

    tool: str
    first: _Number | None
    fixed: _Number | None
    seen: str
    done: str
    asked: bool = False

    def affects(self, version: str) -> bool:
        """Tell whether a version (`7.0.2`, `n9.0.2-17-g2a57`) has it; a snapshot (`N-1234`) counts as new."""
        match = _VERSION.match(version)
        number = tuple(map(int, match[1].split("."))) if match else (1 << 30,)
        return (self.first is None or number >= self.first) and (self.fixed is None or number < self.fixed)


# fmt: off
NO_FPS_MODE = Quirk("ffmpeg", None, (5, 1), asked=True,
    seen="no `-fps_mode`, without which frames are doubled and dropped",
    done="counts as having no encoders")
ROTATION_LOST = Quirk("ffmpeg", None, (6,), asked=True,
    seen="leaves the rotation of pictures out of Matroska",
    done="another ffmpeg is looked for; without one the video is refused before any work")
TRACK_NAMES = Quirk("ffmpeg", (8, 1), None,
    seen="reads an MP4 track's name beside its title; the Matroska muxer would take it for a title",
    done="conversions from MP4 clear `name`")
COVER_AS_TRACK = Quirk("ffmpeg", (5, 1), None,
    seen="copies an attached picture into Matroska as a video track of one frame (5.1 to 9)",
    done="the picture is extracted first and given to `-attach`")
NEW_DISPOSITIONS = Quirk("ffmpeg", None, None,
    seen="refuses the name of a disposition that it does not know",
    done="only names known to 5.1 are passed")
DEFAULT_FLAG_SET = Quirk("ffmpeg", None, None,
    seen="older ones set a default flag on a Matroska track of a type that has none",
    done="`-default_mode passthrough`")
TIME_BASE_NAMES = Quirk("ffmpeg", None, None,
    seen="5.1 and 9 share no name for an encoder time base that leaves times alone",
    done="a fixed one, fine enough for every frame's own time")
CROP_APPLIED = Quirk("ffmpeg", (7, 1), None, asked=True,
    seen="cuts a picture to the crop that the container asks of players before it encodes it",
    done="`-apply_cropping codec`; older ones have no such option, and leave the picture whole")
STALE_DOLBY_VISION = Quirk("ffmpeg", None, (9,),
    seen="5.1 and 7.0 copy the source's Dolby Vision configuration to what they encode;"
    " televisions believe it",
    done="the configuration is overwritten in the new file wherever an encoded track has one")
OPUS_DELAY_TWICE = Quirk("ffmpeg", None, (9,),
    seen="5.1 subtracts Opus' start delay (6.5 ms) a second time when it copies into Matroska",
    done="the verification of times allows for it")
EXIT_0_ON_FULL_DISK = Quirk("ffmpeg", None, None,
    seen="5.1 exits 0 when only the last writes hit a full disk; a killed output claims its full duration",
    done="packets and last timestamps of every stream are compared with the source's")
LP_IS_A_LEVEL = Quirk("SVT-AV1", (3,), None,
    seen="`lp` is a level: 1, 2, 4, 8, 16, 32 threads; older ones take it for the number of threads",
    done="the level is passed, which is a permitted number of threads too")
LACED_VORBIS = Quirk("mkvmerge", None, None,
    seen="laces up to eight Vorbis frames; FFmpeg cuts the length of each to a millisecond",
    done="the verification of times allows for it")
WARNING_IS_EXIT_1 = Quirk("mkvmerge", None, None,
    seen="74 exits 1 with warnings, also for sound files; 2 is an error, and death by a signal is neither",
    done="1 succeeds if the verification does; every other status fails")
# fmt: on
