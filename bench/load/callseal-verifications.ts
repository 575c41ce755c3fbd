import type { DeploymentAccess } from "../stack/deployment-environment.ts";
import type { BenchDevice } from "../stack/enrol-devices.ts";
import { CallerPhone } from "./caller-phone.ts";
import { HttpClient } from "./http-client.ts";
import type { ProviderStandIn } from "./provider-stand-in.ts";
import { pollConfirmed, startCall } from "./start-call.ts";
import type { VerificationTarget } from "./verification-load.ts";

export interface CallsealVerificationsOptions {
  access: DeploymentAccess;
  /** One for each lane. */
  devices: BenchDevice[];
  /** Lanes are spread over these; with two of them each poll waits on the other. */
  gatewayUrls: string[];
  /** `twilio` ends with the intercept's arrival, `generic` with the poll's answer. */
  provider: "generic" | "twilio";
}

/** Callers of a deployment of Callseal, each with a phone that is connected. */
export async function openCallsealVerifications(
  options: CallsealVerificationsOptions,
  platform: ProviderStandIn,
): Promise<VerificationTarget> {
  const { access, devices, gatewayUrls, provider } = options;
  const http = new HttpClient();
  const gateway = (index: number) => gatewayUrls[index % gatewayUrls.length]!;
  const phones = devices.map((device) => new CallerPhone(device, access.publicUrl));
  await Promise.all(phones.map((phone, lane) => phone.connect(gateway(lane))));
  return {
    lanes: phones.length,
    async verify(lane) {
      const phone = phones[lane]!;
      const call = await startCall(http, { access, gatewayUrl: gateway(lane), provider });
      const poll = { access, gatewayUrl: gateway(lane + 1), sessionId: call.sessionId };
      const answered = pollConfirmed(http, poll);
      const moved = provider === "twilio" ? platform.arrival(call.callId) : undefined;
      const proof = await phone.claim(call.did);
      const acked = new Promise<void>((resolve) => phone.confirm(proof, resolve));
      await Promise.all([answered, moved, acked]);
    },
    async close() {
      for (const phone of phones) phone.close();
      await http.close();
    },
  };
}
