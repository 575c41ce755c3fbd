import type { Tenant } from "../../core/tenants/tenant.ts";
import { maskNumber } from "../../core/verification/mask-number.ts";
import type { Session } from "../../core/verification/session.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { instant } from "../sessions/present-session.ts";
import type { SignedInDevice } from "./device-request.ts";
import type { Challenge } from "./device-sockets.ts";

export const challengeType = "callseal-challenge+jwt";

/** Makes what the app shows for a nonce that was issued to it, and signs the same content. */
export async function issueChallenge(
  context: GatewayContext,
  issue: { tenant: Tenant; session: Session; nonce: string; device: SignedInDevice },
): Promise<Challenge> {
  const { session } = issue;
  const aniMasked = maskNumber(session.ani);
  const content = {
    sessionId: session.sessionId,
    callId: session.callId,
    provider: session.provider,
    generation: session.generation,
    nonce: issue.nonce,
    expiresAt: instant(session.expiresAtMs),
    organisation: issue.tenant.name,
    ...(session.dnis === undefined ? {} : { dnis: session.dnis }),
    ...(aniMasked === undefined ? {} : { aniMasked }),
    aniMatchesDevice: await matchesDevice(context, session, issue.device),
  };
  const jws = await context.signer.sign(challengeType, {
    ...content,
    iss: context.publicUrl,
    aud: issue.device.deviceId,
    iat: Math.floor(session.readAtMs / 1000),
    exp: Math.ceil(session.expiresAtMs / 1000),
  });
  return { ...content, jws };
}

async function matchesDevice(context: GatewayContext, session: Session, device: SignedInDevice): Promise<boolean> {
  if (session.ani === undefined) return false;
  return (await phonesOf(context, device)).includes(session.ani);
}

/** The device's own number, or for a device without one all of its subject's (PROTOCOL §4). */
export async function phonesOf(context: GatewayContext, device: SignedInDevice): Promise<string[]> {
  if (device.phone !== undefined) return [device.phone];
  return (await context.devices.readSubject(device.tenant, device.subjectId))?.phones ?? [];
}
