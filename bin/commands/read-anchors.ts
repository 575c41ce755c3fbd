import { readFile } from "node:fs/promises";
import { type ChainAnchor, parseAnchor } from "../../core/audit/parse-anchor.ts";
import { CommandError } from "./command.ts";

export const anchorOptions = {
  anchors: { type: "string" },
  "expect-head": { type: "string", multiple: true },
} as const;

export const anchorHelp = `  --anchors <path>      ends of chains that an earlier verification printed; each has to be in its chain
  --expect-head <end>   one such end; may be repeated
`;

/** Reads the ends that a command was given; a CommandError names the text that is none. */
export async function readAnchors(flags: {
  anchors?: string | undefined;
  "expect-head"?: string[] | undefined;
}): Promise<ChainAnchor[]> {
  const { anchors: path, "expect-head": given = [] } = flags;
  const lines = path === undefined ? [] : (await readText(path)).split(/\r?\n/);
  const fromFile = lines.map((line) => line.replace(/#.*$/, "").trim()).filter((line) => line !== "");
  return [...given, ...fromFile].map((text) => {
    const anchor = parseAnchor(text);
    if (!anchor) throw new CommandError(`"${text}" is not p<number>=<hash> or p<number>=<sequence>:<hash>`);
    return anchor;
  });
}

async function readText(path: string): Promise<string> {
  return await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${path} cannot be read: ${error.code}`);
  });
}
