-- The hosts in the params of a widget that came with an import and that nobody has agreed to (a JSON list); NULL = none wait.
ALTER TABLE widgets ADD COLUMN waiting TEXT;
