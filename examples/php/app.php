<?php
// A platform with PHP and SQL alone: form, confirmation, result. README.md says how to run it.
declare(strict_types=1);
ini_set('display_errors', '0');
ini_set('zend.exception_ignore_args', '1');   // what was typed must not come into a log
set_exception_handler(function (Throwable $error): void {
    error_log(get_class($error) . ' ' . $error->getCode());   // no more of it: the text of an error may quote a row
    page(503, 'This is not possible at the moment. Nothing was lost. Please try again in a few minutes.');
});
define('LOCALE', preg_match('/^[a-z]{2}/', $_SERVER['HTTP_ACCEPT_LANGUAGE'] ?? '', $found) ? $found[0] : 'en');

const CONSULTATION = 'budget';
// Each question at this moment: its state, how many answers are left, and its newest check.
const FORM = <<<'SQL'
    SELECT q.question, q.title, q.fields, q.answer_schema, q.consultation_title, q.contact, q.messages,
           coalesce(a.access, 'incomplete') AS access, coalesce(a.questions ->> q.question, 'open') AS state,
           coalesce((a.rounds_left ->> q.question)::int, q.rounds) AS rounds_left,
           coalesce(r.round, 0) + 1 AS next_round, r.outcome, r.reason, r.next_poll_ms
    FROM jurat_questions q LEFT JOIN jurat_access a ON a.consultation = q.consultation AND a.participant = :participant
    LEFT JOIN LATERAL (SELECT round, outcome, reason, next_poll_ms FROM jurat_results WHERE question = q.question
      AND consultation = q.consultation AND participant = :participant ORDER BY round DESC LIMIT 1) r ON true
    WHERE q.consultation = :consultation ORDER BY q.position
    SQL;
const SUBMIT = <<<'SQL'
    INSERT INTO jurat_checks (id, consultation, participant, question, round, answer, answer_key,
                              source, due_at, submitted_at, deadline_at)
    SELECT :id, q.consultation, :participant, q.question, :round, decode(:answer, 'hex'), :answer_key, q.source,
           statement_timestamp(), statement_timestamp(), statement_timestamp() + make_interval(secs => q.deadline_s)
    FROM jurat_questions q WHERE q.consultation = :consultation AND q.question = :question ON CONFLICT DO NOTHING
    SQL;
const KEEP = 'INSERT INTO platform_answers (check_id, participant, question) VALUES (:id, :participant, :question)';

function sql(string $statement, array $values): PDOStatement {
    ($prepared = database()->prepare($statement))->execute($values);
    return $prepared;
}

function database(): PDO {
    static $database = null;
    $url = parse_url(getenv('DATABASE_URL'));
    $name = sprintf('pgsql:host=%s;port=%d;dbname=%s', $url['host'], $url['port'] ?? 5432, substr($url['path'], 1));
    return $database ??= new PDO("$name;connect_timeout=3", $url['user'] ?? null, rawurldecode($url['pass'] ?? ''));
}

