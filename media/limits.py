"""How much of a file is taken in: bytes by what it is, and what a decoder may use of this machine."""

from common.errors import PayloadTooLarge

MIB = 1024 * 1024
MOST_IMAGE_BYTES = 10 * MIB
MOST_CLIP_BYTES = 2048 * MIB
LARGEST_BODY = 50 * MIB
LARGEST_JSON = MOST_IMAGE_BYTES * 4 // 3 + 64 * 1024  # a picture in base64, and the fields beside it
ROOM_FOR_THE_REST = 64 * 1024  # boundaries, headers and the other fields of a form with one file
TEMPORARY = "troupe-media-"  # how every temporary file begins, so that those of killed processes are found
LONGEST_NAME = 200
BATCH_AT_MOST = 50


def most_bytes(family: str) -> int:
    return MOST_IMAGE_BYTES if family == "image" else MOST_CLIP_BYTES


def too_large(family: str) -> PayloadTooLarge:
    most, what = most_bytes(family), "A picture" if family == "image" else "A clip"
    return PayloadTooLarge(f"{what} may have at most {most // MIB} MB.")
