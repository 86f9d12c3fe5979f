// A platform with Node and SQL alone: form, confirmation, result. README.md says how to run it.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import sodium from 'libsodium-wrappers'
import pg from 'pg'

const CONSULTATION = 'budget'
// Each question at this moment: its state, how many answers are left, and its newest check.
const FORM = `
  SELECT q.question, q.title, q.fields, q.answer_schema, q.consultation_title, q.contact, q.messages,
         coalesce(a.access, 'incomplete') AS access, coalesce(a.questions ->> q.question, 'open') AS state,
         coalesce((a.rounds_left ->> q.question)::int, q.rounds) AS rounds_left,
         coalesce(r.round, 0) + 1 AS next_round, r.outcome, r.reason, r.next_poll_ms
  FROM jurat_questions q LEFT JOIN jurat_access a ON a.consultation = q.consultation AND a.participant = $2
  LEFT JOIN LATERAL (SELECT round, outcome, reason, next_poll_ms FROM jurat_results WHERE question = q.question
    AND consultation = q.consultation AND participant = $2 ORDER BY round DESC LIMIT 1) r ON true
  WHERE q.consultation = $1 ORDER BY q.position`
const SUBMIT = `
  INSERT INTO jurat_checks (id, consultation, participant, question, round, answer, answer_key,
                            source, due_at, submitted_at, deadline_at)
  SELECT $1, q.consultation, $2, q.question, $3, $4, $5, q.source, statement_timestamp(), statement_timestamp(),
         statement_timestamp() + make_interval(secs => q.deadline_s)
  FROM jurat_questions q WHERE q.consultation = $6 AND q.question = $7
  ON CONFLICT DO NOTHING`
const KEEP = 'INSERT INTO platform_answers (check_id, participant, question) VALUES ($1, $2, $3)'

await sodium.ready
const sealKey = sodium.from_base64(process.env.JURAT_SEAL_KEY, sodium.base64_variants.ORIGINAL)
const answerKey = sodium.to_hex(sodium.crypto_generichash(32, sealKey)).slice(0, 16)
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 3000 })
pool.on('error', () => {}) // a connection that broke while it was idle
const folder = new URL('../../jurat/messages/', import.meta.url) // or your own copy of it
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
const messages = Object.fromEntries(files.map((file) => [file.slice(0, -5), JSON.parse(readFileSync(new URL(file, folder)))]))

const html = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt()};`)
const spoken = (texts, locale) => texts[locale] ?? texts.en ?? Object.values(texts)[0] ?? ''
// The consultation's own text, or that of jurat. A reason without a text may come from a newer worker.
const message = (key, own, locale) => own[key]?.[locale] ?? own[key]?.und ?? { ...messages.en, ...messages[locale] }[key]
// The text of the newest verdict's reason if it decides the question's state, otherwise that of the state.
const stateText = ({ outcome, state, reason, messages: own }, locale) =>
  (outcome === state && message(reason, own, locale)) || message(`state.${state}`, own, locale)
const isOpen = (row) => row.rounds_left > 0 && !['pending', 'review', 'accepted'].includes(row.state)
const hash = (...parts) => createHash('sha256').update(parts.join(':')).digest('hex')

const page = (locale, title, body, waitS = 0) => `<!doctype html><html lang="${html(locale)}"><meta charset="utf-8">
${waitS ? `<meta http-equiv="refresh" content="${waitS}">` : ''}<title>${html(title)}</title><h1>${html(title)}</h1>${body}`

async function overview({ who, locale }) {
  const { rows } = await pool.query(FORM, [CONSULTATION, who])
  const sections = rows.map((row) => `<section id="${html(row.question)}" data-state="${html(row.state)}">
