"""Static files in production: hashed names, compressed, also inside our ES modules' imports."""

from django.contrib.staticfiles.storage import ManifestFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Rewrites the imports of our modules only: a comment in a library's script trips Django's general pattern."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", ManifestFilesMixin._js_module_import_aggregation_patterns[1]),  # type: ignore[attr-defined]  # noqa: SLF001
    )
