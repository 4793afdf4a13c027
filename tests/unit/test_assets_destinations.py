"""Where saved pictures may go: the output folder, and what the operator names; never where a workflow likes."""

import json

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from easel.nodes.assets.problems import AssetProblem
from easel.nodes.assets.settings import AssetSettings
from support.asset_desk import lines, save


@pytest.fixture
def settings(tmp_path):
    """Writes the operator's settings and reads them as a node does."""

    def write(**told):
        (tmp_path / "settings.json").write_text(json.dumps(told))
        return AssetSettings.load(tmp_path)

    return write


def test_an_empty_file_of_settings_is_no_leave_to_save_unsigned(tmp_path):
    (tmp_path / "settings.json").write_text("")
    with pytest.raises(AssetProblem, match=r"settings for saved files cannot be used: .*settings\.json is empty"):
        AssetSettings.load(tmp_path)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


@pytest.fixture
def memory():
    yield fsspec.filesystem("memory")
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


class PlainFileSystem(MemoryFileSystem):
    """A store that cannot create a file only where there is none, as many cannot."""

    protocol = "plain"

    def _open(self, path, mode="rb", **kwargs):
        if mode == "xb":
            raise NotImplementedError("File mode not supported")
        return super()._open(path, mode, **kwargs)


fsspec.register_implementation("plain", PlainFileSystem, clobber=True)


def test_a_place_of_the_operator_s_is_named_and_its_files_are_never_overwritten(out, settings, memory):
    given = settings(destinations={"Client": "memory://client/shots"})
    for _ in range(2):
        save(out, given, destination="client", name="a/{model}", sidecar=True)
    assert sorted(memory.ls("/client/shots/a", detail=False)) == [
        "/client/shots/a/flux-2-pro.png",
        "/client/shots/a/flux-2-pro.png.json",
        "/client/shots/a/flux-2-pro_2.png",
        "/client/shots/a/flux-2-pro_2.png.json",
    ]
    assert [line["destination"] for line in lines(out)] == ["client", "client"]
    assert not list(out.rglob("*.png"))


def test_a_store_that_cannot_promise_gets_names_that_nobody_else_has(out, settings, memory):
    given = settings(destinations={"plain": "plain://shots"})
    for _ in range(3):
        save(out, given, destination="plain", name="{model}")
    assert len({line["path"] for line in lines(out)}) == 3
    assert len(MemoryFileSystem.store) == 3


def test_a_folder_of_the_operator_s_is_written_like_the_output_folder(out, settings, tmp_path):
    save(out, settings(destinations={"share": str(tmp_path / "share")}), destination="share", name="x/{model}")
    assert (tmp_path / "share/x/flux-2-pro.png").stat().st_size > 100


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("elsewhere", r'no destination "elsewhere": there are output, client\.'),
        ("s3://strangers-bucket/x", r"has not allowed that"),
        ("memory://allowed-not/x", r"has not allowed that"),
        ("memory://allowed/../other", r"has not allowed that"),
        ("memory://allowed/%2e%2e/other", r"has not allowed that"),
        ("simplecache::memory://allowed/x", r"has not allowed that"),
        ("memory://allowed/x?key=1", r"has not allowed that"),
        ("s3://user:secret@allowed/x", r"must not hold a user name or a key"),
        ("/etc", r"has not allowed that"),
        ("C:\\Windows", r"has not allowed that"),
        ("../outside", r"no destination"),
    ],
)
def test_a_workflow_cannot_send_pictures_where_the_operator_has_not_allowed(out, settings, memory, wanted, sentence):
    given = settings(destinations={"client": "memory://c"}, destination_urls=["memory://allowed/"])
    with pytest.raises(AssetProblem, match=sentence):
        save(out, given, destination=wanted)
    assert MemoryFileSystem.store == {} and list(out.iterdir()) == []


def test_below_an_address_that_the_operator_allows_a_workflow_may_name_any(out, settings, memory):
    save(out, settings(destination_urls=["memory://allowed/"]), destination="memory://allowed/today", name="a")
    assert memory.exists("/allowed/today/a.png")


def test_a_destination_that_fails_tells_no_credentials(out, settings):
    options = {"secret": "s3-secret-nobody-sees", "client_kwargs": {"token": "nested-secret-token"}}
    given = settings(destinations={"broken": {"url": "memory://x", "options": options}})
    with pytest.raises(AssetProblem, match="cannot be opened") as problem:
        save(
            out,
            settings(destinations={"broken": {"url": "s3-secret-nobody-sees://x", "options": options}}),
            destination="broken",
        )
    assert "s3-secret" not in str(problem.value) and "s3-secret" not in repr(given)
    assert given.redact("a nested-secret-token here") == "a [hidden] here"
    told = {"region_name": "auto", "secret": "a-secret-of-mine", "s3": {"addressing_style": "path"}}
    given = settings(destinations={"a": {"url": "sftp://me:pass-of-mine@house/", "options": told}})
    assert given.redact("automatic path, a-secret-of-mine, pass-of-mine") == "automatic path, [hidden], [hidden]"


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"destinations": {"output": "memory://x"}}, "own output folder"),
        ({"destinations": {"a": {"url": ""}}}, r"destinations\.a\.url"),
        ({"credentials": {"certificate": "a.pem"}}, r"credentials\.private_key"),
        ({"credentials": {"certificate": "a", "private_key": "b", "algorithm": "rot13"}}, r"credentials\.algorithm"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings, told, sentence):
    with pytest.raises(AssetProblem, match=sentence):
        settings(**told)


def test_the_environment_stands_before_the_file(settings, monkeypatch):
    monkeypatch.setenv("EASEL_METADATA_PASSPHRASE", "from the environment")
    monkeypatch.setenv("EASEL_DESTINATIONS", '{"client": "memory://client"}')
    given = settings(metadata_passphrase="from the file")
    assert given.metadata_passphrase.get_secret_value() == "from the environment"
    assert given.destinations["client"].url == "memory://client"


class FolderedFileSystem(MemoryFileSystem):
    """A server that wants its folders made first, one after the other."""

    protocol = "foldered"

    def _open(self, path, mode="rb", **kwargs):
        folder = path.rpartition("/")[0]
        if "r" not in mode and folder not in self.pseudo_dirs:
            raise FileNotFoundError(folder)
        return super()._open(path, mode, **kwargs)

    def mkdir(self, path, create_parents=True, **kwargs):
        assert not create_parents
        super().mkdir(path, create_parents, **kwargs)

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("foldered://", "memory://"))


fsspec.register_implementation("foldered", FolderedFileSystem, clobber=True)


def test_folders_are_made_below_a_place_and_never_the_place_itself(out, settings, memory):
    given = settings(destinations={"server": "foldered://server"})
    with pytest.raises(AssetProblem, match=r"could not be saved to server: FileNotFoundError"):
        save(out, given, destination="server", name="a")
    assert MemoryFileSystem.store == {} and "/server" not in MemoryFileSystem.pseudo_dirs
    MemoryFileSystem.pseudo_dirs.append("/server")
    save(out, given, destination="server", name="a/b/{model}")
    assert list(MemoryFileSystem.store) == ["/server/a/b/flux-2-pro.png"]
