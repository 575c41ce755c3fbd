import { createPrivateKey, type KeyObject, randomUUID } from "node:crypto";
import { nowSeconds, signCompact } from "../../test/support/enrol-device.ts";
import { cibaClient, cibaGrantType } from "../peer/ciba-client-settings.ts";
import { HttpClient } from "./http-client.ts";
import { closedLoop } from "./open-loop.ts";
import type { LoadRun } from "./verification-load.ts";

export interface CibaLoadOptions {
  url: string;
  privateJwk: Record<string, unknown>;
}

const basic = `Basic ${Buffer.from(`${cibaClient.client_id}:${cibaClient.client_secret}`).toString("base64")}`;

/** Whole CIBA flows in a closed loop: backchannel request, signed answer of the device, token. */
export async function runCibaLoad(options: CibaLoadOptions, run: LoadRun): Promise<{ done: number; seconds: number }> {
  const http = new HttpClient();
  const key = createPrivateKey({ key: options.privateJwk, format: "jwk" });
  try {
    return await closedLoop(run, () => verifyOne(http, options.url, key));
  } finally {
    await http.close();
  }
}

async function verifyOne(http: HttpClient, url: string, key: KeyObject): Promise<void> {
  const sub = `person-${randomUUID()}`;
  const ask = { method: "POST", url: `${url}/backchannel`, authorization: basic } as const;
  const { body } = await http.send({ ...ask, form: { scope: "openid", login_hint: sub, binding_message: "123456" } });
  const request = String(body["auth_req_id"]);
  const iat = nowSeconds();
  const claims = { sub, req: request, iat, exp: iat + 60, jti: randomUUID() };
  const proof = signCompact(key, { alg: "ES256" }, claims);
  await http.send({ method: "POST", url: `${url}/device`, json: { proof } });
  const form = { grant_type: cibaGrantType, auth_req_id: request };
  const token = await http.send({ method: "POST", url: `${url}/token`, authorization: basic, form });
  if (typeof token.body["id_token"] !== "string") throw new Error("the peer issued no id token");
}
