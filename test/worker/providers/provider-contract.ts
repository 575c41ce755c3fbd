import { describe, expect, onTestFinished, test } from "vitest";
import type { CallProvider, InterceptOutcome, InterceptRequest } from "../../../worker/providers/call-provider.ts";
import { freePort } from "../../support/free-port.ts";
import { type Answer, answerWith, startTarget, type Target } from "../delivery/start-target.ts";

/** What the suite must know about one adapter: how to open it and what its platform answers. */
export interface ProviderContract {
  name: string;
  /** Opens the adapter against this base URL; `attemptTimeoutMs` is short, so that nothing waits. */
  open(baseUrl: string, attemptTimeoutMs: number): { provider: CallProvider; close(): Promise<void> };
  /** What comes before the call that moves the caller, such as a login. */
  prepare?: Answer;
  isPreparation?(path: string): boolean;
  request: InterceptRequest;
  answers: { redirected: Answer; rejected: Answer; ended?: Answer };
  /** What the platform's silence, reset and 500 mean. */
  silent: "unknown" | "retryable";
  failing: "unknown" | "retryable";
  /** Nothing of these may be in an outcome. */
  secrets: string[];
}

const PATIENT_MS = 5000;
const IMPATIENT_MS = 1500;
/** Short stable words and codes only. */
const stableDetail = /^[a-z0-9_]{1,40}$/;

