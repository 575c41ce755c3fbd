/** What must never be read in a log: API keys, DIDs, receipts, codes, tokens, proofs and full phone numbers. */
export class SecretBook {
  readonly #secrets = new Set<string>();

  /** Texts shorter than six characters say nothing about where they came from and are left out. */
  add(...secrets: unknown[]): void {
    for (const secret of secrets) if (typeof secret === "string" && secret.length >= 6) this.#secrets.add(secret);
  }

  /** Every value in a request or an answer that its name makes a secret, at any depth. */
  addFrom(value: unknown): void {
    if (Array.isArray(value)) for (const item of value) this.addFrom(item);
    else if (typeof value === "object" && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        if (secretNames.has(name)) this.add(...[inner].flat());
        else this.addFrom(inner);
      }
    }
  }

  get all(): string[] {
    return [...this.#secrets];
  }
}

const secretNames = new Set([
  "did",
  "receipt",
  "ani",
  "phone",
  "phones",
  "activationCode",
  "proof",
  "token",
  "nonce",
  "match",
  "jws",
]);

/** Up to so many secrets are looked for inside longer words as well; more of them as whole words only. */
const fewSecrets = 300;

/**
 * Fails when a log line holds one of the secrets. Digits count as a number of their own only, and with spaces between
 * them too, so that a DID is not found inside a time stamp; any other secret is found wherever it stands.
 */
export function assertNoSecrets(lines: readonly string[], secrets: Iterable<string>): void {
  const all = new Set(secrets);
  const inside = all.size > fewSecrets ? [] : [...all].filter((secret) => !digits.test(secret));
  for (const line of lines) {
    const bare = line.replace(/"(?:pid|port|durationMs)":[\d.]+/g, "");
    const leak = wordsOf(bare).find((word) => all.has(word)) ?? inside.find((secret) => bare.includes(secret));
    if (leak) throw new Error(`the secret ${leak.slice(0, 60)} stands in the log line\n${line}`);
  }
}

const digits = /^\d{6,10}$/;

/** Words as keys, tokens and numbers are written, and codes whose digits stand apart as they are spoken. */
function wordsOf(line: string): string[] {
  const words = line.match(/[\w.+-]+/g) ?? [];
  const spoken = line.match(/(?<![\w.-])\d(?:[ ,]+\d){5,9}(?![\w.-])/g) ?? [];
  return [...words, ...spoken.map((text) => text.replace(/\D/g, ""))];
}
