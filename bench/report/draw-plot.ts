import type { Goal, Row } from "../figure.ts";
import { formatNumber, formatValue } from "./format-number.ts";
import type { Report } from "./report.ts";

const width = 960;
const labelWidth = 400;
const lineHeight = 22;
const margin = 24;
/** Decades of the latency axis, in microseconds. */
const axis = { least: 100, most: 100_000 };
const colours = {
  met: "#2e7d32",
  missed: "#c62828",
  p50: "#1565c0",
  p95: "#64b5f6",
  p99: "#bbdefb",
  text: "#212121",
  rule: "#9e9e9e",
};

interface Line {
  label: string;
  draw: (y: number) => string;
}

/** One picture of a report: how each ratio stands to its goal, then the latencies on a logarithmic axis. */
export function drawPlot(report: Report): string {
  const goals = report.figures.flatMap(({ id, goals: list }) => list.map((goal) => ({ id, goal })));
  const latencies = report.figures.flatMap(({ id, rows }) => rows.filter(isLatency).map((row) => ({ id, row })));
  const lines: (Line | string)[] = [
    "Ratios: how much of the goal's room is used (the line is the goal, shorter is better)",
    ...goals.map(({ id, goal }) => goalLine(id, goal)),
    "Latencies: p50, p95, p99 (logarithmic, from 0.1 ms to 100 ms)",
    ...latencies.map(({ id, row }) => latencyLine(id, row)),
  ];
  const height = margin * 2 + lines.length * lineHeight;
  const body = lines.map((line, index) => drawLine(line, margin + index * lineHeight));
  const title = `Callseal bench, ${report.plan}, ${report.startedAt}${report.provisional ? ", PROVISIONAL" : ""}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

function isLatency(row: Row): boolean {
  return row.unit === "us" && row.p99 !== undefined;
}

function drawLine(line: Line | string, y: number): string {
  if (typeof line === "string") return text(margin, y + 16, line, 'font-weight="bold"');
  return text(margin, y + 15, line.label) + line.draw(y);
}

/** A cost fills its goal from below; a throughput is turned round, so that shorter is better everywhere. */
function goalLine(id: string, goal: Goal): Line {
  const used = goal.bound === "at most" ? goal.value / goal.goal : goal.goal / goal.value;
  const room = (width - labelWidth - margin * 2) / 3;
  const length = Math.max(1, Math.min(used, 2.2) * room);
  const label = `${id} ${goal.name}: ${formatNumber(goal.value)} (${goal.bound} ${goal.goal})`;
  return {
    label,
    draw: (y) =>
      bar({ x: labelWidth, y, length, fill: goal.met ? colours.met : colours.missed }) +
      `<path d="M${(labelWidth + room).toFixed(1)} ${y}v${lineHeight}" stroke="${colours.text}"/>`,
  };
}

function latencyLine(id: string, row: Row): Line {
  const parts = [
    { value: row.p99!, fill: colours.p99 },
    { value: row.p95!, fill: colours.p95 },
    { value: row.value, fill: colours.p50 },
  ];
  const shown = [row.value, row.p95!, row.p99!].map((value) => formatNumber(value)).join(" / ");
  return {
    label: `${id} ${row.name}`.slice(0, 58),
    draw: (y) =>
      parts.map(({ value, fill }) => bar({ x: labelWidth, y, length: logLength(value), fill })).join("") +
      text(width - margin, y + 15, `${shown} ${formatValue(0, "us").slice(2)}`, 'text-anchor="end"'),
  };
}

function logLength(valueUs: number): number {
  const room = width - labelWidth - margin - 180;
  const decades = Math.log10(axis.most / axis.least);
  return Math.max(1, Math.min(1, Math.log10(Math.max(valueUs, axis.least) / axis.least) / decades) * room);
}

function bar(shape: { x: number; y: number; length: number; fill: string }): string {
  return `<rect x="${shape.x}" y="${shape.y + 4}" width="${shape.length.toFixed(1)}" height="${lineHeight - 8}" fill="${shape.fill}"/>`;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x}" y="${y}" fill="${colours.text}" ${attributes}>${escapeXml(content)}</text>`;
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
