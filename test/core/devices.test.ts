import { describe, expect, test } from "vitest";
import { wrongDidsThatDisable, wrongDidsWindowMs } from "../../core/devices/device-store.ts";
import { activationKey, deviceKeys, subjectKeys } from "../../core/redis/keys.ts";
import type { Core } from "../support/open-core.ts";
import { useCore } from "../support/use-core.ts";
import { redisNowMs } from "../support/verified-call.ts";

const fixture = useCore();

const publicJwk = '{"kty":"OKP","crv":"Ed25519","x":"x"}';

function enrol(core: Core, subjectId: string, activationCode: string) {
  return core.devices.enrol({
    tenant: "acme",
    subjectId,
    activationCode,
    name: "Pixel 9",
    platform: "android",
    phone: "+14155550000",
    publicJwk,
    correlationId: "corr-enrol",
  });
}

async function enrolledDevice(core: Core, externalId = "person-1") {
  const { subjectId } = await core.devices.putSubject("acme", externalId, ["+14155550000"]);
  const { activationCode } = await core.devices.createActivationCode("acme", subjectId);
  return { subjectId, deviceId: (await enrol(core, subjectId, activationCode))! };
}

async function eventTypes(core: Core): Promise<string[]> {
  const { events } = await core.events.list({ tenant: "acme", after: undefined, limit: 1000 });
  return events.map((event) => event.type);
}

describe("a subject", () => {
  test("[C33] is one person of one tenant however often it is put, with the numbers of the last time", async () => {
    const core = fixture.open();
    const { subjectId } = await core.devices.putSubject("acme", "person-1", ["+14155550000", "+14155550001"]);
    const again = await core.devices.putSubject("acme", "person-1", ["+14155550001", "+14155550002"]);
    expect(again.subjectId).toBe(subjectId);
    expect(await core.devices.readSubject("acme", subjectId)).toMatchObject({
      externalId: "person-1",
      phones: ["+14155550001", "+14155550002"],
    });
    const owners = async (phone: string) => await core.devices.subjectsWithPhone("acme", phone);
    expect(await owners("+14155550000")).toEqual([]);
    expect(await owners("+14155550001")).toEqual([subjectId]);
    expect(await owners("+14155550002")).toEqual([subjectId]);
    expect((await core.devices.putSubject("globex", "person-1", [])).subjectId).not.toBe(subjectId);
    expect((await core.devices.putSubject("acme", "person-2", [])).subjectId).not.toBe(subjectId);
  });

  test("[C33] of another tenant does not exist, nor do its numbers", async () => {
    const core = fixture.open();
    const { subjectId } = await core.devices.putSubject("acme", "person-1", ["+14155550000"]);
    expect(await core.devices.readSubject("globex", subjectId)).toBeUndefined();
    expect(await core.devices.subjectsWithPhone("globex", "+14155550000")).toEqual([]);
  });
});

describe("an activation code", () => {
  test("[C34] enrols one device of fifty that race for it, and is spent then", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const { subjectId } = await first.devices.putSubject("acme", "person-1", []);
    const { activationCode } = await first.devices.createActivationCode("acme", subjectId);
    const race = await Promise.all(
      Array.from({ length: 50 }, (_, index) => enrol(index % 2 ? first : second, subjectId, activationCode)),
    );
    const enrolled = race.filter((deviceId) => deviceId !== undefined);
    expect(enrolled).toHaveLength(1);
    expect(await first.devices.readActivation(activationCode)).toBeUndefined();
    expect((await first.devices.listDevices(subjectId)).map((device) => device.deviceId)).toEqual(enrolled);
    expect(await eventTypes(first)).toEqual(["device_enrolled"]);
  });

  test("[C34] is for its subject only, and another's attempt does not spend it", async () => {
    // One partition: elsewhere the two subjects' keys would not even share a slot.
    const core = fixture.open({ partitions: 1 });
    const { subjectId } = await core.devices.putSubject("acme", "person-1", []);
    const { subjectId: other } = await core.devices.putSubject("acme", "person-2", []);
    const { activationCode } = await core.devices.createActivationCode("acme", subjectId);
    expect(await enrol(core, other, activationCode)).toBeUndefined();
    expect(await core.devices.readActivation(activationCode)).toEqual({ tenant: "acme", subjectId });
    expect(await enrol(core, subjectId, activationCode)).toMatch(/^zid_/);
  });

  test.each(["", "unknown", "*", "__proto__"])("[C34] %j is none", async (attacker) => {
    const core = fixture.open({ partitions: 1 });
    const { subjectId } = await core.devices.putSubject("acme", "person-1", []);
    expect(await core.devices.readActivation(attacker)).toBeUndefined();
    expect(await enrol(core, subjectId, attacker)).toBeUndefined();
    expect(await core.devices.listDevices(subjectId)).toEqual([]);
  });

  test("[C34] is not stored itself, lives 15 minutes, and is in its subject's partition", async () => {
    const core = fixture.open();
    const { subjectId } = await core.devices.putSubject("acme", "person-1", []);
    for (let time = 0; time < 20; time += 1) {
      const { activationCode, expiresAtMs } = await core.devices.createActivationCode("acme", subjectId);
      const key = activationKey(core.keyspace, activationCode);
      const left = await core.redis.pttl(key);
      expect(Math.abs(Date.now() + left - expiresAtMs)).toBeLessThan(2000);
      expect(left).toBeGreaterThan(890_000);
      const tag = /\{p\d+\}/.exec(key)![0];
      expect(subjectKeys(core.keyspace, subjectId).subject).toContain(tag);
      const keys = await core.redis.keys("*");
      expect(keys.join() + JSON.stringify(await core.redis.hgetall(key))).not.toContain(activationCode);
    }
  });
});

