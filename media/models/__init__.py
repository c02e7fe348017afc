"""The tables of media: what is stored, and what people have made of it."""

from media.models.assets import Asset, Purpose, Upload, Visibility
from media.models.files import Family, Rendition, StoredContent, StrayFile
from media.models.usage import StorageUse

__all__ = [
    "Asset",
    "Family",
    "Purpose",
    "Rendition",
    "StorageUse",
    "StoredContent",
    "StrayFile",
    "Upload",
    "Visibility",
]
