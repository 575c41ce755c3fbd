import { XMLValidator } from "fast-xml-parser";
import { describe, expect, test } from "vitest";
import { buildCallTree, type CpuProfile, sumByOrigin } from "../../bench/report/call-tree.ts";
import { drawFlameGraph } from "../../bench/report/draw-flame-graphs.ts";

const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 0 });
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 3, 4, 5] },
    { id: 2, callFrame: frame("(idle)") },
    { id: 3, callFrame: frame("decide", "file:///x/server/device/confirm.ts"), children: [6] },
    { id: 4, callFrame: frame("decide", "file:///x/server/device/confirm.ts") },
    { id: 5, callFrame: frame("(garbage collector)") },
    { id: 6, callFrame: frame("parse<T>", "file:///x/node_modules/@scope/name/lib/a.js") },
  ],
  samples: [2, 3, 4, 6, 5, 6],
  timeDeltas: [1000, 10, 20, 40, 5, 60],
};

describe("a CPU profile", () => {
  test("sums up its call tree without idle time, and the same function is one", () => {
    const tree = buildCallTree(profile);
    expect(tree.totalUs).toBe(135);
    expect(tree.children.map(({ name, selfUs, totalUs }) => ({ name, selfUs, totalUs }))).toEqual([
      { name: "decide device/confirm.ts", selfUs: 30, totalUs: 130 },
      { name: "(garbage collector)", selfUs: 5, totalUs: 5 },
    ]);
  });

  test("tells where the time was spent itself", () => {
    expect(sumByOrigin(profile)).toEqual([
      { origin: "@scope/name", us: 100 },
      { origin: "server", us: 30 },
      { origin: "(garbage collector)", us: 5 },
    ]);
  });

  test("is drawn as a well-formed SVG, whatever functions are called", () => {
    const svg = drawFlameGraph(profile, 'a "<title>" & more');
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(svg).toContain("parse&lt;T&gt;");
  });
});
