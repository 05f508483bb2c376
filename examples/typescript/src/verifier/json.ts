// What JSON.parse lets pass and a token may not have: duplicate names, lone surrogates, numbers beyond
// a float, unbounded nesting, and space around the value. It also forgets how a number was written.

const MAX_DEPTH = 8;
const MAX_NUMBER_LENGTH = 32;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// A string up to its closing quote. Its characters are read once, so that none is tried twice.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;

/** A JSON number as it is written. */
export class JsonNumber {
  constructor(readonly written: string) {}
}

export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

class Malformed extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads bytes that are one strict JSON object and nothing else; undefined if they are not. */
export function readObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const reader = new Reader(decoder.decode(bytes));
    return reader.whole();
  } catch (error) {
    if (error instanceof Malformed || error instanceof TypeError) return undefined;
    throw error;
  }
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  whole(): JsonObject {
    if (this.text[0] !== "{") throw new Malformed();
    const object = this.object(1);
    if (this.at !== this.text.length) throw new Malformed();
    return object;
  }

  private value(depth: number): Json {
    switch (this.text[this.at]) {
      case '"':
        return this.string();
      case "{":
        return this.object(depth + 1);
      case "[":
        return this.array(depth + 1);
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private object(depth: number): JsonObject {
    const members: JsonObject = new Map();
    this.items("}", depth, () => {
      const name = this.string();
      this.skipSpace();
      if (!this.take(":")) throw new Malformed();
      this.skipSpace();
      const value = this.value(depth);
      if (members.has(name)) throw new Malformed();
      members.set(name, value);
    });
    return members;
  }

  private array(depth: number): Json[] {
    const values: Json[] = [];
    this.items("]", depth, () => values.push(this.value(depth)));
    return values;
  }

  /** Reads from the opening bracket to the closing one, with commas between the items. */
  private items(closing: string, depth: number, readItem: () => void): void {
    if (depth > MAX_DEPTH) throw new Malformed();
    this.at++;
    this.skipSpace();
    if (this.take(closing)) return;
    do {
      this.skipSpace();
      readItem();
      this.skipSpace();
    } while (this.take(","));
    if (!this.take(closing)) throw new Malformed();
  }

  private string(): string {
    const written = this.match(STRING);
    if (!written.includes("\\")) return written.slice(1, -1);
    const read = JSON.parse(written) as string;
    if (!read.isWellFormed()) throw new Malformed();
    return read;
  }

  private number(): JsonNumber {
    const written = this.match(NUMBER);
    if (written.length > MAX_NUMBER_LENGTH || !Number.isFinite(Number(written))) {
      throw new Malformed();
    }
    return new JsonNumber(written);
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw new Malformed();
    this.at += word.length;
    return value;
  }

  private skipSpace(): void {
    this.match(SPACE);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) throw new Malformed();
    this.at = pattern.lastIndex;
    return found[0];
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }
}
