"""What a file is, by the bytes it begins with; never by its name or by what its sender calls it.

What is not listed here has no name: SVG, HTML, PDF, TIFF, BMP, ICO, HEIC, archives and programs are nothing to us.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One kind of file: `family` is image, video or audio; `extension` has no dot."""

    name: str
    family: str
    mime_type: str
    extension: str


JPEG = Format("jpeg", "image", "image/jpeg", "jpg")
PNG = Format("png", "image", "image/png", "png")
WEBP = Format("webp", "image", "image/webp", "webp")
GIF = Format("gif", "image", "image/gif", "gif")
AVIF = Format("avif", "image", "image/avif", "avif")
MP4 = Format("mp4", "video", "video/mp4", "mp4")
MOV = Format("mov", "video", "video/quicktime", "mov")
WEBM = Format("webm", "video", "video/webm", "webm")
MKV = Format("mkv", "video", "video/x-matroska", "mkv")
MP3 = Format("mp3", "audio", "audio/mpeg", "mp3")
M4A = Format("m4a", "audio", "audio/mp4", "m4a")
OGG = Format("ogg", "audio", "audio/ogg", "ogg")
WAV = Format("wav", "audio", "audio/wav", "wav")
FLAC = Format("flac", "audio", "audio/flac", "flac")
ALL = (JPEG, PNG, WEBP, GIF, AVIF, MP4, MOV, WEBM, MKV, MP3, M4A, OGG, WAV, FLAC)

# what senders call these formats; the family is all that must agree with the content
MIME_TYPES: dict[str, str] = {found.mime_type: found.family for found in ALL} | {
    "image/jpg": "image",
    "image/pjpeg": "image",
    "video/x-m4v": "video",
    "video/matroska": "video",
    "audio/mp3": "audio",
    "audio/m4a": "audio",
    "audio/x-m4a": "audio",
    "audio/opus": "audio",
    "audio/wave": "audio",
    "audio/x-wav": "audio",
    "audio/vnd.wave": "audio",
    "audio/x-flac": "audio",
}

BRANDS = {b"avif": AVIF, b"avis": AVIF, b"M4A ": M4A, b"qt  ": MOV} | dict.fromkeys(
    (
        *(b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9"),
        *(b"mp41", b"mp42", b"avc1", b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"XAVC", b"dash", b"cmfc", b"cmf2"),
    ),
    MP4,
)
LARGEST_FTYP = 1024  # bytes; the brands of real files fit into a tenth of it
DOCTYPES = {b"webm": WEBM, b"matroska": MKV}
OGG_AUDIO = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")
# kbit/s of MPEG layer III by the header's index; 0 and 15 mean nothing that a decoder could use
BITRATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
BITRATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # Hz
MPEG_1 = 3
LAYER_3 = 1


def format_of(head: bytes) -> Format | None:
    """The format of what begins with these bytes (4096 of them, or all there are), None for none of ours."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF"):
        return {b"WEBP": WEBP, b"WAVE": WAV}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _by_doctype(head)
    if head.startswith(b"OggS"):
        return OGG if _is_ogg_audio(head) else None
    if head.startswith(b"fLaC"):
        return FLAC if head[4:5] in {b"\x00", b"\x80"} and head[5:8] == b"\x00\x00\x22" else None
    return MP3 if _is_tagged(head) or _is_mp3(head) else None


def _by_brand(head: bytes) -> Format | None:
    size = int.from_bytes(head[:4], "big")
    return BRANDS.get(head[8:12]) if 16 <= size <= LARGEST_FTYP and size % 4 == 0 else None


def _by_doctype(head: bytes) -> Format | None:
    """Reads the EBML header's elements up to its DocType."""
    try:
        length, at = _number(head, 4)
        end = min(at + length, len(head))
        while at < end:
            width = 9 - head[at].bit_length()
            name = head[at : at + width]
            length, at = _number(head, at + width)
            if name == b"\x42\x82":
                return DOCTYPES.get(head[at : at + length].rstrip(b"\x00"))
            at += length
    except IndexError:
        pass
    return None


def _number(head: bytes, at: int) -> tuple[int, int]:
    """EBML's number of variable width at this place, and the place behind it."""
    width = 9 - head[at].bit_length()
    if width > 8 or at + width > len(head):
        raise IndexError
    return int.from_bytes(head[at : at + width], "big") & (1 << 7 * width) - 1, at + width


def _is_ogg_audio(head: bytes) -> bool:
    """Whether the first page is the beginning of a stream of sound: version 0, flag "first", a codec that we know."""
    segments = head[26] if len(head) > 26 else 0
    return head[4:5] == b"\x00" and head[5:6] == b"\x02" and head[27 + segments :].startswith(OGG_AUDIO)


def _is_tagged(head: bytes) -> bool:
    """Whether an ID3 tag of version 2.2 to 2.4 stands here: low flags unset, a size without high bits."""
    return (
        len(head) > 10
        and head.startswith(b"ID3")
        and head[3] in {2, 3, 4}
        and head[4] != 0xFF
        and not head[5] & 0x0F
        and all(byte < 0x80 for byte in head[6:10])
    )


def _is_mp3(head: bytes) -> bool:
    """Whether a frame of sound stands here, and after it the next one of the same kind."""
    length = _frame_length(head)
    if not length:
        return False
    after = head[length : length + 4]
    alike = after[:1] == b"\xff" and after[1:2] == head[1:2] and bool(_frame_length(after))
    return len(head) == length or (alike and (after[2] ^ head[2]) & 0x0C == 0)


def _frame_length(head: bytes) -> int:
    """Bytes of the MPEG frame of layer III that begins here; 0 where its header's fields are not those of one."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version not in SAMPLE_RATES or layer != LAYER_3 or bitrate in {0, 15} or rate == 3 or head[3] & 3 == 2:
        return 0
    kbits, samples = (BITRATES_1[bitrate], 144) if version == MPEG_1 else (BITRATES_2[bitrate], 72)
    return samples * kbits * 1000 // SAMPLE_RATES[version][rate] + (head[2] >> 1 & 1)
