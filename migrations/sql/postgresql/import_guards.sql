-- What binds all but the owner where datasets are imported: the login that staged a version fills it and puts it in
-- force, and any empties it once it is removed. So what is in force is what was imported, by the login in its row. login_guards.sql says what
-- holds for all of these.

CREATE TRIGGER jurat_datasets_moved BEFORE UPDATE ON jurat_datasets FOR EACH ROW
WHEN ((NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    ('staged', 'active'), ('staged', 'removing'), ('active', 'retired'), ('active', 'removing'),
    ('retired', 'removing'), ('removing', 'removed')))
  OR (OLD.state = 'staged' AND NEW.state <> 'removing' AND OLD.login <> session_user)
  OR (OLD.state <> 'staged' AND to_jsonb(NEW) - 'state' <> to_jsonb(OLD) - 'state'))
EXECUTE FUNCTION jurat_refuse_others(
  'a version is filled and put in force by the login that staged it, then retired, and removed');

-- `changed` has the rows of the statement. Each version has to be in the state that the trigger names, and stays in it
-- until the transaction ends. One that is staged has to be this login's own.
CREATE FUNCTION jurat_keep_imported() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  versions integer[];
BEGIN
  IF jurat_is_owner() THEN
    RETURN NULL;
  END IF;
  versions := ARRAY(SELECT DISTINCT c.dataset FROM changed c);
  PERFORM FROM jurat_datasets d WHERE d.id = ANY (versions) FOR SHARE;
  IF (SELECT count(*) FROM jurat_datasets d WHERE d.id = ANY (versions) AND d.state = TG_ARGV[0]
      AND (d.state <> 'staged' OR d.login IS NULL OR d.login = session_user)) = cardinality(versions) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'jurat: % on % is refused: its version is not %, or by another login', TG_OP, TG_TABLE_NAME,
    TG_ARGV[0]
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER jurat_dataset_streets_added AFTER INSERT ON jurat_dataset_streets
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('staged');

CREATE TRIGGER jurat_dataset_streets_changed AFTER UPDATE ON jurat_dataset_streets
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('staged');

CREATE TRIGGER jurat_dataset_streets_deleted AFTER DELETE ON jurat_dataset_streets
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('removing');

CREATE TRIGGER jurat_dataset_houses_added AFTER INSERT ON jurat_dataset_houses
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('staged');

CREATE TRIGGER jurat_dataset_houses_deleted AFTER DELETE ON jurat_dataset_houses
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('removing');

CREATE TRIGGER jurat_dataset_words_added AFTER INSERT ON jurat_dataset_words
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('staged');

CREATE TRIGGER jurat_dataset_words_deleted AFTER DELETE ON jurat_dataset_words
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('removing');

CREATE TRIGGER jurat_roster_entries_added AFTER INSERT ON jurat_roster_entries
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('staged');

CREATE TRIGGER jurat_roster_entries_deleted AFTER DELETE ON jurat_roster_entries
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION jurat_keep_imported('removing');
