import { XMLParser, XMLValidator } from "fast-xml-parser";
import { describe, expect, test } from "vitest";
import { drawPlot } from "../../bench/report/draw-plot.ts";
import { reportSchema } from "../../bench/report/report.ts";
import { writeTable } from "../../bench/report/write-table.ts";
import { exampleReport } from "./example-report.ts";

describe("the report", () => {
  test("fits its schema, also after it was written", () => {
    const report = exampleReport();
    expect(reportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  test.each([
    [{ version: 2 }],
    [{ plan: "fast" }],
    [{ startedAt: "yesterday" }],
    [{ figures: [{ id: "P11", title: "", rows: [], goals: [], notes: [] }] }],
    [{ surprise: true }],
    [{ figures: [{ id: "P1", title: "", rows: [], goals: [], notes: [], othersShare: 2 }] }],
  ])("refuses %j", (attacker) => {
    expect(reportSchema.safeParse({ ...exampleReport(), ...attacker }).success).toBe(false);
  });
});

describe("the table", () => {
  const table = writeTable(exampleReport());

  test("tells each ratio with its goal, and whether it is met", () => {
    expect(table).toContain("| p50 | 1.2 | 1.1–1.3 | at most 1.5 | met |");
    expect(table).toContain("| rate | 2 | 2–2 | at least 3 | NOT MET |");
  });

  test("gives latencies their percentiles and other values none", () => {
    expect(table).toContain("| Callseal | 600 µs | 900 µs | 1,500 µs | 500–700 | 3 × 100 |");
    expect(table).toContain("| part | 0.25 µs CPU |  |  |  | 1 × 1 |");
  });

  test("says how much of the machine others used", () => {
    expect(table).toContain("Others used 3.1 % of the machine meanwhile.");
  });

  test("says why a figure is missing, and when nothing is to be quoted", () => {
    expect(table).toContain("not measured: no worker");
    expect(table).not.toContain("PROVISIONAL");
    expect(writeTable(exampleReport({ provisional: true }))).toContain("PROVISIONAL");
  });
});

describe("the plot", () => {
  test("is one well-formed SVG with a bar for each ratio and three for each latency", () => {
    const svg = drawPlot(exampleReport());
    expect(XMLValidator.validate(svg)).toBe(true);
    const { svg: root } = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "" }).parse(svg) as {
      svg: { xmlns: string; rect: { width: string; fill: string }[] };
    };
    expect(root.xmlns).toBe("http://www.w3.org/2000/svg");
    const background = 1;
    expect(root.rect).toHaveLength(background + 2 + 3);
    for (const { width } of root.rect) expect(Number(width)).toBeGreaterThan(0);
  });

  test.each([[`<script>alert("&")</script>`], ["]]>"], ["&amp;<&"], ["</svg>"]])(
    "stays well-formed with the name %j",
    (attacker) => {
      const report = exampleReport();
      report.figures[0]!.goals[0]!.name = attacker;
      report.figures[0]!.rows[0]!.name = attacker;
      const svg = drawPlot(report);
      expect(XMLValidator.validate(svg)).toBe(true);
      expect(svg).not.toContain("<script");
    },
  );

  test("draws what lies beyond its axes at their end", () => {
    const report = exampleReport();
    report.figures[0]!.rows[0]!.p99 = 10 ** 12;
    report.figures[0]!.goals[0]!.value = 10 ** 9;
    const widths = [...drawPlot(report).matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, value]) => Number(value));
    expect(Math.max(...widths)).toBeLessThanOrEqual(960);
  });
});
