"""How long a character's fields may be. The same numbers bind the API, the forms and the tables."""

NAME = 100
TAGLINE = 200
DESCRIPTION = 20_000
SYSTEM_PROMPT = 20_000
EXAMPLE_DIALOGUE = 20_000
GREETING = 10_000
ALTERNATE_GREETINGS = 20
LONG_TEXT = 10_000  # personality, scenario, post-history instructions, creator's notes
NICKNAME = 100
VERSION = 40
TAG = 40
TAGS = 20
APPEARANCE = 60  # ethnicity, body type
YOUNGEST, OLDEST = 18, 100

SEARCH = 200
MEMORY = 2_000
MEMORIES = 500  # of one person with one character; the oldest make room
PERSONA_NAME = 100
PERSONA_DESCRIPTION = 10_000
PERSONAS = 50

LOREBOOK_ENTRIES = 1_000
LOREBOOK_KEYS = 100
LOREBOOK_TEXT = 20_000
