# A platform with Ruby and SQL alone: form, confirmation, result. README.md says how to run it.
require "digest"
require "erb"
require "json"
require "openssl"
require "pg"
require "rbnacl"
require "securerandom"
require "webrick"

CONSULTATION = "budget"
# Each question at this moment: its state, how many answers are left, and its newest check.
FORM = <<~SQL
  SELECT q.question, q.title, q.fields, q.answer_schema, q.consultation_title, q.contact, q.messages,
         coalesce(a.access, 'incomplete') AS access, coalesce(a.questions ->> q.question, 'open') AS state,
         coalesce((a.rounds_left ->> q.question)::int, q.rounds) AS rounds_left,
         coalesce(r.round, 0) + 1 AS next_round, r.outcome, r.reason, r.next_poll_ms
  FROM jurat_questions q LEFT JOIN jurat_access a ON a.consultation = q.consultation AND a.participant = $2
  LEFT JOIN LATERAL (SELECT round, outcome, reason, next_poll_ms FROM jurat_results WHERE question = q.question
    AND consultation = q.consultation AND participant = $2 ORDER BY round DESC LIMIT 1) r ON true
  WHERE q.consultation = $1 ORDER BY q.position
SQL
SUBMIT = <<~SQL
  INSERT INTO jurat_checks (id, consultation, participant, question, round, answer, answer_key,
                            source, due_at, submitted_at, deadline_at)
  SELECT $1, q.consultation, $2, q.question, $3, $4, $5, q.source, statement_timestamp(), statement_timestamp(),
         statement_timestamp() + make_interval(secs => q.deadline_s)
  FROM jurat_questions q WHERE q.consultation = $6 AND q.question = $7 ON CONFLICT DO NOTHING
SQL
KEEP = "INSERT INTO platform_answers (check_id, participant, question) VALUES ($1, $2, $3)"

SEAL_KEY = ENV.fetch("JURAT_SEAL_KEY").unpack1("m0")
ANSWER_KEY = RbNaCl::Hash.blake2b(SEAL_KEY, digest_size: 32).unpack1("H16")
PAGE = ERB.new(File.read(File.join(__dir__, "page.erb"), encoding: "UTF-8"))
FILES = Dir[File.join(__dir__, "../../jurat/messages/*.json")] # or your own copy of them
MESSAGES = FILES.to_h { |file| [File.basename(file, ".json"), JSON.parse(File.read(file, encoding: "UTF-8"))] }

