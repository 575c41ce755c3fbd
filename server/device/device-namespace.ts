import type { Socket } from "socket.io";
import type { Device } from "../../core/devices/device-store.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { newCorrelationId } from "../http/correlation.ts";
import { handshakeError, refusal } from "./acknowledge.ts";
import { authenticateDevice } from "./authenticate-device.ts";
import { claim, type DeviceRequest } from "./claim.ts";
import { decide } from "./confirm.ts";
import type { DeviceEvents, DeviceNamespace, DeviceRequests, SocketData } from "./device-sockets.ts";
import { inTurn } from "./in-turn.ts";
import { resendOffers } from "./offer-session.ts";

type DeviceSocket = Socket<DeviceRequests, DeviceEvents, Record<string, never>, SocketData>;
type Handle = (request: DeviceRequest, payload: unknown) => Promise<{ ok: true }>;

/** The socket of apps (PROTOCOL §4): authenticates the handshake, then answers `claim`, `confirm` and `deny`. */
export function serveDevices(namespace: DeviceNamespace, context: GatewayContext): void {
  const takeTurn = inTurn();
  namespace.use((socket, next) => {
    authenticateDevice(context, socket.handshake.auth.token).then(
      (device) => {
        context.metrics.handshakes.inc({ result: "accepted" });
        socket.data = { deviceId: device.deviceId, subjectId: device.subjectId, tenantId: device.tenant };
        (socket as DeviceSocket & { device: Device }).device = device;
        next();
      },
      (error: unknown) => {
        const refused = handshakeError(error);
        context.metrics.handshakes.inc({ result: refused.message });
        context.logger.info({ code: refused.message }, "device.refused");
        next(refused);
      },
    );
  });

  namespace.on("connection", (socket) => {
    const { device } = socket as DeviceSocket & { device: Device };
    const tenant = context.tenants.byId(device.tenant)!;
    context.metrics.sockets.inc();
    socket.on("disconnect", () => context.metrics.sockets.dec());
    void socket.join(context.deviceSockets.roomOf(device.deviceId));
    context.background.run("device.greet", async () => {
      await context.devices.noteSeen(device.deviceId);
      await resendOffers(context, tenant, device);
    });

    const answer = (event: keyof DeviceRequests, handle: Handle) => {
      socket.on(event, (payload: unknown, ack: unknown) => {
        if (typeof ack !== "function") return;
        const request = { tenant, device, correlationId: newCorrelationId() };
        void respond(
          context,
          { event, request, work: () => takeTurn(device.deviceId, () => handle(request, payload)) },
          ack as (answer: unknown) => void,
        );
      });
    };
    answer("claim", (request, payload) => claim(context, request, payload));
    answer("confirm", (request, payload) => decide(context, { ...request, decision: "confirm" }, payload));
    answer("deny", (request, payload) => decide(context, { ...request, decision: "deny" }, payload));
  });
}

/** Acknowledges with the result or the refusal, and logs the request as one event. */
async function respond(
  context: GatewayContext,
  unit: { event: keyof DeviceRequests; request: DeviceRequest; work: () => Promise<object> },
  ack: (answer: unknown) => void,
): Promise<void> {
  const startedAt = performance.now();
  const { event, request } = unit;
  const who = { deviceId: request.device.deviceId, tenant: request.tenant.id, correlationId: request.correlationId };
  let result = "ok";
  try {
    const answer = await unit.work();
    ack(answer);
    context.logger.info({ ...who, ...describe(answer), durationMs: sinceMs(startedAt) }, `${event}.accepted`);
  } catch (error) {
    const refused = refusal(error);
    result = refused.code;
    ack(refused);
    const fault = refused.code === "internal" || refused.code === "unavailable";
    const why = {
      code: refused.code,
      ...(error instanceof CallsealError ? { detail: error.detail } : {}),
      ...(fault ? { err: error } : {}),
    };
    context.logger[fault ? "error" : "info"]({ ...who, ...why, durationMs: sinceMs(startedAt) }, `${event}.refused`);
  } finally {
    context.metrics.deviceRequests.inc({ event, result });
    context.metrics.deviceRequestSeconds.observe({ event }, (performance.now() - startedAt) / 1000);
  }
}

const sinceMs = (startedAt: number) => Math.round((performance.now() - startedAt) * 100) / 100;

function describe(answer: object): { sessionId?: string | undefined; status?: string | undefined } {
  const { sessionId, status, challenge } = answer as {
    sessionId?: string;
    status?: string;
    challenge?: { sessionId: string };
  };
  return { sessionId: sessionId ?? challenge?.sessionId, status };
}
