"""Matroska's elements outside the Clusters (RFC 9559, RFC 8794), and how a value of each type is stored."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from vpo_tasks.errors import VpoError

ElementType = Literal["master", "unsigned", "signed", "float", "string", "utf-8", "date", "binary"]
ElementValue = int | float | str | bytes


class TreeError(VpoError):
    """Elements cannot be read, changed or laid out as asked."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Definition(NamedTuple):
    """What the specification says of one element. `parent` is 0 at the top, and for Void and CRC-32."""

    id: int
    name: str
    type: ElementType
    parent: int
    default: ElementValue | None


# identifier, name, type (a master without), default; what is indented stands in the element above it.
# ChapterAtom and SimpleTag may also stand in themselves.
_TABLE = """
EC Void binary
BF CRC-32 binary
1A45DFA3 EBML
 4286 EBMLVersion unsigned 1
 42F7 EBMLReadVersion unsigned 1
 42F2 EBMLMaxIDLength unsigned 4
 42F3 EBMLMaxSizeLength unsigned 8
 4282 DocType string
 4287 DocTypeVersion unsigned 1
 4285 DocTypeReadVersion unsigned 1
 4281 DocTypeExtension
  4283 DocTypeExtensionName string
  4284 DocTypeExtensionVersion unsigned
18538067 Segment
 114D9B74 SeekHead
  4DBB Seek
   53AB SeekID binary
   53AC SeekPosition unsigned
 1549A966 Info
  73A4 SegmentUUID binary
  7384 SegmentFilename utf-8
  3CB923 PrevUUID binary
  3C83AB PrevFilename utf-8
  3EB923 NextUUID binary
  3E83BB NextFilename utf-8
  4444 SegmentFamily binary
  6924 ChapterTranslate
   69A5 ChapterTranslateID binary
   69BF ChapterTranslateCodec unsigned
   69FC ChapterTranslateEditionUID unsigned
  2AD7B1 TimestampScale unsigned 1000000
  4489 Duration float
  4461 DateUTC date
  7BA9 Title utf-8
  4D80 MuxingApp utf-8
  5741 WritingApp utf-8
 1F43B675 Cluster
 1654AE6B Tracks
  AE TrackEntry
   D7 TrackNumber unsigned
   73C5 TrackUID unsigned
   83 TrackType unsigned
   B9 FlagEnabled unsigned 1
   88 FlagDefault unsigned 1
   55AA FlagForced unsigned 0
   55AB FlagHearingImpaired unsigned
   55AC FlagVisualImpaired unsigned
   55AD FlagTextDescriptions unsigned
   55AE FlagOriginal unsigned
   55AF FlagCommentary unsigned
   9C FlagLacing unsigned 1
   6DE7 MinCache unsigned 0
   6DF8 MaxCache unsigned
   23E383 DefaultDuration unsigned
   234E7A DefaultDecodedFieldDuration unsigned
   23314F TrackTimestampScale float 1.0
   537F TrackOffset signed 0
   55EE MaxBlockAdditionID unsigned 0
   41E4 BlockAdditionMapping
    41F0 BlockAddIDValue unsigned
    41A4 BlockAddIDName string
    41E7 BlockAddIDType unsigned 0
    41ED BlockAddIDExtraData binary
   536E Name utf-8
   22B59C Language string eng
   22B59D LanguageBCP47 string
   86 CodecID string
   63A2 CodecPrivate binary
   258688 CodecName utf-8
   7446 AttachmentLink unsigned
   3A9697 CodecSettings utf-8
   3B4040 CodecInfoURL string
   26B240 CodecDownloadURL string
   AA CodecDecodeAll unsigned 1
   6FAB TrackOverlay unsigned
   56AA CodecDelay unsigned 0
   56BB SeekPreRoll unsigned 0
   6624 TrackTranslate
    66A5 TrackTranslateTrackID binary
    66BF TrackTranslateCodec unsigned
    66FC TrackTranslateEditionUID unsigned
   E0 Video
    9A FlagInterlaced unsigned 0
    9D FieldOrder unsigned 2
    53B8 StereoMode unsigned 0
    53C0 AlphaMode unsigned 0
    53B9 OldStereoMode unsigned
    B0 PixelWidth unsigned
    BA PixelHeight unsigned
    54AA PixelCropBottom unsigned 0
    54BB PixelCropTop unsigned 0
    54CC PixelCropLeft unsigned 0
    54DD PixelCropRight unsigned 0
    54B0 DisplayWidth unsigned
    54BA DisplayHeight unsigned
    54B2 DisplayUnit unsigned 0
    54B3 AspectRatioType unsigned 0
    2EB524 UncompressedFourCC binary
    2FB523 GammaValue float
    2383E3 FrameRate float
    55B0 Colour
     55B1 MatrixCoefficients unsigned 2
     55B2 BitsPerChannel unsigned 0
     55B3 ChromaSubsamplingHorz unsigned
     55B4 ChromaSubsamplingVert unsigned
     55B5 CbSubsamplingHorz unsigned
     55B6 CbSubsamplingVert unsigned
     55B7 ChromaSitingHorz unsigned 0
     55B8 ChromaSitingVert unsigned 0
     55B9 Range unsigned 0
     55BA TransferCharacteristics unsigned 2
     55BB Primaries unsigned 2
     55BC MaxCLL unsigned
     55BD MaxFALL unsigned
     55D0 MasteringMetadata
      55D1 PrimaryRChromaticityX float
      55D2 PrimaryRChromaticityY float
      55D3 PrimaryGChromaticityX float
      55D4 PrimaryGChromaticityY float
      55D5 PrimaryBChromaticityX float
      55D6 PrimaryBChromaticityY float
      55D7 WhitePointChromaticityX float
      55D8 WhitePointChromaticityY float
      55D9 LuminanceMax float
      55DA LuminanceMin float
    7670 Projection
     7671 ProjectionType unsigned 0
     7672 ProjectionPrivate binary
     7673 ProjectionPoseYaw float 0.0
     7674 ProjectionPosePitch float 0.0
     7675 ProjectionPoseRoll float 0.0
   E1 Audio
    B5 SamplingFrequency float 8000.0
    78B5 OutputSamplingFrequency float
    9F Channels unsigned 1
    7D7B ChannelPositions binary
    6264 BitDepth unsigned
    52F1 Emphasis unsigned 0
   E2 TrackOperation
    E3 TrackCombinePlanes
     E4 TrackPlane
      E5 TrackPlaneUID unsigned
      E6 TrackPlaneType unsigned
    E9 TrackJoinBlocks
     ED TrackJoinUID unsigned
   C0 TrickTrackUID unsigned
   C1 TrickTrackSegmentUID binary
   C6 TrickTrackFlag unsigned 0
   C7 TrickMasterTrackUID unsigned
   C4 TrickMasterTrackSegmentUID binary
   6D80 ContentEncodings
    6240 ContentEncoding
     5031 ContentEncodingOrder unsigned 0
     5032 ContentEncodingScope unsigned 1
     5033 ContentEncodingType unsigned 0
     5034 ContentCompression
      4254 ContentCompAlgo unsigned 0
      4255 ContentCompSettings binary
     5035 ContentEncryption
      47E1 ContentEncAlgo unsigned 0
      47E2 ContentEncKeyID binary
      47E7 ContentEncAESSettings
       47E8 AESSettingsCipherMode unsigned
      47E3 ContentSignature binary
      47E4 ContentSigKeyID binary
      47E5 ContentSigAlgo unsigned 0
      47E6 ContentSigHashAlgo unsigned 0
 1C53BB6B Cues
  BB CuePoint
   B3 CueTime unsigned
   B7 CueTrackPositions
    F7 CueTrack unsigned
    F1 CueClusterPosition unsigned
    F0 CueRelativePosition unsigned
    B2 CueDuration unsigned
    5378 CueBlockNumber unsigned
    EA CueCodecState unsigned 0
    DB CueReference
     96 CueRefTime unsigned
     97 CueRefCluster unsigned
     535F CueRefNumber unsigned 1
     EB CueRefCodecState unsigned 0
 1941A469 Attachments
  61A7 AttachedFile
   467E FileDescription utf-8
   466E FileName utf-8
   4660 FileMediaType string
   465C FileData binary
   46AE FileUID unsigned
   4675 FileReferral binary
   4661 FileUsedStartTime unsigned
   4662 FileUsedEndTime unsigned
 1043A770 Chapters
  45B9 EditionEntry
   45BC EditionUID unsigned
   45BD EditionFlagHidden unsigned 0
   45DB EditionFlagDefault unsigned 0
   45DD EditionFlagOrdered unsigned 0
   4520 EditionDisplay
    4521 EditionString utf-8
    45E4 EditionLanguageIETF string
   B6 ChapterAtom
    73C4 ChapterUID unsigned
    5654 ChapterStringUID utf-8
    91 ChapterTimeStart unsigned
    92 ChapterTimeEnd unsigned
    98 ChapterFlagHidden unsigned 0
    4598 ChapterFlagEnabled unsigned 1
    6E67 ChapterSegmentUUID binary
    4588 ChapterSkipType unsigned
    6EBC ChapterSegmentEditionUID unsigned
    63C3 ChapterPhysicalEquiv unsigned
    8F ChapterTrack
     89 ChapterTrackUID unsigned
    80 ChapterDisplay
     85 ChapString utf-8
     437C ChapLanguage string eng
     437D ChapLanguageBCP47 string
     437E ChapCountry string
    6944 ChapProcess
     6955 ChapProcessCodecID unsigned 0
     450D ChapProcessPrivate binary
     6911 ChapProcessCommand
      6922 ChapProcessTime unsigned
      6933 ChapProcessData binary
 1254C367 Tags
  7373 Tag
   63C0 Targets
    68CA TargetTypeValue unsigned 50
    63CA TargetType string
    63C5 TagTrackUID unsigned 0
    63C9 TagEditionUID unsigned 0
    63C4 TagChapterUID unsigned 0
    63C6 TagAttachmentUID unsigned 0
   67C8 SimpleTag
    45A3 TagName utf-8
    447A TagLanguage string und
    447B TagLanguageBCP47 string
    4484 TagDefault unsigned 1
    44B4 TagDefaultBogus unsigned 1
    4487 TagString utf-8
    4485 TagBinary binary
"""


