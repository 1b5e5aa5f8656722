-- What an owner says of the unit of a merged line is said of every series that is read with it in the same unit.
WITH RECURSIVE
lines (id, unit, own_unit) AS (
    SELECT id, unit, own_unit FROM series WHERE part_of IS NULL AND own_unit IS NOT NULL
    UNION
    SELECT series.id, lines.unit, lines.own_unit FROM series JOIN lines ON series.part_of = lines.id
)
UPDATE series
SET own_unit = lines.own_unit
FROM lines
WHERE series.id = lines.id AND series.part_of IS NOT NULL AND series.own_unit IS NULL AND series.unit IS lines.unit;
