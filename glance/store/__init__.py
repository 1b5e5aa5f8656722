"""What Glance keeps, in SQLite: a class per noun, a method per query. Only this package imports sqlite3."""
