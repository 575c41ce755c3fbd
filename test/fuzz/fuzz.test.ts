import { beforeAll, describe, expect, test } from "vitest";
import { describeReport, type FuzzReport, judgeAnswers, judgeMemory, judgeWork } from "./fuzz-report.ts";
import { runFuzz } from "./run-fuzz.ts";

const seed = 20261123;
const inputs = 50_000;

describe(`50,000 inputs of seed ${seed}`, () => {
  let report: FuzzReport;
  /** Outcomes of the entrances whose names begin so. */
  const outcomesOf = (start: string) =>
    new Set(
      report.entrances.filter(({ name }) => name.startsWith(start)).flatMap(({ outcomes }) => Object.keys(outcomes)),
    );

  beforeAll(async () => {
    report = await runFuzz({ inputs, seed });
    process.stdout.write(`${describeReport(report)}\n`);
    // Less than a minute on a machine of its own; a busy one takes its time.
  }, 1_500_000);

  test("[P30][P32] are answered as PROTOCOL says, end no process, and leave no fault and no secret in a log and no stray key", () => {
    expect(judgeAnswers(report)).toEqual([]);
    expect(report.entrances.reduce((sum, entrance) => sum + entrance.inputs, 0)).toBe(inputs);
    for (const { logLines } of report.processes) expect(logLines).toBeGreaterThan(100);
  });

  test("[P31] leave gateway and worker with a bounded heap, and take none of them 200 ms of work in one turn", () => {
    expect(judgeMemory(report)).toEqual([]);
    expect(judgeWork(report)).toEqual([]);
    for (const { memory } of report.processes) expect(memory.map(({ share }) => share)).toEqual([0.1, 0.5, 1]);
  });

  test("[P33] reach every state of a session and every refusal of HTTP", () => {
    const http = ["POST", "GET", "/ivr", "/admin", "operations"].flatMap((start) => [...outcomesOf(start)]);
    const states = ["pending", "confirmed", "denied", "canceled", "timeout", "expired"].map((state) => `200 ${state}`);
    const refusals = [
      "400 invalid_request",
      "401 unauthenticated",
      "401 invalid_activation_code",
      "403 forbidden",
      "404 not_found",
      "409 session_terminal",
      "413 payload_too_large",
      "415 unsupported_media_type",
      "429 rate_limited",
    ];
    expect(http).toEqual(expect.arrayContaining([...states, ...refusals, "201 pending", "204"]));
    const acks = ["ok", "invalid_proof", "invalid_request", "wrong_did", "rate_limited", "incoming_call", "expired"];
    expect([...outcomesOf("/device requests")]).toEqual(expect.arrayContaining(acks));
    expect([...outcomesOf("socket handshakes")]).toEqual(expect.arrayContaining(["accepted", "unauthenticated"]));
    expect([...outcomesOf("/console")]).toEqual(expect.arrayContaining(["ok", "not_found", "invalid_request"]));
    expect([...outcomesOf("callseal")].sort()).toEqual(["exit 0", "exit 1", "exit 2"]);
    expect(Object.keys(report.providerAnswers).sort()).toEqual(["call", "login", "signal", "webhook"]);
  });
});
