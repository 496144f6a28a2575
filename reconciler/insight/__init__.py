"""The library's calls that look at the present: which templates are installed, how far
installations are, whose a row is, and what having a template by reference would save and change.

The planner itself is asked, and in nobody's name: they need SELECT, and no actor.
"""

from __future__ import annotations

from reconciler.insight.advice import advise as advise
from reconciler.insight.installed import templates as templates
from reconciler.insight.question import why as why
from reconciler.insight.survey import status as status
