"""The bundle in real Chromium, as on an onion address: plain HTTP, no secure context, a strict policy."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256, sha384
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from abuse import puzzle
from abuse.admission import encode
from abuse.routes import AdmissionKey, Route
from crypto.codes import ReplyCode, to_words
from crypto.entropy import system
from crypto.envelope import parse_envelope
from crypto.opening import open_report
from service.cases.reports import Report, Unsealed
from tests.support.browsers import chromium
from tests.support.groups import Group
from tests.support.typescript import ROOT, bundle

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("typescript")]

HOST = "reports.example"  # neither localhost nor HTTPS: no crypto.subtle there
POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; base-uri 'none'"


class _Files(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>test</title>")
        else:
            super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A blank page on an insecure origin that serves the bundle."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(bundle())))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as browser:
            page = browser.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on(
                "console", lambda message: problems.append(message.text) if message.type == "error" else None
            )
            page.goto(f"http://{HOST}:{server.server_address[1]}/")
            assert page.evaluate("[isSecureContext, typeof crypto.subtle]") == [False, "undefined"]
            yield page
            assert not [text for text in problems if "favicon" not in text]
    finally:
        server.shutdown()
        server.server_close()


TRIES = 3
LONGEST_MS = 1_000
SEALS = """async ({ group, statements, code }) => {
  const app = await import("/app.js");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const rosters = app.verifiedHistory(bytes(group), statements.map(bytes));
  const roster = rosters.at(-1);
  const photograph = new Uint8Array(5_000_000).map((_, i) => (i * 2654435761) >>> 24);
  let longest = 0, last = performance.now(), turns = 0;
  const watch = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    turns++;
  }, 5);
  const shares = [];
  const started = performance.now();
  const sealed = await app.fileReport(
    { kind: "help", what: "I need help", when: "", where: "", who: [], links: [], witnesses: [],
      urgency: "soon", language: "en", wants: "", fears: "", filedOn: "2026-11-21" },
    [await app.attach({ name: "photo.jpg", mediaType: "image/jpeg", content: photograph, original: false })],
    app.recipients(roster, app.recipientsOf(roster)),
    new app.ReplyCode(bytes(code)),
    { entropy: app.system, progress: (share) => shares.push(share) },
  );
  clearInterval(watch);
  let binary = "";
  for (let i = 0; i < sealed.length; i += 9999) {
    binary += String.fromCharCode(...sealed.subarray(i, i + 9999));
  }
  return { sealed: btoa(binary), longest, turns, took: performance.now() - started, shares: shares.length };
}"""


def test_a_page_seals_a_photograph_without_standing_still(page: Page) -> None:
    """Five megabytes are sealed to three people while the page goes on answering; the desk opens them."""
    group = Group.draw("Aurora", ("Ada", "Bo", "Cy"))
    code = ReplyCode(system(16))
    told = {
        "group": _base64(group.id),
        "statements": [_base64(statement.raw) for statement in group.chain.statements],
        "code": _base64(code.reveal()),
    }
    for _ in range(TRIES):  # a machine that stands still makes one of them long, a page that does each
        said = page.evaluate(SEALS, told)
        if said["longest"] < LONGEST_MS:
            break
    opened = open_report(parse_envelope(base64.b64decode(said["sealed"])), group.member("Bo").sealing)
    unsealed = Unsealed.from_bytes(opened.plaintext)
    assert isinstance(unsealed.content, Report)
    assert unsealed.content.kind == "help"
    assert len(unsealed.files[0].content) == 5_000_000
    print(json.dumps({name: said[name] for name in ("longest", "turns", "took", "shares")}))
    assert said["shares"] == 3 + 128
    assert said["turns"] > 10
    assert said["longest"] < LONGEST_MS


def test_a_puzzle_is_solved_in_a_worker(page: Page) -> None:
    """The worker loads under the policy and finds the solution that Python finds; so does the page without it."""
    raw = puzzle.challenge(
        AdmissionKey(bytes(32)),
        bytes(16),
        Route.REPORTS,
        epoch=bytes(8),
        nonce=system(16),
        difficulty=3000,
        expires_s=1,
    )
    expected = encode(raw + puzzle.solve(raw))
    solve = """async ({ challenge, worker }) => {
      const app = await import("/app.js");
      const shares = [];
      const native = globalThis.Worker;
      let started = 0;
      globalThis.Worker = class extends native { constructor(...given) { super(...given); started++; } };
      try {
        const token = await app.solve(challenge, { worker, progress: (share) => shares.push(share) });
        const ascending = shares.every((share, i) => i === 0 || share >= shares[i - 1]);
        return { token, started, ascending, last: shares.at(-1) };
      } finally { globalThis.Worker = native; }
    }"""
    for worker in ("/puzzle-worker.js", None):
        said = page.evaluate(solve, {"challenge": encode(raw), **({"worker": worker} if worker else {})})
        assert said == {"token": expected, "started": 1 if worker else 0, "ascending": True, "last": 1}


def test_only_the_languages_word_list_is_loaded(page: Page) -> None:
    """Reading a code in the page's own language fetches that list and no other."""
    code = ReplyCode(system(16))
    page.evaluate("import('/app.js').then(() => null)")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url.rsplit("/", 1)[1]))
    read = page.evaluate(
        """async (text) => {
          const app = await import("/app.js");
          return app.toHex((await app.readCode(text, "french")).reveal());
        }""",
        " ".join(to_words(code, "french")),
    )
    assert read == code.reveal().hex()
    assert [name.split("-")[0] for name in fetched] == ["french"]


def test_the_manifest_says_what_is_served() -> None:
    """Every file of the bundle has its digest in the manifest, and all of it is within the budget."""
    folder: Path = bundle()
    manifest = json.loads((folder / "manifest.json").read_text())
    served = {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == served
    for name, said in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert sha256(content).hexdigest() == said["sha256"]
        assert "sha384-" + base64.b64encode(sha384(content).digest()).decode() == said["integrity"]
        assert "sourceMappingURL" not in content.decode()
    needed = {manifest["page"], "puzzle-worker.js", *manifest["files"][manifest["page"]]["imports"]}
    lists = [len(gzip.compress((folder / name).read_bytes(), 9)) for name in served - needed - {"app.js"}]
    assert sum(len(gzip.compress((folder / name).read_bytes(), 9)) for name in needed) + max(lists) <= 60_000


def test_the_release_notes_say_which_script_is_served() -> None:
    """CHANGELOG.md names the digest that the manifest has and every page shows: one number over all files."""
    folder: Path = bundle()
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = "".join(sorted(f"{name} {said['sha256']}\n" for name, said in manifest["files"].items()))
    assert sha256(listed.encode()).hexdigest() == manifest["digest"]
    assert manifest["digest"] in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
