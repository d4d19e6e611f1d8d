// Build what the reporter's browser runs, and fail when it is larger than promised.
//
//   node build.mjs          src/ -> ../static/app/ (minified) and its manifest.json
//   node build.mjs --tests  test/*.test.ts -> dist-test/ for `node --test`, and dist-test/node.mjs for Python's tests
//
// manifest.json says, for each file, its size, its size gzipped, its SHA-256 (hex, for release notes and the page)
// and its SHA-384 (for the `integrity` attribute). `digest` is the SHA-256 of the sorted lines "<name> <sha256>": one number
// for all that a browser may load from here.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "static", "app");
const BUDGET = 60_000; // bytes gzipped: what a page loads, one word list included
const FORBIDDEN = [/\bcrypto\s*\.\s*subtle\b/, /\bWebAssembly\b/, /\beval\s*\(/, /\blocalStorage\b/, /\bsessionStorage\b/, /\bMath\.random\b/,
  /\bindexedDB\b/, /\bcaches\b/, /\bdocument\.cookie\b/, /\bnew Function\b/, /\bserviceWorker\b/, /\bsendBeacon\b/,
];

const common = {
  bundle: true,
  format: "esm",
  target: ["es2022", "firefox115", "chrome109", "safari16"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  absWorkingDir: here,
};

async function buildApp() {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const result = await build({
    ...common,
    entryPoints: { app: "src/app.ts", pages: "src/pages.ts", "puzzle-worker": "src/puzzle-worker.ts" },
    outdir: target,
    chunkNames: "[name]-[hash]",
    splitting: true,
    minify: true,
    metafile: true,
    platform: "browser",
  });

  const files = {};
  const outputs = Object.entries(result.metafile.outputs).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, output] of outputs) {
    const name = basename(path);
    const content = await readFile(join(here, path));
    const text = content.toString("utf8");
    for (const pattern of FORBIDDEN) {
      if (pattern.test(text)) throw new Error(`${name} uses what it may not: ${pattern.source}`);
    }
    files[name] = {
      bytes: content.length,
      gzipped: gzipSync(content, { level: 9 }).length,
      sha256: createHash("sha256").update(content).digest("hex"),
      integrity: `sha384-${createHash("sha384").update(content).digest("base64")}`,
      imports: output.imports.filter((i) => i.kind === "import-statement").map((i) => basename(i.path)),
    };
  }

  const loaded = new Set();
  const load = (name) => {
    if (loaded.has(name)) return;
    loaded.add(name);
    files[name].imports.forEach(load);
  };
  load("pages.js");
  load("puzzle-worker.js");
  const script = [...loaded].reduce((sum, name) => sum + files[name].gzipped, 0);
  const lists = Object.entries(files).filter(([name]) => !loaded.has(name) && name !== "app.js");
  const largest = Math.max(0, ...lists.map(([, file]) => file.gzipped));
  const listed = Object.entries(files).map(([name, file]) => `${name} ${file.sha256}\n`).sort().join("");
  const digest = createHash("sha256").update(listed).digest("hex");
  await writeFile(join(target, "manifest.json"), JSON.stringify({ entry: "app.js", page: "pages.js", worker: "puzzle-worker.js", digest, files }, null, 2) + "\n");
  console.log(`browser bundle: ${script} bytes gzipped, ${script + largest} with the largest word list; budget ${BUDGET}`);
  console.log(`digest of all of it, for the release notes: ${digest}`);
  if (script + largest > BUDGET) {
    await rm(join(target, "manifest.json"));
    throw new Error("the browser bundle is over its budget");
  }
}

async function buildTests() {
  const out = join(here, "dist-test");
  await rm(out, { recursive: true, force: true });
  const tests = (await readdir(join(here, "test"))).filter((name) => name.endsWith(".test.ts") || name === "node.ts");
  await build({
    ...common,
    entryPoints: tests.map((name) => join("test", name)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    platform: "node",
    target: "node20",
    sourcemap: "inline",
  });
  console.log(`browser tests: ${tests.length} built in ${relative(process.cwd(), out) || out}`);
}

try {
  await (process.argv.includes("--tests") ? buildTests() : buildApp());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
