import type { Tenant } from "../../core/tenants/tenant.ts";
import { CallsealError } from "../../core/verification/errors.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { newNonce } from "./claim.ts";
import type { SignedInDevice } from "./device-request.ts";
import { issueChallenge, phonesOf } from "./issue-challenge.ts";

/**
 * Offers a new session to the devices that the caller's number leads to (PROTOCOL §4), each with a nonce of its own,
 * within the limits that keep a stranger's calls from wearing a person down. The number only finds the device: it
 * proves nothing.
 */
export async function offerSession(context: GatewayContext, tenant: Tenant, session: Session): Promise<void> {
  if (tenant.policy.push === "off" || session.ani === undefined) return;
  const subjects = await context.devices.subjectsWithPhone(tenant.id, session.ani);
  for (const subjectId of subjects) {
    if (session.expectedSubject !== undefined && session.expectedSubject !== subjectId) continue;
    for (const device of await context.devices.listDevices(subjectId)) {
      if (device.status === "active" && (await phonesOf(context, device)).includes(session.ani)) {
        await offerTo(context, { tenant, session, device });
      }
    }
  }
}

async function offerTo(
  context: GatewayContext,
  offer: { tenant: Tenant; session: Session; device: SignedInDevice },
): Promise<void> {
  const { tenant, session, device } = offer;
  if (!(await withinLimits(context, tenant, device))) {
    context.metrics.offers.inc({ result: "limited" });
    await context.events.append({
      ...eventOf(offer),
      type: "rate_limited",
      data: { limit: "offers", deviceId: device.deviceId },
    });
    return;
  }
  // Remembered first: an app that connects at this moment is in its room, or finds the offer here.
  await context.devices.rememberOffer(device.deviceId, session.sessionId, session.expiresAtMs - session.readAtMs);
  if (!(await sendOffer(context, offer))) return;
  context.metrics.offers.inc({ result: "sent" });
  await context.events.append({
    ...eventOf(offer),
    type: "push_offered",
    data: { deviceId: device.deviceId, subjectId: device.subjectId, push: tenant.policy.push },
  });
}

/** Issues the device its nonce, the same one as before if it has one, and sends the offer; false when it is over. */
export async function sendOffer(
  context: GatewayContext,
  offer: { tenant: Tenant; session: Session; device: SignedInDevice },
): Promise<boolean> {
  const { tenant, session, device } = offer;
  const callHash = context.sessions.callHash({ tenant: tenant.id, provider: session.provider, callId: session.callId });
  const { deviceId, subjectId } = device;
  const claimed = await context.sessions.claim({
    callHash,
    kind: "push",
    did: "",
    deviceId,
    subjectId,
    nonce: newNonce(),
  });
  if (claimed.outcome !== "claimed" || claimed.session?.sessionId !== session.sessionId) return false;
  const challenge = await issueChallenge(context, { tenant, device, session: claimed.session, nonce: claimed.nonce });
  context.withdrawals.watch(claimed.session, deviceId);
  context.deviceSockets.offer(deviceId, { challenge, push: tenant.policy.push });
  return true;
}

/** A device that has just connected learns of the offers that it missed. */
export async function resendOffers(context: GatewayContext, tenant: Tenant, device: SignedInDevice): Promise<void> {
  if (tenant.policy.push === "off") return;
  for (const sessionId of await context.devices.rememberedOffers(device.deviceId)) {
    const session = await context.sessions.read(sessionId, tenant.id);
    if (session?.status === "pending") await sendOffer(context, { tenant, session, device });
  }
}

async function withinLimits(context: GatewayContext, tenant: Tenant, device: SignedInDevice): Promise<boolean> {
  try {
    await context.limits.consume("offers", device.deviceId, tenant.limits.offersPer10Min);
  } catch (error) {
    if (error instanceof CallsealError && error.code === "rate_limited") return false;
    throw error;
  }
  return (await context.devices.countOffer(device.deviceId)) <= tenant.limits.offersSinceConfirmation;
}

function eventOf({ tenant, session }: { tenant: Tenant; session: Session }) {
  const { sessionId, callId, provider, correlationId } = session;
  return { tenant: tenant.id, correlationId, session: { sessionId, callId, provider } };
}