function html(mixed $text): string { return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8'); }

function spoken(array $texts): string { return $texts[LOCALE] ?? $texts['en'] ?? (reset($texts) ?: ''); }

// The consultation's own text, or that of jurat. A reason without a text may come from a newer worker.
function message(string $key, array $own): ?string {
    $files = __DIR__ . '/../../jurat/messages/%s.json';   // or your own copy of them
    $texts = json_decode(file_get_contents(sprintf($files, is_file(sprintf($files, LOCALE)) ? LOCALE : 'en')), true);
    return $own[$key][LOCALE] ?? $own[$key]['und'] ?? $texts[$key] ?? null;
}

// The text of the newest verdict's reason if it decides the question's state, otherwise that of the state.
function state_text(array $row): string {
    return ($row['outcome'] === $row['state'] ? message($row['reason'], $row['messages']) : null)
        ?? message("state.{$row['state']}", $row['messages']);
}

function page(int $status, string $title, array $more = []): never {
    http_response_code($status);
    header('Cache-Control: no-store');
    header("Content-Security-Policy: default-src 'none'; form-action 'self'; frame-ancestors 'none'");
    header('Content-Type: text/html; charset=utf-8');
    extract($more);
    require __DIR__ . '/page.php';
    exit;
}

function form(string $who): array {
    foreach (sql(FORM, ['consultation' => CONSULTATION, 'participant' => $who])->fetchAll(PDO::FETCH_ASSOC) as $row) {
        $open = $row['rounds_left'] > 0 && !in_array($row['state'], ['pending', 'review', 'accepted'], true);
        $read = array_map(fn (string $json): array => json_decode($json, true), array_slice($row, 1, 6));
        $form[$row['question']] = [...$row, ...$read, 'open' => $open];
    }
    return $form ?? [];
}

function overview(string $who): never {
    $form = form($who) ?: throw new RuntimeException('there is no such consultation');
    $wait = min(array_filter(array_column($form, 'next_poll_ms')) ?: [0]);   // 0: settled, null: not answered
    page(200, spoken(current($form)['consultation_title']), compact('form', 'wait'));
}

// What the schema of the question does not allow; the workers look again, and a bad answer costs no round.
function problem_in(array $fields, array $needed, array $answer): ?string {
    if ($missing = array_diff($needed, array_keys($answer))) {
        return current($missing) . ': please fill this in';
    }
    foreach ($answer as $name => $text) {
        $rule = $fields[$name] + ['pattern' => '', 'enum' => [$text], 'minLength' => 1, 'format' => ''];
        $pattern = $rule['format'] === 'date' ? '^\d{4}-\d\d-\d\d$' : str_replace('~', '\~', $rule['pattern']);
        $length = preg_match_all('/./su', $text);   // false if it is no UTF-8
        $fits = $length >= $rule['minLength'] && $length <= $rule['maxLength'] && !str_contains($text, "\0");
        if (!$fits || !preg_match("~$pattern~u", $text) || !in_array($text, $rule['enum'], true)) {
            return "$name: this is not in the expected format";
        }
    }
    return null;
}

function question(string $who, string $name, ?string $id, ?array $sent): never {
    $row = form($who)[$name] ?? page(404, 'Question not found.');
    $known = $row['answer_schema']['properties'] ?? ['answer' => ['maxLength' => 200, 'titles' => ['en' => 'Your answer']]];
    $fields = array_replace(array_flip($row['fields']), $known);   // jsonb does not keep their order
    $needed = $row['answer_schema']['required'] ?? array_keys($fields);   // only a simulated source takes any field
    $typed = array_map(fn (string $key): string => $sent["answer-$key"] ?? '', array_combine($keys = array_keys($fields), $keys));
    $answer = array_filter($typed, strlen(...));
    $problem = $sent === null ? null : problem_in($fields, $needed, $answer);
    if ($id !== null && $problem === null) {
        confirm($who, $name, $id, $answer);
    }
    // The id of the check, once there is something to confirm: sent twice, it is the same check.
    $id = $sent === null || $problem ? null : sql('SELECT gen_random_uuid()', [])->fetchColumn();
    page($problem ? 422 : 200, spoken($row['title']), compact('name', 'fields', 'needed', 'answer', 'problem', 'id'));
}

function confirm(string $who, string $name, string $id, array $answer): never {
    $key = base64_decode(getenv('JURAT_SEAL_KEY'), true);
    $ours = ['id' => $id, 'participant' => $who, 'question' => $name];
    database()->beginTransaction();   // the check and the platform's own row: both or none; an error rolls them back
    $row = form($who)[$name];
    $sealed = sodium_crypto_box_seal(json_encode($answer, JSON_THROW_ON_ERROR | JSON_FORCE_OBJECT), $key);
    $answer_key = substr(bin2hex(sodium_crypto_generichash($key, '', 32)), 0, 16);
    $more = ['consultation' => CONSULTATION, 'round' => $row['next_round'], 'answer' => bin2hex($sealed), 'answer_key' => $answer_key];
    // Nothing is written if it was confirmed before, here or in another tab: the overview shows the current state.
    if ($row['open'] && sql(SUBMIT, [...$ours, ...$more])->rowCount()) {
        sql(KEEP, $ours);
    }
    database()->commit();
    header('Location: /', true, 303);
    exit;
}

// Replace this with your own log-in. The id that jurat gets is no name and no e-mail address. Behind https: cookie_secure.
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'use_strict_mode' => true, 'cache_limiter' => '']);
$_SESSION += ['participant' => 'p-' . bin2hex(random_bytes(16)), 'csrf' => bin2hex(random_bytes(16))];
session_write_close();
$sent = $_SERVER['REQUEST_METHOD'] === 'POST' ? array_map(trim(...), array_filter($_POST, is_string(...))) : null;
if ($sent !== null && !hash_equals($_SESSION['csrf'], $sent['csrf'] ?? '')) {
    page(403, 'This page has expired. Please start again.');
}
preg_match('~^/(?:question/([a-z0-9_-]+)(?:/([0-9a-f-]{36}))?)?$~D', $_SERVER['REQUEST_URI'], $found);
match (true) {
    count($found) === 1 && $sent === null => overview($_SESSION['participant']),
    count($found) === 2, $sent && isset($found[2]) => question($_SESSION['participant'], $found[1], $found[2] ?? null, $sent),
    default => page(404, 'Page not found.'),
};
