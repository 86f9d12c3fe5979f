// A platform with Node and SQL alone: form, confirmation, word on the answer. README.md says how to run it.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import sodium from 'libsodium-wrappers'
import pg from 'pg'

const CONSULTATION = 'budget'
const WORDS = {
  open: 'Not answered yet.',
  pending: 'Your answer is being checked. You may leave this page and come back.',
  review: 'A member of the team will look at it.',
}
// Each question with what stands: its state, how many answers are left, and which round the next one is.
const FORM = `
  SELECT q.question, q.title, q.fields, q.answer_schema, q.consultation_title, q.contact, q.rounds, a.access,
         coalesce(a.questions ->> q.question, 'open') AS state,
         coalesce((a.rounds_left ->> q.question)::int, q.rounds) AS rounds_left,
         (SELECT coalesce(max(c.round), 0) + 1 FROM jurat_checks c WHERE c.consultation = q.consultation
            AND c.participant = $2 AND c.question = q.question) AS round
  FROM jurat_questions q LEFT JOIN jurat_access a ON a.consultation = q.consultation AND a.participant = $2
  WHERE q.consultation = $1 ORDER BY q.position`
const SUBMIT = `
  INSERT INTO jurat_checks (id, consultation, participant, question, round, answer, answer_key,
                            source, due_at, submitted_at, deadline_at)
  SELECT $1, q.consultation, $2, q.question, $3, $4, $5, q.source, statement_timestamp(), statement_timestamp(),
         statement_timestamp() + make_interval(secs => q.deadline_s)
  FROM jurat_questions q WHERE q.consultation = $6 AND q.question = $7
  ON CONFLICT DO NOTHING`
const KEEP = 'INSERT INTO platform_answers (check_id, participant, question) VALUES ($1, $2, $3)'
const RESULTS = `
  SELECT r.question, r.state, r.reason, r.next_poll_ms FROM platform_answers p
  JOIN jurat_results r ON r.check_id = p.check_id WHERE p.participant = $1 ORDER BY p.confirmed_at`

await sodium.ready
const sealKey = sodium.from_base64(process.env.JURAT_SEAL_KEY, sodium.base64_variants.ORIGINAL)
const answerKey = sodium.to_hex(sodium.crypto_generichash(32, sealKey)).slice(0, 16)
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 3000 })
pool.on('error', () => {}) // a connection that broke while nobody used it
const folder = new URL('../../jurat/messages/', import.meta.url) // or your own copy of it
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
const messages = Object.fromEntries(files.map((file) => [file.slice(0, -5), JSON.parse(readFileSync(new URL(file, folder)))]))

const html = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt()};`)
const spoken = (texts, locale) => texts[locale] ?? texts.en ?? Object.values(texts)[0] ?? ''
const message = (reason, locale) => ({ ...messages.en, ...messages[locale] })[reason] ?? messages.en.other
const isOpen = (row) => row.rounds_left > 0 && !['pending', 'review', 'accepted'].includes(row.state)
const hash = (...parts) => createHash('sha256').update(parts.join(':')).digest('hex')

const page = (locale, title, body, waitS = 0) => `<!doctype html><html lang="${html(locale)}"><meta charset="utf-8">
${waitS ? `<meta http-equiv="refresh" content="${waitS}">` : ''}<title>${html(title)}</title><h1>${html(title)}</h1>${body}`

async function overview({ who, locale }) {
  // The results first: a verdict that comes in between is then shown by a page that will load again.
  const last = Object.fromEntries((await pool.query(RESULTS, [who])).rows.map((row) => [row.question, row]))
  const { rows } = await pool.query(FORM, [CONSULTATION, who])
  const waiting = Object.values(last).filter((row) => row.state !== 'settled').map((row) => row.next_poll_ms)
  const sections = rows.map((row) => `<section id="${html(row.question)}" data-state="${html(row.state)}">