def _definitions() -> Iterator[Definition]:
    parents = [0]
    for line in _TABLE.strip("\n").split("\n"):
        depth = len(line) - len(line.lstrip())
        words = line.split()
        identifier, kind = int(words[0], 16), words[2] if len(words) > 2 else "master"
        parents[depth + 1 :] = [identifier]
        default: ElementValue | None = words[3] if len(words) > 3 else None
        if default is not None and kind != "string":
            default = float(default) if kind == "float" else int(default)
        yield Definition(identifier, words[1], kind, parents[depth], default)  # type: ignore[arg-type]


DEFINITIONS = {definition.id: definition for definition in _definitions()}
"""Identifier -> definition."""

_IDS = {definition.name: definition.id for definition in DEFINITIONS.values()}

_EMPTY: dict[str, ElementValue] = {
    "unsigned": 0, "signed": 0, "date": 0, "float": 0.0, "string": "", "utf-8": "", "binary": b"",
}  # fmt: skip


def id_named(name: str) -> int:
    """Return the identifier of an element by the specification's name. Raise TreeError for none."""
    if name not in _IDS:
        raise TreeError(f"there is no element {name}")
    return _IDS[name]


def type_of(identifier: int) -> ElementType:
    """Return an element's type; what the table does not know is binary."""
    definition = DEFINITIONS.get(identifier)
    return definition.type if definition else "binary"


