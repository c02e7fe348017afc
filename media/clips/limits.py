"""How long and how large a clip may be, and what a child that works on one may use of this machine."""

from media.limits import MIB, MOST_CLIP_BYTES

LONGEST_SECONDS = 2 * 60 * 60
LONGEST_SIDE = 4096  # pixels, of what is sent: cinema 4K, and a phone's 4K upright
MOST_PIXELS = 12_000_000
KEPT_SIDE = 1920  # pixels of the longest side of what is kept

THREADS = 2
MEMORY = 2048 * MIB  # of addresses, as RLIMIT_AS counts them; 4K into 1080p was measured to take 800 MiB
LARGEST_FILE = MOST_CLIP_BYTES + 64 * MIB  # a clip that was only packed anew may grow by its index
LONGEST_LISTING = 512 * MIB  # a line for each packet; four million of them are no clip of two hours

LOOK_SECONDS = 120  # to read a clip from end to end without decoding it
FRAME_SECONDS = 60  # to decode one picture of it
CONVERT_SECONDS = 90 * 60
