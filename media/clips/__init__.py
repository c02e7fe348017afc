"""Video and audio: what a clip is, and the form in which it is kept. ffmpeg does the work, in children with limits.

`probe` and `convert` are all that the rest of the site uses.
"""

from collections.abc import Callable
from pathlib import Path

from media.clips import converting
from media.clips.converting import Converted
from media.clips.looking import Clip, look, source_of

__all__ = ["Clip", "Converted", "convert", "probe"]


def probe(source: Path) -> Clip:
    """What the file really is, read from end to end.

    Raises UnsupportedMediaType (none of the kinds we take), Unprocessable (broken, too long, too large).
    """
    return look(source_of(source))


def convert(source: Path, folder: Path, *, progress: Callable[[int], None]) -> Converted:
    """Writes the clip as it is kept, and a video's poster, into `folder`.

    A video becomes an MP4 that plays while it loads; what is H.264 and AAC already is only packed anew. Audio stays
    what it is, or becomes AAC. The first picture and the first sound are kept and nothing else: no place, no title, no
    subtitles. `progress` hears 0 to 99, rising, a few times a second at most; what it raises ends the work.

    Raises as `probe`, and Unprocessable where it took too long or became too large.
    """
    return converting.convert(source_of(source), folder, progress)
