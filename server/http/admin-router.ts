import { Router } from "express";
import { z } from "zod";
import type { Device } from "../../core/devices/device-store.ts";
import type { CallsealEvent } from "../../core/events/event.ts";
import { parseEventId } from "../../core/events/event-position.ts";
import { VerificationStatsCollector } from "../../core/events/verification-stats.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { admitRequest } from "../admission/admit-request.ts";
import { zidShape } from "../device/authenticate-device.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { inTurn } from "../in-turn.ts";
import { instant } from "../sessions/present-session.ts";
import { authenticate, holderOf } from "./authenticate.ts";
import { correlationOf } from "./correlation.ts";
import { jsonBody, parse } from "./parse-body.ts";
import { emptyBody, phoneNumber, subjectId as subjectIdSchema } from "./session-schemas.ts";
import { textOf } from "./text-schema.ts";

export const subjectBody = z.strictObject({
  externalId: textOf(1, 128),
  phones: z.array(phoneNumber).max(10).default([]),
});

export const eventsQuery = z.object({
  after: z
    .string()
    .refine((id) => parseEventId(id) !== undefined, "is not an event id")
    .optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, "is not a whole number")
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 1000, "is not within 1 and 1000")
    .default(100),
});

export const statsQuery = z.object({
  window: z
    .string()
    .regex(/^\d{1,7}$/, "is not a whole number of seconds")
    .transform(Number)
    .refine((seconds) => seconds >= 1 && seconds <= 604_800, "is not within 1 and 604800 seconds")
    .default(3600),
});

/** The minimal administration of PROTOCOL §10: persons, activation codes, devices, events. */
export function adminRouter(context: GatewayContext): Router {
  const router = Router();
  router.use(authenticate(context.tenants, { scope: "admin" }));
  router.use(admitRequest(context.admission.requests));
  router.use((_request, response, next) => {
    response.set("Cache-Control", "no-store");
    next();
  });

  router.post("/subjects", jsonBody(), async (request, response) => {
    const { externalId, phones } = parse(subjectBody, request.body);
    const subject = await context.devices.putSubject(holderOf(response).tenant.id, externalId, [...new Set(phones)]);
    response.status(201).json({ subjectId: subject.subjectId });
  });

  router.post("/subjects/:subjectId/activation-codes", jsonBody(), async (request, response) => {
    parse(emptyBody, request.body);
    const { tenant, subjectId } = await requireSubject(context, holderOf(response).tenant.id, request.params.subjectId);
    const { activationCode, expiresAtMs } = await context.devices.createActivationCode(tenant, subjectId);
    response.status(201).json({ activationCode, expiresAt: instant(expiresAtMs) });
  });

  router.get("/subjects/:subjectId/devices", async (request, response) => {
    const { subjectId } = await requireSubject(context, holderOf(response).tenant.id, request.params.subjectId);
    response.json({ devices: (await context.devices.listDevices(subjectId)).map(presentDevice) });
  });

  router.delete("/devices/:deviceId", async (request, response) => {
    const { deviceId } = request.params;
    const outcome = zidShape.test(deviceId)
      ? await context.devices.revoke(holderOf(response).tenant.id, deviceId, correlationOf(response))
      : "not_found";
    if (outcome === "not_found") throw new CallsealError("not_found", { detail: "There is no such device." });
    context.deviceSockets.disconnect(deviceId);
    response.status(204).end();
  });

  // Many events take a while to read: one reader at a time leaves the event loop to those who wait for a call.
  const takeTurn = inTurn(() => false);
  router.get("/events", async (request, response) => {
    const { after, limit } = parse(eventsQuery, request.query);
    const { tenant } = holderOf(response);
    response.json(await takeTurn("events", () => context.events.list({ tenant: tenant.id, after, limit })));
  });
  router.get("/stats", async (request, response) => {
    const { window: windowSeconds } = parse(statsQuery, request.query);
    const { tenant } = holderOf(response);
    const collector = new VerificationStatsCollector();
    const see = (event: CallsealEvent) => collector.add(event);
    await takeTurn("stats", () => context.events.scan({ tenant: tenant.id, windowSeconds, see }));
    response.json({ windowSeconds, ...collector.result() });
  });
  return router;
}

async function requireSubject(context: GatewayContext, tenant: string, subjectId: string | string[] | undefined) {
  const parsed = subjectIdSchema.safeParse(subjectId);
  const subject = parsed.success ? await context.devices.readSubject(tenant, parsed.data) : undefined;
  if (!subject) throw new CallsealError("not_found", { detail: "There is no such subject." });
  return subject;
}

function presentDevice(device: Device) {
  return {
    deviceId: device.deviceId,
    name: device.name,
    platform: device.platform,
    phone: device.phone ?? null,
    status: device.status,
    createdAt: instant(device.createdAtMs),
    lastSeenAt: device.lastSeenAtMs === undefined ? null : instant(device.lastSeenAtMs),
  };
}
