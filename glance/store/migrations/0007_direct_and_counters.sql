-- 1 = what the device sent last came by HTTP or websocket or from Glance itself, so that no broker stands between.
-- Until now only such devices had no ecosystem although they were heard.
ALTER TABLE devices ADD COLUMN direct INTEGER NOT NULL DEFAULT 0;
UPDATE devices SET direct = 1 WHERE ecosystem = 'derived' OR (ecosystem IS NULL AND last_seen IS NOT NULL);

-- What the owner says a number is: measurement, total or total_increasing; NULL = as the device declares.
ALTER TABLE series ADD COLUMN own_state_class TEXT;