/** The rules that every adapter keeps, whatever the platform. */
export function describeProviderContract(contract: ProviderContract): void {
  const { request, silent, failing } = contract;

  async function openAgainst(answer: Answer, attemptTimeoutMs = PATIENT_MS) {
    const target = await startTarget((response, received, socket) => {
      const preparing = contract.isPreparation?.(received.path) ?? false;
      (preparing && contract.prepare ? contract.prepare : answer)(response, received, socket);
    });
    onTestFinished(target.close);
    return { target, ...openAt(target.url, attemptTimeoutMs) };
  }

  function openAt(url: string, attemptTimeoutMs = PATIENT_MS) {
    const { provider, close } = contract.open(url, attemptTimeoutMs);
    onTestFinished(close);
    return { provider, close };
  }

  function moves(target: Target) {
    return target.requests.filter((received) => !(contract.isPreparation?.(received.path) ?? false));
  }

  function expectClean(outcome: InterceptOutcome) {
    const text = JSON.stringify(outcome);
    for (const secret of contract.secrets) expect(text).not.toContain(secret);
    if (outcome.detail !== undefined) expect(outcome.detail).toMatch(stableDetail);
  }

  async function redirect(provider: CallProvider, changes: Partial<InterceptRequest> = {}) {
    const outcome = await provider.redirectCall({ ...request, ...changes });
    expectClean(outcome);
    return outcome;
  }

  describe(`${contract.name} keeps the contract of a call provider`, () => {
    test("[W1] a call that was moved is redirected, by one request with the correlation id", async () => {
      const { provider, target } = await openAgainst(contract.answers.redirected);
      expect(await redirect(provider)).toEqual({ outcome: "redirected" });
      expect(moves(target)).toHaveLength(1);
      expect(moves(target)[0]?.method).toBe("POST");
      expect(moves(target)[0]?.headers["x-correlation-id"]).toBe(request.correlationId);
    });

    const { ended } = contract.answers;
    if (ended !== undefined) {
      test("[W2] a call that is over has ended", async () => {
        const { provider } = await openAgainst(ended);
        expect(await redirect(provider)).toMatchObject({ outcome: "call_ended" });
      });
    }

    test("[W3] what will never succeed is rejected", async () => {
      const { provider } = await openAgainst(contract.answers.rejected);
      expect(await redirect(provider)).toMatchObject({ outcome: "rejected" });
    });

    test("[W12] 429 may be repeated after the time that Retry-After says", async () => {
      const { provider } = await openAgainst(answerWith(429, "", { "retry-after": "2" }));
      expect(await redirect(provider)).toMatchObject({ outcome: "retryable", retryAfterMs: 2000 });
    });

    test("[W12] 429 without Retry-After may be repeated", async () => {
      const { provider } = await openAgainst(answerWith(429));
      const outcome = await redirect(provider);
      expect(outcome.outcome).toBe("retryable");
      expect(outcome).not.toHaveProperty("retryAfterMs");
    });

    test.each([500, 502, 503, 504])(`[W4] %d is ${failing}`, async (status) => {
      const { provider } = await openAgainst(answerWith(status, "<html>oops</html>"));
      expect(await redirect(provider)).toMatchObject({ outcome: failing });
    });

    test(`[W4] an answer that comes after the time-out is ${silent}`, async () => {
      let answerLate = () => {};
      const { provider, target } = await openAgainst((response, received, socket) => {
        answerLate = () => contract.answers.redirected(response, received, socket);
      }, IMPATIENT_MS);
      expect(await redirect(provider)).toEqual({ outcome: silent, detail: "timed_out" });
      expect(moves(target)).toHaveLength(1);
      answerLate();
    });

    test(`[W4] a connection that is reset before the answer is ${silent}`, async () => {
      const { provider } = await openAgainst((_response, _received, socket) => socket.resetAndDestroy());
      expect(await redirect(provider)).toEqual({ outcome: silent, detail: "connection_lost" });
    });

    test("[W5] a connection that is reset within the body of a success is a success", async () => {
      const { provider } = await openAgainst((response, _received, socket) => {
        response.writeHead(200, { "content-length": "1000" });
        response.write("{", () => socket.destroy());
      });
      expect(await redirect(provider)).toEqual({ outcome: "redirected" });
    });

    test.each(["", "{", "null", "[]", '"x"', '{"code":"21220"}', '{"code":1e999}', "<html>", "\u0000"])(
      "[W5] the body %j of a success or of a fault changes nothing and throws nothing",
      async (attacker) => {
        const { provider, target } = await openAgainst(answerWith(200, attacker));
        expect(await redirect(provider)).toEqual({ outcome: "redirected" });
        target.answer = answerWith(401, attacker);
        expect(await redirect(provider)).toMatchObject({ outcome: "rejected" });
      },
    );

    test("[W6] a refused connection may be repeated, because nothing was sent", async () => {
      const { provider } = openAt(`http://127.0.0.1:${await freePort()}`);
      expect(await redirect(provider)).toMatchObject({ outcome: "retryable" });
    });

    test("[W6] a signal that is aborted already sends nothing and may be repeated", async () => {
      const { provider, target } = await openAgainst(contract.answers.redirected);
      expect(await redirect(provider, { signal: AbortSignal.abort() })).toEqual({
        outcome: "retryable",
        detail: "aborted",
      });
      expect(moves(target)).toEqual([]);
    });

    test(`[W6] a signal that aborts on the wire is ${silent}`, async () => {
      const stop = new AbortController();
      const { provider } = await openAgainst(() => stop.abort());
      expect(await redirect(provider, { signal: stop.signal })).toEqual({ outcome: silent, detail: "aborted" });
    });

    test("[W11] intercepts one after another share a connection", async () => {
      const { provider, target } = await openAgainst(contract.answers.redirected);
      // Undici frees a connection one turn of the event loop after its answer, so that a second one may be opened.
      for (let moved = 0; moved < 20; moved += 1) await redirect(provider);
      expect(moves(target)).toHaveLength(20);
      expect(target.connections).toBeLessThanOrEqual(2);
    });

    test.each([
      ["a header break", "x\r\nx-evil: 1"],
      ["no ASCII", "café\u0100"],
    ])("[W7] a correlation id with %s is rejected and nothing throws", async (_what, attacker) => {
      const { provider, target } = await openAgainst(contract.answers.redirected);
      expect(await redirect(provider, { correlationId: attacker })).toMatchObject({ outcome: "rejected" });
      expect(moves(target)).toEqual([]);
    });

    test("close may be called again, and an attempt after it is retryable, never an exception", async () => {
      const { provider, close } = await openAgainst(contract.answers.redirected);
      await redirect(provider);
      await Promise.all([provider.close(), close(), close()]);
      await close();
      expect(await redirect(provider)).toMatchObject({ outcome: "retryable" });
      expect(await provider.lookUpCall(request)).toBe("unknown");
    });
  });
}
