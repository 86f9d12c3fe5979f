-- The platform's own table: which check is whose. A row of it and its check are written in one transaction.
CREATE TABLE platform_answers (
  check_id     uuid PRIMARY KEY,
  participant  text NOT NULL,
  question     text NOT NULL,
  confirmed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX platform_answers_participant ON platform_answers (participant);
GRANT SELECT, INSERT ON platform_answers TO platform;
