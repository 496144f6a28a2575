"""`reconcile approve`, and an apply that demands it, as a person types them."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler import planfile, published
from reconciler.cli import main
from reconciler.errors import Exit
from reconciler.model.plan import Plan
from tests.fixtures import plans
from tests.fixtures.people import People, mail
from tests.fixtures.shown import Variants
from tests.fixtures.world import World

PLAN = plans.plan([plans.update()])


def saved(plan: Plan, directory: Path) -> Path:
    path = directory / "it's a plan.json"
    planfile.save(plan, path)
    return path


def test_from_a_plan_to_its_approvals_to_its_apply(
    shared_world: World,
    small_template: str,
    people: People,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = shared_world
    target = world.organization()
    path = saved(world.plan(target, template=small_template), tmp_path)
    before = path.read_bytes()
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"{people.line('eve')}\n{people.line('bob')}\n")
    apply = ["apply", str(path), "--database-url", world.dsn]
    demand = [*apply, "--require-approval", str(signers), "--approvals", "2", "--not-author"]

    def approve(name: str, *words: str) -> str:
        assert main(["approve", str(path), "--key", str(people.key(name)), *words]) == 0
        return capsys.readouterr().out

    assert approve("eve").startswith("Approved by eve@acme.test, until 20")
    assert main(demand) == Exit.NOT_AUTHORISED
    said = capsys.readouterr().err
    assert f"needs approvals of 2 people (--require-approval {signers}), and has 1" in said
    assert f"reconcile approve {shlex.quote(str(path))} --key KEY" in said
    assert "eve@acme.test: approved, until 20" in said
    typed = ["--require-approval", str(signers), "--approvals", "2", "--not-author"]
    assert f"2. Then apply it: {shlex.join(['reconcile', 'apply', str(path), *typed])}\n" in said
    assert "--out FILE" not in said
    told = json.loads(approve("bob", "-json", "--expires", "7d"))
    Draft202012Validator(json.loads(published.documents()["approval.schema.json"])).validate(told)
    assert told["principal"] == mail("bob")
    assert path.read_bytes() == before
    lines = Path(f"{path}.approvals").read_text().splitlines()
    assert [json.loads(line)["principal"] for line in lines] == [mail("eve"), mail("bob")]
    assert main(demand) == 0
    capsys.readouterr()
    assert main(["history", target, "--database-url", world.dsn, "-json"]) == 0
    (revision,) = json.loads(capsys.readouterr().out)["revisions"]
    assert len(revision["approvals"]) == 2


@pytest.mark.shows("a file of approvals that is damaged", "a clear error; the file stays as it is")
def test_a_damaged_file_is_said_and_left_alone(
    people: People, tmp_path: Path, variants: Variants, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(PLAN, tmp_path)
    beside = Path(f"{path}.approvals")
    key = str(people.key("eve"))
    assert main(["approve", str(path), "--key", key]) == 0
    good = beside.read_bytes()
    for raw, wrong in (
        (good[: len(good) // 2], "line 1 is no approval: not JSON"),
        (good + b"# a comment\n", "line 2 is no approval"),
        (good + b"\xff\xfe\n", "not UTF-8"),
        (b"[]\n", "line 1 is no approval"),
        (b"null", "line 1 is no approval"),
        (b'{"plan_id": 5}\n', "line 1 is no approval: plan_id"),
        (good.replace(b'"principal": "', b'"principal": "eve, bob '), "principal"),
        (good.replace(b'"principal": "', b'"principal": "\\u001b[31m'), "principal"),
        (good.replace(b'"principal": "', b'"principal": "*'), "principal"),
        (good.replace(b'"principal": "', b'"principal": "\\ud800'), "principal"),
        (good.replace(b"T", b" ", 1), "line 1"),
        (good.replace(b'"expires": "20', b'"expires": "20-'), "expires"),
        (good.replace(b'{"', b'{"plan_id": "x", "', 1), "stands twice"),
        (b"[" * 100_000, "not JSON"),
        (b"x" * 1_000_001, "larger than 1000000 bytes"),
        (b'{"signature": "' + b"x" * 30_000 + b'"}', "line 1"),
        (b"".join(good.replace(b'"signature": "', b'"signature": "%d' % n) for n in range(101)),
         "it has 101 approvals"),
    ):  # fmt: skip
        beside.write_bytes(raw)
        capsys.readouterr()
        assert main(["approve", str(path), "--key", key]) == Exit.ERROR
        said = capsys.readouterr().err
        assert wrong in said, (raw[:60], said)
        assert "\x1b" not in said
        assert "reconcile approve FILE" in said
        assert beside.read_bytes() == raw
        variants.add()
    # What travelled through another system, came twice or is a link, is no damage.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n") + b"\n" + good)
    beside.unlink()
    beside.symlink_to(elsewhere)
    assert main(["approve", str(path), "--key", key]) == 0
    assert beside.is_symlink()
    assert len(elsewhere.read_text().splitlines()) == 2
    beside.unlink()
    beside.mkdir()
    assert main(["approve", str(path), "--key", key]) == Exit.ERROR
    assert "not a file that could hold approvals" in capsys.readouterr().err


def test_what_cannot_be_approved(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = str(people.key("eve"))

    def refused(code: Exit, wrong: str, plan: Plan = PLAN, *words: str) -> None:
        path = saved(plan, tmp_path)
        assert main(["approve", str(path), *(words or ("--key", key))]) == code
        assert wrong in capsys.readouterr().err
        assert not Path(f"{path}.approvals").exists()

    refused(Exit.CONFLICTS, "unresolved conflicts", plans.worked())
    refused(Exit.ERROR, "changes nothing", plans.plan())
    refused(Exit.ERROR, "for a year at most", PLAN, "--key", key, "--expires", "400d")
    refused(Exit.ERROR, "more than no time", PLAN, "--key", key, "--expires", "0s")
    refused(Exit.ERROR, "is no time", PLAN, "--key", key, "--expires", "soon")
    refused(Exit.ERROR, "no name that allowed signers", PLAN, "--key", key, "--as", "a,b")
    none, bare, odd = (str(tmp_path / name) for name in ("none", "bare", "odd"))
    for path, text in ((bare, Path(key).read_text()), (odd, "no key\n")):
        Path(path).write_text(text)
        Path(path).chmod(0o600)
    refused(Exit.ERROR, "does not say whose key", PLAN, "--key", bare)
    refused(Exit.ERROR, "none cannot be read: No such file", PLAN, "--key", none, "--as", "eve")
    refused(Exit.ERROR, "odd is not an SSH key", PLAN, "--key", odd)
    Path(bare).write_text(Path(key).read_text()[:60])
    refused(Exit.ERROR, "ssh-keygen did not sign", PLAN, "--key", bare, "--as", "eve")
    assert main(["approve", "-", "--key", key]) == Exit.ERROR
    assert "an approval lies beside its plan" in capsys.readouterr().err


def test_options_that_make_no_sense(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(PLAN, tmp_path)
    signers = ["--require-approval", str(tmp_path / "signers")]
    for words, wrong in (
        ([str(path), "--approvals", "2"], "belong to --require-approval"),
        ([str(path), "--not-author"], "belong to --require-approval"),
        (["personal-finance", "--target", "acme", *signers], "approved by nobody"),
        ([str(path), *signers], "is not a file of allowed signers"),
    ):
        assert main(["apply", *words]) == Exit.ERROR
        assert wrong in capsys.readouterr().err


def test_a_key_with_a_passphrase_and_one_that_an_agent_holds(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, agent, asking = tmp_path / "key", tmp_path / "agent", tmp_path / "asking"
    people.keygen("-t", "ed25519", "-N", "open sesame", "-C", mail("eve"), "-f", str(key))
    asking.write_text("#!/bin/sh\necho open sesame\n")
    asking.chmod(0o700)
    path = saved(PLAN, tmp_path)
    approve = ["approve", str(path), "--key"]
    monkeypatch.setenv("SSH_ASKPASS", str(asking))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.setenv("DISPLAY", ":0")
    assert main([*approve, str(key)]) == 0
    running = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        while not agent.exists():
            time.sleep(0.01)
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        key.unlink()
        assert main([*approve, f"{key}.pub", "--expires", "2d"]) == 0
    finally:
        running.terminate()
        running.wait()
    assert main([*approve, f"{key}.pub", "--expires", "3d"]) == Exit.ERROR
    assert len(Path(f"{path}.approvals").read_text().splitlines()) == 2
