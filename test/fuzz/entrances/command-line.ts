import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../../bin/commands/run-command.ts";
import { chainEvents } from "../../../core/audit/audit-record.ts";
import { formatExportLine } from "../../../core/audit/export-line.ts";
import { type Entrance, FuzzFinding, type FuzzInput } from "../entrance.ts";
import { hostileText } from "../hostile-values.ts";
import { mutateJson, mutateText } from "../mutate-json.ts";
import type { FuzzRandom } from "../random.ts";

const hash = "0".repeat(64);
const words: readonly string[][] = [
  ["help"],
  ["help", "audit", "verify"],
  ["audit", "verify", "--expect-head", `p1=${hash}`],
  ["audit", "verify", "--anchors", "/nowhere"],
  ["audit", "export", "--output", "/nowhere/x"],
  ["audit", "prune", "--anchors", "/nowhere"],
  ["notifications", "list", "--tenant", "acme"],
  ["notifications", "replay", "--tenant", "acme"],
  ["audit", "verify", "--file", "/nowhere"],
];
const lines = chainEvents(
  { partition: 1, sequence: 0, hash: "" },
  Array.from({ length: 4 }, (_, index) => [
    `${index + 1}-0`,
    ["type", "canceled", "tenant", "acme", "sessionId", "csn_x"],
  ]),
).map(formatExportLine);

/** `callseal` with any words, and with exports that somebody has changed: an exit code of its own, and never a stack. */
export const commandLine: Entrance = {
  name: "callseal command (in process)",
  weight: 1,
  async run(input) {
    const { random } = input;
    return random.chance(0.4) ? await verifyExport(input) : await run(input, makeWords(random));
  },
};

function makeWords(random: FuzzRandom): string[] {
  const given = [...random.pick(words)];
  for (let time = 0; time <= random.below(2); time += 1) {
    const at = random.below(given.length);
    if (random.chance(0.3)) given.splice(at, 1);
    else if (random.chance(0.5)) given[at] = mutateText(random, given[at] ?? "");
    else given.splice(at + 1, 0, random.pick(["--", "--file", "--x=y", "--tenant", "-h", hostileText(random)]));
  }
  // `--file -` is this process' own standard input, which may never end.
  return given.filter((word) => word !== "-").map((word) => word.replaceAll("\u0000", "").slice(0, 3000));
}

async function verifyExport(input: FuzzInput): Promise<string> {
  const { random } = input;
  const folder = await mkdtemp(join(tmpdir(), "callseal-fuzz-"));
  try {
    const path = join(folder, "export.jsonl");
    const changed = lines.map((line) =>
      random.chance(0.4) ? mutateJson(random, JSON.parse(line)) : Buffer.from(line),
    );
    await writeFile(path, Buffer.concat(changed.flatMap((line) => [line, Buffer.from("\n")])));
    const anchor = random.chance(0.5)
      ? ["--expect-head", `p${random.below(3)}=${random.chance(0.5) ? "2:" : ""}${hash}`]
      : [];
    return await run(input, ["audit", "verify", "--file", path, ...anchor]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run({ random }: FuzzInput, given: string[]): Promise<string> {
  let said = "";
  // Refused before anything is connected to, or not reachable at all.
  const REDIS_URL = random.chance(0.5) ? undefined : hostileText(random);
  const code = await runCommand(given, {
    environment: { REDIS_URL },
    out: async (text) => {
      said += text;
    },
    err: (text) => {
      said += text;
    },
  }).catch((error: Error) => {
    throw new FuzzFinding(`the command threw ${error.stack}`, given.join(" "));
  });
  if (![0, 1, 2].includes(code)) throw new FuzzFinding(`exit code ${code}`, given.join(" "));
  if (/^ {4}at .+:\d+:\d+/m.test(said)) throw new FuzzFinding(`the command told a stack: ${said}`, given.join(" "));
  return `exit ${code}`;
}
