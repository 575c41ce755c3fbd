import { expect, test } from "vitest";
import { type ConfigError, loadConfig } from "../../core/config/config.ts";
import { mostConnections } from "../../server/admission/admission.ts";

const caps = [
  "CALLSEAL_MAX_SOCKETS",
  "CALLSEAL_MAX_HANDSHAKES",
  "CALLSEAL_MAX_POLLS",
  "CALLSEAL_MAX_REQUESTS",
  "CALLSEAL_MAX_CONNECTIONS",
  "CALLSEAL_EVENT_LOOP_DELAY_LIMIT_MS",
];

test.each(["0", "-1", "1.5", "x", "1e3", " 5", "99999999999999", "Infinity"])(
  "[C26] %j is no cap, and all of them say so",
  (attacker) => {
    const environment = Object.fromEntries(caps.map((name) => [name, attacker]));
    let faults: string[] = [];
    try {
      loadConfig(environment);
    } catch (error) {
      faults = (error as ConfigError).faults;
    }
    expect(faults.map((fault) => fault.split(":")[0])).toEqual(caps);
  },
);

test("[S51] connections are as many as the other caps need, unless the environment says otherwise", () => {
  const some = { CALLSEAL_MAX_SOCKETS: "10", CALLSEAL_MAX_HANDSHAKES: "20", CALLSEAL_MAX_POLLS: "30" };
  expect(mostConnections(loadConfig({ ...some, CALLSEAL_MAX_REQUESTS: "40" }))).toBe(1100);
  expect(mostConnections(loadConfig({ CALLSEAL_MAX_CONNECTIONS: "7" }))).toBe(7);
  expect(mostConnections(loadConfig({}))).toBe(53_000);
});
