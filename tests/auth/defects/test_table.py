"""Where each defect of the old gateway, and each proof of the second factor, has its test."""

import importlib
from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

COUNTERS = "tests.auth.defects.test_counters.CounterDefects.test_defect_"
DEVICES = "tests.auth.defects.test_devices.DeviceDefects.test_defect_"
INPUT = "tests.auth.defects.test_input.InputDefects.test_defect_"
ELSEWHERE = "tests.auth.defects.test_elsewhere.ServiceDefects.test_defect_"
OLD_QUESTION = "tests.auth.defects.test_elsewhere.LegacyDefects.test_defect_"
LIMITS = "tests.auth.test_limits."
UNIFORM = "tests.app.test_uniform.UniformTests."
GUESSING = "tests.process.test_guessing.Guessing."
ONE_CODE = "tests.process.test_logins.OneCode."
ARRIVES = "tests.process.test_logins.WhatArrives."
AGAIN = "tests.auth.test_proofs.Proofs.test_"
ANSWERS = "tests.process.test_logins.Answers."
LDAP = "tests.auth.directories.ldap."
COMPANY = "tests.gateway.test_company."

DEFECTS: Mapping[int, tuple[str, ...]] = {
    1: (LIMITS + "EndTests.test_counts_end_by_themselves_however_many_there_were",),
    2: (COUNTERS + "02_a_stranger_locks_nobody_for_good",),
    3: (
        LIMITS + "EndTests.test_who_touches_a_locked_account_is_not_banned_for_it",
        GUESSING + "test_who_is_locked_from_outside_goes_on_at_home",
    ),
    4: (
        LIMITS + "EndTests.test_attempts_at_once_are_counted_before_they_are_judged",
        GUESSING + "test_two_hundred_at_once_from_one_address",
    ),
    5: (LIMITS + "EndTests.test_a_success_takes_back_its_own_charge_and_nothing_else",),
    6: (COUNTERS + "06_a_directory_that_takes_any_password_opens_nothing",),
    7: (
        COUNTERS + "07_what_the_directory_refuses_is_counted",
        COUNTERS + "07_also_where_no_code_is_needed",
    ),
    8: (
        LIMITS + "SettingTests.test_every_bucket_has_its_number",
        LIMITS + "SettingTests.test_every_bucket_has_its_time",
        LIMITS + "SettingTests.test_no_setting_is_forgotten",
    ),
    9: (
        LIMITS + "PlaceTests.test_spellings_of_an_address_are_one",
        LIMITS + "PlaceTests.test_an_ipv6_subscriber_is_one_client_and_a_site_one_network",
    ),
    10: (
        LIMITS + "HoneypotTests.test_a_name_that_only_attackers_try_costs_more",
        LIMITS + "HoneypotTests.test_one_slip_behind_a_shared_address_bans_nobody",
        LIMITS + "HoneypotTests.test_names_in_the_setting_are_compared_as_names_are",
    ),
    11: (ANSWERS + "test_one_session_has_three_tries",),
    12: (COUNTERS + "12_who_was_pushed_out_of_the_list_harms_nobody_by_going_on",),
    13: (DEVICES + "13_a_captured_string_opens_nothing_elsewhere_and_ends_at_home",),
    14: (DEVICES + "14_codes_that_are_saved_are_no_more_codes_to_be_guessed",),
    15: (
        DEVICES + "15_a_stolen_database_opens_nothing",
        DEVICES + "15_the_same_string_of_another_account_is_another",
    ),
    16: ("tests.auth.test_decision.FactorNeedTests.test_a_plain_password_never_becomes_a_device",),
    17: (
        INPUT + "17_no_empty_password_is_left_over",
        LDAP + "test_people.WhoMayLogInTests.test_an_empty_password_never_leaves",
        "tests.auth.test_decision.DoorTests.test_an_empty_password_is_never_asked_about",
    ),
    18: (
        DEVICES + "18_a_shorter_list_is_as_long_as_it_is_set",
        "tests.auth.test_remembered.DeviceTests.test_a_shorter_life_is_for_those_that_are_remembered_already",
    ),
    19: (
        "tests.auth.test_once.AtOnceTests.test_five_connections_of_one_client_are_one_evaluation",
        ONE_CODE + "test_five_connections_of_one_client_use_one_code",
    ),
    20: (DEVICES + "20_all_spellings_of_a_name_have_one_list",),
    21: (INPUT + "21_all_steps_are_compared_however_soon_one_fits",),
    22: (
        DEVICES + "22_who_is_disabled_or_changes_the_password_has_no_device",
        "tests.auth.test_kinds.ResetTests.test_nothing_gets_in_after_a_reset",
        "tests.process.test_dismissed.Dismissals.test_another_password_ends_sessions_and_the_string",
        COMPANY + "PasswordsChangeTests.test_a_saved_string_asks_twice_and_no_more",
    ),
    23: (
        INPUT + "23_the_end_of_a_password_is_nobodys_code",
        ARRIVES + "test_the_end_of_a_password_goes_nowhere",
        ELSEWHERE + "23_no_secret_is_in_a_url_and_no_end_of_a_password_is_sent",
    ),
    24: (
        ELSEWHERE + "24_who_has_no_key_cannot_say_yes",
        ELSEWHERE + "24_an_open_redirect_leads_nowhere",
        OLD_QUESTION + "24_a_redirect_is_no_yes",
    ),
    25: (
        ELSEWHERE + "25_a_name_is_a_name",
        OLD_QUESTION + "25_no_name_says_more_than_a_name",
    ),
    26: (ELSEWHERE + "26_a_signature_is_for_one_question",),
    27: (
        UNIFORM + "test_where_a_factor_is_required",
        ANSWERS + "test_all_reasons_are_answered_in_the_same_octets_by_each_way",
    ),
    28: (
        COUNTERS + "28_a_factor_that_is_away_costs_nobody_anything",
        COUNTERS + "28_digits_are_ascii",
        "tests.auth.test_once.AtOnceTests.test_two_strings_with_one_code_are_one_login",
    ),
    29: (
        COUNTERS + "29_a_directory_that_is_slow_keeps_nobody_else_waiting",
        "tests.auth.test_elsewhere.AwayTests.test_a_service_that_is_slow_holds_no_place",
    ),
    30: (
        INPUT + "30_passwords_arrive_octet_by_octet",
        ARRIVES + "test_passwords_arrive_octet_by_octet",
    ),
    31: (
        INPUT + "31_a_domain_is_cut_off_nowhere",
        INPUT + "31_who_spells_a_name_in_many_ways_guesses_no_more",
        GUESSING + "test_all_spellings_of_a_name_have_one_budget",
    ),
    32: (
        LDAP + "test_people.HostileNamesTests.test_no_name_is_more_than_a_name_in_a_filter",
        LDAP + "test_people.HostileNamesTests.test_no_name_is_more_than_a_name_in_a_dn",
        LDAP + "test_servers.WaysTests.test_in_clear_only_to_this_machine",
        LDAP + "test_servers.TrustTests.test_a_certificate_for_another_name_is_refused",
        "tests.auth.directories.sql.test_postgresql.PostgresqlTests.test_no_value_is_ever_a_part_of_a_query",
        "tests.auth.directories.sql.test_mariadb.MariadbTests.test_no_value_is_ever_a_part_of_a_query",
        "tests.auth.directories.test_sqlite.SqliteDirectoryTests.test_hostile_names_are_nobody",
    ),
    33: (
        INPUT + "33_what_hides_the_password_is_no_login",
        ARRIVES + "test_a_mechanism_that_hides_the_password_is_no_way_in",
    ),
    34: (ARRIVES + "test_nobody_says_where_he_comes_from",),
    35: ("tests.peers.test_article.ArticleTests.test_good_login",),
    36: (INPUT + "36_a_fault_is_a_temporary_answer_and_a_line_in_the_log",),
    37: (
        INPUT + "37_a_name_that_nobody_has_costs_what_a_real_one_costs",
        "tests.auth.test_timing.TimingTests.test_every_refusal_comes_at_the_same_time",
        "tests.auth.test_ledger.FieldTests"
        ".test_each_decision_is_one_line_with_all_the_fields_of_the_page_in_their_order",
    ),
}

