<?php
// A platform with PHP and SQL alone: form, confirmation, word on the answer. README.md says how to run it.
declare(strict_types=1);
ini_set('display_errors', '0');
ini_set('zend.exception_ignore_args', '1');   // what was typed must not come into a log
set_exception_handler(function (Throwable $error): void {
    error_log(get_class($error) . ' ' . $error->getCode());   // no more of it: the text of an error may quote a row
    page(503, 'This can not be done just now. Nothing was lost: please try again.');
});
define('LOCALE', preg_match('/^[a-z]{2}/', $_SERVER['HTTP_ACCEPT_LANGUAGE'] ?? '', $found) ? $found[0] : 'en');

const CONSULTATION = 'budget';
// Each question with what stands: its state, how many answers are left, and which round the next one is.
const FORM = <<<'SQL'
    SELECT q.question, q.title, q.fields, q.answer_schema, q.consultation_title, q.contact,
           coalesce(a.access, 'incomplete') AS access, coalesce(a.questions ->> q.question, 'open') AS state,
           coalesce((a.rounds_left ->> q.question)::int, q.rounds) AS rounds_left,
           (SELECT coalesce(max(c.round), 0) + 1 FROM jurat_checks c WHERE c.consultation = q.consultation
              AND c.participant = :participant AND c.question = q.question) AS round
    FROM jurat_questions q LEFT JOIN jurat_access a ON a.consultation = q.consultation AND a.participant = :participant
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
const RESULTS = 'SELECT r.question, r.state, r.reason, r.next_poll_ms FROM platform_answers p
    JOIN jurat_results r ON r.check_id = p.check_id WHERE p.participant = :participant ORDER BY p.confirmed_at';

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

function message(string $reason): string {
    $folder = __DIR__ . '/../../jurat/messages/';   // or your own copy of it
    $texts = json_decode(file_get_contents($folder . (is_file($folder . LOCALE . '.json') ? LOCALE : 'en') . '.json'), true);
    return $texts[$reason] ?? $texts['other'];
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
        $read = array_map(fn (string $json): array => json_decode($json, true), array_slice($row, 1, 5));
        $form[$row['question']] = [...$row, ...$read, 'open' => $open];
    }
    return $form ?? [];
}

function overview(string $who): never {
    // The results first: a verdict that comes in between is then shown by a page that will load again.
    $last = array_column(sql(RESULTS, ['participant' => $who])->fetchAll(PDO::FETCH_ASSOC), null, 'question');
    $form = form($who) ?: throw new RuntimeException('there is no such consultation');
    ['access' => $access, 'contact' => $contact, 'consultation_title' => $title] = current($form);
    $settled = array_filter($last, fn (array $each): bool => $each['state'] === 'settled');
    $messages = array_map(fn (array $each): string => message($each['reason']), $settled);
    $waits = array_column(array_diff_key($last, $settled), 'next_poll_ms');
    $wait = $waits ? (int) ceil(min($waits) / 1000) : 0;
    page(200, spoken($title), compact('form', 'access', 'contact', 'messages', 'wait'));
}

// What the schema of the question does not allow; the workers look again, and a bad answer costs no round.
function problem_in(array $fields, array $needed, array $answer): ?string {
    if ($missing = array_diff($needed, array_keys($answer))) {
        return current($missing) . ' is missing';
    }
    foreach ($answer as $name => $text) {
        $rule = $fields[$name] + ['pattern' => '', 'enum' => [$text], 'minLength' => 1, 'format' => ''];
        $pattern = $rule['format'] === 'date' ? '^\d{4}-\d\d-\d\d$' : str_replace('~', '\~', $rule['pattern']);
        $length = preg_match_all('/./su', $text);   // false where it is no UTF-8
        $fits = $length >= $rule['minLength'] && $length <= $rule['maxLength'] && !str_contains($text, "\0");
        if (!$fits || !preg_match("~$pattern~u", $text) || !in_array($text, $rule['enum'], true)) {
            return "$name does not have the form that is asked for";
        }
    }
    return null;
}

function question(string $who, string $name, ?string $id, ?array $sent): never {
    $row = form($who)[$name] ?? page(404, 'There is no such question.');
    $known = $row['answer_schema']['properties'] ?? ['answer' => ['maxLength' => 200, 'titles' => ['en' => 'Your answer']]];
    $fields = array_replace(array_flip($row['fields']), $known);   // jsonb does not keep their order
    $needed = $row['answer_schema']['required'] ?? array_keys($fields);   // a simulated source alone takes any field
    $typed = array_map(fn (string $key): string => $sent["answer-$key"] ?? '', array_combine($keys = array_keys($fields), $keys));
    $answer = array_filter($typed, strlen(...));
    $problem = $sent === null ? null : problem_in($fields, $needed, $answer);
    if ($id !== null && $problem === null) {
        confirmed($who, $name, $id, $answer);
    }
    // The id of the check, once there is something to confirm: sent twice, it is the same check.
    $id = $sent === null || $problem ? null : sql('SELECT gen_random_uuid()', [])->fetchColumn();
    page($problem ? 422 : 200, spoken($row['title']), compact('name', 'fields', 'needed', 'answer', 'problem', 'id'));
}

function confirmed(string $who, string $name, string $id, array $answer): never {
    $key = base64_decode(getenv('JURAT_SEAL_KEY'), true);
    $ours = ['id' => $id, 'participant' => $who, 'question' => $name];
    database()->beginTransaction();   // the check and the platform's own row: both or none; an error rolls them back
    $row = form($who)[$name];
    $sealed = sodium_crypto_box_seal(json_encode($answer, JSON_THROW_ON_ERROR | JSON_FORCE_OBJECT), $key);
    $answer_key = substr(bin2hex(sodium_crypto_generichash($key, '', 32)), 0, 16);
    $more = ['consultation' => CONSULTATION, 'round' => $row['round'], 'answer' => bin2hex($sealed), 'answer_key' => $answer_key];
    // Nothing is written where it was confirmed before, here or in another tab: the overview shows what stands.
    if ($row['open'] && sql(SUBMIT, [...$ours, ...$more])->rowCount()) {
        sql(KEEP, $ours);
    }
    database()->commit();
    header('Location: /', true, 303);
    exit;
}

// Your own log-in stands here. The id that jurat gets is no name and no e-mail address. Behind https: cookie_secure.
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'use_strict_mode' => true, 'cache_limiter' => '']);
$_SESSION += ['participant' => 'p-' . bin2hex(random_bytes(16)), 'csrf' => bin2hex(random_bytes(16))];
session_write_close();
$sent = $_SERVER['REQUEST_METHOD'] === 'POST' ? array_map(trim(...), array_filter($_POST, is_string(...))) : null;
if ($sent !== null && !hash_equals($_SESSION['csrf'], $sent['csrf'] ?? '')) {
    page(403, 'This page is too old. Go back to the start.');
}
preg_match('~^/(?:question/([a-z0-9_-]+)(?:/([0-9a-f-]{36}))?)?$~D', $_SERVER['REQUEST_URI'], $found);
match (true) {
    count($found) === 1 && $sent === null => overview($_SESSION['participant']),
    count($found) === 2, $sent && isset($found[2]) => question($_SESSION['participant'], $found[1], $found[2] ?? null, $sent),
    default => page(404, 'There is no such page.'),
};
