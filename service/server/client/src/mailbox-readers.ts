// Who reads the answer to letters, by the rosters that the groups' roots signed; and which group an author is in.

import { type Api, Declined } from "./api.ts";
import { fromHex } from "./bytes.ts";
import { answerTo, authorOf, handedOn } from "./filing.ts";
import { type Letter, reachOf } from "./letters.ts";
import type { Handler, Roster } from "./rosters.ts";

/** People of a group. */
export interface People {
  readonly roster: Roster;
  readonly handlers: readonly Handler[];
}

/** Who reads an answer: it is sealed to `handlers`, and handed on by them to the others. */
export interface Answered extends People {
  readonly handedOn: readonly People[];
}

export class Readers {
  readonly #api: Api;
  /** Of all groups, by their ids, as far as they came; and why the others did not. */
  readonly #rosters = new Map<string, Roster>();
  readonly #failed = new Map<string, unknown>();

  constructor(api: Api) {
    this.#api = api;
  }

  /**
   * Fetch the rosters of all groups that did not come yet: a request for those alone that a letter names would tell the
   * server to whom its report was forwarded, and so, as it knows who was handed which, whose mailbox this is.
   */
  async fetch(): Promise<void> {
    const missing = (await this.#api.groups()).filter((group) => !this.#rosters.has(group));
    this.#failed.clear();
    const fetched = async (group: string): Promise<void> => {
      try {
        this.#rosters.set(group, (await this.#api.rosters(fromHex(group))).at(-1)!);
      } catch (error) {
        if (!(error instanceof Declined && error.status === 404)) this.#failed.set(group, error);
      }
    };
    await Promise.all(missing.map(fetched));
  }

  /**
   * Find to whom the answer to letters, oldest first, goes; undefined when nobody of them is there any more.
   * To the group of the first letter, as long as it has somebody whom one of its letters names: no later letter takes the
   * answer to another group. In it, to those whom the newest letter names who are still there, with those to whom that
   * letter says they hand it on. Throws why a roster that is needed did not come.
   */
  of(letters: readonly Letter[]): Answered | undefined {
    for (const group of new Set(letters.map((letter) => letter.group))) {
      const roster = this.#found(group);
      for (const letter of letters.filter((one) => one.group === group).reverse()) {
        const handlers = roster === undefined ? [] : answerTo(letter, roster);
        if (roster === undefined || handlers.length === 0) continue;
        const others: People[] = [];
        for (const other of reachOf(letter).keys()) {
          const theirs = this.#found(other);
          const people = theirs === undefined ? [] : handedOn(letter, theirs, roster, handlers);
          if (theirs !== undefined && people.length > 0) others.push({ roster: theirs, handlers: people });
        }
        return { roster, handlers, handedOn: others };
      }
    }
    return undefined;
  }

  /** Find the group of a letter's author, of those that it names; undefined when none has them under that name. */
  author(letter: Letter): Roster | undefined {
    const rosters = [...reachOf(letter).keys()].map((group) => this.#rosters.get(group));
    return rosters.find((roster) => roster !== undefined && authorOf(letter, roster)?.name === letter.author);
  }

  /** A group's roster; undefined where the server has no such group, whatever a letter says. Throws why it did not come. */
  #found(group: string): Roster | undefined {
    if (this.#failed.has(group)) throw this.#failed.get(group);
    return this.#rosters.get(group);
  }
}
