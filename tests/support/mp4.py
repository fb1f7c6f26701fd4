"""Indexes of MP4 files built box by box."""

from __future__ import annotations

import struct

from vpo_tasks.media.mp4.tree import Atom

PACKED_FRENCH = (6 << 10) | (18 << 5) | 1  # "fra", a letter in five bits


def full(kind: bytes, payload: bytes) -> Atom:
    return Atom(kind, bytes(4) + payload)


def trak(handler: bytes, *more: Atom, flags: int = 3, media: tuple[Atom, ...] = ()) -> Atom:
    header = Atom(b"tkhd", struct.pack(">I", flags) + struct.pack(">8xI", 1) + bytes(68))
    clock = full(b"mdhd", bytes(8) + struct.pack(">IIHH", 1000, 500, PACKED_FRENCH, 0))
    name = full(b"hdlr", bytes(4) + handler + bytes(12) + b"Handler\0")
    return Atom(b"trak", b"", (header, Atom(b"mdia", b"", (clock, *media, name)), *more))


def user(*boxes: Atom) -> Atom:
    return Atom(b"udta", b"", boxes)


def movie(*more: Atom, sound: Atom | None = None) -> Atom:
    return Atom(b"moov", b"", (trak(b"vide"), sound or trak(b"soun"), *more))
