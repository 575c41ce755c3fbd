import type { Row } from "../figure.ts";

/** Three significant digits, whole numbers above a thousand. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

export function formatValue(value: number, unit: Row["unit"]): string {
  if (unit === "us") return `${formatNumber(value)} µs`;
  return `${formatNumber(value)} ${unit.replace("us CPU", "µs CPU")}`;
}
