import { z } from "zod";
import { eventTypes } from "../events/event.ts";

/**
 * The tenants file (PROTOCOL §10): who may use this deployment, under which policy, and how their calls are moved.
 * Every object is strict, so that a misspelt setting is reported and never silently ignored.
 */

const identifier = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "1 to 64 letters, digits, _ or -");
const webUrl = z.url({ protocol: /^https?$/ });
/** `whsec_` and base64; Standard Webhooks ("Signature scheme") asks for 24 to 64 bytes. */
const webhookSecret = z
  .string()
  .regex(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "is not whsec_ and base64")
  .min("whsec_".length + 16, "is too short: 24 to 64 bytes are wanted")
  .max("whsec_".length + 88, "is too long: 24 to 64 bytes are wanted");
const count = (least: number, most: number) => z.int().min(least).max(most);

export const scopes = ["sessions", "agent", "admin", "metrics"] as const;
export type Scope = (typeof scopes)[number];

export type { ProviderName } from "../verification/provider-name.ts";

const apiKey = z
  .strictObject({
    id: identifier,
    key: z.string().min(8).max(256).optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    scopes: z.array(z.enum(scopes)).min(1),
  })
  .refine((value) => (value.key === undefined) !== (value.sha256 === undefined), "exactly one of key and sha256");

const policy = z
  .strictObject({
    ttlSeconds: count(10, 300).default(60),
    didDigits: count(6, 8).default(6),
    didCheckDigit: z.boolean().default(false),
    maxRetries: count(1, 10).default(3),
    maxReissues: count(0, 10).default(1),
    push: z.enum(["match", "code", "tap", "off"]).default("match"),
    late: z.enum(["ignore", "recently-verified"]).default("ignore"),
    degraded: z.enum(["fail-closed", "fail-open"]).default("fail-closed"),
    incomingCall: z.enum(["refuse", "allow"]).default("refuse"),
  })
  .prefault({});

const limits = z
  .strictObject({
    sessionsPerMinutePerKey: count(1, 10_000_000).default(6000),
    sessionsPerMinutePerAni: count(1, 10_000_000).default(10),
    pollsPerMinutePerSession: count(1, 10_000_000).default(120),
    wrongDidsPer10Min: count(1, 1000).default(5),
    offersPer10Min: count(1, 1000).default(3),
    offersSinceConfirmation: count(1, 1000).default(5),
    enrollmentsPerHourPerAddress: count(1, 1_000_000).default(20),
  })
  .prefault({});

const waitCapSeconds = count(0, 85).optional();

/** The tenant's own endpoint moves the call (PROTOCOL §5, mode `webhook`). */
const webhookProvider = z.strictObject({
  mode: z.literal("webhook"),
  url: webUrl,
  secrets: z.array(webhookSecret).min(1).max(5),
  waitCapSeconds,
});

/** The flow polls; nothing is sent to the provider. */
const noneProvider = z.strictObject({ mode: z.literal("none"), waitCapSeconds });

const twilioHosted = {
  accountSid: z.string().regex(/^AC[0-9A-Za-z]{8,62}$/, "AC and 32 hexadecimal digits"),
  /** Newest first: the first signs REST calls, every one is accepted on a webhook signature (rotation). */
  authTokens: z.array(z.string().min(1).max(256)).min(1).max(5),
  apiBaseUrl: webUrl.default("https://api.twilio.com"),
  successUrl: webUrl.optional(),
  failureUrl: webUrl.optional(),
  waitCapSeconds,
};

const twilioProvider = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("direct"),
    ...twilioHosted,
    /** Where the live call is sent: the gateway's own /ivr/verify/success, or straight to `successUrl`. */
    interceptTarget: z.enum(["gateway", "tenant"]).default("gateway"),
    /** `url` lets Twilio fetch the document (a signed receipt of delivery); `twiml` sends it inline, one fetch less. */
    interceptWith: z.enum(["url", "twiml"]).default("url"),
  }),
  z.strictObject({ ...webhookProvider.shape, ...twilioHosted }),
  z.strictObject({ mode: z.literal("none"), ...twilioHosted }),
]);

const niceProvider = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("direct"),
    tokenUrl: webUrl,
    apiBaseUrl: webUrl,
    apiVersion: z
      .string()
      .regex(/^v\d+\.\d+$/)
      .default("v30.0"),
    accessKeyId: z.string().min(1).max(256),
    accessKeySecret: z.string().min(1).max(256),
    waitCapSeconds,
  }),
  webhookProvider,
  noneProvider,
]);

const pollingProvider = z.discriminatedUnion("mode", [webhookProvider, noneProvider]);

/** The tenant's own endpoint hears of events (PROTOCOL §7): those that are named, or `*` for all of them. */
const eventWebhook = z.strictObject({
  url: webUrl,
  secrets: z.array(webhookSecret).min(1).max(5),
  events: z
    .array(z.enum([...eventTypes, "*"]))
    .min(1)
    .max(eventTypes.length + 1),
});

/** Agents of the console who sign in at the tenant's own OIDC issuer. */
const oidc = z.strictObject({ issuer: webUrl, audience: z.string().min(1).max(256), jwksUrl: webUrl });

export const tenantSchema = z
  .strictObject({
    id: identifier,
    name: z.string().min(1).max(128),
    defaultLocale: z
      .string()
      .regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/)
      .default("en-US"),
    apiKeys: z.array(apiKey).min(1).max(100),
    policy,
    limits,
    providers: z
      .strictObject({
        twilio: twilioProvider.optional(),
        nice: niceProvider.optional(),
        genesys: pollingProvider.optional(),
        five9: pollingProvider.optional(),
        generic: pollingProvider.optional(),
      })
      .prefault({}),
    webhooks: z.array(eventWebhook).max(20).default([]),
    oidc: oidc.optional(),
    /** Development only: `http:` and loopback or private targets for this tenant's webhooks. */
    allowInsecureTargets: z.boolean().default(false),
  })
  .superRefine((tenant, context) => {
    const seen = new Set<string>();
    tenant.apiKeys.forEach((key, index) => {
      if (seen.has(key.id))
        context.addIssue({ code: "custom", path: ["apiKeys", index, "id"], message: "is not unique" });
      seen.add(key.id);
    });
  });

export const tenantsFileSchema = z
  .strictObject({ tenants: z.array(tenantSchema).min(1).max(1000) })
  .superRefine((file, context) => {
    const unique = (values: (string | undefined)[], path: (index: number) => PropertyKey[]) => {
      const seen = new Set<string>();
      values.forEach((value, index) => {
        if (value === undefined) return;
        if (seen.has(value)) context.addIssue({ code: "custom", path: path(index), message: "is not unique" });
        seen.add(value);
      });
    };
    unique(
      file.tenants.map((tenant) => tenant.id),
      (index) => ["tenants", index, "id"],
    );
    unique(
      file.tenants.map((tenant) => tenant.providers.twilio?.accountSid),
      (index) => ["tenants", index, "providers", "twilio", "accountSid"],
    );
  });

export type Tenant = z.output<typeof tenantSchema>;
export type TenantInput = z.input<typeof tenantSchema>;
export type TenantPolicy = Tenant["policy"];
export type TenantLimits = Tenant["limits"];
export type TwilioSettings = NonNullable<Tenant["providers"]["twilio"]>;
export type NiceSettings = NonNullable<Tenant["providers"]["nice"]>;
export type WebhookSettings = z.output<typeof webhookProvider>;
export type EventWebhook = z.output<typeof eventWebhook>;
