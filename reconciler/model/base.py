"""The one base of all nouns: frozen, and strict about what it is given."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A frozen value object. Unknown keys are ignored, so that a newer minor format loads."""

    model_config = ConfigDict(frozen=True, extra="ignore")
