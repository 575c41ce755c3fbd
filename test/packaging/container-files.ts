import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { bundleEntries } from "../../tools/bundle/build-bundle.ts";
import { importsOf } from "../structure/source-tree.ts";

const repository = join(import.meta.dirname, "..", "..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

export interface Instruction {
  name: string;
  args: string;
}

export interface Stage {
  name: string;
  base: string;
  instructions: Instruction[];
}

/** The stages of the Dockerfile, in order. Continued lines are not used there, and not understood here. */
export function readStages(): Stage[] {
  const stages: Stage[] = [];
  for (const line of read("Dockerfile").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, args] = /^([A-Z]+) (.+)$/.exec(line)!;
    const from = /^(\S+) AS (\S+)$/.exec(args!);
    if (name === "FROM") stages.push({ base: from![1]!, name: from![2]!, instructions: [] });
    else stages.at(-1)!.instructions.push({ name: name!, args: args! });
  }
  return stages;
}

/** What a stage copies out of this repository: source and the place below /app where it lands. */
export function copiesOf(stage: Stage): { source: string; target: string }[] {
  return stage.instructions
    .filter(({ name, args }) => name === "COPY" && !args.startsWith("--from="))
    .flatMap(({ args }) => {
      const words = args.split(" ");
      const target = words.at(-1)!;
      return words
        .slice(0, -1)
        .map((source) => ({ source, target: target.endsWith("/") ? `${target}${source.split("/").at(-1)}` : target }));
    });
}

/** Whether a path of this repository, or a program of the bundle, is in the image of a stage. */
export function isCopied(stage: Stage, path: string): boolean {
  if (bundled(stage).includes(path)) return true;
  return copiesOf(stage).some(({ source }) => path === source || path.startsWith(`${source}/`));
}

/** The programs that a stage takes over from the one that bundles them. */
function bundled(stage: Stage): string[] {
  const takes = stage.instructions.some(({ name, args }) => name === "COPY" && args === "--from=bundle /app/dist dist");
  return takes ? Object.keys(bundleEntries).map((name) => `dist/${name}.mjs`) : [];
}

/** The value of a JSON-form instruction (CMD, HEALTHCHECK … CMD). */
export function jsonForm(stage: Stage, name: string): string[] {
  const args = stage.instructions.find((instruction) => instruction.name === name)?.args ?? "";
  return JSON.parse(args.slice(args.indexOf("["))) as string[];
}

export interface Service {
  image: string;
  build?: { context: string; target: string };
  command: string[];
  environment: Record<string, string>;
  ports?: string[];
  profiles?: string[];
  secrets?: string[];
  volumes?: string[];
  user?: string;
  healthcheck: { test: string[] };
  stop_grace_period: string;
  init: boolean;
  read_only: boolean;
  cap_drop: string[];
  security_opt: string[];
  depends_on?: Record<string, { condition: string }>;
}

export interface Compose {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  volumes: Record<string, unknown>;
}

export const composeText = read("docker-compose.yml");
export const compose = parse(composeText, { merge: true }) as Compose;
export const ignoredText = read(".dockerignore");

/** Every file that `entry` loads: static imports, and files that are opened relative to the module that does it. */
export function closureOf(entry: string): { files: string[]; packages: string[]; missing: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const missing = new Set<string>();
  const visit = (path: string) => {
    if (files.has(path)) return;
    if (!existsSync(join(repository, path))) {
      missing.add(path);
      return;
    }
    files.add(path);
    if (!/\.m?[tj]s$/.test(path)) return;
    const file = { path, text: read(path) };
    for (const one of importsOf(file)) {
      if (one.path !== undefined) visit(one.path);
      else if (!one.package!.startsWith("node:")) packages.add(one.package!);
    }
    for (const [, relative] of file.text.matchAll(/new URL\(\s*["'`](\.[^"'`$]*)/g))
      files.add(join(path, "..", relative!));
  };
  visit(entry);
  return { files: [...files], packages: [...packages], missing: [...missing] };
}
