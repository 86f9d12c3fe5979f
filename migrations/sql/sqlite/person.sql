-- The fragment person: SQLite has no functions in SQL, so store.schema.baseline puts it in the place of {person}.
--
-- Persons are compared as in `jurat.names.person`: without characters that show nothing (`jurat.names.UNSEEN`, here
-- each range with 45, the hyphen, between its ends), with single blanks, and without the case of ASCII letters, the
-- only ones that SQLite knows. It takes names letter by letter from `rest` to `done`.
UNION ALL
SELECT who, substr(rest, 2), done || CASE
  WHEN substr(rest, 1, 1) = ' ' AND substr(done, -1) = ' ' THEN ''
  WHEN substr(rest, 1, 1) GLOB '[' || char(
    173, 45, 173, 847, 45, 847, 1564, 45, 1564, 4447, 45, 4448, 6068, 45, 6069, 6155, 45, 6159, 8203, 45,
    8207, 8234, 45, 8238, 8288, 45, 8303, 10240, 45, 10240, 12644, 45, 12644, 65024, 45, 65039, 65279, 45,
    65279, 65440, 45, 65440, 65520, 45, 65528, 113824, 45, 113827, 119155, 45, 119162, 917504, 45, 921599)
    || ']' THEN ''
  ELSE substr(rest, 1, 1) END
FROM person WHERE length(rest) > 0
