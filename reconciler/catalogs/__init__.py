"""Public catalogs that tenants read by reference: what an agent's vocabulary is by now."""

from __future__ import annotations

from reconciler.catalogs.reading import vocabulary as vocabulary
