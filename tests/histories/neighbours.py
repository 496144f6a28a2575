"""The same town, with other templates around it, and with tenants who use what they have."""

from __future__ import annotations

from tests.histories.town import TABLES, Town


class Neighbours(Town):
    """More that can happen between two plans."""

    def _dismiss(self, who: str) -> None:
        """The tenant deletes the installed agent, and nothing goes on naming it."""
        self._fire(who)
        self.world.sql(
            "UPDATE watchers w SET agent_id = NULL WHERE organization_id = %s AND NOT EXISTS "
            "(SELECT FROM agents a WHERE a.id = w.agent_id)",
            self.organizations[who],
        )

    def _claim(self, who: str, kind: str, slug: str, owner: str) -> None:
        """A row belongs to another template, or to an agent that is gone."""
        if owner == "rival" and not self.world.sql("SELECT FROM agents WHERE id = 'agent_rival'"):
            self.world.organization("rival", visibility="public")
            self.world.insert("agents", id="agent_rival", organization_id="org_rival", name="Rival")
        agent, organization = {
            "rival": ("agent_rival", "org_rival"),
            "gone": ("agent_gone", "org_gone"),
            "lost": (f"agent_lost_{self.template}", self.template),
        }[owner]
        self.world.sql(
            f"UPDATE {TABLES[kind].name} SET managed_by_template_agent_id = %s, "
            "source_template_org_id = %s WHERE id = %s",
            agent, organization, self.newest(who, kind, slug),
        )  # fmt: skip

    def _sibling(self, who: str) -> None:
        """The tenant has a second agent of the template's organisation, which ships the same."""
        agent = f"agent_second_{self.template}"
        self.world.sql(
            "INSERT INTO agents (id, organization_id, name) VALUES (%s, %s, 'Second') "
            "ON CONFLICT DO NOTHING",
            agent, self.template,
        )  # fmt: skip
        self.world.sql(
            "INSERT INTO agents (id, organization_id, name, template_agent_id) "
            "VALUES (%s, %s, 'Second', %s) ON CONFLICT DO NOTHING",
            f"{agent}_{who}", self.organizations[who], agent,
        )  # fmt: skip

    def _use(self, who: str, slug: str) -> None:
        """An entity of the tenant's own."""
        row, slug = self.newest(who, "entity_type", slug), f"thing of {slug}"
        if row is not None:
            self.world.sql(
                "INSERT INTO entities (entity_type_id, name, slug, organization_id, created_by) "
                "VALUES (%s, %s, %s, %s, 'user_ana')",
                row, slug, slug, self.organizations[who],
            )  # fmt: skip
