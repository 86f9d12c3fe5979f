"""Which tests try each row of a table of bad inputs, so that none is left out and none gets lost.

The table was made from what registries, administrators and participants were seen to do, and from what attackers do to
services that send requests on behalf of others. Its numbers are used in the tests that are named here.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HERE = "tests/adapters/registry"
PLACES, BOUNDS, SECRETS = f"{HERE}/test_places.py", f"{HERE}/test_bounds.py", f"{HERE}/test_secrets.py"
TYPED, ANSWERS, CONFIG = f"{HERE}/test_hostile_answers.py", f"{HERE}/test_bad_answers.py", "tests/config/registry"

ROWS: dict[int, tuple[str, dict[str, list[str]]]] = {
    1: ("an address that is internal, or written in disguise: 169.254.169.254, 127.1, 0x7f.1, 0", {
        PLACES: ["test_lint_refuses_what_is_no_address_of_a_registry",
                 "test_a_request_to_such_an_address_is_blocked_before_anything_is_sent"],
        "tests/config/test_networks.py": ["test_a_host_that_hides_an_address_misleads"],
    }),
    2: ("IPv6 addresses that hold another, or are site-local: ::7f00:1, fec0::1", {
        PLACES: ["test_a_request_to_such_an_address_is_blocked_before_anything_is_sent"],
        "tests/adapters/http_client/test_destinations.py": [
            "test_a_name_that_leads_to_no_public_address_is_refused_and_says_what_to_do"],
    }),
    3: ("a name that is first public, then private", {
        PLACES: ["test_a_name_that_turns_private_is_no_way_in"],
        "tests/adapters/http_client/test_destinations.py": [
            "test_only_what_was_judged_is_connected_to", "test_of_several_addresses_only_the_allowed_ones_are_tried"],
    }),
    4: ("file:, ftp:, gopher:, a user and password before the host", {
        PLACES: ["test_only_https_without_credentials_is_a_place_to_ask"],
        f"{CONFIG}/test_hostile_yaml.py": ["test_it_is_told_at_its_place_with_what_to_do"],
    }),
    5: ("a number that climbs out of a path: ../../admin, %2e%2e, ?x=1, a/b", {
        TYPED: ["test_the_path_has_as_many_segments_as_were_described", "test_a_number_that_is_none_asks_nobody"],
        f"{HERE}/test_templates.py": ["test_a_value_cannot_climb_a_path"],
    }),
    6: ("a line end or an emoji in a header", {
        TYPED: ["test_a_header_is_one_line_of_what_http_can_carry_or_is_not_sent"],
    }),
    7: ("elements, ]]> and entities in XML, at each level", {
        TYPED: ["test_a_body_holds_what_was_typed_as_text", "test_no_text_leaves_the_place_where_it_stands"],
        f"{HERE}/test_bodies.py": ["test_documents_in_documents_are_escaped_once_for_each_level"],
    }),
    8: ("placeholders that a participant types: {secrets.api_key}, {{7*7}}", {
        TYPED: ["test_a_body_holds_what_was_typed_as_text", "test_the_query_holds_what_was_typed_as_text",
                "test_values_of_earlier_steps_are_escaped_too"],
    }),
    9: ("a redirect to another host", {
        PLACES: ["test_a_redirect_is_not_followed_and_takes_no_key_along"],
    }),
    10: ("a gzip bomb, an endless body, a slow body, slow headers", {
        BOUNDS: ["test_an_answer_without_end_ends_in_time", "test_answers_that_are_too_large_take_no_memory",
                 "test_a_declared_length_beyond_the_cap_is_refused_before_any_of_it_came"],
        "tests/adapters/http_client/test_transport_tls.py": ["test_a_drip_inside_one_tls_record_ends_at_the_deadline"],
    }),
    11: ("XML with a document type, an entity bomb, 100,000 levels", {
        ANSWERS: ["test_hostile_xml_is_unreadable_with_flat_memory"],
        f"{HERE}/test_decoder.py": ["test_a_document_type_is_refused_before_it_is_read"],
    }),
    12: ("JSON of 100,000 brackets, huge numbers, NaN, a key twice, a byte order mark, Latin-1", {
        ANSWERS: ["test_hostile_json_is_unreadable_with_flat_memory",
                  "test_a_byte_order_mark_is_no_part_of_the_answer"],
        "tests/adapters/http_client/test_reply.py": ["test_json_that_is_not_strict_is_unreadable"],
    }),
    13: ("200 with an error, a fault, a page of HTML or nothing", {
        ANSWERS: ["test_an_answer_that_says_nothing_neither_accepts_nor_refuses",
                  "test_xml_that_says_nothing_neither_accepts_nor_refuses"],
        f"{HERE}/test_outcomes.py": ["test_only_the_registrys_own_word_refuses"],
    }),
    14: ("429 with a wait in seconds, as a date, huge, negative, or without one", {
        BOUNDS: ["test_a_registry_that_throttles_is_left_alone_as_long_as_it_says_within_reason"],
    }),
    15: ("a number as an integer, without its zeros, an instant in milliseconds", {
        ANSWERS: ["test_numbers_are_the_same_as_cleaned_text", "test_a_zero_that_a_spreadsheet_lost_is_another_number"],
        f"{HERE}/test_validity.py": ["test_a_registry_that_changes_between_seconds_and_milliseconds_is_unreadable"],
    }),
    16: ("digits of other scripts, spaces that are none, a line end behind the number", {
        TYPED: ["test_a_number_is_sent_in_plain_digits_however_it_is_typed", "test_a_number_that_is_none_asks_nobody"],
    }),
    17: ("two records, none, null, a missing key", {
        ANSWERS: ["test_a_record_that_is_not_clearly_theirs_is_undetermined"],
        f"{HERE}/test_adapter.py": ["test_an_answer_of_another_shape_is_unreadable"],
    }),
    18: ("a status that is not described", {
        f"{HERE}/test_validity.py": ["test_a_status_counts_by_its_own_word"],
        f"{HERE}/test_adapter.py": ["test_a_record_is_read_as_it_comes"],
    }),
    19: ("a withheld name: [NON-DIFFUSIBLE], ---", {
        "tests/adapters/person_names/test_comparison.py": ["test_a_withheld_name_is_never_compared"],
        f"{HERE}/test_adapter.py": ["test_a_record_is_read_as_it_comes"],
    }),
    20: ("a name of 10,000 characters, 400 combining marks", {
        TYPED: ["test_a_body_holds_what_was_typed_as_text"],
        f"{HERE}/test_numbers.py": ["test_a_long_text_is_cleaned_in_no_time"],
        "tests/adapters/person_names/test_comparison.py": ["test_a_monstrous_name_takes_no_more_work_than_a_long_one"],
    }),
    21: ("the record of another person", {
        f"{HERE}/test_adapter.py": ["test_in_whatever_order_rules_come_nobody_is_refused_for_a_stranger"],
        ANSWERS: ["test_a_record_that_is_not_clearly_theirs_is_undetermined"],
    }),
    22: ("one number of two participants", {
        "tests/store/verdicts/test_numbers.py": [
            "test_who_comes_first_with_a_number_is_accepted_and_the_later_one_is_reviewed",
            "test_the_number_itself_is_nowhere"],
    }),
    23: ("a description with a bomb of aliases, a Python object, a key twice, a literal secret, an unknown input", {
        f"{CONFIG}/test_hostile_yaml.py": ["test_it_is_told_at_its_place_with_what_to_do",
                                           "test_a_no_is_the_text_that_it_looks_like"],
        "tests/config/test_yaml_reader.py": ["test_what_cannot_be_read_is_one_sentence_at_its_place"],
    }),
    24: ("a secret in an exception, a repr, a log, evidence, a rehearsal", {
        SECRETS: ["test_an_error_and_the_log_hold_no_key", "test_evidence_the_description_and_the_query_hold_no_key",
                  "test_a_rehearsal_shows_the_request_without_the_key"],
    }),
    25: ("a regular expression that takes for ever", {
        f"{CONFIG}/test_hostile_yaml.py": ["test_no_part_takes_a_regular_expression"],
        BOUNDS: ["test_no_form_of_number_takes_long_over_any_text"],
    }),
    26: ("a certificate that has expired, is another host's or self-signed; a client's key that is missing", {
        PLACES: ["test_a_certificate_that_is_not_right_is_an_outage", "test_no_option_makes_it_right",
                 "test_a_client_key_that_is_missing_is_told_before_anybody_is_asked"],
        "tests/adapters/http_client/test_client_certificate.py": ["test_without_one_such_a_source_is_unavailable"],
    }),
    27: ("a worker that is killed between the call and the verdict", {
        "tests/acceptance/test_lost_workers.py": [
            "test_a_worker_that_is_killed_in_the_middle_of_lookups_leaves_one_verdict_to_each_check"],
        "tests/acceptance/test_crash_points.py": ["test_a_crash_at_any_point_leaves_one_verdict_to_each_check"],
    }),
    28: ("an expiry today, at the border of a time zone, in another order of day and month", {
        f"{HERE}/test_validity.py": ["test_today_lies_between_two_dates", "test_the_day_ends_where_the_registry_is"],
        f"{HERE}/test_dates.py": ["test_a_date_is_the_days_that_it_may_be"],
    }),
}  # fmt: skip


@cache
def named_in(path: str) -> set[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8") if file.exists() else "")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_no_row_is_left_out() -> None:
    assert list(ROWS) == list(range(1, 29))


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_tried(row: int) -> None:
    _, where = ROWS[row]
    assert where
    missing = {path: set(names) - named_in(path) for path, names in where.items()}
    assert not any(missing.values()), missing
