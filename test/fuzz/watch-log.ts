import { closeSync, openSync, readSync } from "node:fs";
import { lastingSecrets } from "./tenants.ts";

/** Shapes of what is secret and different each time: tokens and proofs, and full numbers of callers. */
const secretShapes = [
  /eyJ[\w-]{8,}\.eyJ/,
  /\+1415555\d{6}/,
  /"(?:nonce|activationCode|token|proof)":"(?!\[redacted\])/,
];
const codes = /(?<![\w.:+-])\d{6,8}(?![\w.:-])/g;
const chunkBytes = 4 * 1024 * 1024;

export interface LogFinding {
  line: string;
  why: string;
}

/** Reads what a process has logged since the last look, and finds faults, secrets and what is no log line. */
export class LogWatch {
  readonly #path: string;
  readonly #dids: ReadonlySet<string>;
  #offset = 0;
  #rest = "";
  lines = 0;

  constructor(path: string, dids: ReadonlySet<string>) {
    this.#path = path;
    this.#dids = dids;
  }

  /** Reads to the end of what is there. */
  look(): LogFinding[] {
    const file = openSync(this.#path, "r");
    const findings: LogFinding[] = [];
    try {
      const buffer = Buffer.alloc(chunkBytes);
      for (;;) {
        const size = readSync(file, buffer, 0, chunkBytes, this.#offset);
        if (size === 0) return findings;
        this.#offset += size;
        const text = this.#rest + buffer.toString("utf8", 0, size);
        const end = text.lastIndexOf("\n") + 1;
        this.#rest = text.slice(end);
        findings.push(...this.#examine(text.slice(0, end)));
      }
    } finally {
      closeSync(file);
    }
  }

  /** The whole text at first: nearly always there is nothing in it. */
  #examine(text: string): LogFinding[] {
    const lines = text.split("\n").filter((line) => line !== "");
    this.lines += lines.length;
    return lines.flatMap((line) => {
      const why = this.#faultOf(line);
      return why === undefined ? [] : [{ line: line.slice(0, 3000), why }];
    });
  }

  #faultOf(line: string): string | undefined {
    if (!line.startsWith('{"level"')) return "is no log line";
    if (line.startsWith('{"level":"error"') || line.startsWith('{"level":"fatal"')) return "is logged as a fault";
    const secret =
      lastingSecrets.find((one) => line.includes(one)) ?? secretShapes.find((one) => one.test(line))?.source;
    if (secret !== undefined) return `holds ${secret.slice(0, 20)}`;
    const said = line.replace(/"(?:pid|port|durationMs|durationSeconds)":[\d.]+/g, "").match(codes);
    const did = said?.find((one) => this.#dids.has(one));
    return did === undefined ? undefined : "holds a code that was spoken";
  }
}
