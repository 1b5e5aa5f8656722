-- For a widget that came with an import the hosts that were agreed to with it (a JSON list); NULL = its params were written here.
ALTER TABLE widgets ADD COLUMN agreed TEXT;
