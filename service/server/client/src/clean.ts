// Removing from a picture what can identify who made it, in the browser: as service/cases/attachments.py, without decoding,
// so that the picture itself stays bit for bit the same evidence. Says what was there. PDFs can't be cleaned here.

import { type Bytes, concat, equal, utf8 } from "./bytes.ts";
import { Refused } from "./errors.ts";

/** A kind of file that can't be cleaned here: send the original knowingly, or not at all. */
export class NotCleanable extends Refused {}

/** What was removed, by the names of the page's sentences. */
export type Removed = "place" | "camera" | "date" | "software" | "author" | "comments" | "history" | "other";

export interface Cleaned {
  readonly content: Uint8Array;
  readonly mediaType: string;
  readonly removed: readonly Removed[];
}

const DAMAGED = "the picture is damaged";
const EXIF = utf8("Exif\0\0");
const XMP = utf8("http://ns.adobe.com/xap/");
const TAGS: Readonly<Record<number, Removed>> = {
  0x8825: "place", 0x010f: "camera", 0x0110: "camera", 0x0132: "date", 0x8769: "date", 0x0131: "software", 0x013b: "author",
}; // prettier-ignore
const ORIENTATION = 0x0112;

/** Name a file's kind by its first bytes; what is neither picture nor PDF nor text is `application/octet-stream`. */
export function mediaTypeOf(content: Uint8Array): string {
  if (starts(content, [0xff, 0xd8, 0xff])) return "image/jpeg";
  if (starts(content, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return "image/png";
  if (starts(content, [0x47, 0x49, 0x46, 0x38])) return "image/gif";
  if (starts(content, [0x25, 0x50, 0x44, 0x46, 0x2d])) return "application/pdf";
  if (starts(content, [0x50, 0x4b, 0x03, 0x04])) return "application/zip";
  if (starts(content, utf8("RIFF")) && equal(content.subarray(8, 12), utf8("WEBP"))) return "image/webp";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return "application/octet-stream";
  }
  return content.includes(0) ? "application/octet-stream" : "text/plain";
}

/** Clean a file. Throws NotCleanable for kinds that can't be, Refused for damaged ones. */
export function clean(content: Uint8Array): Cleaned {
  const mediaType = mediaTypeOf(content);
  const removed = new Set<Removed>();
  const done = (cleaned: Uint8Array): Cleaned => ({ content: cleaned, mediaType, removed: [...removed] });
  switch (mediaType) {
    case "image/jpeg":
      return done(jpeg(content, removed));
    case "image/png":
      return done(png(content, removed));
    case "image/gif":
      return done(gif(content, removed));
    case "image/webp":
      return done(webp(content, removed));
    case "text/plain":
      return done(content);
    default:
      throw new NotCleanable("this kind of file can't be cleaned here");
  }
}

/** ITU T.81 annex B: drop application segments, comments, and what follows the end. Of JFIF's and Adobe's the note stays. */
function jpeg(content: Uint8Array, removed: Set<Removed>): Bytes {
  const kept: Uint8Array[] = [content.subarray(0, 2)];
  let orientation = 1;
  for (let at = 2; ; ) {
    if (content[at] !== 0xff || at + 2 > content.length) throw new Refused(DAMAGED);
    const marker = content[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xd9) {
      if (at + 2 < content.length) removed.add("other");
      break;
    }
    const length = (content[at + 2]! << 8) | content[at + 3]!;
    const end = at + 2 + length;
    if (length < 2 || end > content.length) throw new Refused(DAMAGED);
    const segment = content.subarray(at + 4, end);
    if (marker === 0xfe) removed.add("comments");
    else if (marker === 0xe0 || marker === 0xee) {
      const note = bare(marker, segment);
      if (note.length < end - at) removed.add("other");
      kept.push(note);
    } else if (marker >= 0xe0 && marker <= 0xef) {
      if (marker === 0xe1 && starts(segment, EXIF)) orientation = told(segment.subarray(EXIF.length), removed) ?? orientation;
      else if (marker === 0xe1 && starts(segment, XMP)) removed.add("history");
      else removed.add(marker === 0xed ? "comments" : "other");
    } else kept.push(content.subarray(at, end));
    at = end;
    if (marker !== 0xda) continue;
    // Coded data: up to the next marker that is neither a stuffed zero, a restart nor a fill byte.
    let next = at;
    while (next + 1 < content.length && !(content[next] === 0xff && ends(content[next + 1]!))) next++;
    if (next + 1 >= content.length) throw new Refused(DAMAGED);
    kept.push(content.subarray(at, next));
    at = next;
  }
  // Without it a picture taken with the camera on its side would lie on its side: eight values tell nobody who took it.
  if (orientation >= 2 && orientation <= 8) kept.splice(1, 0, upright(orientation));
  return concat(...kept, new Uint8Array([0xff, 0xd9]));
}

/** What a decoder needs of an application segment: JFIF's without its small picture, Adobe's colour note. */
function bare(marker: number, segment: Uint8Array): Uint8Array {
  const header = (length: number) => new Uint8Array([0xff, marker, 0, length + 2]);
  // The small picture can show what was cut off later.
  if (marker === 0xe0 && segment.length >= 14 && starts(segment, utf8("JFIF\0")))
    return concat(header(14), segment.subarray(0, 12), new Uint8Array(2));
  if (marker === 0xee && segment.length >= 12 && starts(segment, utf8("Adobe"))) return concat(header(12), segment.subarray(0, 12));
  return new Uint8Array(0);
}

const ends = (byte: number): boolean => byte !== 0 && byte !== 0xff && !(byte >= 0xd0 && byte <= 0xd7);

/** An Exif segment that holds the orientation and nothing else. */
function upright(orientation: number): Bytes {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  return concat(new Uint8Array([0xff, 0xe1, 0, 2 + EXIF.length + tiff.length]), EXIF, new Uint8Array(tiff));
}

/** Note what the first directory of a TIFF structure tells of; gives the orientation. Damage is no reason to keep it. */
function told(tiff: Uint8Array, removed: Set<Removed>): number | undefined {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  let orientation: number | undefined;
  let named = false;
  try {
    const little = view.getUint16(0) === 0x4949;
    const start = view.getUint32(4, little);
    const count = view.getUint16(start, little);
    for (let i = 0; i < count; i++) {
      const tag = view.getUint16(start + 2 + 12 * i, little);
      if (tag === ORIENTATION) orientation = view.getUint16(start + 2 + 12 * i + 8, little);
      const what = TAGS[tag];
      if (what) {
        removed.add(what);
        named = true;
      }
    }
  } catch {
    named = false;
  }
  if (!named && orientation === undefined) removed.add("other");
  return orientation;
}

const PNG_KEPT = new Set(["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "acTL", "fcTL", "fdAT", "gAMA", "sRGB"]);
const PNG_TOLD: Readonly<Record<string, Removed>> = { tEXt: "comments", zTXt: "comments", iTXt: "comments", tIME: "date" };

function png(content: Uint8Array, removed: Set<Removed>): Bytes {
  const kept: Uint8Array[] = [content.subarray(0, 8)];
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  for (let at = 8; ; ) {
    if (at + 12 > content.length) throw new Refused(DAMAGED);
    const end = at + 12 + view.getUint32(at);
    if (end > content.length) throw new Refused(DAMAGED);
    const name = String.fromCharCode(...content.subarray(at + 4, at + 8));
    if (PNG_KEPT.has(name)) kept.push(content.subarray(at, end));
    else if (name === "eXIf") told(content.subarray(at + 8, end - 4), removed);
    else removed.add(PNG_TOLD[name] ?? "other");
    at = end;
    if (name === "IEND") {
      if (at < content.length) removed.add("other");
      return concat(...kept);
    }
  }
}

/** GIF89a: drop comments and what applications wrote, but how often an animation repeats. */
function gif(content: Uint8Array, removed: Set<Removed>): Bytes {
  if (content.length < 13) throw new Refused(DAMAGED);
  const table = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const blocks = (from: number): number => {
    let next = from;
    while (content[next]) next += content[next]! + 1;
    if (next >= content.length) throw new Refused(DAMAGED);
    return next + 1;
  };
  let at = 13 + table(content[10]!);
  const kept: Uint8Array[] = [content.subarray(0, at)];
  while (content[at] !== 0x3b) {
    const start = at;
    let keep = true;
    if (content[at] === 0x2c) at = blocks(at + 11 + table(content[at + 9] ?? 0));
    else if (content[at] === 0x21) {
      const label = content[at + 1];
      const repeats = label === 0xff && equal(content.subarray(at + 3, at + 14), utf8("NETSCAPE2.0"));
      keep = label === 0xf9 || repeats;
      if (!keep) removed.add(label === 0xfe ? "comments" : label === 0xff ? "history" : "other");
      at = blocks(at + 2);
    } else throw new Refused(DAMAGED);
    if (keep) kept.push(content.subarray(start, at));
  }
  if (at + 1 < content.length) removed.add("other");
  return concat(...kept, new Uint8Array([0x3b]));
}

const WEBP_TOLD: Readonly<Record<string, Removed>> = { "XMP ": "history", ICCP: "other" };
const WEBP_KEPT = new Set(["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF"]);

function webp(content: Uint8Array, removed: Set<Removed>): Bytes {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const whole = 8 + view.getUint32(4, true);
  if (whole > content.length) throw new Refused(DAMAGED);
  if (whole < content.length) removed.add("other");
  const kept: Uint8Array[] = [];
  for (let at = 12; at < whole; ) {
    if (at + 8 > whole) throw new Refused(DAMAGED);
    const size = view.getUint32(at + 4, true);
    const end = at + 8 + size + (size & 1);
    if (end > whole) throw new Refused(DAMAGED);
    const name = String.fromCharCode(...content.subarray(at, at + 4));
    if (WEBP_KEPT.has(name)) {
      const chunk = content.slice(at, end);
      if (name === "VP8X") chunk[8] = chunk[8]! & ~0x2c; // no colour profile, no Exif, no XMP
      kept.push(chunk);
    } else if (name === "EXIF") told(content.subarray(at + (starts(content.subarray(at + 8), EXIF) ? 14 : 8), at + 8 + size), removed);
    else removed.add(WEBP_TOLD[name] ?? "other");
    at = end;
  }
  const body = concat(utf8("WEBP"), ...kept);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, body.length, true);
  return concat(utf8("RIFF"), length, body);
}

function starts(content: Uint8Array, beginning: ArrayLike<number>): boolean {
  return content.length >= beginning.length && equal(content.subarray(0, beginning.length), new Uint8Array(beginning));
}
