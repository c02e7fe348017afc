from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class GenerationConfig(AppConfig):
    name = "generation"
    verbose_name = "Generation"

    def ready(self) -> None:
        from common import health
        from generation.models import AIModel
        from generation.providers.text.registry import configured_text_providers
        from generation.selectors import forget_text_models

        post_save.connect(forget_text_models, sender=AIModel)
        post_delete.connect(forget_text_models, sender=AIModel)
        health.degradations.append(
            lambda: None if configured_text_providers() else "no text provider is configured: characters can't answer"
        )
