// What the tests share: the project's vectors, read from tests/vectors.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Read a file of vectors. `npm test` runs in dist-test, four folders below the repository. */
export function vectors<T>(name: string): T {
  const path = join(process.cwd(), "..", "..", "..", "..", "tests", "vectors", `${name}.json`);
  if (!existsSync(path)) throw new Error(`no vectors: ${name}`);
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
