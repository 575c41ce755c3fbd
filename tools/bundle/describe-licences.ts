import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const packageFolder = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/;

/** The licence of every package that a module is of, with its own text where it brings one, as most licences ask. */
export async function describeLicences(modules: readonly string[]): Promise<{ packages: string[]; text: string }> {
  const folders = [...new Set(modules.flatMap((path) => packageFolder.exec(path)?.[1] ?? []))];
  const described = await Promise.all(folders.map(describePackage));
  described.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    packages: [...new Set(described.map(({ name }) => name))],
    text: described.map(({ title, text }) => `${title}\n\n${text}\n`).join(`\n${"-".repeat(72)}\n\n`),
  };
}

async function describePackage(folder: string): Promise<{ name: string; title: string; text: string }> {
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    name: string;
    version: string;
    license?: string;
  };
  const { name, version, license = "no licence named" } = manifest;
  const files = (await readdir(folder)).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return { name, title: `${name} ${version} (${license})`, text: texts.map((text) => text.trim()).join("\n\n") };
}
