"""Who is refused: no token, another site, another name for this machine, a path outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served_page import TOKEN, Served, make_finished_run, served

from hanhua.artifacts.files import read_json, write_json
from hanhua.view.guard import POLICY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guard")
    make_finished_run(folder / "runs" / "one")
    (folder / "secret").mkdir()
    (folder / "secret" / "run.json").write_text('{"recipe": {}, "stages": [], "artifacts": {}}', encoding="utf-8")
    (folder / "secret" / "report.html").write_text("not to be seen", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Served]:
    with served(folder / "runs", recipes=folder) as page:
        yield page


ADDRESSES = ("/", "/runs/one", "/live/runs", "/models", "/recipes", "/static/view.js", "/nothing")


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("cookie", [None, "hanhua_view=1", "{name}=", "{name}=wrong", "{name}=ä"])
def test_without_the_token_nothing_is_answered(page: Served, path: str, cookie: str | None) -> None:
    given = cookie and cookie.format(name=page.cookie.partition("=")[0])
    answer = page.ask(path, Cookie=given)
    assert answer.status == 403 and "one" not in answer.text.replace("none", "")
    assert page.ask(path + "?token=wrong", Cookie=None).status == 403


def test_the_address_with_the_token_admits_once_and_hides_it(page: Served) -> None:
    answer = page.ask(f"/runs/one?token={TOKEN}&lang=zh", Cookie=None)
    assert answer.status == 303
    assert answer.headers["location"] == "/runs/one?lang=zh"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(page.cookie) and "httponly" in cookie.lower() and "samesite=strict" in cookie.lower()
    assert page.ask("/runs/one").status == 200


def test_the_token_leads_to_no_other_site(page: Served) -> None:
    answer = page.ask(f"//evil.example/?token={TOKEN}", Cookie=None)
    assert answer.status == 303 and answer.headers["location"] == "/evil.example/"


@pytest.mark.parametrize(
    "host", [None, "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"]
)
def test_another_name_of_this_machine_is_refused(page: Served, host: str | None) -> None:
    """A site whose name was made to point at 127.0.0.1 shares no origin with the page, and gets nothing."""
    given = host and host.format(port=page.port)
    assert page.ask("/", Host=given).status in (400, 403)
    assert page.ask(f"/?token={TOKEN}", Host=given, Cookie=None).status in (400, 403)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "null", ""]
)
def test_another_site_is_refused(page: Served, origin: str) -> None:
    given = origin.format(port=page.port)
    assert page.ask("/", Origin=given).status == 403
    assert page.ask("/recipes/check", method="POST", body="name: a", Origin=given).status == 403


def test_what_is_sent_must_come_from_the_page(page: Served) -> None:
    assert page.ask("/recipes/check", method="POST", body="name: a").status == 403
    assert page.ask("/recipes/check", method="POST", body="name: a", Origin=page.origin).status == 200
    assert page.ask("/models/unload", method="POST", body="", Origin=page.origin, Cookie=None).status == 403
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert page.ask("/", method=method, Origin=page.origin).status == 405


OUTSIDE = (
    "/runs/../secret/report.html",
    "/runs/%2e%2e/report.html",
    "/runs/..%2fsecret/report.html",
    "/runs/..%5csecret/report.html",
    "/runs/%2e%2e%2fsecret",
    "/runs/.",
    "/live/runs/..%2fsecret",
    "/static/../server.py",
    "/static/%2e%2e/server.py",
    "/static/..%2fserver.py",
    "/static//etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_outside_is_not_there(page: Served, path: str) -> None:
    answer = page.ask(path)
    assert answer.status == 404 and "not to be seen" not in answer.text and "import" not in answer.text


def test_a_run_that_names_folders_outside_leads_nowhere(page: Served, folder: Path) -> None:
    """`run.json` may come from elsewhere; only the last part of what it names counts."""
    root = folder / "runs" / "two"
    make_finished_run(root)
    (root / "report").mkdir()
    note = read_json(root / "run.json")
    note["stages"].append("report")
    note["artifacts"]["report"] = "../../../secret"
    (folder / "secret" / "manifest.json").write_text("{}", encoding="utf-8")
    write_json(root / "run.json", note)
    assert page.ask("/runs/two/report.html").status == 404
    assert "5" in page.ask("/").text


def test_every_answer_forbids_other_sites_and_the_network(page: Served) -> None:
    assert "default-src 'none'" in POLICY and "http" not in POLICY
    for path in ADDRESSES:
        if path.startswith("/live"):
            continue  # never ends
        headers = page.ask(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"


def test_a_recipe_larger_than_any_is_refused(page: Served) -> None:
    answer = page.ask("/recipes/check", method="POST", body="#" * 300_000, Origin=page.origin)
    assert answer.status == 413
