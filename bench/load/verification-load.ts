import type { DeploymentAccess } from "../stack/deployment-environment.ts";
import type { BenchDevice } from "../stack/enrol-devices.ts";
import { CallerPhone } from "./caller-phone.ts";
import { HttpClient } from "./http-client.ts";
import { closedLoop, openLoop } from "./open-loop.ts";
import type { ProviderStandIn } from "./provider-stand-in.ts";
import { pollConfirmed, startCall } from "./start-call.ts";

export interface VerificationLoadOptions {
  access: DeploymentAccess;
  /** One for each lane at least. */
  devices: BenchDevice[];
  /** Lanes are spread over these; with two of them each poll waits on the other. */
  gatewayUrls: string[];
  /** `twilio` ends with the intercept's arrival, `generic` with the poll's answer. */
  provider: "generic" | "twilio";
}

export interface LoadRun {
  seconds: number;
  concurrency: number;
}

/** Whole verifications in a closed loop: create, claim, poll, confirm, poll answered, and the intercept when there is one. */
export class VerificationLoad {
  readonly #http = new HttpClient();
  readonly #options: VerificationLoadOptions;
  readonly #provider: ProviderStandIn;
  readonly #phones: CallerPhone[];

  private constructor(options: VerificationLoadOptions, provider: ProviderStandIn) {
    this.#options = options;
    this.#provider = provider;
    this.#phones = options.devices.map((device) => new CallerPhone(device, options.access.publicUrl));
  }

  static async open(options: VerificationLoadOptions, provider: ProviderStandIn): Promise<VerificationLoad> {
    const load = new VerificationLoad(options, provider);
    await Promise.all(load.#phones.map((phone, lane) => phone.connect(load.#gateway(lane))));
    return load;
  }

  async run(run: LoadRun): Promise<{ done: number; seconds: number }> {
    return await closedLoop(run, (lane) => this.#verifyOne(lane));
  }

  /** The same at a fixed rate, however long each of them takes. */
  async runAt({ count, ratePerSecond }: { count: number; ratePerSecond: number }): Promise<void> {
    const underWay: Promise<void>[] = [];
    await openLoop({ count, ratePerSecond }, (index) => {
      underWay.push(this.#verifyOne(index % this.#phones.length));
    });
    await Promise.all(underWay);
  }

  /** So many verifications, one after another, for counting what one costs. */
  async count(verifications: number): Promise<void> {
    for (let index = 0; index < verifications; index += 1) await this.#verifyOne(index % this.#phones.length);
  }

  async close(): Promise<void> {
    for (const phone of this.#phones) phone.close();
    await this.#http.close();
  }

  #gateway(index: number): string {
    const { gatewayUrls } = this.#options;
    return gatewayUrls[index % gatewayUrls.length]!;
  }

  async #verifyOne(lane: number): Promise<void> {
    const { access, provider } = this.#options;
    const phone = this.#phones[lane]!;
    const call = await startCall(this.#http, { access, gatewayUrl: this.#gateway(lane), provider });
    const poll = { access, gatewayUrl: this.#gateway(lane + 1), sessionId: call.sessionId };
    const answered = pollConfirmed(this.#http, poll);
    const moved = provider === "twilio" ? this.#provider.arrival(call.callId) : undefined;
    const proof = await phone.claim(call.did);
    const acked = new Promise<void>((resolve) => phone.confirm(proof, resolve));
    await Promise.all([answered, moved, acked]);
  }
}
