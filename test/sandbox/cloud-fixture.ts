import { afterEach } from "vitest";
import { startVoiceCloud, type VoiceCloud, type VoiceCloudOptions } from "../../sandbox/voice-cloud.ts";
import { type Ivr, type Page, startIvr, TOKEN } from "./start-ivr.ts";

/** How long a second of a call lasts, in seconds. */
export const timeScale = 0.01;

export const ACCOUNT = "AC00000000000000000000000000000001";
export const TO = "+18005551234";
export const FROM = "+14155550000";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

/** A cloud a hundred times faster than real time and an IVR beside it; both are closed after the test. */
export async function cloudAndIvr(
  pages: Record<string, Page> = {},
  options: VoiceCloudOptions = {},
): Promise<{ cloud: VoiceCloud; ivr: Ivr }> {
  const ivr = await startIvr(pages);
  open.push(ivr);
  const accounts = [{ accountSid: ACCOUNT, authToken: TOKEN }];
  const cloud = await startVoiceCloud({ accounts, timeScale, ...options });
  open.push(cloud);
  return { cloud, ivr };
}
