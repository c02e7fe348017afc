from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from common.models import BaseModel


def credits_field(help_text: str) -> models.DecimalField:
    return models.DecimalField(
        max_digits=20,
        decimal_places=7,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=help_text,
    )


class AIModel(BaseModel):
    """One model of the catalogue. Which exist, what they cost and which are on is data that operators edit."""

    class Kind(models.TextChoices):
        TEXT = "text"
        IMAGE = "image"
        VIDEO = "video"
        UPSCALE = "upscale"

    kind = models.CharField(max_length=10, choices=Kind)
    provider = models.CharField(max_length=40, help_text="Its block in the settings: openai, google, local …")
    name = models.CharField(max_length=120, help_text="The provider's own name of it")
    label = models.CharField(max_length=120, help_text="What people read")
    context_tokens = models.PositiveIntegerField(
        default=0, help_text="Text models: how much is sent at most, reply included, be it less than the model takes"
    )
    max_output_tokens = models.PositiveIntegerField(default=0, help_text="Text models: the longest reply")
    price = credits_field("Credits a reply, whatever its length")
    input_price = credits_field("Credits per 1,000 tokens read")
    output_price = credits_field("Credits per 1,000 tokens written")
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False, help_text="Used where nobody chose; at most one of each kind")
    retired_on = models.DateField(null=True, blank=True, help_text="From this day its provider no longer offers it")

    class Meta:
        verbose_name = "AI model"
        ordering = ["kind", "provider", "name"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "provider", "name"], name="ai_model_once"),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(is_default=True),
                name="ai_model_one_default_a_kind",
                violation_error_message="Another model of this kind is the default.",
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0, input_price__gte=0, output_price__gte=0),
                name="ai_model_prices_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(kind="text") | Q(max_output_tokens__gt=0, context_tokens__gt=F("max_output_tokens")),
                name="ai_model_text_has_room",
                violation_error_message="A text model needs a longest reply, and a context that is larger.",
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def slug(self) -> str:
        """How callers name it: `provider/name`."""
        return f"{self.provider}/{self.name}"
