export const providerNames = ["twilio", "nice", "genesys", "five9", "generic", "agent"] as const;
/** The voice platform of a call. `agent` is a person at the agent console. */
export type ProviderName = (typeof providerNames)[number];

/** Longest wait of one long poll in seconds, below what each platform bears (PROTOCOL §2; docs/PROVIDERS.md has the sources). */
export const waitCapSeconds: Readonly<Record<ProviderName, number>> = {
  twilio: 10,
  nice: 60,
  genesys: 50,
  five9: 5,
  agent: 55,
  generic: 55,
};
