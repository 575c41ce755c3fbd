import { describe, expect, test } from "vitest";
import { activationCode } from "../support/enrol-device.ts";
import { type Deployment, useGateways } from "../support/gateway.ts";
import { callerApi, openSession } from "../support/open-session.ts";
import { send } from "../support/send.ts";
import { sendRaw } from "../support/send-raw.ts";
import { snapshotRedis } from "../support/snapshot-redis.ts";

const fixture = useGateways();

/** A request as it stands on the wire, with a good key unless the headers say otherwise. */
function wire(deployment: Deployment, line: string, headers: string[] = [], body = ""): string {
  const key = `Authorization: Bearer ${deployment.keys.sessions}`;
  const own = headers.some((header) => /^authorization:/im.test(header)) ? [] : [key];
  return [`${line} HTTP/1.1`, "Host: gateway", "Connection: close", ...own, ...headers, "", body].join("\r\n");
}

async function expectUnchanged(deployment: Deployment, attack: () => Promise<void>): Promise<void> {
  const before = await snapshotRedis(fixture.core.admin, deployment.prefix);
  await attack();
  expect(await snapshotRedis(fixture.core.admin, deployment.prefix)).toEqual(before);
  expect((await send(deployment.gateway, "GET /readyz")).status).toBe(200);
}

describe("hostile paths", () => {
  test("[S32] a path that names nothing is 404, one that cannot be read 400, whatever is encoded in it", async () => {
    const deployment = await fixture.start();
    const { sessionId, callId } = await openSession(deployment);
    const stem = sessionId.slice(0, -2);
    const api = `${callerApi}/sessions`;
    await expectUnchanged(deployment, async () => {
      for (const [attacker, status] of [
        [`${api}/`, 404],
        [`${api}/${stem}`, 404],
        [`${api}/${stem}_0`, 404],
        [`${api}/${stem}_2`, 404],
        [`${api}/${stem}_01`, 404],
        [`${api}/${stem}_-1`, 404],
        [`${api}/${stem}_1e0`, 404],
        [`${api}/${stem}_9999999999`, 404],
        [`${api}/${sessionId}%00`, 404],
        [`${api}/${sessionId}%20`, 404],
        [`${api}/${sessionId}%2f`, 404],
        [`${api}/${sessionId}/../${sessionId}`, 404],
        [`${api}/%2e%2e%2f${sessionId}`, 404],
        [`${api}/${sessionId.toUpperCase()}`, 404],
        [`${api}/*`, 404],
        [`${api}/__proto__`, 404],
        [`${api}/${"x".repeat(8000)}`, 404],
        [`${api}/%`, 400],
        [`${api}/%zz`, 400],
        [`${api}/%ff%fe`, 400],
        [`${api}/%c0%af`, 400],
        [`${callerApi}/calls/generic`, 404],
        [`${callerApi}/calls/generic/`, 404],
        [`${callerApi}/calls/generic/%00`, 404],
        [`${callerApi}/calls/generic/${callId}%0a`, 404],
        [`${callerApi}/calls/generic/a%20b`, 404],
        [`${callerApi}/calls/generic/${"x".repeat(129)}`, 404],
        [`${callerApi}/calls/__proto__/${callId}`, 404],
        [`${callerApi}/calls/constructor/${callId}`, 404],
        [`${callerApi}/calls/Generic/${callId}`, 404],
        [`${callerApi}/calls/generic/%zz`, 400],
        [`${callerApi}/../../../etc/passwd`, 404],
        [`/ivr/sessions/${stem}`, 404],
        [`/ivr/sessions/%`, 400],
        ["//", 404],
        ["/.env", 404],
        [`http://elsewhere.test${api}/x`, 404],
      ] as const) {
        const answer = await sendRaw(deployment.gateway, wire(deployment, `GET ${attacker}`));
        const code = status === 404 ? "not_found" : "invalid_request";
        expect({ attacker, status: answer.status, code: answer.body["code"] }).toEqual({ attacker, status, code });
      }
    });
  });

  test("[S32] admin paths likewise, and another tenant's or nobody's subject and device is 404", async () => {
    const deployment = await fixture.start();
    const { subjectId } = await activationCode(deployment);
    const key = [`Authorization: Bearer ${deployment.keys.admin}`];
    await expectUnchanged(deployment, async () => {
      for (const [attacker, status] of [
        ["GET /admin/v1/subjects/suid_none/devices", 404],
        [`GET /admin/v1/subjects/${subjectId}x/devices`, 404],
        [`GET /admin/v1/subjects/${subjectId}%00/devices`, 404],
        ["GET /admin/v1/subjects/%2e%2e/devices", 404],
        ["POST /admin/v1/subjects/suid_none/activation-codes", 404],
        ["DELETE /admin/v1/devices/zid_none", 404],
        [`DELETE /admin/v1/devices/zid_${"A".repeat(22)}`, 404],
        ["DELETE /admin/v1/devices/%00", 404],
        ["DELETE /admin/v1/devices/%", 400],
        ["GET /admin/v1/events?after=x", 400],
        ["GET /admin/v1/events?after=1-1-1&after=2-1-1", 400],
        ["GET /admin/v1/events?after=-1-0-0", 400],
        ["GET /admin/v1/events?limit=0", 400],
        ["GET /admin/v1/events?limit=1001", 400],
        ["GET /admin/v1/events?limit=-5", 400],
        ["GET /admin/v1/events?limit=1e3", 400],
        ["GET /admin/v1/events?limit=", 400],
        ["GET /admin/v1/nothing", 404],
      ] as const) {
        const answer = await sendRaw(deployment.gateway, wire(deployment, attacker, key));
        expect({ attacker, status: answer.status }).toEqual({ attacker, status });
        expect(answer.body["code"]).toBe(status === 404 ? "not_found" : "invalid_request");
      }
    });
  });

  test("[S33] a method that a path does not have is 404, and HEAD and OPTIONS change nothing", async () => {
    const deployment = await fixture.start();
    const { sessionId } = await openSession(deployment);
    const api = `${callerApi}/sessions`;
    await expectUnchanged(deployment, async () => {
      for (const attacker of [
        `PUT ${api}`,
        `DELETE ${api}/${sessionId}`,
        `PATCH ${api}/${sessionId}`,
        `GET ${api}`,
        `GET ${api}/${sessionId}/cancel`,
        `PROPFIND ${api}/${sessionId}`,
        "DELETE /healthz",
        "POST /metrics",
        "TRACE /",
      ]) {
        const answer = await sendRaw(deployment.gateway, wire(deployment, attacker));
        expect({ attacker, status: answer.status }).toEqual({ attacker, status: 404 });
        expect(answer.body["code"]).toBe("not_found");
      }
      const head = await send(deployment.gateway, `HEAD ${api}/${sessionId}`, { key: deployment.keys.sessions });
      expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: "" });
      const options = await send(deployment.gateway, `OPTIONS ${api}/${sessionId}/cancel`, {
        key: deployment.keys.sessions,
      });
      expect(options.status).toBeLessThan(500);
    });
  });
});

