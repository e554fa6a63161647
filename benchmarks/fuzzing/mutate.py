"""Damage: a file with something wrong in it, as transfer, an editor or malice leaves it."""

from __future__ import annotations

import random
from collections.abc import Sequence

ODD = (
    *(b"\0", b"\xff", b"\xff\xfe", b"\xed\xa0\x80", b"\x1b[2J\x1b]0;x\x07", b"\r", b"\n", b'"', b"'", b"{", b"[", b"]"),
    *(
        b":",
        b",",
        b";",
        b"\t",
        b"NaN",
        b"1e999",
        b"-1",
        b"9" * 400,
        b"null",
        b"true",
        b"=1+1",
        b"../../x",
        b"%s",
        b"&a",
    ),
    *(b"*a", b"<<", b"!!python/object:os.system", b"\\u0000", b"\\ud800", "\u202e".encode(), "é".encode("latin-1")),
    *(b"[" * 3000, b"{" * 3000, b'{"a":' * 3000, b"- " * 3000, b"x" * 20_000, b"\n" * 3000, b"," * 3000),
)


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the files with one to four things wrong in it.

    Parameters
    ----------
    seeds
        Whole files.
    """
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 2, 8, 64, 512)))
        match rng.randrange(8):
            case 0:
                del data[at:]
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = rng.choice(ODD)
            case 3:
                data[at:end] = rng.choice(ODD)
            case 4:
                data[at:end] = rng.randbytes(end - at)
            case 5 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 6:
                data[at:at] = data[at:end]
            case _:
                other = rng.choice(seeds)
                data[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(data)
