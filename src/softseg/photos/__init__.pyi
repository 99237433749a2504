from .photo import Photo
from .reading import as_photo, read_photo
from .transparency import with_transparent_layer

__all__ = [
    "Photo",
    "as_photo",
    "read_photo",
    "with_transparent_layer",
]