describe("hostile queries and headers", () => {
  test("[S34] a case id that is none is 400", async () => {
    const deployment = await fixture.start();
    for (const attacker of ["", "?caseId=", "?caseId", "?caseId=a&caseId=b", `?caseId=${"x".repeat(257)}`, "?case=1"]) {
      const line = `GET ${callerApi}/verifications${attacker}`;
      const answer = await send(deployment.gateway, line, { key: deployment.keys.sessions });
      expect({ attacker, status: answer.status, code: answer.body.code }).toEqual({
        attacker,
        status: 400,
        code: "invalid_request",
      });
    }
    for (const odd of ["%00", "%ff", "%", "__proto__", "*", "x".repeat(256)]) {
      const line = `GET ${callerApi}/verifications?caseId=${odd}`;
      const answer = await send(deployment.gateway, line, { key: deployment.keys.sessions });
      expect({ odd, status: answer.status, body: answer.body }).toEqual({
        odd,
        status: 200,
        body: { verifications: [] },
      });
    }
  });

  test("[S35] no oddity of Authorization gets in", async () => {
    const deployment = await fixture.start();
    const { sessionId } = await openSession(deployment);
    const { sessions } = deployment.keys;
    for (const attacker of [
      "Authorization:",
      "Authorization: Bearer",
      "Authorization: Bearer ",
      `Authorization: Bearer${sessions}`,
      `Authorization: Bearer\t${sessions} x`,
      `Authorization: Bearer ${sessions} ${sessions}`,
      `Authorization: Bearer ${sessions},`,
      `Authorization: Bearer "${sessions}"`,
      `Authorization: Token ${sessions}`,
      `Authorization: Basic ${Buffer.from(`:${sessions}`).toString("base64")}`,
      `Authorization: Bearer ${sessions.toUpperCase()}`,
      `Authorization: Bearer ${sessions.slice(0, -1)}`,
      `Authorization: Bearer ${"x".repeat(600)}`,
      "Authorization: Bearer undefined",
      "Authorization: Bearer __proto__",
      `Authorization: Bearer nope\r\nAuthorization: Bearer ${sessions}`,
      `Proxy-Authorization: Bearer ${sessions}\r\nAuthorization: x`,
      `Cookie: authorization=${sessions}\r\nAuthorization: x`,
    ]) {
      const path = `GET ${callerApi}/sessions/${sessionId}?api_key=${sessions}&access_token=${sessions}`;
      const answer = await sendRaw(deployment.gateway, wire(deployment, path, [attacker]));
      expect({ attacker, status: answer.status, code: answer.body["code"] }).toEqual({
        attacker,
        status: 401,
        code: "unauthenticated",
      });
    }
  });
});

