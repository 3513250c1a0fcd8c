"""Two hundred planted secrets against the redactor alone: 0 get through, and their pseudonyms tell when one changed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.redaction import is_denied, keyed_mask, plain_mask, redact_arguments, redact_line, redact_text
from planted_secrets import EACH, Planted, planted

KEY = bytes(range(32))
ALL = planted()


def test_there_are_two_hundred_of_twenty_kinds() -> None:
    assert len(ALL) == 200
    assert len({one.kind for one in ALL}) * EACH == 200
    assert len({one.secret for one in ALL}) == 200


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.kind}-{one.path or one.argv[0]}")
def test_a_planted_secret_is_gone(one: Planted) -> None:
    for mask in (plain_mask, keyed_mask(KEY)):
        if one.argv:
            assert one.secret not in "\0".join(redact_arguments(one.argv, mask))
        else:
            assert is_denied(one.path) or one.secret not in redact_text(one.text, mask)
            # What a probe shows of a denied file (a crontab's line, a unit's) is redacted line by line too.


def test_a_changed_secret_has_another_pseudonym_and_the_same_one_the_same() -> None:
    mask = keyed_mask(KEY)
    one, same, other = (redact_line(f"password={value}", mask) for value in ("hunter21", "'hunter21'", "hunter22"))
    assert one == same.replace("'", "") != other
    assert re.fullmatch(r"password=\[redacted#[0-9a-f]{10}\]", one)
    assert redact_line("password=hunter21", keyed_mask(b"another host's key, which differs")) != one


@given(st.sampled_from(ALL))
def test_what_the_host_redacted_stays_as_it_is_when_a_report_redacts_again(one: Planted) -> None:
    text = one.text or " ".join(one.argv)
    redacted = redact_text(text, keyed_mask(KEY))
    assert redact_text(redacted) == redacted


@given(st.text(alphabet="abcXYZ019%+_", min_size=8, max_size=40))
def test_a_pseudonym_shows_nothing_of_the_secret(secret: str) -> None:
    assert secret not in redact_line(f"password={secret}", keyed_mask(KEY))


def test_a_value_that_only_begins_like_a_pseudonym_is_a_secret() -> None:
    assert "hunter2" not in redact_line("password=[redacted]hunter2")


@pytest.mark.parametrize(
    "text",
    [
        "private_key = /etc/ssl/site/key-of-site",
        "ssl_certificate_key $dir/site",
        "# The default password is required for the first login.",
        "# Use basic authentication only over TLS.",
        "mozilla/Autoridad_de_Certificacion_Firmaprofesional_CIF_A62634068.crt",
        "/usr/lib/x86_64-linux-gnu/NetworkManager/libnm-device-plugin-adsl",
        "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt",
        "kpasswd\t\t464/tcp",
        "storepass=''",
        "password_encryption = scram-sha-256",
        "auth\trequired\tpam_unix.so nullok",
        "-----BEGIN CERTIFICATE-----\nMIIH0zCCBbugAwIBAgIIXsO3pkN/pOAwDQYJKoZIhvcNAQEFBQAwQjESMBAGA1UE\n-----END CERTIFICATE-----",
        "add-service-cookie=no",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text, keyed_mask(KEY)) == text
