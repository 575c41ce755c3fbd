import { describe, expect, test } from "vitest";
import { problem } from "../../server/http/openapi/answer-schemas.ts";
import { useGateways } from "../support/gateway.ts";
import { callerApi, newCallId, openSession, postSession } from "../support/open-session.ts";
import { type Answer, send } from "../support/send.ts";
import { eventsOf } from "../support/verified-call.ts";

const fixture = useGateways();

/** RFC 9457 with the members of PROTOCOL §8, all of them, always. */
function expectProblem(answer: Answer, expected: { status: number; code: string }): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual(expected);
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  expect(answer.headers["cache-control"]).toBe("no-store");
  expect(problem.parse(answer.body)).toMatchObject({
    type: `urn:callseal:error:${expected.code}`,
    title: expect.stringMatching(/./),
    status: expected.status,
    detail: expect.stringMatching(/./),
    correlationId: answer.headers["x-correlation-id"],
  });
  expect("errors" in answer.body).toBe(expected.code === "invalid_request");
}

describe("problem documents", () => {
  test("[S25] every fault is one, with all members, and errors for invalid_request alone", async () => {
    const deployment = await fixture.start();
    const { keys, gateway } = deployment;
    const key = keys.sessions;
    const path = `${callerApi}/sessions`;
    const json = { provider: "generic", callId: newCallId() };
    expectProblem(await send(gateway, `POST ${path}`, { json }), { status: 401, code: "unauthenticated" });
    expectProblem(await send(gateway, `POST ${path}`, { key: keys.admin, json }), { status: 403, code: "forbidden" });
    expectProblem(await send(gateway, `GET ${path}/csn_none`, { key }), { status: 404, code: "not_found" });
    expectProblem(await send(gateway, "GET /nowhere"), { status: 404, code: "not_found" });
    expectProblem(await send(gateway, `PUT ${path}`, { key, json }), { status: 404, code: "not_found" });
    expectProblem(await send(gateway, `POST ${path}`, { key }), { status: 400, code: "invalid_request" });
    expectProblem(await send(gateway, `POST ${path}`, { key, json: {} }), { status: 400, code: "invalid_request" });
    const malformed = { key, body: "{", headers: { "content-type": "application/json" } };
    expectProblem(await send(gateway, `POST ${path}`, malformed), { status: 400, code: "invalid_request" });
    const media = { unsupported: { "content-type": "text/plain" } };
    const text = await send(gateway, `POST ${path}`, { key, body: "{}", headers: media.unsupported });
    expectProblem(text, { status: 415, code: "unsupported_media_type" });
    const large = { ...json, metadata: { filler: "x".repeat(20_000) } };
    expectProblem(await send(gateway, `POST ${path}`, { key, json: large }), {
      status: 413,
      code: "payload_too_large",
    });
    const session = await openSession(deployment);
    await session.post("cancel");
    const ended = await postSession(deployment, { callId: session.callId, reissue: true });
    expectProblem(ended, { status: 409, code: "session_terminal" });
  });

  test("[S26] each fault of a body is pointed at, unknown fields at any depth too", async () => {
    const deployment = await fixture.start();
    const answer = await postSession(deployment, {
      provider: "carrier-pigeon",
      callId: "with space",
      ani: "4155550000",
      metadata: { big: "x".repeat(257), "a/b~c": 5 },
      expectedSubject: "me",
      reissue: "yes",
      surprise: 1,
      "sur/prise~": 2,
    });
    expectProblem(answer, { status: 400, code: "invalid_request" });
    expect(answer.body.errors.map(({ pointer }) => pointer).sort()).toEqual(
      [
        "/provider",
        "/callId",
        "/ani",
        "/metadata/big",
        "/metadata/a~1b~0c",
        "/expectedSubject",
        "/reissue",
        "/surprise",
        "/sur~1prise~0",
      ].sort(),
    );
    for (const { message } of answer.body.errors) expect(message).toMatch(/./);
  });

  test("[S27] a body of exactly 16 KiB is read and one byte more is 413", async () => {
    const deployment = await fixture.start();
    const bodyOf = (bytes: number) => {
      const bare = JSON.stringify({ provider: "generic", callId: newCallId() });
      return bare + " ".repeat(bytes - Buffer.byteLength(bare));
    };
    const post = (body: string) =>
      send(deployment.gateway, `POST ${callerApi}/sessions`, {
        key: deployment.keys.sessions,
        body,
        headers: { "content-type": "application/json; charset=utf-8" },
      });
    expect((await post(bodyOf(16_384))).status).toBe(201);
    expectProblem(await post(bodyOf(16_385)), { status: 413, code: "payload_too_large" });
  });
});

describe("X-Correlation-Id", () => {
  test.each(["a1B2_-c3", "x".repeat(64), "12345678"])(
    "[S28] %s is taken, echoed and carried into events",
    async (id) => {
      const deployment = await fixture.start();
      const answer = await postSession(deployment, {}, { headers: { "x-correlation-id": id } });
      expect(answer.headers["x-correlation-id"]).toBe(id);
      const events = await eventsOf(deployment.core, answer.body.sessionId);
      expect(events.map((event) => event["correlationId"])).toEqual([id, id]);
      const line = deployment.lines.find((text) => text.includes("request.completed"));
      expect(JSON.parse(line ?? "{}")).toMatchObject({ correlationId: id });
      const problemAnswer = await send(deployment.gateway, "GET /nowhere", { headers: { "x-correlation-id": id } });
      expect(problemAnswer.body.correlationId).toBe(id);
    },
  );

  test.each(["short", "x".repeat(65), "with space", "with/slash", "", "äöüäöüäö"])(
    "[S28] %s is replaced by one that is made",
    async (attacker) => {
      const deployment = await fixture.start();
      const header = Buffer.from(attacker, "utf8").toString("latin1");
      const answer = await send(deployment.gateway, "GET /healthz", { headers: { "x-correlation-id": header } });
      expect(answer.headers["x-correlation-id"]).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
      expect(answer.headers["x-correlation-id"]).not.toBe(header);
    },
  );
});
