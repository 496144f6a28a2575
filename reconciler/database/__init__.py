"""The database: connections, the catalog, the platform's own tables, an embedded server."""