NOT_HERE: Mapping[int, str] = {
    **dict.fromkeys(range(38, 43), "about the patch of nginx and its example: there is no nginx"),
}
"""Why some defects have no test: what they are about does not exist."""

PROOFS: Mapping[int, tuple[str, ...]] = {
    1: (
        AGAIN + "1_of_two_hundred_wrong_logins_at_once_ten_are_judged",
        GUESSING + "test_two_hundred_at_once_from_one_address",
        GUESSING + "test_two_hundred_at_once_from_as_many_addresses",
        GUESSING + "test_the_directory_is_asked_no_more_often_where_no_code_is_needed",
    ),
    2: (
        AGAIN + "2_a_lock_from_outside_hurts_nobody_inside",
        GUESSING + "test_who_is_locked_from_outside_goes_on_at_home",
    ),
    3: (
        AGAIN + "3_one_code_one_string_one_client",
        ONE_CODE + "test_five_connections_of_one_client_use_one_code",
        ONE_CODE + "test_of_two_strings_with_one_code_one_wins",
        ONE_CODE + "test_of_two_addresses_with_one_string_one_wins",
    ),
    4: (
        AGAIN + "4_a_password_arrives_as_it_was_typed",
        ARRIVES + "test_passwords_arrive_octet_by_octet",
    ),
    5: (
        AGAIN + "5_a_password_without_a_code_goes_nowhere",
        ARRIVES + "test_the_end_of_a_password_goes_nowhere",
        "tests.auth.factors.test_service_decides.HeardTests"
        ".test_the_service_hears_of_codes_alone_and_never_of_a_password",
    ),
    6: (
        AGAIN + "6_who_gets_a_token_later_has_no_plain_device",
        "tests.auth.test_decision.FactorNeedTests.test_a_plain_password_never_becomes_a_device",
        "tests.auth.test_decision.DoorTests.test_an_empty_password_is_never_asked_about",
        LDAP + "test_people.WhoMayLogInTests.test_an_empty_password_never_leaves",
    ),
    7: (
        AGAIN + "7_a_changed_password_is_asked_about_twice",
        "tests.auth.test_returning.ReturningTests.test_an_old_password_costs_two_questions_ten_minutes_apart",
        "tests.auth.test_returning.ReturningTests"
        ".test_a_directory_that_refuses_everybody_for_a_minute_makes_nothing_stale",
        COMPANY + "PasswordsChangeTests.test_a_saved_string_asks_twice_and_no_more",
    ),
    8: (
        AGAIN + "8_all_spellings_have_one_budget",
        GUESSING + "test_all_spellings_of_a_name_have_one_budget",
        "tests.auth.test_names.NameTests.test_all_spellings_are_one_name",
        LDAP + "test_deciding.DecidingTests.test_all_spellings_have_one_budget",
        COMPANY + "SpellingTests.test_guesses_by_all_names_are_of_one_budget",
    ),
    10: (
        ARRIVES + "test_nobody_says_where_he_comes_from",
        "tests.protocols.smtp.test_faults.Faults.test_s9_neither_kind_of_half_a_line_end_ends_a_message",
    ),
    11: (
        "tests.process.test_starttls.Injection.test_in_imap_a_login_is_not_executed",
        "tests.process.test_starttls.Injection.test_in_pop3_neither_user_nor_pass_is_executed",
        "tests.process.test_starttls.Injection.test_in_submission_a_login_in_clear_is_forgotten",
    ),
    12: (
        AGAIN + "12_state_that_comes_and_goes_lets_nobody_in_and_blames_nobody",
        "tests.process.test_redis_away.RedisAway.test_killed_under_load",
    ),
    13: (
        AGAIN + "13_all_refusals_are_one",
        ANSWERS + "test_all_reasons_are_answered_in_the_same_octets_by_each_way",
        UNIFORM + "test_where_a_factor_is_required",
        UNIFORM + "test_where_it_is_optional",
    ),
}

WAITING: Mapping[int, str] = {
    9: "Postfix and Exim ask through Dovecot's protocol, which is not spoken yet",
    14: "auth_http is not spoken yet",
}


def found(test: str) -> object:
    module, case, name = test.rsplit(".", 2)
    return getattr(getattr(importlib.import_module(module), case, None), name, None)


class Tables(SynchronousTestCase):
    def test_each_defect_has_a_test_or_cannot_exist_here(self) -> None:
        self.assertEqual(sorted([*DEFECTS, *NOT_HERE]), list(range(1, 43)))

    def test_each_proof_has_a_test_or_waits_for_its_door(self) -> None:
        self.assertEqual(sorted([*PROOFS, *WAITING]), list(range(1, 15)))

    def test_all_of_these_are_there(self) -> None:
        missing = [
            test
            for table in (DEFECTS, PROOFS)
            for tests in table.values()
            for test in tests
            if not callable(found(test))
        ]
        self.assertEqual(missing, [])
        self.assertTrue(all(tests for table in (DEFECTS, PROOFS) for tests in table.values()))
