"""Content Credentials: what is signed is read back by the library's own reader and vouched for by the operator's authority."""

import io
import json

import c2pa
import pytest

from easel.nodes.assets.choices import ALWAYS, ASSET_TYPES, ENCRYPT, KEEP, LEAVE_OUT, NEVER, WHERE_POSSIBLE
from easel.nodes.assets.credentials import Ingredient
from easel.nodes.assets.known import Known
from easel.nodes.assets.problems import AssetProblem
from easel.nodes.assets.settings import AssetSettings
from easel.nodes.pictures import decode
from support.asset_desk import BOUGHT, RECORD, UNKNOWN, lines, picture, save, xmp
from support.throwaway_ca import issue

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    return issue(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def settings(studio, tmp_path):
    told = {"credentials": {"certificate": str(studio.chain), "private_key": str(studio.key)}}
    (tmp_path / "settings.json").write_text(json.dumps(told | {"metadata_passphrase": "a long passphrase"}))
    return AssetSettings.load(tmp_path)


def read(data, kind, studio):
    """State, failures and active manifest, as c2patool shows them to whoever trusts the studio's authority."""
    told = {"trust": {"trust_anchors": studio.anchor}, "verify": {"verify_trust": True}}
    with c2pa.Reader(ASSET_TYPES[kind], io.BytesIO(data), context=c2pa.Context.from_dict(told)) as reader:
        results = reader.get_validation_results()["activeManifest"]
        failures = [failure["code"] for failure in results.get("failure", [])]
        return reader.get_validation_state(), failures, reader.get_active_manifest()


def action(manifest):
    (actions,) = [one["data"]["actions"] for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")]
    return actions[0]


@pytest.mark.parametrize("kind", list(ASSET_TYPES))
def test_what_is_signed_is_verified_in_every_format(tmp_path, settings, studio, kind):
    path = save(tmp_path, settings, format=kind, title="Spring", credentials=ALWAYS)
    data = path.read_bytes()
    state, failures, manifest = read(data, kind, studio)
    assert (state, failures) == ("Trusted", [])
    assert manifest["title"] == "Spring"
    assert manifest["signature_info"]["common_name"] == "Easel test studio"
    told = action(manifest)
    assert told["action"] == "c2pa.created"
    assert told["digitalSourceType"] == TRAINED == xmp(data)["DigitalSourceType"]
    assert told["softwareAgent"]["name"] == "flux-2-pro (bfl)"
    assert told["parameters"]["com.easel.seed"] == 42
    assert told["parameters"]["com.easel.prompt"] == "a red cat"
    assert told["when"].startswith("2026-05-28")
    assert decode(data).width == 48
    assert lines(tmp_path)[0]["credentials"] is True


@pytest.mark.parametrize("kind", list(ASSET_TYPES))
def test_a_picture_that_was_changed_afterwards_is_found_out(tmp_path, settings, studio, kind):
    data = bytearray(save(tmp_path, settings, format=kind).read_bytes())
    pixels = {"png": b"IDAT", "jpeg": b"\xff\xda", "webp": b"VP8 ", "avif": b"mdat"}[kind]
    data[data.rindex(pixels) + 40] ^= 1
    state, failures, _ = read(bytes(data), kind, studio)
    assert state == "Invalid" and any("ash.mismatch" in code for code in failures)


def test_ingredients_are_named_with_their_files_where_they_are_known(tmp_path, settings, studio):
    known = Known(
        BOUGHT.facts,
        RECORD,
        (Ingredient("aa" * 32, "made by gpt-image-2 (openai)"), Ingredient("bb" * 32, "", picture(7).encoded())),
    )
    _state, failures, manifest = read(save(tmp_path, settings, known=known).read_bytes(), "png", studio)
    assert failures == []
    assert {(one["instance_id"], one["relationship"]) for one in manifest["ingredients"]} == {
        ("aa" * 32, "inputTo"),
        ("bb" * 32, "inputTo"),
    }
    assert "made by gpt-image-2 (openai)" in {one["title"] for one in manifest["ingredients"]}
    told = action(manifest)
    assert told["digitalSourceType"] == COMPOSITE and len(told["parameters"]["ingredients"]) == 2
    assert "thumbnail" not in json.dumps(manifest)


def test_credentials_that_a_provider_delivered_stay_as_the_origin(tmp_path, settings, studio):
    delivered = save(tmp_path, settings, title="at the provider").read_bytes()
    known = Known(BOUGHT.facts, RECORD, (Ingredient("aa" * 32),), delivered)
    path = save(tmp_path, settings, known=known, format="jpeg", credentials=ALWAYS)
    state, failures, manifest = read(path.read_bytes(), "jpeg", studio)
    assert (state, failures) == ("Trusted", [])
    (parent,) = manifest["ingredients"]
    assert parent["relationship"] == "parentOf" and parent["active_manifest"].startswith("urn:c2pa:")
    told = action(manifest)
    assert told["action"] == "c2pa.opened" and told["parameters"]["com.easel.made_from"] == ["aa" * 32]
    assert told["digitalSourceType"] == COMPOSITE
    with c2pa.Reader("image/jpeg", io.BytesIO(path.read_bytes())) as reader:
        assert "at the provider" in {one["title"] for one in json.loads(reader.json())["manifests"].values()}


@pytest.mark.parametrize("delivered", [picture().encoded(), b"no picture", b"", None])
def test_what_was_delivered_without_credentials_is_told_as_made(tmp_path, settings, studio, delivered):
    data = save(tmp_path, settings, known=Known(BOUGHT.facts, RECORD, (), delivered)).read_bytes()
    _state, failures, manifest = read(data, "png", studio)
    assert failures == [] and action(manifest)["action"] == "c2pa.created"


@pytest.mark.parametrize(("workflow", "expected"), [(KEEP, True), (LEAVE_OUT, False), (ENCRYPT, False)])
def test_the_prompt_is_signed_only_where_the_workflow_is_kept(tmp_path, settings, studio, workflow, expected):
    data = save(tmp_path, settings, workflow=workflow).read_bytes()
    assert (b"a red cat" in data) is expected
    assert read(data, "png", studio)[1] == []


def test_nothing_is_signed_that_nobody_knows(tmp_path, settings):
    data = save(tmp_path, settings, known=UNKNOWN, credentials=WHERE_POSSIBLE).read_bytes()
    assert b"c2pa" not in data and lines(tmp_path)[0]["credentials"] is False
    with pytest.raises(AssetProblem, match="say it in source_type"):
        save(tmp_path, settings, known=UNKNOWN, credentials=ALWAYS)
    assert b"c2pa" in save(tmp_path, settings, known=UNKNOWN, credentials=ALWAYS, source="made by AI").read_bytes()
    assert b"c2pa" not in save(tmp_path, settings, credentials=NEVER).read_bytes()


def test_without_a_certificate_only_always_stops(tmp_path):
    assert b"c2pa" not in save(tmp_path).read_bytes()
    with pytest.raises(AssetProblem, match="set up no certificate"):
        save(tmp_path, credentials=ALWAYS)
    assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize("broken", ["certificate", "key", "missing", "swapped", "algorithm"])
def test_a_certificate_that_cannot_sign_is_told_without_the_key(tmp_path, studio, broken):
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN PRIVATE KEY-----\nanything\n-----END PRIVATE KEY-----\n")
    files = {
        "certificate": (junk, studio.key),
        "key": (studio.chain, junk),
        "missing": (studio.chain, tmp_path / "none.pem"),
        "swapped": (studio.key, studio.chain),
        "algorithm": (studio.chain, studio.key),
    }[broken]
    told = {
        "certificate": files[0],
        "private_key": files[1],
        "algorithm": "ps256" if broken == "algorithm" else "es256",
    }
    with pytest.raises(AssetProblem, match="credentials") as problem:
        save(tmp_path, AssetSettings(credentials=told))
    secret = studio.key.read_text().splitlines()[1]
    assert secret not in str(problem.value) and "anything" not in str(problem.value)
    assert not list(tmp_path.rglob("*.png"))
