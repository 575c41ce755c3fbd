import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

export const repository = join(import.meta.dirname, "..", "..");

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  path: string;
  text: string;
}

export interface Import {
  from: string;
  /** A path of this repository, or undefined for a package. */
  path: string | undefined;
  /** `ioredis`, `@scope/name`, `node:fs`; undefined for a file. */
  package: string | undefined;
}

export type Manifest = Partial<
  Record<"dependencies" | "devDependencies" | "optionalDependencies", Record<string, string>>
> & { scripts: Record<string, string> };

export function readText(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}

export function readManifest(path: string): Manifest {
  return JSON.parse(readText(path)) as Manifest;
}

/** Every file below the folders whose name ends in one of `endings`; a folder that does not exist has none. */
export function filesBelow(folders: readonly string[], endings: readonly string[] = [".ts"]): SourceFile[] {
  return folders
    .filter((folder) => existsSync(join(repository, folder)))
    .flatMap((folder) => readdirSync(join(repository, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => relative(repository, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((path) => !/(^|\/)(node_modules|dist)\//.test(path))
    .sort()
    .map((path) => ({ path, text: readText(path) }));
}

const importStatement = /^\s*(?:import|export)\s+(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']/gm;
const importCall = /\bimport\(\s*["']([^"']+)["']/g;

/** Static imports, re-exports and dynamic imports, types included. */
export function importsOf(file: SourceFile): Import[] {
  const specifiers = [...file.text.matchAll(importStatement), ...file.text.matchAll(importCall)].map(
    ([, name]) => name!,
  );
  return specifiers.map((specifier) => {
    if (specifier.startsWith(".")) {
      return { from: file.path, path: join(dirname(file.path), specifier).replaceAll("\\", "/"), package: undefined };
    }
    const words = specifier.split("/");
    const name = specifier.startsWith("@") ? words.slice(0, 2).join("/") : words[0]!;
    return { from: file.path, path: undefined, package: name };
  });
}
