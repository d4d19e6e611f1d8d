"""Pictures that say who made them, in each kind that is cleaned."""

from __future__ import annotations

import io

from PIL import Image

CANARY = b"CANARY-OWNER"


def picture(kind: str, *, turned: bool = False, size: tuple[int, int] = (60, 40)) -> bytes:
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = CANARY.decode()
    exif[0x0132] = "2026:11:21 00:00:00"
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (48.0, 12.0, 33.0)
    if turned:
        exif[0x0112] = 6
    out = io.BytesIO()
    extra = {"comment": CANARY} if kind in {"GIF", "JPEG"} else {}
    image.save(out, kind, exif=exif, **extra)
    return out.getvalue()
