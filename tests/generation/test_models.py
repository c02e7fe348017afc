"""The catalogue: what it may hold, which model answers, and what a reply costs."""

from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from common.errors import Unavailable
from generation.models import AIModel
from generation.providers.text.base import TextUsage
from generation.selectors import (
    forget_text_models,
    price_ceiling,
    price_of,
    text_model_for,
    text_models,
)

pytestmark = pytest.mark.django_db

SERVED = {"BACKEND": "generation.providers.text.openai.OpenAIText", "BASE_URL": "http://127.0.0.1/v1", "API_KEY": "k"}
LOCAL = {"local": {"BACKEND": "generation.providers.text.local.LocalText"}}
OPENAI, GOOGLE, CUSTOM = {"openai": SERVED}, {"google": SERVED}, {"custom": {**SERVED, "MODEL": "llama"}}


@pytest.fixture(autouse=True)
def catalogue(db: None) -> None:
    """The rows a new site starts with, also after a test that emptied the tables."""
    import_module("generation.migrations.0002_text_models").add_models(apps, None)
    forget_text_models()


def model(**fields) -> AIModel:
    defaults = {"kind": "text", "provider": "openai", "name": "new", "label": "New"}
    return AIModel(**{**defaults, "context_tokens": 1000, "max_output_tokens": 100, **fields})


# --- what the table refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": "local", "name": "local"},
        {"price": Decimal(-1)},
        {"input_price": Decimal("-0.0000001")},
        {"output_price": Decimal(-1)},
        {"max_output_tokens": 0},
        {"context_tokens": 100, "max_output_tokens": 100},
    ],
    ids=str,
)
def test_a_row_that_makes_no_sense_is_refused_by_the_database(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        model(**fields).save()

    with pytest.raises(ValidationError):
        model(**fields).full_clean()


def test_there_is_at_most_one_default_of_a_kind():
    model(is_default=True).save()

    with pytest.raises(IntegrityError), transaction.atomic():
        model(name="other", is_default=True).save()

    model(kind="image", name="picture", is_default=True).save()


def test_the_migration_can_be_taken_back_and_run_twice():
    migration = import_module("generation.migrations.0002_text_models")
    migration.add_models(apps, None)
    assert AIModel.objects.filter(kind="text").count() == len(migration.MODELS)

    migration.remove_models(apps, None)
    assert not AIModel.objects.filter(kind="text").exists()


# --- which model answers ---------------------------------------------------------------------------------------------


@override_settings(TEXT_PROVIDERS=LOCAL)
def test_without_a_key_the_demo_voice_answers():
    assert text_model_for(None).slug == "local/local"
    assert text_model_for("openai/gpt-6-luna").slug == "local/local"


@override_settings(TEXT_PROVIDERS=LOCAL | GOOGLE | OPENAI)
def test_by_default_the_cheapest_of_the_first_real_provider_answers():
    assert text_model_for(None).slug == "google/gemini-3.5-flash-lite"


@override_settings(TEXT_PROVIDERS=LOCAL | GOOGLE | OPENAI)
def test_the_chosen_model_answers_by_its_name_or_with_its_provider():
    assert text_model_for("gpt-6.1-sol").slug == "openai/gpt-6.1-sol"
    assert text_model_for("openai/gpt-6.1-sol").slug == "openai/gpt-6.1-sol"
    assert text_model_for("local").slug == "local/local"


@override_settings(TEXT_PROVIDERS=LOCAL | OPENAI)
def test_the_model_that_operators_marked_is_the_default():
    AIModel.objects.filter(name="gpt-6.1-sol").update(is_default=True)
    forget_text_models()

    assert text_model_for(None).name == "gpt-6.1-sol"


@override_settings(TEXT_PROVIDERS=LOCAL | OPENAI)
def test_a_model_that_is_off_or_retired_does_not_answer():
    luna, sol = AIModel.objects.get(name="gpt-6-luna"), AIModel.objects.get(name="gpt-6.1-sol")
    luna.enabled = False
    luna.save()
    sol.retired_on = timezone.now().date()
    sol.save()

    assert text_model_for("openai/gpt-6-luna").slug == "local/local"
    assert [model.slug for model in text_models()] == ["local/local"]

    sol.retired_on = timezone.now().date() + timedelta(days=1)
    sol.save()

    assert text_model_for(None) == sol


@override_settings(TEXT_PROVIDERS=CUSTOM)
def test_a_server_of_ones_own_is_the_model_default():
    assert text_model_for(None).slug == "custom/default"


@override_settings(TEXT_PROVIDERS={})
def test_without_any_provider_the_answer_is_unavailable():
    with pytest.raises(Unavailable) as raised:
        text_model_for(None)

    assert (raised.value.status, raised.value.code) == (503, "PROVIDER_UNAVAILABLE")


@override_settings(TEXT_PROVIDERS=LOCAL | OPENAI)
def test_the_catalogue_is_read_once_in_a_while(django_assert_num_queries):
    with django_assert_num_queries(1):
        for _ in range(5):
            text_model_for(None)


# --- what it costs ---------------------------------------------------------------------------------------------------


def test_a_price_is_flat_by_token_or_both():
    flat = model(price=Decimal("0.1"))
    by_token = model(input_price=Decimal("0.02"), output_price=Decimal("0.1"))
    both = model(price=Decimal("0.05"), input_price=Decimal("0.4"), output_price=Decimal(2))
    usage = TextUsage(input_tokens=3000, output_tokens=250, finish_reason="stop")

    assert price_of(flat, usage) == Decimal("0.1")
    assert price_of(by_token, usage) == Decimal("0.085")
    assert price_of(both, usage) == Decimal("1.75")


def test_a_price_has_seven_decimals_and_is_rounded_up():
    odd = model(input_price=Decimal("0.0000001"))

    assert price_of(odd, TextUsage(1, 0, "stop")) == Decimal("0.0000001")
    assert price_of(odd, TextUsage(0, 0, "stop")) == Decimal(0)


def test_no_reply_within_its_bounds_costs_more_than_the_ceiling():
    both = model(price=Decimal("0.05"), input_price=Decimal("0.06"), output_price=Decimal("0.5"))

    ceiling = price_ceiling(both, 900)

    assert ceiling == Decimal("0.154")
    for written in (0, 1, 50, 100):
        assert price_of(both, TextUsage(900, written, "stop")) <= ceiling


# --- the operators' console ------------------------------------------------------------------------------------------


def test_staff_see_and_change_the_catalogue(client, staff):
    client.force_login(staff.user)
    luna = AIModel.objects.get(name="gpt-6-luna")

    listed = client.get(reverse("admin:generation_aimodel_changelist"))
    shown = client.get(reverse("admin:generation_aimodel_change", args=[luna.pk]))

    assert listed.status_code == shown.status_code == 200
    assert "GPT-6 Luna" in listed.content.decode()
