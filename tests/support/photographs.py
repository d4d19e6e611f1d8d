"""A photograph as a telephone writes it: large, and with the place in it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def photograph() -> bytes:
    """Five megabytes of JPEG, of a maker CANARYPHONE, with where it was taken."""
    pixels = np.random.default_rng(7).integers(0, 256, (2500, 2900, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "CANARYPHONE"
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (48.0, 12.0, 33.0)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=82, exif=exif)
    return out.getvalue()