describe("what is no request", () => {
  test("[S36] bytes that are no HTTP are answered 400 with a problem document, and the next request is served", async () => {
    const deployment = await fixture.start();
    const post = (headers: string[], body = "") => wire(deployment, `POST ${callerApi}/sessions`, headers, body);
    const typed = "Content-Type: application/json";
    await expectUnchanged(deployment, async () => {
      for (const [name, attacker] of [
        ["a word", "hello\r\n\r\n"],
        ["a TLS hello", Buffer.from("16030100a5010000a10303", "hex")],
        ["HTTP/9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n"],
        ["an unknown method", "FROBNICATE / HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["no host", "GET /healthz HTTP/1.1\r\n\r\n"],
        ["a header without a name", "GET / HTTP/1.1\r\n: x\r\n\r\n"],
        ["a folded header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d\r\n\r\n"],
        ["a NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"],
        ["sixteen kilobytes of headers", `GET / HTTP/1.1\r\nHost: x\r\nA: ${"x".repeat(20_000)}\r\n\r\n`],
        ["thousands of headers", `GET / HTTP/1.1\r\nHost: x\r\n${"A: b\r\n".repeat(5000)}\r\n`],
        ["two lengths", post([typed, "Content-Length: 2", "Content-Length: 3"], "{}")],
        ["a length and chunks", post([typed, "Content-Length: 2", "Transfer-Encoding: chunked"], "{}")],
        ["a negative length", post([typed, "Content-Length: -1"], "{}")],
        ["a length that is a word", post([typed, "Content-Length: two"], "{}")],
        ["a coding that is unknown", post([typed, "Transfer-Encoding: gzip, x"], "{}")],
        ["a chunk of no size", post([typed, "Transfer-Encoding: chunked"], "xyz\r\n{}\r\n0\r\n\r\n")],
      ] as const) {
        const answer = await sendRaw(deployment.gateway, attacker);
        expect({ name, status: answer.status }).toEqual({ name, status: 400 });
        expect({ name, code: answer.body["code"] }).toEqual({ name, code: "invalid_request" });
      }
    });
  });

  test("[S36] a HEAD that is no request gets the headers alone", async () => {
    const { gateway } = await fixture.start();
    const answer = await sendRaw(gateway, "HEAD /healthz HTTP/1.1\r\n\r\n");
    expect(answer).toMatchObject({ status: 400, text: "" });
  });

  test("[S36] an expectation that nobody knows is passed over", async () => {
    const { gateway } = await fixture.start();
    const answer = await sendRaw(gateway, "GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n");
    expect(answer).toMatchObject({ status: 200, body: { status: "ok" } });
    expect((await sendRaw(gateway, "GET /healthz HTTP/1.0\r\n\r\n")).status).toBe(200);
  });

  test("[S30] a chunked body that never ends is refused with 413 while it is still being sent, and cut off", async () => {
    const deployment = await fixture.start();
    const headers = ["Content-Type: application/json", "Transfer-Encoding: chunked"];
    const start = wire(deployment, `POST ${callerApi}/sessions`, headers);
    const chunk = `1000\r\n${" ".repeat(4096)}\r\n`;
    const startedAt = performance.now();
    const answer = await sendRaw(deployment.gateway, start, { goOn: () => chunk });
    expect({ status: answer.status, code: answer.body["code"] }).toEqual({ status: 413, code: "payload_too_large" });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test("[S30] a declared length above 16 KiB is refused before a byte of it has come", async () => {
    const deployment = await fixture.start();
    const headers = ["Content-Type: application/json", "Content-Length: 100000000"];
    const startedAt = performance.now();
    const answer = await sendRaw(deployment.gateway, wire(deployment, `POST ${callerApi}/sessions`, headers));
    expect({ status: answer.status, code: answer.body["code"] }).toEqual({ status: 413, code: "payload_too_large" });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test("[S36] a client that hangs up in mid-body leaves nothing, not even an error", async () => {
    const deployment = await fixture.start();
    const headers = ["Content-Type: application/json", "Content-Length: 500"];
    await expectUnchanged(deployment, async () => {
      const half = wire(deployment, `POST ${callerApi}/sessions`, headers, '{"provider":');
      const answer = await sendRaw(deployment.gateway, half, { withinMs: 200 });
      expect(answer.status).toBe(0);
    });
  });
});
