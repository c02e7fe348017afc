"""Characters, and what people add to them: likes, lorebooks, memories, personas.

Two numbers of a character change far more often than the rest: its likes and its messages. They are never counted on
the row itself, which would make every like of a popular character wait for the one before. Each is a `CounterDelta`,
inserted and never updated; a job folds them into the row. What is shown is always the column plus what is not folded
yet, so it is exact at any moment.
"""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from characters import limits
from characters.portraits import mask_traits
from common.models import BaseModel, new_id


class Gender(models.TextChoices):
    FEMALE = "female"
    MALE = "male"
    NON_BINARY = "non-binary"
    OTHER = "other"


class Category(models.TextChoices):
    FANTASY = "fantasy"
    SCI_FI = "sci-fi", "Science fiction"
    MYSTERY = "mystery"
    COMEDY = "comedy"
    ROMANCE = "romance"
    LEARNING = "learning"
    WELLBEING = "wellbeing"
    HISTORY = "history"
    ADVENTURE = "adventure"
    HORROR = "horror"
    EVERYDAY = "everyday"
    OTHER = "other"


class ContentRating(models.TextChoices):
    EVERYONE = "everyone"
    MATURE = "mature"


class Visibility(models.TextChoices):
    PRIVATE = "private"
    UNLISTED = "unlisted"
    PUBLIC = "public"


def validate_portrait(style: Any) -> None:
    """A portrait's fixed traits are those that `characters.portraits` knows."""
    if style is not None and not isinstance(style, dict):
        raise ValidationError("Give an object of traits.")
    try:
        mask_traits("", style)
    except (ValueError, TypeError) as error:
        raise ValidationError(str(error)) from error


LISTED = Q(visibility=Visibility.PUBLIC, deleted_at=None)
SCORE_MOVED = ~Q(popularity=F("popularity_previous")) | ~Q(trend=F("trend_previous"))


class CharacterManager(models.Manager["Character"]):
    """Leaves the search vector in the database: it is as long as the text it was made of, and nobody reads it."""

    def get_queryset(self) -> "models.QuerySet[Character]":
        return super().get_queryset().defer("search")


