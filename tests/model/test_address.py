"""A row's name: readable where it can be, harmless wherever it is shown, and read back exactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reconciler.model.address import Address

# No text in PostgreSQL holds a NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
KEYS = st.lists(TEXT, min_size=1, max_size=4).map(tuple)
HARMLESS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~.:@+$%/")


@pytest.mark.parametrize(
    ("kind", "key", "address"),
    [
        ("entity_type", ("account",), "entity_type.account"),
        (
            "relationship_rule",
            ("owns", "person", "account"),
            "relationship_rule.owns/person/account",
        ),
        ("entity_type", ("a.b",), "entity_type.a.b"),
        ("entity_type", ("a/b",), "entity_type.a%2Fb"),
        ("entity_type", ("100%",), "entity_type.100%25"),
        ("entity_type", ("$member",), "entity_type.$member"),
        ("entity_type", ("Konto für Ä",), "entity_type.Konto%20f%C3%BCr%20%C3%84"),
        ("entity_type", ("a\nb",), "entity_type.a%0Ab"),
        ("entity_type", ("\u202egpj.exe",), "entity_type.%E2%80%AEgpj.exe"),
        ("entity_type", ("\x1b[2J",), "entity_type.%1B%5B2J"),
    ],
)
def test_is_written_and_read(kind: str, key: tuple[str, ...], address: str) -> None:
    assert Address.of(kind, key) == address
    assert Address.parse(address) == address
    assert Address(address).kind == kind
    assert Address(address).key == key


@settings(deadline=None)
@given(KEYS)
@example(("..",))
@example(("%2F", "/", "%"))
def test_every_key_survives_and_no_character_can_do_harm(key: tuple[str, ...]) -> None:
    address = Address.of("entity_type", key)
    assert address.kind == "entity_type"
    assert address.key == key
    assert Address.parse(address) == address
    assert set(address) <= HARMLESS


@settings(deadline=None)
@given(KEYS, KEYS)
def test_two_keys_never_have_the_same_address(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (Address.of("kind", one) == Address.of("kind", other)) == (one == other)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_a_person_typed_is_read_or_refused_with_a_word_of_help(typed: str) -> None:
    kind, dot, _ = typed.partition(".")
    if not (kind and dot):
        with pytest.raises(ValueError, match=r"kind\.key"):
            Address.parse(typed)
        return
    if "\0" in typed or "%00" in typed:
        with pytest.raises(ValueError, match="no text in PostgreSQL holds a NUL"):
            Address.parse(typed)
        return
    address = Address.parse(typed)
    assert Address.parse(address) == address
    assert Address.of(address.kind, address.key) == address


@pytest.mark.parametrize("typed", ["", ".", "entity_type", ".account"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"write kind\.key, as entity_type\.account"):
        Address.parse(typed)


def test_a_part_typed_without_escapes_is_read_as_it_would_be_written() -> None:
    assert Address.parse("entity_type.Konto für Ä") == "entity_type.Konto%20f%C3%BCr%20%C3%84"
    assert Address.parse("entity_type.100%") == "entity_type.100%25"


def test_a_part_of_a_key_may_be_empty() -> None:
    # A slug is text NOT NULL, and '' is a text: a template that has one can still be named.
    for key in [("",), ("owns", ""), ("", "person", "")]:
        address = Address.of("relationship_rule", key)
        assert address.key == key
        assert TypeAdapter(Address).validate_python(address) == address


def test_travels_through_models_and_json() -> None:
    adapter = TypeAdapter(Address)
    address = adapter.validate_python("entity_type.a b")
    assert isinstance(address, Address)
    assert address == "entity_type.a%20b"
    assert json.loads(adapter.dump_json(address)) == "entity_type.a%20b"
    assert type(adapter.dump_python(address)) is str
    with pytest.raises(ValidationError):
        adapter.validate_python("entity_type")
    with pytest.raises(ValidationError):
        adapter.validate_python(12)


def test_addresses_sort_as_text_so_that_plans_are_stable() -> None:
    addresses = [Address.of("k", (part,)) for part in ("b", "a/c", "a", "Z")]
    assert sorted(addresses) == ["k.Z", "k.a", "k.a%2Fc", "k.b"]
