import { glob, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildCallTree, type CallNode, type CpuProfile, sumByOrigin } from "./call-tree.ts";

const width = 1600;
const rowHeight = 17;
/** Narrower boxes than this are not drawn. */
const leastWidth = 1;
const deepest = 70;

/** Draws every CPU profile below the folder as an SVG beside it; returns the files that were written. */
export async function drawFlameGraphs(folder: string): Promise<string[]> {
  const written: string[] = [];
  for await (const file of glob(join(folder, "profiles-*", "*.cpuprofile"))) {
    const profile = JSON.parse(await readFile(file, "utf8")) as CpuProfile;
    const target = file.replace(/\.cpuprofile$/, ".svg");
    await writeFile(target, drawFlameGraph(profile, file.split("/").at(-1)!));
    written.push(target);
  }
  return written;
}

/** A flame graph: width is CPU time, the caller above the called; the largest origins of self time stand on top. */
export function drawFlameGraph(profile: CpuProfile, title: string): string {
  const root = buildCallTree(profile);
  const boxes: string[] = [];
  let depthSeen = 0;
  const draw = (node: CallNode, place: { x: number; depth: number }) => {
    const size = (node.totalUs / root.totalUs) * width;
    if (size < leastWidth || place.depth > deepest) return;
    depthSeen = Math.max(depthSeen, place.depth);
    boxes.push(drawBox(node, { ...place, size, share: node.totalUs / root.totalUs }));
    let { x } = place;
    for (const child of node.children.toSorted((a, b) => b.totalUs - a.totalUs)) {
      draw(child, { x, depth: place.depth + 1 });
      x += (child.totalUs / root.totalUs) * width;
    }
  };
  draw(root, { x: 0, depth: 2 });
  const height = (depthSeen + 2) * rowHeight;
  const origins = sumByOrigin(profile).slice(0, 12);
  const share = (us: number) => `${((us / root.totalUs) * 100).toFixed(1)} %`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" role="img">`,
    `<title>${escapeXml(`Flame graph: ${title}`)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="4" y="13">${escapeXml(`${title}: ${(root.totalUs / 1e6).toFixed(2)} s of CPU on the main thread`)}</text>`,
    `<text x="4" y="30">${escapeXml(`self time: ${origins.map(({ origin, us }) => `${origin} ${share(us)}`).join(", ")}`)}</text>`,
    ...boxes,
    "</svg>",
    "",
  ].join("\n");
}

function drawBox(node: CallNode, place: { x: number; depth: number; size: number; share: number }): string {
  const { x, depth, size, share } = place;
  const characters = Math.floor(size / 6.2);
  const label = characters > 3 ? node.name.slice(0, characters) : "";
  const tip = `${node.name}: ${(share * 100).toFixed(2)} %, itself ${(node.selfUs / 1000).toFixed(1)} ms`;
  const y = depth * rowHeight;
  return `<g><title>${escapeXml(tip)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${size.toFixed(1)}" height="${rowHeight - 1}" fill="${colourOf(node.name)}"/><text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escapeXml(label)}</text></g>`;
}

/** Our own code stands out from packages, and both from Node and V8. */
function colourOf(name: string): string {
  if (/ (?:core|server|worker|[a-z-]+)\/[a-z0-9-]+\.ts$/.test(name)) return "#ffb74d";
  if (name.includes(" node:")) return "#c5e1a5";
  return name.includes(" ") ? "#90caf9" : "#e0e0e0";
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
