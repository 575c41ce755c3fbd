/** As much of oidc-provider as the benchmark uses; the package brings no types. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  interface GrantInstance {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  }

  export class Provider {
    constructor(issuer: string, configuration: object);
    Grant: new (properties: {
      clientId: string;
      accountId: string;
    }) => GrantInstance;
    backchannelResult(request: string, result: GrantInstance | string, options?: { acr?: string }): Promise<void>;
    callback(): RequestListener;
  }
}
