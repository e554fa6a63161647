"""Sizes: FLAC files of one size, so that no byte count tells one condition from another."""

from collections.abc import Sequence

PADDING, LAST = 1, 0x80  # RFC 9639, 8.1: the block type, and the bit of the last block
HEADER = 4  # bytes of a block's header
MOST = 2**24 - 1  # bytes that a block can hold


def equal_sizes(files: Sequence[bytes]) -> list[bytes]:
    """Pad FLAC files to the size of the longest, and one block more, whose zeros every player skips.

    Examples
    --------
    >>> flac = b"fLaC" + bytes([0x80, 0, 0, 2]) + b"ab"
    >>> [len(padded) for padded in equal_sizes([flac + b"sound", flac])]
    [19, 19]
    """
    size = max(map(len, files), default=0) + HEADER
    return [padded(file, size) for file in files]


def padded(flac: bytes, size: int) -> bytes:
    r"""Pad a FLAC file to `size` bytes, at least four more than it has.

    Raises
    ------
    ValueError
        If it is no FLAC file, or longer than that.

    Examples
    --------
    >>> flac = b"fLaC" + bytes([0x80, 0, 0, 2]) + b"ab" + b"sound"
    >>> padded(flac, 20)
    b'fLaC\x00\x00\x00\x02ab\x81\x00\x00\x01\x00sound'
    """
    if flac[:4] != b"fLaC":
        raise ValueError("no FLAC file")
    start = 4
    while not flac[start] & LAST:
        start += HEADER + int.from_bytes(flac[start + 1 : start + HEADER])
    end = start + HEADER + int.from_bytes(flac[start + 1 : start + HEADER])
    left = size - len(flac)
    if left < HEADER:
        raise ValueError(f"has {len(flac)} bytes, too many for {size}")
    blocks = b""
    while left:
        # What is left for the next block is nothing, or enough for its header.
        length = min(left, HEADER + MOST) - HEADER
        length -= HEADER if 0 < left - HEADER - length < HEADER else 0
        left -= HEADER + length
        blocks += bytes([PADDING | (0 if left else LAST)]) + length.to_bytes(3) + bytes(length)
    head = flac[:start] + bytes([flac[start] & ~LAST]) + flac[start + 1 : end]
    return head + blocks + flac[end:]
