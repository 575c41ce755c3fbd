import type { DeploymentAccess } from "../stack/deployment-environment.ts";
import type { BenchDevice } from "../stack/enrol-devices.ts";
import { CallerPhone } from "./caller-phone.ts";
import type { ConfirmTarget } from "./confirm-load.ts";
import { HttpClient } from "./http-client.ts";
import type { ProviderStandIn } from "./provider-stand-in.ts";
import { pollConfirmed, startCall } from "./start-call.ts";

export interface CallsealConfirmsOptions {
  access: DeploymentAccess;
  devices: BenchDevice[];
  /** Where the phones are connected and sessions are created. */
  deviceGatewayUrl: string;
  /** Where polls wait; absent when the provider's request is what is measured. */
  pollGatewayUrl?: string;
}

/** Whole sessions of Callseal up to the confirmation, whose effect arrives at a poll or at the provider. */
export async function openCallsealConfirms(
  options: CallsealConfirmsOptions,
  provider: ProviderStandIn,
): Promise<ConfirmTarget> {
  const { access, deviceGatewayUrl, pollGatewayUrl } = options;
  const http = new HttpClient();
  const phones = options.devices.map((device) => new CallerPhone(device, access.publicUrl));
  await Promise.all(phones.map((phone) => phone.connect(deviceGatewayUrl)));
  const kind = pollGatewayUrl === undefined ? "twilio" : "generic";
  return {
    async prepare(index) {
      const phone = phones[index % phones.length]!;
      const call = await startCall(http, { access, gatewayUrl: deviceGatewayUrl, provider: kind });
      const proof = await phone.claim(call.did);
      const arrived =
        pollGatewayUrl === undefined
          ? provider.arrival(call.callId)
          : pollConfirmed(http, { access, gatewayUrl: pollGatewayUrl, sessionId: call.sessionId });
      return { arrived, fire: (onAck) => phone.confirm(proof, onAck) };
    },
    async close() {
      for (const phone of phones) phone.close();
      await http.close();
    },
  };
}