def decode_value(identifier: int, data: bytes) -> ElementValue:
    """Return the value stored in an element's data; the default, else zero, for empty data (RFC 8794, 6.1).

    A date is in nanoseconds since 2001-01-01 UTC. Raise TreeError for what is no such value.
    """
    kind = type_of(identifier)
    if kind == "binary":
        return data
    if not data and kind in _EMPTY:
        default = DEFINITIONS[identifier].default
        return _EMPTY[kind] if default is None else default
    size = len(data)
    if kind in ("string", "utf-8"):
        try:
            return data.split(b"\0", 1)[0].decode()
        except UnicodeDecodeError as error:
            raise TreeError(f"a text is not UTF-8: {data[:40]!r}") from error
    if (kind == "float" and size in (4, 8)) or (kind == "date" and size == 8):
        layout = ">q" if kind == "date" else ">f" if size == 4 else ">d"
        value: ElementValue = struct.unpack(layout, data)[0]
        return value
    if kind in ("unsigned", "signed") and size <= 8:
        return int.from_bytes(data, "big", signed=kind == "signed")
    raise TreeError(f"{size} bytes are no value of the type {kind}")


def encode_value(identifier: int, value: ElementValue, size: int = 0) -> bytes:
    """Return how an element stores a value: integers in as few bytes as it takes, but in `size` at least.

    A float takes four bytes where `size` is 4 and they do. Raise TreeError for a value of another type.
    """
    kind = type_of(identifier)
    try:
        if kind == "binary" and isinstance(value, bytes):
            return value
        if kind in ("string", "utf-8") and isinstance(value, str):
            # an empty element would have its default
            is_told = value or not DEFINITIONS[identifier].default
            return value.encode("ascii" if kind == "string" else "utf-8") if is_told else b"\0"
        if kind == "float" and isinstance(value, (int, float)):
            return _encode_float(value, size)
        if kind == "date" and isinstance(value, int):
            return value.to_bytes(8, "big", signed=True)
        if kind in ("unsigned", "signed") and isinstance(value, int):
            signed = kind == "signed"
            bits = (value if value >= 0 else ~value).bit_length() + signed
            needed = max(1, size, (bits + 7) // 8)
            if needed <= 8:
                return value.to_bytes(needed, "big", signed=signed)
    except (OverflowError, UnicodeEncodeError, struct.error) as error:
        raise TreeError(f"{value!r} cannot be stored as {kind}") from error
    raise TreeError(f"{value!r} cannot be stored as {kind}")


def _encode_float(value: float, size: int) -> bytes:
    if size == 4:
        try:
            data = struct.pack(">f", value)
        except OverflowError:
            data = b""
        if data and struct.unpack(">f", data)[0] == value:
            return data
    return struct.pack(">d", value)