describe("a device", () => {
  test("[C35] is read back as it was enrolled, in its subject's partition", async () => {
    const core = fixture.open();
    const { subjectId, deviceId } = await enrolledDevice(core);
    expect(await core.devices.readDevice(deviceId)).toMatchObject({
      deviceId,
      subjectId,
      tenant: "acme",
      name: "Pixel 9",
      platform: "android",
      phone: "+14155550000",
      status: "active",
      publicJwk,
    });
    const tag = /\{p\d+\}/.exec(deviceKeys(core.keyspace, deviceId).device)![0];
    expect(subjectKeys(core.keyspace, subjectId).subject).toContain(tag);
    expect(await core.devices.readDevice("zid_unknown")).toBeUndefined();
  });

  test("[C35] is revoked once and for good, by its own tenant", async () => {
    const core = fixture.open();
    const { deviceId } = await enrolledDevice(core);
    expect(await core.devices.revoke("globex", deviceId, "corr")).toBe("not_found");
    expect(await core.devices.revoke("acme", "zid_unknown", "corr")).toBe("not_found");
    expect((await core.devices.readStanding(deviceId)).status).toBe("active");
    expect(await core.devices.revoke("acme", deviceId, "corr")).toBe("revoked");
    expect(await core.devices.revoke("acme", deviceId, "corr")).toBe("unchanged");
    expect((await core.devices.readStanding(deviceId)).status).toBe("revoked");
    expect(await eventTypes(core)).toEqual(["device_enrolled", "device_revoked"]);
  });

  test("[C35] that nobody enrolled stands as revoked, and counting for it makes no record", async () => {
    const core = fixture.open();
    expect((await core.devices.readStanding("zid_unknown")).status).toBe("revoked");
    expect(await core.devices.countWrongDid("zid_unknown")).toMatchObject({
      inARow: 0,
      status: "revoked",
      inWindow: 0,
    });
    expect(await core.redis.keys("*")).toEqual([]);
  });

  test("[C36] is disabled by the hundredth wrong DID in a row, over all gateways", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const { deviceId } = await enrolledDevice(first);
    const counts = await Promise.all(
      Array.from({ length: wrongDidsThatDisable - 1 }, (_, index) =>
        (index % 2 ? first : second).devices.countWrongDid(deviceId),
      ),
    );
    expect(new Set(counts.map(({ inARow }) => inARow)).size).toBe(99);
    expect((await first.devices.readStanding(deviceId)).status).toBe("active");
    expect(await first.devices.countWrongDid(deviceId)).toMatchObject({ inARow: 100, status: "disabled" });
    expect((await second.devices.readStanding(deviceId)).status).toBe("disabled");
  });

  test("[C36] starts counting anew with a confirmation", async () => {
    const core = fixture.open();
    const { deviceId } = await enrolledDevice(core);
    for (let time = 0; time < 99; time += 1) await core.devices.countWrongDid(deviceId);
    await core.devices.countOffer(deviceId);
    await core.devices.noteConfirmation(deviceId);
    expect(await core.devices.readStanding(deviceId)).toMatchObject({
      status: "active",
      wrongInARow: 0,
      offersSinceConfirmation: 0,
    });
    expect((await core.devices.countWrongDid(deviceId)).inARow).toBe(1);
  });

  test("[C32] has its wrong DIDs counted in a window, over all gateways, until it ends; looking counts nothing", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const { deviceId } = await enrolledDevice(first);
    const before = await redisNowMs(first);
    const counts = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const { devices } = index % 2 ? first : second;
        await devices.readStanding(deviceId);
        return devices.countWrongDid(deviceId);
      }),
    );
    expect(counts.map(({ inWindow }) => inWindow).sort((a, b) => a - b)).toEqual(counts.map((_, index) => index + 1));
    for (const { windowLeftMs } of counts) {
      expect(windowLeftMs).toBeGreaterThan(wrongDidsWindowMs - 10_000);
      expect(windowLeftMs).toBeLessThanOrEqual(wrongDidsWindowMs);
    }
    await first.devices.noteConfirmation(deviceId);
    const standing = await first.devices.readStanding(deviceId);
    expect(standing).toMatchObject({ wrongInARow: 0, wrongInWindow: 20 });
    expect(standing.windowEndsAtMs).toBeGreaterThanOrEqual(before + wrongDidsWindowMs);
    await first.redis.hset(deviceKeys(first.keyspace, deviceId).device, "windowEndsAt", await redisNowMs(first));
    expect(await second.devices.countWrongDid(deviceId)).toMatchObject({ inARow: 1, inWindow: 1 });
  });

  test("[C36] that is revoked stays revoked, not disabled", async () => {
    const core = fixture.open();
    const { deviceId } = await enrolledDevice(core);
    await core.devices.revoke("acme", deviceId, "corr");
    for (let time = 0; time < 101; time += 1) await core.devices.countWrongDid(deviceId);
    expect((await core.devices.readStanding(deviceId)).status).toBe("revoked");
  });

  test("[C35] a token's id opens one socket, whoever races, and another device's is another", async () => {
    const first = fixture.open();
    const second = fixture.open({ prefix: first.keyspace.prefix });
    const race = await Promise.all(
      Array.from({ length: 30 }, (_, index) => (index % 2 ? first : second).devices.spendToken("zid_A", "jti-1")),
    );
    expect(race.filter((spent) => spent)).toHaveLength(1);
    expect(await first.devices.spendToken("zid_B", "jti-1")).toBe(true);
    expect(await first.devices.spendToken("zid_A", "jti-2")).toBe(true);
  });
});