class Character(BaseModel):
    """A character and everything its creator wrote.

    `age` and `gender` may be missing in an imported card, but not in a public character. `voice` and `portrait` are
    material of the demo characters: what the local voice speaks from, and fixed traits of the mask. `published_at` is
    the first time it was public. `popularity` and `trend` order discovery; the `_previous` ones are those of one
    refresh ago, on which a reader who is in the middle of a list goes on.
    """

    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="characters")
    name = models.CharField(max_length=limits.NAME)
    tagline = models.CharField(max_length=limits.TAGLINE, blank=True)
    description = models.TextField(max_length=limits.DESCRIPTION, blank=True)
    system_prompt = models.TextField(max_length=limits.SYSTEM_PROMPT, blank=True)
    system_prompt_tokens = models.PositiveIntegerField(default=0, editable=False)
    greeting = models.TextField(max_length=limits.GREETING, blank=True)
    alternate_greetings = ArrayField(models.TextField(max_length=limits.GREETING), default=list, blank=True)
    example_dialogue = models.TextField(max_length=limits.EXAMPLE_DIALOGUE, blank=True)
    personality = models.TextField(max_length=limits.LONG_TEXT, blank=True)
    scenario = models.TextField(max_length=limits.LONG_TEXT, blank=True)
    post_history_instructions = models.TextField(max_length=limits.LONG_TEXT, blank=True)
    creator_notes = models.TextField(max_length=limits.LONG_TEXT, blank=True)
    nickname = models.CharField(max_length=limits.NICKNAME, blank=True)
    character_version = models.CharField(max_length=limits.VERSION, blank=True)
    age = models.PositiveSmallIntegerField(null=True, blank=True)
    gender = models.CharField(max_length=16, choices=Gender, null=True, blank=True)
    ethnicity = models.CharField(max_length=limits.APPEARANCE, blank=True)
    body_type = models.CharField(max_length=limits.APPEARANCE, blank=True)
    tags = ArrayField(models.CharField(max_length=limits.TAG), default=list, blank=True)
    category = models.CharField(max_length=16, choices=Category, default=Category.OTHER)
    content_rating = models.CharField(max_length=16, choices=ContentRating, default=ContentRating.EVERYONE)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PRIVATE)
    downloadable = models.BooleanField(default=False)
    voice = models.JSONField(default=dict, blank=True)
    portrait = models.JSONField(null=True, blank=True, validators=[validate_portrait])
    likes_amount = models.BigIntegerField(default=0, editable=False)
    messages_amount = models.BigIntegerField(default=0, editable=False)
    popularity = models.BigIntegerField(default=0, editable=False)
    popularity_previous = models.BigIntegerField(default=0, editable=False)
    trend = models.BigIntegerField(default=0, editable=False)
    trend_previous = models.BigIntegerField(default=0, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)
    taken_down_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    search = models.GeneratedField(
        # The name a second time as it is written: "Will" and "Who" are no words to the English dictionary.
        expression=SearchVector("name", weight="A", config="english")
        + SearchVector("name", weight="A", config="simple")
        + SearchVector("description", weight="B", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = CharacterManager()

    class Meta:
        base_manager_name = "objects"
        constraints = [
            models.CheckConstraint(
                condition=Q(age=None) | Q(age__gte=limits.YOUNGEST, age__lte=limits.OLDEST), name="character_age"
            ),
            models.CheckConstraint(
                condition=~Q(visibility=Visibility.PUBLIC)
                | (Q(age__isnull=False, gender__isnull=False, published_at__isnull=False) & ~Q(name="")),
                name="character_public_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(taken_down_at=None) | Q(visibility=Visibility.PRIVATE),
                name="character_taken_down_is_private",
            ),
            models.CheckConstraint(condition=Q(gender=None) | Q(gender__in=Gender.values), name="character_gender"),
            models.CheckConstraint(condition=Q(category__in=Category.values), name="character_category"),
            models.CheckConstraint(condition=Q(content_rating__in=ContentRating.values), name="character_rating"),
            models.CheckConstraint(condition=Q(visibility__in=Visibility.values), name="character_visibility"),
        ]
        indexes = [
            models.Index("creator", F("id").desc(), condition=Q(deleted_at=None), name="character_creator"),
            models.Index(F("popularity").desc(), F("id").desc(), condition=LISTED, name="character_popular"),
            models.Index(
                F("popularity_previous").desc(), F("id").desc(), condition=LISTED, name="character_popular_previous"
            ),
            models.Index(F("trend").desc(), F("id").desc(), condition=LISTED, name="character_trending"),
            models.Index(
                F("trend_previous").desc(), F("id").desc(), condition=LISTED, name="character_trending_previous"
            ),
            models.Index(F("published_at").desc(), F("id").desc(), condition=LISTED, name="character_new"),
            models.Index(fields=["id"], condition=SCORE_MOVED, name="character_score_moved"),
            # for the operators' search by the beginning of a name, and their list of what was taken down
            models.Index(OpClass(Lower("name"), name="text_pattern_ops"), name="character_name"),
            models.Index(fields=["id"], condition=Q(taken_down_at__isnull=False), name="character_taken_down"),
            GinIndex(fields=["search"], condition=LISTED, name="character_search"),
            GinIndex(fields=["tags"], condition=LISTED, name="character_tags"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_listed(self) -> bool:
        return self.visibility == Visibility.PUBLIC and self.deleted_at is None


class Like(models.Model):
    """One person likes one character, at most once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="character_likes", db_index=False)
    character = models.ForeignKey(Character, models.CASCADE, related_name="likes")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "character"], name="like_once")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.character_id}"


class CounterDelta(models.Model):
    """Likes and messages not yet folded into their character.

    Its character is not a foreign key to the database: checking one locks the character's row for every like.
    """

    id = models.BigAutoField(primary_key=True)
    character = models.ForeignKey(Character, models.DO_NOTHING, db_constraint=False, related_name="+")
    likes = models.IntegerField(default=0, db_default=0)
    messages = models.IntegerField(default=0, db_default=0)
    day = models.DateField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.character_id}: {self.likes:+d} likes, {self.messages:+d} messages"


class DailyActivity(models.Model):
    """What happened to a character on one day (UTC): likes given less likes taken back, and messages."""

    id = models.BigAutoField(primary_key=True)
    character = models.ForeignKey(Character, models.CASCADE, related_name="activity", db_index=False)
    day = models.DateField()
    likes = models.IntegerField(default=0)
    messages = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "daily activity"
        constraints = [models.UniqueConstraint(fields=["character", "day"], name="activity_once_a_day")]
        indexes = [models.Index(fields=["day"], name="activity_day")]

    def __str__(self) -> str:
        return f"{self.character_id} on {self.day}"


class ScoreGeneration(models.Model):
    """One row: how often the scores were refreshed. A cursor names the generation it was made under."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    refreshed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="score_generation_one_row")]

    def __str__(self) -> str:
        return str(self.number)


def empty_book() -> dict[str, Any]:
    return {"entries": [], "extensions": {}}


class Lorebook(BaseModel):
    """A character's book of lore, kept as the document it is in a card: keys we don't know survive."""

    character = models.OneToOneField(Character, models.CASCADE, related_name="lorebook")
    document = models.JSONField(default=empty_book)

    def __str__(self) -> str:
        return f"lorebook of {self.character_id}"


class Memory(BaseModel):
    """What a character remembers of one person. It is that person's to read and to erase, and nobody else's."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="character_memories", db_index=False
    )
    character = models.ForeignKey(Character, models.CASCADE, related_name="memories")
    text = models.TextField(max_length=limits.MEMORY)

    class Meta:
        verbose_name_plural = "memories"
        indexes = [models.Index("user", "character", F("id").desc(), name="memory_own")]

    def __str__(self) -> str:
        return f"memory of {self.user_id} in {self.character_id}"


class Persona(BaseModel):
    """Who a person is in a conversation: the name and description that characters are told."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="personas", db_index=False)
    name = models.CharField(max_length=limits.PERSONA_NAME)
    description = models.TextField(max_length=limits.PERSONA_DESCRIPTION, blank=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(is_default=True), name="persona_one_default"),
        ]
        indexes = [models.Index("user", F("id").desc(), name="persona_own")]

    def __str__(self) -> str:
        return self.name
