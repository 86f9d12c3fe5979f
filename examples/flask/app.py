"""A platform with Flask: form, confirmation, result. README.md says how to run it."""

import math
import os
import secrets
from typing import Any
from uuid import UUID, uuid4

from flask import Flask, Response, abort, redirect, render_template, request, session
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from jurat import AlreadyConfirmed, Client, InvalidAnswer, JuratError

CONSULTATION = "budget"
SORRY = "This is not possible at the moment. Nothing was lost. Please try again in a few minutes."
FORM = text(
    "SELECT question, title, fields, answer_schema, consultation_title FROM jurat_questions "
    "WHERE consultation = :consultation ORDER BY position"
)
KEEP = text("INSERT INTO platform_answers (check_id, participant, question) VALUES (:id, :participant, :question)")

app = Flask(__name__, template_folder=".")
app.secret_key = os.environ.get("PLATFORM_SECRET") or secrets.token_bytes(32)
app.config.update(SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=65536)  # behind https: SESSION_COOKIE_SECURE=True
database = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
engine = create_engine(database, pool_pre_ping=True, connect_args={"connect_timeout": 3})
client = Client(os.environ["DATABASE_URL"], None, os.environ["JURAT_SEAL_KEY"])


@app.before_request
def know_who_it_is() -> None:
    """Replace this with your own log-in. The id that jurat gets is no name and no e-mail address."""
    session.setdefault("participant", f"p-{secrets.token_hex(16)}")
    session.setdefault("csrf", secrets.token_hex(16))
    sent = request.form.get("csrf", "").encode()
    if request.method == "POST" and not secrets.compare_digest(sent, session["csrf"].encode()):
        abort(403)


@app.after_request
def keep_it_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; form-action 'self'; frame-ancestors 'none'"
    return response


@app.errorhandler(SQLAlchemyError)
@app.errorhandler(JuratError)
def apologise(error: Exception) -> tuple[str, int]:
    app.logger.error("%s", type(error).__name__)  # no more of it: the text of an error may quote a row
    return render_template("page.html", title=SORRY), 503


@app.template_global()
def locale() -> str:
    return (request.accept_languages.best or "en")[:2]


@app.template_filter()
def spoken(texts: dict[str, str]) -> str:
    """A text of the configuration in the participant's language."""
    return texts.get(locale()) or texts.get("en") or next(iter(texts.values()), "")


def read(statement: Any, **values: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(statement, values).mappings())


@app.get("/")
def overview() -> Any:
    status = client.participant_status(CONSULTATION, session["participant"])  # read at one moment
    # A question that was published since then is there next time.
    questions = [each for each in read(FORM, consultation=CONSULTATION) if each["question"] in status.access.questions]
    return render_template(
        "page.html", title=spoken(questions[0]["consultation_title"]), questions=questions, status=status,
        wait_s=math.ceil(status.next_poll_ms / 1000),
    )  # fmt: skip


@app.route("/question/<name>", methods=["GET", "POST"])
def question(name: str, problem: InvalidAnswer | None = None) -> Any:
    """The form; once it was sent, what was typed, to be confirmed under an id: sent twice, it is the same check."""
    asked = next((each for each in read(FORM, consultation=CONSULTATION) if each["question"] == name), None) or abort(
        404
    )
    schema = asked["answer_schema"]  # only a simulated source has no fields of its own, and takes any
    known = schema.get("properties") or {"answer": {"maxLength": 200, "titles": {"en": "Your answer"}}}
    fields = {key: known[key] for key in asked["fields"] or known}  # jsonb does not keep their order
    return render_template(
        "page.html", title=spoken(asked["title"]), name=name, fields=fields, needed=schema.get("required", fields),
        values=typed(), problem=problem, id=uuid4() if request.method == "POST" and not problem else None,
    )  # fmt: skip


def typed() -> dict[str, str]:
    values = {key[7:]: value.strip() for key, value in request.form.items() if key.startswith("answer-")}
    return {name: value for name, value in values.items() if value}


@app.post("/question/<name>/<uuid:id>")
def confirm(name: str, id: UUID) -> Any:  # noqa: A002
    who = session["participant"]
    try:
        with engine.begin() as connection:  # the check and the platform's own row: both or none
            check = client.submit(
                connection, consultation=CONSULTATION, participant=who, question=name, answer=typed(), id=id
            )
            if check.created:
                connection.execute(KEEP, {"id": check.id, "participant": who, "question": name})
    except AlreadyConfirmed:
        pass  # in another tab: the overview shows the current state
    except InvalidAnswer as error:
        return question(name, problem=error), 422
    client.ring()
    return redirect("/", 303)
