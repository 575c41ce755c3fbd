import { expect, test } from "vitest";
import { sumHeap } from "../../bench/report/summarize-heap.ts";

test("a heap snapshot is summed up by constructor, and by kind where there is none", () => {
  const meta = {
    node_fields: ["type", "name", "id", "self_size"],
    node_types: [["hidden", "object", "string"], "string"],
  };
  const nodes = [1, 0, 1, 40, 1, 0, 2, 60, 2, 1, 3, 16, 0, 1, 4, 8];
  const sums = sumHeap(JSON.stringify({ snapshot: { meta }, nodes, strings: ["Socket", "a secret"] }));
  expect(Object.fromEntries(sums)).toEqual({
    Socket: { count: 2, bytes: 100 },
    "(string)": { count: 1, bytes: 16 },
    "(hidden)": { count: 1, bytes: 8 },
  });
});
