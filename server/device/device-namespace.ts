import type { Socket } from "socket.io";
import { newCorrelationId } from "../../core/http/correlation-id.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import { admitSocketRequest } from "../admission/admit-socket-request.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { inTurn } from "../in-turn.ts";
import { answerRequest, refuseHandshake } from "./answer-request.ts";
import { authenticateDevice } from "./authenticate-device.ts";
import { claim } from "./claim.ts";
import { decide } from "./confirm.ts";
import { type DeviceRequest, rememberDevice } from "./device-request.ts";
import type { DeviceEvents, DeviceNamespace, DeviceRequests, SocketData } from "./device-sockets.ts";
import { resendOffers } from "./offer-session.ts";
import { type ClientRequest, readRequest } from "./read-request.ts";

type DeviceSocket = Socket<DeviceRequests, DeviceEvents, Record<string, never>, SocketData>;
type Handle = (context: GatewayContext, request: DeviceRequest, payload: unknown) => Promise<object>;

const handlers: ReadonlyMap<string, Handle> = new Map<keyof DeviceRequests, Handle>([
  ["claim", claim],
  ["confirm", (context, request, payload) => decide(context, { ...request, decision: "confirm" }, payload)],
  ["deny", (context, request, payload) => decide(context, { ...request, decision: "deny" }, payload)],
]);

/** The socket of apps (PROTOCOL §4): authenticates the handshake, then answers `claim`, `confirm` and `deny`. */
export function serveDevices(namespace: DeviceNamespace, context: GatewayContext): void {
  const { socketRequests } = context.admission;
  const takeTurn = inTurn(() => socketRequests.used > socketRequests.limit / 2);
  namespace.use((socket, next) => {
    context.gate
      .signIn(socket, () => authenticateDevice(context, socket.handshake.auth.token))
      .then(
        (device) => {
          context.metrics.handshakes.inc({ result: "accepted" });
          socket.data = { device: rememberDevice(device) };
          next();
        },
        (error: unknown) => {
          const refused = refuseHandshake(context.logger, "device.refused", error);
          context.metrics.handshakes.inc({ result: refused.message });
          next(refused);
        },
      );
  });

  namespace.on("connection", (socket) => {
    context.metrics.sockets.inc();
    socket.on("disconnect", leave);
    void socket.join(context.deviceSockets.roomOf(socket.data.device.deviceId));
    context.background.run("device.greet", () => greet(context, socket));
    socket.onAny(take);
  });

  // Both are listeners of all sockets: tens of thousands of them wait idle, and each costs what is its own.
  function leave(this: DeviceSocket): void {
    context.metrics.sockets.dec();
    context.gate.left(this);
  }

  function take(this: DeviceSocket, event: string, ...args: unknown[]): void {
    const asked = readRequest(args);
    if (!asked) return;
    const { device } = this.data;
    const tenant = context.tenants.byId(device.tenant)!;
    const request = { tenant, device, correlationId: newCorrelationId() };
    const work = () => answer(request, { ...asked, event });
    admitSocketRequest(context, asked, { name: "device.request", work });
  }

  /** A gateway that stops waits for the requests that it has begun. */
  async function answer(request: DeviceRequest, asked: ClientRequest & { event: string }): Promise<void> {
    const { tenant, device, correlationId } = request;
    const { deviceId } = device;
    const handle = handlers.get(asked.event);
    const event = handle ? asked.event : "unknown";
    const work = async () => {
      if (!handle) throw new CallsealError("invalid_request", { detail: "there is no such event" });
      return takeTurn(deviceId, async () => handle(context, request, asked.payload()));
    };
    const who = { deviceId, tenant: tenant.id, correlationId };
    const { result, seconds } = await answerRequest(context.logger, { event, who, work, ack: asked.ack });
    context.metrics.deviceRequests.inc({ event, result });
    context.metrics.deviceRequestSeconds.observe({ event }, seconds);
  }
}

/** A device that was revoked between its handshake and its room has missed the order to leave; else it gets its offers. */
async function greet(context: GatewayContext, socket: DeviceSocket): Promise<void> {
  const { device } = socket.data;
  const { status } = await context.devices.readStanding(device.deviceId);
  if (status !== "active") {
    socket.disconnect(true);
    return;
  }
  await context.devices.noteSeen(device.deviceId);
  await resendOffers(context, context.tenants.byId(device.tenant)!, device);
}