<h2>${html(spoken(row.title, locale))}</h2>
<p>${html(stateText(row, locale))}</p>
${isOpen(row) ? `<a href="/question/${html(row.question)}">Answer</a>` : ''}</section>`)
  const [{ access, contact, messages: own, consultation_title: title }] = rows
  sections.push(`<p data-access="${html(access)}">${html(message(`access.${access}`, own, locale))} ${html(spoken(contact, locale))}</p>`)
  const waits = rows.map((row) => row.next_poll_ms).filter((ms) => ms > 0) // 0: settled, null: not answered
  return [200, page(locale, spoken(title, locale), sections.join(''), waits.length ? Math.ceil(Math.min(...waits) / 1000) : 0)]
}

// What the schema of the question does not allow; the workers look again, and a bad answer costs no round.
function problemIn(fields, needed, answer) {
  for (const name of needed) if (!answer[name]) return `${name}: please fill this in`
  for (const [name, value] of Object.entries(answer)) {
    const rule = fields[name]
    const length = [...value].length
    if (length < (rule.minLength ?? 0) || length > rule.maxLength) return `${name}: this is too long or too short`
    const pattern = rule.pattern ?? (rule.format === 'date' ? '^\\d{4}-\\d\\d-\\d\\d$' : '')
    const fits = new RegExp(pattern, 'u').test(value) && (rule.enum ?? [value]).includes(value) && !value.includes('\0')
    if (!fits) return `${name}: this is not in the expected format`
  }
}

async function question({ who, locale, csrf, sent }, name, id) {
  const row = (await pool.query(FORM, [CONSULTATION, who])).rows.find((each) => each.question === name)
  if (!row) return [404, page('en', 'Question not found.', '')]
  // Only a simulated source has no fields of its own, and takes any.
  const fields = row.answer_schema.properties ?? { answer: { maxLength: 200, titles: { en: 'Your answer' } } }
  const needed = row.answer_schema.required ?? Object.keys(fields)
  const typed = Object.keys(fields).map((key) => [key, (sent?.get(`answer-${key}`) ?? '').trim()])
  const answer = Object.fromEntries(typed.filter(([, value]) => value))
  const problem = sent && problemIn(fields, needed, answer)
  if (id && !problem) return confirm(who, name, id, answer)
  const asked = sent && !problem // the id: sent twice, it is the same check
  const inputs = (row.fields.length ? row.fields : needed).map((key) => `<p><label>${html(spoken(fields[key].titles, locale))}
<input name="answer-${html(key)}" value="${html(answer[key] ?? '')}" maxlength="${fields[key].maxLength}"
${needed.includes(key) ? 'required' : ''} ${asked ? 'readonly' : ''}></label></p>`)
  return [problem ? 422 : 200, page(locale, spoken(row.title, locale), `
<form method="post" action="/question/${html(name)}${asked ? `/${randomUUID()}` : ''}">
<input type="hidden" name="csrf" value="${csrf}">${problem ? `<p role="alert">${html(problem)}</p>` : ''}
${asked ? '<p>Is this right? You cannot change an answer after you confirm it.</p>' : ''}${inputs.join('')}
<button>${asked ? 'Confirm' : 'Continue'}</button> <a href="/">Back</a></form>`)]
}

async function confirm(who, name, id, answer) {
  const connection = await pool.connect()
  try { // the check and the platform's own row: both or none
    await connection.query('BEGIN')
    const row = (await connection.query(FORM, [CONSULTATION, who])).rows.find((each) => each.question === name)
    const sealed = Buffer.from(sodium.crypto_box_seal(JSON.stringify(answer), sealKey))
    const values = [id, who, row.next_round, sealed, answerKey, CONSULTATION, name]
    // Nothing is written if it was confirmed before, here or in another tab: the overview shows the current state.
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
  // Replace this with your own log-in. The id that jurat gets is no name and no e-mail address.
  const session = /\bsession=([0-9a-f]{64})\b/.exec(request.headers.cookie)?.[1] ?? randomBytes(32).toString('hex')
  const locale = /^[a-z]{2}/.exec(request.headers['accept-language'])?.[0] ?? 'en'
  const visit = { session, locale, who: `p-${hash('participant', session).slice(0, 32)}`, csrf: hash('csrf', session) }
  const [, name, id] = /^\/question\/([a-z0-9_-]+)(?:\/([0-9a-f-]{36}))?$/.exec(request.url) ?? []
  if (request.method === 'POST' && name) {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) if ((body += chunk).length > 65536) return [visit, 413, '']
    visit.sent = new URLSearchParams(body)
    const same = hash(visit.sent.get('csrf')) === hash(visit.csrf) // hashed, so that the time it takes says nothing
    if (!same) return [visit, 403, page('en', 'This page has expired. Please start again.', '<a href="/">Back</a>')]
    return [visit, ...(await question(visit, name, id))]
  }
  if (request.method === 'GET' && request.url === '/') return [visit, ...(await overview(visit))]
  if (request.method === 'GET' && name && !id) return [visit, ...(await question(visit, name))]
  return [visit, 404, page('en', 'Page not found.', '')]
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
    response.writeHead(503, headers).end(page('en', 'This is not possible at the moment. Nothing was lost. Please try again in a few minutes.', ''))
  }
}).listen(process.env.PORT ?? 8000, '127.0.0.1')