class Visit # one request
  include ERB::Util

  def initialize(request, response)
    @request, @response = request, response
    # Replace this with your own log-in. The id that jurat gets is no name and no e-mail address.
    session = request.cookies.find { |cookie| cookie.name == "session" }&.value
    session = SecureRandom.hex(32) unless session&.match?(/\A[0-9a-f]{64}\z/)
    @participant = "p-#{Digest::SHA256.hexdigest("participant:#{session}")[0, 32]}"
    @csrf = Digest::SHA256.hexdigest("csrf:#{session}")
    @locale = request["Accept-Language"].to_s[/\A[a-z]{2}/] || "en"
    response["Set-Cookie"] = "session=#{session}; Path=/; HttpOnly; SameSite=Lax" # behind https: ; Secure
    response["Content-Type"] = "text/html; charset=utf-8"
    response["Cache-Control"] = "no-store"
    response["Content-Security-Policy"] = "default-src 'none'; form-action 'self'; frame-ancestors 'none'"
  end

  def answer
    @database = PG.connect(ENV.fetch("DATABASE_URL"), connect_timeout: 3)
    _, @name, id = *@request.path.match(%r{\A/question/([a-z0-9_-]+)(?:/([0-9a-f-]{36}))?\z})
    post = @request.request_method == "POST"
    return page(403, "This page has expired. Please start again.") if post && !sent_by_us?
    return overview if !post && @request.path == "/"
    return question(post, id) if @name && (post || !id)
    page(404, "Page not found.")
  rescue StandardError => error
    warn error.class # no more of it: the text of an error may quote a row
    @fields = @form = nil
    page(503, "This is not possible at the moment. Nothing was lost. Please try again in a few minutes.")
  ensure
    @database&.close
  end

  private

  def sent_by_us?
    @request["Content-Length"].to_i <= 65_536 && OpenSSL.secure_compare(@request.query["csrf"].to_s, @csrf)
  end

  def overview
    @form = form
    # 0: settled, NULL: not answered
    @wait = @form.map { |row| (row["next_poll_ms"].to_f / 1000).ceil }.select(&:positive?).min
    page(200, spoken(@form.first["consultation_title"]))
  end

  def question(post, id)
    row = form.find { |each| each["question"] == @name } or return page(404, "Question not found.")
    known, @needed = JSON.parse(row["answer_schema"]).values_at("properties", "required")
    known, @needed = { "answer" => { "maxLength" => 200, "titles" => { "en" => "Your answer" } } }, ["answer"] unless known
    @fields = JSON.parse(row["fields"]).to_h { |key| [key, nil] }.merge(known) # jsonb does not keep their order
    typed = @fields.to_h { |key, _| [key, String.new(@request.query["answer-#{key}"].to_s, encoding: "UTF-8").scrub.strip] }
    @answer = typed.reject { |_, text| text.empty? }
    @problem = problem if post
    return confirm(id) if id && !@problem
    @id = SecureRandom.uuid_v7 if post && !@problem # sent twice, it is the same check
    page(@problem ? 422 : 200, spoken(row["title"]))
  end

  def confirm(id)
    @database.transaction do # the check and the platform's own row: both or none
      row = form.find { |each| each["question"] == @name }
      sealed = RbNaCl::Boxes::Sealed.from_public_key(SEAL_KEY).box(JSON.generate(@answer))
      values = [id, @participant, row["next_round"], { value: sealed, format: 1 }, ANSWER_KEY, CONSULTATION, @name]
      # Nothing is written if it was confirmed before, here or in another tab: the overview shows the current state.
      written = open?(row) && @database.exec_params(SUBMIT, values).cmd_tuples.positive?
      @database.exec_params(KEEP, [id, @participant, @name]) if written
    end
    @response.status, @response["Location"] = 303, "/"
  end

  # What the schema of the question does not allow; the workers look again, and a bad answer costs no round.
  def problem
    missing = @needed.find { |key| !@answer.key?(key) }
    return "#{missing}: please fill this in" if missing
    wrong = @answer.find { |key, text| !fits?(@fields[key], text) }
    "#{wrong.first}: this is not in the expected format" if wrong
  end

  def fits?(rule, text)
    pattern = rule["format"] == "date" ? '\A\d{4}-\d\d-\d\d\z' : rule["pattern"].to_s
    text.length.between?(rule["minLength"] || 0, rule["maxLength"] || text.length) && !text.include?("\0") &&
      text.match?(Regexp.new(pattern)) && (rule["enum"] || [text]).include?(text)
  end

  def form = @database.exec_params(FORM, [CONSULTATION, @participant]).to_a

  def open?(row) = row["rounds_left"].to_i.positive? && !%w[pending review accepted].include?(row["state"])

  def spoken(texts)
    texts = JSON.parse(texts) if texts.is_a?(String)
    texts[@locale] || texts["en"] || texts.values.first
  end

  # The consultation's own text, or that of jurat. A reason without a text may come from a newer worker.
  def message(row, key)
    own = JSON.parse(row["messages"])[key] || {}
    own[@locale] || own["und"] || { **MESSAGES["en"], **MESSAGES.fetch(@locale, {}) }[key]
  end

  # The text of the newest verdict's reason if it decides the question's state, otherwise that of the state.
  def state_text(row) = row["outcome"] == row["state"] && message(row, row["reason"]) || message(row, "state.#{row["state"]}")

  def page(status, title)
    @title = title
    @response.status, @response.body = status, PAGE.result(binding)
  end
end

server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: ENV.fetch("PORT", "8000").to_i)
server.mount_proc("/") { |request, response| Visit.new(request, response).answer }
trap("INT") { server.shutdown }
server.start
