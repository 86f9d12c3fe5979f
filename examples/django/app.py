"""A platform with Django: form, confirmation, result. README.md says how to run it."""

import json
import logging
import math
import os
import secrets
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import Error, connection, transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from jurat import AlreadyConfirmed, Client, InvalidAnswer, JuratError

CONSULTATION = "budget"
SORRY = "This is not possible at the moment. Nothing was lost. Please try again in a few minutes."
FORM = "SELECT question, title, consultation_title, fields, answer_schema FROM jurat_questions \
        WHERE consultation = %s ORDER BY position"
KEEP = "INSERT INTO platform_answers (check_id, participant, question) VALUES (%s, %s, %s)"

url = make_url(os.environ["DATABASE_URL"])
login = {"NAME": url.database, "HOST": url.host, "PORT": url.port, "USER": url.username, "PASSWORD": url.password}
settings.configure(
    SECRET_KEY=os.environ.get("PLATFORM_SECRET") or secrets.token_hex(32),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **login}},
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",  # behind https: SESSION_COOKIE_SECURE=True
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", f"{__name__}.Careful",
                "django.middleware.csrf.CsrfViewMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [Path(__file__).parent]}],
)  # fmt: skip
client = Client(os.environ["DATABASE_URL"], None, os.environ["JURAT_SEAL_KEY"])


class Careful:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        # Replace this with your own log-in. The id that jurat gets is no name and no e-mail address.
        request.session.setdefault("participant", f"p-{secrets.token_hex(16)}")
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        response["Content-Security-Policy"] = "default-src 'none'; form-action 'self'; frame-ancestors 'none'"
        return response

    def process_exception(self, request: Any, error: Exception) -> Any:
        if not isinstance(error, Error | SQLAlchemyError | JuratError):
            return None
        logging.error("%s", type(error).__name__)  # noqa: LOG015 - and no more: an error's text may quote a row
        return render(request, "page.html", {"title": SORRY, "locale": "en"}, status=503)


def rows(sql: str, value: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        return list(cursor.fetchall())


def locale(request: Any) -> str:
    return str(request.headers.get("Accept-Language", "en"))[:2]


def spoken(request: Any, texts: dict[str, str]) -> str:
    """A text of the configuration in the participant's language."""
    return texts.get(locale(request)) or texts.get("en") or next(iter(texts.values()), "")


def overview(request: Any) -> Any:
    status = client.participant_status(CONSULTATION, request.session["participant"])  # read at one moment
    access, questions, whole, tag = status.access, [], "", locale(request)
    for name, *titles, _, _ in rows(FORM, CONSULTATION):
        title, whole = (spoken(request, json.loads(each)) for each in titles)
        if state := access.questions.get(name):  # a question that was published since then is there next time
            shown = {"state": state, "message": status.message(name, tag), "open": name in access.open}
            questions.append({"name": name, "title": title, **shown})
    more = {"questions": questions, "access": access, "wait_s": math.ceil(status.next_poll_ms / 1000)}
    texts = {"access_message": status.access_message(tag), "contact": status.contact(tag)}
    return render(request, "page.html", {"title": whole, "locale": tag, **texts, **more})


def question(request: Any, name: str, problem: InvalidAnswer | None = None) -> Any:
    """The form; once it was sent, what was typed, to be confirmed under an id: sent twice, it is the same check."""
    row = next((row for row in rows(FORM, CONSULTATION) if row[0] == name), None)
    if row is None:
        raise Http404
    schema = json.loads(row[-1])  # only a simulated source has no fields of its own, and takes any
    known = schema.get("properties") or {"answer": {"maxLength": 200, "titles": {"en": "Your answer"}}}
    fields = [
        {"name": key, "label": spoken(request, known[key]["titles"]), "most": known[key]["maxLength"],
         "needed": key in schema.get("required", known), "value": typed(request).get(key, "")}
        for key in json.loads(row[-2]) or known  # jsonb does not keep their order
    ]  # fmt: skip
    asked = {"name": name, "fields": fields}
    check_id = uuid4() if request.method == "POST" and not problem else None
    more = {"asked": asked, "title": spoken(request, json.loads(row[1])), "problem": problem, "id": check_id}
    return render(request, "page.html", {**more, "locale": locale(request)}, status=422 if problem else 200)


def typed(request: Any) -> dict[str, str]:
    values = {key[7:]: value.strip() for key, value in request.POST.items() if key.startswith("answer-")}
    return {name: value for name, value in values.items() if value}


@require_POST
def confirm(request: Any, name: str, id: UUID) -> Any:  # noqa: A002
    who = request.session["participant"]
    try:
        with transaction.atomic():  # the check and the platform's own row: both or none
            check = client.submit(
                connection, consultation=CONSULTATION, participant=who, question=name, answer=typed(request), id=id
            )
            if check.created:
                connection.cursor().execute(KEEP, [check.id, who, name])
            transaction.on_commit(client.ring)
    except AlreadyConfirmed:
        pass  # in another tab: the overview shows the current state
    except InvalidAnswer as error:
        return question(request, name, error)
    return redirect("/")


urlpatterns = [
    path("", overview),
    path("question/<name>", question),
    path("question/<name>/<uuid:id>", confirm),
]
if __name__ == "__main__":
    execute_from_command_line()
