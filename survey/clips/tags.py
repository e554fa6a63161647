"""What a clip's file says beside its sound, which a listener could read."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mutagen import MutagenError
from mutagen.flac import FLAC, FLACNoHeaderError, VCFLACDict
from mutagen.id3 import ID3, ID3NoHeaderError

# Of FLAC's metadata blocks (RFC 9639, 8.1); the others say how the sound is encoded.
TELLING = {2: "application data", 5: "a cue sheet", 6: "a picture"}


def tags_of(path: Path) -> Iterator[str]:
    """Yield what a file carries beside sound: comments, pictures, cue sheets, application data, ID3 at either end.

    The vendor string of FLAC's comments names the encoder only, and counts as nothing.
    """
    try:
        with suppress(ID3NoHeaderError):
            ID3(path)
            yield "an ID3 tag"
        with suppress(FLACNoHeaderError):
            found = FLAC(path)
            if isinstance(found.tags, VCFLACDict) and found.tags:
                yield f"{len(found.tags)} metadata tags"
            yield from (TELLING[block.code] for block in found.metadata_blocks if block.code in TELLING)
    except MutagenError:
        yield "metadata that cannot be read"