<h2>${html(spoken(row.title, locale))}</h2>
<p>${html(last[row.question]?.state === 'settled' ? message(last[row.question].reason, locale) : WORDS[row.state] ?? '')}</p>
${isOpen(row) ? `<a href="/question/${html(row.question)}">Answer</a>` : ''}</section>`)
  const access = html(rows[0].access ?? 'incomplete')
  sections.push(`<p data-access="${access}">Access: ${access}. ${html(spoken(rows[0].contact, locale))}</p>`)
  const waitS = waiting.length ? Math.ceil(Math.min(...waiting) / 1000) : 0
  return [200, page(locale, spoken(rows[0].consultation_title, locale), sections.join(''), waitS)]
}

// What the schema of the question does not allow; the workers look again, and a bad answer costs no round.
function problemIn(fields, needed, answer) {
  for (const name of needed) if (!answer[name]) return `${name} is missing`
  for (const [name, value] of Object.entries(answer)) {
    const rule = fields[name]
    const length = [...value].length
    if (length < (rule.minLength ?? 0) || length > rule.maxLength) return `${name} is too long or too short`
    const pattern = rule.pattern ?? (rule.format === 'date' ? '^\\d{4}-\\d\\d-\\d\\d$' : '')
    const fits = new RegExp(pattern, 'u').test(value) && (rule.enum ?? [value]).includes(value) && !value.includes('\0')
    if (!fits) return `${name} does not have the form that is asked for`
  }
}

async function question({ who, locale, csrf, sent }, name, id) {
  const row = (await pool.query(FORM, [CONSULTATION, who])).rows.find((each) => each.question === name)
  if (!row) return [404, page('en', 'There is no such question.', '')]
  // A simulated source alone has no fields of its own, and takes any.
  const fields = row.answer_schema.properties ?? { answer: { maxLength: 200, titles: { en: 'Your answer' } } }
  const needed = row.answer_schema.required ?? Object.keys(fields)
  const typed = Object.keys(fields).map((key) => [key, (sent?.get(`answer-${key}`) ?? '').trim()])
  const answer = Object.fromEntries(typed.filter(([, value]) => value))
  const problem = sent && problemIn(fields, needed, answer)
  if (id && !problem) return confirmed(who, name, id, answer)
  const asked = sent && !problem // the id: sent twice, it is the same check
  const inputs = (row.fields.length ? row.fields : needed).map((key) => `<p><label>${html(spoken(fields[key].titles, locale))}
<input name="answer-${html(key)}" value="${html(answer[key] ?? '')}" maxlength="${fields[key].maxLength}"
${needed.includes(key) ? 'required' : ''} ${asked ? 'readonly' : ''}></label></p>`)
  return [problem ? 422 : 200, page(locale, spoken(row.title, locale), `
<form method="post" action="/question/${html(name)}${asked ? `/${randomUUID()}` : ''}">
<input type="hidden" name="csrf" value="${csrf}">${problem ? `<p role="alert">${html(problem)}</p>` : ''}
${asked ? '<p>Is this right? A confirmed answer can not be changed.</p>' : ''}${inputs.join('')}
<button>${asked ? 'Confirm' : 'Continue'}</button> <a href="/">Back</a></form>`)]
}

async function confirmed(who, name, id, answer) {
  const connection = await pool.connect()
  try { // the check and the platform's own row: both or none
    await connection.query('BEGIN')
    const row = (await connection.query(FORM, [CONSULTATION, who])).rows.find((each) => each.question === name)
    const sealed = Buffer.from(sodium.crypto_box_seal(JSON.stringify(answer), sealKey))
    const values = [id, who, row.round, sealed, answerKey, CONSULTATION, name]
    // Nothing is written where it was confirmed before, here or in another tab: the overview shows what stands.
    if (isOpen(row) && (await connection.query(SUBMIT, values)).rowCount) await connection.query(KEEP, [id, who, name])
    await connection.query('COMMIT')
    connection.release()
  } catch (error) {
    connection.release(true) // closed, and so rolled back
    throw error
  }
  return [303, '']
}

async function handle(request) {
  // Your own log-in stands here. The id that jurat gets is no name and no e-mail address.
  const session = /\bsession=([0-9a-f]{64})\b/.exec(request.headers.cookie)?.[1] ?? randomBytes(32).toString('hex')
  const locale = /^[a-z]{2}/.exec(request.headers['accept-language'])?.[0] ?? 'en'
  const visit = { session, locale, who: `p-${hash('participant', session).slice(0, 32)}`, csrf: hash('csrf', session) }
  const [, name, id] = /^\/question\/([a-z0-9_-]+)(?:\/([0-9a-f-]{36}))?$/.exec(request.url) ?? []
  if (request.method === 'POST' && name) {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) if ((body += chunk).length > 65536) return [visit, 413, '']
    visit.sent = new URLSearchParams(body)
    const same = hash(visit.sent.get('csrf')) === hash(visit.csrf) // hashed: how long it takes must tell nothing
    if (!same) return [visit, 403, page('en', 'This page is too old.', '<a href="/">Back</a>')]
    return [visit, ...(await question(visit, name, id))]
  }
  if (request.method === 'GET' && request.url === '/') return [visit, ...(await overview(visit))]
  if (request.method === 'GET' && name && !id) return [visit, ...(await question(visit, name))]
  return [visit, 404, page('en', 'There is no such page.', '')]
}

createServer(async (request, response) => {
  const policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'"
  const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', 'Content-Security-Policy': policy }
  try {
    const [visit, status, body] = await handle(request)
    headers['Set-Cookie'] = `session=${visit.session}; Path=/; HttpOnly; SameSite=Lax` // behind https: ; Secure
    response.writeHead(status, status === 303 ? { ...headers, Location: '/' } : headers).end(body)
  } catch (error) {
    console.error(error.code ?? error.name) // no more of it: the text of an error may quote a row
    response.writeHead(503, headers).end(page('en', 'This can not be done just now. Nothing was lost: please try again.', ''))
  }
}).listen(process.env.PORT ?? 8000, '127.0.0.1')
