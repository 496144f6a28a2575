"""The library's calls that look at the present: how far installations are, and whose a row is.

Both ask the planner itself, and in nobody's name: they need SELECT, and no actor.
"""

from __future__ import annotations

from reconciler.insight.question import why as why
from reconciler.insight.survey import status as status
